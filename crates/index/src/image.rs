//! Indexing the image of a disk: its volumes into the same database as a living machine's, to be asked the same ways.
//!
//! [`volumes`] reads the image, so neither mounting nor rights are needed and nothing on it changes. Each file system it
//! reads is a volume of the database: at `/` when it is the only one, else at `/volume-N`, where N is its place among
//! the partitions of the disk. First comes the inventory of all volumes ([`mod@inventory`]), then the content of files
//! ([`hashes`]), all through the one engine that writes. What is damaged is a state or a number in the [`Report`] and
//! never the end.
//!
//! What such a database has and a living machine's has not: named streams of NTFS as entries `name:stream` with
//! [`flag::STREAM`](crate::entry::flag::STREAM), NTFS file references as inodes, modes that are the type alone where the
//! file system has none, and the fact `image`. Deleted files are counted, not listed. Extended attributes are not read.

mod hashes;
mod inventory;
mod names;

use crate::engine::{Engine, EngineError, Teller};
use crate::round::Round;
use crate::stop::Stop;
use crate::store::{self, Pacer, StoreError, doing};
use crate::text;
use question::chain;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use volumes::{FileSystem, Image, Volume};

/// Failure to index an image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The file is no image that can be read.
    #[error("cannot read the image {}", .path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: volumes::OpenError,
    },
    /// The file itself.
    #[error("cannot look at the image {}", .path.display())]
    Look {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No volume of it can be read.
    #[error("the image {} holds no file system that can be indexed: {found}", .path.display())]
    Nothing {
        /// Which.
        path: PathBuf,
        /// What it holds.
        found: String,
    },
    /// The database holds something else.
    #[error("the database {} is of {holds}; give another file for this image", .database.display())]
    Other {
        /// Which database.
        database: PathBuf,
        /// What it holds.
        holds: String,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The thread that writes it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A thread for hashing could not be started.
    #[error("cannot start a thread for hashing")]
    Thread(#[source] std::io::Error),
    /// Told to stop; the same command goes on.
    #[error("indexing the image was stopped before its end; the same command goes on with it")]
    Stopped,
}

/// What an image holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Format of the container.
    pub container: String,
    /// Volumes in the database.
    pub volumes: Vec<Indexed>,
    /// Volumes that could not be read.
    pub left_out: Vec<LeftOut>,
    /// Parts of the container that are damaged, by its own checksums.
    #[serde(default)]
    pub damage: Vec<String>,
}

impl Report {
    /// Whether there is a volume of which something, or all, was not read. Swap space holds no files.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        let swap = volumes::FileSystemKind::Swap.name();
        let unread = |v: &Indexed| v.failed.is_some() || v.entries == 0;
        !self.damage.is_empty()
            || self.left_out.iter().any(|l| l.kind != swap)
            || self.volumes.iter().any(unread)
    }
}

/// A volume in the database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Indexed {
    /// Where its root is in the database.
    pub point: String,
    /// Its file system.
    pub kind: String,
    /// Its first byte on the disk.
    pub offset: u64,
    /// Its length.
    pub bytes: u64,
    /// Names in the database: each hard link is one, and each named stream.
    pub entries: u64,
    /// Of these, named streams.
    pub streams: u64,
    /// Of these, names whose directory is lost; they stand below `$OrphanFiles`.
    pub orphans: u64,
    /// Deleted files that can still be seen. They are not in the database.
    pub deleted: u64,
    /// Records, blocks or directories that are damaged: what they held is missing, wholly or in part.
    pub damaged: u64,
    /// Why the volume could not be read to its end.
    pub failed: Option<String>,
}

/// A volume that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Its first byte on the disk.
    pub offset: u64,
    /// Its length.
    pub bytes: u64,
    /// What it seems to be.
    pub kind: String,
    /// Why it is left out.
    pub why: String,
}

/// A volume to index, open.
struct Source {
    /// Where its root is in the database; empty for `/`, so that paths of the volume can be put behind it.
    prefix: Vec<u8>,
    volume: Volume,
    system: Box<dyn FileSystem>,
}

impl Source {
    fn point(&self) -> Vec<u8> {
        if self.prefix.is_empty() {
            b"/".to_vec()
        } else {
            self.prefix.clone()
        }
    }
}

/// Indexes an image with a round's configuration, pace and database; its folders to index mean nothing here. An image
/// whose inventory is in the database already is only hashed as far as it is not yet. `shown` is called between
/// inventory and hashes.
///
/// # Errors
/// [`ImageError`].
pub fn index(
    round: &Round,
    path: &Path,
    configuration: String,
    hashes: bool,
    shown: impl FnOnce(&Report),
) -> Result<Report, ImageError> {
    let image = volumes::open(path).map_err(|source| ImageError::Open {
        path: path.to_owned(),
        source,
    })?;
    let (sources, left_out) = sources(&image);
    if sources.is_empty() {
        let found: Vec<String> = left_out
            .iter()
            .map(|l| format!("{} at byte {} ({})", l.kind, l.offset, l.why))
            .collect();
        return Err(ImageError::Nothing {
            path: path.to_owned(),
            found: found.join(", "),
        });
    }
    let identity = Identity::of(path)?;
    let (connection, before) = open(&round.database, &identity)?;
    let engine = Engine::start(connection, &round.database)?;
    let teller = engine.teller();
    let fresh = Report {
        container: image.container().to_owned(),
        volumes: Vec::new(),
        left_out,
        damage: Vec::new(),
    };
    let work = || {
        let report = match before {
            Some(report) => report,
            None => {
                let report = inventory(round, &identity, sources, fresh, &teller)?;
                keep(report.clone(), configuration, &round.pacer, &teller)?;
                names::keep(&round.database, self::sources(&image).0, &teller)?;
                report
            }
        };
        shown(&report);
        if hashes && !round.config.hashes.is_none() {
            hashes::pass(round, &image, &teller)?;
            let pacer = Arc::clone(&round.pacer);
            teller.call(move |writer| store::make_digest_indexes(writer.connection(), &pacer))?;
        }
        let mut report = report;
        report.damage.extend(image.damage());
        report.damage.sort();
        report.damage.dedup();
        let text = serde_json::to_string(&report).unwrap_or_default();
        teller.call(move |writer| store::set_fact(writer.connection(), "image_report", text))?;
        Ok(report)
    };
    let outcome = work();
    drop(teller);
    // A failed engine stopped the rest: its reason is the one to tell.
    engine.finish()?;
    outcome
}

impl From<Stop> for ImageError {
    fn from(_: Stop) -> Self {
        Self::Stopped
    }
}

/// Every volume that can be read, and those that cannot.
fn sources(image: &Image) -> (Vec<Source>, Vec<LeftOut>) {
    let mut open = Vec::new();
    let mut left_out = Vec::new();
    for (number, volume) in (1..).zip(image.volumes()) {
        match image.file_system(&volume) {
            Ok(system) => open.push(Source {
                prefix: format!("/volume-{number}").into_bytes(),
                volume,
                system,
            }),
            Err(error) => left_out.push(LeftOut {
                offset: volume.offset,
                bytes: volume.len,
                kind: volume.kind.name().to_owned(),
                why: chain(&error),
            }),
        }
    }
    if let [only] = open.as_mut_slice() {
        only.prefix.clear();
    }
    (open, left_out)
}

/// By what an image is known again.
struct Identity {
    path: String,
    stamp: String,
}

impl Identity {
    fn of(path: &Path) -> Result<Self, ImageError> {
        let failed = |source| ImageError::Look {
            path: path.to_owned(),
            source,
        };
        let metadata = std::fs::metadata(path).map_err(failed)?;
        let modified = metadata
            .modified()
            .ok()
            .and_then(|t| jiff::Timestamp::try_from(t).ok())
            .map(|t| t.to_string())
            .unwrap_or_default();
        let path = std::fs::canonicalize(path).map_err(failed)?;
        Ok(Self {
            path: text::readable(&text::from_native(path.as_os_str())).into_owned(),
            stamp: format!("{} {modified}", metadata.len()),
        })
    }
}

/// Opens the database for this image, with the report of an inventory that it has already. What an inventory left that
/// did not come to its end is removed.
fn open(database: &Path, identity: &Identity) -> Result<(Connection, Option<Report>), ImageError> {
    let connection = store::open(database)?;
    let holds = match store::image(&connection)? {
        None => {
            let volumes: i64 = connection
                .query_row("SELECT count(*) FROM volume", [], |row| row.get(0))
                .map_err(doing("read what is indexed"))?;
            (volumes > 0).then(|| "a machine's file systems".to_owned())
        }
        Some(path) if path != identity.path => Some(format!("the image {path}")),
        Some(path) => {
            let stamp: Option<String> = store::fact(&connection, "image_stamp")?;
            (stamp.as_deref() != Some(&identity.stamp))
                .then(|| format!("the image {path} as it was before it changed"))
        }
    };
    if let Some(holds) = holds {
        return Err(ImageError::Other {
            database: database.to_owned(),
            holds,
        });
    }
    if store::inventoried(&connection)? {
        let report: Option<String> = store::fact(&connection, "image_report")?;
        let report = report.and_then(|text| serde_json::from_str(&text).ok());
        return Ok((connection, Some(report.unwrap_or_default())));
    }
    if store::image(&connection)?.is_some() {
        drop(connection);
        store::delete(database)?;
        return Ok((store::open(database)?, None));
    }
    Ok((connection, None))
}

/// The inventory of all volumes.
fn inventory(
    round: &Round,
    identity: &Identity,
    sources: Vec<Source>,
    mut report: Report,
    teller: &Teller,
) -> Result<Report, ImageError> {
    let (path, stamp) = (identity.path.clone(), identity.stamp.clone());
    teller.call(move |writer| {
        store::set_fact(writer.connection(), "image", path)?;
        store::set_fact(writer.connection(), "image_stamp", stamp)
    })?;
    for source in sources {
        let (point, kind) = (source.point(), source.system.kind());
        let device = format!("{}@{}", identity.path, source.volume.offset).into_bytes();
        let number = teller.call(move |writer| writer.volume(&point, kind, &device))?;
        report
            .volumes
            .push(inventory::volume(round, source, number, teller)?);
    }
    Ok(report)
}

/// Ends the inventory: it counts from now on.
fn keep(report: Report, configuration: String, pacer: &Pacer, teller: &Teller) -> Result<(), Stop> {
    let pacer = Arc::clone(pacer);
    teller.call(move |writer| {
        let connection = writer.connection();
        store::make_indexes(connection, &pacer)?;
        let text = serde_json::to_string(&report).unwrap_or_default();
        store::set_fact(connection, "image_report", text)?;
        store::set_fact(connection, "configuration", configuration)?;
        store::set_fact(connection, "tool", env!("CARGO_PKG_VERSION"))?;
        store::set_fact(
            connection,
            "inventoried",
            jiff::Timestamp::now().as_second(),
        )
    })
}

/// Whether a rule of the configuration names this path of the database, or what follows the volume's point in it.
fn either(rule: impl Fn(&[u8]) -> bool, prefix: &[u8], path: &[u8]) -> bool {
    rule(path)
        || !prefix.is_empty()
            && path
                .strip_prefix(prefix)
                .is_some_and(|within| !within.is_empty() && rule(within))
}
