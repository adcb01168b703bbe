//! File systems read without the system's help: disk images and raw devices, NTFS with its MFT and change journal, ext4.
//!
//! Why own readers: an index of a dead machine must not depend on the kernel that happens to run the analysis, must see
//! deleted entries and metadata that a mount hides, and must survive bytes that somebody forged. Every parser here takes
//! its input as foreign: indexes are checked, loops and memory are bounded, damage is counted in a [`Report`] and reading
//! goes on behind it.
//!
//! The layers, from the bottom:
//! - [`source`]: bytes at an offset ([`source::ReadAt`]), be it a file, a window of one, or a virtual disk in a container;
//! - [`image`]: containers (raw, qcow2, EWF, VMDK, VHDX), partition tables, and what file system a volume holds;
//! - [`ntfs`] and [`ext4`]: the file systems, both behind the [`FileSystem`] trait;
//! - [`entry`]: what all of them tell of a file, with [`times`] that sort.

//! # What is named and not read
//! XFS, Btrfs, FAT, exFAT, ReFS, ISO 9660, HFS+, APFS, LVM and what is encrypted as a whole are recognised by their
//! signatures ([`image`]) and reported as unread, which is no success. A reader of Cordon's own for each would be as much
//! work as NTFS; and of the crates there are for FAT and exFAT none does here what is needed. `fatfs`, the one that is used
//! most, had its last release in January 2023; it follows a chain of clusters without noticing that it leads in a circle,
//! gives up a whole directory at the first damaged entry, wants a disk that it may write to, and names no file by anything
//! that lasts, so that content could not be asked for later as [`FileSystem`] does. `hadris-fat` is new, changes its
//! interface with every few months, and calls its exFAT a preview that is not to be used with data that matters. Where such
//! a volume has to be searched, it is mounted read-only and indexed by its path (`cordon index run --once --root`).

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

mod bytes;
mod cache;
pub mod entry;
pub mod ext4;
pub mod image;
pub mod ntfs;
pub mod source;
mod text;
mod time;
pub mod times;

pub use entry::{Entry, EntryKind, FileId, FileSystem, Report, Stream, Times, VolumeError};
pub use image::{FileSystemKind, Image, OpenError, Volume, open};
