//! A change of keys and its entry in the audit log are one: neither is there without the other, wherever the process is killed.
//!
//! The keys lie in a file and the log in the database, so one transaction cannot hold both. The new keys are staged under a random
//! name; the entry carries the name; then the staged keys take their place. At the start, staged keys whose name is in the log take their
//! place, and those whose name is not are forgotten.

use super::vault::{Secrets, Vault, VaultError};
use crate::model::audit::Deed;
use crate::store::audit::AuditQuery;
use crate::store::{Store, StoreError};
use serde_json::Value;

/// How every action begins that changes keys; the start looks for staged changes among these.
pub(crate) const ACTIONS: &str = "trust.";
/// Where an entry has the name of its change.
const NAME: &str = "change";
/// Entries read at a time.
const PAGE: u32 = 200;

/// Why keys were not kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// No random bytes.
    #[error("the system gave no random bytes")]
    Random(#[source] getrandom::Error),
    /// The key file.
    #[error("the new keys could not be kept")]
    Vault(#[source] VaultError),
    /// The audit log.
    #[error("the change could not be entered into the audit log")]
    Store(#[source] StoreError),
    /// Entered, but not in place yet.
    #[error(
        "the change is in the audit log, but the new keys are not in place: restart the server, which puts them there"
    )]
    Unfinished(#[source] VaultError),
}

/// Keeps new keys together with their entry. The deed's action begins with [`ACTIONS`].
///
/// # Errors
/// [`KeepError`]; but for [`KeepError::Unfinished`], nothing has changed then.
pub(super) async fn keep(
    vault: &Vault,
    store: &dyn Store,
    next: &Secrets,
    mut deed: Deed,
) -> Result<(), KeepError> {
    debug_assert!(deed.action.starts_with(ACTIONS));
    let mut name = [0_u8; 16];
    getrandom::fill(&mut name).map_err(KeepError::Random)?;
    let name = hex::encode(name);
    if let Some(fields) = deed.detail.as_object_mut() {
        fields.insert(NAME.into(), name.clone().into());
    } else {
        deed.detail = serde_json::json!({ NAME: name });
    }
    vault.stage(next, &name).map_err(KeepError::Vault)?;
    if let Err(error) = store.note(deed).await {
        // What failed may have been the reply alone: then the change stands.
        match is_noted(store, &name).await {
            Ok(true) => {}
            Ok(false) => {
                vault.abandon().map_err(KeepError::Vault)?;
                return Err(KeepError::Store(error));
            }
            // The next start decides.
            Err(_) => return Err(KeepError::Store(error)),
        }
    }
    vault.commit().map_err(KeepError::Unfinished)
}

/// Ends a change that a crash left half done.
///
/// # Errors
/// [`KeepError`].
pub(super) async fn repair(vault: &Vault, store: &dyn Store) -> Result<(), KeepError> {
    let Some(name) = vault.staged().map_err(KeepError::Vault)? else {
        return Ok(());
    };
    if is_noted(store, &name).await.map_err(KeepError::Store)? {
        tracing::warn!(
            change = name,
            "a change of keys was under way when the server ended; it is completed"
        );
        vault.commit().map_err(KeepError::Unfinished)
    } else {
        tracing::warn!(
            change = name,
            "a change of keys was under way when the server ended; it is not in the audit log and is undone"
        );
        vault.abandon().map_err(KeepError::Vault)
    }
}

/// Whether the log has an entry of this change.
async fn is_noted(store: &dyn Store, name: &str) -> Result<bool, StoreError> {
    let mut before = None;
    loop {
        let query = AuditQuery {
            before,
            action: Some(ACTIONS.into()),
            limit: PAGE,
            ..AuditQuery::default()
        };
        let entries = store.audit_entries(query).await?;
        for entry in &entries {
            let detail: Option<Value> = serde_json::from_str(&entry.detail).ok();
            if detail.is_some_and(|d| d.get(NAME).and_then(Value::as_str) == Some(name)) {
                return Ok(true);
            }
        }
        match entries.last() {
            Some(last) => before = Some(last.number),
            None => return Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::actor::Actor;
    use crate::model::clock::Clock;
    use crate::store::sqlite::SqliteStore;

    struct World {
        vault: Vault,
        store: SqliteStore,
        _folder: tempfile::TempDir,
    }

    fn world() -> World {
        let folder = tempfile::tempdir().unwrap();
        World {
            vault: Vault::open(folder.path().join("identity"), None).unwrap(),
            store: SqliteStore::open(folder.path(), Clock::system()).unwrap(),
            _folder: folder,
        }
    }

    fn keys(version: u64) -> Secrets {
        let mut keys = crate::identity::make_secrets(&[], 0).unwrap();
        keys.trust_version = version;
        keys
    }

    fn deed() -> Deed {
        Deed::new(Actor::Server, "trust.rotate", "order-key")
    }

    impl World {
        fn version(&self) -> Option<u64> {
            let held = self.vault.load().unwrap();
            held.map(|h| h.secrets.trust_version)
        }

        async fn entries(&self) -> usize {
            let query = AuditQuery {
                limit: 1000,
                ..AuditQuery::default()
            };
            let store: &dyn Store = &self.store;
            store.audit_entries(query).await.unwrap().len()
        }
    }

    #[tokio::test]
    async fn keys_and_entry_are_kept_together() {
        let world = world();
        keep(&world.vault, &world.store, &keys(5), deed())
            .await
            .unwrap();
        assert_eq!((world.version(), world.entries().await), (Some(5), 1));
        repair(&world.vault, &world.store).await.unwrap();
        assert_eq!((world.version(), world.entries().await), (Some(5), 1));
    }

    #[tokio::test]
    async fn a_crash_before_the_entry_undoes_the_change_and_one_after_it_completes_it() {
        let world = world();
        keep(&world.vault, &world.store, &keys(5), deed())
            .await
            .unwrap();
        world.vault.stage(&keys(6), "a name").unwrap();
        repair(&world.vault, &world.store).await.unwrap();
        assert_eq!((world.version(), world.entries().await), (Some(5), 1));
        assert_eq!(world.vault.staged().unwrap(), None);

        world.vault.stage(&keys(6), "a name").unwrap();
        let noted = deed().with(serde_json::json!({"change": "a name"}));
        let store: &dyn Store = &world.store;
        store.note(noted).await.unwrap();
        // Far back in the log, and among others of its kind.
        for _ in 0..PAGE + 1 {
            store.note(deed()).await.unwrap();
        }
        repair(&world.vault, &world.store).await.unwrap();
        assert_eq!(world.version(), Some(6));
        assert_eq!(world.vault.staged().unwrap(), None);
    }
}
