//! Which files wait for their hashes, and in what order: see [`super`].
//!
//! Only the numbers of those that come first are kept in memory; where many wait, the others are read from the database
//! as they are needed.

use super::Plan;
use crate::digest_state::DigestState;
use crate::engine::Digested;
use crate::entry::{Attributes, join};
use crate::store::write::Outcome;
use crate::store::{ATTRIBUTES, StoreError, attributes, doing};
use crate::stuck;
use crate::text::bytes;
use hashing::Kinds;
use rusqlite::{Connection, OptionalExtension};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};

/// Rows read ahead.
const AHEAD: usize = 256;
/// A file that changed so few seconds before it was read may have changed again in the same tick of the file system's
/// clock (two seconds at most, FAT's), which its times do not tell: it is read once more.
const GRAIN: i64 = 2;
/// Files that come first at most.
pub(super) const MOST_FIRST: usize = 100_000;
/// "New" files, in nanoseconds.
const WEEK: i64 = 7 * 24 * 3600 * 1_000_000_000;

/// A file in line.
#[derive(Clone)]
pub(super) struct Job {
    pub entry: i64,
    pub path: Vec<u8>,
    pub volume: i64,
    pub attributes: Attributes,
    /// When it was opened: seconds since 1970.
    pub opened: i64,
}

impl Job {
    /// What came of it.
    pub fn with(&self, outcome: Outcome) -> Digested {
        Digested {
            entry: self.entry,
            read: self.attributes,
            at: self.opened,
            outcome,
        }
    }
}

/// The files of a pass, in the order in which they are read.
pub(super) struct Feed {
    connection: Connection,
    /// Those that come first.
    ids: VecDeque<i64>,
    /// Where the others stand.
    rest: Option<Rest>,
    ahead: VecDeque<Job>,
    /// What a thread that was given up had in hand.
    again: Vec<Job>,
    /// Roots of the volumes.
    places: HashMap<i64, Vec<u8>>,
    /// Files of several names that were handed out, by volume, inode and change time: a snapshot's have the inodes of others.
    shared: HashSet<(i64, u64, i64)>,
}

/// Which files come first: the newest of those that are executable or changed lately.
struct First {
    recent: i64,
    /// Kept down to a number, so that a disk full of new files takes no more memory than any other.
    newest: BinaryHeap<Reverse<(i64, i64)>>,
    most: usize,
}

impl First {
    fn new(most: usize) -> Self {
        Self {
            most,
            recent: jiff::Timestamp::now().as_nanosecond() as i64 - WEEK,
            newest: BinaryHeap::new(),
        }
    }

    fn wants(&self, file: &Waiting) -> bool {
        file.mode & 0o111 != 0 || file.mtime > self.recent
    }

    fn offer(&mut self, file: &Waiting) {
        if !self.wants(file) {
            return;
        }
        self.newest.push(Reverse((file.mtime, file.id)));
        if self.newest.len() > self.most {
            self.newest.pop();
        }
    }
}

/// The files that do not come first: read from the database as they are needed, in its order.
struct Rest {
    first: First,
    /// The oldest of those that came first.
    least: (i64, i64),
    after: i64,
    kinds: Kinds,
    below: u64,
}

/// A file that waits for its hashes.
struct Waiting {
    id: i64,
    mode: u32,
    mtime: i64,
    size: u64,
}

/// Calls `each` for the files behind this entry that wait, in the order of their numbers, until it answers false. What a
/// mount covers does not wait: another file lies there.
fn waiting(
    connection: &Connection,
    after: i64,
    kinds: Kinds,
    below: u64,
    mut each: impl FnMut(Waiting) -> bool,
) -> Result<(), StoreError> {
    let failed = doing("find the files that wait for their hashes");
    let mut statement = connection
        .prepare_cached(
            "SELECT e.id, e.mode, e.mtime, e.size, g.state, g.md5 IS NULL AND ?1 OR g.sha1 IS NULL AND ?2 OR g.sha256 IS NULL AND ?3
               OR g.blake3 IS NULL AND ?4 OR g.hashed <= e.ctime / 1000000000 + ?5
             FROM entry e LEFT JOIN digest g ON g.entry = e.id WHERE e.id > ?6 AND e.mode & 61440 = 32768 AND e.flags & 256 = 0 ORDER BY e.id",
        )
        .map_err(&failed)?;
    let k = kinds;
    let mut rows = statement
        .query((k.md5, k.sha1, k.sha256, k.blake3, GRAIN, after))
        .map_err(&failed)?;
    while let Some(row) = rows.next().map_err(&failed)? {
        let file = Waiting {
            id: row.get(0).map_err(&failed)?,
            mode: row.get(1).map_err(&failed)?,
            mtime: row.get(2).map_err(&failed)?,
            size: row.get::<_, i64>(3).map_err(&failed)?.cast_unsigned(),
        };
        let state: Option<i64> = row.get(4).map_err(&failed)?;
        let waits = match state.map(DigestState::of_code) {
            None => true,
            // What is too large by now is in line for saying so.
            Some(DigestState::Hashed) => file.size >= below || row.get(5).map_err(&failed)?,
            Some(DigestState::TooLarge) => file.size < below,
            Some(DigestState::Excluded) => true,
            Some(other) => other.retried(),
        };
        if waits && !each(file) {
            break;
        }
    }
    Ok(())
}

impl Feed {
    /// Everything that waits; also how many files and bytes that is.
    pub fn of_all(
        connection: Connection,
        plan: &Plan,
        most: usize,
    ) -> Result<(Self, u64, u64), StoreError> {
        let mut first = First::new(most);
        let (mut files, mut bytes) = (0_u64, 0_u64);
        // Mostly few wait, and looking for them a second time would cost more than keeping their numbers.
        let mut others = Vec::new();
        waiting(&connection, 0, plan.kinds, plan.below, |file| {
            files += 1;
            if file.size < plan.below {
                bytes += file.size;
            }
            if others.len() < most && !first.wants(&file) {
                others.push(file.id);
            }
            first.offer(&file);
            true
        })?;
        // Newest first: the heap holds them reversed.
        let newest = std::mem::take(&mut first.newest).into_sorted_vec();
        let least = newest.last().map_or((i64::MAX, i64::MAX), |last| last.0);
        let mut ids: VecDeque<i64> = newest.into_iter().map(|file| file.0.1).collect();
        let all = (ids.len() + others.len()) as u64 == files;
        if all {
            ids.extend(others);
        }
        let feed = Self {
            rest: (!all).then_some(Rest {
                first,
                least,
                after: 0,
                kinds: plan.kinds,
                below: plan.below,
            }),
            ..Self::of(connection, ids)?
        };
        Ok((feed, files, bytes))
    }

    /// These alone.
    pub fn of(connection: Connection, ids: VecDeque<i64>) -> Result<Self, StoreError> {
        let places = connection
            .prepare("SELECT id, point FROM volume")
            .and_then(|mut s| {
                s.query_map([], |row| Ok((row.get(0)?, bytes(row.get_ref(1)?).to_vec())))?
                    .collect()
            })
            .map_err(doing("read what is indexed"))?;
        Ok(Self {
            connection,
            ids,
            rest: None,
            ahead: VecDeque::new(),
            again: Vec::new(),
            places,
            shared: HashSet::new(),
        })
    }

    /// Puts a file back in line.
    pub fn again(&mut self, job: Job) {
        self.again.push(job);
    }

    /// The root of a file's volume.
    pub fn place(&self, job: &Job) -> &[u8] {
        self.places.get(&job.volume).map_or(b"", Vec::as_slice)
    }

    /// The next few of the rest.
    fn more(&mut self) -> Result<(), StoreError> {
        let Some(rest) = &mut self.rest else {
            return Ok(());
        };
        let mut ids = VecDeque::with_capacity(AHEAD);
        waiting(
            &self.connection,
            rest.after,
            rest.kinds,
            rest.below,
            |file| {
                let was_first = rest.first.wants(&file) && (file.mtime, file.id) >= rest.least;
                if !was_first {
                    ids.push_back(file.id);
                }
                rest.after = file.id;
                ids.len() < AHEAD
            },
        )?;
        if ids.is_empty() {
            self.rest = None;
        }
        self.ids = ids;
        Ok(())
    }

    pub fn next(&mut self) -> Result<Option<Job>, StoreError> {
        loop {
            let job = match self.again.pop() {
                Some(job) => job,
                None => {
                    if self.ahead.is_empty() && !self.read_ahead()? {
                        return Ok(None);
                    }
                    let Some(job) = self.ahead.pop_front() else {
                        continue;
                    };
                    let a = &job.attributes;
                    if a.links > 1 && !self.shared.insert((job.volume, a.inode, a.ctime)) {
                        continue;
                    }
                    job
                }
            };
            // A thread waits there already; the next pass tries again.
            if !stuck::waits_for(&job.path) && !stuck::silent(self.place(&job)) {
                return Ok(Some(job));
            }
        }
    }

    /// Whether there was anything left.
    fn read_ahead(&mut self) -> Result<bool, StoreError> {
        if self.ids.is_empty() {
            self.more()?;
        }
        let failed = doing("read a file's entry");
        let mut statement = self
            .connection
            // By the time it is read, a number may be another entry's: that of a file that is gone is given again.
            .prepare_cached(&format!(
                "SELECT d.path, e.name, d.volume, {ATTRIBUTES} FROM entry e JOIN directory d ON d.id = e.dir
                 WHERE e.id = ?1 AND e.mode & 61440 = 32768 AND e.flags & 256 = 0"
            ))
            .map_err(&failed)?;
        let mut any = false;
        for id in self.ids.drain(..self.ids.len().min(AHEAD)) {
            any = true;
            let found = statement
                .query_row([id], |row| {
                    let path = join(bytes(row.get_ref(0)?), bytes(row.get_ref(1)?));
                    Ok(Job {
                        entry: id,
                        path,
                        volume: row.get(2)?,
                        attributes: attributes(row, 3)?,
                        opened: 0,
                    })
                })
                .optional()
                .map_err(&failed)?;
            self.ahead.extend(found);
        }
        Ok(any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::flag;
    use crate::store;
    use crate::store::write::Writer;
    use crate::walk::Found;
    use hashing::Pace;
    use std::sync::Arc;
    use std::time::Duration;

    /// However few are kept at a time, each file comes once, the newest executables before all others.
    #[test]
    fn every_file_comes_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.db");
        let connection = store::open(&path).unwrap();
        let writer = Writer::new(&connection);
        writer.directory(1, None, 1, 2, b"/").unwrap();
        let mut found = Found::default();
        for n in 0..3000_u32 {
            let attributes = Attributes {
                mode: if n % 3 == 0 { 0o100_755 } else { 0o100_644 },
                mtime: i64::from(n * 7919 % 3000),
                inode: u64::from(n) + 10,
                links: 1,
                ..Attributes::default()
            };
            found.push(format!("{n}").as_bytes(), attributes, b"");
        }
        let covered = Attributes {
            mode: 0o100_644,
            flags: flag::MOUNT_POINT,
            ..Attributes::default()
        };
        found.push(b"covered", covered, b"");
        let mut statement = writer.insert_statement().unwrap();
        for seen in found.iter() {
            writer
                .insert(&mut statement, 1, seen.name, seen.attributes, seen.target)
                .unwrap();
        }
        for most in [0, 1, 10, 1000, 1001, 5000] {
            let plan = Plan {
                kinds: Kinds::ALL3,
                below: u64::MAX,
                excluded: Arc::new(|_: &[u8]| false),
                pace: Arc::new(|_| Pace::Go),
                threads: 1,
                patience: Duration::MAX,
            };
            let read = store::open_to_read(&path).unwrap();
            let (mut feed, files, _) = Feed::of_all(read, &plan, most).unwrap();
            assert_eq!(files, 3000);
            let mut jobs = Vec::new();
            while let Some(job) = feed.next().unwrap() {
                jobs.push(job);
            }
            let distinct: HashSet<i64> = jobs.iter().map(|job| job.entry).collect();
            assert_eq!((jobs.len(), distinct.len()), (3000, 3000), "{most}");
            let first = &jobs[..most.min(1000)];
            assert!(first.iter().all(|job| job.attributes.mode & 0o111 != 0));
            assert!(first.is_sorted_by_key(|job| Reverse(job.attributes.mtime)));
            let newest = jobs
                .iter()
                .filter(|job| job.attributes.mode & 0o111 != 0)
                .map(|job| job.attributes.mtime)
                .max();
            assert!(most == 0 || first.first().map(|job| job.attributes.mtime) == newest);
        }
    }
}
