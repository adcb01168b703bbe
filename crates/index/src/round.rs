//! A round of indexing with everything it needs: configuration, places, pace, progress.
//!
//! [`crate::scan`] and [`crate::hashpass`] take bare rules; here they are made from the configuration, once for the
//! process that indexes ([`crate::service`]), for `cordon index run --once` and for [`crate::verify`].

use crate::config::{Config, Hashes};
use crate::engine::{Engine, Teller};
use crate::ground::{Ground, Missing};
use crate::hashpass::{Plan, Progress};
use crate::mounts::{MountsError, Surprises};
use crate::scan::{self, ScanError, Survey};
use crate::stop::Stop;
use crate::store::{self, StoreError, doing};
use crate::stuck::Patience;
use crate::text;
use hashing::{Kinds, Pace};
use rusqlite::Connection;
use std::cell::Cell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Failure of a round.
#[derive(Debug, thiserror::Error)]
pub enum RoundError {
    /// The mounts.
    #[error(transparent)]
    Mounts(#[from] MountsError),
    /// A folder that is to be indexed cannot be found.
    #[error("cannot index {}: {why}", .path.display())]
    Root {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The database is not of this machine's file systems.
    #[error("the database {} is of the image {image}, which is not to be compared with this machine; `cordon index run --once --image` indexes it again into another", .database.display())]
    OfImage {
        /// Which database.
        database: PathBuf,
        /// Of which image.
        image: String,
    },
    /// The work itself.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub use crate::store::Pacer;

/// What a round is made with.
#[derive(Clone)]
pub struct Round {
    /// The settings in force.
    pub config: Arc<Config>,
    /// The database.
    pub database: PathBuf,
    /// The folder of the Index on this endpoint, where it is run for one.
    pub home: Option<PathBuf>,
    /// Folders to index; none for all local file systems.
    pub roots: Vec<PathBuf>,
    /// Between stretches of work.
    pub pacer: Pacer,
    /// Threads for walking and hashing.
    pub threads: usize,
    /// The next free number of a directory.
    pub numbers: Arc<AtomicI64>,
    /// Entries met by the walk under way.
    pub met: Arc<AtomicU64>,
    /// What walks and looks found mounted, and the table of mounts did not have.
    pub surprises: Arc<Surprises>,
    /// How far the hash pass is.
    pub progress: Arc<Progress>,
}

/// Processors of this machine, four at most: more only wait for the disk.
#[must_use]
pub fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get().min(4))
}

thread_local! {
    static SINCE: Cell<u32> = const { Cell::new(0) };
}

/// Calls the pacer at every so many calls of its own, counted by thread.
pub(crate) fn every(count: u32, pacer: &Pacer) -> bool {
    let since = SINCE.get() + 1;
    if since < count {
        SINCE.set(since);
        return true;
    }
    SINCE.set(0);
    pacer()
}

impl Round {
    /// What this configuration means to be indexed, now.
    ///
    /// # Errors
    /// [`RoundError::Mounts`].
    pub fn ground(&self) -> Result<Ground, RoundError> {
        Ok(Ground::now(
            &self.roots,
            &self.config.filesystem_types_to_exclude,
        )?)
    }

    /// The ground on which a round that is made once, for somebody who waits for it, is to stand.
    ///
    /// # Errors
    /// [`RoundError::Mounts`]; [`RoundError::Root`] when a folder is not there.
    pub fn whole_ground(&self) -> Result<Ground, RoundError> {
        let ground = self.ground()?;
        if let Some(Missing { path, why }) = ground.missing().next().cloned() {
            return Err(RoundError::Root { path, why });
        }
        Ok(ground)
    }

    /// How the walks are made, of what there is now.
    ///
    /// # Errors
    /// As [`Self::ground`].
    pub fn survey(&self) -> Result<Survey, RoundError> {
        Ok(self.survey_of(&self.ground()?))
    }

    /// How the walks of this ground are made.
    #[must_use]
    pub fn survey_of(&self, ground: &Ground) -> Survey {
        let config = Arc::clone(&self.config);
        let (pacer, between) = (Arc::clone(&self.pacer), Arc::clone(&self.pacer));
        let each = self.config.file_indexes_per_throttle.max(1);
        Survey {
            places: ground.places.clone(),
            only: None,
            mount_points: ground.points.clone(),
            threads: self.threads,
            excluded: Arc::new(move |path| config.excludes_indexing(path)),
            pacer,
            pace: Arc::new(move || {
                if every(each, &between) {
                    Ok(())
                } else {
                    Err(Stop)
                }
            }),
            database: self.database.clone(),
            home: self.home.clone(),
            numbers: Arc::clone(&self.numbers),
            met: Arc::clone(&self.met),
            surprises: Arc::clone(&self.surprises),
            permissions: self.config.scan_file_permissions,
            patience: Patience::default(),
        }
    }

    /// Brings the inventory of a ground up to date: of these places, or of all without. Returns whether it came to its end.
    ///
    /// # Errors
    /// [`RoundError`].
    pub fn inventory(
        &self,
        ground: &Ground,
        only: Option<HashSet<Vec<u8>>>,
        teller: &Teller,
    ) -> Result<bool, RoundError> {
        let mut survey = self.survey_of(ground);
        if only.is_some() {
            // What it meets is a part of what was met before.
            survey.met = Arc::default();
        }
        survey.only = only;
        Ok(scan::inventory(&survey, teller)?)
    }

    /// Calls `work` with the plan of a hash pass.
    pub fn with_plan<T>(&self, work: impl FnOnce(&Plan) -> T) -> T {
        let each = self.config.file_hash_updates_per_throttle.max(1);
        let (config, pacer) = (Arc::clone(&self.config), Arc::clone(&self.pacer));
        let excluded = move |path: &[u8]| config.excludes_hashing(path);
        let pace = move |_bytes: u64| {
            if every(each, &pacer) {
                Pace::Go
            } else {
                Pace::Stop
            }
        };
        work(&Plan {
            kinds: kinds(self.config.hashes),
            below: self.config.max_size_to_hash.unwrap_or(u64::MAX),
            excluded: Arc::new(excluded),
            pace: Arc::new(pace),
            threads: self.threads,
            patience: Patience::default().call,
        })
    }

    /// Hashes what waits. Returns whether it came to its end.
    ///
    /// # Errors
    /// [`RoundError`].
    pub fn hash(&self, teller: &Teller) -> Result<bool, RoundError> {
        if self.config.hashes.is_none() {
            return Ok(true);
        }
        let rules: Vec<&str> = self.config.exclude_from_hashing.iter().collect();
        Ok(self.with_plan(|plan| {
            scan::drop_excluded(&self.database, teller, rules.join("\n"), &*plan.excluded)?;
            scan::hash(&self.database, teller, plan, &self.pacer, &self.progress)
        })?)
    }

    /// Keeps the configuration's text in the database, so that a later check works by the same rules.
    ///
    /// # Errors
    /// [`Stop`] when the engine ended.
    pub fn keep_configuration(&self, text: String, teller: &Teller) -> Result<(), Stop> {
        teller.call(move |writer| {
            store::set_fact(writer.connection(), "configuration", text)?;
            store::set_fact(writer.connection(), "tool", env!("CARGO_PKG_VERSION"))
        })
    }

    /// The hashes of what waits in the database, once.
    ///
    /// # Errors
    /// [`RoundError`].
    pub fn hash_once(&self) -> Result<(), RoundError> {
        self.alone(|teller| self.hash(teller).map(drop))
    }

    /// Inventory and hashes once. `shown` is called between the two.
    ///
    /// # Errors
    /// [`RoundError`].
    pub fn once(&self, text: String, hashes: bool, shown: impl FnOnce()) -> Result<(), RoundError> {
        let mut ground = self.whole_ground()?;
        self.alone(|teller| {
            let mut ended = self.inventory(&ground, None, teller)?;
            // Something else was mounted there than was meant.
            while ended && self.left_aside(&ground) {
                ground = self.whole_ground()?;
                ended = self.inventory(&ground, None, teller)?;
            }
            // A failed engine shows when it is finished, with its reason.
            if ended && self.keep_configuration(text, teller).is_ok() {
                shown();
                if hashes {
                    self.hash(teller)?;
                }
            }
            Ok(())
        })
    }

    /// Whether a walk left a place of this ground aside.
    fn left_aside(&self, ground: &Ground) -> bool {
        let surprises = self.surprises.take();
        ground
            .places
            .iter()
            .any(|place| surprises.contains(&place.path))
    }

    /// Works with an engine of its own.
    fn alone(
        &self,
        work: impl FnOnce(&Teller) -> Result<(), RoundError>,
    ) -> Result<(), RoundError> {
        let connection = store::open(&self.database)?;
        of_no_image(&connection, &self.database)?;
        let engine = Engine::start(connection, &self.database).map_err(ScanError::Engine)?;
        let teller = engine.teller();
        let outcome = work(&teller);
        drop(teller);
        engine.finish().map_err(ScanError::Engine)?;
        outcome
    }
}

pub(crate) fn kinds(hashes: Hashes) -> Kinds {
    Kinds {
        md5: hashes.md5,
        sha1: hashes.sha1,
        sha256: hashes.sha256,
        blake3: hashes.blake3,
    }
}

fn of_no_image(connection: &Connection, database: &Path) -> Result<(), RoundError> {
    match store::image(connection)? {
        None => Ok(()),
        Some(image) => Err(RoundError::OfImage {
            database: database.to_owned(),
            image,
        }),
    }
}

/// The configuration that holds where none is given: every hash, of files of any size, at full speed.
#[must_use]
pub fn unbounded() -> Config {
    Config {
        cpu_usage_limit: None,
        max_size_to_hash: None,
        hashes: Hashes {
            md5: true,
            sha1: true,
            sha256: true,
            blake3: false,
        },
        ..Config::default()
    }
}

/// A round over the places of a database, by the configuration with which it was made.
///
/// # Errors
/// [`RoundError::Store`].
pub fn of_database(database: &Path) -> Result<Round, RoundError> {
    let connection = store::open_to_read(database)?;
    of_no_image(&connection, database)?;
    let config = match store::fact::<String>(&connection, "configuration")? {
        Some(text) if !text.is_empty() => Config::read(text).0,
        _ => unbounded(),
    };
    let roots: Vec<Vec<u8>> = connection
        .prepare("SELECT point FROM volume")
        .and_then(|mut s| {
            s.query_map([], |row| Ok(text::bytes(row.get_ref(0)?).to_vec()))?
                .collect()
        })
        .map_err(doing("read what is indexed"))?;
    Ok(Round {
        database: database.to_owned(),
        home: store::fact::<String>(&connection, "home")?.map(PathBuf::from),
        // Where nothing is indexed, as long as each folder is waited for, nothing is to be found either.
        roots: if roots.is_empty() {
            config.index_only.clone()
        } else {
            roots
                .into_iter()
                .map(|path| PathBuf::from(text::native(&path)))
                .collect()
        },
        config: Arc::new(config),
        pacer: Arc::new(|| true),
        threads: threads(),
        numbers: Arc::default(),
        met: Arc::default(),
        surprises: Arc::default(),
        progress: Arc::default(),
    })
}

impl Round {
    /// Entries met so far.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.met.load(Ordering::Relaxed)
    }
}
