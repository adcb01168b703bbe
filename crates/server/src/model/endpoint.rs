//! Endpoints, enrolment tokens, and why a machine was not let in.

use super::ids::{EndpointId, TokenId};
use serde::{Deserialize, Serialize};

/// Whether an endpoint may work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Enrolled, but an administrator has to approve it.
    Waiting,
    /// Works.
    Approved,
    /// Shut out for good.
    Revoked,
}

/// An endpoint as the server knows it. Whether it is connected is [`crate::fleet::Fleet`]'s to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// Its identity.
    pub id: EndpointId,
    /// Its small number, assigned once and never given to another.
    pub ordinal: u32,
    /// Host name as it last said.
    pub hostname: String,
    /// `linux`, `macos` or `windows`, as it last said.
    pub platform: String,
    /// Version of its agent, as it last said.
    pub agent_version: String,
    /// Whether it may work.
    pub standing: Standing,
    /// Two machines showed this identity, or it moved to another machine; cleared by approving the endpoint again.
    pub doubled: bool,
    /// When it enrolled.
    pub enrolled_at: jiff::Timestamp,
    /// When it was last connected.
    pub last_seen: Option<jiff::Timestamp>,
    /// End of its newest certificate.
    pub certificate_until: Option<jiff::Timestamp>,
    /// Facts about the machine, hashed; see [`protocol::message::Hello::machine`].
    #[serde(skip)]
    pub machine: Vec<u8>,
    /// Version of the trust bundle it is known to hold.
    #[serde(skip)]
    pub trust_version: u64,
    /// Authority (hex SHA-256) that issued the newest certificate it is known to hold.
    #[serde(skip)]
    pub issuer: String,
    /// Its public keys.
    #[serde(skip)]
    pub keys: Keys,
}

/// Public keys of an endpoint, as far as they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// SHA-256 of the key it connects with (SubjectPublicKeyInfo, DER).
    pub current: Option<[u8; 32]>,
    /// The same of a key that a renewal brought and that was not shown yet. When it is, it becomes the current one, and
    /// the one before has ended: had it ended earlier, a lost reply would have locked the endpoint out.
    pub next: Option<[u8; 32]>,
    /// X25519 key that secrets for this endpoint are sealed to, see [`protocol::sealing`].
    pub sealing: Option<[u8; 32]>,
}

/// An enrolment token as listed: never its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TokenInfo {
    /// Number.
    pub id: TokenId,
    /// Machines it may let in; `None` means any number.
    pub uses: Option<u32>,
    /// Machines it let in.
    pub used: u32,
    /// Last moment.
    pub expires_at: jiff::Timestamp,
    /// Whether its endpoints wait for approval.
    pub approve: bool,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: jiff::Timestamp,
    /// When it was withdrawn.
    pub revoked_at: Option<jiff::Timestamp>,
}

/// What a token to be made should allow.
#[derive(Clone, Copy, Debug)]
pub struct TokenRequest {
    /// Machines it may let in; `None` means any number.
    pub uses: Option<u32>,
    /// How long it lives.
    pub life: std::time::Duration,
    /// Whether its endpoints wait for approval, even where the server does not demand it.
    pub approve: bool,
}

/// Why a machine was not let in. The text goes to the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such token: wrong secret, or made by another server.
    #[error("this enrolment token is not known to the server")]
    UnknownToken,
    /// Expired.
    #[error("this enrolment token has expired; ask for a new one")]
    Expired,
    /// Used up.
    #[error("this enrolment token was used already; ask for a new one")]
    UsedUp,
    /// Withdrawn.
    #[error("this enrolment token was withdrawn; ask for a new one")]
    Withdrawn,
    /// Endpoint revoked.
    #[error("this endpoint was revoked; remove its identity and enrol it anew")]
    Revoked,
    /// Bad request.
    #[error(
        "the certificate signing request is not usable: it needs an ECDSA P-256 or Ed25519 key and its own signature"
    )]
    Request,
    /// The server could not look.
    #[error("the server cannot enrol at the moment; try again")]
    Unavailable,
    /// The server's disk is full.
    #[error(
        "the server cannot enrol: its disk is full; an administrator has to make room there, then try again"
    )]
    Full,
}

impl Refusal {
    /// Whether the reason is the server's, and passes.
    pub(crate) fn is_passing(self) -> bool {
        matches!(self, Self::Unavailable | Self::Full)
    }
}

/// A certificate that was made for an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certified {
    /// SHA-256 of it.
    pub digest: [u8; 32],
    /// Authority (hex SHA-256) that issued it.
    pub issuer: String,
    /// Its end.
    pub until: jiff::Timestamp,
}
