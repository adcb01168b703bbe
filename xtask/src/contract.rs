//! The API against its own document: schemathesis asks a real server what the document allows, and what it does not, and looks whether
//! every reply is one that the document describes. What it may not know (that a text must be a question) is in `contract/schemathesis.toml`.
//!
//! The server has a data folder of its own, a few simulated endpoints and an answered question, so that there is something to find.

use crate::packages;
use crate::shell::{cargo, root, run, target_dir, works};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Examples for each operation among the tests.
pub const FEW: u32 = 12;
/// Examples for each operation, unless told.
pub const MANY: u32 = 150;

/// An operation that may end the token that all others are tried with; it is tried last.
const LAST: &str = "delete_api_token";
const PASSWORD: &str = "a password of my own";
const SOON: Duration = Duration::from_secs(120);

/// Runs all of it. The examples are the same each time unless a seed is given.
pub fn check(examples: u32, seed: u64) -> Result<()> {
    let tool = tool()?;
    cargo(&["build", "--locked", "--package", "cordon"])?;
    let place = target_dir().join("contract/world");
    match std::fs::remove_dir_all(&place) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot empty {}", place.display()));
        }
        _ => std::fs::create_dir_all(&place)?,
    }
    let world = World::start(&place)?;
    let run_tool = |token: &str, filter: [&str; 2], examples: u32| {
        run(Command::new(&tool)
            .arg("--config-file")
            .arg(root().join("xtask/contract/schemathesis.toml"))
            .args(["run", &format!("{}/api/v1/openapi.json", world.http)])
            .args(["--url", &world.http])
            .arg("--tls-verify=false")
            .args(["--max-examples", &examples.to_string()])
            .args(["--seed", &seed.to_string()])
            .args(filter)
            .current_dir(&place)
            .env("CONTRACT_TOKEN", token)
            // The address is this machine's, and its certificate the server's own.
            .env("PYTHONWARNINGS", "ignore"))
    };
    run_tool(&world.token, ["--exclude-operation-id", LAST], examples)?;
    run_tool(&world.token, ["--include-operation-id", LAST], examples)?;
    world.end()
}

/// Installs schemathesis where it is missing or another version.
fn tool() -> Result<PathBuf> {
    let venv = target_dir().join("contract/venv");
    let wanted = root().join("xtask/contract/requirements.txt");
    let text = std::fs::read_to_string(&wanted)
        .with_context(|| format!("cannot read {}", wanted.display()))?;
    let mark = venv.join("installed.txt");
    let tool = venv.join("bin/schemathesis");
    if std::fs::read_to_string(&mark).is_ok_and(|held| held == text) {
        return Ok(tool);
    }
    if !works("python3", &["-c", "import venv, ensurepip"]) {
        packages::these(&["python3-venv"])?;
    }
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&venv))?;
    run(Command::new(venv.join("bin/python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .arg("--requirement")
        .arg(&wanted))?;
    std::fs::write(&mark, text).with_context(|| format!("cannot write {}", mark.display()))?;
    Ok(tool)
}

/// A server with something in it.
struct World {
    http: String,
    token: String,
    log: PathBuf,
    server: Process,
    _fleet: Process,
}

/// Ended with its handle.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // One that ended by itself cannot be ended again.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn cordon() -> Command {
    let mut command = Command::new(target_dir().join("debug/cordon"));
    command
        .env_remove("CORDON_PROFILE")
        .env_remove("CORDON_TOKEN")
        .stdin(Stdio::null());
    command
}

impl World {
    fn start(place: &Path) -> Result<Self> {
        let data = place.join("server");
        let log = place.join("server.log");
        let mut server = Process(
            cordon()
                .args(["--log", "warn", "server", "--name", "127.0.0.1"])
                .args(["--http", "127.0.0.1:0", "--agents", "127.0.0.1:0", "--data"])
                .arg(&data)
                .stdout(Stdio::piped())
                .stderr(std::fs::File::create(&log)?)
                .spawn()
                .context("the server does not start")?,
        );
        let out = server.0.stdout.take().context("no output")?;
        let mut lines = BufReader::new(out).lines();
        let mut said = || -> Result<String> {
            let line = lines.next().context("the server ended early")??;
            let (_, value) = line.split_once(": ").context("an unexpected line")?;
            Ok(value.to_owned())
        };
        let (http, _agents, first) = (said()?, said()?, said()?);
        let first = std::fs::read_to_string(first).context("no first password")?;
        let profile = place.join("profile.json");
        let mut login = cordon()
            .args(["login", "--admin", &http, "--authority"])
            .arg(data.join("authority.pem"))
            .arg("--profile")
            .arg(&profile)
            .stdin(Stdio::piped())
            .spawn()?;
        let mut stdin = login.stdin.take().context("no input")?;
        writeln!(stdin, "{}\n{PASSWORD}", first.trim_end())?;
        drop(stdin);
        ensure!(login.wait()?.success(), "cannot sign in");
        let profiled = |args: &[&str]| -> Result<std::process::Output> {
            Ok(cordon()
                .args(args)
                .arg("--profile")
                .arg(&profile)
                .output()?)
        };
        let token = profiled(&["token", "create", "--uses", "3"])?;
        ensure!(token.status.success(), "no enrolment token: {token:?}");
        let mut fleet = cordon()
            .args([
                "--log",
                "warn",
                "simulate",
                "--agents",
                "3",
                "--token-file",
                "-",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        let mut stdin = fleet.stdin.take().context("no input")?;
        stdin.write_all(&token.stdout)?;
        drop(stdin);
        let fleet = Process(fleet);
        let started = Instant::now();
        loop {
            let question = "Get Running Processes from all machines";
            let asked = profiled(&["ask", question, "--wait", "100%", "--output", "csv"])?;
            if asked.status.success() {
                break;
            }
            if started.elapsed() > SOON {
                bail!("nobody answers: {asked:?}");
            }
        }
        let text = std::fs::read_to_string(&profile)?;
        let profile: Value = serde_json::from_str(&text)?;
        let token = profile.get("token").and_then(Value::as_str);
        Ok(Self {
            token: token.context("a profile without a token")?.to_owned(),
            http,
            log,
            server,
            _fleet: fleet,
        })
    }

    /// The server must have come through, and found nothing wrong with itself.
    fn end(mut self) -> Result<()> {
        if let Some(status) = self.server.0.try_wait()? {
            bail!("the server ended meanwhile: {status}");
        }
        let log = std::fs::read_to_string(&self.log)?;
        if let Some(line) = log.lines().find(|line| line.contains("ERROR")) {
            bail!("the server logged a failure of its own: {line}");
        }
        Ok(())
    }
}
