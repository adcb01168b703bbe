//! Whether the last server ended properly, kept beside the database in `server.state`.
//!
//! The file is there from the first start on; so a database that is missing beside it was lost. While a server has the database open
//! it says `open`, and after everything was folded into the database `closed`. A folder that says `open` without a log has lost the
//! log, and with it what was acknowledged since the last checkpoint: nothing in the database itself would tell.
//!
//! The word is written over the old one, so that it needs no room on a full disk.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Name of the file in the data folder.
pub const STATE_FILE: &str = "server.state";
const OPEN: &[u8; 7] = b"open  \n";
const CLOSED: &[u8; 7] = b"closed\n";

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// There was no server in this folder, or none that wrote this file.
    New,
    /// A server has the database open, or ended without closing it.
    Open,
    /// The last server closed the database.
    Closed,
}

/// The file.
#[derive(Clone, Debug)]
pub(super) struct StateFile(PathBuf);

impl StateFile {
    pub fn of(folder: &Path) -> Self {
        Self(folder.join(STATE_FILE))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What it says. A word that is not known counts as open: that is the careful reading.
    pub fn read(&self) -> io::Result<State> {
        let mut word = Vec::new();
        match File::open(&self.0) {
            Ok(file) => file.take(64).read_to_end(&mut word)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::New),
            Err(error) => return Err(error),
        };
        Ok(if word == CLOSED {
            State::Closed
        } else {
            State::Open
        })
    }

    /// Says on disk that the database is open.
    pub fn set_open(&self) -> io::Result<()> {
        self.set(OPEN)
    }

    /// Says on disk that everything is in the database.
    pub fn set_closed(&self) -> io::Result<()> {
        self.set(CLOSED)
    }

    fn set(&self, word: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        let mut file = options.open(&self.0)?;
        file.write_all(word)?;
        file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_replaced_and_an_unknown_one_is_read_with_care() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = StateFile::of(folder.path());
        assert_eq!(file.read().expect("read"), State::New);
        file.set_open().expect("written");
        assert_eq!(file.read().expect("read"), State::Open);
        file.set_closed().expect("written");
        assert_eq!(file.read().expect("read"), State::Closed);
        std::fs::write(file.path(), b"").expect("emptied");
        assert_eq!(file.read().expect("read"), State::Open);
    }
}
