//! How the agent stands, asked by people at the machine: what the sensor Agent Status tells a fleet, without a server between.
//!
//! The running agent answers at [`path`] ([`crate::local_socket`]), to its own account and to root.

use crate::local_socket::{self, Accounts, Listener, SocketError, connect};
use crate::status::Status;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tracing::{info, warn};

/// Longest request.
const REQUEST_MAX: usize = 4 << 10;

/// Where the agent of this state folder answers.
#[must_use]
pub fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("agent.sock")
}

/// What is asked.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Request {
    /// Which of them; none for one that this version does not know.
    #[prost(oneof = "Asked", tags = "1")]
    pub asked: Option<Asked>,
}

/// The requests.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Asked {
    /// How it stands.
    #[prost(message, tag = "1")]
    Status(StatusAsked),
}

/// Asks how the agent stands.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StatusAsked {}

/// What is answered.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Reply {
    /// Why there is no answer; empty when there is one.
    #[prost(string, tag = "1")]
    pub refused: String,
    /// Facts, in the order to show them in.
    #[prost(message, repeated, tag = "2")]
    pub facts: Vec<Fact>,
}

/// One fact.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Fact {
    /// What.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// Why nothing was learned.
#[derive(Debug, thiserror::Error)]
pub enum InquiryError {
    /// The conversation.
    #[error("the agent of {state_dir} cannot be asked; it may not run")]
    Socket {
        /// Its state folder.
        state_dir: PathBuf,
        /// What happened.
        #[source]
        source: SocketError,
    },
    /// The state folder.
    #[error("cannot look at the state folder {state_dir}")]
    Folder {
        /// Which.
        state_dir: PathBuf,
        /// System's error.
        #[source]
        source: std::io::Error,
    },
    /// It answered otherwise.
    #[error("the agent does not say: {0}")]
    Refused(String),
}

/// Answers for as long as it is polled. An agent that cannot listen works on without.
pub(crate) async fn answer(state_dir: &Path, status: Arc<Status>) -> Infallible {
    let listener = match Listener::bind(&path(state_dir), Accounts::own_and_root()) {
        Ok(listener) => listener,
        Err(error @ SocketError::Unsupported) => {
            info!("{error}");
            return std::future::pending().await;
        }
        Err(error) => {
            warn!(error = %crate::chain(&error), "nobody at this machine can ask how the agent stands");
            return std::future::pending().await;
        }
    };
    local_socket::serve(
        listener,
        REQUEST_MAX,
        Arc::new(move |request| reply(request, &status)),
    )
    .await
}

fn reply(request: Request, status: &Status) -> Reply {
    let Some(Asked::Status(StatusAsked {})) = request.asked else {
        return Reply {
            refused: "this version does not know the request".into(),
            facts: Vec::new(),
        };
    };
    let facts = status.facts();
    let mut shown = vec![
        ("Endpoint".to_owned(), facts.endpoint_id),
        ("Version".to_owned(), facts.agent_version),
    ];
    shown.extend(facts.status);
    Reply {
        refused: String::new(),
        facts: shown
            .into_iter()
            .map(|(name, value)| Fact { name, value })
            .collect(),
    }
}

/// Asks the agent of this state folder how it stands; believes the folder's owner and root alone.
///
/// # Errors
/// [`InquiryError`].
pub async fn status(state_dir: &Path) -> Result<Vec<(String, String)>, InquiryError> {
    let accounts = Accounts::owner_and_root(state_dir).map_err(|source| InquiryError::Folder {
        state_dir: state_dir.into(),
        source,
    })?;
    let asked = async {
        let mut agent = connect(&path(state_dir), &accounts).await?;
        let request = Request {
            asked: Some(Asked::Status(StatusAsked {})),
        };
        agent.ask::<_, Reply>(&request).await
    };
    let reply = asked.await.map_err(|source| InquiryError::Socket {
        state_dir: state_dir.into(),
        source,
    })?;
    if !reply.refused.is_empty() {
        return Err(InquiryError::Refused(reply.refused));
    }
    Ok(reply.facts.into_iter().map(|f| (f.name, f.value)).collect())
}
