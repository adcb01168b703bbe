//! The Index kept by a service of the system: one process that stays, whatever is wanted.

use crate::support::{Process, SOON, cordon, text};
use std::path::PathBuf;
use std::process::{Child, Output};
use std::time::{Duration, Instant};

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        // Not in /tmp, which may lie in memory: that is no file system that is indexed.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        std::fs::create_dir(folder.path().join("tree")).expect("made");
        std::fs::write(folder.path().join("tree/a"), "a").expect("written");
        Self { folder }
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn try_index(&self, args: &[&str]) -> Output {
        let mut command = cordon();
        command.args(["index", "--home"]).arg(self.home());
        command.args(args).output().expect("index")
    }

    fn index(&self, args: &[&str]) -> String {
        let output = self.try_index(args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        text(&output)
    }

    fn service(&self) -> Process {
        let mut command = cordon();
        command.args(["index", "service", "--home"]);
        Process(command.arg(self.home()).spawn().expect("the service"))
    }

    fn configure(&self) {
        let tree = self.folder.path().join("tree");
        let tree = tree.canonicalize().expect("a path");
        let config = self.folder.path().join("given.ini");
        let content = format!(
            "CPUUsageLimit=100\nHashesToCalculate=MD5,SHA1,SHA256\nIndexOnly={}\n",
            tree.display()
        );
        std::fs::write(&config, content).expect("written");
        self.index(&["config", config.to_str().expect("text")]);
    }

    fn pid_of(&self, lock: &str) -> Option<u32> {
        let text = std::fs::read_to_string(self.home().join(lock)).ok()?;
        text.trim().parse().ok()
    }

    fn state(&self) -> String {
        let status: serde_json::Value =
            serde_json::from_str(&self.index(&["status", "--output", "json"])).expect("JSON");
        status["state"].as_str().expect("a state").to_owned()
    }

    fn reach(&self, what: impl Fn() -> bool) {
        let began = Instant::now();
        while !what() {
            assert!(began.elapsed() < SOON, "state {}", self.state());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn done(&self) {
        self.reach(|| ["Monitoring", "Waiting For Rescan"].contains(&self.state().as_str()));
    }
}

fn alive(child: &mut Child) -> bool {
    child.try_wait().expect("looked at").is_none()
}

#[test]
fn one_process_stays_whatever_is_wanted() {
    let place = Place::new();
    let mut service = place.service();
    let pid = service.0.id();
    place.reach(|| place.pid_of("service.lock") == Some(pid));
    // Nothing to do yet: it waits, and does not pass for one that indexes.
    assert_eq!(place.state(), "Missing Config File");
    assert!(!place.try_index(&["run"]).status.success());
    assert!(!place.try_index(&["service"]).status.success());
    place.configure();
    place.done();
    assert_eq!(place.pid_of("run.lock"), Some(pid));
    assert!(place.index(&["start"]).contains("already"));
    assert!(place.index(&["stop"]).contains(&pid.to_string()));
    assert_eq!(place.state(), "Stopped");
    assert!(alive(&mut service.0), "the service outlives a stop");
    assert!(
        place
            .index(&["start"])
            .contains(&format!("started, process {pid}"))
    );
    place.done();
    place.index(&["delete-database"]);
    place.done();
    assert_eq!(place.index(&["query", "--count"]).trim(), "1");
    assert_eq!(place.pid_of("run.lock"), Some(pid), "one process all along");
    // Down, and known to be: nobody puts a process of another kind in its place.
    service.kill();
    for command in ["start", "run"] {
        let refused = place.try_index(&[command]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains("systemctl start cordon-index"), "{said}");
    }
    let service = place.service();
    place.reach(|| place.pid_of("run.lock") == Some(service.0.id()));
    place.done();
}

#[test]
fn a_service_takes_over_from_a_process_that_somebody_started() {
    let place = Place::new();
    place.configure();
    place.index(&["start"]);
    place.done();
    let before = place.pid_of("run.lock");
    let service = place.service();
    place.reach(|| place.pid_of("run.lock") == Some(service.0.id()));
    assert_ne!(before, Some(service.0.id()));
    place.done();
}

#[test]
fn hashes_of_any_kind_and_matches_are_asked_for_also_when_it_is_stopped() {
    let place = Place::new();
    let said = place.index(&["start"]);
    assert!(said.contains("until there is a configuration"), "{said}");
    place.index(&["stop"]);
    let unmatched = place.try_index(&["matches"]);
    assert_eq!(unmatched.status.code(), Some(2), "{unmatched:?}");
    place.configure();
    let said = place.index(&["start"]);
    let tree = place.folder.path().join("tree").canonicalize();
    let tree = tree.expect("a path").display().to_string();
    assert!(
        said.contains(&tree) && said.contains("SHA256") && said.contains("config.ini"),
        "{said}"
    );
    place.done();
    let unlisted = place.try_index(&["matches"]);
    assert!(
        String::from_utf8_lossy(&unlisted.stderr).contains("cordon index blacklist FILE"),
        "{unlisted:?}"
    );
    let of = |tool: &str| {
        let output = std::process::Command::new(tool)
            .arg(format!("{tree}/a"))
            .output()
            .expect("a tool of the system");
        text(&output).split(' ').next().expect("a hash").to_owned()
    };
    let list = place.folder.path().join("list.txt");
    std::fs::write(&list, of("sha1sum")).expect("written");
    let list = list.display().to_string();
    place.index(&["blacklist", &list]);
    place.reach(|| place.try_index(&["matches"]).status.success());
    // What holds no hash is a mistake, and changes nothing.
    let wrong = place.folder.path().join("wrong.txt");
    for content in ["not a hash at all", ""] {
        std::fs::write(&wrong, content).expect("written");
        let refused = place.try_index(&["blacklist", &wrong.display().to_string()]);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(said.contains("no hash") && said.contains("stays"), "{said}");
    }
    assert!(place.try_index(&["matches"]).status.success());
    place.index(&["stop"]);
    let status = place.index(&["status"]);
    assert!(
        status.contains("Stopped") && status.contains("holds what there was at"),
        "{status}"
    );
    for tool in ["md5sum", "sha1sum", "sha256sum"] {
        let hash = of(tool);
        for hash in [hash.to_uppercase(), hash] {
            assert_eq!(place.index(&["query", "--hash", &hash, "--count"]), "1\n");
        }
    }
    let other = "0".repeat(64);
    let none = place.try_index(&["query", "--hash", &other]);
    assert_eq!(none.status.code(), Some(1), "{none:?}");
    let short = place.try_index(&["query", "--hash", "abc"]);
    assert_eq!(short.status.code(), Some(2), "{short:?}");
    let matches: serde_json::Value =
        serde_json::from_str(&place.index(&["matches", "--output", "json"])).expect("JSON");
    let row = &matches["tables"][0]["rows"][0];
    assert_eq!(row["path"], format!("{tree}/a"));
    assert_eq!(
        (&row["kind"], &row["hash"]),
        (&"SHA1".into(), &of("sha1sum").into())
    );
    assert_eq!(row["known good"], false);
    place.index(&["known-good", &list]);
    let matches = place.index(&["matches", "--output", "json"]);
    let matches: serde_json::Value = serde_json::from_str(&matches).expect("JSON");
    assert_eq!(matches["tables"][0]["rows"][0]["known good"], true);
    place.index(&["blacklist", "--clear"]);
    assert_eq!(place.try_index(&["matches"]).status.code(), Some(1));
}

#[test]
fn before_an_inventory_is_finished_there_is_nothing_to_ask() {
    let place = Place::new();
    place.configure();
    let refused = |what: &[&str]| {
        let output = place.try_index(what);
        assert_eq!(output.status.code(), Some(2), "{what:?} {output:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("no inventory"), "{said}");
        assert!(output.stdout.is_empty(), "{output:?}");
    };
    let list = place.folder.path().join("list.txt");
    std::fs::write(&list, "0".repeat(32)).expect("written");
    place.index(&["blacklist", &list.display().to_string()]);
    let all = [
        &["query"][..],
        &["query", "--count"],
        &["matches"],
        &["export", "--format", "csv"],
    ];
    all.iter().for_each(|what| refused(what));
    // As a walk leaves it that is under way.
    drop(index::store::open(&place.home().join("index.db")).expect("a database"));
    all.iter().for_each(|what| refused(what));
}

/// As the packages' service does: with an account of its own and two rights, not as root.
#[cfg(target_os = "linux")]
#[test]
fn a_service_without_root_notices_changes_of_others_files() {
    let place = Place::new();
    place.configure();
    let owned = std::process::Command::new("chown")
        .args(["-R", "nobody"])
        .arg(place.home())
        .status();
    assert!(owned.expect("chown").success(), "this needs root");
    let rights = "+dac_read_search,+sys_admin";
    let service = std::process::Command::new("setpriv")
        .args(["--reuid", "nobody", "--clear-groups", "--inh-caps", rights])
        .args(["--ambient-caps", rights, "--bounding-set"])
        .arg("-all,+dac_read_search,+sys_admin")
        .arg(env!("CARGO_BIN_EXE_cordon"))
        .args(["index", "service", "--home"])
        .arg(place.home())
        .env("CORDON_LOG", "warn")
        .spawn();
    let _service = Process(service.expect("setpriv"));
    place.done();
    let tree = place.folder.path().join("tree");
    std::fs::create_dir(tree.join("closed")).expect("made");
    std::fs::write(tree.join("closed/b"), "b").expect("written");
    std::fs::write(tree.join("c"), "c").expect("written");
    place.reach(|| place.index(&["query", "--count"]).trim() == "3");
}
