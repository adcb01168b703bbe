//! A colleague is added, gets a token, loses it; who may not is told; a password is told once and lies nowhere else.

use crate::support::{
    OWN_PASSWORD, Server, client, connected, cordon, fed, json_of, runtime, said, simulate, text,
    with,
};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

fn good(output: Output) -> Output {
    assert!(output.status.success(), "{output:?}");
    output
}

/// Signs in with a one-time password from a file, and changes it.
fn arrives(server: &Server, name: &str, one_time: &Path) -> PathBuf {
    let profile = server.data.join(format!("{name}.json"));
    let one_time = std::fs::read_to_string(one_time).expect("told");
    let authority = server.data.join("authority.pem").display().to_string();
    let args = [
        "login",
        &server.http,
        "--user",
        name,
        "--authority",
        &authority,
    ];
    good(fed(&args, &profile, &format!("{one_time}{OWN_PASSWORD}\n")));
    profile
}

#[test]
fn a_reader_gets_a_token_and_loses_it_and_the_log_tells() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("server"));
    let admin = server.profile();
    let file = folder.path().join("olga");
    let path = file.display().to_string();

    // Without a terminal a password goes nowhere by itself, and nobody is added for nothing.
    let nowhere = with(&admin, &["users", "create", "olga"]);
    assert_eq!(nowhere.status.code(), Some(2), "{nowhere:?}");
    assert!(said(&nowhere).contains("--to FILE"), "{nowhere:?}");
    good(with(&admin, &["users", "create", "olga", "--to", &path]));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&file)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // A file that is there is nobody's new one, and stays.
    let taken = with(&admin, &["users", "create", "otto", "--to", &path]);
    assert_eq!(taken.status.code(), Some(2), "{taken:?}");
    assert!(said(&taken).contains("new file"), "{taken:?}");
    let twice = folder.path().join("twice");
    let refused = with(
        &admin,
        &[
            "users",
            "create",
            "olga",
            "--to",
            &twice.display().to_string(),
        ],
    );
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(said(&refused).contains("exists already"), "{refused:?}");
    assert!(!twice.exists(), "no file without a password");

    let olga = arrives(&server, "olga", &file);
    let me = json_of(&good(with(&olga, &["whoami", "--output", "json"])));
    assert_eq!(me.to_string().matches("olga").count(), 1, "{me}");
    assert!(me.to_string().contains("reader"), "{me}");
    // She may read, and is told what she may not.
    good(with(&olga, &["endpoints"]));
    for args in [
        &["users"][..],
        &["users", "role", "olga", "administrator"],
        &["groups", "create", "mine", "Is Linux = True"],
        &["endpoints", "revoke", "1"],
        &["audit"],
        &["trust", "status"],
        &["token", "create"],
    ] {
        let refused = with(&olga, args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}: {refused:?}");
        assert!(
            said(&refused).contains("permission"),
            "{args:?}: {refused:?}"
        );
    }
    // What she may not, her token may not.
    let token = folder.path().join("token");
    let made = good(with(
        &olga,
        &[
            "api-tokens",
            "create",
            "script",
            "--scope",
            "read,admin",
            "--to",
            &token.display().to_string(),
        ],
    ));
    assert!(said(&made).contains("may not admin"), "{made:?}");
    let listed = with(&olga, &["api-tokens", "--output", "json"]).stdout;
    let secret = std::fs::read_to_string(&token).expect("a token");
    assert!(
        !String::from_utf8_lossy(&listed).contains(secret.trim()),
        "told once"
    );
    let script = folder.path().join("script.json");
    let held = std::fs::read_to_string(&olga).expect("a profile");
    let mut held: Value = serde_json::from_str(&held).expect("JSON");
    held["token"] = secret.trim().into();
    std::fs::write(&script, held.to_string()).expect("written");
    let mine = json_of(&good(with(&script, &["whoami", "-o", "json"])));
    let number = find(&mine, "API token");
    good(with(&script, &["endpoints"]));
    good(with(&admin, &["api-tokens", "revoke", &number]));
    let ended = with(&script, &["endpoints"]);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");

    // A lost password: a new one, and what she had ends.
    let again = folder.path().join("again");
    let reset = good(with(
        &admin,
        &[
            "users",
            "reset-password",
            "olga",
            "--to",
            &again.display().to_string(),
        ],
    ));
    let one_time = std::fs::read_to_string(&again).expect("told");
    assert!(!said(&reset).contains(one_time.trim()), "{reset:?}");
    assert_eq!(with(&olga, &["endpoints"]).status.code(), Some(2));
    let olga = arrives(&server, "olga", &again);
    good(with(&admin, &["users", "role", "olga", "operator"]));
    let me = json_of(&good(with(&olga, &["whoami", "-o", "json"])));
    assert!(me.to_string().contains("operator"), "{me}");
    good(with(&admin, &["users", "delete", "olga"]));
    assert_eq!(with(&olga, &["whoami"]).status.code(), Some(2));
    // The last administrator stays.
    for args in [
        &["users", "delete", "admin"][..],
        &["users", "role", "admin", "reader"],
    ] {
        let last = with(&admin, args);
        assert_eq!(last.status.code(), Some(2), "{last:?}");
        assert!(said(&last).contains("last administrator"), "{last:?}");
    }

    let log = good(with(
        &admin,
        &["audit", "--object", "olga", "--since", "1h", "-o", "jsonl"],
    ));
    let log = text(&log);
    for action in ["user.create", "user.role", "password.reset", "user.delete"] {
        assert!(log.contains(action), "{action}: {log}");
    }
    assert!(!log.contains(one_time.trim()) && !log.contains(secret.trim()));
}

/// A cell of a one-row table in JSON, wherever the form has it.
fn find(value: &Value, name: &str) -> String {
    match value {
        Value::Object(members) => members
            .get(name)
            .map(|found| {
                found
                    .as_str()
                    .map_or_else(|| found.to_string(), str::to_owned)
            })
            .or_else(|| {
                members
                    .values()
                    .map(|v| find(v, name))
                    .find(|f| !f.is_empty())
            })
            .unwrap_or_default(),
        Value::Array(items) => items
            .iter()
            .map(|v| find(v, name))
            .find(|f| !f.is_empty())
            .unwrap_or_default(),
        _ => String::new(),
    }
}

#[test]
fn who_is_disabled_is_out_and_sessions_are_seen_and_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("server"));
    let admin = server.profile();
    let file = folder.path().join("olga");
    let path = file.display().to_string();
    good(with(&admin, &["users", "create", "olga", "--to", &path]));
    let olga = arrives(&server, "olga", &file);
    let told = text(&good(with(&admin, &["users", "disable", "olga"])));
    assert!(told.contains("API tokens: 1"), "{told}");
    let out = with(&olga, &["endpoints"]);
    assert_eq!(out.status.code(), Some(2), "{out:?}");
    let users = json_of(&good(with(&admin, &["users", "-o", "json"])));
    let users = users["tables"][0]["rows"].as_array().expect("rows");
    let hers = users.iter().find(|user| user["Name"] == "olga");
    assert!(hers.expect("there")["Disabled"].is_string(), "{users:?}");
    let sign_in = |password: &str| {
        let authority = std::fs::read_to_string(server.data.join("authority.pem"));
        let client = cordon::api::Client::new(&server.http, &authority.expect("there"));
        let mut client = client.expect("a client");
        let signed = crate::support::runtime().block_on(client.sign_in("olga", password));
        signed.map(|_| client).map_err(|error| error.to_string())
    };
    let refused = sign_in(OWN_PASSWORD).err().expect("shut out");
    assert!(refused.contains("cordon users enable"), "{refused}");
    let last = with(&admin, &["users", "disable", "admin"]);
    assert_eq!(last.status.code(), Some(2), "{last:?}");
    assert!(said(&last).contains("last administrator"), "{last:?}");
    good(with(&admin, &["users", "enable", "olga"]));

    let _console = sign_in(OWN_PASSWORD).expect("let in");
    let sessions = || json_of(&good(with(&admin, &["sessions", "-o", "json"])));
    let told = sessions();
    let rows = told["tables"][0]["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 1, "{told}");
    assert_eq!(
        (&rows[0]["User"], &rows[0]["Address"]),
        (&"olga".into(), &"127.0.0.1".into())
    );
    let id = rows[0]["Id"].to_string();
    good(with(&admin, &["sessions", "end", &id]));
    assert_eq!(sessions()["tables"][0]["rows"], serde_json::json!([]));
    let gone = with(&admin, &["sessions", "end", &id]);
    assert_eq!(gone.status.code(), Some(2), "{gone:?}");
    let none = text(&good(with(&admin, &["sessions", "end", "--all"])));
    assert!(none.starts_with("0 sessions of yours ended"), "{none}");
    let which = with(&admin, &["sessions", "end"]);
    assert_eq!(which.status.code(), Some(2), "{which:?}");
}

#[test]
fn a_password_is_changed_and_the_profile_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("server"));
    let admin = server.profile();
    let other = folder.path().join("other");
    good(with(
        &admin,
        &[
            "api-tokens",
            "create",
            "other",
            "--to",
            &other.display().to_string(),
        ],
    ));
    let new = "quite another password";
    for (input, why) in [
        (format!("wrong\n{new}\n"), "the password is wrong"),
        (format!("{OWN_PASSWORD}\n"), "second line"),
        (
            format!("{OWN_PASSWORD}\n{OWN_PASSWORD}\n"),
            "is the old one",
        ),
        (format!("{OWN_PASSWORD}\nshort\n"), "at least 12"),
    ] {
        let refused = fed(&["password"], &admin, &input);
        assert_eq!(refused.status.code(), Some(2), "{input}: {refused:?}");
        assert!(said(&refused).contains(why), "{input}: {refused:?}");
    }
    good(fed(
        &["password"],
        &admin,
        &format!("{OWN_PASSWORD}\n{new}\n"),
    ));
    let tokens = text(&good(with(&admin, &["api-tokens", "-o", "csv"])));
    assert!(
        !tokens.contains("other") && tokens.contains("command line"),
        "others end: {tokens}"
    );
    let authority = server.data.join("authority.pem").display().to_string();
    let again = folder.path().join("again.json");
    let args = ["login", &server.http, "--authority", &authority];
    let old = fed(&args, &again, &format!("{OWN_PASSWORD}\n"));
    assert_eq!(old.status.code(), Some(2), "{old:?}");
    good(fed(&args, &again, &format!("{new}\n")));
}

#[test]
fn machines_go_by_their_names_in_every_verb() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("server"));
    let admin = server.profile();
    let _fleet = simulate(3, &server.token(&admin, 3), &[]);
    let client = client(&admin);
    let endpoints: Value = runtime().block_on(async {
        connected(&client, 3).await;
        client.get("/endpoints").await.expect("endpoints")
    });
    let first = &endpoints[0];
    let (host, id) = (
        first["hostname"].as_str().expect("a name"),
        first["id"].as_str().expect("an id"),
    );
    let ordinal = first["ordinal"].to_string();
    for name in [host, &host.to_uppercase(), id, &id[..12], &ordinal] {
        let shown = good(with(&admin, &["endpoints", "show", name, "-o", "json"]));
        assert_eq!(find(&json_of(&shown), "Id"), id, "{name}");
    }
    let unknown = with(&admin, &["endpoints", "revoke", &host[..host.len() - 1]]);
    assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
    assert!(said(&unknown).contains(host), "near names: {unknown:?}");

    // A group of machines that are named has these and no others.
    good(with(
        &admin,
        &[
            "groups",
            "create",
            "pair",
            "--endpoint",
            host,
            "--endpoint",
            "2",
        ],
    ));
    let shown = good(with(&admin, &["groups", "show", "Pair"]));
    assert!(said(&shown).contains("2 machines are in it"), "{shown:?}");
    assert!(text(&shown).contains(id), "{shown:?}");
    let shown = good(with(&admin, &["endpoints", "show", host, "--groups"]));
    assert!(text(&shown).contains("pair"), "{shown:?}");
    let shown = good(with(&admin, &["endpoints", "show", "3", "--groups"]));
    assert!(!text(&shown).contains("pair"), "{shown:?}");
    let near = with(&admin, &["groups", "show", "pari"]);
    assert!(said(&near).contains("near: pair"), "{near:?}");
    let broken = with(&admin, &["groups", "change", "pair", "Is Linus = True"]);
    assert_eq!(broken.status.code(), Some(2), "{broken:?}");
    let both = with(
        &admin,
        &["groups", "create", "x", "a = b", "--endpoint", host],
    );
    assert_eq!(both.status.code(), Some(2), "{both:?}");

    // Only machines that are named are asked.
    let asked = good(with(
        &admin,
        &[
            "ask",
            "Get Computer Name from all machines",
            "--endpoint",
            "2",
            "--endpoint",
            host,
            "-o",
            "csv",
        ],
    ));
    assert_eq!(text(&asked).lines().count(), 3, "{asked:?}");
    let asked = with(
        &admin,
        &[
            "ask",
            "Get Uptime from all machines",
            "--endpoint",
            "nobody",
        ],
    );
    assert_eq!(asked.status.code(), Some(2), "{asked:?}");
    // A host name among free words is that machine.
    let words = format!("uptime of {host}");
    let asked = good(with(&admin, &["ask", &words, "--best", "-o", "json"]));
    assert!(text(&asked).contains(host), "{asked:?}");
    let explained = good(with(&admin, &["ask", "--explain", &words]));
    let explained = text(&explained);
    let first = explained.lines().next().expect("a reading");
    assert!(
        first.contains("Get Uptime") && first.contains(&format!("Computer Name = {host}")),
        "{explained}"
    );

    good(with(&admin, &["endpoints", "revoke", host]));
    let log = good(with(
        &admin,
        &[
            "audit",
            "--endpoint",
            host,
            "--action",
            "endpoint.",
            "-o",
            "csv",
        ],
    ));
    let log = text(&log);
    assert!(
        log.contains(&format!("endpoint {host}")) && log.contains("endpoint.revoke"),
        "hosts by name: {log}"
    );
    assert!(log.contains(id), "and the identifier for programs: {log}");
    let table = text(&good(with(&admin, &["audit", "--endpoint", &id[..12]])));
    assert!(table.contains(host) && !table.contains(id), "{table}");
}

#[test]
fn this_machine_knows_its_own_name_among_free_words() {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a host name");
    let words = format!("uptime of \"{}\"", host.trim());
    let explained = good(
        cordon()
            .args(["ask", "--explain", &words])
            .output()
            .expect("it runs"),
    );
    let first = text(&explained);
    let first = first.lines().next().expect("a reading").to_owned();
    assert!(first.contains("Computer Name = "), "{first}");
}

#[test]
fn two_at_once_change_a_group_and_only_one_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("server"));
    let admin = server.profile();
    good(with(
        &admin,
        &["groups", "create", "web", "Is Linux = True"],
    ));
    let start = |filter: &str| {
        cordon()
            .args(["groups", "create", "both", filter, "--profile"])
            .arg(&admin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts")
    };
    let children = [start("Is Linux = True"), start("Is Windows = True")];
    let ended: Vec<Output> = children
        .into_iter()
        .map(|child| child.wait_with_output().expect("it ends"))
        .collect();
    let made = ended.iter().filter(|o| o.status.success()).count();
    assert_eq!(made, 1, "{ended:?}");
    let lost = ended.iter().find(|o| !o.status.success()).expect("one");
    assert!(said(lost).contains("exists already"), "{lost:?}");
    let listed = text(&good(with(&admin, &["groups", "-o", "csv"])));
    assert_eq!(listed.matches("both").count(), 1, "{listed}");
}
