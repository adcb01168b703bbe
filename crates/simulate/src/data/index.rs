//! What a simulated Index answers: it is there, has walked its machine, and watches it. Every sensor of the family tells of the same
//! files ([`mod@files`]), so that a path found by one is found by the others, with the same hashes and moments.

mod files;
mod pattern;

use super::processes::digits;
use super::{Asked, Record, moment, part};
use crate::machine::System;
use files::{File, files, half_day};
use pattern::fits;

/// What the Index of every machine is doing.
const STATUS: &str = "Monitoring";
/// What became of every file's hashes.
const HASHED: &str = "hashed";
/// Patterns of a search: directory or path, name, size, MD5, SHA-1, SHA-256, magic number.
const PATTERNS: usize = 7;

fn parameter<'a>(asked: &Asked<'a>, at: usize) -> &'a str {
    asked.parameters.get(at).map_or("", String::as_str)
}

fn hash(file: &File, algorithm: &str) -> String {
    digits(&file.contents, algorithm)
}

/// The files that fit the patterns of directory and name at these places.
fn placed(asked: &Asked<'_>, at: usize) -> Vec<File> {
    let (directory, name) = (parameter(asked, at), parameter(asked, at + 1));
    let directory = match asked.machine.system() {
        System::Windows => directory.replace('\\', "/"),
        _ => directory.to_owned(),
    };
    let mut found = files(asked);
    found.retain(|file| {
        (fits(&directory, file.directory()) || fits(&directory, &file.path))
            && fits(name, file.name())
    });
    found
}

/// The files that fit all patterns.
fn fitting(asked: &Asked<'_>) -> Vec<File> {
    let hexadecimal = |at: usize| parameter(asked, at).to_lowercase();
    let (md5, sha1, sha256) = (hexadecimal(3), hexadecimal(4), hexadecimal(5));
    let magic = parameter(asked, 6).to_uppercase();
    let mut found = placed(asked, 0);
    found.retain(|file| {
        fits(parameter(asked, 2), &file.size.to_string())
            && fits(&md5, &hash(file, "md5"))
            && fits(&sha1, &hash(file, "sha1"))
            && fits(&sha256, &hash(file, "sha256"))
            && fits(&magic, file.start.magic)
    });
    found
}

/// So many of them as the parameter at this place says; none for nought.
fn limited(asked: &Asked<'_>, at: usize, mut found: Vec<File>) -> Vec<File> {
    match parameter(asked, at).trim().parse::<usize>() {
        Ok(0) => {}
        Ok(most) => found.truncate(most),
        Err(_) => found.clear(),
    }
    found
}

/// So many hours ago.
fn hours_ago(asked: &Asked<'_>, at: usize) -> i64 {
    let hours: i64 = parameter(asked, at).trim().parse().unwrap_or(0);
    asked.now.saturating_sub(hours.saturating_mul(3_600))
}

pub(super) fn status(_: &Asked<'_>) -> Vec<Record> {
    vec![vec![("Status", STATUS.to_owned())]]
}

pub(super) fn status_details(asked: &Asked<'_>) -> Vec<Record> {
    let entries = files(asked).len().to_string();
    vec![vec![
        ("Status", STATUS.to_owned()),
        ("Detail", String::new()),
        ("Percent", String::new()),
        ("Entries", entries.clone()),
        ("Files Hashed", entries.clone()),
        ("Files To Hash", entries),
        ("Version", env!("CARGO_PKG_VERSION").to_owned()),
        ("Process", part(asked.machine, 70, 400, 4_000).to_string()),
        ("Updated", moment(asked.now - asked.now.rem_euclid(60))),
        ("Not Watched", String::new()),
    ]]
}

pub(super) fn latest_tools(_: &Asked<'_>) -> Vec<Record> {
    vec![vec![
        ("Version Number", env!("CARGO_PKG_VERSION").to_owned()),
        ("Package Required", "No".to_owned()),
    ]]
}

pub(super) fn exists(asked: &Asked<'_>) -> Vec<Record> {
    let word = if fitting(asked).is_empty() {
        "No"
    } else {
        "Yes"
    };
    vec![vec![("Exists", word.to_owned())]]
}

pub(super) fn count(asked: &Asked<'_>) -> Vec<Record> {
    vec![vec![("Count", fitting(asked).len().to_string())]]
}

fn rows(found: Vec<File>, row: impl Fn(&File) -> Record) -> Vec<Record> {
    found.iter().map(row).collect()
}

pub(super) fn paths(asked: &Asked<'_>) -> Vec<Record> {
    rows(limited(asked, PATTERNS, fitting(asked)), |file| {
        vec![("Path", file.path.clone())]
    })
}

fn hashes(file: &File) -> [super::Field; 3] {
    ["MD5", "SHA1", "SHA256"].map(|name| (name, hash(file, name)))
}

pub(super) fn paths_and_hashes(asked: &Asked<'_>) -> Vec<Record> {
    rows(limited(asked, PATTERNS, fitting(asked)), |file| {
        let mut record = vec![("Path", file.path.clone())];
        record.extend(hashes(file));
        record.push(("Hash State", HASHED.to_owned()));
        record
    })
}

/// `-rwsr-xr-x`.
fn letters(mode: u32) -> String {
    let mut text = String::from("-");
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        text.push(if bits & 4 > 0 { 'r' } else { '-' });
        text.push(if bits & 2 > 0 { 'w' } else { '-' });
        text.push(match (mode & special > 0, bits & 1 > 0) {
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

pub(super) fn permissions(asked: &Asked<'_>) -> Vec<Record> {
    let mut found = fitting(asked);
    found.retain(|file| file.mode.is_some());
    rows(limited(asked, PATTERNS, found), |file| {
        let mode = file.mode.unwrap_or(0);
        vec![
            ("Path", file.path.clone()),
            ("Permissions", letters(mode)),
            ("Mode", format!("{mode:o}")),
            ("Owner", file.owner.0.to_owned()),
            ("Group", file.group.0.to_owned()),
            ("Owner ID", file.owner.1.to_string()),
            ("Group ID", file.group.1.to_string()),
            ("Immutable", "False".to_owned()),
            ("Append Only", "False".to_owned()),
            ("Capabilities", String::new()),
            ("Extended Attributes", String::new()),
        ]
    })
}

fn detailed(found: Vec<File>) -> Vec<Record> {
    rows(found, |file| {
        let mut record = vec![
            ("Path", file.path.clone()),
            ("Type", "file".to_owned()),
            ("Size", file.size.to_string()),
            ("Created", moment(file.created)),
            ("Last Modified", moment(file.modified)),
            ("Metadata Changed", moment(file.metadata_changed())),
            ("First Seen", moment(file.first_seen)),
            (
                "Content Changed",
                file.changed.map(moment).unwrap_or_default(),
            ),
        ];
        record.extend(hashes(file));
        record.extend([
            ("BLAKE3", hash(file, "blake3")),
            ("Magic Number", file.start.magic.to_owned()),
            ("MIME Type", file.start.mime.to_owned()),
            ("Hash State", HASHED.to_owned()),
            ("Hard Links", "1".to_owned()),
            ("Link Target", String::new()),
        ]);
        record
    })
}

pub(super) fn details(asked: &Asked<'_>) -> Vec<Record> {
    detailed(limited(asked, PATTERNS, fitting(asked)))
}

pub(super) fn details_by_last_modified(asked: &Asked<'_>) -> Vec<Record> {
    let mut found = fitting(asked);
    found.sort_by_key(|file| std::cmp::Reverse(file.modified));
    detailed(limited(asked, PATTERNS, found))
}

pub(super) fn details_by_size(asked: &Asked<'_>) -> Vec<Record> {
    let mut found = fitting(asked);
    found.sort_by_key(|file| std::cmp::Reverse(file.size));
    detailed(limited(asked, PATTERNS, found))
}

pub(super) fn hash_recently_changed(asked: &Asked<'_>) -> Vec<Record> {
    let since = hours_ago(asked, PATTERNS);
    let mut found = fitting(asked);
    found.retain(|file| file.changed.is_some_and(|changed| changed >= since));
    let shown = parameter(asked, PATTERNS + 2) != "0";
    rows(limited(asked, PATTERNS + 1, found), |file| {
        let former = |algorithm| {
            let former = file.former.filter(|_| shown);
            former.map_or_else(String::new, |former| digits(&former, algorithm))
        };
        let mut record = vec![("Path", file.path.clone()), ("Size", file.size.to_string())];
        record.extend(hashes(file));
        record.extend([
            ("Former MD5", former("md5")),
            ("Former SHA1", former("sha1")),
            ("Former SHA256", former("sha256")),
        ]);
        record
    })
}

/// What is planted stands in the list that the fleet was given.
pub(super) fn blacklist_matches(asked: &Asked<'_>) -> Vec<Record> {
    let mut found = files(asked);
    found.retain(|file| file.planted && file.before.is_some());
    rows(found, |file| {
        vec![
            ("Path", file.path.clone()),
            ("Hash", hash(file, "sha256")),
            ("Hash Type", "SHA256".to_owned()),
            ("Known Good", "False".to_owned()),
        ]
    })
}

pub(super) fn first_seen(asked: &Asked<'_>) -> Vec<Record> {
    let since = hours_ago(asked, 0);
    let mut found = placed(asked, 1);
    found.retain(|file| file.first_seen >= since);
    found.sort_by_key(|file| std::cmp::Reverse(file.first_seen));
    rows(limited(asked, 3, found), |file| {
        vec![
            ("Path", file.path.clone()),
            ("Size", file.size.to_string()),
            ("First Seen", moment(file.first_seen)),
            ("SHA256", hash(file, "sha256")),
            ("Magic Number", file.start.magic.to_owned()),
            ("Hash State", HASHED.to_owned()),
        ]
    })
}

pub(super) fn new_executables(asked: &Asked<'_>) -> Vec<Record> {
    let since = question::value::moment(parameter(asked, 0))
        .and_then(|nanoseconds| i64::try_from(nanoseconds.div_euclid(1_000_000_000)).ok())
        .unwrap_or_else(|| half_day(asked.now) - 86_400);
    let mut found = placed(asked, 1);
    let begins = |file: &File| {
        let programs = ["7F454C46", "CFFAEDFE"];
        programs.contains(&file.start.magic)
            || file.start.magic.starts_with("4D5A")
            || file.start.magic.starts_with("2321")
    };
    found.retain(|file| {
        let latest = file.first_seen.max(file.changed.unwrap_or(0));
        latest >= since && (begins(file) || file.mode.is_some_and(|mode| mode & 0o111 > 0))
    });
    found.sort_by_key(|file| std::cmp::Reverse(file.first_seen));
    rows(limited(asked, 3, found), |file| {
        let reason = if file.first_seen >= since {
            "New File"
        } else {
            "Changed Content"
        };
        vec![
            ("Path", file.path.clone()),
            ("Reason", reason.to_owned()),
            ("Size", file.size.to_string()),
            ("SHA256", hash(file, "sha256")),
            ("Magic Number", file.start.magic.to_owned()),
            ("MIME Type", file.start.mime.to_owned()),
        ]
    })
}

pub(super) fn magic_mismatch(asked: &Asked<'_>) -> Vec<Record> {
    let mut found = placed(asked, 0);
    found.retain(|file| file.name().ends_with(".png"));
    rows(limited(asked, 2, found), |file| {
        vec![
            ("Path", file.path.clone()),
            ("MIME Type", file.start.mime.to_owned()),
            ("Magic Number", file.start.magic.to_owned()),
            ("Size", file.size.to_string()),
            ("SHA256", hash(file, "sha256")),
        ]
    })
}

pub(super) fn timestomped(asked: &Asked<'_>) -> Vec<Record> {
    let mut found = placed(asked, 0);
    found.retain(|file| file.before.is_some());
    rows(limited(asked, 2, found), |file| {
        vec![
            ("Path", file.path.clone()),
            ("Reason", "Set Back".to_owned()),
            ("Last Modified", moment(file.modified)),
            ("Before", file.before.map(moment).unwrap_or_default()),
            ("Metadata Changed", moment(file.metadata_changed())),
            ("Size", file.size.to_string()),
            ("SHA256", hash(file, "sha256")),
        ]
    })
}

#[cfg(test)]
mod tests;
