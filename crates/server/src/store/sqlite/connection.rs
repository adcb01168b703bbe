//! Opening the database file: for the one that writes, and for those that read.

use super::super::error::{Result, StoreError};
use super::fault::Fault;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Name of the database in the data folder.
pub const FILE_NAME: &str = "cordon.db";
/// Marks the file as ours (`application_id`): "Crdn".
const APPLICATION_ID: i32 = 0x4372_646e;
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Pages of the log after which SQLite folds it into the database.
pub(super) const LOG_PAGES: i64 = 1000;
/// The log is cut to this many bytes when it begins anew, so that one large change does not keep its room for good.
const LOG_BYTES: i64 = LOG_PAGES * 4096;

/// Statements kept ready on each connection.
const STATEMENTS: usize = 128;

pub(super) fn make_private_folder(folder: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    let failed = |source| StoreError::Folder {
        path: folder.to_owned(),
        source,
    };
    builder.create(folder).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(folder)
            .map_err(failed)?
            .permissions()
            .mode();
        // Who may write there may put another database in the place of this one.
        if mode & 0o022 != 0 {
            return Err(StoreError::Exposed {
                path: folder.to_owned(),
                mode: mode & 0o7777,
            });
        }
    }
    Ok(())
}

/// Opens or makes the database; refuses one that is not Cordon's.
pub(super) fn open_writing(path: &Path) -> Result<Connection> {
    if path.is_dir() {
        return Err(StoreError::NotAFile(path.to_owned()));
    }
    let connection = open(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    #[cfg(unix)]
    restrict(path)?;
    prepare_writing(&connection, path)?;
    Ok(connection)
}

fn prepare_writing(connection: &Connection, path: &Path) -> Result<()> {
    let told = |e: rusqlite::Error| Fault::from(e).told("opening the database".into(), path);
    let application: i32 = connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(told)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(told)?;
    if application != APPLICATION_ID {
        if tables > 0 {
            return Err(StoreError::Foreign(path.to_owned()));
        }
        // Before the first page is written, or it takes a VACUUM: room is given back in small steps.
        connection
            .pragma_update(None, "auto_vacuum", "INCREMENTAL")
            .and_then(|()| connection.pragma_update(None, "application_id", APPLICATION_ID))
            .map_err(told)?;
    }
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(told)?;
    // FULL: an acknowledged change survives a power cut, not only a killed process.
    connection
        .pragma_update(None, "synchronous", "FULL")
        .map_err(told)?;
    connection
        .pragma_update(None, "foreign_keys", true)
        .map_err(told)?;
    connection
        .pragma_update_and_check(None, "journal_size_limit", LOG_BYTES, |_| Ok(()))
        .map_err(told)?;
    Ok(())
}

/// Opens an existing database without any right to change it.
pub(super) fn open_reading(path: &Path) -> Result<Connection> {
    present(path)?;
    let connection = open(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection
        .pragma_update(None, "query_only", true)
        .map_err(|e| Fault::from(e).told("opening the database".into(), path))?;
    Ok(connection)
}

/// A database to look at, wherever it lies.
pub(super) struct Looking {
    connection: Connection,
    /// Goes after the connection to what is in it.
    copy: Option<tempfile::TempDir>,
}

impl Looking {
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Whether it is a copy.
    pub fn copied(&self) -> bool {
        self.copy.is_some()
    }
}

/// Opens a database without a change to its folder. SQLite makes a log where there is none, even for a reader; but a log that is missing
/// is what tells that it was lost, so none is made here. And it reads a log only with an index of it in the same folder: where that
/// cannot be made, database and log are copied to where it can.
pub(super) fn open_looking(path: &Path) -> Result<Looking> {
    let log = log_of(path);
    let length = std::fs::metadata(&log).ok().map(|meta| meta.len());
    let original = |connection| Looking {
        connection,
        copy: None,
    };
    if length.is_some() {
        let connection = open_reading(path)?;
        let read = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
        let unwritable = read.err().is_some_and(|error| {
            matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)
            )
        });
        // Whatever else is wrong is told by whoever looks.
        if !unwritable {
            return Ok(original(connection));
        }
    }
    match length {
        Some(1..) => copied(path, &log),
        None | Some(0) => open_unchanging(path).map(original),
    }
}

fn open_unchanging(path: &Path) -> Result<Connection> {
    present(path)?;
    open(
        Path::new(&unchanging(path)),
        OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI,
    )
}

fn copied(path: &Path, log: &Path) -> Result<Looking> {
    let into = std::env::temp_dir();
    let failed = |source| StoreError::Copy {
        path: path.to_owned(),
        into: into.clone(),
        source,
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix("cordon-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o700));
    }
    let folder = builder.tempdir_in(&into).map_err(failed)?;
    let own = folder.path().join(FILE_NAME);
    std::fs::copy(path, &own).map_err(failed)?;
    std::fs::copy(log, log_of(&own)).map_err(failed)?;
    // The copies have the mode of what they were made from.
    #[cfg(unix)]
    for file in [&own, &log_of(&own)] {
        restrict(file)?;
    }
    Ok(Looking {
        connection: open_reading(&own)?,
        copy: Some(folder),
    })
}

fn log_of(path: &Path) -> PathBuf {
    path.with_file_name(format!("{FILE_NAME}-wal"))
}

/// Says in words what SQLite has a number for.
pub(super) fn present(path: &Path) -> Result<()> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => Err(StoreError::NotAFile(path.to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(StoreError::NoDatabase(path.to_owned()))
        }
        // Opening it tells the rest.
        _ => Ok(()),
    }
}

/// The name of a database file that nobody changes: <https://www.sqlite.org/uri.html>.
fn unchanging(path: &Path) -> String {
    use std::fmt::Write as _;
    let mut name = String::from("file:");
    if cfg!(windows) && path.is_absolute() {
        name.push('/');
    }
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'\\' if cfg!(windows) => name.push('/'),
            b'/' | b':' | b'-' | b'_' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                name.push(char::from(*byte));
            }
            // Writing into a text does not fail.
            other => drop(write!(name, "%{other:02X}")),
        }
    }
    name.push_str("?immutable=1");
    name
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection> {
    let connection =
        Connection::open_with_flags(path, flags).map_err(|source| StoreError::Open {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
    let told = |e: rusqlite::Error| Fault::from(e).told("opening the database".into(), path);
    connection.busy_timeout(BUSY_TIMEOUT).map_err(told)?;
    // The log is emptied by the writer and never removed: so one that is missing was lost.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .map_err(told)?;
    connection
        .pragma_update(None, "trusted_schema", false)
        .map_err(told)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

#[cfg(unix)]
fn restrict(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    // SQLite gives -wal and -shm the mode of the main file.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(|source| {
        StoreError::Folder {
            path: path.to_owned(),
            source,
        }
    })
}

/// Whether a database holds anything of a server. One that cannot be read, or is none, does not say so: opening it does.
pub fn holds_anything(path: &Path) -> bool {
    let read = || -> rusqlite::Result<bool> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.query_row(
            "SELECT EXISTS (SELECT 1 FROM users) OR EXISTS (SELECT 1 FROM endpoints)
                 OR EXISTS (SELECT 1 FROM audit)",
            [],
            |row| row.get(0),
        )
    };
    read().unwrap_or(false)
}
