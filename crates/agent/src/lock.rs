//! One process at a time in a state folder: two agents on one identity would show as two machines, and each would send
//! the other's answers.

use crate::platform;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Why the folder could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error(
        "another agent uses the state folder {path}; stop it first, or give this one a folder of its own"
    )]
    Taken {
        /// The folder.
        path: PathBuf,
    },
    /// The lock file cannot be made.
    #[error("cannot lock the state folder {path}")]
    Io {
        /// The folder.
        path: PathBuf,
        /// System's error.
        #[source]
        source: io::Error,
    },
}

/// Holds the folder until it is dropped; the system lets go of it too when the process dies.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the open file is the lock")] File);

/// Takes the folder.
///
/// # Errors
/// When it is taken, or the system says no.
pub fn take(state_dir: &Path) -> Result<Lock, LockError> {
    let failed = |source| LockError::Io {
        path: state_dir.into(),
        source,
    };
    let file = platform::private_file()
        .write(true)
        .create(true)
        .truncate(false)
        .open(state_dir.join("lock"))
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(LockError::Taken {
            path: state_dir.into(),
        }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// How long a predecessor may take to be gone. A process that was killed holds its files for a moment longer, and a
/// supervisor that restarts at once would otherwise find the folder taken and give up.
const PREDECESSOR: Duration = Duration::from_secs(3);
const AGAIN: Duration = Duration::from_millis(50);

/// Takes the folder, waiting for a predecessor that is about to end.
///
/// # Errors
/// As [`take`], when it is still taken after a few seconds.
pub async fn take_after(state_dir: &Path) -> Result<Lock, LockError> {
    let give_up = Instant::now() + PREDECESSOR;
    loop {
        match take(state_dir) {
            Err(LockError::Taken { .. }) if Instant::now() < give_up => {
                tokio::time::sleep(AGAIN).await;
            }
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_for_a_predecessor_that_ends() {
        let folder = tempfile::tempdir().unwrap();
        let first = take(folder.path()).unwrap();
        assert!(matches!(take(folder.path()), Err(LockError::Taken { .. })));
        let second = take_after(folder.path());
        let release = async { drop(first) };
        // The second is polled first and finds the folder taken.
        let (second, ()) = tokio::join!(second, release);
        assert!(second.is_ok(), "{second:?}");
    }
}
