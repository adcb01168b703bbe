//! The one file that holds the server's private keys, and how it is written.
//!
//! Everything secret stands in a single JSON file, `identity/keys.json`, so that a change of keys is one rename: after a crash the
//! old set is there or the new one, never half of each. Only the owner may read it (mode 0600 from the moment it is created).

use crate::files::write_private;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::PathBuf;
use zeroize::{Zeroize as _, Zeroizing};

/// Name of the file inside the identity folder.
const FILE: &str = "keys.json";
/// Layout of the file that this build writes.
const FORMAT: u32 = 1;

/// A certificate authority: certificate and key.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AuthoritySecret {
    /// Certificate, PEM.
    pub certificate: String,
    /// Key, PKCS #8 PEM.
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

/// The folder with the file.
#[derive(Clone, Debug)]
pub(crate) struct Vault {
    folder: PathBuf,
}

impl Vault {
    /// Makes sure of the folder (mode 0700).
    pub fn open(folder: PathBuf) -> Result<Self, VaultError> {
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
        Ok(Self { folder })
    }

    /// The keys, or `None` at the very first start.
    pub fn load(&self) -> Result<Option<Secrets>, VaultError> {
        let path = self.folder.join(FILE);
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
        let secrets: Secrets =
            serde_json::from_slice(&bytes).map_err(|source| VaultError::Damaged {
                path: path.clone(),
                source,
            })?;
        if secrets.format != FORMAT
            || secrets.authorities.is_empty()
            || secrets.order_keys.is_empty()
        {
            return Err(VaultError::Format {
                path,
                format: secrets.format,
            });
        }
        Ok(Some(secrets))
    }

    /// Replaces the keys in one step.
    pub fn save(&self, secrets: &Secrets) -> Result<(), VaultError> {
        let bytes = Zeroizing::new(serde_json::to_vec_pretty(secrets).map_err(VaultError::Encode)?);
        let path = self.folder.join(FILE);
        write_private(&path, &bytes).map_err(|source| VaultError::Write { path, source })
    }

    /// Layout number for a new file.
    pub const fn format() -> u32 {
        FORMAT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn keys_open_to_others_are_not_used() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path().join("identity")).unwrap();
        assert!(vault.load().unwrap().is_none());
        let path = folder.path().join("identity").join(FILE);
        fs::write(&path, b"{}").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(vault.load(), Err(VaultError::Exposed { .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(vault.load(), Err(VaultError::Damaged { .. })));
    }
}
