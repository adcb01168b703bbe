//! A real server with a few simulated endpoints and an answered question, for tasks that need one: contract, browser.

use crate::shell::target_dir;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What the first administrator, `admin`, signs in with.
pub const PASSWORD: &str = "a password of my own";
/// An upper bound for what should happen soon. Never a measure.
pub const SOON: Duration = Duration::from_secs(120);

/// A server with something in it.
pub struct World {
    /// Where console and API are.
    pub http: String,
    /// An API token of the administrator.
    pub token: String,
    log: PathBuf,
    server: Process,
    _fleet: Process,
}

/// Ended with its handle.
pub struct Process(pub Child);

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
    /// Starts one in this folder, which is emptied before.
    pub fn start(place: &Path) -> Result<Self> {
        match std::fs::remove_dir_all(place) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot empty {}", place.display()));
            }
            _ => std::fs::create_dir_all(place)?,
        }
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
    pub fn end(mut self) -> Result<()> {
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
