//! The content of an image's files: digests, or the state that says why there are none.
//!
//! Some threads, each with its own readers of the volumes, take files in the order of their inodes, which is about
//! their order on the disk. What is hashed already is passed over, so a pass that was stopped goes on. Each page of
//! files is read from the database by itself, so that no long reading keeps its log from being shortened.

use super::{ImageError, either, sources};
use crate::digest_state::DigestState;
use crate::engine::{Message, Teller};
use crate::entry::{flag, join};
use crate::round::{Round, every, kinds};
use crate::store::write::Outcome;
use crate::store::{self, StoreError, doing};
use crate::text::bytes;
use hashing::{HashError, Kinds, Pace, from_reader};
use rusqlite::Connection;
use std::collections::HashMap;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use volumes::{FileId, FileSystem, Image, Volume, VolumeError};

/// Files in a page.
const PAGE: u32 = 64;
/// Results are told when so many bytes were read, or the page is done.
const TOLD_AFTER: u64 = 256 << 20;
/// The list of bad clusters is as long as the volume and has no content at all.
const BAD_CLUSTERS: &[u8] = b"/$BadClus:$Bad";

/// A content to hash: a file with all its names, or one named stream.
struct Job {
    ids: Vec<i64>,
    paths: Vec<Vec<u8>>,
    volume: i64,
    file: FileId,
    size: u64,
    /// The name of the entry, for a stream.
    stream: Option<Vec<u8>>,
}

/// A volume of the database and where it lies on the disk.
struct Place {
    prefix: Vec<u8>,
    volume: Volume,
}

/// Hashes everything that waits.
pub(super) fn pass(round: &Round, image: &Image, teller: &Teller) -> Result<(), ImageError> {
    let connection = store::open_to_read(&round.database)?;
    let places = places(&connection, image)?;
    let plan = Plan {
        kinds: kinds(round.config.hashes),
        below: round.config.max_size_to_hash.unwrap_or(u64::MAX),
    };
    count(&connection, round, &plan)?;
    let feed = Mutex::new(Feed {
        connection,
        from: Some(i64::MIN),
    });
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for number in 0..round.threads.max(1) {
            let worker = Worker {
                round,
                image,
                teller,
                places: &places,
                plan: &plan,
                feed: &feed,
                systems: HashMap::new(),
            };
            let thread = std::thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn_scoped(scope, move || worker.work())
                .map_err(ImageError::Thread)?;
            threads.push(thread);
        }
        let mut outcome = Ok(());
        for thread in threads {
            // A thread that panicked did not do its part.
            let one = thread.join().unwrap_or(Err(ImageError::Stopped));
            outcome = outcome.and(one);
        }
        outcome
    })?;
    Ok(teller.flush()?)
}

struct Plan {
    kinds: Kinds,
    below: u64,
}

fn places(connection: &Connection, image: &Image) -> Result<HashMap<i64, Place>, StoreError> {
    let failed = doing("read what is indexed");
    let mut found = HashMap::new();
    for source in sources(image).0 {
        let id = connection
            .query_row(
                "SELECT id FROM volume WHERE point = ?1",
                [crate::text::Name(&source.point())],
                |row| row.get(0),
            )
            .map_err(&failed)?;
        found.insert(
            id,
            Place {
                prefix: source.prefix,
                volume: source.volume,
            },
        );
    }
    Ok(found)
}

/// How much there is to do, for the progress.
fn count(connection: &Connection, round: &Round, plan: &Plan) -> Result<(), StoreError> {
    let below = i64::try_from(plan.below).unwrap_or(i64::MAX);
    let (files, total): (i64, f64) = connection
        .query_row(
            "SELECT count(*), total(iif(e.size BETWEEN 0 AND ?1, e.size / max(e.links, 1), 0))
             FROM entry e LEFT JOIN digest g ON g.entry = e.id
             WHERE e.mode & 61440 = 32768 AND g.entry IS NULL",
            [below],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .map_err(doing("count what waits"))?;
    let p = &round.progress;
    p.files.store(files.cast_unsigned(), Ordering::Relaxed);
    p.bytes.store(total as u64, Ordering::Relaxed);
    p.done.store(0, Ordering::Relaxed);
    p.read.store(0, Ordering::Relaxed);
    Ok(())
}

struct Feed {
    connection: Connection,
    /// The first inode of the next page; `None` behind the last.
    from: Option<i64>,
}

impl Feed {
    /// The next page, which may hold nothing to do; `None` when there is no more.
    fn page(&mut self, plan: &Plan) -> Result<Option<Vec<Job>>, StoreError> {
        let Some(from) = self.from else {
            return Ok(None);
        };
        let failed = doing("find the files that wait for their hashes");
        let last: Option<i64> = self
            .connection
            .prepare_cached(
                "SELECT max(inode) FROM (SELECT DISTINCT inode FROM entry WHERE inode >= ?1 ORDER BY inode LIMIT ?2)",
            )
            .and_then(|mut s| s.query_row((from, PAGE), |row| row.get(0)))
            .map_err(&failed)?;
        let Some(last) = last else {
            self.from = None;
            return Ok(None);
        };
        self.from = last.checked_add(1);
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT e.id, d.path, e.name, d.volume, e.inode, e.size, e.flags & ?3, g.state,
                   g.md5 IS NULL AND ?4 OR g.sha1 IS NULL AND ?5 OR g.sha256 IS NULL AND ?6 OR g.blake3 IS NULL AND ?7
                 FROM entry e INDEXED BY entry_inode JOIN directory d ON d.id = e.dir LEFT JOIN digest g ON g.entry = e.id
                 WHERE e.inode BETWEEN ?1 AND ?2 AND e.mode & 61440 = 32768
                 ORDER BY e.inode, d.volume, e.flags & ?3, e.id",
            )
            .map_err(&failed)?;
        let k = plan.kinds;
        let mut rows = statement
            .query((from, last, flag::STREAM, k.md5, k.sha1, k.sha256, k.blake3))
            .map_err(&failed)?;
        let mut jobs: Vec<Job> = Vec::new();
        while let Some(row) = rows.next().map_err(&failed)? {
            let (job, waits) = job(row, plan).map_err(&failed)?;
            if !waits {
                continue;
            }
            match jobs.last_mut() {
                // Another name of the same file. Streams are seldom, and read once for each name.
                Some(same)
                    if same.stream.is_none()
                        && job.stream.is_none()
                        && (same.volume, same.file) == (job.volume, job.file) =>
                {
                    same.ids.extend(job.ids);
                    same.paths.extend(job.paths);
                }
                _ => jobs.push(job),
            }
        }
        Ok(Some(jobs))
    }
}

/// A row as a job, and whether it is still to be done.
fn job(row: &rusqlite::Row<'_>, plan: &Plan) -> rusqlite::Result<(Job, bool)> {
    let name = bytes(row.get_ref(2)?);
    let size = row.get::<_, i64>(5)?.cast_unsigned();
    let state: Option<i64> = row.get(7)?;
    // A dead image gives the same again; only another configuration makes a difference.
    let waits = match state.map(DigestState::of_code) {
        None | Some(DigestState::Excluded) => true,
        Some(DigestState::Hashed) => row.get(8)?,
        Some(DigestState::TooLarge) => size < plan.below,
        Some(_) => false,
    };
    let stream = row.get::<_, u32>(6)? != 0;
    let job = Job {
        ids: vec![row.get(0)?],
        paths: vec![join(bytes(row.get_ref(1)?), name)],
        volume: row.get(3)?,
        file: FileId(row.get::<_, i64>(4)?.cast_unsigned()),
        size,
        stream: stream.then(|| name.to_vec()),
    };
    Ok((job, waits))
}

struct Worker<'a> {
    round: &'a Round,
    image: &'a Image,
    teller: &'a Teller,
    places: &'a HashMap<i64, Place>,
    plan: &'a Plan,
    feed: &'a Mutex<Feed>,
    systems: HashMap<i64, Box<dyn FileSystem>>,
}

impl Worker<'_> {
    fn work(mut self) -> Result<(), ImageError> {
        loop {
            let page = self
                .feed
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .page(self.plan)?;
            let Some(jobs) = page else {
                return Ok(());
            };
            let (mut ready, mut read) = (Vec::new(), 0);
            for job in jobs {
                let at = jiff::Timestamp::now().as_second();
                let outcome = match self.outcome(&job) {
                    Ok(content) => Outcome::Hashed(Box::new(content)),
                    Err(Not::State(state)) => Outcome::Not(state),
                    Err(Not::Stopped) => return Err(ImageError::Stopped),
                };
                let names = job.ids.len() as u64;
                self.round.progress.done.fetch_add(names, Ordering::Relaxed);
                ready.push((job.ids, at, outcome));
                read += job.size;
                if read >= TOLD_AFTER {
                    read = 0;
                    self.tell(std::mem::take(&mut ready))?;
                }
            }
            if !ready.is_empty() {
                self.tell(ready)?;
            }
        }
    }

    fn tell(&self, ready: Vec<(Vec<i64>, i64, Outcome)>) -> Result<(), ImageError> {
        self.teller.tell(Message::Do(Box::new(move |writer| {
            for (ids, at, outcome) in ready {
                for id in ids {
                    writer.digest_of_one(id, at, &outcome)?;
                }
            }
            Ok(())
        })))?;
        Ok(())
    }

    fn outcome(&mut self, job: &Job) -> Result<hashing::Content, Not> {
        let place = self
            .places
            .get(&job.volume)
            .ok_or(Not::State(DigestState::Gone))?;
        // Nothing but holes makes a file larger than its volume: reading them could take for ever and tells nothing.
        if job.size >= self.plan.below || job.size > place.volume.len {
            return Err(Not::State(DigestState::TooLarge));
        }
        let rule = |path: &[u8]| self.round.config.excludes_hashing(path);
        let excluded = |path: &Vec<u8>| {
            either(rule, &place.prefix, path)
                || job.stream.is_some()
                    && path.strip_prefix(place.prefix.as_slice()) == Some(BAD_CLUSTERS)
        };
        if job.paths.iter().all(excluded) {
            return Err(Not::State(DigestState::Excluded));
        }
        let system = match self.systems.entry(job.volume) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => new.insert(
                self.image
                    .file_system(&place.volume)
                    .map_err(|error| Not::State(state_of(&error)))?,
            ),
        };
        let each = self.round.config.file_hash_updates_per_throttle.max(1);
        let mut pace = |bytes: u64| {
            self.round.progress.read.fetch_add(bytes, Ordering::Relaxed);
            if every(each, &self.round.pacer) {
                Pace::Go
            } else {
                Pace::Stop
            }
        };
        let read = match open(system.as_mut(), job) {
            Ok(mut content) => from_reader(self.plan.kinds, &mut content, &mut pace),
            // Some files of the file system's own have no content, which is other than an unreadable one.
            Err(VolumeError::NoContent) if job.size == 0 => {
                from_reader(self.plan.kinds, &mut io::empty(), &mut pace)
            }
            Err(error) => return Err(Not::State(state_of(&error))),
        };
        match read {
            Ok(content) if content.bytes == job.size => Ok(content),
            Ok(_) => Err(Not::State(DigestState::ReadError)),
            Err(HashError::Stopped) => Err(Not::Stopped),
            Err(HashError::Read { source }) if source.kind() == io::ErrorKind::Unsupported => {
                Err(Not::State(DigestState::Denied))
            }
            Err(_) => Err(Not::State(DigestState::ReadError)),
        }
    }
}

/// Why there are no digests.
enum Not {
    State(DigestState),
    Stopped,
}

/// The content of a job. A stream's name stands behind a colon; forged names may hold further ones.
fn open<'s>(
    system: &'s mut dyn FileSystem,
    job: &Job,
) -> Result<Box<dyn io::Read + 's>, VolumeError> {
    let Some(name) = &job.stream else {
        return system.open(job.file);
    };
    let colons = name
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b':')
        .filter_map(|(at, _)| name.get(at + 1..));
    let mut last = None;
    for stream in colons {
        if system.open_stream(job.file, stream).is_ok() {
            last = Some(stream);
            break;
        }
        last.get_or_insert(stream);
    }
    system.open_stream(job.file, last.unwrap_or_default())
}

/// What cannot be read because it is encrypted, or kept in a way that is not built, is as good as denied.
fn state_of(error: &VolumeError) -> DigestState {
    match error {
        VolumeError::Unsupported { .. } => DigestState::Denied,
        _ => DigestState::ReadError,
    }
}
