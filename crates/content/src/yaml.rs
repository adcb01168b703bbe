//! YAML with places: text to a tree of nodes that know where they stand, and values back to text.
//!
//! The language is [YAML 1.2](https://yaml.org/spec/1.2.2/) less what a pack has no use for: one document a file, no anchors and aliases
//! (which is how a few lines become billions), no tags, keys that are plain text. A scalar is text until a form says otherwise, so that
//! `version: 1.10` stays `1.10` and `no` stays a word.

mod node;
mod print;
mod read;

pub use node::{Body, Entry, Node};
pub use print::print;
pub use read::{MAX_BYTES, read};
