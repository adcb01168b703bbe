//! The folder of the Index on an endpoint, and what lies in it.
//!
//! ```text
//! config.ini            the configuration in force       (config-history/: every version)
//! index.db              the database
//! status.json           what the indexing process does, written by it alone
//! run.lock              held while a process indexes
//! service.lock          there when a service of the system keeps the Index, and held while that service runs
//! wanted                "stopped" when an administrator stopped it; anything else, or nothing: started
//! blacklist.txt/.bin    listed hashes, as given and as looked up
//! known-good.txt/.bin   hashes that are subtracted
//! cordon-index.log      the log, its rotated predecessors, and dumps/
//! ```

use std::fs::File;
use std::path::{Path, PathBuf};

/// Tries to take the lock while others look who has it, a millisecond apart.
const LOOKERS: u32 = 1000;

/// Environment variable that names the folder where neither an agent nor the command line does.
pub const VARIABLE: &str = "CORDON_INDEX_DIR";

/// The folder on an endpoint whose agent keeps its state in the usual place.
#[must_use]
pub fn default_folder() -> PathBuf {
    let agent = if cfg!(windows) {
        r"C:\ProgramData\Cordon\agent"
    } else {
        "/var/lib/cordon/agent"
    };
    Path::new(agent).join("index")
}

/// Failure with a file of the folder.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// It cannot be made.
    #[error("cannot make the folder {}", .path.display())]
    Make {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}", .path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another process indexes.
    #[error("another process indexes in {} already{}", .path.display(), .pid.map(|p| format!(" (process {p})")).unwrap_or_default())]
    Busy {
        /// Where.
        path: PathBuf,
        /// Which process, where it says so.
        pid: Option<u32>,
    },
}

/// The folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    folder: PathBuf,
}

/// Held while this process indexes; given back when dropped, or when the process ends in any way.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Whether a service of the system keeps the Index, so that nobody else is to start a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// None does.
    None,
    /// One does, and does not run now.
    Down,
    /// One does, in this process: it indexes whenever that is wanted.
    Up(u32),
}

impl Home {
    /// Of this folder, which is taken from the working directory where it is relative; nothing is made.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        Self {
            // The process that is started for it has a working directory of its own.
            folder: std::path::absolute(&folder).unwrap_or(folder),
        }
    }

    /// Of the agent with this state folder. An empty one stands for no agent (`cordon ask --local`): then what
    /// [`VARIABLE`] says, and else [`default_folder`].
    #[must_use]
    pub fn of_agent(state_dir: &Path) -> Self {
        if !state_dir.as_os_str().is_empty() {
            return Self::new(state_dir.join("index"));
        }
        match std::env::var_os(VARIABLE) {
            Some(folder) if !folder.is_empty() => Self::new(folder),
            _ => Self::new(default_folder()),
        }
    }

    /// The folder itself.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether anything was ever installed here.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.folder.is_dir()
    }

    /// Makes the folder, for the owner alone: names of files tell much.
    ///
    /// # Errors
    /// [`HomeError::Make`].
    pub fn make(&self) -> Result<(), HomeError> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::DirBuilderExt;
            builder.mode(0o700);
        }
        builder
            .create(&self.folder)
            .map_err(|source| HomeError::Make {
                path: self.folder.clone(),
                source,
            })
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.folder.join("index.db")
    }

    /// What the process says of itself.
    #[must_use]
    pub fn status(&self) -> PathBuf {
        self.folder.join("status.json")
    }

    /// Listed hashes as they are looked up.
    #[must_use]
    pub fn blacklist(&self) -> PathBuf {
        self.folder.join("blacklist.bin")
    }

    /// Known-good hashes as they are looked up.
    #[must_use]
    pub fn known_good(&self) -> PathBuf {
        self.folder.join("known-good.bin")
    }

    fn lock_path(&self) -> PathBuf {
        self.folder.join("run.lock")
    }

    fn service_path(&self) -> PathBuf {
        self.folder.join("service.lock")
    }

    fn wanted_path(&self) -> PathBuf {
        self.folder.join("wanted")
    }

    /// Whether an administrator wants indexing; so it is until somebody stops it.
    #[must_use]
    pub fn wanted(&self) -> bool {
        !std::fs::read(self.wanted_path()).is_ok_and(|text| text.trim_ascii() == b"stopped")
    }

    /// Keeps whether indexing is wanted.
    ///
    /// # Errors
    /// [`HomeError::Write`].
    pub fn set_wanted(&self, wanted: bool) -> Result<(), HomeError> {
        self.replace(
            &self.wanted_path(),
            if wanted { b"started\n" } else { b"stopped\n" },
        )
    }

    /// Puts a file in place whole.
    ///
    /// # Errors
    /// [`HomeError::Write`].
    pub fn replace(&self, path: &Path, content: &[u8]) -> Result<(), HomeError> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let failed = |source| HomeError::Write {
            path: path.to_owned(),
            source,
        };
        let done = std::fs::write(&beside, content).and_then(|()| std::fs::rename(&beside, path));
        done.map_err(|error| {
            // What is half written helps nobody.
            std::fs::remove_file(&beside).ok();
            failed(error)
        })
    }

    /// Puts a file in place whole; on a disk that has no room for another one, over the former one, where it has its room
    /// already.
    ///
    /// # Errors
    /// [`HomeError::Write`].
    pub fn replace_anyhow(&self, path: &Path, content: &[u8]) -> Result<(), HomeError> {
        let Err(error) = self.replace(path, content) else {
            return Ok(());
        };
        let over = |file: &Path| -> std::io::Result<()> {
            let file = File::options().write(true).open(file)?;
            std::io::Write::write_all(&mut &file, content)?;
            file.set_len(content.len() as u64)
        };
        over(path).map_err(|_| error)
    }

    /// When somebody last said what is wanted: a start that is asked for again is news, too.
    pub(crate) fn wanted_since(&self) -> Option<std::time::SystemTime> {
        std::fs::metadata(self.wanted_path())
            .and_then(|metadata| metadata.modified())
            .ok()
    }

    /// Takes the right to index here.
    ///
    /// # Errors
    /// [`HomeError::Busy`] when another process has it; [`HomeError::Write`].
    pub fn lock(&self) -> Result<Lock, HomeError> {
        self.hold(self.lock_path())
    }

    /// The process that indexes here now.
    ///
    /// # Errors
    /// [`HomeError::Read`].
    pub fn running(&self) -> Result<Option<u32>, HomeError> {
        holder(self.lock_path()).map(|holder| holder.and_then(|holder| holder.pid))
    }

    /// Takes the right to keep the Index here as a service.
    ///
    /// # Errors
    /// As [`Self::lock`].
    pub fn lock_service(&self) -> Result<Lock, HomeError> {
        self.hold(self.service_path())
    }

    /// Whether a service keeps the Index here.
    ///
    /// # Errors
    /// [`HomeError::Read`].
    pub fn service(&self) -> Result<Service, HomeError> {
        Ok(match holder(self.service_path())? {
            None => Service::None,
            Some(Holder { pid: None }) => Service::Down,
            Some(Holder { pid: Some(pid) }) => Service::Up(pid),
        })
    }

    fn hold(&self, path: PathBuf) -> Result<Lock, HomeError> {
        let failed = |path| move |source| HomeError::Write { path, source };
        let file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(failed(path.clone()))?;
        match alone(&file) {
            Ok(()) => {
                let text = format!("{}\n", std::process::id());
                // Over what stands there, and cut after it: that needs no room. The lock is what counts; a number that a full
                // disk does not take is not known to others.
                std::io::Write::write_all(&mut &file, text.as_bytes())
                    .and_then(|()| file.set_len(text.len() as u64))
                    .ok();
                Ok(Lock { _file: file })
            }
            Err(std::fs::TryLockError::WouldBlock) => Err(HomeError::Busy {
                path: self.folder.clone(),
                pid: written(&path),
            }),
            Err(std::fs::TryLockError::Error(source)) => Err(failed(path)(source)),
        }
    }
}

/// A lock file that is there, and the process that holds it; 0 for one that did not write its number yet.
struct Holder {
    pid: Option<u32>,
}

fn holder(path: PathBuf) -> Result<Option<Holder>, HomeError> {
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(HomeError::Read { path, source }),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(Some(Holder { pid: None })),
        Err(std::fs::TryLockError::WouldBlock) => Ok(Some(Holder {
            pid: Some(holding(&path)),
        })),
        Err(std::fs::TryLockError::Error(source)) => Err(HomeError::Read { path, source }),
    }
}

/// The number of the process that holds this lock; it writes it right after it took the lock. 0 when it does not.
fn holding(path: &Path) -> u32 {
    for _ in 0..LOOKERS {
        if let Some(pid) = written(path) {
            return pid;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    0
}

/// The number of the process that wrote it into the lock.
fn written(path: &Path) -> Option<u32> {
    let text = std::fs::read_to_string(path).ok()?;
    text.trim().parse().ok()
}

/// Takes the lock, unless another process holds it to index. One that only looks who does holds it too, for a moment.
fn alone(file: &File) -> Result<(), std::fs::TryLockError> {
    for _ in 0..LOOKERS {
        match file.try_lock() {
            Err(std::fs::TryLockError::WouldBlock) => {}
            other => return other,
        }
        // Fails where somebody indexes.
        file.try_lock_shared()?;
        file.unlock().map_err(std::fs::TryLockError::Error)?;
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    file.try_lock()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_just_taken_a_lock_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.lock");
        let lock = File::create(&path).unwrap();
        lock.lock().unwrap();
        let (looks, looked) = std::sync::mpsc::channel();
        let writer = std::thread::spawn(move || {
            looked.recv().unwrap();
            std::io::Write::write_all(&mut &lock, b"77\n").unwrap();
            lock
        });
        looks.send(()).unwrap();
        let found = holder(path.clone()).unwrap().unwrap();
        assert_eq!(found.pid, Some(77));
        drop(writer.join().unwrap());
        assert!(holder(path).unwrap().unwrap().pid.is_none());
    }

    #[test]
    fn one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path().join("index"));
        assert!(!home.exists());
        assert_eq!(home.running().unwrap(), None);
        home.make().unwrap();
        let lock = home.lock().unwrap();
        assert_eq!(home.running().unwrap(), Some(std::process::id()));
        assert!(
            matches!(home.lock(), Err(HomeError::Busy { pid: Some(p), .. }) if p == std::process::id())
        );
        drop(lock);
        assert_eq!(home.running().unwrap(), None);
        home.lock().unwrap();
    }

    #[test]
    fn a_service_is_known_while_it_is_down() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        assert_eq!(home.service().unwrap(), Service::None);
        let lock = home.lock_service().unwrap();
        assert_eq!(home.service().unwrap(), Service::Up(std::process::id()));
        assert!(matches!(home.lock_service(), Err(HomeError::Busy { .. })));
        // To keep the Index is not to index.
        assert_eq!(home.running().unwrap(), None);
        home.lock().unwrap();
        drop(lock);
        assert_eq!(home.service().unwrap(), Service::Down);
    }

    #[test]
    fn who_looks_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        let over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !over.load(std::sync::atomic::Ordering::Relaxed) {
                        home.running().unwrap();
                    }
                });
            }
            let taken: Vec<_> = (0..200).map(|_| home.lock().map(drop)).collect();
            over.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(taken.iter().all(Result::is_ok), "{taken:?}");
        });
    }

    #[test]
    fn an_agent_has_its_own() {
        assert_eq!(
            Home::of_agent(Path::new("/srv/agent")).folder(),
            Path::new("/srv/agent/index")
        );
        if std::env::var_os(VARIABLE).is_none() {
            assert_eq!(Home::of_agent(Path::new("")).folder(), default_folder());
        }
    }

    #[test]
    fn started_until_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        assert!(home.wanted());
        home.set_wanted(false).unwrap();
        assert!(!home.wanted());
        home.set_wanted(true).unwrap();
        assert!(home.wanted());
    }
}
