//! What must survive `kill -9` and a power cut: orders accepted and not answered, answers not acknowledged, and the
//! numbers of orders done. One SQLite file in the state folder, write-ahead log, `synchronous = FULL`: when a call
//! returns, what it wrote is on disk ([SQLite's own account](https://www.sqlite.org/pragma.html#pragma_synchronous)).
//!
//! A damaged file is moved aside with an error in the log and a new one begun: an agent that cannot start helps nobody
//! in an incident. What is lost then is said there. A full disk stops nobody either: the spool opens, gives what it
//! holds, refuses what it would have to write ([`SpoolError::Full`]), and writes as soon as there is room ([`room`]).
//! Whatever the disk, nothing here panics or retries by itself.

mod room;

use crate::orders::{Kept, Pruned, Remembered};
use prost::Message as _;
use protocol::message::{AnswerPart, SignedOrder};
use room::Room;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Transaction, params};
use std::path::{Path, PathBuf};
use std::time::Duration;

const FILE: &str = "spool.db";
const SCHEMA_VERSION: i64 = 2;
const SCHEMA: &str = "
    CREATE TABLE accepted (number INTEGER PRIMARY KEY, expires INTEGER NOT NULL, body BLOB NOT NULL,
                           key BLOB NOT NULL, signature BLOB NOT NULL) STRICT;
    CREATE TABLE answers (number INTEGER PRIMARY KEY, expires INTEGER NOT NULL, parts INTEGER NOT NULL,
                          bytes INTEGER NOT NULL) STRICT;
    CREATE TABLE parts (number INTEGER NOT NULL, part INTEGER NOT NULL, body BLOB NOT NULL,
                        PRIMARY KEY (number, part)) STRICT, WITHOUT ROWID;
    CREATE TABLE done (number INTEGER PRIMARY KEY, expires INTEGER NOT NULL) STRICT;
    CREATE TABLE pruned (id INTEGER PRIMARY KEY CHECK (id = 1), number INTEGER NOT NULL,
                         expires INTEGER NOT NULL) STRICT;
    PRAGMA user_version = 1;
";
/// Step to version 2: attempts at orders, and orders that were cancelled before they came.
const SECOND: &str = "
    ALTER TABLE accepted ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE cancelled (number INTEGER PRIMARY KEY, until INTEGER NOT NULL) STRICT;
    PRAGMA user_version = 2;
";

/// Bytes of answers kept at most; beyond them new answers cannot be spooled.
pub const LARGEST: u64 = 512 << 20;

/// What went wrong with the spool.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The file cannot be opened.
    #[error("cannot open the spool {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// SQLite's error.
        #[source]
        source: rusqlite::Error,
    },
    /// A damaged file cannot be moved aside.
    #[error("the spool {path} is damaged and cannot be moved aside")]
    MoveAside {
        /// The file.
        path: PathBuf,
        /// System's error.
        #[source]
        source: std::io::Error,
    },
    /// The file was written by a newer agent.
    #[error(
        "the spool {path} has version {found}, this agent knows {SCHEMA_VERSION}: use the newer agent, or remove the file (unsent answers are lost)"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// The disk is full.
    #[error("the disk with the spool {path} is full; free some space")]
    Full {
        /// The file.
        path: PathBuf,
        /// SQLite's error.
        #[source]
        source: rusqlite::Error,
    },
    /// The bound of the spool itself.
    #[error(
        "answers of {bytes} bytes wait to be acknowledged, more than the {LARGEST} the spool keeps"
    )]
    Bound {
        /// Bytes that wait.
        bytes: u64,
    },
    /// Reading or writing failed.
    #[error("the spool {path} failed while {during}")]
    Failed {
        /// The file.
        path: PathBuf,
        /// What was done.
        during: &'static str,
        /// SQLite's error.
        #[source]
        source: rusqlite::Error,
    },
    /// What lies in it cannot be decoded.
    #[error("the spool {path} holds something unreadable for order {number}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The order.
        number: u64,
        /// Decoder's error.
        #[source]
        source: prost::DecodeError,
    },
}

impl SpoolError {
    /// Whether there is no room on the disk.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Full { .. } => true,
            Self::Open { source, .. } | Self::Failed { source, .. } => room::is_full(source),
            _ => false,
        }
    }

    /// Whether the file itself is damaged, so that only a new one helps.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Open { source, .. } | Self::Failed { source, .. } => damaged(source),
            Self::Unreadable { .. } => true,
            _ => false,
        }
    }
}

fn damaged(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// The open spool.
#[derive(Debug)]
pub struct Spool {
    path: PathBuf,
    connection: Connection,
    bytes: u64,
    room: Room,
}

impl Spool {
    /// Opens the spool of this folder, or begins one; moves a damaged one aside.
    ///
    /// # Errors
    /// When neither works.
    pub fn open(state_dir: &Path) -> Result<(Self, Remembered), SpoolError> {
        let path = state_dir.join(FILE);
        match Self::open_or_wait(&path) {
            Err(error) if error.is_damage() => {
                tracing::error!(
                    path = %path.display(), error = %crate::chain(&error),
                    "the spool is damaged; it is moved aside and a new one begun. Answers that were not sent yet are lost, and orders \
                     done before could be carried out again until they expire"
                );
                move_aside(&path)?;
                Self::open_or_wait(&path)
            }
            other => other,
        }
    }

    /// Moves the damaged file aside, begins a new one and writes down what the agent still knows.
    ///
    /// # Errors
    /// When that does not work either.
    pub fn begin_anew(
        self,
        done: &[(u64, i64)],
        cancelled: &[(u64, i64)],
        pruned: Pruned,
    ) -> Result<Self, SpoolError> {
        let path = self.path.clone();
        drop(self);
        move_aside(&path)?;
        let (mut anew, _) = Self::open_or_wait(&path)?;
        anew.remember(done, cancelled, pruned)?;
        Ok(anew)
    }

    /// Writes down what is known of orders done, wherever this spool is at the moment.
    fn remember(
        &mut self,
        done: &[(u64, i64)],
        cancelled: &[(u64, i64)],
        pruned: Pruned,
    ) -> Result<(), SpoolError> {
        let written = self.connection.transaction().and_then(|t| {
            for (number, expires) in done {
                t.execute(
                    "INSERT OR REPLACE INTO done VALUES (?1, ?2)",
                    params![signed(*number), expires],
                )?;
            }
            for (number, until) in cancelled {
                t.execute(
                    "INSERT OR REPLACE INTO cancelled VALUES (?1, ?2)",
                    params![signed(*number), until],
                )?;
            }
            write_pruned(&t, pruned)?;
            t.commit()
        });
        written.map_err(|source| self.failed("beginning anew", source))
    }

    fn open_at(path: &Path) -> Result<(Self, Remembered), SpoolError> {
        let failed = |source| SpoolError::Open {
            path: path.into(),
            source,
        };
        // Made first, so that SQLite's files beside it take over its permissions.
        match crate::platform::private_file()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
        {
            Ok(file) => drop(file),
            Err(error) => {
                let code = if crate::files::is_full(&error) {
                    rusqlite::ffi::SQLITE_FULL
                } else {
                    rusqlite::ffi::SQLITE_CANTOPEN
                };
                return Err(failed(rusqlite::Error::SqliteFailure(
                    rusqlite::ffi::Error::new(code),
                    Some(error.to_string()),
                )));
            }
        }
        let connection = Connection::open(path).map_err(failed)?;
        connection
            .busy_timeout(Duration::from_secs(5))
            .map_err(failed)?;
        // Exclusive: nobody else has a use for this file, and the log's index then lies in memory and takes no room on disk.
        connection
            .execute_batch(
                "PRAGMA locking_mode = EXCLUSIVE; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -256;
                 PRAGMA wal_autocheckpoint = 64; PRAGMA journal_size_limit = 1048576; PRAGMA temp_store = MEMORY;",
            )
            .map_err(failed)?;
        let health: String = connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(failed)?;
        if health != "ok" {
            return Err(failed(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
                Some(health),
            )));
        }
        let found: i64 = connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(failed)?;
        if found > SCHEMA_VERSION {
            return Err(SpoolError::Newer {
                path: path.into(),
                found,
            });
        }
        let mut spool = Self {
            path: path.into(),
            connection,
            bytes: 0,
            room: Room::Found,
        };
        // In one step: a disk that fills up in between would leave half of it.
        let steps = match found {
            0 => [SCHEMA, SECOND].concat(),
            1 => SECOND.to_owned(),
            _ => String::new(),
        };
        if !steps.is_empty() {
            spool.transaction("making its tables", |t| t.execute_batch(&steps))?;
        }
        let (remembered, bytes) = spool.contents()?;
        spool.bytes = bytes;
        Ok((spool, remembered))
    }

    /// All but the contents of answers, and the bytes of those.
    fn contents(&self) -> Result<(Remembered, u64), SpoolError> {
        let read = || -> rusqlite::Result<(Remembered, u64)> {
            let pairs = |sql: &str| -> rusqlite::Result<Vec<(u64, i64)>> {
                self.connection
                    .prepare(sql)?
                    .query_map([], |row| Ok((unsigned(row.get(0)?), row.get(1)?)))?
                    .collect()
            };
            let pruned = self
                .connection
                .query_row("SELECT number, expires FROM pruned", [], |row| {
                    Ok(Pruned {
                        number: unsigned(row.get(0)?),
                        expires: row.get(1)?,
                    })
                })
                .optional()?
                .unwrap_or_default();
            let bytes: i64 = self.connection.query_row(
                "SELECT coalesce(sum(bytes), 0) FROM answers",
                [],
                |row| row.get(0),
            )?;
            // A file of the first version that could not be brought up to date yet, for want of room, is read as it is.
            let second = self
                .connection
                .query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))?
                >= 2;
            let accepted = if second {
                "SELECT number, expires, attempts FROM accepted"
            } else {
                "SELECT number, expires, 0 FROM accepted"
            };
            let accepted = self
                .connection
                .prepare(accepted)?
                .query_map([], |row| {
                    Ok(Kept {
                        number: unsigned(row.get(0)?),
                        expires: row.get(1)?,
                        attempts: row.get(2)?,
                    })
                })?
                .collect::<rusqlite::Result<_>>()?;
            let remembered = Remembered {
                accepted,
                answered: pairs("SELECT number, expires FROM answers")?,
                done: pairs("SELECT number, expires FROM done")?,
                cancelled: if second {
                    pairs("SELECT number, until FROM cancelled")?
                } else {
                    Vec::new()
                },
                pruned,
            };
            Ok((remembered, bytes.unsigned_abs()))
        };
        read().map_err(|source| self.failed("being read", source))
    }

    /// Writes an accepted order down.
    ///
    /// # Errors
    /// When it could not; the order then does not count as accepted.
    pub fn accept(
        &mut self,
        number: u64,
        expires: i64,
        order: &SignedOrder,
    ) -> Result<(), SpoolError> {
        if self.bytes > LARGEST {
            return Err(SpoolError::Bound { bytes: self.bytes });
        }
        self.transaction("keeping an order", |t| {
            t.execute(
                "INSERT OR REPLACE INTO accepted (number, expires, body, key, signature)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    signed(number),
                    expires,
                    order.body,
                    order.key,
                    order.signature
                ],
            )
            .map(drop)
        })
    }

    /// An accepted order.
    ///
    /// # Errors
    /// When reading fails.
    pub fn order(&self, number: u64) -> Result<Option<SignedOrder>, SpoolError> {
        self.connection
            .query_row(
                "SELECT body, key, signature FROM accepted WHERE number = ?1",
                [signed(number)],
                |row| {
                    Ok(SignedOrder {
                        body: row.get(0)?,
                        key: row.get(1)?,
                        signature: row.get(2)?,
                    })
                },
            )
            .optional()
            .map_err(|source| self.failed("giving an order", source))
    }

    /// Writes down that an attempt at an accepted order begins, before it does.
    ///
    /// # Errors
    /// When it could not; the attempt must not begin then.
    pub fn start(&mut self, number: u64) -> Result<(), SpoolError> {
        self.transaction("starting an order", |t| {
            t.execute(
                "UPDATE accepted SET attempts = attempts + 1 WHERE number = ?1",
                [signed(number)],
            )
            .map(drop)
        })
    }

    /// Takes attempts back that were stopped in order, and so did not end the agent.
    ///
    /// # Errors
    /// When it could not.
    pub fn stop(&mut self, numbers: &[u64]) -> Result<(), SpoolError> {
        self.transaction("stopping orders", |t| {
            for number in numbers {
                t.execute(
                    "UPDATE accepted SET attempts = max(attempts - 1, 0) WHERE number = ?1",
                    [signed(*number)],
                )?;
            }
            Ok(())
        })
    }

    /// Remembers that an order was cancelled that has not come.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn mark_cancelled(&mut self, number: u64, until: i64) -> Result<(), SpoolError> {
        self.transaction("marking a cancelled order", |t| {
            t.execute(
                "INSERT OR REPLACE INTO cancelled VALUES (?1, ?2)",
                params![signed(number), until],
            )
            .map(drop)
        })
    }

    /// Puts an answer in the place of its order.
    ///
    /// # Errors
    /// When it could not; the order then still stands as accepted.
    pub fn keep_answer(
        &mut self,
        number: u64,
        expires: i64,
        parts: &[AnswerPart],
    ) -> Result<(), SpoolError> {
        let bytes: u64 = parts.iter().map(|part| part.encoded_len() as u64).sum();
        let held = self.bytes.saturating_add(bytes);
        if held > LARGEST {
            return Err(SpoolError::Bound { bytes: held });
        }
        self.transaction("keeping an answer", |t| {
            t.execute("DELETE FROM accepted WHERE number = ?1", [signed(number)])?;
            let mut insert = t.prepare_cached("INSERT INTO parts VALUES (?1, ?2, ?3)")?;
            for (at, part) in (0_i64..).zip(parts) {
                insert.execute(params![signed(number), at, part.encode_to_vec()])?;
            }
            t.execute(
                "INSERT INTO answers VALUES (?1, ?2, ?3, ?4)",
                params![
                    signed(number),
                    expires,
                    i64::try_from(parts.len()).unwrap_or(i64::MAX),
                    signed(bytes)
                ],
            )
            .map(drop)
        })?;
        self.bytes = held;
        Ok(())
    }

    /// One part of a kept answer; `None` past the last, or when there is no such answer.
    ///
    /// # Errors
    /// When reading or decoding fails.
    pub fn part(&self, number: u64, part: u32) -> Result<Option<AnswerPart>, SpoolError> {
        let body: Option<Vec<u8>> = self
            .connection
            .prepare_cached("SELECT body FROM parts WHERE number = ?1 AND part = ?2")
            .and_then(|mut s| {
                s.query_row(params![signed(number), part], |row| row.get(0))
                    .optional()
            })
            .map_err(|source| self.failed("giving an answer", source))?;
        body.map(|body| AnswerPart::decode(body.as_slice()))
            .transpose()
            .map_err(|source| SpoolError::Unreadable {
                path: self.path.clone(),
                number,
                source,
            })
    }

    /// Forgets the order or answer of each number and remembers the number as done until its expiry is over.
    ///
    /// # Errors
    /// When it could not be written; everything then stands as before.
    pub fn finish(&mut self, numbers: &[(u64, i64)]) -> Result<(), SpoolError> {
        let freed = self.transaction("finishing an order", |t| {
            let mut freed = 0_u64;
            for (number, expires) in numbers {
                let number = signed(*number);
                t.execute("DELETE FROM accepted WHERE number = ?1", [number])?;
                let bytes: Option<i64> = t
                    .query_row(
                        "DELETE FROM answers WHERE number = ?1 RETURNING bytes",
                        [number],
                        |row| row.get(0),
                    )
                    .optional()?;
                if let Some(bytes) = bytes {
                    t.execute("DELETE FROM parts WHERE number = ?1", [number])?;
                    freed += unsigned(bytes);
                }
                t.execute(
                    "INSERT OR REPLACE INTO done VALUES (?1, ?2)",
                    params![number, expires],
                )?;
            }
            Ok(freed)
        })?;
        self.bytes = self.bytes.saturating_sub(freed);
        if freed > 1 << 20 {
            // Space only goes back to the system when asked for; failing to is no loss.
            if let Err(error) = self.connection.execute_batch("PRAGMA incremental_vacuum") {
                tracing::debug!(%error, "the spool did not shrink");
            }
        }
        Ok(())
    }

    /// Forgets done numbers.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn prune(&mut self, numbers: &[u64], pruned: Pruned) -> Result<(), SpoolError> {
        if numbers.is_empty() {
            return Ok(());
        }
        self.transaction("forgetting done orders", |t| {
            for number in numbers {
                t.execute("DELETE FROM done WHERE number = ?1", [signed(*number)])?;
                t.execute("DELETE FROM cancelled WHERE number = ?1", [signed(*number)])?;
            }
            write_pruned(t, pruned)
        })
    }

    fn transaction<T>(
        &mut self,
        during: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, SpoolError> {
        self.settle()?;
        let done = self.connection.transaction().and_then(|t| {
            let done = work(&t)?;
            t.commit().map(|()| done)
        });
        done.map_err(|source| self.failed(during, source))
    }

    fn failed(&self, during: &'static str, source: rusqlite::Error) -> SpoolError {
        let path = self.path.clone();
        if room::is_full(&source) {
            return SpoolError::Full { path, source };
        }
        SpoolError::Failed {
            path,
            during,
            source,
        }
    }
}

fn write_pruned(t: &Transaction<'_>, pruned: Pruned) -> rusqlite::Result<()> {
    t.execute(
        "INSERT OR REPLACE INTO pruned VALUES (1, ?1, ?2)",
        params![signed(pruned.number), pruned.expires],
    )
    .map(drop)
}

fn move_aside(path: &Path) -> Result<(), SpoolError> {
    let failed = |source| SpoolError::MoveAside {
        path: path.into(),
        source,
    };
    // A second damage replaces the file of the first: the disk must not fill with them.
    let mut aside = path.as_os_str().to_owned();
    aside.push(".damaged");
    std::fs::rename(path, &aside).map_err(failed)?;
    for suffix in ["-wal", "-shm"] {
        let mut beside = path.as_os_str().to_owned();
        beside.push(suffix);
        match std::fs::remove_file(&beside) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(())
}

/// SQLite's integers are signed; the bits go through unchanged.
fn signed(number: u64) -> i64 {
    i64::from_ne_bytes(number.to_ne_bytes())
}

fn unsigned(number: i64) -> u64 {
    u64::from_ne_bytes(number.to_ne_bytes())
}

#[cfg(test)]
#[path = "spool_tests.rs"]
mod tests;
