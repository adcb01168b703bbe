//! Passwords: argon2id, computed off the async threads, a few at a time.
//!
//! Each hash takes some 20 MiB and tens of milliseconds on purpose; without a bound on how many run, a flood of
//! sign-ins would take the server's memory. What does not get a turn is refused as busy, not queued for ever.
//! Parameters travel in the PHC string, so they can be raised later. <https://www.rfc-editor.org/rfc/rfc9106>

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use std::sync::Arc;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// Hashes that run at once.
const AT_ONCE: usize = 2;
/// Hashes that may run or wait.
const WAITING: usize = 32;
/// Shortest password a person may choose.
pub const SHORTEST: usize = 12;
/// Longest, in bytes; argon2 would take more, and nobody types it.
pub const LONGEST: usize = 1024;

/// Why a password could not be hashed or compared.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many at once.
    #[error("too many sign-ins at once; try again in a moment")]
    Busy,
    /// The stored string or the parameters are unusable.
    #[error("the password hash cannot be computed: {0}")]
    Hash(String),
    /// The worker died.
    #[error("the password worker stopped")]
    Worker(#[source] tokio::task::JoinError),
}

/// Hashes and compares passwords.
#[derive(Clone)]
pub struct Passwords {
    argon: Argon2<'static>,
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
    decoy: Arc<str>,
}

impl Passwords {
    /// Takes the recommended parameters: 19 MiB, two passes, one lane.
    pub fn new() -> Result<Self, PasswordError> {
        let params =
            Params::new(19 * 1024, 2, 1, None).map_err(|e| PasswordError::Hash(e.to_string()))?;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let decoy = hash(&argon, "no user has this password")?;
        Ok(Self {
            argon,
            admitted: Arc::new(Semaphore::new(WAITING)),
            running: Arc::new(Semaphore::new(AT_ONCE)),
            decoy: decoy.into(),
        })
    }

    /// The PHC string of a password.
    pub async fn hash(&self, password: Zeroizing<String>) -> Result<String, PasswordError> {
        let argon = self.argon.clone();
        self.off_thread(move || hash(&argon, &password)).await
    }

    /// Whether the password is the one of this PHC string. Without a string (no such user) it takes as long and says no.
    pub async fn verify(
        &self,
        password: Zeroizing<String>,
        stored: Option<String>,
    ) -> Result<bool, PasswordError> {
        let argon = self.argon.clone();
        let decoy = Arc::clone(&self.decoy);
        self.off_thread(move || {
            let known = stored.is_some();
            let against = stored.as_deref().unwrap_or(&decoy);
            match argon.verify_password(password.as_bytes(), against) {
                Ok(()) => Ok(known),
                Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
                Err(other) => Err(PasswordError::Hash(other.to_string())),
            }
        })
        .await
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let _admitted = self
            .admitted
            .try_acquire()
            .map_err(|_| PasswordError::Busy)?;
        let turn = Arc::clone(&self.running)
            .acquire_owned()
            .await
            .map_err(|_| PasswordError::Busy)?;
        tokio::task::spawn_blocking(move || {
            // Held by the work, not by the caller, who may go away meanwhile.
            let _turn = turn;
            work()
        })
        .await
        .map_err(PasswordError::Worker)?
    }
}

fn hash(argon: &Argon2<'_>, password: &str) -> Result<String, PasswordError> {
    let hashed: argon2::password_hash::phc::PasswordHash = argon
        .hash_password(password.as_bytes())
        .map_err(|e| PasswordError::Hash(e.to_string()))?;
    Ok(hashed.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_verifies_against_its_own_hash_only() {
        let passwords = Passwords::new().expect("parameters are fine");
        let text = |s: &str| Zeroizing::new(s.to_owned());
        let stored = passwords.hash(text("correct horse")).await.expect("hashed");
        assert!(
            stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{stored}"
        );
        for (password, against, expected) in [
            ("correct horse", Some(stored.clone()), true),
            ("correct house", Some(stored), false),
            ("no user has this password", None, false),
        ] {
            let got = passwords
                .verify(text(password), against)
                .await
                .expect("compared");
            assert_eq!(got, expected, "{password}");
        }
    }
}
