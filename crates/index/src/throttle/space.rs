//! Keeping the disk from filling up.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes that must be free for the Index to be installed.
pub const NEEDED_TO_INSTALL: u64 = 1 << 30;

/// Bytes below which the database stops growing: what a system needs to go on writing its own logs.
const STOP_BELOW: u64 = 256 << 20;

/// Bytes from which it grows again; more, so that it does not change back and forth.
const GO_ON_FROM: u64 = 512 << 20;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(2);

/// Free space of disks.
pub trait Space: Send + Sync {
    /// Bytes that this process can still write to the file system of a folder; `None` where that cannot be known.
    ///
    /// # Errors
    /// When the folder cannot be asked.
    fn free(&self, folder: &Path) -> io::Result<Option<u64>>;
}

/// As the system says.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemSpace;

impl Space for SystemSpace {
    #[cfg(unix)]
    fn free(&self, folder: &Path) -> io::Result<Option<u64>> {
        let answer = rustix::fs::statvfs(folder)?;
        // Without what is kept for the administrator, even when this process is one: it is there for emergencies.
        Ok(Some(answer.f_bavail.saturating_mul(answer.f_frsize)))
    }

    #[cfg(not(unix))]
    fn free(&self, _folder: &Path) -> io::Result<Option<u64>> {
        Ok(None)
    }
}

/// Whether there is room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// The database may grow.
    Enough,
    /// It must not; so many bytes are free.
    Low(u64),
}

/// Tells whether the database may grow. Cheap to ask often.
pub struct SpaceGuard {
    folder: PathBuf,
    space: Box<dyn Space>,
    last: Mutex<(Option<Instant>, Room)>,
    every: Duration,
}

impl std::fmt::Debug for SpaceGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpaceGuard")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl SpaceGuard {
    /// For the folder that the database is in.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self::with(folder, Box::new(SystemSpace), EVERY)
    }

    /// With other disks, looked at as often as given.
    #[must_use]
    pub fn with(folder: impl Into<PathBuf>, space: Box<dyn Space>, every: Duration) -> Self {
        Self {
            folder: folder.into(),
            space,
            last: Mutex::new((None, Room::Enough)),
            every,
        }
    }

    /// Whether there is as much free as installing asks for; the bytes that are free if not. Where it cannot be known,
    /// there is.
    ///
    /// # Errors
    /// When the folder cannot be asked.
    pub fn can_install(&self) -> io::Result<Room> {
        Ok(match self.space.free(&self.folder)? {
            Some(free) if free < NEEDED_TO_INSTALL => Room::Low(free),
            _ => Room::Enough,
        })
    }

    /// Whether the database may grow now. A disk that cannot be asked is left to the writes to find out.
    #[must_use]
    pub fn room(&self) -> Room {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.0.is_some_and(|looked| looked.elapsed() < self.every) {
            return last.1;
        }
        let least = if last.1 == Room::Enough {
            STOP_BELOW
        } else {
            GO_ON_FROM
        };
        let room = match self.space.free(&self.folder) {
            Ok(Some(free)) if free < least => Room::Low(free),
            _ => Room::Enough,
        };
        *last = (Some(Instant::now()), room);
        room
    }
}
