//! NTFS: the master file table, the change journal, and whole volumes.
//!
//! The parts that need no volume come first: [`record`], [`attribute`] and [`runs`] read structures out of bytes, [`mft`]
//! a table of records, [`usn`] a journal. They serve a `$MFT` or `$J` that was collected alone as well as a volume.
//! Descriptions of the format: <https://flatcap.github.io/linux-ntfs/ntfs/>,
//! <https://github.com/libyal/libfsntfs/tree/main/documentation>.

pub mod attribute;
mod boot;
pub mod compression;
pub mod mft;
pub mod record;
mod reference;
pub mod reparse;
pub mod runs;
mod stream;
mod tree;
pub mod usn;
mod volume;

pub use boot::Boot;
pub use mft::Mft;
pub use record::{Record, RecordError};
pub use reference::Reference;
pub use volume::Ntfs;
