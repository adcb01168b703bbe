//! Files that survive a crash: written beside their place, flushed, then renamed into it. A reader finds the old content
//! or the new, never half of either.

use crate::platform;
use std::io::{self, Write as _};
use std::path::Path;

/// Longest file that [`read`] takes; the agent's own are a few kilobytes.
const LARGEST: u64 = 1 << 20;

/// Puts `content` into a file that only the agent's account may read.
///
/// # Errors
/// The system's; the old content then stands.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        // A bare name lies in the working directory.
        _ => Path::new("."),
    };
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".new");
    let beside = folder.join(name);
    // A leftover of a crash could have other permissions than a fresh file.
    match std::fs::remove_file(&beside) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let written = fill(&beside, content).and_then(|()| std::fs::rename(&beside, path));
    if let Err(error) = written {
        // On a full disk half a file would take the room that the next try needs.
        if let Err(left) = std::fs::remove_file(&beside)
            && left.kind() != io::ErrorKind::NotFound
        {
            tracing::debug!(path = %beside.display(), error = %left, "a file that was not finished could not be removed");
        }
        return Err(error);
    }
    platform::sync_folder(folder)
}

fn fill(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = platform::private_file()
        .write(true)
        .create_new(true)
        .open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Takes from others what they may do to a file or folder of the agent (in a folder they may still look), and gives the mode that
/// it had when there was something to take. An endpoint that would not start instead would be lost.
///
/// # Errors
/// The system's.
pub fn keep_private(path: &Path) -> io::Result<Option<u32>> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let found = std::fs::symlink_metadata(path)?;
        let mode = found.permissions().mode() & 0o7777;
        let others = if found.is_dir() { 0o022 } else { 0o077 };
        if found.is_symlink() || mode & others == 0 {
            return Ok(None);
        }
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode & !others))?;
        Ok(Some(mode))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        Ok(None)
    }
}

/// Whether this error says that there is no room left.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Reads a small file; `None` when it does not exist.
///
/// # Errors
/// The system's, or that the file is far too large to be ours.
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    use io::Read as _;
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut content = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut content)?;
    if content.len() as u64 > LARGEST {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the file is larger than 1 MiB",
        ));
    }
    Ok(Some(content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_and_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        assert!(read(&path).unwrap().is_none());
        write_private(&path, b"one").unwrap();
        std::fs::write(folder.path().join("a.new"), b"left by a crash").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), b"two");
        assert!(!folder.path().join("a.new").exists());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write_private(&path, b"one").unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[cfg(unix)]
    #[test]
    fn what_is_open_to_others_is_closed_and_told() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        let open = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        write_private(&path, b"one").unwrap();
        assert_eq!(keep_private(&path).unwrap(), None);
        open(&path, 0o644);
        assert_eq!(keep_private(&path).unwrap(), Some(0o644));
        assert_eq!(mode(&path), 0o600);
        open(folder.path(), 0o777);
        assert_eq!(keep_private(folder.path()).unwrap(), Some(0o777));
        assert_eq!(mode(folder.path()), 0o755);
        assert_eq!(keep_private(folder.path()).unwrap(), None);
    }
}
