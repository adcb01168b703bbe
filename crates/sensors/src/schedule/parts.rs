//! Which scripts of a folder run-parts(8) starts, and which tables cron reads: both go by names and rights, each in its way.

use crate::disk;
use crate::framework::Notes;
use std::path::{Path, PathBuf};

/// Ends of names that every program passes over: what editors and packages leave behind.
const LEFT_BEHIND: [&str; 7] = [
    ".dpkg-old",
    ".dpkg-dist",
    ".dpkg-new",
    ".rpmsave",
    ".rpmorig",
    ".rpmnew",
    "~",
];

/// Whether a name is one of those that are left behind, or hidden, which are place-holders of packages.
#[must_use]
pub fn is_left_behind(name: &str) -> bool {
    name.is_empty() || name.starts_with('.') || LEFT_BEHIND.iter().any(|end| name.ends_with(end))
}

/// Whether a name has none but letters, digits, underscores and dashes.
#[must_use]
pub fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// Whether the cron of a root reads tables with plain names only, as that of Debian does.
#[must_use]
pub fn cron_is_strict(root: &Path, notes: &Notes) -> bool {
    disk::exists(&disk::below(root, "/var/lib/dpkg/info/cron.list"), notes)
}

/// The rules by which run-parts chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// Plain names: the program of Debian, and that of BusyBox.
    Plain,
    /// All names but those of copies: the script that comes with cronie.
    NoCopies,
}

impl Rules {
    /// Those of the run-parts of a root.
    #[must_use]
    pub fn of(root: &Path, notes: &Notes) -> Self {
        let paths = [
            "/usr/bin/run-parts",
            "/bin/run-parts",
            "/usr/sbin/run-parts",
        ];
        let script = paths.iter().any(|path| {
            let start = disk::start_of(&disk::below(root, path), 2, notes);
            start.as_deref() == Some(b"#!")
        });
        if script { Self::NoCopies } else { Self::Plain }
    }

    /// Whether it starts a file.
    #[must_use]
    pub fn runs(self, path: &Path, notes: &Notes) -> bool {
        let name = disk::name(path);
        let chosen = match self {
            Self::Plain => is_plain(name),
            Self::NoCopies => ![
                "~", ",", ".rpmsave", ".rpmorig", ".rpmnew", ".swp", ".cfsaved",
            ]
            .iter()
            .any(|end| name.ends_with(end)),
        };
        chosen && is_executable(path, notes)
    }
}

fn is_executable(path: &Path, notes: &Notes) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        disk::look(std::fs::metadata(path), path, notes)
            .is_some_and(|m| m.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    {
        disk::is_file(path, notes)
    }
}

/// The folder that a command of a table hands to run-parts: `cd / && run-parts --report /etc/cron.hourly`.
#[must_use]
pub fn folder_of(command: &[u8]) -> Option<PathBuf> {
    let mut words = command
        .split(|b| b.is_ascii_whitespace() || matches!(b, b';' | b'|' | b'&' | b'(' | b')'))
        .filter(|w| !w.is_empty());
    words.find(|word| word.rsplit(|b| *b == b'/').next() == Some(b"run-parts"))?;
    let folder = words.find(|word| !word.starts_with(b"-"))?;
    let folder = PathBuf::from(std::str::from_utf8(folder).ok()?);
    folder.is_absolute().then_some(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_in_commands() {
        let of = |command: &str| folder_of(command.as_bytes());
        let daily = Some(PathBuf::from("/etc/cron.daily"));
        assert_eq!(of("cd / && run-parts --report /etc/cron.daily"), daily);
        assert_eq!(
            of("test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }"),
            daily
        );
        assert_eq!(of("/usr/bin/run-parts /etc/cron.daily"), daily);
        assert_eq!(of("run-parts relative"), None);
        assert_eq!(of("/bin/true /etc/cron.daily"), None);
    }
}
