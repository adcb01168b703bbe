//! What each verb prints, in every form, over one fleet that is always the same: seven simulated machines of one seed, which enrol one
//! after the other, so that their numbers and the order of their rows never change.
//!
//! A line of [`VERBS`] is a file in `golden/`. `CORDON_RENEW=1` writes all of them anew; what changed is then to be read before it is
//! committed. Times, identifiers, places and ports are replaced by [`same`], what stands in tables by what is as wide; a carriage return at the
//! end of a line stands as `\r`.

use crate::support::{OWN_PASSWORD, SOON, Server, client, connected, cordon, one_form, simulate};
use cordon::api::Client;
use regex::{Captures, Regex};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// Machines.
const FLEET: u32 = 7;

/// Asked before the machines come, in this order, so that the first has number 1.
const QUESTIONS: [&str; 5] = [
    "Get Computer Name and Operating System from all machines",
    "Get number of machines from all machines",
    "Get Operating System and IP Connections and Local Administrators from all machines",
    "Get Mounts from all machines",
    "Get Running Processes from all machines with Computer Name contains \"nobody\"",
];

/// In which forms a verb is run.
enum Forms {
    /// As it is typed alone.
    One,
    /// And with each form of output.
    All,
}
use Forms::{All, One};

/// Name of the file, what is typed, and in which forms.
const VERBS: &[(&str, &[&str], Forms)] = &[
    ("sensor", &["sensors", "Computer Name"], All),
    ("sensor-unknown", &["sensors", "Computer Nam"], One),
    (
        "explain",
        &["ask", "--explain", "Get Uptime > 2 days from all machines"],
        All,
    ),
    (
        "explain-wrong",
        &["ask", "--explain", "Get Uptime from all machine"],
        All,
    ),
    (
        "ask-local",
        &["ask", "--local", "Get Is Linux from all machines"],
        All,
    ),
    (
        "ask-local-empty",
        &[
            "ask",
            "--local",
            "Get Is Linux from all machines with Is Windows = True",
        ],
        All,
    ),
    (
        "explain-words",
        &["ask", "--explain", "uptime of linux machines"],
        All,
    ),
    ("whoami", &["whoami"], One),
    ("endpoints", &["endpoints"], All),
    ("questions", &["questions"], All),
    ("questions-show", &["questions", "show", "1"], All),
    (
        "questions-show-rare",
        &["questions", "show", "1", "--rare"],
        All,
    ),
    ("questions-show-count", &["questions", "show", "2"], All),
    ("questions-show-tables", &["questions", "show", "3"], All),
    (
        "questions-show-one-table",
        &["questions", "show", "3", "--table", "Local Administrators"],
        All,
    ),
    (
        "questions-show-no-table",
        &["questions", "show", "3", "--table", "Nothing"],
        One,
    ),
    (
        "questions-show-unsupported",
        &["questions", "show", "4"],
        All,
    ),
    ("questions-show-empty", &["questions", "show", "5"], All),
    ("questions-show-unknown", &["questions", "show", "99"], One),
    ("token-list", &["token", "list"], One),
    ("trust-status", &["trust", "status"], All),
    // These ask, and so make a question each.
    (
        "ask",
        &["ask", "Get number of machines from all machines"],
        All,
    ),
    (
        "ask-csv-of-tables",
        &[
            "ask",
            "Get IP Connections and Local Administrators from all machines",
            "--output",
            "csv",
        ],
        One,
    ),
    (
        "ask-wrong",
        &["ask", "Get Computer Name from all machines with Uptime >"],
        All,
    ),
    ("questions-cancel", &["questions", "cancel", "2"], One),
    ("questions-keep", &["questions", "keep", "2"], One),
    (
        "questions-keep-no",
        &["questions", "keep", "2", "--no"],
        One,
    ),
    ("questions-delete", &["questions", "delete", "2"], One),
    ("token-revoke", &["token", "revoke", "1"], One),
    ("sessions", &["sessions"], All),
    (
        "users-create",
        &[
            "users", "create", "olga", "--role", "operator", "--to", "olga",
        ],
        One,
    ),
    ("users", &["users"], All),
    ("roles-permissions", &["roles", "permissions"], All),
    (
        "roles-create",
        &[
            "roles",
            "create",
            "Triage",
            "--grant",
            "use-ask",
            "--grant-with-ask",
            "read-sensor:Core",
            "--deny",
            "read-sensor:Index",
            "--description",
            "Looks, and touches nothing",
        ],
        One,
    ),
    ("roles", &["roles"], All),
    ("roles-show", &["roles", "show", "triage"], All),
    (
        "users-give",
        &["users", "give", "olga", "--role", "triage"],
        One,
    ),
    (
        "user-groups-create",
        &[
            "user-groups",
            "create",
            "Night shift",
            "--member",
            "olga",
            "--everywhere",
        ],
        One,
    ),
    ("user-groups", &["user-groups"], All),
    (
        "rights",
        &["rights", "olga", "--permission", "read-sensor"],
        All,
    ),
    ("users-disable", &["users", "disable", "olga"], One),
    ("users-disabled", &["users"], All),
    ("users-enable", &["users", "enable", "olga"], One),
    (
        "api-tokens-create",
        &[
            "api-tokens",
            "create",
            "nightly report",
            "--scope",
            "read",
            "--to",
            "token",
        ],
        One,
    ),
    ("api-tokens", &["api-tokens"], All),
    (
        "groups-create",
        &["groups", "create", "linux", "Is Linux = True"],
        One,
    ),
    (
        "groups-create-wrong",
        &["groups", "create", "odd", "Is Linux ="],
        One,
    ),
    (
        "groups-create-other",
        &["groups", "create", "others", "Is Linux = False"],
        One,
    ),
    ("groups", &["groups"], All),
    ("groups-show", &["groups", "show", "others"], All),
    (
        "ask-index",
        &["ask", "Get Index Status from all machines"],
        All,
    ),
    (
        "ask-index-files",
        &[
            "ask",
            "Get Index Query File Path and Hash[\"/etc/ssh*\", \"*\"] from all machines",
        ],
        All,
    ),
    (
        "index-run",
        &[
            "index",
            "run",
            "--once",
            "--root",
            "tree",
            "--database",
            "index.db",
        ],
        One,
    ),
    (
        "index-query",
        &["index", "query", "--database", "index.db"],
        All,
    ),
    (
        "index-query-none",
        &[
            "index",
            "query",
            "--database",
            "index.db",
            "--name",
            "nothing",
        ],
        All,
    ),
    ("content-list-new", &["content", "list"], One),
    ("content-import-early", &["content", "import", "index"], One),
    (
        "content-import-dry",
        &["content", "import", "core", "--dry-run"],
        All,
    ),
    (
        "content-import",
        &["content", "import", "core", "--why", "first"],
        One,
    ),
    ("content-list", &["content", "list"], All),
    (
        "content-find",
        &["content", "find", "tag", "--kind", "package"],
        All,
    ),
    ("content-show", &["content", "show", "core"], All),
    (
        "content-show-object",
        &["content", "show", "saved-question/Computer Name"],
        One,
    ),
    ("content-history", &["content", "history"], One),
    ("packages-list", &["packages", "list", "lock"], One),
    (
        "packages-show",
        &["packages", "show", "Set Action Lock On"],
        One,
    ),
    // The log of all of this.
    // That an answer was read is noted beside what goes on, and stands in any order among it.
    ("audit-list", &["audit", "list", "--action", "user."], One),
    ("audit-none", &["audit", "--action", "trust.recover"], All),
    ("audit-unknown", &["audit", "--who", "olge"], One),
    // Who compares reads both answers at once, and so the log has them in any order.
    (
        "compare",
        &["compare", "--question", "Get Is Linux", "linux", "others"],
        All,
    ),
    ("compare-questions", &["compare", "1", "1"], All),
];

/// What differs from run to run, by something that never does and is as wide.
fn same(text: &str, places: &[(&str, &str)]) -> String {
    let mut text = text.to_owned();
    for (place, name) in places {
        text = text.replace(place, name);
    }
    let moments = Regex::new(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z").expect("a pattern");
    let text = moments.replace_all(&text, |found: &Captures<'_>| {
        let fraction = found.get(1).map_or("", |part| part.as_str());
        let noughts = "0".repeat(fraction.len().saturating_sub(1));
        let point = if fraction.is_empty() { "" } else { "." };
        format!("2000-01-01T00:00:00{point}{noughts}Z")
    });
    // The same one twice stays the same one twice.
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let ids = Regex::new(r"\b[0-9a-f]{64}\b").expect("a pattern");
    let text = ids.replace_all(&text, |found: &Captures<'_>| {
        let next = known.len() + 1;
        let number = *known.entry(found[0].to_owned()).or_insert(next);
        format!("{number:064}")
    });
    let ports = Regex::new(r"127\.0\.0\.1:\d{2,5}\b").expect("a pattern");
    let text = ports.replace_all(&text, "127.0.0.1:PORT");
    // Numbers of orders begin at the time of day.
    let orders = Regex::new(r#""order":\d{13}\b"#).expect("a pattern");
    let order = r#""order":1000000000000"#;
    let text = orders.replace_all(&text, order);
    let changes = Regex::new(r#""change":"[0-9a-f]{32}""#).expect("a pattern");
    let change = format!(r#""change":"{:032}""#, 0);
    changes.replace_all(&text, change).into_owned()
}

#[test]
fn what_differs_is_replaced_and_nothing_else() {
    let (one, other) = ("ab".repeat(32), "cd".repeat(32));
    assert_eq!(
        same(
            &format!(
                "at 2026-11-30T18:14:23.5Z {one} {other} {one} from /tmp/x/data https://127.0.0.1:8443 2026-11-30 {}",
                &one[..63]
            ),
            &[("/tmp/x", "FOLDER")]
        ),
        format!(
            "at 2000-01-01T00:00:00.0Z {:064} {:064} {:064} from FOLDER/data https://127.0.0.1:PORT 2026-11-30 {}",
            1,
            2,
            1,
            &one[..63]
        )
    );
    assert_eq!(
        same(r#"{"order":1796068623558,"id":7}"#, &[]),
        r#"{"order":1000000000000,"id":7}"#
    );
    let table = "│ 2026-11-30T18:14:23Z │";
    assert_eq!(same(table, &[]).len(), table.len());
}

/// A server with its fleet, all questions answered.
struct Answered {
    profile: PathBuf,
    _server: Server,
    _fleet: crate::support::Process,
    folder: tempfile::TempDir,
}

fn answered() -> Answered {
    // Its path stands in tables, which have to be as wide everywhere.
    let folder = tempfile::tempdir_in("/tmp").expect("a folder");
    let server = Server::start(&folder.path().join("server"));
    let profile = server.profile();
    let token = server.token(&profile, FLEET);
    let client = client(&profile);
    let tree = folder.path().join("tree");
    std::fs::create_dir(&tree).expect("made");
    for (name, content) in [("one", "first\n"), ("two", ""), ("漢字", "third\n")] {
        let mut file = std::fs::File::create(tree.join(name)).expect("made");
        file.write_all(content.as_bytes()).expect("written");
        // As many digits of its moment are shown as there are.
        let modified = UNIX_EPOCH + Duration::from_millis(1_000_000_000_500);
        file.set_modified(modified).expect("set");
    }
    let state = folder.path().join("fleet");
    let state = state.to_str().expect("text");
    let runtime = crate::support::runtime();
    let mut fleet = None;
    // Somebody at the console.
    let authority = std::fs::read_to_string(server.data.join("authority.pem")).expect("there");
    let mut console = Client::new(&server.http, &authority).expect("a client");
    let signed = console.sign_in("admin", OWN_PASSWORD);
    runtime.block_on(signed).expect("signed in");
    runtime.block_on(async {
        for text in QUESTIONS {
            let asked: Value = client
                .post("/questions", json!({"text": text, "expires_seconds": 3600}))
                .await
                .expect("asked");
            assert!(asked["id"].is_u64());
        }
        for count in 1..=FLEET {
            // The one before ends first.
            drop(fleet.take());
            fleet = Some(simulate(count, &token, &["--seed", "7", "--state", state]));
            connected(&client, count.into()).await;
            let all = async {
                for id in 1..=QUESTIONS.len() {
                    loop {
                        let asked: Value = client
                            .get(&format!("/questions/{id}"))
                            .await
                            .expect("a question");
                        let coverage = asked["coverage"].as_object().expect("coverage");
                        let silent = ["pending", "offline"];
                        let said: u64 = coverage
                            .iter()
                            .filter(|(state, _)| !silent.contains(&state.as_str()))
                            .filter_map(|(_, count)| count.as_u64())
                            .sum();
                        if said == u64::from(count) {
                            break;
                        }
                        // The API has no event for all questions at once.
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            };
            tokio::time::timeout(SOON, all).await.expect("all answer");
        }
    });
    Answered {
        profile,
        _server: server,
        _fleet: fleet.expect("a fleet"),
        folder,
    }
}

impl Answered {
    /// What a verb prints in each of its forms.
    fn printed(&self, verb: &[&str], forms: &Forms) -> String {
        let mut all = vec![None];
        if matches!(forms, All) {
            all.extend(["table", "json", "jsonl", "csv"].map(Some));
        }
        let mut text = String::new();
        for form in all {
            let mut typed: Vec<&str> = verb.to_vec();
            typed.extend(form.iter().flat_map(|form| ["--output", form]));
            let output = cordon()
                .args(&typed)
                .env("CORDON_PROFILE", &self.profile)
                .current_dir(self.folder.path())
                .output()
                .expect("it runs");
            if form == Some("json") {
                let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
                // A question that is none is a place in a text, and no table.
                if output.status.code() != Some(2) || document.get("message").is_none() {
                    one_form(&document);
                }
            }
            let shown: Vec<String> = typed
                .iter()
                .map(|word| match word.contains([' ', '>', '"']) {
                    true => format!("'{word}'"),
                    false => (*word).to_owned(),
                })
                .collect();
            text.push_str(&format!(
                "$ cordon {}\n{}",
                shown.join(" "),
                String::from_utf8_lossy(&output.stdout).replace("\r\n", "\\r\n")
            ));
            if !text.ends_with('\n') {
                text.push('\n');
            }
            for line in String::from_utf8_lossy(&output.stderr).lines() {
                text.push_str(&format!("! {line}\n"));
            }
            let code = output.status.code().expect("a code");
            text.push_str(&format!("exit {code}\n\n"));
        }
        let folder = self.folder.path().to_str().expect("text");
        same(&text, &[(folder, "FOLDER")])
    }
}

#[test]
fn every_verb_prints_what_it_printed() {
    let place = Path::new("tests/it/golden");
    let renew = std::env::var_os("CORDON_RENEW").is_some();
    let there: BTreeSet<String> = std::fs::read_dir(place)
        .map(|entries| {
            let names = entries.map(|e| e.expect("an entry").file_name());
            names
                .map(|name| name.to_string_lossy().into_owned())
                .collect()
        })
        .unwrap_or_default();
    let wanted: BTreeSet<String> = VERBS.iter().map(|v| format!("{}.txt", v.0)).collect();
    assert_eq!(wanted.len(), VERBS.len(), "two verbs have one name");
    let fleet = answered();
    let mut differ = Vec::new();
    for (name, verb, forms) in VERBS {
        let path = place.join(format!("{name}.txt"));
        let printed = fleet.printed(verb, forms);
        if renew {
            std::fs::create_dir_all(place).expect("made");
            std::fs::write(&path, &printed).expect("written");
            continue;
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        if kept != printed {
            differ.push(format!(
                "--- {name}, as it was\n{kept}\n--- and now\n{printed}"
            ));
        }
    }
    if renew {
        for old in there.difference(&wanted) {
            std::fs::remove_file(place.join(old)).expect("removed");
        }
        return;
    }
    assert!(
        differ.is_empty(),
        "other output than in tests/it/golden; if that is meant, renew it with CORDON_RENEW=1:\n{}",
        differ.join("\n")
    );
    assert_eq!(there, wanted, "one file for each verb");
}
