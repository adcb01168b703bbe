//! Packs: a folder or an archive becomes a checked pack, or the list of all that is wrong with it.
//!
//! ```text
//! folder --+                        +-- faults, all of them
//!          +-> Tree -> read, check -+
//! archive -+                        +-- Pack -> print -> Tree -> folder, archive
//! ```
//!
//! * [`tree`]: the files of a pack under bounds, whatever they come from.
//! * [`archive`]: a tree as one file, and back.
//! * [`read()`]: files to objects; [`check`](Surroundings): what they say of each other and of what is there besides.
//! * [`open()`], [`lint()`]: the same from a folder. [`object()`]: one object by itself.
//! * [`marks()`]: what whoever imports a pack should know of it, though it is no fault.

pub mod archive;
mod check;
mod marks;
mod model;
mod open;
mod print;
mod read;
mod single;
mod surroundings;
pub mod tree;

pub use marks::{Mark, Why, marks, powerful};
pub use model::{Blob, Pack};
pub use open::{lint, manifest, open, open_beside};
pub use print::path_of;
pub use read::{MAX_OBJECTS, read};
pub use single::object;
pub use surroundings::Surroundings;
