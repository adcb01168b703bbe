//! Comparing the database with the disk, and saying what differs: the proof that the Index tells the truth.
//!
//! Three questions, each by means that the indexing itself does not lean on for its answer: is the file sound
//! (SQLite's own check, and every row has what it names), does a fresh walk find the same entries with the same
//! attributes, and does every hashed file still give its hashes. Nothing is written.

use crate::digest_state::DigestState;
use crate::engine::{Digested, Message};
use crate::entry::{Attributes, join};
use crate::hashpass::{self, Plan, Progress};
use crate::inventory::{Compare, next_number, root_number};
use crate::scan::{self, ScanError, Survey};
use crate::stop::Stop;
use crate::store::write::places::ORPHANS;
use crate::store::write::{Outcome, Writer};
use crate::store::{self, StoreError, doing};
use crate::text::bytes;
use crate::walk::{self, Found, Root};
use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

/// In what a file and its row differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Differs {
    /// On the disk, not in the database.
    NotIndexed,
    /// In the database, not on the disk.
    NotOnDisk,
    /// An attribute.
    Attribute,
    /// A hash.
    Hash,
    /// The database contradicts itself.
    Damage,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Of which sort.
    pub differs: Differs,
    /// Where; readable text.
    pub path: String,
    /// What the database says, with the attribute's name.
    pub kept: String,
    /// What the disk says.
    pub found: String,
}

/// What was compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Entries on the disk.
    pub entries: u64,
    /// Files read again.
    pub hashed: u64,
    /// Files that wait for their first hashes; no difference.
    pub pending: u64,
    /// Files that could not be read when that was tried, and are tried again; no difference.
    pub again: u64,
    /// Differences told.
    pub differences: u64,
}

type Tell<'a> = dyn Fn(Difference) + Sync + 'a;

/// Compares. `hashes` reads every hashed file again. `tell` gets each difference.
///
/// # Errors
/// [`ScanError`].
pub fn verify(
    survey: &Survey,
    hashes: Option<&Plan>,
    progress: &Arc<Progress>,
    tell: &(dyn Fn(Difference) + Sync),
) -> Result<Report, ScanError> {
    let connection = store::open_to_read(&survey.database)?;
    let count = Mutex::new(0);
    let tell = |difference| {
        *count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        tell(difference);
    };
    soundness(&connection, &tell)?;
    compare(survey, &connection, &tell)?;
    let mut report = Report {
        entries: survey.met.load(Ordering::Relaxed),
        pending: connection
            .query_row(
                "SELECT count(*) FROM entry e LEFT JOIN digest g ON g.entry = e.id WHERE g.entry IS NULL AND e.mode & 61440 = 32768 AND e.flags & 256 = 0",
                [],
                |row| row.get::<_, i64>(0),
            )
            .map_err(doing("count what waits"))?
            .cast_unsigned(),
        again: store::tried_again(&connection)?,
        ..Report::default()
    };
    if let Some(plan) = hashes {
        report.hashed = rehash(survey, plan, progress, &tell)?;
    }
    report.differences = *count.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(report)
}

fn damage(what: impl Into<String>, path: impl Into<String>) -> Difference {
    Difference {
        differs: Differs::Damage,
        path: path.into(),
        kept: what.into(),
        found: String::new(),
    }
}

fn soundness(connection: &Connection, tell: &Tell<'_>) -> Result<(), StoreError> {
    let failed = doing("check itself");
    let mut statement = connection
        .prepare("PRAGMA integrity_check")
        .map_err(&failed)?;
    let mut rows = statement.query([]).map_err(&failed)?;
    while let Some(row) = rows.next().map_err(&failed)? {
        let line: String = row.get(0).map_err(&failed)?;
        if line != "ok" {
            tell(damage(line, ""));
        }
    }
    let orphans = [
        (
            "an entry in no directory",
            "SELECT name FROM entry e WHERE NOT EXISTS (SELECT 1 FROM directory d WHERE d.id = e.dir)",
        ),
        (
            "a digest of no entry",
            "SELECT entry FROM digest g WHERE NOT EXISTS (SELECT 1 FROM entry e WHERE e.id = g.entry)",
        ),
        (
            "two entries of one name",
            "SELECT name FROM entry GROUP BY dir, name HAVING count(*) > 1",
        ),
        ("a directory in no directory", ORPHANS),
        (
            "two directories of one path",
            "SELECT path FROM directory GROUP BY path HAVING count(*) > 1",
        ),
    ];
    for (what, sql) in orphans {
        let mut statement = connection.prepare(sql).map_err(&failed)?;
        let mut rows = statement.query([]).map_err(&failed)?;
        while let Some(row) = rows.next().map_err(&failed)? {
            let name = bytes(row.get_ref(0).map_err(&failed)?).to_vec();
            tell(damage(what, crate::text::readable(&name)));
        }
    }
    Ok(())
}

fn compare(survey: &Survey, connection: &Connection, tell: &Tell<'_>) -> Result<(), ScanError> {
    let rules = survey.rules(next_number(connection)?);
    for (_, point, kind) in Writer::new(connection).volumes()? {
        if !survey.places.iter().any(|place| place.path == point) {
            tell(Difference {
                differs: Differs::NotOnDisk,
                path: crate::text::readable(&point).into_owned(),
                kept: kind,
                found: "nothing that is indexed for itself".into(),
            });
        }
    }
    let mut roots = Vec::new();
    for place in &survey.places {
        match root_number(connection, &place.path)? {
            Some(id) => roots.push(Root {
                id,
                parent: None,
                volume: 0,
                path: place.path.clone(),
                mount: None,
            }),
            None => tell(Difference {
                differs: Differs::NotIndexed,
                path: crate::text::readable(&place.path).into_owned(),
                kept: "nothing".into(),
                found: place.kind.clone(),
            }),
        }
    }
    // What does not answer cannot be compared.
    let (roots, _) = scan::answering(survey.patience, roots, |root| &root.path);
    let failure = Arc::new(Mutex::new(None));
    let mut visitors = Vec::new();
    for _ in 0..survey.threads.max(1) {
        let read = store::open_to_read(&survey.database)?;
        let known = store::open_to_read(&survey.database)?;
        let mut paths = Paths {
            known,
            new: std::collections::HashMap::new(),
        };
        let failed = Arc::clone(&failure);
        visitors.push(
            Compare::new(Arc::clone(&rules), read, move |message| {
                paths.tell(message, tell).map_err(|error| {
                    *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    Stop
                })
            })
            .failing_into(Arc::clone(&failure)),
        );
    }
    survey.met.store(0, Ordering::Relaxed);
    walk::walk(roots, survey.mount_points.clone(), visitors)?;
    match failure
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
    {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

/// Puts the walk's messages into differences.
struct Paths {
    known: Connection,
    /// Directories that the database does not have.
    new: std::collections::HashMap<i64, Vec<u8>>,
}

impl Paths {
    fn directory(&self, id: i64) -> Result<Vec<u8>, StoreError> {
        if let Some(path) = self.new.get(&id) {
            return Ok(path.clone());
        }
        self.known
            .prepare_cached("SELECT path FROM directory WHERE id = ?1")
            .and_then(|mut s| {
                s.query_row([id], |row| Ok(bytes(row.get_ref(0)?).to_vec()))
                    .optional()
            })
            .map(Option::unwrap_or_default)
            .map_err(doing("find a directory"))
    }

    fn tell(&mut self, message: Message, tell: &Tell<'_>) -> Result<(), StoreError> {
        match message {
            Message::Directory { id, path, .. } => {
                self.new.insert(id, path);
                Ok(())
            }
            Message::New(dir, found) | Message::Seen(dir, found) => self.seen(dir, &found, tell),
            Message::Gone(dir, names) => {
                let directory = self.directory(dir)?;
                for name in names {
                    tell(Difference {
                        differs: Differs::NotOnDisk,
                        path: crate::text::readable(&join(&directory, &name)).into_owned(),
                        kept: "an entry".into(),
                        found: "nothing".into(),
                    });
                }
                Ok(())
            }
            Message::Stray(_, _, path) => {
                let path = crate::text::readable(&path);
                tell(damage("a directory of no entry", path));
                Ok(())
            }
            // A directory that cannot be read now says nothing of what it holds.
            Message::Problem(..)
            | Message::Many(_)
            | Message::Digests(_)
            | Message::Do(_)
            | Message::Flush(_)
            | Message::End => Ok(()),
        }
    }

    fn seen(&self, dir: i64, found: &Found, tell: &Tell<'_>) -> Result<(), StoreError> {
        let directory = self.directory(dir)?;
        for seen in found.iter() {
            let path = crate::text::readable(&join(&directory, seen.name)).into_owned();
            let Some(kept) = Writer::new(&self.known).find(dir, seen.name)? else {
                tell(Difference {
                    differs: Differs::NotIndexed,
                    path,
                    kept: "nothing".into(),
                    found: seen.attributes.kind().name().into(),
                });
                continue;
            };
            for (name, before, now) in attributes(&kept.attributes, seen.attributes) {
                tell(Difference {
                    differs: Differs::Attribute,
                    path: path.clone(),
                    kept: format!("{name} {before}"),
                    found: now,
                });
            }
        }
        Ok(())
    }
}

/// The attributes that differ: name, before, now.
fn attributes(kept: &Attributes, now: &Attributes) -> Vec<(&'static str, String, String)> {
    let time = |t: i64| crate::text::time(t);
    let all = [
        (
            "mode",
            format!("{:o}", kept.mode),
            format!("{:o}", now.mode),
        ),
        ("size", kept.size.to_string(), now.size.to_string()),
        ("modified", time(kept.mtime), time(now.mtime)),
        ("changed", time(kept.ctime), time(now.ctime)),
        (
            "born",
            kept.btime.map(time).unwrap_or_default(),
            now.btime.map(time).unwrap_or_default(),
        ),
        ("owner", kept.uid.to_string(), now.uid.to_string()),
        ("group", kept.gid.to_string(), now.gid.to_string()),
        ("links", kept.links.to_string(), now.links.to_string()),
        ("inode", kept.inode.to_string(), now.inode.to_string()),
        ("flags", kept.flags.to_string(), now.flags.to_string()),
    ];
    all.into_iter()
        .filter(|(_, before, now)| before != now)
        .collect()
}

fn rehash(
    survey: &Survey,
    plan: &Plan,
    progress: &Arc<Progress>,
    tell: &Tell<'_>,
) -> Result<u64, ScanError> {
    let connection = store::open_to_read(&survey.database)?;
    let ids: Vec<i64> = connection
        .prepare("SELECT entry FROM digest WHERE state = 0")
        .and_then(|mut s| s.query_map([], |row| row.get(0))?.collect())
        .map_err(doing("read what is hashed"))?;
    let total = ids.len() as u64;
    let (give, take) = crossbeam_channel::bounded::<Vec<Digested>>(4);
    let (end, ended) = crossbeam_channel::bounded(1);
    let compare = |digests: Vec<Digested>| {
        digests
            .iter()
            .try_for_each(|digested| judge(&connection, digested, tell))
    };
    std::thread::scope(|scope| {
        // With this its end of the channel goes too, so that nobody waits for a reader that failed.
        let take = take;
        std::thread::Builder::new()
            .name("hash-again".into())
            .spawn_scoped(scope, move || {
                let sink: Arc<hashpass::Sink> =
                    Arc::new(move |digests| give.send(digests).map_err(|_| Stop));
                let outcome = hashpass::these(&survey.database, ids, &sink, plan, progress);
                // Who compares may have ended by a failure.
                end.send(outcome).ok();
            })
            .map_err(hashpass::PassError::Thread)?;
        // A thread that waits for a file system for ever keeps its end of the channel open.
        let outcome = loop {
            crossbeam_channel::select! {
                recv(take) -> digests => if let Ok(digests) = digests {
                    compare(digests)?;
                },
                recv(ended) -> outcome => break outcome,
            }
        };
        take.try_iter().try_for_each(compare)?;
        if let Ok(outcome) = outcome {
            outcome?;
        }
        Ok(total)
    })
}

fn judge(connection: &Connection, digested: &Digested, tell: &Tell<'_>) -> Result<(), StoreError> {
    type Kept = (Vec<u8>, [Option<Vec<u8>>; 4]);
    let row: Option<Kept> = connection
        .prepare_cached(
            "SELECT d.path, e.name, g.md5, g.sha1, g.sha256, g.blake3 FROM digest g JOIN entry e ON e.id = g.entry
             JOIN directory d ON d.id = e.dir WHERE g.entry = ?1",
        )
        .and_then(|mut s| {
            s.query_row([digested.entry], |row| {
                let path = join(bytes(row.get_ref(0)?), bytes(row.get_ref(1)?));
                Ok((path, [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?]))
            })
            .optional()
        })
        .map_err(doing("read kept hashes"))?;
    let Some((path, kept)) = row else {
        return Ok(());
    };
    let path = crate::text::readable(&path).into_owned();
    let hex = |bytes: Option<&[u8]>| bytes.map(hex::encode).unwrap_or_default();
    match &digested.outcome {
        Outcome::Hashed(content) => {
            let d = &content.digests;
            let now = [
                d.md5.as_ref().map(<[u8; 16]>::as_slice),
                d.sha1.as_ref().map(<[u8; 20]>::as_slice),
                d.sha256.as_ref().map(<[u8; 32]>::as_slice),
                d.blake3.as_ref().map(<[u8; 32]>::as_slice),
            ];
            for ((name, kept), now) in ["md5", "sha1", "sha256", "blake3"]
                .iter()
                .zip(&kept)
                .zip(now)
            {
                if let Some(kept) = kept
                    && now != Some(kept.as_slice())
                {
                    tell(Difference {
                        differs: Differs::Hash,
                        path: path.clone(),
                        kept: format!("{name} {}", hex::encode(kept)),
                        found: hex(now),
                    });
                }
            }
        }
        // The walk told that it is gone or other than it was; excluded and too large are the configuration's matter.
        Outcome::Not(
            DigestState::Gone
            | DigestState::Changing
            | DigestState::Excluded
            | DigestState::TooLarge,
        ) => {}
        Outcome::Not(state) => tell(Difference {
            differs: Differs::Hash,
            path,
            kept: "hashes".into(),
            found: state.name().into(),
        }),
    }
    Ok(())
}
