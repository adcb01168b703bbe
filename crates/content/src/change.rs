//! Import, upgrade, roll-back and edit, as plans that are looked at first and then applied as a whole.
//!
//! ```text
//! shipped before --+
//! local -----------+-> plan (added, changed, removed, kept, conflicts) -> apply -> state, one deed of history
//! shipped now -----+
//! ```
//!
//! * [`State`] is all content of an installation: objects with the pack they came from, what each pack shipped, files that were supplied,
//!   what was there when a version was left, and the history of every object. It holds digests of files; whoever keeps the state keeps
//!   the files.
//! * [`plan()`] holds three sides of each object against each other, field by field. Nothing that people changed is lost: where both
//!   sides changed the same, the local side stays unless it is decided otherwise, and the plan tells it.
//! * [`rollback()`] gives back exactly what was there when a version was left: objects, supplied files and what was shipped.
//! * [`export()`] gives a pack as it is here, to be taken elsewhere.
//! * [`apply()`] refuses a plan that was made from another state than the one it is applied to.
//!
//! Nothing here has a clock: [`Who`] says when.

mod apply;
mod content;
mod diff;
mod export;
mod merge;
mod plan;
mod preview;
mod refers;
mod rollback;
mod sides;
mod state;

pub use apply::{EditRefused, NotApplied, SupplyRefused, apply, edit, supply};
pub use content::Content;
pub use diff::{FieldChange, diff};
pub use export::{Exported, export, files_of, read_manifest};
pub use merge::{FieldStep, Outcome, Side};
pub use plan::plan;
pub use preview::{ContentSets, Options, Plan, Refusal, Step, StepKind, What};
pub use rollback::{remove, rollback};
pub use state::{Cause, Deed, Installed, Item, Left, ObjectChange, State, Who};
