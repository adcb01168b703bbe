//! `cargo xtask bench ask`: how quickly a fleet answers, and what it costs the server.
//!
//! Server and simulator are processes of their own, over real TLS on loopback. For each fleet size: 20 questions one after the other, 100 at once,
//! then a restart of the server. Last, a real agent that idles. Figures are printed, never asserted on.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use anyhow::{Context, Result, bail};
use cordon::api::{ApiQuestion, Client};
use cordon::follow::{self, Wait};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const QUESTION: &str = "Get Running Processes with Hash from all machines with Is Linux = True";
const QUESTIONS: usize = 20;
const AT_ONCE: usize = 100;

fn main() -> Result<()> {
    let mut sizes = Vec::new();
    let mut idle = 300;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--bench" => {}
            "--idle" => idle = args.next().context("--idle needs seconds")?.parse()?,
            size => sizes.push(
                size.parse::<u32>()
                    .with_context(|| format!("`{size}` is no number of agents"))?,
            ),
        }
    }
    if sizes.is_empty() {
        sizes = vec![100, 1_000, 10_000];
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    println!(
        "cores: {}",
        std::thread::available_parallelism().map_or(0, usize::from)
    );
    println!("question: {QUESTION}");
    for size in sizes {
        runtime.block_on(fleet(size))?;
    }
    if idle > 0 {
        runtime.block_on(idle_agent(Duration::from_secs(idle)))?;
    }
    Ok(())
}

/// A process that ends with its handle.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Process {
    /// Asks it to end as an operator would, and waits for it.
    fn terminate(mut self) -> Result<()> {
        let id = i32::try_from(self.0.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .context("a process id")?;
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        self.0.wait()?;
        Ok(())
    }

    /// Resident memory in bytes.
    fn memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status
            .lines()
            .find_map(|l| l.strip_prefix("VmRSS:"))
            .context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    }

    /// Processor time so far.
    fn cpu(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let ticks: u64 = fields.get(11).context("utime")?.parse::<u64>()?
            + fields.get(12).context("stime")?.parse::<u64>()?;
        Ok(Duration::from_millis(ticks * 10))
    }
}

struct Server {
    process: Process,
    http: String,
    agents: String,
    password: Option<String>,
}

fn start_server(data: &Path, http: &str, agents: &str) -> Result<Server> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cordon"))
        .args([
            "--log",
            "warn",
            "server",
            "--http",
            http,
            "--agents",
            agents,
            "--name",
            "127.0.0.1",
            "--data",
        ])
        .arg(data)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
    let process = Process(child);
    let (mut http, mut password) = (None, None);
    let agents = loop {
        let line = lines.next().context("the server ended early")??;
        if let Some(url) = line.strip_prefix("Console and API: ") {
            http = Some(url.to_owned());
        } else if let Some(at) = line.strip_prefix("Agents connect to: ") {
            break at.to_owned();
        }
    };
    // The password line follows on a first start only; what a second start says more is no concern here.
    if !data.join("started").exists() {
        let line = lines.next().context("the server ended early")??;
        let file = line.rsplit(": ").next().context("no password file")?;
        password = Some(std::fs::read_to_string(file)?.trim_end().to_owned());
        std::fs::write(data.join("started"), "")?;
    }
    std::thread::spawn(move || lines.for_each(drop));
    Ok(Server {
        process,
        http: http.context("no address")?,
        agents,
        password,
    })
}

fn start_simulator(agents: u32, server: &str, token: &str, state: &Path) -> Result<Process> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cordon"))
        .args([
            "--log",
            "warn",
            "simulate",
            "--token-file",
            "-",
            "--agents",
            &agents.to_string(),
            "--server",
            server,
            "--state",
        ])
        .arg(state)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    child
        .stdin
        .take()
        .context("no input")?
        .write_all(token.as_bytes())?;
    Ok(Process(child))
}

async fn sign_in(server: &Server, data: &Path) -> Result<Client> {
    let authority = std::fs::read_to_string(data.join("authority.pem"))
        .context("the server's authority certificate")?;
    let mut client = Client::new(&server.http, &authority)?;
    let password = server.password.as_deref().context("no first password")?;
    if client.sign_in("admin", password).await? {
        client
            .change_password(password, "a password of my own", Vec::new())
            .await?;
    }
    Ok(client)
}

/// Waits until this many endpoints are connected.
async fn connected(client: &Client, wanted: u32, limit: Duration) -> Result<Duration> {
    let started = Instant::now();
    loop {
        // There are that many when the last of them is there.
        let last: Result<Vec<Value>> = client
            .get(&format!(
                "/endpoints?online=true&offset={}&limit=1",
                wanted - 1
            ))
            .await;
        if last.is_ok_and(|l| !l.is_empty()) {
            return Ok(started.elapsed());
        }
        if started.elapsed() > limit {
            bail!("{wanted} endpoints did not connect within {limit:?}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// When the first row, and 50, 95 and 100 % of the endpoints were there.
#[derive(Clone, Copy, Default)]
struct Times {
    first: Duration,
    half: Duration,
    most: Duration,
    all: Duration,
}

async fn ask(client: &Client) -> Result<Times> {
    let mut times = Times::default();
    let started = Instant::now();
    let question: ApiQuestion = client.post("/questions", json!({"text": QUESTION})).await?;
    let followed = follow::follow(client, &question, Some(Wait::End), |coverage, rows| {
        let now = started.elapsed();
        if times.first.is_zero() && rows.next().is_some() {
            times.first = now;
        }
        let (done, all) = follow::progress(coverage);
        let share = done as f64 / all.max(1) as f64;
        for (wanted, time) in [
            (0.5, &mut times.half),
            (0.95, &mut times.most),
            (1.0, &mut times.all),
        ] {
            if share >= wanted && time.is_zero() {
                *time = now;
            }
        }
    })
    .await?;
    let coverage = followed.coverage;
    let (done, all) = follow::progress(&coverage);
    if done != all || times.all.is_zero() {
        bail!("the answer ended at {done} of {all} endpoints: {coverage:?}");
    }
    Ok(times)
}

async fn fleet(size: u32) -> Result<()> {
    println!("\n== {size} agents ==");
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("server");
    std::fs::create_dir_all(&data)?;
    let server = start_server(&data, "127.0.0.1:0", "127.0.0.1:0")?;
    let client = sign_in(&server, &data).await?;
    let made: Value = client
        .post(
            "/enrolment-tokens",
            json!({"uses": size, "expires_seconds": 3600, "approve": false}),
        )
        .await?;
    let token = made
        .get("token")
        .and_then(Value::as_str)
        .context("no token")?;
    let empty = server.process.memory()?;
    let simulator = start_simulator(
        size,
        &server.agents,
        token,
        &folder.path().join("simulator"),
    )?;
    let enrolled = connected(&client, size, Duration::from_secs(600)).await?;
    println!(
        "enrolled and connected: {:.1} s ({:.0}/s)",
        enrolled.as_secs_f64(),
        f64::from(size) / enrolled.as_secs_f64()
    );
    let full = server.process.memory()?;
    println!(
        "server memory: {} KiB without agents, {} KiB with all: {:.1} KiB a connection",
        empty / 1024,
        full / 1024,
        (full.saturating_sub(empty)) as f64 / 1024.0 / f64::from(size)
    );

    let (cpu, sim_cpu, wire) = (server.process.cpu()?, simulator.cpu()?, loopback_bytes()?);
    let mut times = Vec::new();
    for _ in 0..QUESTIONS {
        times.push(ask(&client).await?);
    }
    let each = |spent: Duration| spent.as_secs_f64() / QUESTIONS as f64;
    println!("{QUESTIONS} questions, one after the other (s)      p50     p95     p99");
    report("first row", &times, |t| t.first);
    report("50 % of endpoints", &times, |t| t.half);
    report("95 % of endpoints", &times, |t| t.most);
    report("100 % of endpoints", &times, |t| t.all);
    println!(
        "server CPU a question: {:.3} s; simulator CPU a question: {:.3} s",
        each(server.process.cpu()? - cpu),
        each(simulator.cpu()? - sim_cpu)
    );
    println!(
        "bytes on loopback (TLS and TCP included) per endpoint and question: {:.0}",
        (loopback_bytes()? - wire) as f64 / QUESTIONS as f64 / f64::from(size)
    );

    let started = Instant::now();
    let (cpu, sim_cpu) = (server.process.cpu()?, simulator.cpu()?);
    let many = futures_util::future::try_join_all((0..AT_ONCE).map(|_| ask(&client))).await?;
    println!(
        "{AT_ONCE} questions at once, all answered after {:.2} s; server CPU {:.2} s, simulator CPU {:.2} s",
        started.elapsed().as_secs_f64(),
        (server.process.cpu()? - cpu).as_secs_f64(),
        (simulator.cpu()? - sim_cpu).as_secs_f64()
    );
    report("first row", &many, |t| t.first);
    report("95 % of endpoints", &many, |t| t.most);
    report("100 % of endpoints", &many, |t| t.all);
    println!(
        "server memory afterwards: {} KiB",
        server.process.memory()? / 1024
    );

    let (http, agents) = (
        server.http.trim_start_matches("https://").to_owned(),
        server.agents.clone(),
    );
    let stopping = Instant::now();
    server.process.terminate()?;
    println!(
        "server stopped in {:.2} s",
        stopping.elapsed().as_secs_f64()
    );
    let server = start_server(&data, &http, &agents)?;
    let back = connected(&client, size, Duration::from_secs(300)).await?;
    println!(
        "all back after a restart of the server: {:.1} s; server CPU {:.1} s",
        back.as_secs_f64(),
        server.process.cpu()?.as_secs_f64()
    );
    drop(simulator);
    Ok(())
}

fn report(name: &str, times: &[Times], of: impl Fn(&Times) -> Duration) {
    let mut sorted: Vec<Duration> = times.iter().map(of).collect();
    sorted.sort();
    let at = |share: f64| {
        let index = ((sorted.len() as f64 * share).ceil() as usize).saturating_sub(1);
        sorted.get(index).copied().unwrap_or_default().as_secs_f64()
    };
    println!(
        "  {name:<36} {:>7.3} {:>7.3} {:>7.3}",
        at(0.50),
        at(0.95),
        at(0.99)
    );
}

fn loopback_bytes() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/net/dev")?;
    let line = text
        .lines()
        .find_map(|l| l.trim().strip_prefix("lo:"))
        .context("no loopback")?;
    Ok(line
        .split_whitespace()
        .next()
        .context("no counter")?
        .parse()?)
}

/// A real agent that is connected and has nothing to do.
async fn idle_agent(time: Duration) -> Result<()> {
    println!("\n== one real agent, idle ==");
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("server");
    std::fs::create_dir_all(&data)?;
    let server = start_server(&data, "127.0.0.1:0", "127.0.0.1:0")?;
    let client = sign_in(&server, &data).await?;
    let made: Value = client
        .post(
            "/enrolment-tokens",
            json!({"uses": 1, "expires_seconds": 3600, "approve": false}),
        )
        .await?;
    let token = made
        .get("token")
        .and_then(Value::as_str)
        .context("no token")?;
    let place = folder.path().join("agent");
    let status = Command::new(env!("CARGO_BIN_EXE_cordon"))
        .args(["enrol", "--data"])
        .arg(&place)
        .env("CORDON_TOKEN", token)
        .stdout(Stdio::null())
        .status()?;
    anyhow::ensure!(status.success(), "the agent could not enrol");
    let agent = Process(
        Command::new(env!("CARGO_BIN_EXE_cordon"))
            .args([
                "--log",
                "warn",
                "agent",
                "--server",
                &server.agents,
                "--data",
            ])
            .arg(&place)
            .spawn()?,
    );
    connected(&client, 1, Duration::from_secs(30)).await?;
    ask(&client).await?;
    let cpu = agent.cpu()?;
    tokio::time::sleep(time).await;
    let used = agent.cpu()? - cpu;
    println!(
        "over {} s: {:.1} MB resident, {:.4} % of a core",
        time.as_secs(),
        agent.memory()? as f64 / 1e6,
        used.as_secs_f64() / time.as_secs_f64() * 100.0
    );
    Ok(())
}
