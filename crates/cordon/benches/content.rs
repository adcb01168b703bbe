//! `cargo xtask bench content`: what it takes to import 1,000 sensors, to change one of them, and to go back.
//!
//! The server is a process of its own; everything goes through its API over TLS on loopback, as the command line does it. Each figure is the
//! median of several rounds, beside its aim. Figures are printed, never asserted on.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use anyhow::{Context, Result};
use content::pack::archive;
use content::pack::tree::Tree;
use cordon::api::Client;
use hyper::Method;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SENSORS: u32 = 1_000;
const ROUNDS: usize = 5;

/// A process that ends with its handle.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Process {
    /// Most memory so far, in MiB.
    fn peak(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let line = line.context("no VmHWM")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1024)
    }
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(run())
}

fn pack(version: &str, sensors: u32) -> Result<Vec<u8>> {
    let mut tree = Tree::default();
    let mut add = |path: &str, text: String| {
        tree.add(path, text.into_bytes())
            .map_err(anyhow::Error::msg)
    };
    add(
        "pack.yaml",
        format!(
            "name: many\ntitle: Many\nversion: {version}\npublisher: Us\ncontent_sets: [Many]\n\
             changelog: [{{version: {version}, changes: [Things.]}}]\n"
        ),
    )?;
    add("content-sets/many.yaml", "name: Many\n".into())?;
    for number in 0..sensors {
        let columns: Vec<String> = (0..5)
            .map(|column| format!("{{name: Column {column}, description: What it tells.}}"))
            .collect();
        let text = format!(
            "name: Many Words {number}\ndescription: Words of one kind and another, in version {version}.\nkeywords: [words, many {number}]\n\
             columns: [{}]\nplatforms:\n  linux: {{interpreter: sh, text: \"for i in 1 2 3; do echo a b c d {number}; done\", output: {{delimited: \" \"}}}}\n  \
             windows: {{interpreter: powershell, text: \"Write-Output {number} {version}\", output: {{delimited: \" \"}}}}\n",
            columns.join(", ")
        );
        add(&format!("sensors/s{number}.yaml"), text)?;
    }
    Ok(archive::write(&tree)?)
}

async fn start(data: &Path) -> Result<(Process, Client)> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cordon"))
        .args(["--log", "warn", "server", "--http", "127.0.0.1:0"])
        .args(["--agents", "127.0.0.1:0", "--name", "127.0.0.1", "--data"])
        .arg(data)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
    let process = Process(child);
    let mut http = None;
    loop {
        let line = lines.next().context("the server ended early")??;
        if let Some(url) = line.strip_prefix("Console and API: ") {
            http = Some(url.to_owned());
        } else if line.starts_with("Agents connect to: ") {
            break;
        }
    }
    std::thread::spawn(move || lines.for_each(drop));
    let authority = std::fs::read_to_string(data.join("authority.pem"))?;
    let password = std::fs::read_to_string(data.join("one-time-password"))?;
    let mut client = Client::new(&http.context("no address")?, &authority)?;
    let password = password.trim_end();
    if client.sign_in("admin", password).await? {
        client
            .change_password(password, "a password of my own", Vec::new())
            .await?;
    }
    Ok((process, client))
}

/// How long something takes, and what it gives.
async fn timed<T>(work: impl Future<Output = Result<T>>) -> Result<(Duration, T)> {
    let started = Instant::now();
    let gives = work.await?;
    Ok((started.elapsed(), gives))
}

fn tell(what: &str, mut took: Vec<Duration>, aim: &str) {
    took.sort();
    let median = took.get(took.len() / 2).copied().unwrap_or_default();
    println!("{what:<34} {:>8.1} ms   {aim}", median.as_secs_f64() * 1e3);
}

async fn change(client: &Client, change: Value) -> Result<(Duration, Duration)> {
    let path = "/content/packs/many";
    let (planned, plan) = timed(client.post::<Value>(&format!("{path}/plan"), &change)).await?;
    let apply = json!({"change": change, "plan": plan.get("digest")});
    let (applied, _) = timed(client.post::<Value>(&format!("{path}/apply"), apply)).await?;
    Ok((planned, applied))
}

async fn import(client: &Client, bytes: &[u8]) -> Result<(Duration, Duration)> {
    let send = async |path: String| {
        client
            .send_file::<Value>(Method::POST, &path, bytes.to_vec())
            .await
    };
    let (planned, plan) = timed(send("/content/plan".into())).await?;
    let digest = plan.get("digest").and_then(Value::as_str);
    let path = format!("/content/import?plan={}", digest.context("no digest")?);
    let (applied, _) = timed(send(path)).await?;
    Ok((planned, applied))
}

async fn run() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (process, client) = start(&folder.path().join("server")).await?;
    let (first, second) = (pack("1.0.0", SENSORS)?, pack("2.0.0", SENSORS)?);
    println!(
        "{SENSORS} sensors, {} KiB as an archive, median of {ROUNDS} rounds",
        first.len() / 1024
    );
    let (mut preview, mut apply, mut upgrade, mut forth) = (vec![], vec![], vec![], vec![]);
    let (mut back, mut edit, mut remove) = (vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let (planned, applied) = import(&client, &first).await?;
        preview.push(planned);
        apply.push(applied);
        let path = "/content/objects/sensor/many%20words%207";
        let seen: Value = client.get(path).await?;
        let text = seen.get("text").and_then(Value::as_str).context("a text")?;
        let wanted = json!({
            "text": text.replace("a b c d", "a b c e"),
            "expected": seen.pointer("/object/sha256"),
        });
        edit.push(timed(client.put::<Value>(path, wanted)).await?.0);
        let (planned, applied) = import(&client, &second).await?;
        upgrade.push(planned);
        forth.push(applied);
        let to = json!({"action": "rollback", "version": "1.0.0"});
        back.push(change(&client, to).await?.1);
        remove.push(change(&client, json!({"action": "remove"})).await?.1);
    }
    tell("import, preview", preview, "aim: 1,000 ms at most");
    tell("import, apply", apply, "aim: 2,000 ms at most");
    tell("edit of one sensor", edit, "");
    tell("upgrade, preview", upgrade, "");
    tell("upgrade, apply", forth, "");
    tell("roll-back, apply", back, "");
    tell("removal, apply", remove, "");
    println!("most memory of the server: {} MiB", process.peak()?);
    Ok(())
}
