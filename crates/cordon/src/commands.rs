//! One module for each command.

mod agent;
mod api_tokens;
mod ask;
mod audit;
mod compare;
mod content;
mod endpoints;
mod explain;
pub mod follow;
mod groups;
mod index;
mod live;
mod login;
mod look;
mod members;
mod ownership;
mod packages;
mod password;
mod problems;
mod questions;
mod roles;
mod rows;
mod secrets;
#[cfg(unix)]
mod sensor_run;
mod sensors;
mod server;
mod sessions;
mod simulate;
mod token;
mod trust;
mod up;
mod users;
mod which;
mod words;

use crate::args::{Cli, Command};
use crate::output::say;
use anyhow::{Context, Result};
use std::process::ExitCode;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Runs the command that was typed.
pub fn run(cli: Cli) -> Result<ExitCode> {
    // Long-running commands log to where they were told; all others keep quiet unless something is wrong.
    match cli.command {
        Command::Up(args) => {
            log_to_stderr(&quiet(&cli.log), false)?;
            runtime()?.block_on(up::run(args))?;
        }
        Command::Server(mut args) => match args.action.take() {
            Some(action) => {
                log_to_stderr(&quiet(&cli.log), args.log_json)?;
                return runtime()?.block_on(server::act(action, &args));
            }
            None => {
                log_to_stderr(&cli.log, args.log_json)?;
                keep_memory_private()?;
                runtime()?.block_on(server::run(*args))?;
            }
        },
        Command::Agent(args) => agent::run(args, &cli.log)?,
        Command::Enrol(args) => runtime()?.block_on(agent::enrol(args))?,
        Command::Ask(args) => return ask::run(args),
        #[cfg(unix)]
        Command::SensorRun => sensor_run::run()?,
        Command::Sensors(args) => return sensors::run(args),
        Command::Endpoints(args) => runtime()?.block_on(endpoints::run(args))?,
        Command::Groups(args) => runtime()?.block_on(groups::run(args))?,
        Command::Questions(args) => return runtime()?.block_on(questions::run(args)),
        Command::Compare(args) => return runtime()?.block_on(compare::run(args)),
        Command::Login(args) => runtime()?.block_on(login::run(args))?,
        Command::Whoami(args) => runtime()?.block_on(password::whoami(args))?,
        Command::Password(args) => runtime()?.block_on(password::run(args))?,
        Command::Users(args) => runtime()?.block_on(users::run(args))?,
        Command::Roles(args) => runtime()?.block_on(roles::run(args))?,
        Command::UserGroups(args) => runtime()?.block_on(roles::user_groups(args))?,
        Command::Rights(args) => runtime()?.block_on(roles::rights(args))?,
        Command::Sessions(args) => runtime()?.block_on(sessions::run(args))?,
        Command::ApiTokens(args) => runtime()?.block_on(api_tokens::run(args))?,
        Command::Token(args) => runtime()?.block_on(token::run(args))?,
        Command::Trust(args) => runtime()?.block_on(trust::run(args))?,
        Command::Audit(args) => return audit::run(args),
        Command::Content(args) => return content::run(args),
        Command::Packages(args) => return runtime()?.block_on(packages::run(args)),
        Command::Index(args) => return index::run(args),
        Command::Simulate(args) => {
            log_to_stderr(&cli.log, false)?;
            runtime()?.block_on(simulate::run(args))?;
        }
        Command::Completions { shell } => {
            let mut command = <Cli as clap::CommandFactory>::command();
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command, "cordon", &mut script);
            std::io::Write::write_all(&mut std::io::stdout(), &script)?;
        }
        Command::Version => say!(
            "cordon {} for {}-{}, protocol {}, {} sensors",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::OS,
            std::env::consts::ARCH,
            protocol::VERSION,
            ::sensors::catalogue().sensors().len()
        ),
    }
    Ok(ExitCode::SUCCESS)
}

/// A runtime for servers and clients.
fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")
}

/// Keeps this process' memory to itself: no dump of it is written, and no other process of the same account reads or writes it. A key
/// lies in it, or a right that the account's other services do not have.
#[cfg(target_os = "linux")]
fn keep_memory_private() -> Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .context("cannot keep this process from being dumped and traced")
}

/// Left to the system here.
#[cfg(not(target_os = "linux"))]
fn keep_memory_private() -> Result<()> {
    Ok(())
}

/// The sensors of this build; those with large results run in this program again.
fn native_sensors() -> Result<Arc<::agent::evaluate::source::Native>> {
    #[cfg(unix)]
    let native = sensor_run::native()?;
    #[cfg(not(unix))]
    let native = ::agent::evaluate::source::Native::default();
    Ok(Arc::new(native))
}

/// Logs to standard error.
fn log_to_stderr(filter: &str, json: bool) -> Result<()> {
    let filter = env_filter(filter)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if json {
        builder.json().init()
    } else {
        builder.with_ansi(colours()).init()
    }
    Ok(())
}

/// Colours are for terminals, and for those who want them: <https://no-color.org>.
fn colours() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !unwanted && std::io::IsTerminal::is_terminal(&std::io::stderr())
}

fn env_filter(filter: &str) -> Result<tracing_subscriber::EnvFilter> {
    tracing_subscriber::EnvFilter::try_new(filter)
        .with_context(|| format!("`{filter}` is no log filter; try `info` or `agent=debug,info`"))
}

/// `up` talks to a person: unless told otherwise, only warnings interrupt it.
fn quiet(filter: &str) -> String {
    if filter == "info" {
        "warn".into()
    } else {
        filter.into()
    }
}

/// Ends when the process is asked to end: SIGTERM or Ctrl-C.
fn shutdown_signal() -> CancellationToken {
    let token = CancellationToken::new();
    let told = token.clone();
    tokio::spawn(async move {
        #[cfg(unix)]
        {
            let terminate =
                tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
            match terminate {
                Ok(mut terminate) => tokio::select! {
                    _ = terminate.recv() => {}
                    _ = tokio::signal::ctrl_c() => {}
                },
                Err(_) => drop(tokio::signal::ctrl_c().await),
            }
        }
        #[cfg(not(unix))]
        drop(tokio::signal::ctrl_c().await);
        told.cancel();
    });
    token
}

/// Reads an enrolment token from a file, standard input or the environment: never from an argument, which others could list.
fn read_token(file: Option<&std::path::Path>) -> Result<protocol::token::EnrolmentToken> {
    let text = match file {
        Some(path) if path.as_os_str() == "-" => std::io::read_to_string(std::io::stdin())
            .context("cannot read the token from standard input")?,
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the token from {}", path.display()))?,
        None => std::env::var("CORDON_TOKEN")
            .context("no enrolment token: name a file with it, or set CORDON_TOKEN")?,
    };
    text.parse().context("this is no enrolment token")
}
