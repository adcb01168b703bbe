//! The guide's walk through the Index, with a real server, a real agent and the indexing process that it starts: what is
//! missing, configuration, status to the end, and each search through a question, from paths down to details.

use crate::support::{
    Process, SOON, Server, agent, ask, client, connected, cordon, enrol, rows, runtime, text,
};
use ::api::EndpointState;
use cordon::api::Client;
use std::future::Future;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// Where indexing rests when everything is done, with and without watching.
const DONE: [&str; 2] = ["Monitoring", "Waiting For Rescan"];

/// One machine: server, agent, a tree to index. What indexes is stopped with it.
struct Place {
    _server: Server,
    client: Client,
    agent: Option<Process>,
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        // Not in /tmp, which may lie in memory: that is no file system that is indexed.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let server = Server::start(&folder.path().join("server"));
        let profile = server.profile();
        enrol(&server.token(&profile, 1), &folder.path().join("agent"));
        std::fs::create_dir(folder.path().join("tree")).expect("made");
        Self {
            client: client(&profile),
            _server: server,
            agent: None,
            folder,
        }
    }

    fn tree(&self) -> PathBuf {
        self.folder
            .path()
            .join("tree")
            .canonicalize()
            .expect("a path")
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.tree().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, content).expect("written");
        path.display().to_string()
    }

    fn start_agent(&mut self) {
        self.agent = Some(agent(&self.folder.path().join("agent")));
    }

    /// A configuration that leaves nothing but the tree, at full speed.
    fn config(&self) -> PathBuf {
        let text = format!(
            "CPUUsageLimit=100\nHashesToCalculate=MD5,SHA1,SHA256\nRescanInterval=2\nScanFilePermissions=true\nIndexOnly={}\n",
            self.tree().display()
        );
        let path = self.folder.path().join("given.ini");
        std::fs::write(&path, text).expect("written");
        path
    }

    /// `cordon index …` for the agent's Index.
    fn index(&self, args: &[&str]) -> String {
        let output = cordon()
            .arg("index")
            .args(args)
            .arg("--home")
            .arg(self.folder.path().join("agent/index"))
            .output()
            .expect("index");
        assert!(output.status.success(), "{args:?}: {output:?}");
        text(&output)
    }

    async fn rows(&self, what: &str) -> Vec<Vec<String>> {
        let (question, coverage) =
            ask(&self.client, &format!("Get {what} from all machines")).await;
        let state = |state| coverage.get(&state).copied().unwrap_or(0);
        assert_eq!(
            state(EndpointState::Answered) + state(EndpointState::Empty),
            1,
            "{what}: {coverage:?}"
        );
        rows(&self.client, &question, 0)
            .await
            .into_iter()
            .map(|(cells, count)| {
                assert_eq!(count, 1);
                cells
            })
            .collect()
    }

    async fn row(&self, what: &str) -> Vec<String> {
        let mut rows = self.rows(what).await;
        assert_eq!(rows.len(), 1, "{what}: {rows:?}");
        rows.remove(0)
    }

    /// The only endpoint's complaint.
    async fn problem(&self, what: &str) -> String {
        let (question, coverage) =
            ask(&self.client, &format!("Get {what} from all machines")).await;
        assert_eq!(
            coverage.get(&EndpointState::Error),
            Some(&1),
            "{what}: {coverage:?}"
        );
        let problems: serde_json::Value = self
            .client
            .get(&format!("/questions/{}/problems", question.id))
            .await
            .expect("problems");
        problems.to_string()
    }

    /// Asks until the Index rests; every word on the way must be one of the closed list.
    async fn until_done(&self) -> Vec<String> {
        let mut seen: Vec<String> = Vec::new();
        in_time("the Index did not come to rest", async {
            loop {
                let [status] = self.row("Index Status").await.try_into().expect("a cell");
                let known = index::status::State::ALL.iter().any(|s| s.name() == status);
                assert!(known, "{status}");
                if seen.last() != Some(&status) {
                    seen.push(status.clone());
                }
                if DONE.contains(&status.as_str()) {
                    return;
                }
                pause().await;
            }
        })
        .await;
        seen
    }

    /// Asks until there are rows.
    async fn until_rows(&self, what: &str) -> Vec<Vec<String>> {
        in_time(what, async {
            loop {
                let rows = self.rows(what).await;
                if !rows.is_empty() {
                    return rows;
                }
                pause().await;
            }
        })
        .await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.agent.take());
        // Not `index`: a test that failed already must not fail a second time here.
        let stopped = cordon()
            .args(["index", "stop", "--home"])
            .arg(self.folder.path().join("agent/index"))
            .output();
        drop(stopped);
    }
}

/// Asking again is what an operator does; this keeps it from being a storm.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, work)
        .await
        .unwrap_or_else(|_| panic!("not in time: {what}"))
}

fn sum(program: &str, path: &str) -> String {
    let output = std::process::Command::new(program)
        .arg(path)
        .output()
        .expect(program);
    assert!(output.status.success());
    text(&output).split(' ').next().expect("a sum").to_owned()
}

#[test]
fn from_no_configuration_to_details() {
    let mut place = Place::new();
    let tool = place.write("bin/tool", b"\x7fELF\x02\x01\x01\0 a program");
    let notes = place.write("docs/notes.txt", "notes\n");
    let log = place.write("docs/x[1].log", vec![b'x'; 5000]);
    let fake = place.write("docs/picture.png", b"MZ\x90\0 no picture");
    place.write("docs/empty", "");
    std::fs::hard_link(&notes, place.tree().join("second")).expect("linked");
    place.start_agent();
    runtime().block_on(async {
        connected(&place.client, 1).await;

        // Nothing is configured.
        assert_eq!(place.row("Index Status").await, ["Missing Config File"]);
        let problem = place
            .problem("Index Query File Exists[*, notes.txt]")
            .await;
        assert!(
            problem.contains("Missing Config File") && problem.contains("cordon index config"),
            "{problem}"
        );
        let own = env!("CARGO_PKG_VERSION");
        assert_eq!(place.row("Index Has Latest Tools").await, [own, "No"]);

        // Configuration, start, status to the end.
        let config = place.config();
        place.index(&["config", &config.display().to_string()]);
        let started = place.index(&["start"]);
        assert!(started.contains("process"), "{started}");
        let seen = place.until_done().await;
        assert!(!seen.contains(&"Missing Config File".to_owned()), "{seen:?}");
        let details = place.row("Index Status Details").await;
        assert!(details[3].parse::<u64>().expect("entries") >= 6, "{details:?}");
        assert_eq!(place.row("Index Has Latest Tools").await, [own, "No"]);

        // From what merges over a fleet …
        assert_eq!(
            place.row(r#"Index Query File Path Using Name[*, "notes*"]"#).await,
            [notes.as_str()]
        );
        let hashes = [sum("md5sum", &notes), sum("sha1sum", &notes), sum("sha256sum", &notes)];
        let row = place
            .row(&format!(r#"Index Query File Path and Hash["{notes}"]"#))
            .await;
        assert_eq!(row[0], notes);
        assert_eq!(row[1..4], hashes);
        assert_eq!(row[4], "hashed");
        assert_eq!(
            place.row(&format!(r#"Index Query File Path Using Hash[FileSHA256Hash="{}", DirectoryPath="*/tree"]"#, hashes[2])).await[0],
            place.tree().join("second").display().to_string()
        );
        for (pattern, answer) in [("x[1].log", "Yes"), ("x1.log", "No")] {
            let row = place
                .row(&format!(r#"Index Query File Exists[*, "{pattern}"]"#))
                .await;
            assert_eq!(row, [answer]);
        }
        // The tree and nothing else is indexed.
        assert_eq!(place.row("Index Query File Count").await, ["6"]);
        assert_eq!(
            place.row("Index Query File Count[*, *, *, *, *, *, 7F454C46]").await,
            ["1"]
        );
        let row = place
            .row(r#"Index Query File Permissions[*, "x[1].log"]"#)
            .await;
        assert_eq!(row[0], log);
        assert!(row[1].starts_with("-rw"), "{row:?}");

        // … down to details.
        let row = place
            .row(&format!(r#"Index Query File Details["{notes}", *, *, *, *, *, *, 5]"#))
            .await;
        assert_eq!(row[..3], [notes.as_str(), "file", "6"]);
        assert_eq!(row[8..11], hashes);
        let row = place
            .row("Index Query File Details Using Name[*, tool]")
            .await;
        assert_eq!((row[0].as_str(), row[12].as_str()), (tool.as_str(), "7F454C46"));
        let row = place
            .row("Index Query File Details Using Name Sort By Largest[Limit=1]")
            .await;
        assert_eq!(row[0], log);
        let rows = place
            .rows("Index Query File Details by Last Modified[Limit=3]")
            .await;
        assert_eq!(rows.len(), 3);

        // Beyond the guide.
        assert_eq!(place.row("Index Query Magic Mismatch").await[0], fake);
        assert_eq!(place.rows("Index Query First Seen[1]").await.len(), 6);
        let programs = place
            .rows(r#"Index Query New Executables Since["2001-01-01"]"#)
            .await;
        assert_eq!(programs.len(), 2, "{programs:?}");
        assert!(place.rows("Index Query Timestomped").await.is_empty());

        // A blacklist is compared at once, a change is noticed.
        let problem = place.problem("Index Query Find Blacklist Matches").await;
        assert!(problem.contains("no blacklist"), "{problem}");
        let listed = sum("md5sum", &tool);
        let list = place.folder.path().join("blacklist.txt");
        std::fs::write(&list, format!("{listed},{}\n", "0".repeat(32))).expect("written");
        place.index(&["blacklist", &list.display().to_string()]);
        let compared = async {
            loop {
                let (question, coverage) = ask(
                    &place.client,
                    "Get Index Query Find Blacklist Matches from all machines",
                )
                .await;
                if coverage.get(&EndpointState::Answered) == Some(&1) {
                    return crate::support::rows(&place.client, &question, 0).await;
                }
                pause().await;
            }
        };
        let matches = in_time("the blacklist is compared", compared).await;
        assert_eq!(matches[0].0[..3], [tool.as_str(), &listed, "MD5"]);
        assert_eq!(matches.len(), 1);
        // In one piece: cutting the file first would be a change of its own.
        std::fs::OpenOptions::new()
            .write(true)
            .open(&notes)
            .and_then(|mut file| file.write_all(b"altered notes\n"))
            .expect("written");
        let rows = place
            .until_rows("Index Query File Hash Recently Changed[*, notes.txt]")
            .await;
        assert_eq!(rows[0][0], notes);
        assert_eq!(rows[0][2], sum("md5sum", &notes));
        assert_eq!(rows[0][5..8], hashes);
    });

    // The agent ends, the indexing process goes on; stopped by an administrator, it stays stopped.
    let pid = |place: &Place| -> serde_json::Value {
        let status = place.index(&["status", "--output", "json"]);
        serde_json::from_str::<serde_json::Value>(&status).expect("JSON")["pid"].clone()
    };
    let before = pid(&place);
    assert!(before.as_u64().is_some_and(|pid| pid > 0));
    place.agent.take().expect("an agent").kill();
    assert_eq!(pid(&place), before);
    place.start_agent();
    assert!(place.index(&["stop"]).contains("stopped"));
    runtime().block_on(async {
        connected(&place.client, 1).await;
        assert_eq!(place.row("Index Status").await, ["Stopped"]);
        // What was indexed can still be asked.
        assert_eq!(place.row("Index Query File Count").await, ["6"]);
    });
}

#[test]
fn the_agent_starts_what_is_configured() {
    let mut place = Place::new();
    place.write("file", "content");
    let config = place.config();
    place.index(&["config", &config.display().to_string()]);
    place.start_agent();
    runtime().block_on(async {
        connected(&place.client, 1).await;
        place.until_done().await;
        assert_eq!(place.row("Index Query File Count").await, ["1"]);
    });
}
