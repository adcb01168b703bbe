//! How typed objects are read, written and described: one declaration each.
//!
//! A type of the pack format implements [`Form`]: it reads itself from a node (adding every fault it meets), writes itself as a value, and
//! tells its [JSON Schema](https://json-schema.org/draft/2020-12/schema). The macros `record!`, `words!` and `choice!` make all three
//! out of one declaration of a Rust type, so that parser, printer, schema and documentation cannot differ.
//!
//! What a value leaves out means its default, and a default is never written: an object that says nothing of a field has the same digest
//! before and after the field was invented.

mod lists;
pub(crate) mod macros;
mod reading;
mod scalars;
mod schema;

pub(crate) use macros::{choice, record, words};
pub use reading::{Asked, ColumnMention, FoundFile, Mention, Question, Reading};
pub(crate) use reading::{Fields, one_of};
pub use scalars::{
    Bytes, Decimal, FileRef, FilterText, Line, LongText, Moment, PackName, Pattern, QuestionText,
    Requirement, Seconds, Sha256Text, Slug,
};
pub use schema::Definitions;
pub(crate) use schema::{described, object};

use crate::yaml::Node;
use serde_json::Value;

/// A type of the pack format.
pub trait Form: Sized + Clone + PartialEq {
    /// Reads it. `None` when it cannot be made; the reasons are then among the faults.
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self>;

    /// Writes it; what is as by default is left out.
    fn write(&self) -> Value;

    /// Its JSON Schema. A type with a name of its own puts its schema among the definitions and refers to it.
    fn schema(definitions: &mut Definitions) -> Value;

    /// What it is when nothing is given; `None` when it must be given.
    #[must_use]
    fn absent() -> Option<Self> {
        None
    }
}
