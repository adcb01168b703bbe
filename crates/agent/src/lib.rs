//! The agent: holds one connection to the server, checks the orders that come over it, answers questions from this
//! machine's sensors, and keeps every answer until the server has it.
//!
//! - [`identity`]: key, certificate, trust; enrolment and TLS.
//! - [`link`]: the connection and the conversation on it.
//! - [`orders`]: the life of an order, pure; [`spool`]: the same on disk; [`desk`]: both driven together.
//! - [`evaluate`]: filter, sensors, limits; [`answers`]: what came of it, cut and packed for the channel.
//! - [`indexing`]: starts the process that keeps the Index, where one is configured.
//! - [`local`]: a question to this machine without any server.
//! - [`local_socket`]: a conversation with processes of this machine whose account is known; [`inquiry`]: people who ask over
//!   it how the agent stands.
//! - [`outside`]: connections and the wall clock, which a test may replace.
//! - [`vitals`] and [`status`]: what the agent says about itself; [`platform`]: what differs by system.
//!
//! One asynchronous thread serves the channel. Orders and sensors have threads of their own for as long as they run, so an
//! idle agent is one sleeping thread with one timer.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

pub mod answers;
pub mod desk;
pub mod evaluate;
mod files;
pub mod identity;
pub mod indexing;
pub mod inquiry;
pub mod link;
pub mod local;
pub mod local_socket;
mod lock;
pub mod orders;
pub mod outside;
pub mod platform;
pub mod spool;
pub mod status;
pub mod vitals;

use desk::Desk;
use evaluate::Evaluator;
use evaluate::source::{Native, Sensors};
use identity::{Identity, IdentityError};
use indexing::Indexer;
use outside::Outside;
use question::chain;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

pub use identity::enrol::{EnrolError, EnrolOutcome, enrol};
pub use identity::revocation::{LiftError, Lifted, lift};
pub use link::LinkError;
pub use lock::LockError;
pub use protocol::token::EnrolmentToken;
pub use spool::SpoolError;

/// How an agent runs.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder with the identity, the spool and the tags. Nobody else may enter it.
    pub state_dir: PathBuf,
    /// Servers to try, `host:port`, after those of the signed list and before those of the enrolment token.
    pub servers: Vec<String>,
    /// Keeps the Index of this endpoint; without one nothing is started.
    pub indexer: Option<Arc<dyn Indexer>>,
}

/// Why the agent ended.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// There is no identity.
    #[error(
        "this machine is not enrolled: {state_dir} holds no identity; use `cordon enrol` first"
    )]
    NotEnrolled {
        /// The state folder.
        state_dir: PathBuf,
    },
    /// An administrator has to approve first.
    #[error(
        "this machine asked a server for a certificate and has none yet: run `cordon enrol` again when an administrator approved it, or with another token when the last one was refused"
    )]
    NotApproved,
    /// The server revoked the identity earlier, signed by an order key.
    #[error(
        "the server revoked this endpoint; if that was a mistake, enrol it again with a new token, or lift it here with `cordon agent lift-revocation`"
    )]
    Revoked,
    /// Another agent runs here.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The identity cannot be read.
    #[error("the identity is not usable")]
    Identity(#[from] IdentityError),
    /// The spool cannot be opened.
    #[error("the spool is not usable")]
    Spool(#[from] SpoolError),
    /// The spool failed while the agent ran.
    #[error("the spool failed and no new one could be begun; the log says why")]
    SpoolLost,
    /// The link ended for good.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// Whether this folder holds a complete identity that was not revoked.
#[must_use]
pub fn is_enrolled(state_dir: &Path) -> bool {
    Identity::load(state_dir)
        .ok()
        .flatten()
        .is_some_and(|identity| identity.named().is_some() && !identity.revoked)
}

/// Runs the agent with this build's sensors, all in this process, until `shutdown`.
///
/// # Errors
/// [`AgentError`], when there is no point in going on.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), AgentError> {
    run_with(config, Arc::new(Native::default()), shutdown).await
}

/// Runs the agent with other sensors.
///
/// # Errors
/// As [`run`].
pub async fn run_with(
    config: Config,
    sensors: Arc<dyn Sensors>,
    shutdown: CancellationToken,
) -> Result<(), AgentError> {
    run_in(config, sensors, Outside::default(), shutdown).await
}

/// Runs the agent with other sensors in another world.
///
/// # Errors
/// As [`run`].
pub async fn run_in(
    config: Config,
    sensors: Arc<dyn Sensors>,
    outside: Outside,
    shutdown: CancellationToken,
) -> Result<(), AgentError> {
    let state_dir = config.state_dir;
    if !state_dir.is_dir() {
        return Err(AgentError::NotEnrolled { state_dir });
    }
    let _lock = lock::take_after(&state_dir).await?;
    let Some(mut identity) = Identity::load(&state_dir)? else {
        return Err(AgentError::NotEnrolled { state_dir });
    };
    if identity.revoked {
        return Err(AgentError::Revoked);
    }
    if identity.named().is_none() {
        return Err(AgentError::NotApproved);
    }
    match identity.complete() {
        Ok(true) => tracing::info!("this endpoint has a sealing key now"),
        Ok(false) => {}
        Err(error) => {
            tracing::warn!(error = %chain(&error), "this endpoint has no sealing key yet");
        }
    }
    if let Some(lifted) = &identity.lifted {
        tracing::warn!(by = %lifted.by, at = lifted.at, "an earlier revocation of this endpoint was lifted on this machine");
    }
    let status = status::Status::new(&identity, state_dir.clone());
    let facts = {
        let status = Arc::clone(&status);
        Arc::new(move || status.facts())
    };
    let desk = Desk::open(&state_dir, Evaluator::new(sensors, facts))?;
    status.watch(&desk);
    let ended = tokio::select! {
        ended = link::keep(identity, config.servers, Arc::clone(&desk), Arc::clone(&status), outside, shutdown) => ended.map_err(AgentError::from),
        () = desk.broken.cancelled() => Err(AgentError::SpoolLost),
        never = inquiry::answer(&state_dir, Arc::clone(&status)) => match never {},
        never = indexing::keep(config.indexer) => match never {},
    };
    desk.close();
    ended
}
