//! Who vouches for content, as pure functions: keys and time are handed in, and a refusal says why.
//!
//! Signatures are Ed25519 ([RFC 8032](https://www.rfc-editor.org/rfc/rfc8032)) over canonical bytes behind a prefix that says what is
//! signed, so that no signature of one thing is one of another. What was signed is what is read: every function here verifies bytes and
//! then parses these bytes.
//!
//! * [`Root`]: the keys that an endpoint has pinned. Only a content key or an off-line recovery key changes it, never the server's order
//!   keys ([`Root::succeed`]).
//! * [`definition()`]: what is signed of a sensor or package, which is everything that decides what runs.
//! * [`Catalogue`]: the definitions that are in force, with a serial that only grows, after the snapshots of
//!   [The Update Framework](https://theupdateframework.github.io/specification/latest/). Old content that was once signed is not valid
//!   for ever: it has to be in the newest catalogue that an endpoint has seen.
//! * [`verify_pack`]: a publisher's signature on a pack.

mod catalogue;
mod definition;
mod pack;
mod refused;
mod root;
mod signature;

pub use catalogue::{Catalogue, Seen};
pub use definition::{Definition, Undefined, definition};
pub use pack::{sign_statement, verify_pack};
pub use refused::Refused;
pub use root::{Root, TrustedKey, Use};
pub use signature::{
    MAX_SIGNATURES, PublicKey, SIGNATURES, Signature, Signed, print_signatures, read_signatures,
};
