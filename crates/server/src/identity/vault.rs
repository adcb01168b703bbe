//! The one file that holds the server's private keys, and how it is written.
//!
//! Everything secret stands in a single JSON file, `identity/keys.json`, so that a change of keys is one rename: after a crash the
//! old set is there or the new one, never half of each. Only the owner may read it (mode 0600 from the moment it is created), and under
//! a passphrase it is encrypted ([`seal`]).
//!
//! A change has two steps, because it is entered into the audit log between them (see [`super::keep`]): the new set is staged in a file
//! beside the old one, under the name of the change, and then takes its place.

pub mod seal;

use crate::files::{self, write_private};
use seal::{Passphrase, SealError, Sealed};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::PathBuf;
use zeroize::{Zeroize as _, Zeroizing};

/// Name of the file inside the identity folder.
const FILE: &str = "keys.json";
/// Name of the file with the set that is to take its place.
const NEXT: &str = "keys.next.json";
/// Layout of the file that this build writes.
const FORMAT: u32 = 2;
/// The layout before keys could be encrypted: the secrets alone.
const PLAIN_FORMAT: u32 = 1;

/// A certificate authority: certificate and key.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AuthoritySecret {
    /// Certificate, PEM.
    pub certificate: String,
    /// Key, PKCS #8 PEM; empty while it is kept elsewhere.
    pub key: String,
}

/// The certificate that both ports show.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ServerSecret {
    /// Names it was made for.
    pub names: Vec<String>,
    /// Certificate, PEM.
    pub certificate: String,
    /// Key, PKCS #8 PEM.
    pub key: String,
    /// End of its life, seconds since 1970.
    pub not_after: i64,
    /// Hex SHA-256 of the authority that issued it.
    pub issuer: String,
}

/// All that the file holds.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Secrets {
    /// Layout.
    pub format: u32,
    /// Version of the trust that agents are told.
    pub trust_version: u64,
    /// Oldest first. The last issues endpoint certificates, the first the server's own, so that every agent that has not
    /// yet heard of a new authority can still connect.
    pub authorities: Vec<AuthoritySecret>,
    /// Ed25519 seeds in hex, oldest first; the last signs.
    pub order_keys: Vec<String>,
    /// Public recovery keys in hex. Their private halves are not here: that is their point.
    #[serde(default)]
    pub recovery_keys: Vec<String>,
    /// The server's certificate.
    pub server: ServerSecret,
    /// Every signed trust bundle since the first, base64, in order of version: an agent that was away for several changes
    /// takes them one after the other, each signed by a key it holds by then.
    pub trust_history: Vec<String>,
}

impl Drop for AuthoritySecret {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl Drop for ServerSecret {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        self.order_keys.zeroize();
    }
}

/// The file's outer form. What is encrypted is the JSON of the secrets.
#[derive(Serialize, Deserialize)]
struct Envelope {
    format: u32,
    /// Name of the change that wrote it.
    #[serde(default)]
    change: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secrets: Option<Secrets>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<Sealed>,
}

/// Only what tells the layouts apart.
#[derive(Deserialize)]
struct Layout {
    format: u32,
}

/// Why the keys could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The folder could not be made.
    #[error("cannot create the folder {path}")]
    Folder {
        /// Where.
        path: PathBuf,
        /// System's error.
        #[source]
        source: io::Error,
    },
    /// Reading failed.
    #[error("cannot read the server's keys from {path}")]
    Read {
        /// Where.
        path: PathBuf,
        /// System's error.
        #[source]
        source: io::Error,
    },
    /// The file is open to others.
    #[error("the server's keys in {path} can be read by other users (mode {mode:o}); make it 0600")]
    Exposed {
        /// Where.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is damaged.
    #[error("the server's keys in {path} are damaged; restore the file from a backup")]
    Damaged {
        /// Where.
        path: PathBuf,
        /// Decoder's error.
        #[source]
        source: serde_json::Error,
    },
    /// Written by a newer build.
    #[error("the server's keys in {path} have layout {format}, which this build does not know")]
    Format {
        /// Where.
        path: PathBuf,
        /// Found.
        format: u32,
    },
    /// Encrypted, and no passphrase was given.
    #[error(
        "the server's keys in {path} are encrypted; give the file with their passphrase (--key-passphrase, or the credential {} of the unit)",
        seal::CREDENTIAL
    )]
    NoPassphrase {
        /// Where.
        path: PathBuf,
    },
    /// The passphrase.
    #[error("the server's keys in {path} cannot be opened")]
    Sealed {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: SealError,
    },
    /// Encrypting failed.
    #[error("cannot encrypt the server's keys")]
    Seal(#[source] SealError),
    /// Writing failed.
    #[error("cannot write the server's keys to {path}")]
    Write {
        /// Where.
        path: PathBuf,
        /// System's error.
        #[source]
        source: io::Error,
    },
    /// Encoding failed.
    #[error("cannot encode the server's keys")]
    Encode(#[source] serde_json::Error),
}

/// Keys as they were read.
pub(crate) struct Held {
    /// The keys.
    pub secrets: Secrets,
    /// Whether the file is encrypted.
    pub sealed: bool,
}

/// The folder with the file.
#[derive(Clone, Debug)]
pub(crate) struct Vault {
    folder: PathBuf,
    passphrase: Option<Passphrase>,
}

impl Vault {
    /// Makes sure of the folder (mode 0700). With a passphrase, what is written is encrypted.
    pub fn open(folder: PathBuf, passphrase: Option<Passphrase>) -> Result<Self, VaultError> {
        let failed = |source| VaultError::Folder {
            path: folder.clone(),
            source,
        };
        fs::create_dir_all(&folder).map_err(failed)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).map_err(failed)?;
        }
        Ok(Self { folder, passphrase })
    }

    /// Looks at what is there and changes nothing.
    pub fn looking(folder: PathBuf) -> Self {
        Self {
            folder,
            passphrase: None,
        }
    }

    /// The file with the keys.
    pub fn file(&self) -> PathBuf {
        self.path(FILE)
    }

    /// The same folder under another passphrase.
    pub fn with_passphrase(self, passphrase: Option<Passphrase>) -> Self {
        Self { passphrase, ..self }
    }

    /// Whether what is written is encrypted.
    pub fn seals(&self) -> bool {
        self.passphrase.is_some()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        let path = self.path(name);
        let failed = |source| VaultError::Read {
            path: path.clone(),
            source,
        };
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed(source)),
        };
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                return Err(VaultError::Exposed { path, mode });
            }
        }
        let mut bytes = Zeroizing::new(Vec::new());
        file.read_to_end(&mut bytes).map_err(failed)?;
        Ok(Some(bytes))
    }

    /// The keys, or `None` at the very first start.
    pub fn load(&self) -> Result<Option<Held>, VaultError> {
        let Some(bytes) = self.read(FILE)? else {
            return Ok(None);
        };
        let path = || self.path(FILE);
        let damaged = |source| VaultError::Damaged {
            path: path(),
            source,
        };
        let layout: Layout = serde_json::from_slice(&bytes).map_err(damaged)?;
        let unknown = |format| VaultError::Format {
            path: path(),
            format,
        };
        let (secrets, sealed) = match layout.format {
            PLAIN_FORMAT => (serde_json::from_slice(&bytes).map_err(damaged)?, false),
            FORMAT => {
                let envelope: Envelope = serde_json::from_slice(&bytes).map_err(damaged)?;
                match (envelope.secrets, envelope.sealed) {
                    (Some(secrets), None) => (secrets, false),
                    (None, Some(sealed)) => (self.unseal(&sealed)?, true),
                    _ => return Err(unknown(FORMAT)),
                }
            }
            format => return Err(unknown(format)),
        };
        let secrets: Secrets = secrets;
        if secrets.authorities.is_empty() || secrets.order_keys.is_empty() {
            return Err(unknown(layout.format));
        }
        Ok(Some(Held { secrets, sealed }))
    }

    fn unseal(&self, sealed: &Sealed) -> Result<Secrets, VaultError> {
        let path = || self.path(FILE);
        let Some(passphrase) = &self.passphrase else {
            return Err(VaultError::NoPassphrase { path: path() });
        };
        let text = sealed
            .open(passphrase)
            .map_err(|source| VaultError::Sealed {
                path: path(),
                source,
            })?;
        serde_json::from_slice(&text).map_err(|source| VaultError::Damaged {
            path: path(),
            source,
        })
    }

    /// Writes keys that are to take the place of the old ones, under the name of the change.
    pub fn stage(&self, secrets: &Secrets, change: &str) -> Result<(), VaultError> {
        let (secrets, sealed) = match &self.passphrase {
            None => (Some(secrets.clone()), None),
            Some(passphrase) => {
                let text = Zeroizing::new(serde_json::to_vec(secrets).map_err(VaultError::Encode)?);
                let sealed = Sealed::seal(&text, passphrase).map_err(VaultError::Seal)?;
                (None, Some(sealed))
            }
        };
        let envelope = Envelope {
            format: FORMAT,
            change: change.to_owned(),
            secrets,
            sealed,
        };
        let bytes =
            Zeroizing::new(serde_json::to_vec_pretty(&envelope).map_err(VaultError::Encode)?);
        let path = self.path(NEXT);
        write_private(&path, &bytes).map_err(|source| VaultError::Write { path, source })
    }

    /// The name of the change whose keys are staged, if any are.
    pub fn staged(&self) -> Result<Option<String>, VaultError> {
        let Some(bytes) = self.read(NEXT)? else {
            return Ok(None);
        };
        let envelope: Envelope =
            serde_json::from_slice(&bytes).map_err(|source| VaultError::Damaged {
                path: self.path(NEXT),
                source,
            })?;
        Ok(Some(envelope.change))
    }

    /// Staged keys take the place of the old ones.
    pub fn commit(&self) -> Result<(), VaultError> {
        let path = self.path(FILE);
        fs::rename(self.path(NEXT), &path)
            .and_then(|()| files::flush_folder(&self.folder))
            .map_err(|source| VaultError::Write { path, source })
    }

    /// Staged keys are forgotten.
    pub fn abandon(&self) -> Result<(), VaultError> {
        let path = self.path(NEXT);
        files::remove(&path)
            .and_then(|()| files::flush_folder(&self.folder))
            .map_err(|source| VaultError::Write { path, source })
    }

    /// Layout number for new secrets.
    pub const fn format() -> u32 {
        PLAIN_FORMAT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        crate::identity::make_secrets(&[], 0).unwrap()
    }

    fn passphrase(text: &str) -> Option<Passphrase> {
        Some(Passphrase::new(text).unwrap())
    }

    fn bytes(folder: &tempfile::TempDir) -> String {
        fs::read_to_string(folder.path().join("identity").join(FILE)).unwrap()
    }

    #[test]
    #[cfg(unix)]
    fn keys_open_to_others_are_not_used() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path().join("identity"), None).unwrap();
        assert!(vault.load().unwrap().is_none());
        let path = folder.path().join("identity").join(FILE);
        fs::write(&path, b"{}").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(vault.load(), Err(VaultError::Exposed { .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(vault.load(), Err(VaultError::Damaged { .. })));
    }

    #[test]
    fn staged_keys_count_once_they_took_their_place() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path().join("identity"), None).unwrap();
        let mut keys = secrets();
        vault.stage(&keys, "one").unwrap();
        assert_eq!(vault.staged().unwrap().as_deref(), Some("one"));
        assert!(vault.load().unwrap().is_none());
        vault.commit().unwrap();
        assert_eq!(vault.staged().unwrap(), None);
        keys.trust_version = 77;
        vault.stage(&keys, "two").unwrap();
        vault.abandon().unwrap();
        assert_eq!(vault.load().unwrap().unwrap().secrets.trust_version, 1);
    }

    #[test]
    fn keys_under_a_passphrase_are_not_readable_without_it() {
        let folder = tempfile::tempdir().unwrap();
        let keys = secrets();
        let vault = Vault::open(folder.path().join("identity"), None).unwrap();
        // A file of before there was encryption.
        let old = serde_json::to_vec_pretty(&keys).unwrap();
        write_private(&vault.path(FILE), &old).unwrap();
        let held = vault.load().unwrap().unwrap();
        assert!(!held.sealed);

        let vault = vault.with_passphrase(passphrase("correct horse"));
        assert!(
            !vault.load().unwrap().unwrap().sealed,
            "it is read as it is"
        );
        vault.stage(&keys, "seal").unwrap();
        vault.commit().unwrap();
        assert!(vault.load().unwrap().unwrap().sealed);
        let text = bytes(&folder);
        for secret in [&keys.order_keys[0], "PRIVATE KEY", "trust_history"] {
            assert!(!text.contains(secret), "{secret} can be read");
        }
        let none = vault.clone().with_passphrase(None);
        assert!(matches!(none.load(), Err(VaultError::NoPassphrase { .. })));
        let wrong = vault.with_passphrase(passphrase("another horse"));
        assert!(matches!(wrong.load(), Err(VaultError::Sealed { .. })));
    }
}
