//! A tree as one file: a tar archive ([POSIX pax](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html), ustar headers)
//! inside gzip ([RFC 1952](https://www.rfc-editor.org/rfc/rfc1952)).
//!
//! The same tree always gives the same bytes. Reading unpacks into memory under the bounds of [`super::tree`], counts every byte that
//! comes out of the compression, and takes plain files alone: no links, no devices, no paths that lead elsewhere.

use super::tree::{MAX_FILE, MAX_FILES, MAX_TOTAL, Tree};
use crate::fault::{Fault, Faults};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::io::{Read, Write};

/// Ending of the name of an archive.
pub const ENDING: &str = ".cordonpack";
/// Most bytes that unpack from one byte, once more than [`FREE`] came out: text gives some tens, bombs a thousand.
const MAX_RATIO: u64 = 200;
/// Bytes that may unpack at any ratio.
const FREE: u64 = 16 << 20;
/// Bytes of headers and padding beside the files' own.
const OVERHEAD: u64 = 4_096;

/// Why an archive cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The archive's header does not take the path.
    #[error("cannot put {path} into the archive")]
    Entry {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The archive cannot be ended.
    #[error("cannot end the archive")]
    End(#[source] std::io::Error),
}

/// Packs a tree.
///
/// # Errors
/// [`WriteError`]; with paths that [`crate::path::check`] takes there is no reason for one.
pub fn write(tree: &Tree) -> Result<Vec<u8>, WriteError> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::new(6)));
    for (path, bytes) in tree.files() {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o644);
        header.set_size(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        builder
            .append_data(&mut header, path, bytes)
            .map_err(|source| WriteError::Entry {
                path: path.into(),
                source,
            })?;
    }
    let mut zipped = builder.into_inner().map_err(WriteError::End)?;
    zipped.flush().map_err(WriteError::End)?;
    zipped.finish().map_err(WriteError::End)
}

/// Counts what comes out and stops when it is more than a pack can be.
struct Counted<R> {
    inner: R,
    out: u64,
    most: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.out = self
            .out
            .saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        if self.out > self.most {
            return Err(std::io::Error::other(
                "it unpacks to far more than it has: this is no archive of a pack",
            ));
        }
        Ok(read)
    }
}

/// Unpacks an archive.
///
/// # Errors
/// All that is wrong with it as an archive; what comes after damage is not looked at.
pub fn read(bytes: &[u8]) -> Result<Tree, Vec<Fault>> {
    read_within(bytes, MAX_TOTAL)
}

/// Unpacks an archive whose files have at most so many bytes together, for whoever has less room than a pack may take.
///
/// # Errors
/// As [`read`].
pub fn read_within(bytes: &[u8], total: u64) -> Result<Tree, Vec<Fault>> {
    let mut faults = Faults::default();
    let packed = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let files = u64::try_from(MAX_FILES).unwrap_or(u64::MAX);
    let most = packed
        .saturating_mul(MAX_RATIO)
        .max(FREE)
        .min(total.min(MAX_TOTAL).saturating_add(files * OVERHEAD));
    let mut archive = tar::Archive::new(Counted {
        inner: GzDecoder::new(bytes),
        out: 0,
        most,
    });
    let mut tree = Tree::default();
    match archive.entries() {
        Ok(entries) => {
            for (number, entry) in entries.enumerate() {
                if number > MAX_FILES {
                    faults.of_file("", format!("the archive has more than {MAX_FILES} files"));
                    break;
                }
                match entry {
                    Ok(entry) => {
                        if !take(entry, &mut tree, &mut faults) {
                            break;
                        }
                    }
                    Err(error) => {
                        faults.of_file("", format!("the archive is damaged: {error}"));
                        break;
                    }
                }
            }
        }
        Err(error) => faults.of_file("", format!("not an archive: {error}")),
    }
    if faults.is_empty() {
        Ok(tree)
    } else {
        Err(faults.into_list())
    }
}

/// Takes one entry; whether to go on.
fn take<R: Read>(mut entry: tar::Entry<'_, R>, tree: &mut Tree, faults: &mut Faults) -> bool {
    let raw = entry.path_bytes().into_owned();
    let Ok(path) = std::str::from_utf8(&raw) else {
        faults.of_file("", "the archive has a name that is not UTF-8");
        return true;
    };
    let path = path.strip_prefix("./").unwrap_or(path).to_owned();
    let kind = entry.header().entry_type();
    if kind.is_dir() {
        return true;
    }
    if !kind.is_file() {
        let what = if kind.is_symlink() || kind.is_hard_link() {
            "a link"
        } else {
            "no plain file"
        };
        faults.of_file(
            &path,
            format!("{what}; an archive of a pack holds plain files alone"),
        );
        return true;
    }
    if let Err(problem) = crate::path::check(&path) {
        faults.of_file(&path, problem);
        return true;
    }
    let mut bytes = Vec::new();
    if let Err(error) = entry.by_ref().take(MAX_FILE + 1).read_to_end(&mut bytes) {
        faults.of_file(&path, format!("the archive is damaged: {error}"));
        return false;
    }
    if let Err(problem) = tree.add(&path, bytes) {
        faults.of_file(&path, problem);
    }
    true
}
