//! Where a server is, whom to believe, and how to sign in: kept in a file that only its owner reads.
//!
//! A profile is named, found in the working directory (`.cordon/profile.json`, as `cordon up` leaves it) or the user's own. Whoever
//! makes a folder where others work could lay a profile of theirs into it and so see every question; so one that is found is used
//! only when file and folder belong to the user and nobody else may write them, and that it is used is said.

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
#[cfg(unix)]
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Folder of the working directory in which a profile is looked for.
const FOLDER: &str = ".cordon";
const FILE: &str = "profile.json";

/// Where a server is and how to sign in.
#[derive(Clone, Serialize, Deserialize)]
pub struct Profile {
    /// `https://host:port`.
    pub url: String,
    /// Certificates of the authorities that are believed, PEM.
    pub authority: String,
    /// API token.
    pub token: String,
    /// Version of the server's trust that `authority` was taken from; none in a profile that was never used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<u64>,
}

impl Profile {
    /// Reads the named profile, or the first that may be used of `.cordon/profile.json` here and the user's own.
    pub fn load(named: Option<&Path>) -> Result<Self> {
        Self::find(named).map(|(profile, _)| profile)
    }

    /// The same with its place.
    pub(crate) fn find(named: Option<&Path>) -> Result<(Self, PathBuf)> {
        if let Some(path) = named {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read the profile {}", path.display()))?;
            return Ok((Self::read(&text, path)?, path.to_owned()));
        }
        let here = Path::new(FOLDER).join(FILE);
        match found_here(Path::new(FOLDER)) {
            Found::Nothing => {}
            Found::Usable(text) => {
                let profile = Self::read(&text, &here)?;
                anstream::eprintln!(
                    "cordon: with the profile {} of this folder, for {}",
                    here.display(),
                    crate::output::shown(&profile.url)
                );
                return Ok((profile, here));
            }
            Found::Refused(why) => anstream::eprintln!(
                "cordon: warning: the profile {} of this folder is not used: {why}. If it is yours, name it with --profile",
                here.display()
            ),
        }
        let own = user_profile().filter(|path| path.exists()).ok_or_else(|| anyhow!("no profile found: sign in with `cordon login URL --authority FILE`, start everything here with `cordon up`, or ask this machine alone with `cordon ask --local`"))?;
        Self::find(Some(&own))
    }

    fn read(text: &str, path: &Path) -> Result<Self> {
        serde_json::from_str(text).with_context(|| {
            format!(
                "{} is no profile; write it anew with `cordon login`",
                path.display()
            )
        })
    }

    /// Writes the profile so that only its owner reads it.
    pub fn save(&self, path: &Path) -> Result<()> {
        Place::open(path)?.keep(self)
    }
}

/// A place where a profile can be written, found out before anything depends on it. What is not kept leaves nothing behind.
pub(crate) struct Place {
    path: PathBuf,
    staged: PathBuf,
    file: std::fs::File,
}

impl Place {
    /// Opens the file beside the profile that becomes it.
    pub fn open(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent() {
            make_folder(folder)?;
        }
        if path.is_dir() {
            bail!(
                "the profile cannot be written: {} is a folder",
                path.display()
            );
        }
        let staged = path.with_extension("new");
        // A leftover of an interrupted write would keep its own mode: it must go first.
        match std::fs::remove_file(&staged) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => {
                return Err(e).with_context(|| format!("cannot replace {}", staged.display()));
            }
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options
            .open(&staged)
            .with_context(|| format!("cannot write {}", staged.display()))?;
        Ok(Self {
            path: path.to_owned(),
            staged,
            file,
        })
    }

    /// The profile's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the profile and puts it in its place.
    pub fn keep(mut self, profile: &Profile) -> Result<()> {
        let text = serde_json::to_string_pretty(profile)?;
        std::io::Write::write_all(&mut self.file, text.as_bytes())
            .and_then(|()| self.file.sync_all())
            .with_context(|| format!("cannot write {}", self.staged.display()))?;
        std::fs::rename(&self.staged, &self.path)
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // After it was kept there is nothing to remove.
        drop(std::fs::remove_file(&self.staged));
    }
}

/// A new folder is one that nobody else may write, or the profile in it would not be used.
pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o755);
    builder
        .create(folder)
        .with_context(|| format!("cannot make {}", folder.display()))
}

/// Path of the user's own profile.
pub fn user_profile() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".config")))
        .or_else(|| std::env::var_os("APPDATA").map(PathBuf::from))?;
    Some(base.join("cordon").join(FILE))
}

/// What lies in the working directory.
#[cfg_attr(
    not(unix),
    expect(
        dead_code,
        reason = "nothing is usable where nobody can tell whose it is"
    )
)]
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    /// Text of a profile that is the user's alone.
    Usable(String),
    /// Why it is not used.
    Refused(String),
}

/// Reads the profile in this folder if folder and file are the user's alone. What is looked at is what is read: neither is a link, and the
/// file is judged by its open handle.
#[cfg(unix)]
fn found_here(folder: &Path) -> Found {
    use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, statat};
    use std::os::fd::AsFd as _;
    let nothing = |error| matches!(error, rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR);
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let opened = openat(CWD, folder, flags | OFlags::DIRECTORY, Mode::empty()).and_then(|folder| {
        // Without a profile in it, a folder of any kind is nobody's concern.
        statat(folder.as_fd(), FILE, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(folder)
    });
    let folder = match opened {
        Ok(folder) => folder,
        Err(error) if nothing(error) && !folder.is_symlink() => return Found::Nothing,
        Err(error) if folder.join(FILE).exists() || folder.is_symlink() => {
            return Found::Refused(format!("the folder is a link, or cannot be read ({error})"));
        }
        Err(_) => return Found::Nothing,
    };
    if let Err(why) = own(&folder, "the folder") {
        return Found::Refused(why);
    }
    let file = match openat(&folder, FILE, flags, Mode::empty()) {
        Ok(file) => file,
        Err(error) => {
            return Found::Refused(format!("the file is a link, or cannot be read ({error})"));
        }
    };
    if let Err(why) = own(&file, "the file") {
        return Found::Refused(why);
    }
    let mut text = String::new();
    match std::fs::File::from(file)
        .take(1 << 20)
        .read_to_string(&mut text)
    {
        Ok(_) => Found::Usable(text),
        Err(error) => Found::Refused(format!("it cannot be read ({error})")),
    }
}

/// Whether this is the user's alone to write.
#[cfg(unix)]
fn own(handle: &std::os::fd::OwnedFd, what: &str) -> Result<(), String> {
    let facts = rustix::fs::fstat(handle).map_err(|error| format!("{what}: {error}"))?;
    if facts.st_uid != rustix::process::geteuid().as_raw() {
        return Err(format!("{what} belongs to somebody else"));
    }
    if facts.st_mode & 0o022 != 0 {
        return Err(format!("others may write {what}"));
    }
    Ok(())
}

/// Whose a file is cannot be told here, so what is found is not used.
#[cfg(not(unix))]
fn found_here(folder: &Path) -> Found {
    if folder.join(FILE).exists() {
        Found::Refused("whose it is cannot be told on this system".to_owned())
    } else {
        Found::Nothing
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    fn folder(mode: u32, file: u32) -> (tempfile::TempDir, PathBuf) {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join(FOLDER);
        std::fs::create_dir(&folder).expect("made");
        std::fs::write(folder.join(FILE), "{}").expect("written");
        std::fs::set_permissions(folder.join(FILE), Permissions::from_mode(file)).expect("set");
        std::fs::set_permissions(&folder, Permissions::from_mode(mode)).expect("set");
        (place, folder)
    }

    #[test]
    fn a_profile_that_is_found_is_used_only_when_it_is_the_users_alone() {
        for (mode, file, usable) in [
            (0o755, 0o600, true),
            (0o700, 0o644, true),
            (0o775, 0o600, false),
            (0o757, 0o600, false),
            (0o755, 0o620, false),
            (0o755, 0o602, false),
        ] {
            let (_place, folder) = folder(mode, file);
            let found = found_here(&folder);
            assert_eq!(
                matches!(found, Found::Usable(_)),
                usable,
                "{mode:o} {file:o}: {found:?}"
            );
        }
    }

    #[test]
    fn a_folder_without_a_profile_is_nobodys_concern() {
        let place = tempfile::tempdir().expect("a folder");
        assert_eq!(found_here(&place.path().join(FOLDER)), Found::Nothing);
        let open = place.path().join("open");
        std::fs::create_dir(&open).expect("made");
        std::fs::set_permissions(&open, Permissions::from_mode(0o777)).expect("set");
        assert_eq!(found_here(&open), Found::Nothing);
    }

    #[test]
    fn links_are_not_followed() {
        let (place, folder) = folder(0o755, 0o600);
        let link = place.path().join("link");
        symlink(&folder, &link).expect("linked");
        assert!(matches!(found_here(&link), Found::Refused(_)));
        std::fs::rename(folder.join(FILE), place.path().join("real")).expect("moved");
        symlink(place.path().join("real"), folder.join(FILE)).expect("linked");
        assert!(matches!(found_here(&folder), Found::Refused(_)));
    }

    #[test]
    fn what_belongs_to_somebody_else_is_refused() {
        let (_place, folder) = folder(0o755, 0o644);
        // Only the superuser can give a file away; whoever is not has the other tests.
        if chown(folder.join(FILE), Some(12_345), None).is_ok() {
            assert!(matches!(found_here(&folder), Found::Refused(_)));
            chown(folder.join(FILE), Some(0), None).expect("taken back");
            assert!(matches!(found_here(&folder), Found::Usable(_)));
            chown(&folder, Some(12_345), None).expect("given away");
            assert!(matches!(found_here(&folder), Found::Refused(_)));
        }
    }
}
