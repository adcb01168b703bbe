//! Digests of files: MD5, SHA-1 and SHA-256 (RFC 1321, FIPS 180-4), read as a stream and remembered.
//!
//! The same executables are hashed by one question after the other. [`Hasher`] asks a cache first, whose key is what the
//! file system says of a file's identity and content: device, inode, size, modification and change time. A change of
//! content moves the change time, which no program sets at will. A file that changed within the clock's grain of now
//! may change again without moving it, so it is remembered only for the run at hand.

use crate::framework::{LimitHit, SensorError, Sink};
use md5::Md5;
use sha1::Sha1;
use sha2::digest::DynDigest;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::sync::{LazyLock, Mutex, PoisonError};

/// Key and place of the parameter that names the algorithm.
pub const PARAMETER: &str = "HashAlgorithm";
/// Values of that parameter.
pub const ALGORITHMS: &[&str] = &["MD5", "SHA1", "SHA256"];
/// Values of that parameter for sensors whose main matter is another one.
pub const ALGORITHMS_OR_NONE: &[&str] = &["None", "MD5", "SHA1", "SHA256"];

const CHUNK: usize = 256 << 10;
/// About 2 MB; a machine runs and loads some thousands of distinct files.
const REMEMBERED: usize = 8192;
/// Coarser than the time stamps of any file system met (FAT: 2 s).
#[cfg(unix)]
const GRAIN_SECONDS: i64 = 3;

/// A digest algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Algorithm {
    /// The algorithm that a parameter names, without regard to case; `None` for `None`.
    ///
    /// # Errors
    /// [`SensorError::Parameter`] for any other text.
    pub fn of_parameter(text: &str) -> Result<Option<Self>, SensorError> {
        match text.trim().to_ascii_uppercase().as_str() {
            "MD5" => Ok(Some(Self::Md5)),
            "SHA1" | "SHA-1" => Ok(Some(Self::Sha1)),
            "SHA256" | "SHA-256" => Ok(Some(Self::Sha256)),
            "NONE" => Ok(None),
            _ => Err(SensorError::Parameter {
                key: PARAMETER.into(),
                problem: format!("{text:?} is none of {}", ALGORITHMS.join(", ")),
            }),
        }
    }

    fn start(self) -> Box<dyn DynDigest> {
        match self {
            Self::Md5 => Box::new(Md5::new()),
            Self::Sha1 => Box::new(Sha1::new()),
            Self::Sha256 => Box::new(Sha256::new()),
        }
    }
}

/// Why there is no digest.
#[derive(Debug, thiserror::Error)]
pub enum DigestError {
    /// The run has to stop.
    #[error(transparent)]
    Limit(#[from] LimitHit),
    /// The file could not be read.
    #[error("cannot read the content")]
    Read(#[source] std::io::Error),
}

/// Digest of all that a reader gives, in lower-case hexadecimal digits; stops when the run must.
///
/// # Errors
/// [`DigestError`].
pub fn of_stream(
    algorithm: Algorithm,
    reader: &mut dyn Read,
    sink: &Sink,
) -> Result<String, DigestError> {
    let mut state = algorithm.start();
    let mut buffer = vec![0; CHUNK];
    loop {
        sink.check()?;
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => state.update(buffer.get(..n).unwrap_or_default()),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(DigestError::Read(e)),
        }
    }
    Ok(hex::encode(state.finalize()))
}

/// What tells one state of one file from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    algorithm: Algorithm,
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

static REMEMBER: LazyLock<Mutex<HashMap<Key, String>>> = LazyLock::new(Mutex::default);

/// Hashes files for one run of a sensor.
pub struct Hasher {
    algorithm: Algorithm,
    run: HashMap<Key, String>,
}

impl Hasher {
    /// A hasher for one run.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            run: HashMap::new(),
        }
    }

    /// Digest of a regular file that is open at its start.
    ///
    /// # Errors
    /// [`DigestError`].
    pub fn file(&mut self, file: &mut File, sink: &Sink) -> Result<String, DigestError> {
        let Some((key, settled)) = self.key(file).map_err(DigestError::Read)? else {
            return of_stream(self.algorithm, file, sink);
        };
        if let Some(known) = self.run.get(&key) {
            return Ok(known.clone());
        }
        if let Some(known) = remembered().get(&key) {
            return Ok(known.clone());
        }
        let digest = of_stream(self.algorithm, file, sink)?;
        // Written to meanwhile: true for the moment, but not for this key.
        let unchanged = matches!(self.key(file), Ok(Some((after, _))) if after == key);
        if unchanged {
            self.run.insert(key, digest.clone());
            if settled {
                let mut all = remembered();
                if all.len() >= REMEMBERED {
                    all.clear();
                }
                all.insert(key, digest.clone());
            }
        }
        Ok(digest)
    }

    /// The key, and whether the file's last change lies far enough back for a change to show in it. None for files
    /// without a size: those of `/proc` and `/sys` are made anew at each reading.
    #[cfg(unix)]
    fn key(&self, file: &File) -> std::io::Result<Option<(Key, bool)>> {
        use std::os::unix::fs::MetadataExt;
        let m = file.metadata()?;
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX));
        let key = Key {
            algorithm: self.algorithm,
            device: m.dev(),
            inode: m.ino(),
            size: m.len(),
            modified: (m.mtime(), m.mtime_nsec()),
            changed: (m.ctime(), m.ctime_nsec()),
        };
        let settled = m.ctime().saturating_add(GRAIN_SECONDS) < now;
        Ok((m.len() > 0).then_some((key, settled)))
    }

    #[cfg(not(unix))]
    fn key(&self, _: &File) -> std::io::Result<Option<(Key, bool)>> {
        Ok(None)
    }
}

fn remembered() -> std::sync::MutexGuard<'static, HashMap<Key, String>> {
    // A panic elsewhere leaves whole entries or none.
    REMEMBER.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use question::catalogue::Limits;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn known_digests() {
        // Test suites of RFC 1321 and FIPS 180-4 for "abc".
        let sink = Sink::new(Limits::default(), Arc::default());
        let of = |a| of_stream(a, &mut b"abc".as_slice(), &sink).unwrap();
        assert_eq!(of(Algorithm::Md5), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(
            of(Algorithm::Sha1),
            "a9993e364706816aba3e25717850c26c9cd0d89d"
        );
        assert_eq!(
            of(Algorithm::Sha256),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn an_endless_stream_ends_with_the_run() {
        let cancelled = Arc::new(AtomicBool::new(true));
        let sink = Sink::new(Limits::default(), cancelled);
        let outcome = of_stream(Algorithm::Md5, &mut std::io::repeat(7), &sink);
        assert!(matches!(
            outcome,
            Err(DigestError::Limit(LimitHit::Cancelled))
        ));
    }
}
