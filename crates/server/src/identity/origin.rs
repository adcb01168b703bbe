//! Keys and database belong together: a server refuses keys of another one before it changes anything.
//!
//! The mark that binds them is a digest of the first trust that the keys ever signed. It is the first line of a history that only grows:
//! rotations, a recovery after a theft and backups of any age keep it, and no two servers have the same. The database learns it when
//! keys are first used with it, one of an earlier version at its next start.

use super::FOLDER;
use super::trust::{TrustError, TrustState};
use super::vault::{Secrets, Vault, VaultError};
use crate::store::origin::Origin;
use crate::store::{Store, StoreError};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::path::{Path, PathBuf};

/// Why keys are not used with a database.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    /// They are another server's.
    #[error(
        "the keys in {} do not belong to this database: they are another server's; nothing was changed. Put this server's keys back \
         from a backup, or the database that belongs to these keys",
        .0.display()
    )]
    Foreign(PathBuf),
    /// The store.
    #[error("it cannot be told whether the keys belong to the database")]
    Store(#[source] StoreError),
    /// The key file.
    #[error("the server's keys are not usable")]
    Vault(#[source] VaultError),
    /// What the keys say.
    #[error("the server's keys in {} are not usable", .path.display())]
    Trust {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: TrustError,
    },
}

/// The mark of these keys.
fn mark(secrets: &Secrets) -> [u8; 32] {
    let first = secrets.trust_history.first();
    Sha256::digest(first.map(String::as_bytes).unwrap_or_default()).into()
}

fn compare(vault: &Vault, secrets: &Secrets, known: [u8; 32]) -> Result<(), OriginError> {
    if mark(secrets) == known {
        Ok(())
    } else {
        Err(OriginError::Foreign(vault.file()))
    }
}

/// Refuses keys of another server; changes nothing. Keys that cannot be read are not judged.
pub(super) async fn check<S: Origin + ?Sized>(
    vault: &Vault,
    secrets: &Secrets,
    store: &S,
) -> Result<(), OriginError> {
    match store.keys_origin().await.map_err(OriginError::Store)? {
        Some(known) => compare(vault, secrets, known),
        None => Ok(()),
    }
}

/// The same, and a database that does not know its keys yet learns them.
pub(super) async fn bind(
    vault: &Vault,
    secrets: &Secrets,
    store: &dyn Store,
) -> Result<(), OriginError> {
    if store
        .keys_origin()
        .await
        .map_err(OriginError::Store)?
        .is_some_and(|known| known == mark(secrets))
    {
        return Ok(());
    }
    let known = store
        .learn_keys_origin(mark(secrets))
        .await
        .map_err(OriginError::Store)?;
    compare(vault, secrets, known)
}

/// What a look at the keys of a data folder found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// They can be used.
    Good,
    /// They are encrypted; what is inside was not looked at.
    Sealed,
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Good => "good",
            Self::Sealed => "encrypted, what is inside was not looked at",
        })
    }
}

/// Looks at the keys of a data folder as a start would, and changes nothing. `known` is the mark that its database holds.
///
/// # Errors
/// What the start would say.
pub fn look(data_dir: &Path, known: Option<[u8; 32]>) -> Result<Look, OriginError> {
    let vault = Vault::looking(data_dir.join(FOLDER));
    let held = match vault.load() {
        Ok(Some(held)) => held,
        // That a file is missing is the folder's matter.
        Ok(None) => return Ok(Look::Good),
        Err(VaultError::NoPassphrase { .. }) => return Ok(Look::Sealed),
        Err(error) => return Err(OriginError::Vault(error)),
    };
    if let Some(known) = known {
        compare(&vault, &held.secrets, known)?;
    }
    match TrustState::load(&held.secrets) {
        Ok(_) => Ok(Look::Good),
        Err(source) => Err(OriginError::Trust {
            path: vault.file(),
            source,
        }),
    }
}
