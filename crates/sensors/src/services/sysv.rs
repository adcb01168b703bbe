//! Start scripts of System V, as `systemd-sysv-generator` finds them: `/etc/init.d` with the header of the Linux Standard
//! Base, and links by runlevel. Scripts that lie in a runlevel's folder themselves are told too: another init runs them.

use crate::disk;
use crate::framework::Notes;
use crate::text;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Ends of names that the generator passes over: what packages and editors leave behind.
const LEFT_BEHIND: [&str; 16] = [
    "rpmnew",
    "rpmsave",
    "rpmorig",
    "dpkg-old",
    "dpkg-new",
    "dpkg-tmp",
    "dpkg-dist",
    "dpkg-bak",
    "dpkg-backup",
    "dpkg-remove",
    "ucf-new",
    "ucf-old",
    "ucf-dist",
    "swp",
    "bak",
    "old",
];
const LEVELS: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "S"];

/// A script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Name of the service it is: that of the file without `.sh`.
    pub name: String,
    /// Short description of its header.
    pub description: Vec<u8>,
    /// Runlevels that start it, as digits and `S`.
    pub levels: String,
    /// Path as the system sees it.
    pub path: PathBuf,
    /// Process id in its pid file, if one is there.
    pub pid: Option<u32>,
    /// Whether it lies in the folder of a runlevel, where systemd looks for links only.
    pub direct: bool,
}

/// Fields between `### BEGIN INIT INFO` and `### END INIT INFO`.
#[must_use]
pub fn header(bytes: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut fields = BTreeMap::new();
    let mut inside = false;
    for line in text::lines(bytes) {
        let line = line.trim_ascii();
        if line == b"### BEGIN INIT INFO" {
            inside = true;
        } else if line == b"### END INIT INFO" {
            break;
        } else if inside
            && let Some(line) = line.strip_prefix(b"#")
            && let Some((key, value)) = text::split_once(line, b':')
        {
            fields.insert(
                key.trim_ascii().to_ascii_lowercase(),
                value.trim_ascii().to_vec(),
            );
        }
    }
    fields
}

/// Scripts below a root. Folders and files that cannot be read are noted.
#[must_use]
pub fn scripts(root: &Path, notes: &Notes) -> Vec<Script> {
    let (levels, direct) = runlevels(root, notes);
    let mut scripts: Vec<Script> = Vec::new();
    let mut seen = Vec::new();
    for folder in ["/etc/init.d", "/etc/rc.d/init.d"] {
        let Some(real) = disk::real(&disk::below(root, folder), notes) else {
            continue;
        };
        if seen.contains(&real) {
            continue;
        }
        seen.push(real);
        for path in disk::list(&disk::below(root, folder), notes) {
            let file = disk::name(&path);
            let name = service_of(file);
            let known = scripts.iter().any(|script| script.name == name);
            if known || is_left_behind(file) || !is_executable(&path, notes) {
                continue;
            }
            let shown = Path::new(folder).join(file);
            scripts.push(script(root, name, &path, shown, &levels, notes));
        }
    }
    for (name, shown) in direct {
        if scripts.iter().any(|script| script.name == name) {
            continue;
        }
        let path = disk::below(root, &shown);
        let found = script(root, &name, &path, shown, &levels, notes);
        scripts.push(Script {
            direct: true,
            ..found
        });
    }
    scripts
}

fn script(
    root: &Path,
    name: &str,
    path: &Path,
    shown: PathBuf,
    levels: &BTreeMap<String, String>,
    notes: &Notes,
) -> Script {
    // One that cannot be read is a script nevertheless.
    let bytes = disk::read_if_there(path, disk::CONFIG_MAX, notes);
    let description = header(&bytes.unwrap_or_default()).remove(&b"short-description"[..]);
    Script {
        description: description.unwrap_or_default(),
        levels: levels.get(name).cloned().unwrap_or_default(),
        path: shown,
        pid: pid(root, name, notes),
        name: name.to_owned(),
        direct: false,
    }
}

/// Which runlevels start which service, and the scripts that are files in their folders.
fn runlevels(root: &Path, notes: &Notes) -> (BTreeMap<String, String>, BTreeMap<String, PathBuf>) {
    let mut levels: BTreeMap<String, String> = BTreeMap::new();
    let mut direct = BTreeMap::new();
    for level in LEVELS {
        // Where both exist the second is usually a link to the first, or the other way round.
        for place in ["/etc", "/etc/rc.d"] {
            let folder = format!("{place}/rc{level}.d");
            for path in disk::list(&disk::below(root, &folder), notes) {
                let file = disk::name(&path);
                // `S20name` starts; `K20name` stops.
                let Some(started) = file.strip_prefix('S').and_then(after_number) else {
                    continue;
                };
                let name = service_of(started).to_owned();
                let known = levels.entry(name.clone()).or_default();
                if !known.contains(level) {
                    known.push_str(level);
                }
                let is_link = std::fs::symlink_metadata(&path).is_ok_and(|m| m.is_symlink());
                if !is_link && is_executable(&path, notes) {
                    direct
                        .entry(name)
                        .or_insert_with(|| Path::new(&folder).join(file));
                }
            }
        }
    }
    (levels, direct)
}

/// What follows the two digits of a name in a runlevel's folder.
fn after_number(name: &str) -> Option<&str> {
    let (number, rest) = name.split_at_checked(2)?;
    (number.bytes().all(|b| b.is_ascii_digit()) && !rest.is_empty()).then_some(rest)
}

fn service_of(file: &str) -> &str {
    file.strip_suffix(".sh").unwrap_or(file)
}

fn is_left_behind(file: &str) -> bool {
    let end = file.rsplit_once('.').map_or("", |(_, end)| end);
    file.is_empty() || file.starts_with('.') || file.ends_with('~') || LEFT_BEHIND.contains(&end)
}

fn pid(root: &Path, name: &str, notes: &Notes) -> Option<u32> {
    [
        format!("/run/{name}.pid"),
        format!("/run/{name}/{name}.pid"),
    ]
    .iter()
    .find_map(|path| {
        let bytes = disk::start_of(&disk::below(root, path), 64, notes)?;
        text::number(bytes.trim_ascii())
    })
}

/// Whether its owner may run it: that is what the generator asks.
fn is_executable(path: &Path, notes: &Notes) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        disk::look(std::fs::metadata(path), path, notes)
            .is_some_and(|m| m.is_file() && m.permissions().mode() & 0o100 != 0)
    }
    #[cfg(not(unix))]
    {
        disk::is_file(path, notes)
    }
}
