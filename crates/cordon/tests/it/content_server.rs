//! `cordon content` and `cordon packages` with a server: the guide's walk, two editors, a folder in step with the server.

use crate::support::{Server, client, cordon, json_of, runtime, said, text, with};
use cordon::api::Client;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

/// The packs that ship, from the folder in which tests run.
const SHIPPED: &str = "../../content";

fn done(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    text(output)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

fn replace(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).expect("a text");
    assert!(text.contains(from), "{}: {from}", path.display());
    fs::write(path, text.replacen(from, to, 1)).expect("written");
}

/// A pack that ships, as its next version.
fn next(name: &str, folder: &Path) -> PathBuf {
    let to = folder.join(name);
    copy(&Path::new(SHIPPED).join(name), &to);
    let manifest = to.join("pack.yaml");
    replace(&manifest, "version: \"0.1.0\"", "version: \"0.1.1\"");
    replace(
        &manifest,
        "changelog:\n",
        "changelog:\n  - version: \"0.1.1\"\n    changes:\n      - Next.\n",
    );
    to
}

/// Every object with its digest and text, and the digests of the files it names; every pack with what was supplied.
fn everything(client: &Client) -> Vec<Value> {
    runtime().block_on(async {
        let mut all = Vec::new();
        let page: Value = client
            .get("/content/objects?limit=20000")
            .await
            .expect("objects");
        for object in page["objects"].as_array().expect("a list") {
            let name = cordon::api::encoded(object["name"].as_str().expect("a name"));
            let kind = object["kind"].as_str().expect("a kind");
            let path = format!("/content/objects/{kind}/{name}");
            all.push(client.get(&path).await.expect("an object"));
        }
        for pack in ["core", "incident-response", "index"] {
            let detail: Value = client
                .get(&format!("/content/packs/{pack}"))
                .await
                .expect("a pack");
            all.push(detail["supplied"].clone());
            all.push(detail["pack"]["imported"].clone());
        }
        all
    })
}

const SENSOR: &str = "sensor/Has Incident Response Tools";
const CONFIG: &str = "Distribute Endpoint Index Config";

#[test]
fn the_walk_of_the_guide() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("server"));
    let profile = server.profile();
    let client = client(&profile);
    let content = |args: &[&str]| with(&profile, &[&["content"][..], args].concat());
    let packages = |args: &[&str]| with(&profile, &[&["packages"][..], args].concat());
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("written");
        path.display().to_string()
    };

    // What another pack requires comes first; a dry run does nothing.
    let early = content(&["import", "index"]);
    assert_eq!(early.status.code(), Some(1), "{early:?}");
    assert!(
        text(&early).contains("`core`, which is required"),
        "{early:?}"
    );
    done(&content(&["import", "core", "--dry-run"]));
    assert_eq!(everything(&client)[1], Value::Null, "nothing was imported");
    for pack in ["core", "incident-response", "index"] {
        let told = done(&content(&["import", pack, "--why", "as the guide says"]));
        assert!(
            told.contains("added") && told.contains("Imported"),
            "{told}"
        );
    }
    let packs = json_of(&content(&["list", "-o", "json"]));
    let rows = packs["tables"][0]["rows"].as_array().expect("rows").clone();
    assert_eq!(rows.len(), 4, "{packs}");
    let listed = done(&content(&["list"]));
    let index = listed.lines().find(|line| line.starts_with("index\t"));
    assert!(index.expect("a line").contains("0.1.0\t0.1.0"), "{listed}");
    let found = done(&packages(&["list", "index", "tools"]));
    assert!(found.contains("Distribute Endpoint Index Tools"), "{found}");
    let found = done(&content(&["find", "hash", "--kind", "sensor"]));
    assert!(found.contains("Running Processes with Hash"), "{found}");

    // A sensor is edited, and two configuration files.
    let shown = done(&content(&["show", SENSOR]));
    let edited = shown.replace(
        "Whether the tools of Incident Response are in place on the endpoint.",
        "Whether OUR tools are in place.",
    );
    assert_ne!(edited, shown);
    let edited = file("edited.yaml", &edited);
    done(&content(&[
        "edit", SENSOR, "--file", &edited, "--why", "ours",
    ]));
    let config = file("ours.ini", "; ours\n");
    done(&content(&[
        "file",
        "add",
        "index",
        &config,
        "--name",
        "config.ini",
    ]));
    done(&packages(&[
        "file",
        "add",
        CONFIG,
        &config,
        "--name",
        "sample_config.ini",
    ]));
    let diff = done(&content(&["diff", "incident-response"]));
    assert!(diff.contains("OUR tools"), "{diff}");
    let before = everything(&client);

    // Next versions change the same sensor's description, another field of it, another sensor, and the sample.
    let versions = folder.path().join("next");
    let response = next("incident-response", &versions);
    let sensor = response.join("sensors/has-incident-response-tools.yaml");
    replace(
        &sensor,
        "Whether the tools of Incident Response are in place on the endpoint.",
        "Whether the tools are there.",
    );
    replace(&sensor, "max_age: \"15 min\"", "max_age: \"20 min\"");
    replace(
        &response.join("saved-questions/logins.yaml"),
        "description: ",
        "description: Next. ",
    );
    let next_index = next("index", &versions);
    fs::write(
        next_index.join("files/sample_config.ini"),
        "; the next sample\n",
    )
    .expect("written");
    let [response, next_index] = [&response, &next_index].map(|path| path.display().to_string());
    let preview = content(&["import", &response, "--dry-run"]);
    let told = done(&preview);
    for side in [
        "Whether the tools of Incident Response",
        "Whether OUR tools",
        "Whether the tools are there.",
        "conflict: kept",
    ] {
        assert!(told.contains(side), "{side}: {told}");
    }
    assert!(
        said(&preview).contains("1 object where a local edit"),
        "{preview:?}"
    );
    assert_eq!(everything(&client), before, "a preview does nothing");
    done(&content(&["import", &response]));
    done(&content(&["upgrade", &next_index]));
    let shown = done(&content(&["show", SENSOR]));
    assert!(
        shown.contains("OUR tools") && shown.contains("20 min"),
        "{shown}"
    );
    let back = folder.path().join("back.ini").display().to_string();
    for verb in [
        &["content", "file", "get", "index", "config.ini"][..],
        &["packages", "file", "get", CONFIG, "sample_config.ini"],
    ] {
        done(&with(&profile, &[verb, &["--out", &back]].concat()));
        assert_eq!(
            fs::read_to_string(&back).expect("there"),
            "; ours\n",
            "{verb:?}"
        );
    }
    let listed = done(&content(&["list"]));
    assert!(listed.contains("0.1.0\t0.1.1"), "{listed}");

    // And back, object by object.
    done(&content(&["rollback", "index"]));
    done(&content(&[
        "rollback",
        "incident-response",
        "0.1.0",
        "--why",
        "not yet",
    ]));
    assert_eq!(everything(&client), before);
    let history = done(&content(&["history", SENSOR]));
    let lines: Vec<&str> = history.lines().collect();
    assert!(
        lines[1].contains("rolled incident-response back to 0.1.0") && lines[1].contains("not yet"),
        "{history}"
    );
    assert!(
        lines[3].contains("edited sensor/Has Incident Response Tools"),
        "{history}"
    );

    // A pack with faults is refused with all of them, and nothing of it is there.
    replace(Path::new(&sensor), "columns:", "colums:");
    fs::write(Path::new(&response).join("sensors/odd.yaml"), "nam: x\n").expect("written");
    let refused = content(&["import", &response]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let faults = text(&refused);
    assert!(
        faults.contains("has-incident-response-tools.yaml:") && faults.contains("odd.yaml:1:1"),
        "{faults}"
    );
    assert_eq!(everything(&client), before);
}

/// Makes an object of one's own.
fn make(profile: &Path, folder: &Path, name: &str, members: &str) -> Output {
    let path = folder.join(format!("{name}.yaml"));
    fs::write(&path, format!("name: {name}\nmembers: [{members}]\n")).expect("written");
    let object = format!("computer-group/{name}");
    let path = path.display().to_string();
    with(
        profile,
        &["content", "edit", &object, "--new", "--file", &path],
    )
}

#[test]
fn of_two_editors_the_second_is_told_and_keeps_what_they_wrote() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("server"));
    let profile = server.profile();
    done(&make(&profile, folder.path(), "lab", "\"1\""));
    // While the first one writes, somebody else is done.
    let other = folder.path().join("other.yaml");
    fs::write(&other, "name: lab\nmembers: [\"2\"]\n").expect("written");
    let editor = folder.path().join("editor");
    let script = format!(
        "#!/bin/sh\nset -e\n'{}' content edit computer-group/lab --file '{}' --profile '{}' >&2\n\
         printf 'name: lab\\nmembers: [\"3\"]\\n' >\"$1\"\n",
        env!("CARGO_BIN_EXE_cordon"),
        other.display(),
        profile.display()
    );
    fs::write(&editor, script).expect("written");
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).expect("set");
    let output = cordon()
        .args(["content", "edit", "computer-group/lab", "--profile"])
        .arg(&profile)
        .env("VISUAL", &editor)
        .current_dir(folder.path())
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        said(&output).contains("changed by somebody else"),
        "{output:?}"
    );
    let kept = folder.path().join("lab.1.rejected.yaml");
    let kept = fs::read_to_string(kept).expect("what was written is kept");
    assert!(kept.contains("\"3\""), "{kept}");
    let there = done(&with(&profile, &["content", "show", "computer-group/lab"]));
    assert!(there.contains('2'), "{there}");
}

#[test]
fn a_folder_and_the_server_are_brought_to_the_same_both_ways() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("server"));
    let profile = server.profile();
    let at = folder.path().join("repository");
    let place = at.display().to_string();
    let sync = |extra: &[&str]| {
        with(
            &profile,
            &[&["content", "sync", &place][..], extra].concat(),
        )
    };
    done(&with(&profile, &["content", "import", "core"]));
    done(&make(&profile, folder.path(), "lab", "\"1\""));
    let told = done(&sync(&[]));
    assert!(
        told.contains("added here\tcomputer-group\tlab\town/computer-groups/lab.yaml"),
        "{told}"
    );
    assert!(
        !done(&sync(&[])).contains("added here"),
        "the second time nothing is left to do"
    );
    // A script of one's own goes there with its file.
    fs::create_dir_all(at.join("own/sensors")).expect("made");
    fs::create_dir_all(at.join("own/files")).expect("made");
    fs::write(at.join("own/files/words.sh"), "echo word\n").expect("written");
    fs::write(
        at.join("own/sensors/words.yaml"),
        "name: Own Words\ncontent_set: Core\ncolumns: [{name: Own Words}]\nplatforms: {linux: {interpreter: sh, file: files/words.sh, output: {delimited: \"|\"}}}\n",
    )
    .expect("written");
    assert!(done(&sync(&["--dry-run"])).contains("added there\tsensor\tOwn Words"));
    assert!(done(&sync(&[])).contains("added there\tsensor\tOwn Words"));
    done(&with(&profile, &["content", "show", "sensor/Own Words"]));
    // Another content of the file is another sensor.
    fs::write(at.join("own/files/words.sh"), "echo other\n").expect("written");
    assert!(done(&sync(&[])).contains("pushed\tsensor\tOwn Words"));
    // A clean folder gets all of it, files too.
    let fresh = folder.path().join("fresh");
    done(&with(
        &profile,
        &["content", "sync", &fresh.display().to_string()],
    ));
    assert_eq!(
        fs::read_to_string(fresh.join("own/files/words.sh")).expect("there"),
        "echo other\n"
    );
    let sensor = fs::read_to_string(fresh.join("own/sensors/own-words.yaml")).expect("there");
    assert!(sensor.contains("file: files/words.sh"), "{sensor}");
    // Both sides change the same object.
    let lab = at.join("own/computer-groups/lab.yaml");
    let edited = folder.path().join("there.yaml");
    fs::write(&edited, "name: lab\nmembers: [\"7\"]\n").expect("written");
    let edited = edited.display().to_string();
    done(&with(
        &profile,
        &["content", "edit", "computer-group/lab", "--file", &edited],
    ));
    replace(&lab, "\"1\"", "\"8\"");
    let both = sync(&[]);
    assert_eq!(both.status.code(), Some(1), "{both:?}");
    assert!(
        text(&both).contains("conflict\tcomputer-group\tlab"),
        "{both:?}"
    );
    assert!(fs::read_to_string(&lab).expect("there").contains("\"8\""));
    done(&sync(&["--prefer", "server"]));
    assert!(fs::read_to_string(&lab).expect("there").contains("\"7\""));
    // What goes on one side goes on the other.
    fs::remove_file(&lab).expect("removed");
    assert!(done(&sync(&[])).contains("deleted there\tcomputer-group\tlab"));
    let gone = with(&profile, &["content", "show", "computer-group/lab"]);
    assert_eq!(gone.status.code(), Some(2), "{gone:?}");
    // What the server refuses is told, and stays to be mended.
    fs::write(&lab, "name: lab\nfilter: Get Nothing\n").expect("written");
    let refused = sync(&[]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(
        text(&refused).contains("refused\tcomputer-group\tlab"),
        "{refused:?}"
    );
}
