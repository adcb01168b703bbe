//! Who the simulated endpoints are, and the folder that remembers it.
//!
//! `identities.jsonl` begins with a line about the whole (seed, authority) and then has a line for each endpoint that enrolled or got
//! a new certificate; the last line of an endpoint counts. Lines are appended, so a killed simulation loses at most the last one, which
//! is dropped when it is read again. `trust.bin` holds the newest trust. The keys are as secret as any agent's: only the owner may read
//! the files.

use prost::Message;
use protocol::message::{Revoked, Trust};
use protocol::revocation::{Subject, first_valid};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// An endpoint's key, certificate and ordinal.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// PKCS #8.
    pub(crate) key: Box<[u8]>,
    /// DER.
    pub(crate) certificate: Box<[u8]>,
    pub(crate) ordinal: u32,
}

impl Identity {
    /// When to ask for a new certificate: after two thirds of its life, in seconds since 1970.
    pub(crate) fn renew_at(&self) -> Option<i64> {
        let (_, certificate) = x509_parser::parse_x509_certificate(&self.certificate).ok()?;
        let validity = certificate.validity();
        let (from, until) = (
            validity.not_before.timestamp(),
            validity.not_after.timestamp(),
        );
        Some(from + (until - from) / 3 * 2)
    }

    /// The endpoint's identifier, as its certificate names it.
    pub(crate) fn endpoint_id(&self) -> Option<Vec<u8>> {
        let (_, certificate) = x509_parser::parse_x509_certificate(&self.certificate).ok()?;
        let name = certificate.subject().iter_common_name().next()?;
        hex::decode(name.as_str().ok()?).ok()
    }

    /// Whether one of these keys shut this endpoint out.
    pub(crate) fn ends_by(&self, revoked: &Revoked, order_keys: &[Vec<u8>]) -> bool {
        let Some(endpoint) = self.endpoint_id() else {
            return false;
        };
        let subject = Subject {
            order_keys,
            endpoint: &endpoint,
            ordinal: self.ordinal,
            lifted: None,
        };
        first_valid(&revoked.statements, subject).is_ok()
    }
}

/// Why the state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A file or the folder cannot be read or written.
    #[error("cannot {doing} {path}")]
    File {
        /// `open`, `read`, `write` …
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// Another simulation uses the folder.
    #[error("{path} is in use by another simulation: two machines must not show the same identity")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A line is not readable.
    #[error("{path} is damaged in line {line}; remove the folder to let the endpoints enrol anew")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// The trust is not readable.
    #[error("{path} is damaged; remove the folder to let the endpoints enrol anew")]
    DamagedTrust {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: prost::DecodeError,
    },
    /// The folder was made with another seed.
    #[error(
        "{path} was made with seed {held}, not {wanted}: the same endpoints would be other machines"
    )]
    Seed {
        /// The file.
        path: PathBuf,
        /// Seed of the folder.
        held: u64,
        /// Seed of this run.
        wanted: u64,
    },
    /// The folder belongs to another server.
    #[error(
        "the identities in {path} belong to a server with another authority than the enrolment token names; use another folder"
    )]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
}

#[derive(Serialize, Deserialize)]
struct Header {
    seed: u64,
    authority: String,
    /// Where these endpoints connect to; folders of before do not say.
    #[serde(default)]
    servers: Vec<String>,
}

/// Where identities come from, as a token tells it.
pub(crate) struct Origin {
    /// SHA-256 of the authority's certificate.
    pub(crate) authority: [u8; 32],
    pub(crate) servers: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    n: u32,
    ordinal: u32,
    key: String,
    certificate: String,
}

/// The open folder; without one, nothing is kept.
#[derive(Debug)]
pub(crate) struct State(Option<Kept>);

#[derive(Debug)]
struct Kept {
    folder: PathBuf,
    path: PathBuf,
    file: Mutex<File>,
}

/// What a folder holds.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) state: State,
    pub(crate) known: HashMap<u32, Identity>,
    pub(crate) trust: Option<Trust>,
    /// Servers that it was made with.
    pub(crate) servers: Vec<String>,
}

/// For what the system says when something cannot be done with a file.
fn problem(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StateError + use<> {
    let path = path.to_owned();
    move |source| StateError::File {
        doing,
        path,
        source,
    }
}

impl State {
    /// Opens the folder, or begins it. Without an origin only what is there already is opened: `None` where nothing is.
    pub(crate) fn open(
        folder: Option<&Path>,
        seed: u64,
        origin: Option<&Origin>,
    ) -> Result<Option<Opened>, StateError> {
        let Some(folder) = folder else {
            return Ok(origin.map(|origin| Opened {
                state: Self(None),
                known: HashMap::new(),
                trust: None,
                servers: origin.servers.clone(),
            }));
        };
        if origin.is_none() && !folder.join("identities.jsonl").exists() {
            return Ok(None);
        }
        std::fs::create_dir_all(folder).map_err(problem("create", folder))?;
        let path = folder.join("identities.jsonl");
        let mut file = private()
            .read(true)
            .append(true)
            .open(&path)
            .map_err(problem("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(StateError::InUse { path }),
            Err(std::fs::TryLockError::Error(source)) => {
                return Err(problem("lock", &path)(source));
            }
        }
        let trust = read_trust(folder)?;
        let authority = origin.map(|origin| hex::encode(origin.authority));
        let mut servers = Vec::new();
        let mut known = HashMap::new();
        let mut end = 0;
        let mut lines = BufReader::new(&mut file);
        for number in 1.. {
            let mut text = String::new();
            let read = lines.read_line(&mut text).map_err(problem("read", &path))?;
            if !text.ends_with('\n') {
                break; // The end, or a line that a killed run did not finish.
            }
            let damaged = |source| StateError::Damaged {
                path: path.clone(),
                line: number,
                source,
            };
            if number == 1 {
                let header: Header = serde_json::from_str(&text).map_err(damaged)?;
                if header.seed != seed {
                    return Err(StateError::Seed {
                        path,
                        held: header.seed,
                        wanted: seed,
                    });
                }
                let mut trusted = trust.iter().flat_map(|t| &t.authorities);
                if let Some(wanted) = &authority
                    && header.authority != *wanted
                    && !trusted.any(|held| hex::encode(Sha256::digest(held)) == *wanted)
                {
                    return Err(StateError::Foreign {
                        path: folder.to_owned(),
                    });
                }
                servers = header.servers;
            } else {
                let line: Line = serde_json::from_str(&text).map_err(damaged)?;
                if let (Ok(key), Ok(certificate)) =
                    (hex::decode(&line.key), hex::decode(&line.certificate))
                {
                    let identity = Identity {
                        key: key.into(),
                        certificate: certificate.into(),
                        ordinal: line.ordinal,
                    };
                    known.insert(line.n, identity);
                }
            }
            end += read as u64;
        }
        drop(lines);
        file.set_len(end).map_err(problem("shorten", &path))?;
        file.seek(SeekFrom::End(0))
            .map_err(problem("read", &path))?;
        if trust.is_none() {
            known.clear();
        }
        let state = Self(Some(Kept {
            folder: folder.to_owned(),
            path,
            file: Mutex::new(file),
        }));
        if end == 0
            && let Some((origin, authority)) = origin.zip(authority)
        {
            servers.clone_from(&origin.servers);
            state.append(&Header {
                seed,
                authority,
                servers: servers.clone(),
            })?;
        }
        Ok(Some(Opened {
            state,
            known,
            trust,
            servers,
        }))
    }

    /// Remembers the identity of endpoint `n`.
    pub(crate) fn keep(&self, n: u32, identity: &Identity) -> Result<(), StateError> {
        if self.0.is_none() {
            return Ok(());
        }
        self.append(&Line {
            n,
            ordinal: identity.ordinal,
            key: hex::encode(&identity.key),
            certificate: hex::encode(&identity.certificate),
        })
    }

    /// Remembers the newest trust. The file is replaced as a whole.
    pub(crate) fn keep_trust(&self, trust: &Trust) -> Result<(), StateError> {
        let Some(kept) = &self.0 else {
            return Ok(());
        };
        let (path, new) = (
            kept.folder.join("trust.bin"),
            kept.folder.join("trust.bin.new"),
        );
        let mut file = private()
            .write(true)
            .truncate(true)
            .open(&new)
            .map_err(problem("open", &new))?;
        file.write_all(&trust.encode_to_vec())
            .map_err(problem("write", &new))?;
        file.sync_all().map_err(problem("write", &new))?;
        std::fs::rename(&new, &path).map_err(problem("replace", &path))
    }

    fn append(&self, line: &impl Serialize) -> Result<(), StateError> {
        let Some(kept) = &self.0 else {
            return Ok(());
        };
        let problem = |source| StateError::File {
            doing: "write",
            path: kept.path.clone(),
            source,
        };
        let mut text = serde_json::to_vec(line).map_err(|e| problem(e.into()))?;
        text.push(b'\n');
        let mut file = kept
            .file
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        file.write_all(&text).map_err(problem)
    }
}

fn read_trust(folder: &Path) -> Result<Option<Trust>, StateError> {
    let path = folder.join("trust.bin");
    match std::fs::read(&path) {
        Ok(bytes) => Trust::decode(bytes.as_slice())
            .map(Some)
            .map_err(|source| StateError::DamagedTrust { path, source }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StateError::File {
            doing: "read",
            path,
            source,
        }),
    }
}

fn private() -> std::fs::OpenOptions {
    let mut options = File::options();
    options.create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(ordinal: u32) -> Identity {
        Identity {
            key: vec![1, 2].into(),
            certificate: vec![3].into(),
            ordinal,
        }
    }

    fn trust() -> Trust {
        Trust {
            version: 1,
            authorities: vec![b"ca".to_vec()],
            order_keys: vec![vec![7; 32]],
            recovery_keys: Vec::new(),
            servers: vec![],
        }
    }

    fn origin(authority: [u8; 32]) -> Origin {
        Origin {
            authority,
            servers: vec!["here:1".to_owned()],
        }
    }

    #[test]
    fn identities_come_back_but_not_half_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let own = origin([1; 32]);
        let open = || State::open(Some(folder.path()), 7, Some(&own)).map(Option::unwrap);
        let alone = || State::open(Some(folder.path()), 7, None).unwrap();
        assert!(alone().is_none(), "there is nothing yet");
        {
            let found = open().unwrap();
            assert!(found.known.is_empty() && found.trust.is_none());
            found.state.keep_trust(&trust()).unwrap();
            for (n, ordinal) in [(4, 40), (5, 50), (4, 41)] {
                found.state.keep(n, &identity(ordinal)).unwrap();
            }
            assert!(matches!(open(), Err(StateError::InUse { .. })));
        }
        let path = folder.path().join("identities.jsonl");
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"{\"n\":6,\"ord").unwrap();
        {
            let found = open().unwrap();
            assert_eq!(found.trust, Some(trust()));
            assert_eq!(found.known.len(), 2);
            assert_eq!(found.known[&4].ordinal, 41);
            assert_eq!(&*found.known[&5].key, [1, 2]);
            found.state.keep(6, &identity(60)).unwrap();
        }
        assert_eq!(open().unwrap().known.len(), 3);
        let found = alone().expect("it is there");
        assert_eq!((found.known.len(), found.servers), (3, own.servers.clone()));
        drop(found.state);
        let other =
            |seed, authority| State::open(Some(folder.path()), seed, Some(&origin(authority)));
        assert!(matches!(other(8, [1; 32]), Err(StateError::Seed { .. })));
        assert!(matches!(other(7, [2; 32]), Err(StateError::Foreign { .. })));
        let replaced: [u8; 32] = Sha256::digest(b"ca").into();
        assert!(other(7, replaced).is_ok());
    }

    #[test]
    fn folders_of_before_do_not_say_where_they_connect_to() {
        let header: Header = serde_json::from_str("{\"seed\":1,\"authority\":\"\"}").unwrap();
        assert!(header.servers.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_the_keys() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        drop(State::open(Some(folder.path()), 7, Some(&origin([1; 32]))).unwrap());
        let file = std::fs::metadata(folder.path().join("identities.jsonl")).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
    }
}
