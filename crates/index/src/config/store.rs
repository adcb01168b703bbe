//! The configuration on disk: the file in force, and every version that ever was.
//!
//! In the folder of the Index, `config.ini` is in force and `config-history/N.ini` holds the versions, numbered from 1.
//! An upgrade replaces programs and never these. A version is written to the history first and then put in force, each
//! by writing a file beside it, forcing it to the disk and renaming it: whenever the power fails, the old file or the
//! new one is there, whole. Installing the same file again changes nothing. A `config.ini` edited in place is taken into
//! the history before it is replaced.

use super::{Config, LARGEST, Warning, is_sample};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Versions that are kept; older ones go.
pub const KEPT: usize = 100;

/// Why a configuration could not be installed or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file to install or the one in force cannot be read.
    #[error("cannot read the configuration {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The folder or a file in it cannot be written.
    #[error("cannot write the configuration {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is larger than any configuration.
    #[error("{} is larger than a configuration can be ({LARGEST} bytes)", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// The file is the shipped sample.
    #[error("{} is the sample: set its values and remove its first line", path.display())]
    Sample {
        /// Which.
        path: PathBuf,
    },
}

/// What is in force.
#[derive(Debug, Clone)]
pub enum Current {
    /// There is no `config.ini`: the status is `Missing Config File`.
    Missing,
    /// `config.ini` is the sample, which counts as missing.
    Sample,
    /// A configuration, and what is wrong in it.
    Config(Box<Config>, Vec<Warning>),
}

/// What installing did.
#[derive(Debug, Clone)]
pub struct Installed {
    /// Number of the version in force.
    pub version: u64,
    /// Whether another version was in force before.
    pub changed: bool,
    /// What is wrong in it.
    pub warnings: Vec<Warning>,
}

/// A version in the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// From 1, in the order of installing.
    pub number: u64,
    /// Where it is.
    pub path: PathBuf,
}

/// The configuration files in the folder of the Index.
#[derive(Debug, Clone)]
pub struct ConfigStore {
    folder: PathBuf,
}

impl ConfigStore {
    /// In this folder; nothing is read or made yet.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Where the configuration in force is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.join("config.ini")
    }

    fn history_folder(&self) -> PathBuf {
        self.folder.join("config-history")
    }

    /// Puts a file in force and keeps it as a version. Safe to repeat.
    ///
    /// # Errors
    /// When the file cannot be read, is the sample or far too large, or when the folder cannot be written.
    pub fn install(&self, file: &Path) -> Result<Installed, StoreError> {
        let bytes = read(file)?;
        if is_sample(&bytes) {
            return Err(StoreError::Sample {
                path: file.to_owned(),
            });
        }
        let (_, warnings) = Config::read(&bytes);
        let history = self.history_folder();
        fs::create_dir_all(&history).map_err(|source| StoreError::Write {
            path: history.clone(),
            source,
        })?;
        let before = self.bytes()?;
        if let Some(before) = before
            .as_deref()
            .filter(|before| *before != bytes && !is_sample(before))
        {
            self.keep(before)?;
        }
        let version = self.keep(&bytes)?;
        let changed = before.as_deref() != Some(&bytes[..]);
        if changed {
            replace(&self.path(), &bytes)?;
        }
        self.prune()?;
        Ok(Installed {
            version,
            changed,
            warnings,
        })
    }

    /// What is in force now.
    ///
    /// # Errors
    /// When `config.ini` is there and cannot be read.
    pub fn current(&self) -> Result<Current, StoreError> {
        Ok(match self.bytes()? {
            None => Current::Missing,
            Some(bytes) if is_sample(&bytes) => Current::Sample,
            Some(bytes) => {
                let (config, warnings) = Config::read(&bytes);
                Current::Config(Box::new(config), warnings)
            }
        })
    }

    /// The versions, oldest first.
    ///
    /// # Errors
    /// When the history is there and cannot be listed.
    pub fn history(&self) -> Result<Vec<Version>, StoreError> {
        let folder = self.history_folder();
        let failed = |source| StoreError::Read {
            path: folder.clone(),
            source,
        };
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut versions = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            let number = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .and_then(|stem| stem.parse().ok());
            if let (Some(number), Some("ini")) =
                (number, path.extension().and_then(|end| end.to_str()))
            {
                versions.push(Version { number, path });
            }
        }
        versions.sort_by_key(|version| version.number);
        Ok(versions)
    }

    fn bytes(&self) -> Result<Option<Vec<u8>>, StoreError> {
        match read(&self.path()) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StoreError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The number of this version in the history: that of the newest one when it is the same, else a new one.
    fn keep(&self, bytes: &[u8]) -> Result<u64, StoreError> {
        let newest = self.history()?.pop();
        if let Some(newest) = &newest
            && read(&newest.path)? == bytes
        {
            return Ok(newest.number);
        }
        let number = newest.map_or(0, |version| version.number).saturating_add(1);
        replace(&self.history_folder().join(format!("{number}.ini")), bytes)?;
        Ok(number)
    }

    fn prune(&self) -> Result<(), StoreError> {
        let versions = self.history()?;
        for old in versions.iter().take(versions.len().saturating_sub(KEPT)) {
            fs::remove_file(&old.path).map_err(|source| StoreError::Write {
                path: old.path.clone(),
                source,
            })?;
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<u8>, StoreError> {
    let failed = |source| StoreError::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(LARGEST as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() > LARGEST {
        return Err(StoreError::TooLarge {
            path: path.to_owned(),
        });
    }
    Ok(bytes)
}

/// Writes a file so that at every moment the old or the new one is there.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let failed = |source| StoreError::Write {
        path: path.to_owned(),
        source,
    };
    let beside = path.with_extension("ini.new");
    let mut file = File::create(&beside).map_err(failed)?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    drop(file);
    fs::rename(&beside, path).map_err(failed)?;
    if cfg!(unix)
        && let Some(folder) = path.parent()
    {
        // The rename itself must reach the disk as well.
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)?;
    }
    Ok(())
}
