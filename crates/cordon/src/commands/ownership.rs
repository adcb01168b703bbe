//! Whose a state folder is.
//!
//! A packaged service has an account of its own, and its folder belongs to that account; the person at the machine is root.
//! What root writes there must not stay root's, or the service cannot write it any more: it is given to the folder's owner
//! when a command ends. And nobody runs a service in the folder of another account.

#[cfg(unix)]
use anyhow::Context as _;
use anyhow::Result;
use std::path::Path;

/// Gives what root wrote into this folder to the folder's owner; whether that is another account than ours.
#[cfg(target_os = "linux")]
pub fn leave_to_owner(folder: &Path) -> Result<bool> {
    use rustix::fs::{CWD, OFlags, fstat};
    if !rustix::process::geteuid().is_root() {
        return Ok(false);
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = match rustix::fs::openat(CWD, folder, flags, rustix::fs::Mode::empty()) {
        Ok(open) => open,
        // There is no folder, or none that could hold anything.
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(false),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot open {}", folder.display()));
        }
    };
    let failed = || format!("cannot give what is in {} to its owner", folder.display());
    let found = fstat(&open).with_context(failed)?;
    if found.st_uid == 0 {
        return Ok(false);
    }
    let owner = (
        rustix::fs::Uid::from_raw(found.st_uid),
        rustix::fs::Gid::from_raw(found.st_gid),
    );
    give(&open, owner, DEPTH).with_context(failed)?;
    Ok(true)
}

/// How deep state folders are, generously.
#[cfg(target_os = "linux")]
const DEPTH: u32 = 8;

/// Nothing is looked for by a path: the owner may exchange what stands there meanwhile. A file with several names may be
/// somebody else's; it stays as it is.
#[cfg(target_os = "linux")]
fn give(
    folder: &std::os::fd::OwnedFd,
    owner: (rustix::fs::Uid, rustix::fs::Gid),
    depth: u32,
) -> rustix::io::Result<()> {
    use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, chownat, fstat, openat};
    let gone = |error| match error {
        rustix::io::Errno::NOENT => Ok(()),
        error => Err(error),
    };
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = match openat(folder, name, flags, Mode::empty()) {
            Ok(handle) => handle,
            Err(error) => {
                gone(error)?;
                continue;
            }
        };
        let found = fstat(&handle)?;
        let is_folder = FileType::from_raw_mode(found.st_mode) == FileType::Directory;
        if found.st_uid == 0 && (is_folder || found.st_nlink == 1) {
            chownat(
                &handle,
                "",
                Some(owner.0),
                Some(owner.1),
                AtFlags::EMPTY_PATH,
            )?;
        }
        if is_folder && depth > 0 {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match openat(folder, name, flags, Mode::empty()) {
                Ok(below) => give(&below, owner, depth - 1)?,
                Err(error) => gone(error)?,
            }
        }
    }
    Ok(())
}

/// Refuses to work in a folder of another account: what would be written there, that account could not use.
#[cfg(unix)]
pub fn must_be_ours(folder: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let owner = match std::fs::metadata(folder) {
        Ok(found) => found.uid(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot look at {}", folder.display()));
        }
    };
    if owner != rustix::process::geteuid().as_raw() {
        anyhow::bail!(
            "{} belongs to another account (number {owner}): start that account's service (on Linux `systemctl start cordon-server`, `cordon-agent` or `cordon-index`), or run this as that account",
            folder.display()
        );
    }
    Ok(())
}

/// There are no packages with accounts of their own for this system yet.
#[cfg(not(target_os = "linux"))]
pub fn leave_to_owner(_folder: &Path) -> Result<bool> {
    Ok(false)
}

/// See [`leave_to_owner`].
#[cfg(not(unix))]
pub fn must_be_ours(_folder: &Path) -> Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt as _, chown, symlink};

    const OTHER: u32 = 65_533;

    #[test]
    fn what_root_writes_in_a_folder_belongs_to_the_folders_owner() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("state");
        let below = folder.join("history");
        std::fs::create_dir_all(&below).expect("made");
        let aside = place.path().join("aside");
        std::fs::write(&aside, "root's").expect("written");
        for path in [folder.join("lock"), below.join("1.ini")] {
            std::fs::write(path, "").expect("written");
        }
        symlink(&aside, folder.join("link")).expect("made");
        std::fs::hard_link(&aside, folder.join("second name")).expect("made");
        let owner = |path: &Path| std::fs::symlink_metadata(path).expect("there").uid();
        let before = owner(&folder);
        // Without a right to give anything away there is nothing to do.
        let root = rustix::process::geteuid().is_root();
        assert!(!leave_to_owner(&folder).expect("looked at"));
        assert_eq!(owner(&folder.join("lock")), before);
        assert!(must_be_ours(&folder).is_ok());
        if !root {
            let error = must_be_ours(Path::new("/")).expect_err("root's");
            assert!(error.to_string().contains("another account"), "{error}");
            return;
        }
        chown(&folder, Some(OTHER), Some(OTHER)).expect("given");
        assert!(leave_to_owner(&folder).expect("given"));
        for path in ["lock", "history", "history/1.ini", "link"] {
            assert_eq!(owner(&folder.join(path)), OTHER, "{path}");
        }
        assert_eq!(
            owner(&aside),
            0,
            "what a link leads to is not in the folder"
        );
        let error = must_be_ours(&folder).expect_err("another's");
        assert!(error.to_string().contains("65533"), "{error}");
        assert!(!leave_to_owner(&folder.join("nowhere")).expect("looked at"));
        assert!(must_be_ours(&folder.join("nowhere")).is_ok());
    }
}
