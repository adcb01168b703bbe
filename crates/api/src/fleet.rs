//! Endpoints, enrolment tokens, and the replacement of keys.

use crate::Secret;
use crate::ids::{EndpointId, EnrolmentTokenId, Fingerprint, OrderKey, RecoveryKey};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Whether an endpoint may work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Enrolled, but an administrator has to approve it.
    Waiting,
    /// Works.
    Approved,
    /// Shut out for good.
    Revoked,
}

/// A system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// Linux.
    Linux,
    /// macOS.
    Macos,
    /// Windows.
    Windows,
    /// Anything else that an agent said.
    Other,
}

impl Platform {
    /// From what an agent says of itself.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            "linux" => Self::Linux,
            "macos" => Self::Macos,
            "windows" => Self::Windows,
            _ => Self::Other,
        }
    }
}

/// What an agent measured about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgentVitals {
    /// Resident memory in bytes.
    pub memory: u64,
    /// Processor time in milliseconds.
    pub cpu_ms: u64,
    /// Uptime in seconds.
    pub uptime: u64,
    /// Threads that hang in a sensor beyond its limit.
    pub hanging: u32,
}

/// An endpoint.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EndpointInfo {
    /// Its identifier.
    pub id: EndpointId,
    /// Its small number, never given to another.
    pub ordinal: u32,
    /// Host name as it last said.
    pub hostname: String,
    /// Its system, as it last said.
    pub platform: Platform,
    /// Version of its agent, as it last said.
    pub agent_version: String,
    /// Whether it may work.
    pub state: Standing,
    /// Whether two machines showed this identity; approving the endpoint again clears it.
    pub doubled: bool,
    /// Whether it is connected now.
    pub online: bool,
    /// Where it connects from: address and port.
    #[schema(required)]
    pub address: Option<String>,
    /// Since when it is connected.
    #[schema(required)]
    pub connected_since: Option<Timestamp>,
    /// What it measured about itself.
    #[schema(required)]
    pub vitals: Option<AgentVitals>,
    /// When it enrolled.
    pub enrolled_at: Timestamp,
    /// When it was last connected.
    #[schema(required)]
    pub last_seen: Option<Timestamp>,
    /// End of its newest certificate.
    #[schema(required)]
    pub certificate_until: Option<Timestamp>,
}

/// An endpoint as people call it: its host name, its ordinal, its identifier, or a beginning of that of at least four digits. What only one
/// endpoint goes by names it; a whole identifier always does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(min_length = 1, max_length = 255)]
pub struct EndpointName(pub String);

/// Which endpoints.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EndpointsQuery {
    /// Only those whose host name or identifier contains this, without regard to case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// Only those that are connected, or only those that are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub online: Option<bool>,
    /// Only those of this standing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Standing>,
    /// Endpoints to leave out at the beginning.
    #[serde(default)]
    pub offset: u32,
    /// Endpoints at most; all unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// An enrolment token, without its secret.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EnrolmentTokenInfo {
    /// Number.
    pub id: EnrolmentTokenId,
    /// Machines it may let in; `null` means any number.
    #[schema(required)]
    pub uses: Option<u32>,
    /// Machines it may still let in; `null` means any number.
    #[schema(required)]
    pub uses_left: Option<u32>,
    /// Machines it let in.
    pub used: u32,
    /// Last moment.
    pub expires_at: Timestamp,
    /// Whether its endpoints wait for approval.
    pub approve: bool,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it was withdrawn.
    #[schema(required)]
    pub revoked_at: Option<Timestamp>,
}

/// An enrolment token to be made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentTokenToCreate {
    /// Machines it may let in: 1 unless told, `null` for any number.
    #[serde(default = "one_use")]
    #[schema(minimum = 1)]
    pub uses: Option<u32>,
    /// Its life in seconds, an hour unless told.
    #[serde(default = "an_hour")]
    #[schema(minimum = 1, maximum = 31_622_400)]
    pub expires_seconds: u64,
    /// Whether its endpoints wait for approval, even where the server does not demand it.
    #[serde(default)]
    pub approve: bool,
}

#[expect(clippy::unnecessary_wraps, reason = "the default of an optional field")]
fn one_use() -> Option<u32> {
    Some(1)
}

fn an_hour() -> u64 {
    3600
}

/// An enrolment token that was made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EnrolmentTokenCreated {
    /// Number.
    pub id: EnrolmentTokenId,
    /// The token, told this once only.
    #[schema(value_type = String, format = Password)]
    pub token: Secret,
    /// Last moment.
    pub expires_at: Timestamp,
}

/// What is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TrustPart {
    /// The certificate authority.
    Authority,
    /// The key that signs orders.
    OrderKey,
}

/// Where a replacement of keys stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrustStatus {
    /// Version of the trust bundle.
    pub version: u64,
    /// Authorities, oldest first; two while one replaces the other.
    pub authorities: Vec<Fingerprint>,
    /// Order keys, oldest first.
    pub order_keys: Vec<OrderKey>,
    /// Recovery keys that agents pin; none until one is made on the server's machine.
    pub recovery_keys: Vec<RecoveryKey>,
    /// Approved endpoints that have not been told of this version, or hold a certificate of an older authority. They would
    /// be locked out if the old part were dropped now.
    pub behind: u64,
}

/// What to replace.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// The certificate authority or the key that signs orders.
    pub what: TrustPart,
}

/// What to drop.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DropOld {
    /// The certificate authority or the key that signs orders.
    pub what: TrustPart,
    /// Drop it even if that locks endpoints out.
    #[serde(default)]
    pub force: bool,
}

/// The authorities by which this server is known. A client that pins them takes a change from here, over a connection that the
/// authorities it holds vouch for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Authorities {
    /// Rises with each change; replies carry it in the header `x-cordon-trust`.
    pub version: u64,
    /// Oldest first; two while one replaces the other.
    pub authorities: Vec<Authority>,
}

/// A certificate authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Authority {
    /// SHA-256 of its certificate.
    pub fingerprint: Fingerprint,
    /// Its certificate, PEM.
    pub certificate: String,
}
