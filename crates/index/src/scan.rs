//! One round of the Index: the inventory of all roots, then the hashes of what waits.

use crate::digest_state::DigestState;
use crate::engine::{Bundle, Digested, EngineError, Message, Teller};
use crate::entry::join;
use crate::ground::Place;
use crate::hashpass::{self, PassError, Plan, Progress};
use crate::inventory::{Compare, First, Gather, Own, Rules, next_number, root_number};
use crate::mounts::Surprises;
use crate::stop::Stop;
use crate::store::write::extended::RECORDED;
use crate::store::write::{Outcome, Writer};
use crate::store::{self, ATTRIBUTES, Pacer, StoreError, doing};
use crate::stuck::{self, Patience, Question};
use crate::text;
use crate::walk::{self, PathRule, Root, Visitor, WalkError, Walked, Watched};
use rusqlite::Connection;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Failure of a round.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The thread that writes it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The walk.
    #[error(transparent)]
    Walk(#[from] WalkError),
    /// The hash pass.
    #[error(transparent)]
    Pass(#[from] PassError),
}

/// How walks are made.
pub struct Survey {
    /// What is indexed; walks begin there.
    pub places: Vec<Place>,
    /// Those of them that are walked, by their paths; all of them without.
    pub only: Option<HashSet<Vec<u8>>>,
    /// Paths that are another walk's, or nobody's.
    pub mount_points: HashSet<Vec<u8>>,
    /// Threads.
    pub threads: usize,
    /// Says which paths are left out.
    pub excluded: Arc<PathRule>,
    /// Called within long work of the database.
    pub pacer: Pacer,
    /// Called for each entry; may sleep.
    pub pace: Arc<dyn Fn() -> Result<(), Stop> + Send + Sync>,
    /// The database, left out with what SQLite keeps beside it.
    pub database: PathBuf,
    /// A folder left out whole: the Index' own.
    pub home: Option<PathBuf>,
    /// The next free number of a directory: all who give numbers at the same time share it.
    pub numbers: Arc<AtomicI64>,
    /// Entries met, for progress.
    pub met: Arc<AtomicU64>,
    /// What was found mounted, and the table of mounts did not have.
    pub surprises: Arc<Surprises>,
    /// Whether extended attributes are recorded.
    pub permissions: bool,
    /// How long an answer of a file system is waited for.
    pub patience: Patience,
}

impl Survey {
    /// The rules of walks that tell nothing of extended attributes. `next` is a number that no directory has yet, nor any
    /// after it.
    #[must_use]
    pub fn rules(&self, next: i64) -> Arc<Rules> {
        self.rules_gathering(next, Gather::No)
    }

    /// The rules of the short walks that changes ask for, where what is told goes to the database.
    #[must_use]
    pub fn live_rules(&self, next: i64) -> Arc<Rules> {
        let gather = if self.permissions {
            Gather::Changed
        } else {
            Gather::No
        };
        self.rules_gathering(next, gather)
    }

    fn rules_gathering(&self, next: i64, gather: Gather) -> Arc<Rules> {
        let (excluded, pace) = (Arc::clone(&self.excluded), Arc::clone(&self.pace));
        self.numbers.fetch_max(next, Ordering::Relaxed);
        Arc::new(Rules {
            excluded,
            own: own_files(&self.database, self.home.as_deref()),
            pace: Box::new(move || pace()),
            next: Arc::clone(&self.numbers),
            met: Arc::clone(&self.met),
            surprises: Arc::clone(&self.surprises),
            gather,
        })
    }
}

/// The Index' own files.
fn own_files(database: &Path, home: Option<&Path>) -> Own {
    let bytes = |path: &Path| crate::text::from_native(path.as_os_str());
    // Found by its real path, as walks find it.
    let folder = database
        .parent()
        .map(|p| std::fs::canonicalize(p).unwrap_or_else(|_| p.to_owned()))
        .unwrap_or_default();
    let name = database.file_name().unwrap_or_default();
    Own {
        files: ["", "-wal", "-shm", "-journal"]
            .iter()
            .map(|suffix| {
                let mut name = name.to_owned();
                name.push(suffix);
                bytes(&folder.join(name))
            })
            .collect(),
        folder: bytes(&folder),
        home: home
            .map(|home| bytes(&std::fs::canonicalize(home).unwrap_or_else(|_| home.to_owned()))),
    }
}

/// Walks all places and brings the database to what they hold. Returns whether the walk came to its end; an engine that
/// failed meanwhile ends it, and its own end tells why.
///
/// # Errors
/// [`ScanError`].
pub fn inventory(survey: &Survey, teller: &Teller) -> Result<bool, ScanError> {
    let part = survey.only.is_some();
    if !part {
        survey.met.store(0, Ordering::Relaxed);
    }
    let places = survey.places.clone();
    let numbers = Arc::clone(&survey.numbers);
    let permissions = survey.permissions;
    let (pacer, later) = (Arc::clone(&survey.pacer), Arc::clone(&survey.pacer));
    let prepared = teller.call(move |writer| {
        writer.record_permissions(permissions)?;
        let prepared = prepare(writer, &places, &numbers, &pacer)?;
        if !part {
            writer.remove_orphans()?;
        }
        Ok(prepared)
    });
    let Ok(mut prepared) = prepared else {
        return Ok(false);
    };
    if let Some(only) = &survey.only {
        prepared.roots.retain(|root| only.contains(&root.path));
    }
    let gather = match (permissions, prepared.recorded) {
        (false, _) => Gather::No,
        (true, false) => Gather::All,
        (true, true) => Gather::Changed,
    };
    let rules = survey.rules_gathering(prepared.next, gather);
    let volumes: HashSet<i64> = prepared.roots.iter().map(|root| root.volume).collect();
    let (roots, mut silent) = answering(survey.patience, prepared.roots, |root| &root.path);
    let walked = if prepared.first {
        first_walk(survey, &rules, roots, teller)?
    } else {
        compare_walk(survey, &rules, roots, teller)?
    };
    if !walked.ended {
        return Ok(false);
    }
    silent.extend(walked.stuck);
    let all_met = !part && silent.is_empty();
    let walked: Vec<i64> = volumes.into_iter().collect();
    let finished = teller.call(move |writer| {
        let connection = writer.connection();
        store::make_indexes(connection, &later)?;
        writer.principals_of(Path::new("/"))?;
        no_answer(writer, &silent)?;
        if permissions && all_met {
            store::set_fact(connection, RECORDED, 1)?;
        }
        let now = jiff::Timestamp::now().as_second();
        for volume in walked {
            connection
                .execute(
                    "UPDATE volume SET walked = ?1 WHERE id = ?2 AND id NOT IN (SELECT volume FROM directory WHERE problem = ?3)",
                    [now, volume, stuck::TIMED_OUT.into()],
                )
                .map_err(doing("keep when it was walked"))?;
        }
        if part {
            return Ok(());
        }
        store::set_fact(connection, "inventoried", now)
    });
    Ok(finished.is_ok())
}

/// What a walk begins with.
struct Prepared {
    /// Nothing was indexed before.
    first: bool,
    /// The next free number of a directory.
    next: i64,
    /// Where to begin.
    roots: Vec<Root>,
    /// The extended attributes of all entries are in the database.
    recorded: bool,
}

fn prepare(
    writer: &Writer<'_>,
    places: &[Place],
    numbers: &AtomicI64,
    pacer: &Pacer,
) -> Result<Prepared, StoreError> {
    let connection = writer.connection();
    let next = next_number(connection)?;
    let first = next == 1;
    if !first {
        store::make_indexes(connection, pacer)?;
    }
    drop_other_places(connection, places)?;
    numbers.fetch_max(next, Ordering::Relaxed);
    let mut roots = Vec::new();
    for place in places {
        let id = match root_number(connection, &place.path)? {
            Some(id) => id,
            None => numbers.fetch_add(1, Ordering::Relaxed),
        };
        roots.push(Root {
            id,
            parent: None,
            volume: writer.volume(&place.path, &place.kind, &place.source)?,
            path: place.path.clone(),
            mount: Some(place.standing.mount),
        });
    }
    Ok(Prepared {
        first,
        next,
        roots,
        recorded: store::fact::<i64>(connection, RECORDED)?.is_some(),
    })
}

/// What was indexed before and is not to be indexed now.
fn drop_other_places(connection: &Connection, places: &[Place]) -> Result<(), StoreError> {
    let failed = doing("drop what is no longer indexed");
    let mut statement = connection
        .prepare("SELECT id, point FROM volume")
        .map_err(&failed)?;
    let kept: Vec<(i64, Vec<u8>)> = statement
        .query_map([], |row| {
            Ok((row.get(0)?, crate::text::bytes(row.get_ref(1)?).to_vec()))
        })
        .and_then(Iterator::collect)
        .map_err(&failed)?;
    for (id, point) in kept {
        if places.iter().any(|place| place.path == point) {
            continue;
        }
        connection
            .execute(
                "DELETE FROM entry WHERE dir IN (SELECT id FROM directory WHERE volume = ?1)",
                [id],
            )
            .map_err(&failed)?;
        connection
            .execute("DELETE FROM directory WHERE volume = ?1", [id])
            .map_err(&failed)?;
        connection
            .execute("DELETE FROM volume WHERE id = ?1", [id])
            .map_err(&failed)?;
    }
    Ok(())
}

fn first_walk(
    survey: &Survey,
    rules: &Arc<Rules>,
    roots: Vec<Root>,
    teller: &Teller,
) -> Result<Walked, ScanError> {
    watched(survey, roots, teller, &mut |mut bundle| {
        Ok(First::new(Arc::clone(rules), move |message| {
            bundle.tell(message)
        }))
    })
}

fn compare_walk(
    survey: &Survey,
    rules: &Arc<Rules>,
    roots: Vec<Root>,
    teller: &Teller,
) -> Result<Walked, ScanError> {
    let failure = Arc::new(Mutex::new(None));
    let walked = watched(survey, roots, teller, &mut |mut bundle| {
        let read = store::open_to_read(&survey.database)?;
        Ok(
            Compare::new(Arc::clone(rules), read, move |message| bundle.tell(message))
                .failing_into(Arc::clone(&failure)),
        )
    })?;
    match failure
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
    {
        Some(error) => Err(ScanError::Store(error)),
        None => Ok(walked),
    }
}

/// Walks with visitors that tell through a bundle each.
fn watched<V: Visitor + Send + 'static>(
    survey: &Survey,
    roots: Vec<Root>,
    teller: &Teller,
    visitor: &mut dyn FnMut(Bundle) -> Result<V, ScanError>,
) -> Result<Walked, ScanError> {
    let remains = RefCell::new(HashMap::new());
    let gathering = teller.gathering();
    let how = Watched {
        threads: survey.threads,
        patience: survey.patience.call,
        visitor: &mut |number| {
            let bundle = gathering.bundle();
            remains.borrow_mut().insert(number, bundle.remains());
            visitor(bundle)
        },
        lost: &mut |number| {
            // An engine that ended says why when it is finished.
            let rest = remains.borrow_mut().remove(&number);
            rest.map(|rest| rest.tell().ok());
        },
    };
    how.walk(roots, survey.mount_points.clone())
}

/// Parts roots by whether they answer.
pub(crate) fn answering<T>(
    patience: Patience,
    roots: Vec<T>,
    path: impl Fn(&T) -> &[u8],
) -> (Vec<T>, Vec<T>) {
    let questions: Vec<(T, Question<()>)> = roots
        .into_iter()
        .map(|root| {
            let place = path(&root);
            let path = place.to_vec();
            let question = Question::ask(place, move || {
                // What is wrong with it, the walk finds.
                walk::probe(&path).ok();
            });
            (root, question)
        })
        .collect();
    let until = Instant::now() + patience.probe;
    let (answer, silent): (Vec<_>, Vec<_>) = questions
        .into_iter()
        .map(|(root, question)| (root, question.answer(until).is_some()))
        .partition(|(_, answers)| *answers);
    let roots = |list: Vec<(T, bool)>| list.into_iter().map(|(root, _)| root).collect();
    (roots(answer), roots(silent))
}

/// Keeps that directories gave no answer; what is known of them stays.
fn no_answer(writer: &Writer<'_>, directories: &[Root]) -> Result<(), StoreError> {
    for directory in directories {
        let known = writer
            .connection()
            .prepare_cached("SELECT 1 FROM directory WHERE id = ?1")
            .and_then(|mut s| s.exists([directory.id]))
            .map_err(doing("find a directory"))?;
        if !known {
            writer.directory(
                directory.id,
                directory.parent,
                directory.volume,
                0,
                &directory.path,
            )?;
        }
        writer.problem(directory.id, Some(stuck::TIMED_OUT))?;
    }
    Ok(())
}

/// Hashes dropped together.
const DROPPED_AT_ONCE: usize = 1000;
/// The fact that tells by which rules files were last left out of hashing.
const LEFT_OUT: &str = "hashing_left_out";

/// Drops the hashes of files that are not to be hashed any more. `rules` are the rules as text: as long as they are the
/// same, there is nothing to drop.
///
/// # Errors
/// [`ScanError`].
pub fn drop_excluded(
    database: &Path,
    teller: &Teller,
    rules: String,
    excluded: &PathRule,
) -> Result<(), ScanError> {
    let connection = store::open_to_read(database)?;
    if store::fact::<String>(&connection, LEFT_OUT)?.as_ref() == Some(&rules) {
        return Ok(());
    }
    let failed = doing("find what is not to be hashed any more");
    let mut statement = connection
        .prepare(&format!(
            "SELECT e.id, {ATTRIBUTES}, d.path, e.name FROM digest g JOIN entry e ON e.id = g.entry
             JOIN directory d ON d.id = e.dir WHERE g.state = {}",
            DigestState::Hashed as i64
        ))
        .map_err(&failed)?;
    let mut rows = statement.query([]).map_err(&failed)?;
    let at = jiff::Timestamp::now().as_second();
    let mut dropped = Vec::new();
    while let Some(row) = rows.next().map_err(&failed)? {
        let part = |column| -> Result<Vec<u8>, StoreError> {
            Ok(text::bytes(row.get_ref(column).map_err(&failed)?).to_vec())
        };
        if !excluded(&join(&part(11)?, &part(12)?)) {
            continue;
        }
        dropped.push(Digested {
            entry: row.get(0).map_err(&failed)?,
            read: store::attributes(row, 1).map_err(&failed)?,
            at,
            outcome: Outcome::Not(DigestState::Excluded),
        });
        if dropped.len() >= DROPPED_AT_ONCE
            && teller
                .tell(Message::Digests(std::mem::take(&mut dropped)))
                .is_err()
        {
            // The engine says why when it is finished.
            return Ok(());
        }
    }
    teller.tell(Message::Digests(dropped)).ok();
    let kept = teller.call(move |writer| store::set_fact(writer.connection(), LEFT_OUT, rules));
    kept.ok();
    Ok(())
}

/// Hashes what waits. Returns whether the pass came to its end.
///
/// # Errors
/// [`ScanError`].
pub fn hash(
    database: &Path,
    teller: &Teller,
    plan: &Plan,
    pacer: &Pacer,
    progress: &Arc<Progress>,
) -> Result<bool, ScanError> {
    let pacer = Arc::clone(pacer);
    let sink = hashpass::into_engine(teller);
    let ended = hashpass::pass(database, &sink, plan, progress)?;
    Ok(ended
        && teller
            .call(move |writer| store::make_digest_indexes(writer.connection(), &pacer))
            .is_ok())
}
