//! Keys and the audit log of a real server: changes that SIGKILL cannot halve, heads that show what was cut, and the commands for both.

use crate::support::{Server, client, cordon, runtime, text};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Output;

fn keys(data: &Path, args: &[&str]) -> Output {
    cordon()
        .args(["server", "keys"])
        .args(args)
        .arg("--data")
        .arg(data)
        .output()
        .expect("it runs")
}

fn good(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

fn verify(data: &Path, args: &[&str]) -> Output {
    cordon()
        .args(["audit", "verify", "--data"])
        .arg(data)
        .args(args)
        .output()
        .expect("it runs")
}

/// Version of the trust in the key file, and the changes of it that the audit log tells of.
fn told(data: &Path) -> (u64, u64) {
    let text = std::fs::read_to_string(data.join("identity/keys.json")).expect("keys");
    let held: Value = serde_json::from_str(&text).expect("JSON");
    let log = rusqlite::Connection::open(data.join("cordon.db")).expect("the database opens");
    let count = "SELECT count(*) FROM audit WHERE action IN ('trust.rotate', 'trust.drop-old')";
    let entries: i64 = log.query_row(count, [], |row| row.get(0)).expect("a count");
    let version = held["secrets"]["trust_version"].as_u64();
    (version.expect("a version"), entries.unsigned_abs())
}

/// One killed while it replaces its order key, over and over, always has as many entries as changes after the next start.
#[test]
fn a_change_of_keys_is_never_without_its_entry_nor_an_entry_without_its_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("server");
    let mut server = Server::start(&data);
    let profile = server.profile();
    let runtime = runtime();
    let staged = data.join("identity/keys.next.json");
    let mut last = 1;
    for _ in 0..8 {
        let api = client(&profile);
        let changes = runtime.spawn(async move {
            // Until the server is killed under it.
            loop {
                let rotate = api.post::<Value>("/trust/rotate", json!({"what": "order-key"}));
                drop(rotate.await);
                let drop_old = json!({"what": "order-key", "force": true});
                if api
                    .post::<Value>("/trust/drop-old", drop_old)
                    .await
                    .is_err()
                {
                    return;
                }
            }
        });
        while !staged.exists() && !changes.is_finished() {
            std::hint::spin_loop();
        }
        server.restart();
        runtime.block_on(changes).expect("no panic");
        assert!(!staged.exists(), "the start ended what was under way");
        let (version, entries) = told(&data);
        assert_eq!(version, entries + 1);
        assert!(version >= last);
        last = version;
    }
    server.process.kill();
    good(&verify(&data, &[]));
}

#[test]
fn exported_heads_show_what_a_whole_chain_hides() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("server");
    let heads = folder.path().join("heads");
    let heads_text = heads.display().to_string();
    let mut server = Server::start_with(&data, &["--audit-file", &heads_text]);
    server.profile();
    // Asked to end, it exports the last head.
    server.process.end();
    good(&verify(&data, &["--heads", &heads_text]));
    let said = text(&verify(&data, &[]));
    let head = said
        .trim_end()
        .rsplit(' ')
        .next()
        .expect("a head")
        .to_owned();
    good(&verify(&data, &["--head", &head]));
    let nonsense = verify(&data, &["--head", "12"]);
    assert_eq!(nonsense.status.code(), Some(2), "{nonsense:?}");

    // Who owns the database cuts the end off and puts the head back: the chain is whole again.
    let log = rusqlite::Connection::open(data.join("cordon.db")).expect("the database opens");
    log.execute_batch(
        "DROP TRIGGER audit_is_kept;
         DELETE FROM audit WHERE number = (SELECT max(number) FROM audit);
         UPDATE audit_head SET (number, hash) =
             (SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1);",
    )
    .expect("cut");
    drop(log);
    good(&verify(&data, &[]));
    for noted in [["--heads", &heads_text], ["--head", &head]] {
        let cut = verify(&data, &noted);
        assert_eq!(cut.status.code(), Some(1), "{cut:?}");
        let told = String::from_utf8_lossy(&cut.stderr);
        assert!(
            told.contains("it was cut from the end of the log"),
            "{told}"
        );
        assert!(cut.stdout.is_empty(), "nothing is called good: {cut:?}");
    }
    let absent = verify(&data, &["--heads", &format!("{heads_text}-not")]);
    let told = String::from_utf8_lossy(&absent.stderr);
    assert!(told.contains("cannot read the heads"), "{told}");
    let nowhere = verify(&folder.path().join("nowhere"), &[]);
    let told = String::from_utf8_lossy(&nowhere.stderr);
    assert!(
        told.contains("there is no database") && told.contains("--data"),
        "{told}"
    );
    // The next start says so, in its own log and in the audit log.
    let server = Server::start_with(&data, &["--audit-file", &heads_text]);
    let log = rusqlite::Connection::open(data.join("cordon.db")).expect("the database opens");
    let alarms: i64 = log
        .query_row(
            "SELECT count(*) FROM audit WHERE action = 'audit.contradicted'",
            [],
            |row| row.get(0),
        )
        .expect("a count");
    assert_eq!(alarms, 1);
    drop(server);
}

#[cfg(unix)]
#[test]
fn keys_are_looked_after_on_the_machine() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("server");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let secret = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("written");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("private");
    };
    secret("one", "the first passphrase\n");
    secret("two", "the second passphrase\n");
    let mut server = Server::start(&data);
    let refused = keys(&data, &["encrypt", "--new", &path("one")]);
    assert_eq!(refused.status.code(), Some(2), "it runs: {refused:?}");
    server.process.kill();

    good(&keys(&data, &["encrypt", "--new", &path("one")]));
    let kept = || std::fs::read_to_string(data.join("identity/keys.json")).expect("keys");
    assert!(!kept().contains("PRIVATE KEY"));
    let without = keys(&data, &["decrypt"]);
    assert!(String::from_utf8_lossy(&without.stderr).contains("--key-passphrase"));
    let (one, two) = (path("one"), path("two"));
    good(&keys(
        &data,
        &["encrypt", "--new", &two, "--key-passphrase", &one],
    ));
    let with = |passphrase: &str, args: &[&str]| {
        let all: Vec<&str> = args
            .iter()
            .copied()
            .chain(["--key-passphrase", passphrase])
            .collect();
        keys(&data, &all)
    };
    assert_eq!(with(&one, &["decrypt"]).status.code(), Some(2));
    let (authority, recovery) = (path("authority.key"), path("recovery.key"));
    good(&with(&two, &["authority-out", "--to", &authority]));
    good(&with(&two, &["recovery", "--to", &recovery]));
    for written in [&authority, &recovery] {
        let mode = std::fs::metadata(written)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = with(&two, &["recovery", "--to", written, "--old", &recovery]);
        assert_eq!(again.status.code(), Some(2), "nothing is overwritten");
    }
    let server = Server::start_with(&data, &["--key-passphrase", &two]);
    let profile = server.profile();
    drop(server);
    good(&with(&two, &["recover", "--key", &recovery]));
    let server = Server::start_with(&data, &["--key-passphrase", &two]);
    let ended = cordon()
        .args(["questions", "--profile"])
        .arg(&profile)
        .output()
        .expect("it runs");
    assert_eq!(ended.status.code(), Some(2), "its token ended: {ended:?}");
    drop(server);
    good(&verify(&data, &[]));
}
