//! Dumps of crashes: `dumps/cordon-index_0.dmp` is always the newest, up to `_9`.
//!
//! A dump is text: when, which version, the thread, the message and where, what the process was doing, the last lines
//! of the log, the stack. It is written from the hook of a panic, where anything may be locked, so nothing here waits
//! for a lock.

use super::{Inner, Level, Log};
use std::backtrace::Backtrace;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::panic::{self, PanicHookInfo};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once, TryLockError};

/// Dumps that are kept.
pub const KEPT: usize = 10;

/// Bytes of one dump.
const LONGEST: usize = 1 << 20;

/// The log that dumps go beside.
static TARGET: Mutex<Option<Log>> = Mutex::new(None);

/// The folder of the dumps in the folder of the log.
#[must_use]
pub fn folder(log_folder: &Path) -> PathBuf {
    log_folder.join("dumps")
}

fn path(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("cordon-index_{number}.dmp"))
}

/// Writes a dump as number 0 and moves the others up.
///
/// # Errors
/// When the folder cannot be made or written.
pub fn write(folder: &Path, text: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let new = folder.join("cordon-index.dmp.new");
    let text = text
        .get(..text.floor_char_boundary(LONGEST))
        .unwrap_or(text);
    fs::write(&new, text)?;
    // Up to the first free number only: a gap, left by a crash in here, is filled before the oldest goes.
    let free = (0..KEPT)
        .find(|number| !path(folder, *number).exists())
        .unwrap_or(KEPT - 1);
    for number in (0..free).rev() {
        fs::rename(path(folder, number), path(folder, number + 1))?;
    }
    let first = path(folder, 0);
    fs::rename(new, &first)?;
    Ok(first)
}

impl Log {
    /// From now on a panic of any thread is written to this log and leaves a dump; what happened at a panic before
    /// (a message to standard error) happens still. Of several logs, the one for which this was called last.
    pub fn catch_panics(&self) {
        static HOOK: Once = Once::new();
        *TARGET
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(self.clone());
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                let target = match TARGET.try_lock() {
                    Ok(target) => target.clone(),
                    Err(TryLockError::Poisoned(target)) => target.into_inner().clone(),
                    Err(TryLockError::WouldBlock) => None,
                };
                if let Some(log) = target {
                    log.panicked(info);
                }
                before(info);
            }));
        });
    }

    fn panicked(&self, info: &PanicHookInfo<'_>) {
        let message = info.payload_as_str().unwrap_or("(no message)");
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("(without a name)");
        let mut text = format!(
            "Cordon Index {} crashed at {:.6} UTC\nsystem:  {} {}\nprocess: {}\nthread:  {name:?} {}\nmessage: {message}\nat:      {place}\n",
            env!("CARGO_PKG_VERSION"),
            (self.0.now)(),
            std::env::consts::OS,
            std::env::consts::ARCH,
            std::process::id(),
            super::thread(),
        );
        let _written = write!(text, "\ndoing: {}\n", doing(&self.0));
        let _written = write!(text, "\nstack:\n{}\n", Backtrace::force_capture());
        text.push_str("\nlast entries of the log:\n");
        match self.0.writer.try_lock() {
            Ok(writer) => text.extend(writer.recent.iter().map(String::as_str)),
            Err(TryLockError::Poisoned(writer)) => {
                text.extend(writer.get_ref().recent.iter().map(String::as_str))
            }
            Err(TryLockError::WouldBlock) => text.push_str("(in use)\n"),
        }
        let written = match write(&folder(&self.0.folder), &text) {
            Ok(path) => format!("see {}", path.display()),
            Err(error) => format!("and no dump could be written: {error}"),
        };
        if self.takes(Level::Fatal) {
            let line = self.line(
                Level::Fatal,
                name,
                &format_args!("panicked at {place}: {message}; {written}"),
            );
            if let Ok(mut writer) = self.0.writer.try_lock() {
                writer.put(&self.0, &line);
            }
        }
    }
}

fn doing(log: &Inner) -> String {
    match log.state.try_lock() {
        Ok(state) => state.clone(),
        Err(TryLockError::Poisoned(state)) => state.into_inner().clone(),
        Err(TryLockError::WouldBlock) => "(in use)".into(),
    }
}
