//! What the server is about, as types that know neither the store nor the network: its rooms share them, and point here
//! instead of at each other.
//!
//! - [`ids`]: a type for each kind of identifier; [`actor`]: who does something.
//! - [`endpoint`]: endpoints, enrolment tokens, the standing of each; [`account`]: users, sessions, API tokens;
//!   [`role`]: what each may do by themselves; [`rights`]: roles that people make, user groups, bounds.
//! - [`audit`]: the log of deeds as a hash chain, and how it is judged; [`deeds`]: the words in it.
//! - [`order`]: signed orders as they are kept.
//! - [`trust`]: where the replacement of keys stands.
//! - [`clock`]: the one place time comes from.

pub mod account;
pub mod actor;
pub mod audit;
pub mod clock;
pub mod deeds;
pub mod endpoint;
pub mod ids;
pub mod order;
pub mod rights;
pub mod role;
pub mod trust;
