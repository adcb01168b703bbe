//! Answers that merge: which endpoints gave which row, and what became of every endpoint that was asked.
//!
//! An [`Answer`] maps each distinct row to the [`EndpointSet`] that gave it, and holds a [`Coverage`] in which each endpoint has
//! exactly one [`State`]. Putting two answers together is a union row by row and the greater state endpoint by endpoint, so it is
//! commutative, associative and idempotent: a repeated or late contribution does no harm, and the same code merges in a server,
//! between servers and in a chain of agents. Counts are cardinalities of sets, exact at any moment.
//!
//! The crate is pure but for one thing: cells that do not fit the [`Budget`] go to a temporary file that has no name and ends with the
//! answer. It knows neither the wire nor the store; the server translates both ways. Sets are written in the portable Roaring
//! format (<https://github.com/RoaringBitmap/RoaringFormatSpec>).

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

mod answer;
mod compare;
mod coverage;
mod error;
mod group;
mod members;
mod needle;
mod page;
mod row;
mod set;
mod spill;
mod state;
mod table;
mod view;

pub use crate::answer::{Added, Answer, Contribution, NewRow, Problem};
pub use crate::compare::{Both, Comparison, OneSided, compare, compare_by};
pub use crate::coverage::Coverage;
pub use crate::error::AnswerError;
pub use crate::group::{Counts, Groups, Show};
pub use crate::page::{CompareCells, Page, PageQuery, Sort};
pub use crate::row::PageRow;
pub use crate::set::EndpointSet;
pub use crate::spill::Budget;
pub use crate::state::{State, UnknownState};
pub use crate::view::{Changes, ProblemReport, TableChanges, View};

/// The small number of an endpoint, given at enrolment and never reused.
pub type Ordinal = u32;

/// One cell: any bytes.
pub type Cell = Box<[u8]>;
