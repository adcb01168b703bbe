//! A fleet on one machine: many honest endpoints of the protocol in one process.
//!
//! Each simulated endpoint has its own key and certificate, its own TLS connection, checks every order as a real agent does and
//! keeps an answer until the server has stored it. Only what it answers is made up: machines drawn from a seed ([`machine`]),
//! tables that suit them ([`data`]), and outliers planted for a hunter to find. Questions are evaluated with the same code that
//! real agents use.
//!
//! Ten thousand of them fit into one process because they share what is equal: parsed orders, rows and encoded answers of machines of
//! one kind. What is shared is remembered, never skipped: the signature of an order is checked once for each set of keys, because the
//! outcome is the same for every endpoint that holds them; times, targets and repetition are checked by each endpoint.

mod agent;
mod connection;
mod data;
mod done;
mod enrol;
mod evaluate;
mod identity;
mod machine;
mod orders;
mod outcome;
mod population;
mod progress;
mod tls;
mod world;

pub use progress::{Progress, Report};

use identity::{Opened, Origin, State, StateError};
use protocol::token::{EnrolmentToken, TokenError};
use question::catalogue::Catalogue;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use world::{Before, World};

/// What to simulate.
#[derive(Clone)]
pub struct Options {
    /// Server, `host:port`; empty takes those of the token, or those that the `state_dir` was made with.
    pub server: String,
    /// Enrolment token that lets in those of `agents` machines that have no identity in `state_dir`; none is needed when all have.
    pub token: Option<String>,
    /// How many endpoints.
    pub agents: u32,
    /// The same seed gives the same machines.
    pub seed: u64,
    /// Folder that keeps keys and certificates, so that the next run comes back as the same endpoints.
    pub state_dir: Option<PathBuf>,
    /// Share of answers that come 2 to 30 seconds late, 0 to 1.
    pub late: f64,
    /// Share of orders on which an endpoint loses its connection before it answers, 0 to 1.
    pub drop_out: f64,
    /// Share of orders that an endpoint answers with an error, 0 to 1.
    pub errors: f64,
    /// What can be asked.
    pub catalogue: Arc<Catalogue>,
}

/// Why a simulation could not start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// The token is not readable.
    #[error("the enrolment token cannot be read")]
    Token(#[source] TokenError),
    /// Nowhere to connect to.
    #[error(
        "no server is known: neither the enrolment token nor the folder of identities names one; give it with `--server HOST:PORT`"
    )]
    NoServer,
    /// Machines without an identity, and nothing that lets them in.
    #[error(
        "{missing} of {agents} endpoints have no identity yet{}, and there is no enrolment token that lets them in: name a file with one \
         (`--token-file FILE`) or set CORDON_TOKEN; `cordon token create --uses {missing}` makes one{}",
        kept_in(.folder.as_ref()),
        if *.known == 0 { String::new() } else { format!(". Or run those that are there: `--agents {}`", .known) }
    )]
    NoToken {
        /// Endpoints wanted.
        agents: u32,
        /// Those of them that have an identity.
        known: u64,
        /// Those that have none.
        missing: u64,
        /// Where identities were looked for.
        folder: Option<PathBuf>,
    },
    /// A share is not between 0 and 1.
    #[error("the share of {what} must be between 0 and 1, not {value}")]
    Share {
        /// Which share.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// The state folder cannot be used.
    #[error("identities cannot be kept")]
    State(#[from] StateError),
    /// The system allows too few open files for this many connections.
    #[error(
        "{agents} endpoints need {needed} open files, but this process may only have {allowed}: raise the limit (`ulimit -n {needed}`)"
    )]
    OpenFiles {
        /// Endpoints wanted.
        agents: u32,
        /// Files needed.
        needed: u64,
        /// Files allowed.
        allowed: u64,
    },
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[from] tls::TlsError),
    /// The system gave no random numbers.
    #[error("the system gave no random numbers")]
    Random(#[source] getrandom::Error),
    /// No key, and so no endpoint.
    #[error("no endpoint could ask to be let in: {reason}")]
    Refused {
        /// Why.
        reason: String,
    },
    /// The token does not let everybody in.
    #[error(
        "the enrolment token allows {}, {wanted} {} wanted: {reason}. Make one that is enough with `cordon token create --uses {missing}`{}",
        enrolments(*.entered),
        if *wanted == 1 { "is" } else { "are" },
        if *kept { "" } else { "; `--state FOLDER` keeps those that are in for the next run" }
    )]
    TokenTooSmall {
        /// Endpoints that it let in in this run.
        entered: u64,
        /// Endpoints that came without an identity.
        wanted: u64,
        /// Enrolments that the next run needs.
        missing: u64,
        /// Whether those that were let in are kept for it.
        kept: bool,
        /// What the server said.
        reason: String,
    },
}

fn kept_in(folder: Option<&PathBuf>) -> String {
    folder.map_or_else(String::new, |folder| format!(" in {}", folder.display()))
}

/// So many of them more.
fn enrolments(count: u64) -> String {
    match count {
        0 => "no more enrolment".to_owned(),
        1 => "1 more enrolment".to_owned(),
        count => format!("{count} more enrolments"),
    }
}

/// Runs the fleet until `shutdown`.
///
/// # Errors
/// [`SimulateError`] when it cannot start, or when the server does not let all of it in. A lost server is no error: endpoints come back.
pub async fn run(options: Options, shutdown: CancellationToken) -> Result<Report, SimulateError> {
    run_observed(options, shutdown, Arc::new(Progress::default())).await
}

/// As [`run`], with counters that can be read meanwhile.
///
/// # Errors
/// As [`run`].
pub async fn run_observed(
    options: Options,
    shutdown: CancellationToken,
    progress: Arc<Progress>,
) -> Result<Report, SimulateError> {
    for (what, value) in [
        ("late answers", options.late),
        ("drop-outs", options.drop_out),
        ("errors", options.errors),
    ] {
        if !(0.0..=1.0).contains(&value) {
            return Err(SimulateError::Share { what, value });
        }
    }
    let token: Option<EnrolmentToken> = match &options.token {
        Some(text) => Some(text.parse().map_err(SimulateError::Token)?),
        None => None,
    };
    raise_open_files(options.agents)?;
    let agents = options.agents;
    let no_token = |known: u64| SimulateError::NoToken {
        agents,
        known,
        missing: u64::from(agents).saturating_sub(known),
        folder: options.state_dir.clone(),
    };
    let origin = token.as_ref().map(|token| Origin {
        authority: token.authority_fingerprint,
        servers: token.servers.clone(),
    });
    let opened = State::open(options.state_dir.as_deref(), options.seed, origin.as_ref())?;
    let Some(Opened {
        state,
        mut known,
        trust,
        servers,
    }) = opened
    else {
        return Err(no_token(0));
    };
    known.retain(|n, _| *n < agents);
    let wanted = u64::from(agents) - known.len() as u64;
    if token.is_none() && wanted > 0 {
        return Err(no_token(known.len() as u64));
    }
    let kept = options.state_dir.is_some();
    let world = Arc::new(World::new(
        options,
        token,
        Before {
            state,
            trust,
            servers,
        },
        Arc::clone(&progress),
    )?);
    let tracker = TaskTracker::new();
    let end = shutdown.child_token();
    for n in 0..agents {
        let identity = known.remove(&n);
        let world = Arc::clone(&world);
        tracker.spawn(agent::live(n, identity, world, end.clone()));
    }
    tracker.close();
    let mut tick = tokio::time::interval(Duration::from_secs(5));
    tick.tick().await;
    let mut last = None;
    loop {
        tokio::select! {
            () = tracker.wait() => break,
            () = world.closed(), if !end.is_cancelled() => end.cancel(),
            _ = tick.tick() => {
                let report = progress.report();
                if last.as_ref() != Some(&report) {
                    tracing::info!(
                        connected = report.connected,
                        enrolled = report.enrolled,
                        waiting = report.waiting,
                        answers = report.answers_stored,
                        "simulated endpoints"
                    );
                    last = Some(report);
                }
            }
        }
    }
    let report = progress.report();
    if world.closed.is_cancelled() {
        let (entered, all) = (report.enrolled, u64::from(agents));
        return Err(SimulateError::TokenTooSmall {
            entered,
            wanted,
            missing: if kept {
                wanted.saturating_sub(entered)
            } else {
                all
            },
            kept,
            reason: progress.last_refusal(),
        });
    }
    if agents > 0 && !shutdown.is_cancelled() && report.enrolled + report.reused == 0 {
        return Err(SimulateError::Refused {
            reason: progress.last_refusal(),
        });
    }
    Ok(report)
}

#[cfg(unix)]
fn raise_open_files(agents: u32) -> Result<(), SimulateError> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    // Sockets, and what the process needs besides.
    let needed = u64::from(agents) + 128;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|now| now >= needed) {
        return Ok(());
    }
    limit.current = limit.maximum;
    let raised = setrlimit(Resource::Nofile, limit);
    let allowed = getrlimit(Resource::Nofile).current;
    match allowed {
        Some(allowed) if raised.is_err() || allowed < needed => Err(SimulateError::OpenFiles {
            agents,
            needed,
            allowed,
        }),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn raise_open_files(_agents: u32) -> Result<(), SimulateError> {
    Ok(())
}
