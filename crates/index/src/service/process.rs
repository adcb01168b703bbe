//! Starting and stopping the indexing process from another one.

use super::ServiceError;
use crate::config::{ConfigStore, Current};
use crate::engine::Engine;
use crate::home::{Home, HomeError, Service};
use crate::lists::Which;
use crate::lists::{self, Built};
use crate::matching::{self, MatchError};
use crate::round::RoundError;
use crate::scan::ScanError;
use crate::store;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a process may take to start or to end: it finishes the transaction under way.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// What starting found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// This process indexes already.
    Already(u32),
    /// This process was started.
    Now(u32),
}

/// Starts `program index run` in the background, unless a process indexes in this home already. Where a service keeps the
/// Index nothing is started here: it sees what is wanted, and this waits until it indexes.
///
/// # Errors
/// [`ServiceError`].
pub fn start(home: &Home, program: &Path) -> Result<Started, ServiceError> {
    if let Some(pid) = home.running()? {
        return Ok(Started::Already(pid));
    }
    match home.service()? {
        Service::None => {}
        Service::Down => return Err(ServiceError::ServiceDown(home.folder().to_owned())),
        Service::Up(service) => return by_service(home, service),
    }
    let mut command = Command::new(program);
    command
        .args(["index", "run", "--home"])
        .arg(home.folder())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .current_dir(home.folder());
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        // A group of its own: what ends the starter's terminal does not end it.
        command.process_group(0);
    }
    let mut child = command.spawn().map_err(|source| ServiceError::Spawn {
        program: program.to_owned(),
        source,
    })?;
    let pid = child.id();
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some(pid) = home.running()? {
            // Whoever lives on must not leave it behind as a zombie when it ends.
            std::thread::Builder::new()
                .name("index-reaper".into())
                .spawn(move || child.wait())
                .map_err(ServiceError::Thread)?;
            return Ok(Started::Now(pid));
        }
        if child.try_wait().is_ok_and(|ended| ended.is_some()) {
            // Another starter may have been quicker.
            return match home.running()? {
                Some(pid) => Ok(Started::Already(pid)),
                None => Err(ServiceError::EndedAtOnce(home.folder().to_owned())),
            };
        }
        std::thread::sleep(LOOK);
    }
    Ok(Started::Now(pid))
}

fn by_service(home: &Home, service: u32) -> Result<Started, ServiceError> {
    if !matches!(
        ConfigStore::new(home.folder()).current()?,
        Current::Config(..)
    ) {
        // It waits for a configuration.
        return Ok(Started::Already(service));
    }
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some(pid) = home.running()? {
            return Ok(Started::Now(pid));
        }
        if !matches!(home.service()?, Service::Up(_)) {
            break;
        }
        std::thread::sleep(LOOK);
    }
    Err(ServiceError::EndedAtOnce(home.folder().to_owned()))
}

/// Ends the process that indexes in this home and waits until it has. `None` when there was none. A service that keeps the
/// Index is not ended: it stops when that is what is wanted ([`Home::set_wanted`]), and is waited for.
///
/// # Errors
/// [`ServiceError`].
pub fn stop(home: &Home) -> Result<Option<u32>, ServiceError> {
    let Some(pid) = home.running()? else {
        return Ok(None);
    };
    if !matches!(home.service()?, Service::Up(_)) {
        tell(pid)?;
    }
    let began = Instant::now();
    while home.running()?.is_some() {
        if began.elapsed() > PATIENCE {
            return Err(ServiceError::StillRuns(pid));
        }
        std::thread::sleep(LOOK);
    }
    Ok(Some(pid))
}

#[cfg(unix)]
fn tell(pid: u32) -> Result<(), ServiceError> {
    let process = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    let Some(process) = process else {
        return Ok(());
    };
    match rustix::process::kill_process(process, rustix::process::Signal::TERM) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(source) => Err(ServiceError::Signal {
            pid,
            source: source.into(),
        }),
    }
}

/// It reads `wanted` by itself.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the other system's can fail")]
fn tell(_pid: u32) -> Result<(), ServiceError> {
    Ok(())
}

/// Builds a list from text (none: an empty one) and puts it in force: by the process that indexes, or here and now when none does. Returns what
/// was built and how many files match, where that was counted here.
///
/// # Errors
/// [`ServiceError`].
pub fn install_list(
    home: &Home,
    which: Which,
    text: Option<impl std::io::Read>,
) -> Result<(Built, Option<u64>), ServiceError> {
    home.make()?;
    let path = which.path(home);
    let built = match text {
        Some(text) => lists::build(text, &path),
        None => lists::clear(&path),
    }
    .map_err(MatchError::List)?;
    let database = home.database();
    let lock = match home.lock() {
        Ok(lock) => lock,
        // It sees the new list by itself.
        Err(HomeError::Busy { .. }) => return Ok((built, None)),
        Err(error) => return Err(error.into()),
    };
    if !database.exists() {
        return Ok((built, None));
    }
    let connection = store::open(&database).map_err(MatchError::Store)?;
    let engine =
        Engine::start(connection, &database).map_err(|e| RoundError::Scan(ScanError::Engine(e)))?;
    let teller = engine.teller();
    let matched = matching::put_in_force(&database, &teller, which, &path);
    drop(teller);
    engine
        .finish()
        .map_err(|e| RoundError::Scan(ScanError::Engine(e)))?;
    drop(lock);
    Ok((built, matched?))
}
