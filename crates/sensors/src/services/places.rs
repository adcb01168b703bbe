//! Where units lie (systemd.unit(5)): the folders of the system's manager, of every user's, and of one user's.

use crate::disk;
use crate::framework::{Notes, SensorError};
use crate::users::collect::accounts_of;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A folder of units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// As the system sees it.
    pub path: PathBuf,
    /// Whether links in it are somebody's will, and whether they survive a restart.
    pub links: Option<bool>,
}

/// A service manager, by what it looks at.
#[derive(Clone, Debug)]
pub struct Manager {
    /// `system`, `user`, or the name of the one user.
    pub name: Vec<u8>,
    /// Whose it is; `None` for the system's and for what all users have.
    pub user: Option<User>,
    /// The first has precedence.
    pub folders: Vec<Folder>,
    /// Folders of which units are told; those of the others are told elsewhere.
    pub own: usize,
}

/// Somebody with a home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Name; that of the home where no account has it.
    pub name: Vec<u8>,
    /// Number, where an account has the home.
    pub uid: Option<u32>,
    /// Home folder as the system sees it.
    pub home: PathBuf,
}

fn folder(path: impl Into<PathBuf>, links: Option<bool>) -> Folder {
    Folder {
        path: path.into(),
        links,
    }
}

/// The system's manager.
#[must_use]
pub fn system() -> Manager {
    let folders = vec![
        folder("/etc/systemd/system.control", None),
        folder("/run/systemd/system.control", None),
        folder("/run/systemd/transient", None),
        folder("/run/systemd/generator.early", None),
        folder("/etc/systemd/system", Some(true)),
        folder("/etc/systemd/system.attached", None),
        folder("/run/systemd/system", Some(false)),
        folder("/run/systemd/system.attached", None),
        folder("/run/systemd/generator", None),
        folder("/usr/local/lib/systemd/system", None),
        folder("/usr/lib/systemd/system", None),
        folder("/lib/systemd/system", None),
        folder("/run/systemd/generator.late", None),
    ];
    Manager {
        name: b"system".to_vec(),
        user: None,
        own: folders.len(),
        folders,
    }
}

/// Folders that the managers of all users look at.
fn shared() -> Vec<Folder> {
    vec![
        folder("/etc/systemd/user", Some(true)),
        folder("/run/systemd/user", Some(false)),
        folder("/usr/local/share/systemd/user", None),
        folder("/usr/share/systemd/user", None),
        folder("/usr/local/lib/systemd/user", None),
        folder("/usr/lib/systemd/user", None),
        folder("/lib/systemd/user", None),
    ]
}

/// What all users have.
#[must_use]
pub fn everybody() -> Manager {
    let folders = shared();
    Manager {
        name: b"user".to_vec(),
        user: None,
        own: folders.len(),
        folders,
    }
}

/// The manager of one user.
#[must_use]
pub fn of_user(user: &User) -> Manager {
    let home = |path: &str| user.home.join(path);
    let mut folders = vec![
        folder(home(".config/systemd/user.control"), None),
        folder(home(".config/systemd/user"), Some(true)),
        folder(home(".local/share/systemd/user"), None),
    ];
    if let Some(uid) = user.uid {
        let run = PathBuf::from(format!("/run/user/{uid}/systemd"));
        folders.extend([
            folder(run.join("user.control"), None),
            folder(run.join("transient"), None),
            folder(run.join("generator.early"), None),
            folder(run.join("user"), Some(false)),
            folder(run.join("generator"), None),
            folder(run.join("generator.late"), None),
        ]);
    }
    let own = folders.len();
    folders.extend(shared());
    Manager {
        name: user.name.clone(),
        user: Some(user.clone()),
        folders,
        own,
    }
}

/// Everybody who has a home: accounts, and folders where homes usually are.
///
/// # Errors
/// [`SensorError::Limit`] only; accounts that cannot be read are noted.
pub fn users(root: &Path, notes: &Notes) -> Result<Vec<User>, SensorError> {
    let mut users: BTreeMap<PathBuf, User> = BTreeMap::new();
    let accounts = match accounts_of(root, notes) {
        // A root without accounts has homes of nobody.
        Err(SensorError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => Vec::new(),
        accounts => notes.note(accounts)?.unwrap_or_default(),
    };
    for account in accounts {
        let home = PathBuf::from(path_of(&account.home));
        // Many accounts of services have no home of their own.
        if !home.is_absolute() || home == Path::new("/") {
            continue;
        }
        users.entry(home.clone()).or_insert(User {
            name: account.name,
            uid: Some(account.uid),
            home,
        });
    }
    for path in disk::list(&disk::below(root, "/home"), notes) {
        let Some(name) = path.file_name() else {
            continue;
        };
        let home = Path::new("/home").join(name);
        users.entry(home.clone()).or_insert(User {
            name: name.as_encoded_bytes().to_vec(),
            uid: None,
            home,
        });
    }
    Ok(users.into_values().collect())
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> OsString {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(bytes).to_owned()
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}
