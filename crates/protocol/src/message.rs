//! The messages of the channel, one protobuf message each, in two envelopes: [`ToServer`] and [`ToAgent`].
//!
//! Field numbers are never reused. A variant that a peer does not know decodes to `body: None` and is skipped.

use answer::State;
use prost::{Message, Oneof};

/// Anything an agent says.
#[derive(Clone, PartialEq, Message)]
pub struct ToServer {
    /// The message; `None` when this build does not know it.
    #[prost(oneof = "agent_says::Body", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 20")]
    pub body: Option<agent_says::Body>,
}

/// Variants of [`ToServer`].
pub mod agent_says {
    /// See [`super::ToServer`].
    #[derive(Clone, PartialEq, super::Oneof)]
    pub enum Body {
        /// First message of an enrolled agent.
        #[prost(message, tag = "1")]
        Hello(super::Hello),
        /// First and only message of a machine without a certificate.
        #[prost(message, tag = "2")]
        Enrol(super::Enrol),
        /// Part of an answer.
        #[prost(message, tag = "3")]
        Answer(super::AnswerPart),
        /// An order was refused.
        #[prost(message, tag = "4")]
        Refusal(super::Refusal),
        /// Keep-alive request; the value comes back.
        #[prost(uint64, tag = "5")]
        Ping(u64),
        /// Reply to the server's ping.
        #[prost(uint64, tag = "6")]
        Pong(u64),
        /// Certificate signing request (PKCS #10, DER) for renewal.
        #[prost(bytes = "vec", tag = "7")]
        Renew(Vec<u8>),
        /// What the agent measured about itself.
        #[prost(message, tag = "8")]
        Vitals(super::Vitals),
        /// An order is written down and will be worked on.
        #[prost(message, tag = "9")]
        Accepted(super::Accepted),
        /// What the agent has on disk, after a change of it.
        #[prost(message, tag = "20")]
        Holds(super::Holds),
    }
}

/// Anything a server says.
#[derive(Clone, PartialEq, Message)]
pub struct ToAgent {
    /// The message; `None` when this build does not know it.
    #[prost(oneof = "server_says::Body", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 20")]
    pub body: Option<server_says::Body>,
}

/// Variants of [`ToAgent`].
pub mod server_says {
    /// See [`super::ToAgent`].
    #[derive(Clone, PartialEq, super::Oneof)]
    pub enum Body {
        /// Answer to `Hello`.
        #[prost(message, tag = "1")]
        Welcome(super::Welcome),
        /// Answer to `Enrol`.
        #[prost(message, tag = "2")]
        Enrolled(super::Enrolled),
        /// An order to obey, if it passes the endpoint's checks.
        #[prost(message, tag = "3")]
        Order(super::SignedOrder),
        /// An answer is stored; the agent may forget it.
        #[prost(message, tag = "4")]
        Stored(super::AnswerStored),
        /// Keep-alive request; the value comes back.
        #[prost(uint64, tag = "5")]
        Ping(u64),
        /// Reply to the agent's ping.
        #[prost(uint64, tag = "6")]
        Pong(u64),
        /// Renewed certificate.
        #[prost(message, tag = "7")]
        Renewed(super::Credentials),
        /// New trust: certificate authorities and order keys, signed by an order key the agent already trusts.
        #[prost(message, tag = "8")]
        Trust(super::SignedTrust),
        /// The server closes this connection; the text says why.
        #[prost(message, tag = "9")]
        Goodbye(super::Goodbye),
        /// This endpoint is shut out for good; comes before the goodbye.
        #[prost(message, tag = "20")]
        Revoked(super::Revoked),
    }
}

/// Who connects. Identity itself comes from the certificate; this only describes the machine.
#[derive(Clone, PartialEq, Message)]
pub struct Hello {
    /// [`crate::VERSION`] of the agent.
    #[prost(uint32, tag = "1")]
    pub protocol: u32,
    /// Version of the agent program.
    #[prost(string, tag = "2")]
    pub agent_version: String,
    /// Host name.
    #[prost(string, tag = "3")]
    pub hostname: String,
    /// `linux`, `macos` or `windows`.
    #[prost(string, tag = "4")]
    pub platform: String,
    /// SHA-256 over facts that differ between machines (machine id, first hardware address): two machines
    /// that show one certificate differ here.
    #[prost(bytes = "vec", tag = "5")]
    pub machine: Vec<u8>,
    /// Random, made anew at each start of the process.
    #[prost(bytes = "vec", tag = "6")]
    pub instance: Vec<u8>,
    /// Highest version of the trust bundle the agent holds.
    #[prost(uint64, tag = "7")]
    pub trust_version: u64,
    /// Orders of one lane that may be with the agent at once and are not done; 0 leaves it to the server
    /// ([`crate::lane::Lane::credit`]).
    #[prost(uint32, tag = "20")]
    pub credit: u32,
}

/// A machine asks for an identity.
#[derive(Clone, PartialEq, Message)]
pub struct Enrol {
    /// [`crate::VERSION`] of the agent.
    #[prost(uint32, tag = "1")]
    pub protocol: u32,
    /// The token's secret.
    #[prost(bytes = "vec", tag = "2")]
    pub secret: Vec<u8>,
    /// Certificate signing request, PKCS #10, DER. Only its public key is used.
    #[prost(bytes = "vec", tag = "3")]
    pub csr: Vec<u8>,
    /// Host name.
    #[prost(string, tag = "4")]
    pub hostname: String,
    /// `linux`, `macos` or `windows`.
    #[prost(string, tag = "5")]
    pub platform: String,
    /// As in [`Hello::machine`].
    #[prost(bytes = "vec", tag = "6")]
    pub machine: Vec<u8>,
}

/// Outcome of an enrolment.
#[derive(Clone, PartialEq, Message)]
pub struct Enrolled {
    /// Given when the endpoint may work.
    #[prost(message, optional, tag = "1")]
    pub credentials: Option<Credentials>,
    /// True while an administrator has to approve: ask again, with the same key, after `retry_after_seconds`.
    #[prost(bool, tag = "2")]
    pub waiting: bool,
    /// Why it was refused; empty otherwise.
    #[prost(string, tag = "3")]
    pub refused: String,
    /// When to ask again.
    #[prost(uint32, tag = "4")]
    pub retry_after_seconds: u32,
}

/// An endpoint's certificate and what it trusts.
#[derive(Clone, PartialEq, Message)]
pub struct Credentials {
    /// Certificate, DER.
    #[prost(bytes = "vec", tag = "1")]
    pub certificate: Vec<u8>,
    /// Ordinal of the endpoint.
    #[prost(uint32, tag = "2")]
    pub ordinal: u32,
    /// Trust at this moment.
    #[prost(message, optional, tag = "3")]
    pub trust: Option<Trust>,
}

/// Whom an agent believes.
#[derive(Clone, PartialEq, Message)]
pub struct Trust {
    /// Grows with each change; see [`Self::epoch`].
    #[prost(uint64, tag = "1")]
    pub version: u64,
    /// Certificate authorities, DER; two while one replaces another.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub authorities: Vec<Vec<u8>>,
    /// Ed25519 public keys (32 bytes) that may sign orders; two while one replaces another.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub order_keys: Vec<Vec<u8>>,
    /// Servers in the order to try them, `host:port`; empty keeps the agent's own list.
    #[prost(string, repeated, tag = "4")]
    pub servers: Vec<String>,
    /// Ed25519 public keys (32 bytes) whose private halves are kept off line: they may sign a trust in place of everything that was
    /// stolen, and nothing else. Once an agent holds some, only one of them can change them.
    #[prost(bytes = "vec", repeated, tag = "5")]
    pub recovery_keys: Vec<Vec<u8>>,
}

impl Trust {
    /// The upper half of the version. An order key can only sign within the epoch that an agent holds, a recovery key only a later one:
    /// so no thief of order keys can outrun a recovery, whatever version they name.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.version >> 32
    }

    /// The first version of the epoch after this version's.
    #[must_use]
    pub const fn next_epoch(version: u64) -> u64 {
        ((version >> 32) + 1) << 32
    }
}

/// A [`Trust`] signed by an order key that the agent already holds, or by a recovery key.
#[derive(Clone, PartialEq, Message)]
pub struct SignedTrust {
    /// Encoded [`Trust`].
    #[prost(bytes = "vec", tag = "1")]
    pub trust: Vec<u8>,
    /// Public key of the signer.
    #[prost(bytes = "vec", tag = "2")]
    pub key: Vec<u8>,
    /// Ed25519 signature over the domain prefix and `trust`.
    #[prost(bytes = "vec", tag = "3")]
    pub signature: Vec<u8>,
}

/// What an endpoint has written down of what it was sent: until then it may be lost, and the old must stay good.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Holds {
    /// Version of its trust bundle.
    #[prost(uint64, tag = "1")]
    pub trust_version: u64,
    /// SHA-256 of its certificate, DER.
    #[prost(bytes = "vec", tag = "2")]
    pub certificate: Vec<u8>,
}

/// The server accepts a connection.
#[derive(Clone, PartialEq, Message)]
pub struct Welcome {
    /// [`crate::VERSION`] of the server.
    #[prost(uint32, tag = "1")]
    pub protocol: u32,
    /// Ordinal of this endpoint.
    #[prost(uint32, tag = "2")]
    pub ordinal: u32,
    /// Server clock, seconds since 1970.
    #[prost(int64, tag = "3")]
    pub now: i64,
    /// Keep-alive interval to use.
    #[prost(uint32, tag = "4")]
    pub keep_alive_seconds: u32,
}

/// A signed order. `body` is an encoded [`Order`]: what was signed is what is decoded, byte for byte.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SignedOrder {
    /// Encoded [`Order`].
    #[prost(bytes = "vec", tag = "1")]
    pub body: Vec<u8>,
    /// Public key of the signer.
    #[prost(bytes = "vec", tag = "2")]
    pub key: Vec<u8>,
    /// Ed25519 signature over the domain prefix and `body`.
    #[prost(bytes = "vec", tag = "3")]
    pub signature: Vec<u8>,
}

/// What the server wants done.
#[derive(Clone, PartialEq, Message)]
pub struct Order {
    /// Number, never reused by this server's order keys; grows.
    #[prost(uint64, tag = "1")]
    pub number: u64,
    /// Seconds since 1970.
    #[prost(int64, tag = "2")]
    pub issued: i64,
    /// Seconds since 1970; not obeyed afterwards.
    #[prost(int64, tag = "3")]
    pub expires: i64,
    /// Who asked, for people.
    #[prost(string, tag = "4")]
    pub asked_by: String,
    /// Number of the user who asked; 0 when it was no user.
    #[prost(uint64, tag = "20")]
    pub asked_by_user: u64,
    /// Number of the API token that was used; 0 when it was none.
    #[prost(uint64, tag = "21")]
    pub asked_by_token: u64,
    /// User who approved; empty when no approval was needed.
    #[prost(string, tag = "5")]
    pub approved_by: String,
    /// Serialized Roaring bitmap of ordinals (portable format). Empty means every endpoint, and only a question may be for every
    /// endpoint without naming it ([`crate::order::admit`]).
    #[prost(bytes = "vec", tag = "6")]
    pub targets: Vec<u8>,
    /// SHA-256 over the encoded payload: logs and audit name an order's content by it.
    #[prost(bytes = "vec", tag = "7")]
    pub digest: Vec<u8>,
    /// What to do.
    #[prost(oneof = "payload::Payload", tags = "10, 11")]
    pub payload: Option<payload::Payload>,
}

/// Variants of [`Order::payload`].
pub mod payload {
    /// See [`super::Order`].
    #[derive(Clone, PartialEq, super::Oneof)]
    pub enum Payload {
        /// Answer a question.
        #[prost(message, tag = "10")]
        Question(super::QuestionOrder),
        /// Stop working on an earlier order.
        #[prost(message, tag = "11")]
        Cancel(super::CancelOrder),
    }
}

/// Answer this question.
#[derive(Clone, PartialEq, Message)]
pub struct QuestionOrder {
    /// Canonical text.
    #[prost(string, tag = "1")]
    pub text: String,
    /// Upper bounds that lower the sensors' own limits; zero leaves a limit as declared.
    #[prost(message, optional, tag = "2")]
    pub limits: Option<OrderLimits>,
}

/// Limits an order sets.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct OrderLimits {
    /// Wall time in milliseconds.
    #[prost(uint64, tag = "1")]
    pub wall_ms: u64,
    /// Processor time in milliseconds.
    #[prost(uint64, tag = "2")]
    pub cpu_ms: u64,
    /// Memory in bytes.
    #[prost(uint64, tag = "3")]
    pub memory: u64,
    /// Rows.
    #[prost(uint64, tag = "4")]
    pub rows: u64,
    /// Bytes.
    #[prost(uint64, tag = "5")]
    pub bytes: u64,
}

/// Stop this order.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct CancelOrder {
    /// Number of the order to stop.
    #[prost(uint64, tag = "1")]
    pub order: u64,
}

/// Part of an endpoint's answer to one order. Parts of one answer carry the same `attempt` and come in order;
/// the server takes the answer when `last` arrives and row counts agree.
#[derive(Clone, PartialEq, Message)]
pub struct AnswerPart {
    /// Number of the order answered.
    #[prost(uint64, tag = "1")]
    pub order: u64,
    /// Random number of this sending: parts of an earlier, broken sending are dropped.
    #[prost(uint64, tag = "2")]
    pub attempt: u64,
    /// 0, 1, 2 …
    #[prost(uint32, tag = "3")]
    pub part: u32,
    /// True on the last part.
    #[prost(bool, tag = "4")]
    pub last: bool,
    /// Rows of this part.
    #[prost(message, repeated, tag = "5")]
    pub rows: Vec<WireRow>,
    /// On the last part: state of the endpoint, see [`Self::state`].
    #[prost(uint32, tag = "10")]
    pub state_number: u32,
    /// On the last part: what went wrong, sensor by sensor.
    #[prost(message, repeated, tag = "7")]
    pub problems: Vec<Problem>,
    /// On the last part: number of rows in all parts together.
    #[prost(uint64, tag = "8")]
    pub total_rows: u64,
    /// On the last part: rows that a limit cut off, where the endpoint can tell.
    #[prost(uint64, tag = "9")]
    pub rows_cut: u64,
}

/// One row of one table of the answer.
#[derive(Clone, PartialEq, Message)]
pub struct WireRow {
    /// Index of the table in the question's plan.
    #[prost(uint32, tag = "1")]
    pub table: u32,
    /// Cells, any bytes.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub cells: Vec<Vec<u8>>,
}

/// A sensor that did not give (all of) its rows.
#[derive(Clone, PartialEq, Message)]
pub struct Problem {
    /// Canonical name.
    #[prost(string, tag = "1")]
    pub sensor: String,
    /// Its state, see [`Self::state`].
    #[prost(uint32, tag = "4")]
    pub state_number: u32,
    /// What happened, for people.
    #[prost(string, tag = "3")]
    pub message: String,
}

fn state_to_wire(state: State) -> u32 {
    // 0 is what a message without the field has.
    u32::from(state.code()) + 1
}

fn state_from_wire(number: u32) -> Option<State> {
    let code = u8::try_from(number.checked_sub(1)?).ok()?;
    State::from_code(code).filter(|state| state.is_claimable())
}

impl AnswerPart {
    /// State of the endpoint; `None` when there is none, or none that this build knows or an endpoint may claim.
    #[must_use]
    pub fn state(&self) -> Option<State> {
        state_from_wire(self.state_number)
    }

    /// Sets the state.
    pub fn set_state(&mut self, state: State) {
        self.state_number = state_to_wire(state);
    }
}

impl Problem {
    /// A problem of a sensor.
    #[must_use]
    pub fn new(sensor: impl Into<String>, state: State, message: impl Into<String>) -> Self {
        Self {
            sensor: sensor.into(),
            state_number: state_to_wire(state),
            message: message.into(),
        }
    }

    /// Its state; as [`AnswerPart::state`].
    #[must_use]
    pub fn state(&self) -> Option<State> {
        state_from_wire(self.state_number)
    }
}

/// An answer was stored.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct AnswerStored {
    /// Order.
    #[prost(uint64, tag = "1")]
    pub order: u64,
    /// Attempt that was stored.
    #[prost(uint64, tag = "2")]
    pub attempt: u64,
}

/// An order was refused.
#[derive(Clone, PartialEq, Message)]
pub struct Refusal {
    /// Number the order claimed, 0 when it could not be read.
    #[prost(uint64, tag = "1")]
    pub order: u64,
    /// Machine-readable reason: [`crate::order::Refused::code`].
    #[prost(string, tag = "2")]
    pub code: String,
    /// For people.
    #[prost(string, tag = "3")]
    pub detail: String,
}

/// An order arrived whole, passed the endpoint's checks and is written down. Sent where the answer takes longer than a moment,
/// so that an endpoint that is at work can be told from one that was not reached.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Accepted {
    /// Number of the order.
    #[prost(uint64, tag = "1")]
    pub order: u64,
}

/// What the agent measured about itself since its start.
#[derive(Clone, PartialEq, Message)]
pub struct Vitals {
    /// Resident memory in bytes.
    #[prost(uint64, tag = "1")]
    pub memory: u64,
    /// Processor time in milliseconds.
    #[prost(uint64, tag = "2")]
    pub cpu_ms: u64,
    /// Uptime in seconds.
    #[prost(uint64, tag = "3")]
    pub uptime: u64,
    /// Threads that hang in a sensor beyond its limit.
    #[prost(uint32, tag = "4")]
    pub hanging: u32,
}

/// Why the server closes.
#[derive(Clone, PartialEq, Message)]
pub struct Goodbye {
    /// For people.
    #[prost(string, tag = "1")]
    pub reason: String,
    /// Come back no sooner than this; jitter is the agent's.
    #[prost(uint32, tag = "2")]
    pub retry_after_ms: u32,
    /// True when the identity was revoked. Tells people only: an agent ends for good by a [`Revoked`] that it can check.
    #[prost(bool, tag = "3")]
    pub revoked: bool,
}

/// An endpoint is shut out for good. One statement for each order key of the server, because an agent that was away may
/// hold any of them; one that it can check is enough.
#[derive(Clone, PartialEq, Message)]
pub struct Revoked {
    /// The same statement, signed by one key each.
    #[prost(message, repeated, tag = "1")]
    pub statements: Vec<SignedRevocation>,
}

/// A [`Revocation`] signed by an order key.
#[derive(Clone, PartialEq, Message)]
pub struct SignedRevocation {
    /// Encoded [`Revocation`].
    #[prost(bytes = "vec", tag = "1")]
    pub revocation: Vec<u8>,
    /// Public key of the signer.
    #[prost(bytes = "vec", tag = "2")]
    pub key: Vec<u8>,
    /// Ed25519 signature over the domain prefix and `revocation`.
    #[prost(bytes = "vec", tag = "3")]
    pub signature: Vec<u8>,
}

/// Which endpoint is shut out, since when, and why.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Revocation {
    /// Endpoint id, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub endpoint: Vec<u8>,
    /// Ordinal of the endpoint.
    #[prost(uint32, tag = "2")]
    pub ordinal: u32,
    /// Server clock when it was signed, seconds since 1970: one that was lifted on the machine does not count again.
    #[prost(int64, tag = "3")]
    pub issued: i64,
    /// For people.
    #[prost(string, tag = "4")]
    pub reason: String,
}
