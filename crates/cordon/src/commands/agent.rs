//! `cordon agent` and `cordon enrol`.

use super::ownership;
use crate::args::{AgentAction, AgentArgs, EnrolArgs, Output};
use crate::output::say;
use crate::output::{self, Table};
use anyhow::{Context, Result};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Runs the agent until it is told to end, asks the one that runs, or does something else with it.
pub fn run(args: AgentArgs, filter: &str) -> Result<()> {
    match &args.action {
        Some(AgentAction::Status { output }) => {
            return super::runtime()?.block_on(status(&args.data, *output));
        }
        Some(AgentAction::LiftRevocation { data }) => {
            super::log_to_stderr(filter, false)?;
            return lift_revocation(data);
        }
        None => {}
    }
    ownership::must_be_ours(&args.data)?;
    log_to(&args, filter)?;
    super::keep_memory_private()?;
    // One thread for the channel is enough; sensors have threads of their own.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    // Found now: once a package replaced the file under a running program, the system does not tell its name any more.
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let indexer = ::agent::indexing::Native::new(&args.data, program);
    let config = ::agent::Config {
        indexer: Some(Arc::new(indexer)),
        state_dir: args.data,
        servers: args.servers,
    };
    let sensors = super::native_sensors()?;
    runtime
        .block_on(async { ::agent::run_with(config, sensors, super::shutdown_signal()).await })?;
    Ok(())
}

async fn status(data: &Path, form: Option<Output>) -> Result<()> {
    let facts = ::agent::inquiry::status(data).await?;
    let rows = facts.into_iter().map(|(name, value)| vec![name, value]);
    let table = Table::plain("agent", &["Name", "Value"], rows);
    output::print(form, &[table], serde_json::Value::Null)
}

fn lift_revocation(data: &Path) -> Result<()> {
    let lifted = ::agent::lift(data, &who());
    ownership::leave_to_owner(data)?;
    lifted?;
    say!(
        "The revocation is lifted; start the agent again. Should the server still mean it, it tells the agent anew."
    );
    Ok(())
}

/// Who types this: the account, and what that account says it was before it became this one.
fn who() -> String {
    let named = ["SUDO_USER", "USER", "USERNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok())
        .unwrap_or_else(|| "somebody without a name".into());
    // Only what shows plainly in a log.
    let named: String = named
        .chars()
        .filter(char::is_ascii_graphic)
        .take(64)
        .collect();
    #[cfg(unix)]
    return format!("{named} (uid {})", rustix::process::getuid().as_raw());
    #[cfg(not(unix))]
    named
}

fn log_to(args: &AgentArgs, filter: &str) -> Result<()> {
    if let Some(path) = &args.log_file {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .with_context(|| format!("cannot open the log file {}", path.display()))?;
        tracing_subscriber::fmt()
            .with_env_filter(super::env_filter(filter)?)
            .with_ansi(false)
            .with_writer(Mutex::new(file))
            .init();
        return Ok(());
    }
    if args.journald {
        #[cfg(target_os = "linux")]
        {
            use tracing_subscriber::prelude::*;
            let journal = tracing_journald::layer()
                .context("cannot reach journald; leave out --journald to log to standard error")?;
            tracing_subscriber::registry()
                .with(super::env_filter(filter)?)
                .with(journal)
                .init();
            return Ok(());
        }
        #[cfg(not(target_os = "linux"))]
        anyhow::bail!("there is no journald on this platform; use --log-file");
    }
    super::log_to_stderr(filter, false)
}

/// Enrols this machine, waiting for approval where the server asks for it.
pub async fn enrol(args: EnrolArgs) -> Result<()> {
    let token = super::read_token(args.token_file.as_deref())?;
    let ended = super::shutdown_signal();
    let mut told = false;
    loop {
        let enrolled = ::agent::enrol(&token, &args.data).await;
        let given = ownership::leave_to_owner(&args.data);
        match enrolled? {
            ::agent::EnrolOutcome::Enrolled { ordinal } => {
                let start = if given? {
                    "systemctl start cordon-agent".to_owned()
                } else {
                    format!("cordon agent --data {}", args.data.display())
                };
                say!("Enrolled as endpoint number {ordinal}. Start the agent with `{start}`.");
                return Ok(());
            }
            ::agent::EnrolOutcome::Waiting { retry_after } => {
                if !told {
                    say!(
                        "Waiting for an administrator to approve this machine (`cordon endpoints` lists it) …"
                    );
                    told = true;
                }
                tokio::select! {
                    () = tokio::time::sleep(retry_after.max(Duration::from_secs(1))) => {}
                    () = ended.cancelled() => anyhow::bail!("stopped before this machine was approved; run the same command again later"),
                }
            }
        }
    }
}
