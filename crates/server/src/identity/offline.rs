//! What is done with the keys on the machine of a stopped server: encrypting them, keeping the authority's key elsewhere, and recovery.
//!
//! Each is one change of the keys with its entry in the audit log ([`super::keep`]). The store is open meanwhile, so no server runs.
//!
//! **Recovery.** A recovery key is an Ed25519 key whose private half is written to a file once and kept off line. Agents pin its public
//! half with their trust. After a theft it signs a trust with a new authority and a new order key, which agents accept in place of
//! everything the thief could sign; the stolen order keys count no more from then on. See `docs/keys.md`.

use super::authority::{Authority, CertificateError};
use super::keep::{KeepError, keep, repair};
use super::origin::{self, OriginError};
use super::trust::{Epoch, TrustError, seed, sign_next};
use super::vault::seal::Passphrase;
use super::vault::{Secrets, Vault, VaultError};
use crate::files;
use crate::model::actor::Actor;
use crate::model::audit::Deed;
use crate::model::clock::Clock;
use crate::store::sqlite::{FILE_NAME, SqliteStore};
use crate::store::{Accounts as _, StoreError};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use serde_json::json;
use std::io;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Why a change of a stopped server's keys was not made.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// No server was here.
    #[error("{} holds no server: no database and keys are there", .0.display())]
    NoServer(PathBuf),
    /// The store.
    #[error("the store cannot be used")]
    Store(#[source] StoreError),
    /// The keys.
    #[error("the server's keys are not usable")]
    Vault(#[source] VaultError),
    /// Whose keys they are.
    #[error("the server's keys are not used")]
    Origin(#[source] OriginError),
    /// Keeping them.
    #[error("the change was not made")]
    Keep(#[source] KeepError),
    /// A certificate or key.
    #[error("a certificate or key could not be made or read")]
    Certificate(#[source] CertificateError),
    /// Trust.
    #[error("the new trust is not usable")]
    Trust(#[source] TrustError),
    /// A file that must not be there.
    #[error("{} exists already; name a new file", .0.display())]
    Exists(PathBuf),
    /// A file.
    #[error("cannot read or write {}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// System's error.
        #[source]
        source: io::Error,
    },
    /// Two authorities.
    #[error("a replacement of the authority is under way; drop the old one first")]
    UnderWay,
    /// The authority's key is elsewhere already.
    #[error("the authority's key is not here: it was taken out before")]
    Away,
    /// The authority's key is here already.
    #[error("the authority's key is here already")]
    Here,
    /// A file with another key.
    #[error("{} does not hold the private key that belongs here", .0.display())]
    OtherKey(PathBuf),
    /// A recovery key exists.
    #[error("agents hold a recovery key already; only that key can replace it (--old)")]
    NeedsOld,
    /// There is none.
    #[error("no recovery key was ever made for this server: its agents would not believe one")]
    NoRecoveryKey,
}

/// A stopped server's keys.
pub struct Offline {
    vault: Vault,
    store: SqliteStore,
    secrets: Secrets,
    clock: Clock,
}

fn deed(action: &'static str, object: &str) -> Deed {
    Deed::new(Actor::Server, action, object).with(json!({"on": "the machine"}))
}

/// Writes a private key to a file that is not there yet.
fn write_key(path: &Path, text: &str) -> Result<(), OfflineError> {
    if path.exists() {
        return Err(OfflineError::Exists(path.to_owned()));
    }
    files::write_private(path, text.as_bytes()).map_err(|source| OfflineError::File {
        path: path.to_owned(),
        source,
    })
}

fn read_key(path: &Path) -> Result<Zeroizing<String>, OfflineError> {
    std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|source| OfflineError::File {
            path: path.to_owned(),
            source,
        })
}

fn read_recovery_key(path: &Path, secrets: &Secrets) -> Result<SigningKey, OfflineError> {
    if secrets.recovery_keys.is_empty() {
        return Err(OfflineError::NoRecoveryKey);
    }
    let other = || OfflineError::OtherKey(path.to_owned());
    let key = SigningKey::from_pkcs8_pem(&read_key(path)?).map_err(|_| other())?;
    let public = hex::encode(key.verifying_key().to_bytes());
    if secrets.recovery_keys.contains(&public) {
        Ok(key)
    } else {
        Err(other())
    }
}

impl Offline {
    /// Opens the data folder of a stopped server.
    ///
    /// # Errors
    /// [`OfflineError`]; a running server is the store's to say.
    pub async fn open(
        folder: &Path,
        passphrase: Option<Passphrase>,
        clock: Clock,
    ) -> Result<Self, OfflineError> {
        if !folder.join(FILE_NAME).is_file() {
            return Err(OfflineError::NoServer(folder.to_owned()));
        }
        let store = SqliteStore::open(folder, clock.clone()).map_err(OfflineError::Store)?;
        let folder_of_keys = folder.join(super::FOLDER);
        let vault = Vault::open(folder_of_keys, passphrase).map_err(OfflineError::Vault)?;
        if let Some(held) = vault.load().map_err(OfflineError::Vault)? {
            origin::check(&vault, &held.secrets, &store)
                .await
                .map_err(OfflineError::Origin)?;
        }
        repair(&vault, &store).await.map_err(OfflineError::Keep)?;
        let held = vault
            .load()
            .map_err(OfflineError::Vault)?
            .ok_or_else(|| OfflineError::NoServer(folder.to_owned()))?;
        Ok(Self {
            vault,
            store,
            secrets: held.secrets,
            clock,
        })
    }

    async fn keep(&mut self, next: Secrets, deed: Deed) -> Result<(), OfflineError> {
        keep(&self.vault, &self.store, &next, deed)
            .await
            .map_err(OfflineError::Keep)?;
        self.secrets = next;
        Ok(())
    }

    /// Encrypts the keys with this passphrase from now on, or with none.
    ///
    /// # Errors
    /// [`OfflineError`]; nothing has changed then.
    pub async fn set_passphrase(&mut self, new: Option<Passphrase>) -> Result<(), OfflineError> {
        let action = if new.is_some() {
            "trust.encrypt"
        } else {
            "trust.decrypt"
        };
        self.vault = self.vault.clone().with_passphrase(new);
        self.keep(self.secrets.clone(), deed(action, "keys")).await
    }

    /// Moves the authority's private key to a file, which then is the only place it is in.
    ///
    /// # Errors
    /// [`OfflineError`].
    pub async fn take_authority_key(&mut self, to: &Path) -> Result<(), OfflineError> {
        let mut next = self.secrets.clone();
        let [authority] = next.authorities.as_mut_slice() else {
            return Err(OfflineError::UnderWay);
        };
        if authority.key.is_empty() {
            return Err(OfflineError::Away);
        }
        let key = Zeroizing::new(std::mem::take(&mut authority.key));
        // First there, then no more here: a crash between leaves two, and the command can be given again with another file.
        write_key(to, &key)?;
        self.keep(next, deed("trust.authority-key-out", "authority"))
            .await
    }

    /// Puts the authority's private key back.
    ///
    /// # Errors
    /// [`OfflineError`].
    pub async fn put_authority_key(&mut self, from: &Path) -> Result<(), OfflineError> {
        let mut next = self.secrets.clone();
        let away = next.authorities.iter_mut().find(|a| a.key.is_empty());
        let authority = away.ok_or(OfflineError::Here)?;
        let text = read_key(from)?;
        let loaded = Authority::load(authority).map_err(OfflineError::Certificate)?;
        if loaded.with_key(&text).is_none() {
            return Err(OfflineError::OtherKey(from.to_owned()));
        }
        authority.key = text.to_string();
        self.keep(next, deed("trust.authority-key-in", "authority"))
            .await
    }

    /// Makes a recovery key: the private half goes to the file, the public one to the agents with their next trust. The key of
    /// before, if there is one, has to say that it is replaced.
    ///
    /// # Errors
    /// [`OfflineError`].
    pub async fn make_recovery_key(
        &mut self,
        to: &Path,
        old: Option<&Path>,
    ) -> Result<(), OfflineError> {
        let mut next = self.secrets.clone();
        let (signer, epoch) = match old {
            Some(old) => (read_recovery_key(old, &self.secrets)?, Epoch::Next),
            None if !next.recovery_keys.is_empty() => return Err(OfflineError::NeedsOld),
            None => {
                let keys = super::trust::order_keys(&next).map_err(OfflineError::Trust)?;
                let newest = keys.into_iter().next_back();
                let newest = newest.ok_or(OfflineError::Trust(TrustError::Empty))?;
                (newest, Epoch::Same)
            }
        };
        let key = seed().map_err(OfflineError::Certificate)?;
        let public = hex::encode(key.verifying_key().to_bytes());
        let text = key
            .to_pkcs8_pem(ed25519_dalek::pkcs8::spki::der::pem::LineEnding::LF)
            .map_err(|_| OfflineError::OtherKey(to.to_owned()))?;
        next.recovery_keys = vec![public.clone()];
        sign_next(&mut next, &signer, epoch).map_err(OfflineError::Trust)?;
        write_key(to, &text)?;
        self.keep(next, deed("trust.recovery-key", &public)).await
    }

    /// After a theft: a new authority and a new order key, told to agents under the recovery key's signature. The stolen order keys count
    /// no more; the old authority stays beside the new one until it is dropped, so that agents can connect and hear of this. All
    /// sessions, API tokens and enrolment tokens end.
    ///
    /// # Errors
    /// [`OfflineError`].
    pub async fn recover(&mut self, key: &Path) -> Result<(), OfflineError> {
        let signer = read_recovery_key(key, &self.secrets)?;
        let mut next = self.secrets.clone();
        let now = self.clock.seconds();
        // Of several authorities the first is the one that every agent knows.
        next.authorities.truncate(1);
        next.authorities
            .push(Authority::create(now).map_err(OfflineError::Certificate)?);
        let order = seed().map_err(OfflineError::Certificate)?;
        next.order_keys = vec![hex::encode(order.to_bytes())];
        let names = next.server.names.clone();
        if let Some(first) = next.authorities.first() {
            let first = Authority::load(first).map_err(OfflineError::Certificate)?;
            // The TLS key was stolen too. Where the old authority's key is away, the certificate has to be made when it is there.
            if first.can_issue() {
                next.server = first
                    .issue_server(&names, now)
                    .map_err(OfflineError::Certificate)?;
            }
        }
        sign_next(&mut next, &signer, Epoch::Next).map_err(OfflineError::Trust)?;
        let version = next.trust_version;
        let recovered = deed("trust.recover", "authority and order key")
            .with(json!({"on": "the machine", "version": version}));
        self.keep(next, recovered).await?;
        let ended = Deed::new(Actor::Server, "access.end-all", "")
            .with(json!({"reason": "recovery after a theft"}));
        self.store
            .end_all_access(self.clock.now(), ended)
            .await
            .map_err(OfflineError::Store)
    }
}
