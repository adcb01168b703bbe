//! What is kept about endpoints and enrolment tokens.

use super::error::Reply;
use crate::model::audit::Deed;
use crate::model::endpoint::{Endpoint, Keys, Refusal, Standing, TokenInfo};
use crate::model::ids::{EndpointId, TokenId};
use jiff::Timestamp;

/// A machine that asks to be let in.
#[derive(Clone, Debug)]
pub struct Applicant {
    /// What its key makes it.
    pub id: EndpointId,
    /// Host name.
    pub hostname: String,
    /// Platform.
    pub platform: String,
    /// Facts about the machine, hashed.
    pub machine: Vec<u8>,
    /// Its sealing key.
    pub sealing: Option<[u8; 32]>,
    /// SHA-256 of the secret it showed.
    pub secret: [u8; 32],
    /// The server's clock.
    pub now: Timestamp,
}

/// What an application gave.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one is made for each enrolment and taken apart at once"
)]
pub enum Enrolment {
    /// The endpoint stands in the store: as new, or as it did before when the same key came again.
    Known {
        /// The endpoint.
        endpoint: Endpoint,
        /// Whether it was added just now.
        added: bool,
    },
    /// Nothing was changed.
    Refused(Refusal),
}

/// An enrolment token to keep.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// SHA-256 of its secret.
    pub secret: [u8; 32],
    /// Machines it may let in.
    pub uses: Option<u32>,
    /// Last moment.
    pub expires_at: Timestamp,
    /// Whether its endpoints wait.
    pub approve: bool,
    /// Who makes it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}

/// What an endpoint said of itself when it was last here.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// Which endpoint.
    pub ordinal: u32,
    /// When.
    pub at: Timestamp,
    /// Host name.
    pub hostname: String,
    /// Platform.
    pub platform: String,
    /// Version of the agent.
    pub agent_version: String,
    /// Machine facts.
    pub machine: Vec<u8>,
    /// Trust it holds or was sent.
    pub trust_version: u64,
}

/// Endpoints and enrolment tokens.
pub trait Endpoints {
    /// All endpoints, by ordinal.
    fn endpoints(&self) -> Reply<'_, Vec<Endpoint>>;
    /// Lets a machine in, or not, in one transaction: a token's use is counted if and only if an endpoint was added by it.
    fn enrol(&self, applicant: Applicant) -> Reply<'_, Enrolment>;
    /// Changes an endpoint's standing.
    fn set_standing(&self, ordinal: u32, standing: Standing, deed: Deed) -> Reply<'_, ()>;
    /// Marks an endpoint whose identity two machines showed.
    fn set_doubled(&self, ordinal: u32, deed: Deed) -> Reply<'_, ()>;
    /// Replaces what is known of an endpoint's keys.
    fn set_keys(&self, ordinal: u32, keys: Keys, deed: Option<Deed>) -> Reply<'_, ()>;
    /// Notes the newest certificates: ordinal, issuer, end.
    fn certificates_issued(&self, issued: Vec<(u32, String, Timestamp)>) -> Reply<'_, ()>;
    /// Notes what endpoints said of themselves.
    fn sightings(&self, sightings: Vec<Sighting>) -> Reply<'_, ()>;
    /// Keeps a new token.
    fn add_token(&self, token: NewToken, deed: Deed) -> Reply<'_, TokenInfo>;
    /// All tokens, newest first.
    fn tokens(&self) -> Reply<'_, Vec<TokenInfo>>;
    /// Withdraws a token.
    fn revoke_token(&self, id: TokenId, at: Timestamp, deed: Deed) -> Reply<'_, ()>;
}
