//! What indexing costs on this machine: everything done for real, at full speed, into a database made for it.
//!
//! The project's own benchmark compares with other programs; this one is for whoever wants to know beforehand.

use crate::glob::Glob;
use crate::query::{self, Filter};
use crate::round::{self, Round, RoundError};
use crate::store::{self, StoreError, doing};
use rusqlite::Connection;
use serde::Serialize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Searches of each kind.
const SEARCHES: usize = 200;
/// Searches that read every name.
const LONG_SEARCHES: usize = 10;

/// Figures of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Entries found.
    pub entries: u64,
    /// The first inventory with its indexes.
    pub inventory_seconds: f64,
    /// A second walk, which finds no difference.
    pub check_seconds: f64,
    /// Files read.
    pub files_hashed: u64,
    /// Bytes read.
    pub bytes_hashed: u64,
    /// The hash pass.
    pub hash_seconds: f64,
    /// Whether the time for hashing was over before the files were.
    pub hashing_cut_short: bool,
    /// Size of the database.
    pub database_bytes: u64,
    /// Kinds of search; empty where nothing has the hash or name for it.
    pub searches: Vec<Search>,
}

/// Time from a search to its last row, in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Search {
    /// What is searched for.
    pub search: &'static str,
    /// Half of the searches took no longer.
    pub p50_ms: f64,
    /// 99 of 100 took no longer.
    pub p99_ms: f64,
}

/// Measures the inventory of these folders (all local file systems without any), at most so much time of hashing, and
/// searches. The database must not exist; it stays.
///
/// # Errors
/// [`RoundError`].
pub fn measure(
    roots: Vec<PathBuf>,
    database: &Path,
    hashing: Duration,
) -> Result<Figures, RoundError> {
    let over = Arc::new(AtomicBool::new(false));
    let round = Round {
        config: Arc::new(round::unbounded()),
        database: database.to_owned(),
        home: None,
        roots,
        pacer: {
            let over = Arc::clone(&over);
            Arc::new(move || !over.load(Ordering::Relaxed))
        },
        threads: round::threads(),
        numbers: Arc::default(),
        met: Arc::default(),
        surprises: Arc::default(),
        progress: Arc::default(),
    };
    let inventory = || -> Result<f64, RoundError> {
        let began = Instant::now();
        round.once(String::new(), false, || ())?;
        Ok(began.elapsed().as_secs_f64())
    };
    let inventory_seconds = inventory()?;
    let entries = round.entries();
    let check_seconds = inventory()?;
    let hash_seconds = hash(&round, &over, hashing)?;
    // A pass that was cut short leaves them out.
    store::make_digest_indexes(&store::open(database)?, &round.pacer)?;
    Ok(Figures {
        entries,
        inventory_seconds,
        check_seconds,
        files_hashed: round.progress.done.load(Ordering::Relaxed),
        bytes_hashed: round.progress.read.load(Ordering::Relaxed),
        hash_seconds,
        hashing_cut_short: over.load(Ordering::Relaxed),
        database_bytes: std::fs::metadata(database).map_or(0, |found| found.len()),
        searches: searches(&store::open_to_read(database)?)?,
    })
}

/// Hashes until the time is over; the seconds that it took.
fn hash(round: &Round, over: &Arc<AtomicBool>, time: Duration) -> Result<f64, RoundError> {
    std::thread::scope(|scope| {
        let (done, finished) = crossbeam_channel::bounded::<()>(0);
        scope.spawn(move || {
            // The other end goes when the work is done.
            if finished.recv_timeout(time) == Err(crossbeam_channel::RecvTimeoutError::Timeout) {
                over.store(true, Ordering::Relaxed);
            }
        });
        let began = Instant::now();
        let outcome = round.hash_once();
        drop(done);
        outcome.map(|()| began.elapsed().as_secs_f64())
    })
}

/// Searches for what is there, evenly spread.
fn searches(connection: &Connection) -> Result<Vec<Search>, StoreError> {
    let sample = |sql: &str| -> Result<Vec<String>, StoreError> {
        connection
            .prepare(sql)
            .and_then(|mut s| s.query_map([SEARCHES as i64], |row| row.get(0))?.collect())
            .map_err(doing("choose what to search for"))
    };
    let names = sample(
        "SELECT name FROM entry WHERE typeof(name) = 'text' AND mode & 61440 = 32768
         AND id % (SELECT max(1, count(*) / ?1) FROM entry) = 0",
    )?;
    let hashes = sample(
        "SELECT lower(hex(md5)) FROM digest WHERE md5 IS NOT NULL
         AND entry % (SELECT max(1, count(*) / ?1) FROM digest) = 0",
    )?;
    let mut found = Vec::new();
    let mut add = |search, texts: &[String], set: &dyn Fn(&mut Filter, Option<Glob>)| {
        let mut times = Vec::new();
        for text in texts {
            let mut filter = Filter::default();
            set(&mut filter, Glob::read(text));
            let began = Instant::now();
            query::find(connection, &filter, &mut |_| ControlFlow::Continue(()))?;
            times.push(began.elapsed().as_secs_f64() * 1000.0);
        }
        times.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let rank = (times.len() as f64 * share).ceil() as usize;
            times.get(rank.saturating_sub(1)).copied()
        };
        if let (Some(p50_ms), Some(p99_ms)) = (at(0.5), at(0.99)) {
            found.push(Search {
                search,
                p50_ms,
                p99_ms,
            });
        }
        Ok::<_, StoreError>(())
    };
    let literal = |text: &&String| !text.contains(['*', '?']);
    let names: Vec<String> = names.iter().filter(literal).cloned().collect();
    add("exact name", &names, &|filter, glob| filter.name = glob)?;
    add("exact MD5", &hashes, &|filter, glob| filter.md5 = glob)?;
    let patterns: Vec<String> = names
        .iter()
        .take(LONG_SEARCHES)
        .map(|name| format!("*{name}"))
        .collect();
    add("name beginning with *", &patterns, &|filter, glob| {
        filter.name = glob;
    })?;
    Ok(found)
}
