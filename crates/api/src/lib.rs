//! The public API as types: what requests ask and what replies say, for the server that gives them and for whoever calls it.
//!
//! The OpenAPI document is made from these types, so what a generated client sees is what server and command line use. A closed
//! set is an enumeration, never a bare text; a number that a signed 64-bit integer cannot hold does not occur; a time is a
//! time. Nothing here works or decides: the server's own model stays the server's, and its HTTP part turns one into the other.
//!
//! - [`account`]: signing in, users, API tokens. [`mod@rights`]: roles, user groups, what somebody may do. [`fleet`]: endpoints, enrolment tokens, trust. [`audit`]: the audit log.
//! - [`language`]: reading questions and what can be asked; [`question`]: asking; [`answer`]: reading answers.
//! - [`content`]: packs, the objects that they bring, and their history.
//! - [`table`] and [`document`]: answers and lists as they are exported and printed. [`error`]: how every failure is told, [`unfit`] why a text does not fit a type; [`ids`]: identifiers.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

/// Enumerations that say the same as one of the language: a value added there is a compile error here.
macro_rules! same {
    ($name:ident, $theirs:ty, $($value:ident),+ $(,)?) => {
        impl From<$theirs> for $name {
            fn from(value: $theirs) -> Self {
                match value {
                    $(<$theirs>::$value => Self::$value,)+
                }
            }
        }
    };
}

pub mod account;
pub mod answer;
pub mod audit;
pub mod content;
pub mod document;
pub mod error;
pub mod fleet;
pub mod group;
pub mod ids;
pub mod language;
pub mod question;
pub mod rights;
mod secret;
mod state;
pub mod table;
pub mod unfit;
mod value;

pub use secret::Secret;
pub use state::{EndpointState, StateName};
pub use value::ValueType;

/// Where the API begins: paths in the document stand below it.
pub const BASE: &str = "/api/v1";
/// Header that a session's requests show its token in, unless they are GET.
pub const CSRF_HEADER: &str = "x-csrf-token";
/// Header of every reply of the API: the version of the authorities that the server is known by. See [`fleet::Authorities`].
pub const TRUST_HEADER: &str = "x-cordon-trust";
