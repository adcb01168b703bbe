//! Starting real processes and talking to them.

use cordon::api::{ApiQuestion, Client};
use cordon::follow::{self, Wait};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// An upper bound for anything that should happen soon. Never a measure.
pub const SOON: Duration = Duration::from_secs(120);

/// What the first administrator changes the one-time password to.
pub const OWN_PASSWORD: &str = "a password of my own";

/// The binary.
pub fn cordon() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cordon"));
    command
        .env_remove("CORDON_PROFILE")
        .env_remove("CORDON_TOKEN")
        .env("CORDON_LOG", "warn")
        // Lines of tables are of Unicode wherever the tests run.
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null());
    command
}

/// Runs the binary to its end.
pub fn run(args: &[&str]) -> Output {
    cordon().args(args).output().expect("the binary starts")
}

/// Standard output as text.
pub fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What was said beside it, on standard error.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs the binary with a profile.
pub fn with(profile: &Path, args: &[&str]) -> Output {
    let mut command = cordon();
    command.args(args).arg("--profile").arg(profile);
    command.output().expect("it runs")
}

/// Runs the binary with a profile, and these lines on standard input.
pub fn fed(args: &[&str], profile: &Path, input: &str) -> Output {
    let mut command = cordon();
    command.args(args).arg("--profile").arg(profile);
    finish(command, input)
}

/// Runs a command to its end with these lines on standard input.
pub fn finish(mut command: Command, input: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input.as_bytes()).expect("written");
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// Standard output as JSON.
pub fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

/// Fails unless this has the one form that the JSON of every verb has: tables, each with columns and with rows by their names.
pub fn one_form(document: &Value) {
    let tables = document["tables"].as_array();
    let tables = tables.unwrap_or_else(|| panic!("no tables: {document}"));
    for table in tables {
        assert!(
            !table["table"].as_str().expect("a name").is_empty(),
            "{table}"
        );
        let columns = table["columns"].as_array().expect("columns");
        let columns: BTreeSet<&str> = columns.iter().filter_map(Value::as_str).collect();
        assert_eq!(
            Some(columns.len()),
            table["columns"].as_array().map(Vec::len)
        );
        assert_eq!(Some(columns.len()), table["types"].as_array().map(Vec::len));
        for row in table["rows"].as_array().expect("rows") {
            let names = row.as_object().expect("an object").keys();
            assert_eq!(names.map(String::as_str).collect::<BTreeSet<_>>(), columns);
        }
    }
}

/// A process that is killed with its handle.
pub struct Process(pub Child);

impl Process {
    /// SIGKILL, and waits.
    pub fn kill(&mut self) {
        self.0.kill().expect("kill");
        self.0.wait().expect("wait");
    }

    /// SIGTERM, and waits.
    #[cfg(unix)]
    pub fn end(&mut self) {
        let id = i32::try_from(self.0.id()).expect("a process's number");
        let id = rustix::process::Pid::from_raw(id).expect("a process's number");
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("told");
        self.0.wait().expect("wait");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A server in a folder, on ports that stay the same when it is started again.
pub struct Server {
    pub process: Process,
    pub data: PathBuf,
    pub http: String,
    pub agents: String,
    pub password: Option<String>,
}

impl Server {
    /// Starts for the first time.
    pub fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// Starts with further arguments.
    pub fn start_with(data: &Path, extra: &[&str]) -> Self {
        Self::start_at(data, "127.0.0.1:0", "127.0.0.1:0", extra)
    }

    /// Starts again after it ended or was killed.
    pub fn restart(&mut self) {
        self.process.kill();
        let again = Self::start_at(
            &self.data,
            self.http.trim_start_matches("https://"),
            &self.agents,
            &[],
        );
        self.process = again.process;
    }

    fn start_at(data: &Path, http: &str, agents: &str, extra: &[&str]) -> Self {
        let child = cordon()
            .args([
                "server",
                "--name",
                "127.0.0.1",
                "--http",
                http,
                "--agents",
                agents,
                "--data",
            ])
            .arg(data)
            .args(extra)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut process = Process(child);
        let mut lines = BufReader::new(process.0.stdout.take().expect("piped")).lines();
        let mut next = |prefix: &str| {
            let line = lines
                .next()
                .expect("the server says where it listens")
                .expect("text");
            line.strip_prefix(prefix)
                .unwrap_or_else(|| panic!("`{line}` instead of `{prefix}…`"))
                .to_owned()
        };
        let http = next("Console and API: ");
        let agents = next("Agents connect to: ");
        // There as long as nobody changed it.
        let password = std::fs::read_to_string(data.join("one-time-password"))
            .ok()
            .map(|text| text.trim_end().to_owned());
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            process,
            data: data.to_owned(),
            http,
            agents,
            password,
        }
    }

    /// Signs in as the first administrator and keeps a profile for the command line.
    pub fn profile(&self) -> PathBuf {
        let path = self.data.join("profile.json");
        let mut login = cordon()
            .args(["login", "--admin", &self.http, "--authority"])
            .arg(self.data.join("authority.pem"))
            .arg("--profile")
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("login starts");
        let password = self.password.as_deref().expect("a first start");
        writeln!(
            login.stdin.take().expect("piped"),
            "{password}\n{OWN_PASSWORD}"
        )
        .expect("written");
        let output = login.wait_with_output().expect("login ends");
        assert!(output.status.success(), "{output:?}");
        path
    }

    /// An enrolment token with this many uses.
    pub fn token(&self, profile: &Path, uses: u32) -> String {
        let output = cordon()
            .args(["token", "create", "--uses", &uses.to_string(), "--profile"])
            .arg(profile)
            .output()
            .expect("token");
        assert!(output.status.success(), "{output:?}");
        text(&output).trim().to_owned()
    }
}

/// The API client of a profile.
pub fn client(profile: &Path) -> Client {
    Client::of(&cordon::api::Profile::load(Some(profile)).expect("a profile")).expect("a client")
}

/// Starts simulated endpoints.
pub fn simulate(agents: u32, token: &str, extra: &[&str]) -> Process {
    let mut child = cordon()
        .args([
            "simulate",
            "--token-file",
            "-",
            "--agents",
            &agents.to_string(),
        ])
        .args(extra)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the simulator starts");
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(token.as_bytes())
        .expect("written");
    Process(child)
}

/// Enrols a real agent in a folder.
pub fn enrol(token: &str, folder: &Path) {
    let output = cordon()
        .args(["enrol", "--data"])
        .arg(folder)
        .env("CORDON_TOKEN", token)
        .output()
        .expect("enrol");
    assert!(output.status.success(), "{output:?}");
}

/// Starts a real agent.
pub fn agent(folder: &Path) -> Process {
    Process(
        cordon()
            .args(["agent", "--data"])
            .arg(folder)
            .spawn()
            .expect("the agent starts"),
    )
}

/// Waits until this many endpoints are connected.
pub async fn connected(client: &Client, wanted: u64) {
    let all_there = async {
        loop {
            // There are that many when the last of them is there.
            let last: Result<Vec<Value>, _> = client
                .get(&format!(
                    "/endpoints?online=true&offset={}&limit=1",
                    wanted - 1
                ))
                .await;
            if last.is_ok_and(|l| !l.is_empty()) {
                return;
            }
            // The API has no event for this; asking again is what an operator would do.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, all_there)
        .await
        .unwrap_or_else(|_| panic!("{wanted} endpoints did not connect"));
}

/// Asks, and follows until every endpoint has said something.
pub async fn ask(client: &Client, question: &str) -> (ApiQuestion, cordon::api::Coverage) {
    let asked: ApiQuestion = client
        .post("/questions", json!({"text": question}))
        .await
        .expect("asked");
    let coverage = answered(client, &asked).await;
    (asked, coverage)
}

/// Follows until every endpoint has said something.
pub async fn answered(client: &Client, question: &ApiQuestion) -> cordon::api::Coverage {
    let all = follow::follow(client, question, Some(Wait::End), |_, _| {});
    tokio::time::timeout(SOON, all)
        .await
        .expect("in time")
        .expect("followed")
        .coverage
}

/// All rows of a table.
pub async fn rows(client: &Client, question: &ApiQuestion, table: u32) -> Vec<(Vec<String>, u64)> {
    let page: cordon::api::ApiPage = client
        .get(&format!(
            "/questions/{}/rows?table={table}&limit=5000",
            question.id
        ))
        .await
        .expect("rows");
    assert_eq!(page.rows.len() as u64, page.total_rows);
    page.rows.into_iter().map(|r| (r.cells, r.count)).collect()
}

/// A runtime for the test's own requests.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
}
