//! Start scripts of System V: `/etc/init.d` with the header of the Linux Standard Base, and links by runlevel.

use crate::disk;
use crate::framework::Notes;
use crate::text;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// File name.
    pub name: String,
    /// Short description of its header.
    pub description: Vec<u8>,
    /// Runlevels that start it, as digits and `S`.
    pub levels: String,
    /// Path as the system sees it.
    pub path: PathBuf,
    /// Process id in its pid file, if one is there.
    pub pid: Option<u32>,
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
    let mut levels: BTreeMap<String, String> = BTreeMap::new();
    for level in ["0", "1", "2", "3", "4", "5", "6", "S"] {
        // Where both exist the second is usually a link to the first, or the other way round.
        for place in ["/etc", "/etc/rc.d"] {
            for link in disk::list(&disk::below(root, format!("{place}/rc{level}.d")), notes) {
                let name = disk::name(&link);
                // `S20name` starts; `K20name` stops.
                let started = name.strip_prefix('S').and_then(|n| {
                    let rest = n.trim_start_matches(|c: char| c.is_ascii_digit());
                    (rest.len() + 2 == n.len()).then_some(rest)
                });
                if let Some(started) = started {
                    let known = levels.entry(started.to_owned()).or_default();
                    if !known.contains(level) {
                        known.push_str(level);
                    }
                }
            }
        }
    }
    let mut scripts = Vec::new();
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
            let name = disk::name(&path).to_owned();
            if matches!(
                name.as_str(),
                "" | "README" | "functions" | "skeleton" | "rc" | "rcS"
            ) || name.contains('.')
                || !is_executable(&path, notes)
            {
                continue;
            }
            // One that cannot be read is a script nevertheless.
            let bytes = disk::read_if_there(&path, disk::CONFIG_MAX, notes);
            let description = header(&bytes.unwrap_or_default()).remove(&b"short-description"[..]);
            scripts.push(Script {
                description: description.unwrap_or_default(),
                levels: levels.get(&name).cloned().unwrap_or_default(),
                path: Path::new(folder).join(&name),
                pid: pid(root, &name, notes),
                name,
            });
        }
    }
    scripts
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

fn is_executable(path: &Path, notes: &Notes) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        disk::look(std::fs::metadata(path), path, notes)
            .is_some_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    {
        disk::is_file(path, notes)
    }
}
