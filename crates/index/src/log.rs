//! The log of the Index: `cordon-index.log`, its compressed predecessors, and dumps of crashes.
//!
//! One line an entry, in UTC: `[2026-11-23 11:40:28 GMT] [Information] [walk /home] [3932] …` with the level, the part
//! that speaks and the thread. Names of files come into it, so control characters are written as escapes and what
//! follows a line break begins with a tab: only an entry begins with `[`. A line reaches the file with one write, so a
//! crash loses none that was said. The file is capped ([`rotation`]), a panic leaves a dump ([`dumps`]).
//!
//! A log that cannot be written (a full disk) must not stop the work: lines are dropped, and their number is written as
//! soon as it goes again.

pub mod dumps;
pub mod rotation;

pub use crate::config::Level;

use jiff::Timestamp;
use std::collections::VecDeque;
use std::fmt::{self, Display, Write as _};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The file that is written now.
pub const NAME: &str = "cordon-index.log";

/// Bytes of the log before it is compressed.
pub const CAP: u64 = 10 << 20;

/// Characters of one entry.
const LONGEST: usize = 64 << 10;

/// Entries that are kept in memory for a dump, and how much of each.
const RECENT: usize = 50;
const RECENT_LENGTH: usize = 500;

/// Why the log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The folder cannot be made.
    #[error("cannot make the log folder {}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file cannot be opened.
    #[error("cannot open the log {}", path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The log. Clones write to the same file.
#[derive(Clone)]
pub struct Log(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    level: AtomicU8,
    cap: u64,
    now: fn() -> Timestamp,
    writer: Mutex<Writer>,
    /// What the process is doing, for a dump.
    state: Mutex<String>,
}

struct Writer {
    file: Option<File>,
    size: u64,
    lost: u64,
    /// The last line may have been written in part.
    torn: bool,
    recent: VecDeque<String>,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("folder", &self.0.folder)
            .field("level", &self.level())
            .finish_non_exhaustive()
    }
}

impl Log {
    /// Opens the log in a folder, which is made when missing, and completes what a crash left half done. At level
    /// [`Level::None`] no file is made.
    ///
    /// # Errors
    /// When the folder or the file cannot be made.
    pub fn open(folder: &Path, level: Level) -> Result<Self, LogError> {
        Self::open_with(folder, level, CAP, Timestamp::now)
    }

    /// As [`Self::open`], but one that cannot be opened now is opened as soon as that can be done; what is said meanwhile is
    /// counted.
    #[must_use]
    pub fn open_sooner_or_later(folder: &Path, level: Level) -> Self {
        Self::open(folder, level).unwrap_or_else(|_| {
            let mut writer = Writer::new();
            writer.lost = 1;
            Self::with(folder, level, CAP, Timestamp::now, writer)
        })
    }

    /// With another cap and clock, for tests.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(
        folder: &Path,
        level: Level,
        cap: u64,
        now: fn() -> Timestamp,
    ) -> Result<Self, LogError> {
        std::fs::create_dir_all(folder).map_err(|source| LogError::Folder {
            path: folder.to_owned(),
            source,
        })?;
        // What is left of an earlier run is looked after as well as can be; the log itself is what counts.
        rotation::recover(folder).ok();
        let mut writer = Writer::new();
        if level != Level::None {
            writer.open(folder).map_err(|source| LogError::Open {
                path: folder.join(NAME),
                source,
            })?;
        }
        Ok(Self::with(folder, level, cap, now, writer))
    }

    fn with(folder: &Path, level: Level, cap: u64, now: fn() -> Timestamp, writer: Writer) -> Self {
        Self(Arc::new(Inner {
            folder: folder.to_owned(),
            level: AtomicU8::new(level as u8),
            cap,
            now,
            writer: Mutex::new(writer),
            state: Mutex::new(String::new()),
        }))
    }

    /// How much is written now.
    #[must_use]
    pub fn level(&self) -> Level {
        let level = self.0.level.load(Ordering::Relaxed);
        Level::ALL
            .get(usize::from(level))
            .copied()
            .unwrap_or_default()
    }

    /// Changes how much is written.
    pub fn set_level(&self, level: Level) {
        self.0.level.store(level as u8, Ordering::Relaxed);
    }

    /// Whether entries of this level are written, to spare making those that are not.
    #[must_use]
    pub fn takes(&self, level: Level) -> bool {
        level != Level::None && level as u8 <= self.0.level.load(Ordering::Relaxed)
    }

    /// Writes an entry of a part of the program.
    pub fn write(&self, level: Level, part: &str, message: impl Display) {
        if !self.takes(level) {
            return;
        }
        let line = self.line(level, part, &message);
        let mut writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.put(&self.0, &line);
    }

    /// Writes an entry of level fatal.
    pub fn fatal(&self, part: &str, message: impl Display) {
        self.write(Level::Fatal, part, message);
    }

    /// Writes an entry of level critical.
    pub fn critical(&self, part: &str, message: impl Display) {
        self.write(Level::Critical, part, message);
    }

    /// Writes an entry of level error.
    pub fn error(&self, part: &str, message: impl Display) {
        self.write(Level::Error, part, message);
    }

    /// Writes an entry of level warning.
    pub fn warning(&self, part: &str, message: impl Display) {
        self.write(Level::Warning, part, message);
    }

    /// Writes an entry of level notice.
    pub fn notice(&self, part: &str, message: impl Display) {
        self.write(Level::Notice, part, message);
    }

    /// Writes an entry of level information.
    pub fn information(&self, part: &str, message: impl Display) {
        self.write(Level::Information, part, message);
    }

    /// Writes an entry of level debug.
    pub fn debug(&self, part: &str, message: impl Display) {
        self.write(Level::Debug, part, message);
    }

    /// Writes an entry of level trace.
    pub fn trace(&self, part: &str, message: impl Display) {
        self.write(Level::Trace, part, message);
    }

    /// Says what the process is doing, for a dump.
    pub fn set_state(&self, state: impl Into<String>) {
        *self.0.state.lock().unwrap_or_else(PoisonError::into_inner) = state.into();
    }

    fn line(&self, level: Level, part: &str, message: &dyn Display) -> String {
        let time = (self.0.now)().strftime("%Y-%m-%d %H:%M:%S").to_string();
        let mut line = format!("[{time} GMT] [{}] [", level.label());
        // Neither can fail but by being long, which is marked in the text.
        let _written = write!(
            Sober {
                out: &mut line,
                lines: false
            },
            "{part:.100}"
        );
        let _written = write!(line, "] [{}] ", thread());
        let _written = write!(
            Sober {
                out: &mut line,
                lines: true
            },
            "{message}"
        );
        line.push('\n');
        line
    }
}

impl Writer {
    const fn new() -> Self {
        Self {
            file: None,
            size: 0,
            lost: 0,
            torn: false,
            recent: VecDeque::new(),
        }
    }

    fn open(&mut self, folder: &Path) -> io::Result<()> {
        let mut options = File::options();
        options.append(true).create(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            // Names of files tell much, so the log is for the owner alone.
            options.mode(0o600);
        }
        let file = options.open(folder.join(NAME))?;
        self.size = file.metadata()?.len();
        self.file = Some(file);
        Ok(())
    }

    fn put(&mut self, log: &Inner, line: &str) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent
            .push_back(line.chars().take(RECENT_LENGTH).collect());
        if self.try_put(log, line).is_err() {
            self.lost += 1;
            // Opened anew next time: the file may be on a file system that went away and came back.
            self.file = None;
        }
    }

    fn try_put(&mut self, log: &Inner, line: &str) -> io::Result<()> {
        if self.size > 0 && self.size + line.len() as u64 > log.cap {
            self.file = None;
            self.size = 0;
            rotation::rotate(&log.folder, (log.now)())?;
        }
        if self.file.is_none() {
            self.open(&log.folder)?;
        }
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        if self.lost > 0 {
            let lost = format!(
                "{}[{} GMT] [Warning] [log] [{}] {} entries could not be written\n",
                if self.torn { "\n" } else { "" },
                (log.now)().strftime("%Y-%m-%d %H:%M:%S"),
                thread(),
                self.lost
            );
            file.write_all(lost.as_bytes())?;
            self.size += lost.len() as u64;
            self.lost = 0;
        }
        self.torn = true;
        file.write_all(line.as_bytes())?;
        self.torn = false;
        self.size += line.len() as u64;
        Ok(())
    }
}

/// Writes text so that it cannot pass for another entry or act on a terminal, and only so much of it.
struct Sober<'o> {
    out: &'o mut String,
    /// Keep line breaks, each followed by a tab.
    lines: bool,
}

impl fmt::Write for Sober<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.out.len() > LONGEST {
                self.out.push('…');
                return Err(fmt::Error);
            }
            match c {
                '\n' if self.lines => self.out.push_str("\n\t"),
                '\t' => self.out.push('\t'),
                c if c.is_control() || turns(c) => self.out.extend(c.escape_unicode()),
                c => self.out.push(c),
            }
        }
        Ok(())
    }
}

/// Marks that turn the direction of writing, with which a name can pose as another.
fn turns(c: char) -> bool {
    matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

#[cfg(target_os = "linux")]
fn thread() -> u64 {
    rustix::thread::gettid()
        .as_raw_nonzero()
        .get()
        .unsigned_abs()
        .into()
}

/// Elsewhere the process stands for its threads.
#[cfg(not(target_os = "linux"))]
fn thread() -> u64 {
    std::process::id().into()
}
