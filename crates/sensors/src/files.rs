//! Single files and single folders: is it there, what is it, what does it contain.
//!
//! Nothing here walks a tree: each sensor looks at one path or one folder, so that a question over a whole fleet stays
//! quick. Nothing is opened for reading but regular files, and times of last access stay as they were where the system
//! allows it (it does not for the target of a symbolic link, which `File Details` reads).
//!
//! Paths are absolute, or begin with `~/` for the home folder of every local account. Names that are no UTF-8 can be
//! given as answers show them, with `\xHH` for such a byte.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as system;

#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "macos")]
use macos as system;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows as system;

#[cfg(target_os = "linux")]
mod pattern;

use crate::digest::{ALGORITHMS, PARAMETER};
use crate::framework::{Entry, LARGE};
use question::catalogue::ValueType::{DataSize, DateTime, Hash, Integer, Text};
use question::catalogue::{Limits, Sensor};
use std::time::Duration;

/// The sensors of this family, as a system's module tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Exists,
    Details,
    Hash,
    Folder,
    Search,
}

/// The sensors of this family.
pub const SENSORS: &[Entry] = &[
    Entry {
        declare: file_exists,
        collect: |r, s| system::collect(Kind::Exists, r, s),
    },
    Entry {
        declare: file_details,
        collect: |r, s| system::collect(Kind::Details, r, s),
    },
    Entry {
        declare: file_hash,
        collect: |r, s| system::collect(Kind::Hash, r, s),
    },
    Entry {
        declare: folder_contents,
        collect: |r, s| system::collect(Kind::Folder, r, s),
    },
    Entry {
        declare: file_contents_search,
        collect: |r, s| system::collect(Kind::Search, r, s),
    },
];

const CATEGORY: &str = "Files";
const A_PATH: &str =
    "Absolute path; `~/` at its start means the home folder of every local account.";

/// Key of the parameter that names a file.
const FILE: &str = "file";
/// Key of the parameter that names a folder.
const FOLDER: &str = "folder";

/// Reading content takes longer than looking at names.
fn reading() -> Limits {
    Limits {
        wall: Duration::from_secs(300),
        cpu: Duration::from_secs(120),
        ..Limits::default()
    }
}

/// A file is searched as a whole in memory, and a folder holds any number of names.
fn large(limits: Limits) -> Limits {
    Limits {
        memory: LARGE,
        ..limits
    }
}

fn file_exists() -> Sensor {
    Sensor::new(
        "File Exists",
        CATEGORY,
        "The full path when something of that name is there: a file, a folder, a link even if it leads nowhere.",
    )
    .column("Path", Text, "Full path.")
    .parameter(FILE, Text, None, &[], A_PATH)
    .example(r#"Get File Exists["~/.ssh/authorized_keys"] from all machines"#)
}

fn file_details() -> Sensor {
    Sensor::new(
        "File Details",
        CATEGORY,
        "What the file system says of one file, folder or link; a link is not followed.",
    )
    .column("Path", Text, "Full path.")
    .column(
        "Type",
        Text,
        "File, Directory, Symbolic Link, FIFO, Socket, Block Device or Character Device.",
    )
    .column("Size", DataSize, "Size in bytes.")
    .column("Modified", DateTime, "Last change of the content.")
    .column(
        "Changed",
        DateTime,
        "Last change of the content or of owner, mode, links and the like.",
    )
    .column(
        "Accessed",
        DateTime,
        "Last access that the file system noted.",
    )
    .column(
        "Created",
        DateTime,
        "When the file came into being; empty when the file system does not keep it.",
    )
    .column("Mode", Text, "Permissions in octal digits: 4755.")
    .column(
        "Owner",
        Text,
        "Name of the owner, or the id when it has no name.",
    )
    .column(
        "Group",
        Text,
        "Name of the group, or the id when it has no name.",
    )
    .column("Inode", Integer, "Number of the inode.")
    .column("Links", Integer, "Number of hard links.")
    .column("Link Target", Text, "What a symbolic link contains.")
    .parameter(FILE, Text, None, &[], A_PATH)
    .max_age(60)
    .example(r#"Get File Details["/etc/ld.so.preload"] from all machines"#)
}

fn file_hash() -> Sensor {
    Sensor::new(
        "File Hash",
        CATEGORY,
        "Digest of one file; links are followed. A missing file gives no row.",
    )
    .column("Path", Text, "Full path.")
    .column("Hash", Hash, "Digest of the content.")
    .parameter(FILE, Text, None, &[], A_PATH)
    .parameter(
        PARAMETER,
        Text,
        Some("SHA256"),
        ALGORITHMS,
        "Algorithm of the digest.",
    )
    .limits(reading())
    .key("Hash")
    .example(r#"Get File Hash["/usr/sbin/sshd"] from all machines"#)
}

fn folder_contents() -> Sensor {
    Sensor::new(
        "Folder Contents",
        CATEGORY,
        "Names in one folder, without those in the folders below it. A missing folder gives no rows.",
    )
    .column("Folder", Text, "Full path of the folder.")
    .column("Name", Text, "Name in the folder.")
    .column(
        "Type",
        Text,
        "File, Directory, Symbolic Link, FIFO, Socket, Block Device or Character Device.",
    )
    .parameter(FOLDER, Text, None, &[], A_PATH)
    .limits(large(Limits::default()))
    .key("Name")
    .example(r#"Get Folder Contents["/tmp"] from all machines"#)
}

fn file_contents_search() -> Sensor {
    Sensor::new(
        "File Contents Search",
        CATEGORY,
        "Places where a pattern occurs in one file, or in the files of one folder, without the folders below it and without \
         following the links in it. At most 100 places are told for each file.",
    )
    .column("Path", Text, "Full path of the file.")
    .column(
        "Offset",
        Integer,
        "Place of the first byte of the match, in bytes from 0.",
    )
    .column("Match", Text, "The bytes that match, at most 256 of them.")
    .parameter(
        FOLDER,
        Text,
        None,
        &[],
        "Absolute path of a folder or of a file; `~/` at its start means the home folder of every local account.",
    )
    .parameter(
        "pattern",
        Text,
        None,
        &[],
        "What to search. As Regex over bytes: `.` stops at a line feed, `^` and `$` mean ends of lines, `(?i)` ignores \
         case, `(?u)` means characters instead of bytes; as Hex, pairs of digits with `??` for any byte.",
    )
    .parameter(
        "PatternType",
        Text,
        Some("Regex"),
        &["Regex", "Hex", "Text"],
        "How the pattern is meant.",
    )
    .parameter(
        "FileName",
        Text,
        Some("*"),
        &[],
        "Only files whose name fits; `*` for any characters, `?` for one.",
    )
    .parameter(
        "MaxFileSize",
        DataSize,
        Some("33554432"),
        &[],
        "Larger files of a folder are left out; at most 64 MiB.",
    )
    .limits(large(reading()))
    .example(r#"Get File Contents Search["/var/www/html","eval\(base64_decode",Regex,"*.php"] from all machines"#)
}
