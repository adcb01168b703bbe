//! NTFS: the master file table, the change journal, and whole volumes.
//!
//! The parts that need no volume come first: [`record`], [`attribute`] and [`runs`] read structures out of bytes, [`mft`]
//! a table of records, [`usn`] a journal. They serve a `$MFT` or `$J` that was collected alone as well as a volume.
//! Descriptions of the format: <https://flatcap.github.io/linux-ntfs/ntfs/>,
//! <https://github.com/libyal/libfsntfs/tree/main/documentation>.

pub mod attribute;
pub mod mft;
pub mod record;
pub mod reparse;
pub mod runs;
mod tree;
pub mod usn;

pub use mft::Mft;
pub use record::{Record, RecordError, Reference};
