//! Keys at rest under a passphrase: argon2id makes a key of it, AES-256-GCM encrypts with that key and notices every change.
//!
//! Each writing takes a new salt and with it a new key, so that no nonce is ever used twice with one. Algorithms and parameters stand
//! beside the text, are bound to it, and may be raised later. <https://www.rfc-editor.org/rfc/rfc9106>

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Memory of argon2id in KiB, passes, lanes: the second recommended option of RFC 9106, in one lane.
const MEMORY: u32 = 64 << 10;
const PASSES: u32 = 3;
const LANES: u32 = 1;
/// More than this a stored text may not ask for.
const MOST_MEMORY: u32 = 1 << 20;
const MOST_PASSES: u32 = 64;
/// Shortest passphrase, in characters.
const SHORTEST: usize = 12;
/// Name of the systemd credential that holds the passphrase.
pub const CREDENTIAL: &str = "cordon-keys";

/// Why a passphrase is not usable, or does not open what it should.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The file.
    #[error("cannot read the passphrase from {}", .path.display())]
    Read {
        /// Where.
        path: PathBuf,
        /// System's error.
        #[source]
        source: std::io::Error,
    },
    /// The file is open to others.
    #[error("the passphrase in {} can be read by other users (mode {mode:o}); make it 0600", .path.display())]
    Exposed {
        /// Where.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Too short.
    #[error("a passphrase has at least {SHORTEST} characters")]
    Short,
    /// Wrong passphrase, or changed text.
    #[error("the passphrase is not the one the keys were encrypted with, or the file was changed")]
    Wrong,
    /// A text that no version of this program writes.
    #[error("the encrypted keys have a form that this build does not know")]
    Form,
    /// No random bytes.
    #[error("the system gave no random bytes")]
    Random(#[source] getrandom::Error),
    /// Argon2.
    #[error("no key can be made of the passphrase: {0}")]
    Derive(String),
    /// AES.
    #[error("the keys cannot be encrypted")]
    Encrypt,
}

/// A passphrase that keys are encrypted with.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase")
    }
}

impl Passphrase {
    /// Takes a text.
    ///
    /// # Errors
    /// [`SealError::Short`].
    pub fn new(text: &str) -> Result<Self, SealError> {
        if text.chars().count() < SHORTEST {
            return Err(SealError::Short);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// Reads the first line of a file that nobody else may read.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn read(path: &Path) -> Result<Self, SealError> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let held = std::fs::metadata(path).map_err(|source| SealError::Read {
                path: path.to_owned(),
                source,
            })?;
            let mode = held.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                let path = path.to_owned();
                return Err(SealError::Exposed { path, mode });
            }
        }
        Self::first_line(path)
    }

    fn first_line(path: &Path) -> Result<Self, SealError> {
        let text = std::fs::read_to_string(path).map_err(|source| SealError::Read {
            path: path.to_owned(),
            source,
        })?;
        let text = Zeroizing::new(text);
        Self::new(text.lines().next().unwrap_or_default())
    }

    /// The passphrase that systemd hands to this unit (`LoadCredential=cordon-keys:…`), if it does.
    ///
    /// # Errors
    /// [`SealError`] when there is one that cannot be used.
    pub fn from_credential() -> Result<Option<Self>, SealError> {
        let Some(folder) = std::env::var_os("CREDENTIALS_DIRECTORY") else {
            return Ok(None);
        };
        let path = Path::new(&folder).join(CREDENTIAL);
        if !path.exists() {
            return Ok(None);
        }
        // Its folder is the unit's own. An access list there shows as bits of the group: they are not looked at.
        Self::first_line(&path).map(Some)
    }
}

/// An encrypted text with all that is needed to open it, but the passphrase.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Sealed {
    kdf: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    cipher: String,
    nonce: String,
    text: String,
}

const KDF: &str = "argon2id";
const CIPHER: &str = "aes-256-gcm";

impl Sealed {
    /// What stands beside the text and must not be changed.
    fn bound(&self) -> String {
        format!(
            "cordon keys 2 {} {} {} {} {} {}",
            self.kdf, self.memory_kib, self.passes, self.lanes, self.salt, self.cipher
        )
    }

    fn key(&self, passphrase: &Passphrase) -> Result<RandomizedNonceKey, SealError> {
        let fits = self.kdf == KDF
            && self.cipher == CIPHER
            && self.memory_kib <= MOST_MEMORY
            && self.passes <= MOST_PASSES;
        if !fits {
            return Err(SealError::Form);
        }
        let salt = BASE64.decode(&self.salt).map_err(|_| SealError::Form)?;
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32))
            .map_err(|e| SealError::Derive(e.to_string()))?;
        let mut key = Zeroizing::new([0_u8; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.0.as_bytes(), &salt, key.as_mut())
            .map_err(|e| SealError::Derive(e.to_string()))?;
        RandomizedNonceKey::new(&AES_256_GCM, key.as_ref()).map_err(|_| SealError::Encrypt)
    }

    /// Encrypts.
    pub fn seal(text: &[u8], passphrase: &Passphrase) -> Result<Self, SealError> {
        let mut salt = [0_u8; 16];
        getrandom::fill(&mut salt).map_err(SealError::Random)?;
        let mut sealed = Self {
            kdf: KDF.into(),
            memory_kib: MEMORY,
            passes: PASSES,
            lanes: LANES,
            salt: BASE64.encode(salt),
            cipher: CIPHER.into(),
            nonce: String::new(),
            text: String::new(),
        };
        let key = sealed.key(passphrase)?;
        let mut bytes = Zeroizing::new(text.to_vec());
        let nonce = key
            .seal_in_place_append_tag(Aad::from(sealed.bound()), &mut *bytes)
            .map_err(|_| SealError::Encrypt)?;
        sealed.nonce = BASE64.encode(nonce.as_ref());
        sealed.text = BASE64.encode(bytes.as_slice());
        Ok(sealed)
    }

    /// Decrypts.
    pub fn open(&self, passphrase: &Passphrase) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let mut bytes = Zeroizing::new(BASE64.decode(&self.text).map_err(|_| SealError::Form)?);
        let nonce = BASE64.decode(&self.nonce).map_err(|_| SealError::Form)?;
        let nonce: [u8; 12] = nonce.try_into().map_err(|_| SealError::Form)?;
        let length = self
            .key(passphrase)?
            .open_in_place(Nonce::from(&nonce), Aad::from(self.bound()), &mut bytes)
            .map_err(|_| SealError::Wrong)?
            .len();
        bytes.truncate(length);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_with_its_passphrase_only_and_unchanged_only() {
        let right = passphrase("correct horse battery");
        let sealed = Sealed::seal(b"secret keys", &right).unwrap();
        assert_eq!(sealed.open(&right).unwrap().as_slice(), b"secret keys");
        let wrong = passphrase("correct horse bakery");
        assert!(matches!(sealed.open(&wrong), Err(SealError::Wrong)));
        let mut changed = sealed.clone();
        let mut text = BASE64.decode(&sealed.text).unwrap();
        text[0] ^= 1;
        changed.text = BASE64.encode(text);
        assert!(matches!(changed.open(&right), Err(SealError::Wrong)));
        let mut cheaper = sealed.clone();
        cheaper.passes = 1;
        assert!(matches!(cheaper.open(&right), Err(SealError::Wrong)));
        let mut greedy = sealed.clone();
        greedy.memory_kib = u32::MAX;
        assert!(matches!(greedy.open(&right), Err(SealError::Form)));
        let again = Sealed::seal(b"secret keys", &right).unwrap();
        assert!(again.salt != sealed.salt && again.text != sealed.text);
    }

    #[test]
    #[cfg(unix)]
    fn a_passphrase_comes_from_a_file_that_nobody_else_reads() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        let write = |text: &str, mode: u32| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        write("a long passphrase\nanother line", 0o600);
        assert_eq!(*Passphrase::read(&path).unwrap().0, "a long passphrase");
        write("short", 0o600);
        assert!(matches!(Passphrase::read(&path), Err(SealError::Short)));
        write("a long passphrase", 0o640);
        assert!(matches!(
            Passphrase::read(&path),
            Err(SealError::Exposed { mode: 0o640, .. })
        ));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(
            Passphrase::read(&path),
            Err(SealError::Read { .. })
        ));
    }
}
