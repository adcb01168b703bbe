//! The one thread that writes the database, and what the others may tell it.
//!
//! Walkers, hashers and the watcher send [`Message`]s through a bounded channel; the engine applies them in order, many
//! to a transaction. A message that cannot be applied rolls its transaction back and ends the engine with the reason:
//! what was committed stands, and nothing half true is ever visible.

use crate::stop::Stop;
use crate::store::write::{Outcome, Writer};
use crate::store::{self, StoreError};
use crate::walk::{Directory, DirectoryId, Found};
use crossbeam_channel::{Receiver, Sender};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Messages that wait at most; each holds some thousand entries at most.
const WAITING: usize = 16;
/// Rows that a [`Bundle`] gathers: waking the engine for each of a hundred thousand small directories costs more than
/// writing them.
const BUNDLE: usize = 1024;
/// A transaction ends when this much was written …
const MOST_ROWS: usize = 50_000;
/// … or at this age: what changed is soon to be seen by those who ask.
const OLDEST: Duration = Duration::from_millis(200);

/// Something to do on the engine's thread.
pub type Work = Box<dyn FnOnce(&mut Writer<'_>) -> Result<(), StoreError> + Send>;

/// What the engine is told.
pub enum Message {
    /// A directory that is new, or stands elsewhere than before.
    Directory {
        /// Its number.
        id: DirectoryId,
        /// Its parent.
        parent: Option<DirectoryId>,
        /// Its volume.
        volume: i64,
        /// Its inode.
        inode: u64,
        /// Its path.
        path: Vec<u8>,
        /// Whether nothing was kept before, so that there is nothing that it could contradict.
        anew: bool,
    },
    /// A directory that is kept, and of which there is no entry in its parent: parent, number, path.
    Stray(DirectoryId, DirectoryId, Vec<u8>),
    /// A directory that cannot be read (a system error number), or can be again (`None`).
    Problem(DirectoryId, Option<i32>),
    /// Entries of a directory that has none yet.
    New(DirectoryId, Found),
    /// Entries of a directory that are new or differ from what is kept.
    Seen(DirectoryId, Found),
    /// Names of a directory that are no longer there.
    Gone(DirectoryId, Vec<Vec<u8>>),
    /// What hashing gave, by entry.
    Digests(Vec<Digested>),
    /// Several, in order.
    Many(Vec<Message>),
    /// Something to do on the engine's thread, inside its transaction.
    Do(Work),
    /// Answer when everything before this is committed.
    Flush(Sender<()>),
    /// Commit everything before this and end, whoever may still be able to tell something.
    End,
}

/// The end of one hashing.
pub struct Digested {
    /// The entry that was read.
    pub entry: i64,
    /// Its attributes when it was put in line.
    pub read: crate::entry::Attributes,
    /// When it was opened: seconds since 1970.
    pub at: i64,
    /// What came of it.
    pub outcome: Outcome,
}

impl Message {
    /// Of a directory that a walk is in. `anew`: nothing was kept before.
    pub fn directory(directory: &Directory, anew: bool) -> Self {
        Self::Directory {
            id: directory.id,
            parent: directory.parent,
            volume: directory.volume,
            inode: directory.inode,
            path: directory.path.clone(),
            anew,
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::New(_, found) | Self::Seen(_, found) => found.len(),
            Self::Gone(_, names) => names.len(),
            Self::Digests(digests) => digests.len(),
            Self::Many(messages) => messages.iter().map(Self::weight).sum(),
            _ => 1,
        }
    }
}

/// A way to tell the engine; cheap to clone.
#[derive(Clone)]
pub struct Teller(Sender<Message>);

impl Teller {
    /// Waits while the engine is behind.
    ///
    /// # Errors
    /// [`Stop`] when the engine ended.
    pub fn tell(&self, message: Message) -> Result<(), Stop> {
        self.0.send(message).map_err(|_| Stop)
    }

    /// For threads that tell much together and need not be heard at once.
    #[must_use]
    pub fn gathering(&self) -> Gathering {
        Gathering {
            teller: self.clone(),
            gathered: Arc::default(),
        }
    }

    /// Does something on the engine's thread, after everything told before, and waits for what it gives; it is then
    /// committed.
    ///
    /// # Errors
    /// [`Stop`] when the engine ended, be it by a failure of `work`.
    pub fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Stop> {
        let (give, take) = crossbeam_channel::bounded(1);
        self.tell(Message::Do(Box::new(move |writer| {
            // Who asked may be gone; the work stands all the same.
            give.send(work(writer)?).ok();
            Ok(())
        })))?;
        self.flush()?;
        take.recv().map_err(|_| Stop)
    }

    /// Waits until everything told before is committed.
    ///
    /// # Errors
    /// [`Stop`] when the engine ended.
    pub fn flush(&self) -> Result<(), Stop> {
        let (done, wait) = crossbeam_channel::bounded(1);
        self.tell(Message::Flush(done))?;
        wait.recv().map_err(|_| Stop)
    }
}

/// What several threads tell, gathered in one order, so that it goes to the engine in few pieces. One thread may build on
/// what another told before: a directory comes before what lies in it, whoever of them is the first to have much to tell.
#[derive(Clone)]
pub struct Gathering {
    teller: Teller,
    gathered: Arc<Mutex<Gathered>>,
}

#[derive(Default)]
struct Gathered {
    messages: Vec<Message>,
    rows: usize,
}

impl Gathering {
    /// What one of the threads tells by.
    #[must_use]
    pub fn bundle(&self) -> Bundle {
        Bundle {
            gathering: self.clone(),
            closed: Arc::default(),
        }
    }

    /// Passes on what was gathered. The lock is held for so long: else what was gathered since could overtake it.
    fn pass_on(&self, mut gathered: MutexGuard<'_, Gathered>) -> Result<(), Stop> {
        gathered.rows = 0;
        let messages = std::mem::take(&mut gathered.messages);
        if messages.is_empty() {
            return Ok(());
        }
        self.teller.tell(Message::Many(messages))
    }
}

/// A thread's part in a [`Gathering`]; when it is dropped, all that was gathered goes to the engine.
pub struct Bundle {
    gathering: Gathering,
    /// Changed under the gathering's lock.
    closed: Arc<AtomicBool>,
}

impl Bundle {
    /// Tells it sooner or later; waits while the engine is behind.
    ///
    /// # Errors
    /// [`Stop`] when the engine ended, or the bundle was closed.
    pub fn tell(&mut self, message: Message) -> Result<(), Stop> {
        let mut gathered = lock(&self.gathering.gathered);
        if self.closed.load(Ordering::Relaxed) {
            return Err(Stop);
        }
        gathered.rows += message.weight();
        gathered.messages.push(message);
        if gathered.rows < BUNDLE {
            return Ok(());
        }
        self.gathering.pass_on(gathered)
    }

    /// What lets another tell the rest for a thread that was given up.
    #[must_use]
    pub fn remains(&self) -> Remains {
        Remains {
            gathering: self.gathering.clone(),
            closed: Arc::clone(&self.closed),
        }
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        // An engine that ended says why when it is finished.
        self.gathering.pass_on(lock(&self.gathering.gathered)).ok();
    }
}

/// See [`Bundle::remains`].
pub struct Remains {
    gathering: Gathering,
    closed: Arc<AtomicBool>,
}

impl Remains {
    /// Tells the rest; the bundle takes nothing more.
    ///
    /// # Errors
    /// [`Stop`] when the engine ended.
    pub fn tell(&self) -> Result<(), Stop> {
        let gathered = lock(&self.gathering.gathered);
        self.closed.store(true, Ordering::Relaxed);
        self.gathering.pass_on(gathered)
    }
}

fn lock(gathered: &Mutex<Gathered>) -> MutexGuard<'_, Gathered> {
    gathered.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The engine, running.
pub struct Engine {
    teller: Teller,
    thread: JoinHandle<Result<(), StoreError>>,
    path: PathBuf,
}

/// Failure of the engine as a whole.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its thread could not be started.
    #[error("cannot start the thread that writes the database")]
    Thread(#[source] std::io::Error),
    /// Its thread panicked; a dump tells where.
    #[error("the thread that writes the database {} panicked", .0.display())]
    Panicked(PathBuf),
}

impl Engine {
    /// Starts it over an open database.
    ///
    /// # Errors
    /// [`EngineError::Thread`].
    pub fn start(connection: Connection, path: &Path) -> Result<Self, EngineError> {
        let (sender, receiver) = crossbeam_channel::bounded(WAITING);
        let thread = std::thread::Builder::new()
            .name("index-writer".into())
            .spawn(move || serve(&connection, &receiver))
            .map_err(EngineError::Thread)?;
        Ok(Self {
            teller: Teller(sender),
            thread,
            path: path.to_owned(),
        })
    }

    /// A way to tell it.
    #[must_use]
    pub fn teller(&self) -> Teller {
        self.teller.clone()
    }

    /// Ends it once everything told is committed. A [`Teller`] that somebody still has, such as a thread that waits for a
    /// file system for ever, tells nothing any more.
    ///
    /// # Errors
    /// What ended it earlier, if something did.
    pub fn finish(self) -> Result<(), EngineError> {
        // One that ended already says why.
        self.teller.tell(Message::End).ok();
        drop(self.teller);
        match self.thread.join() {
            Ok(outcome) => Ok(outcome?),
            Err(_) => Err(EngineError::Panicked(self.path)),
        }
    }
}

fn serve(connection: &Connection, messages: &Receiver<Message>) -> Result<(), StoreError> {
    let mut writer = Writer::new(connection);
    while let Ok(first) = messages.recv() {
        let began = Instant::now();
        writer.at(jiff::Timestamp::now().as_second());
        run(connection, "BEGIN IMMEDIATE", "begin to write")?;
        let mut flushed = Vec::new();
        let outcome = batch(&mut writer, first, messages, began, &mut flushed);
        let go_on = match outcome {
            Ok(go_on) => go_on,
            Err(error) => {
                // The reason matters, not whether the rollback went well: without a commit nothing of it lasts.
                run(connection, "ROLLBACK", "undo what failed").ok();
                return Err(error);
            }
        };
        run(connection, "COMMIT", "commit")?;
        for done in flushed {
            // Who asked may be gone.
            done.send(()).ok();
        }
        if !go_on {
            break;
        }
    }
    Ok(())
}

fn run(connection: &Connection, sql: &str, what: &'static str) -> Result<(), StoreError> {
    connection.execute_batch(sql).map_err(store::doing(what))
}

/// Whether to go on after it.
fn batch(
    writer: &mut Writer<'_>,
    first: Message,
    messages: &Receiver<Message>,
    began: Instant,
    flushed: &mut Vec<Sender<()>>,
) -> Result<bool, StoreError> {
    let mut rows = 0;
    let mut next = Some(first);
    while let Some(message) = next.take() {
        if matches!(message, Message::End) {
            return Ok(false);
        }
        rows += message.weight();
        apply(writer, message, flushed)?;
        if rows >= MOST_ROWS || !flushed.is_empty() {
            break;
        }
        // Waiting for more costs a reader nothing, and a commit for each message costs the disk much.
        let left = OLDEST.saturating_sub(began.elapsed());
        next = messages.recv_timeout(left).ok();
    }
    Ok(true)
}

/// Applies one message; also for those who run on the engine's thread already.
pub(crate) fn apply(
    writer: &mut Writer<'_>,
    message: Message,
    flushed: &mut Vec<Sender<()>>,
) -> Result<(), StoreError> {
    match message {
        Message::Directory {
            id,
            parent,
            volume,
            inode,
            path,
            anew: true,
        } => writer.directory(id, parent, volume, inode, &path),
        Message::Directory {
            id,
            parent,
            volume,
            inode,
            path,
            anew: false,
        } => writer.directory_among(id, parent, volume, inode, &path),
        Message::Stray(parent, id, path) => writer.remove_stray(parent, id, &path),
        Message::Problem(id, problem) => writer.problem(id, problem),
        Message::New(dir, found) => {
            let mut statement = writer.insert_statement()?;
            for seen in found.iter() {
                let id =
                    writer.insert(&mut statement, dir, seen.name, seen.attributes, seen.target)?;
                if seen.extended.is_some() {
                    writer.extended(id, seen.extended)?;
                }
            }
            Ok(())
        }
        Message::Seen(dir, found) => {
            for seen in found.iter() {
                writer.see(dir, &seen, None)?;
            }
            Ok(())
        }
        Message::Gone(dir, names) => {
            for name in names {
                writer.remove(dir, &name)?;
            }
            Ok(())
        }
        Message::Digests(digests) => {
            for d in digests {
                writer.digest(d.entry, &d.read, d.at, &d.outcome)?;
            }
            Ok(())
        }
        Message::Many(messages) => messages
            .into_iter()
            .try_for_each(|message| apply(writer, message, flushed)),
        Message::Do(work) => work(writer),
        Message::Flush(done) => {
            flushed.push(done);
            Ok(())
        }
        // The loop that takes messages sees to it.
        Message::End => Ok(()),
    }
}
