//! Who does something: the owner of every right, kept as numbers that are never given twice.
//!
//! A name is for people: it stands in logs and listings. What somebody may do is decided by the numbers, never by reading
//! a name or a label.

use super::ids::{ApiTokenId, EndpointId, UserId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Names that no user may have, because a log uses them for somebody else.
pub const RESERVED_NAMES: &[&str] = &["server", "unknown", "system"];

/// Who does something.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Actor {
    /// The server itself.
    Server,
    /// Somebody who did not show who they are.
    Unknown,
    /// A person in a session.
    User {
        /// Who.
        user: UserId,
        /// Their name then.
        name: String,
    },
    /// A program with an API token.
    Token {
        /// Its owner.
        user: UserId,
        /// The owner's name then.
        name: String,
        /// The token.
        token: ApiTokenId,
    },
    /// An endpoint, by its certificate.
    Endpoint(
        /// Which.
        EndpointRef,
    ),
}

/// An endpoint inside an [`Actor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EndpointRef {
    /// Its identity.
    pub endpoint: EndpointId,
}

impl Actor {
    /// An endpoint.
    #[must_use]
    pub fn endpoint(endpoint: EndpointId) -> Self {
        Self::Endpoint(EndpointRef { endpoint })
    }

    /// The user, in person or through a token of theirs.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::User { user, .. } | Self::Token { user, .. } => Some(*user),
            Self::Server | Self::Unknown | Self::Endpoint(_) => None,
        }
    }

    /// The API token, if one was used.
    #[must_use]
    pub fn token(&self) -> Option<ApiTokenId> {
        match self {
            Self::Token { token, .. } => Some(*token),
            Self::Server | Self::Unknown | Self::User { .. } | Self::Endpoint(_) => None,
        }
    }
}

/// For people: `ada`, `ada (token 3)`, `server`, `unknown`, `endpoint:<id>`.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => f.write_str("server"),
            Self::Unknown => f.write_str("unknown"),
            Self::User { name, .. } => f.write_str(name),
            Self::Token { name, token, .. } => write!(f, "{name} (token {token})"),
            Self::Endpoint(EndpointRef { endpoint }) => write!(f, "endpoint:{endpoint}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_reads_back() {
        let name = || "ada (token 9)".to_owned();
        for actor in [
            Actor::Server,
            Actor::Unknown,
            Actor::User {
                user: UserId(1),
                name: name(),
            },
            Actor::Token {
                user: UserId(1),
                name: name(),
                token: ApiTokenId(9),
            },
            Actor::endpoint(EndpointId([7; 32])),
        ] {
            let text = serde_json::to_string(&actor).expect("an actor is JSON");
            assert_eq!(
                serde_json::from_str::<Actor>(&text).expect("it reads back"),
                actor
            );
        }
    }

    #[test]
    fn a_name_that_looks_like_a_token_is_no_token() {
        let actor = Actor::User {
            user: UserId(1),
            name: "ada (token 9)".into(),
        };
        assert_eq!(actor.token(), None);
        assert_eq!(actor.user(), Some(UserId(1)));
    }
}
