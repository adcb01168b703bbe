//! The question language of Cordon: `Get <sensors> from <which endpoints>`.
//!
//! Pure: no clock, no input or output, no state. Text becomes a tree ([`parse()`]), a tree prints back in one canonical
//! form (`Display`), and `parse(print(q)) == q`. The server parses what people type, the agent parses the canonical
//! text in a signed order, and both use the same evaluation ([`eval`]), so that a filter means one thing everywhere.
//!
//! * [`catalogue`]: the names a question may use; [`ast`]: the tree.
//! * [`Tail`] is how the merged answer is to be shown: no part of what endpoints are asked.
//! * [`warnings()`] tells what a question may not mean as it was meant.
//! * [`complete()`] and [`interpret()`] help people to write questions; they only ever propose text that parses.
//! * [`plan()`] says which tables an answer has; [`eval`] filters and joins rows; [`value`] compares typed cells;
//!   [`cell`] shows cells of any bytes without harm, [`csv`] writes them for spreadsheets; [`chain`] puts an error and its causes on
//!   one line.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

pub mod ast;
pub mod catalogue;
mod causes;
pub mod cell;
mod complete;
pub mod csv;
mod digest;
mod error;
pub mod eval;
mod interpret;
mod matcher;
mod names;
mod parse;
mod plan;
mod print;
mod scan;
mod tail;
pub mod value;
mod warn;
mod words;

pub use ast::{
    Cell, Filter, Having, Operator, Quantifier, Question, Row, Select, SensorCall, Term,
};
pub use catalogue::{Catalogue, Group, Sensor, ValueType};
pub use causes::chain;
pub use complete::{Completion, Suggestion, SuggestionKind, complete};
pub use error::ParseError;
pub use interpret::{Reading, interpret, interpret_among};
pub use names::nearest;
pub use parse::{groups_named, parse, parse_all, parse_columns, parse_tail};
pub use plan::{Plan, PlannedColumn, PlannedPart, TablePlan, plan};
pub use tail::{CountBound, Heading, Headings, NoBound, Tail, TailColumn};
pub use warn::{Warning, warnings};
pub use words::quote;

/// Longest question, in characters, both as typed and in canonical form.
pub const MAX_CHARACTERS: usize = 32_000;
