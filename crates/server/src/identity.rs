//! Who is who: the server's own keys, the endpoints and their certificates, enrolment tokens.
//!
//! Private keys live in one file ([`vault`]); certificates are made in [`authority`]; what agents believe, and how that is replaced,
//! is in [`trust`]; both ports take their TLS settings from [`tls`]; letting machines in is [`enrol`], and what they hold
//! afterwards [`certificates`]; which one a person means, [`named`]. Endpoints are kept in the
//! store and, because every connection asks for one, in memory as well: a change goes to the store first.

pub(crate) mod authority;
mod away;
mod certificates;
mod enrol;
pub(crate) use certificates::{KeyStanding, Shown};
pub(crate) use enrol::tame;
mod guesses;
mod keep;
mod manage;
mod named;
pub mod offline;
mod origin;
mod rotate;
pub(crate) mod tls;
pub(crate) mod trust;
pub(crate) mod vault;

pub use authority::{CertificateError, ENDPOINT_LIFE};
pub use keep::KeepError;
pub use manage::ManageError;
pub(crate) use manage::{Doubled, REVOKED};
pub use named::NameError;
pub use origin::{Look, OriginError, look};
pub use rotate::RotateError;
pub use tls::TlsError;
pub use trust::TrustError;
pub use vault::VaultError;
pub use vault::seal::{CREDENTIAL, Passphrase, SealError};

use crate::audit::Tally;
use crate::fleet::Fleet;
use crate::model::actor::Actor;
use crate::model::audit::Deed;
use crate::model::clock::Clock;
use crate::model::endpoint::{Endpoint, Standing};
use crate::model::ids::EndpointId;
use crate::store::{Store, StoreError};
use answer::EndpointSet;
use arc_swap::ArcSwap;
use authority::Authority;
use away::Away;
use ed25519_dalek::SigningKey;
use protocol::message::{Order, SignedOrder};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use tls::{ClientCheck, ShownCertificate};
use tokio::sync::watch;
use trust::{Epoch, TrustState};
use vault::{Secrets, Vault};

/// Name of the folder with the keys, inside the data folder.
const FOLDER: &str = "identity";
/// A server certificate with less life left than this is made anew.
const RENEW_SERVER_BEFORE_SECONDS: i64 = 130 * 86_400;

/// Why identity could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The key file.
    #[error("the server's keys are not usable")]
    Vault(#[source] VaultError),
    /// Whose keys they are.
    #[error("the server's keys are not used")]
    Origin(#[source] OriginError),
    /// Changed keys.
    #[error("the server's keys could not be kept")]
    Keep(#[source] KeepError),
    /// A certificate.
    #[error("a certificate could not be made")]
    Certificate(#[source] CertificateError),
    /// Stored trust.
    #[error("the stored trust is not usable")]
    Trust(#[source] TrustError),
    /// TLS.
    #[error("TLS could not be set up")]
    Tls(#[source] TlsError),
    /// The store.
    #[error("the endpoints could not be read from the store")]
    Store(#[source] StoreError),
}

#[derive(Default)]
struct Registry {
    by_ordinal: BTreeMap<u32, Endpoint>,
    ordinals: HashMap<EndpointId, u32>,
    approved: EndpointSet,
    revoked: EndpointSet,
}

impl Registry {
    fn put(&mut self, endpoint: Endpoint) {
        for (set, standing) in [
            (&mut self.approved, Standing::Approved),
            (&mut self.revoked, Standing::Revoked),
        ] {
            if endpoint.standing == standing {
                set.insert(endpoint.ordinal);
            } else {
                set.remove(endpoint.ordinal);
            }
        }
        self.ordinals.insert(endpoint.id, endpoint.ordinal);
        self.by_ordinal.insert(endpoint.ordinal, endpoint);
    }
}

/// How keys and certificates are looked after.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What the server is reached by; stands in its certificate.
    pub names: Vec<String>,
    /// Whether every new endpoint waits for an administrator.
    pub approve_all: bool,
    /// What the keys are encrypted with at rest.
    pub passphrase: Option<Passphrase>,
    /// Where the authority's private key lies while it is not in the data folder, if it is there at all.
    pub authority_key: Option<PathBuf>,
}

/// The server's identity and everyone else's.
pub struct Identity {
    store: Arc<dyn Store>,
    fleet: Arc<Fleet>,
    tally: Arc<Tally>,
    guesses: guesses::Guesses,
    clock: Clock,
    vault: Vault,
    away: Away,
    secrets: tokio::sync::Mutex<Secrets>,
    trust: ArcSwap<TrustState>,
    shown: Arc<ShownCertificate>,
    check: Arc<ClientCheck>,
    registry: RwLock<Registry>,
    members: watch::Sender<u64>,
    servers: RwLock<Vec<String>>,
    approve_all: bool,
}

impl Identity {
    /// Reads the keys, or makes them at the first start, and reads the endpoints.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn open(
        data_dir: &Path,
        settings: Settings,
        store: Arc<dyn Store>,
        fleet: Arc<Fleet>,
        tally: Arc<Tally>,
        clock: Clock,
    ) -> Result<Arc<Self>, IdentityError> {
        let Settings {
            names,
            passphrase,
            authority_key,
            ..
        } = &settings;
        let vault =
            Vault::open(data_dir.join(FOLDER), passphrase.clone()).map_err(IdentityError::Vault)?;
        repair(&vault, store.as_ref()).await?;
        let away = Away::new(authority_key.clone());
        let now = clock.seconds();
        let secrets = match vault.load().map_err(IdentityError::Vault)? {
            None => {
                let secrets = make_secrets(names, now)?;
                let deed = Deed::new(Actor::Server, "trust.create", "keys");
                keep::keep(&vault, store.as_ref(), &secrets, deed)
                    .await
                    .map_err(IdentityError::Keep)?;
                // A crash before this: the next start finds keys, and the database learns them then.
                origin::bind(&vault, &secrets, store.as_ref())
                    .await
                    .map_err(IdentityError::Origin)?;
                secrets
            }
            Some(held) => {
                origin::bind(&vault, &held.secrets, store.as_ref())
                    .await
                    .map_err(IdentityError::Origin)?;
                let mut secrets = held.secrets;
                let renewed = renew_server(&mut secrets, names, &away, now)?;
                let mut deed = None;
                if vault.seals() && !held.sealed {
                    deed = Some(Deed::new(Actor::Server, "trust.encrypt", "keys"));
                }
                if renewed {
                    let detail = serde_json::json!({"names": names});
                    let own = "the server's certificate";
                    deed = Some(Deed::new(Actor::Server, "trust.certificate", own).with(detail));
                }
                if let Some(deed) = deed {
                    keep::keep(&vault, store.as_ref(), &secrets, deed)
                        .await
                        .map_err(IdentityError::Keep)?;
                }
                secrets
            }
        };
        let trust = TrustState::load(&secrets).map_err(IdentityError::Trust)?;
        let showing = trust
            .showing()
            .ok_or(IdentityError::Trust(TrustError::Empty))?;
        let shown = ShownCertificate::new(&secrets.server, &showing.certificate)
            .map_err(IdentityError::Tls)?;
        let check = ClientCheck::new(&trust.certificates()).map_err(IdentityError::Tls)?;
        let mut registry = Registry::default();
        for endpoint in store.endpoints().await.map_err(IdentityError::Store)? {
            registry.put(endpoint);
        }
        Ok(Arc::new(Self {
            store,
            fleet,
            tally,
            guesses: guesses::Guesses::default(),
            clock,
            vault,
            away,
            secrets: tokio::sync::Mutex::new(secrets),
            trust: ArcSwap::from_pointee(trust),
            shown: Arc::new(shown),
            check: Arc::new(check),
            registry: RwLock::new(registry),
            members: watch::Sender::new(0),
            servers: RwLock::new(Vec::new()),
            approve_all: settings.approve_all,
        }))
    }

    fn registry(&self) -> std::sync::RwLockReadGuard<'_, Registry> {
        self.registry.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes an endpoint in memory, after the store has it. Tells whom it concerns when the approved set changed.
    fn amend(&self, ordinal: u32, change: impl FnOnce(&mut Endpoint)) {
        let mut registry = self
            .registry
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(mut endpoint) = registry.by_ordinal.get(&ordinal).cloned() else {
            return;
        };
        let before = endpoint.standing;
        change(&mut endpoint);
        let after = endpoint.standing;
        registry.put(endpoint);
        drop(registry);
        if before != after {
            self.members.send_modify(|n| *n += 1);
        }
    }

    fn admit(&self, endpoint: Endpoint) {
        self.registry
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .put(endpoint);
        self.members.send_modify(|n| *n += 1);
    }

    /// All endpoints, by ordinal.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.registry().by_ordinal.values().cloned().collect()
    }

    /// One endpoint.
    #[must_use]
    pub fn endpoint(&self, id: EndpointId) -> Option<Endpoint> {
        let registry = self.registry();
        let ordinal = registry.ordinals.get(&id)?;
        registry.by_ordinal.get(ordinal).cloned()
    }

    /// The endpoint with this ordinal.
    #[must_use]
    pub fn by_ordinal(&self, ordinal: u32) -> Option<Endpoint> {
        self.registry().by_ordinal.get(&ordinal).cloned()
    }

    /// Endpoints that may work.
    #[must_use]
    pub fn approved(&self) -> EndpointSet {
        self.registry().approved.clone()
    }

    /// Endpoints that may never work again.
    #[must_use]
    pub fn revoked(&self) -> EndpointSet {
        self.registry().revoked.clone()
    }

    /// Changes whenever an endpoint is added, approved or revoked.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.members.subscribe()
    }

    /// The authorities' certificates, PEM, one after the other.
    #[must_use]
    pub fn authority_pem(&self) -> String {
        self.trust
            .load()
            .authorities()
            .iter()
            .map(|a| a.pem.as_str())
            .collect()
    }

    /// Version of the trust and the authorities in it, oldest first: fingerprint and certificate, PEM.
    #[must_use]
    pub fn authorities(&self) -> (u64, Vec<([u8; 32], String)>) {
        let trust = self.trust.load();
        let authorities = trust.authorities().iter();
        let told = authorities.map(|a| (a.fingerprint(), a.pem.clone()));
        (trust.bundle.version, told.collect())
    }

    /// TLS settings of the HTTPS port. They follow every later change of the certificate.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn https(&self) -> Result<Arc<rustls::ServerConfig>, TlsError> {
        tls::https(Arc::clone(&self.shown)).map(Arc::new)
    }

    pub(crate) fn agent_channel(&self) -> Result<Arc<rustls::ServerConfig>, TlsError> {
        tls::agent_channel(Arc::clone(&self.shown), Arc::clone(&self.check)).map(Arc::new)
    }

    /// Says under which addresses (`host:port`) agents reach the server; new enrolment tokens carry them.
    pub(crate) fn set_servers(&self, servers: Vec<String>) {
        *self.servers.write().unwrap_or_else(PoisonError::into_inner) = servers;
    }

    /// Signs an order with the newest key.
    pub(crate) fn sign(&self, order: Order) -> Option<SignedOrder> {
        let trust = self.trust.load();
        trust.signing().map(|key| protocol::order::sign(order, key))
    }

    /// Whether agents still accept what this key signed.
    pub(crate) fn key_is_current(&self, key: &[u8]) -> bool {
        self.trust.load().public_keys().iter().any(|k| k == key)
    }

    /// Whether this key ever was one of this server's, by the signed history of its trust.
    pub(crate) fn key_was_ours(&self, key: &[u8]) -> bool {
        self.trust.load().knew(key)
    }

    /// Changes with the set of order keys.
    pub(crate) fn trust_version(&self) -> u64 {
        self.trust.load().bundle.version
    }
}

/// Ends a change of keys that a crash left half done, unless the keys are another server's.
async fn repair(vault: &Vault, store: &dyn Store) -> Result<(), IdentityError> {
    let staged = vault.staged().map_err(IdentityError::Vault)?;
    if staged.is_some()
        && let Some(held) = vault.load().map_err(IdentityError::Vault)?
    {
        origin::check(vault, &held.secrets, store)
            .await
            .map_err(IdentityError::Origin)?;
    }
    keep::repair(vault, store)
        .await
        .map_err(IdentityError::Keep)
}

/// Makes the server's certificate anew where it is old, for other names, or of an authority that is shown no more. Says whether it did.
fn renew_server(
    secrets: &mut Secrets,
    names: &[String],
    away: &Away,
    now: i64,
) -> Result<bool, IdentityError> {
    let trust = TrustState::load(secrets).map_err(IdentityError::Trust)?;
    let showing = trust
        .showing()
        .ok_or(IdentityError::Trust(TrustError::Empty))?;
    let held = &secrets.server;
    let foreign = held.issuer != hex::encode(showing.fingerprint());
    let stale = held.not_after - now < RENEW_SERVER_BEFORE_SECONDS || held.names != names;
    if !foreign && !stale {
        return Ok(false);
    }
    match away.with(showing, |authority| authority.issue_server(names, now)) {
        Ok(server) => {
            secrets.server = server;
            Ok(true)
        }
        Err(CertificateError::Away) if !foreign && held.not_after > now => {
            tracing::warn!(until = %jiff::Timestamp::from_second(held.not_after).unwrap_or_default(), "the server's certificate should be made anew, and the authority's key is not at hand; the old one is shown");
            Ok(false)
        }
        Err(error) => Err(IdentityError::Certificate(error)),
    }
}

pub(crate) fn make_secrets(names: &[String], now: i64) -> Result<Secrets, IdentityError> {
    let authority = Authority::create(now).map_err(IdentityError::Certificate)?;
    let server = Authority::load(&authority)
        .and_then(|a| a.issue_server(names, now))
        .map_err(IdentityError::Certificate)?;
    let key: SigningKey = trust::seed().map_err(IdentityError::Certificate)?;
    let mut secrets = Secrets {
        format: Vault::format(),
        trust_version: 0,
        authorities: vec![authority],
        order_keys: vec![hex::encode(key.to_bytes())],
        recovery_keys: Vec::new(),
        server,
        trust_history: Vec::new(),
    };
    trust::sign_next(&mut secrets, &key, Epoch::Same).map_err(IdentityError::Trust)?;
    Ok(secrets)
}

/// A server's certificate for this name and the authority that issued it, for tests that need a TLS server.
#[cfg(test)]
pub(crate) fn test_certificate(name: &str) -> (tokio_rustls::TlsAcceptor, String) {
    let now = jiff::Timestamp::now().as_second();
    let secret = Authority::create(now).expect("an authority");
    let authority = Authority::load(&secret).expect("it reads back");
    let server = authority
        .issue_server(&[name.to_owned()], now)
        .expect("a certificate");
    let shown = ShownCertificate::new(&server, &authority.certificate).expect("it is usable");
    let config = tls::https(Arc::new(shown)).expect("settings");
    (Arc::new(config).into(), authority.pem.clone())
}
