//! The one way in which content changes: one after the other, on a copy, kept before it is seen.

use super::{ContentError, Library};
use crate::model::actor::Actor;
use crate::model::audit::Deed;
use crate::store::content::{ContentChange, KeptContent};
use ::content::change::{State, Who, files_of};
use ::content::digest::Digest;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Who wants something, and why.
#[derive(Clone, Debug)]
pub struct Why {
    /// Who.
    pub actor: Actor,
    /// Why, in their words; may be empty.
    pub why: String,
}

/// What a piece of work gives.
pub(super) struct Done<T> {
    /// For the caller.
    pub gives: T,
    /// For the audit log.
    pub action: &'static str,
    /// To what it was done.
    pub object: String,
    /// More about it.
    pub detail: serde_json::Value,
}

/// Files that a piece of work put beside the database.
#[derive(Default)]
pub(super) struct Brought {
    sizes: BTreeMap<Digest, u64>,
    fresh: BTreeSet<Digest>,
}

impl Brought {
    /// Notes one; `fresh` says whether it was not there before.
    pub(super) fn note(&mut self, digest: Digest, size: u64, fresh: bool) {
        self.sizes.insert(digest, size);
        if fresh {
            self.fresh.insert(digest);
        }
    }

    /// The size of one.
    pub(super) fn size(&self, digest: &Digest) -> Option<u64> {
        self.sizes.get(digest).copied()
    }
}

impl Library {
    /// Makes a change. Work that leaves the state as it is, without an entry of history, keeps nothing. A caller that goes away does not
    /// end it halfway.
    pub(super) async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        why: Why,
        work: impl FnOnce(
            &Library,
            &KeptContent,
            &mut State,
            &Who,
            &mut Brought,
        ) -> Result<Done<T>, ContentError>
        + Send
        + 'static,
    ) -> Result<T, ContentError> {
        let library = Arc::clone(self);
        let whole = tokio::spawn(async move { library.change_now(why, work).await });
        whole.await.map_err(ContentError::Ended)?
    }

    async fn change_now<T: Send + 'static>(
        self: Arc<Self>,
        why: Why,
        work: impl FnOnce(
            &Library,
            &KeptContent,
            &mut State,
            &Who,
            &mut Brought,
        ) -> Result<Done<T>, ContentError>
        + Send
        + 'static,
    ) -> Result<T, ContentError> {
        let _turn = self.turn.lock().await;
        let held = self.now();
        let who = Who {
            by: why.actor.to_string(),
            at: self.clock.now().as_second(),
            why: why.why,
        };
        let library = Arc::clone(&self);
        let before = Arc::clone(&held);
        let worked = tokio::task::spawn_blocking(move || {
            let mut state = before.state.clone();
            let mut brought = Brought::default();
            let done = work(&library, &before, &mut state, &who, &mut brought);
            let made = done.map(|done| {
                let change = ContentChange::between(before.revision, &before.state, &state);
                (done, change, state)
            });
            (made, brought)
        });
        let (made, brought) = worked.await.map_err(ContentError::Ended)?;
        let kept = match made {
            Ok((done, None, _)) => Ok((done.gives, None)),
            Ok((done, Some(change), state)) => {
                let kept = self.keep(&held, change, state, &brought, &why.actor, done);
                kept.await.map(|(gives, next)| (gives, Some(next)))
            }
            Err(error) => Err(error),
        };
        let (gives, next) = match kept {
            Ok((gives, Some(next))) => (Ok(gives), Some(next)),
            Ok((gives, None)) => (Ok(gives), None),
            Err(error) => (Err(error), None),
        };
        let named = next.as_ref().map_or(&held.files, |next| &next.files);
        for digest in brought.fresh.iter().filter(|d| !named.contains_key(d)) {
            self.files.forget(*digest);
        }
        if let Some(next) = next {
            self.now.store(Arc::new(next));
        }
        gives
    }

    async fn keep<T>(
        &self,
        held: &KeptContent,
        mut change: ContentChange,
        mut state: State,
        brought: &Brought,
        actor: &Actor,
        done: Done<T>,
    ) -> Result<(T, KeptContent), ContentError> {
        change.files = named_by(&change)
            .into_iter()
            .filter(|digest| !held.files.contains_key(digest))
            .filter_map(|digest| Some((digest, brought.size(&digest)?)))
            .collect();
        let mut files = held.files.clone();
        files.extend(&change.files);
        state.history.clear();
        let deed = Deed::new(actor.clone(), done.action, done.object).with(done.detail);
        let revision = self.store.change_content(change, deed).await?;
        let next = KeptContent {
            revision,
            state,
            files,
        };
        Ok((done.gives, next))
    }
}

/// The files that a change names.
fn named_by(change: &ContentChange) -> BTreeSet<Digest> {
    let objects = change.objects.values().flatten().map(|item| &item.content);
    let packs = change.packs.values();
    let shipped = packs.clone().flat_map(|pack| pack.shipped.iter().flatten());
    let values = objects.chain(shipped.map(|(_, value)| value));
    let mut found: BTreeSet<Digest> = values
        .flat_map(|value| files_of(value.value()))
        .map(|(_, digest)| digest)
        .collect();
    found.extend(packs.flat_map(|pack| pack.supplied.values()));
    found
}
