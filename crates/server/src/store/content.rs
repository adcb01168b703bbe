//! Content: objects, packs with the versions that were left, supplied files, and the history of it all.
//!
//! What content is and what may become of it is decided by the crate `content`; here a change is kept as what differs, object by object,
//! so that one edit costs one object. Files are known by digest and size alone: their bytes lie beside the store ([`crate::content`]).

use super::error::Reply;
use crate::model::actor::Actor;
use crate::model::audit::Deed;
use ::content::change::{Cause, Content as Value, Installed, Item, Left, ObjectChange, State};
use ::content::digest::Digest;
use ::content::name::Key;
use jiff::Timestamp;
use semver::Version;
use std::collections::BTreeMap;

/// Folder in the data folder in which the bytes of files lie, each under its digest.
pub const FILES_FOLDER: &str = "content";

/// All content, without its history.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeptContent {
    /// Number of the newest deed; 0 when nothing was ever done.
    pub revision: u64,
    /// What is there.
    pub state: State,
    /// Size of each file that is named anywhere, history included.
    pub files: BTreeMap<Digest, u64>,
}

/// What a change makes different.
#[derive(Clone, Debug, PartialEq)]
pub struct ContentChange {
    /// The revision that it was made from.
    pub revision: u64,
    /// Objects as they will be; `None` for what goes.
    pub objects: BTreeMap<Key, Option<Item>>,
    /// Packs that change.
    pub packs: BTreeMap<String, PackChange>,
    /// Files that were not named before.
    pub files: BTreeMap<Digest, u64>,
    /// What was done.
    pub cause: Cause,
    /// Why, in the words of who did it.
    pub why: String,
    /// Objects before and after.
    pub changes: Vec<ObjectChange>,
}

/// What differs of a pack.
#[derive(Clone, Debug, PartialEq)]
pub struct PackChange {
    /// Version in force.
    pub version: Option<Version>,
    /// Its `pack.yaml`.
    pub manifest: Option<Value>,
    /// Its objects as they were shipped; `None` when they stay.
    pub shipped: Option<BTreeMap<Key, Value>>,
    /// Files that were supplied.
    pub supplied: BTreeMap<String, Digest>,
    /// What is kept of versions that were left, in place of what was kept of the same ones.
    pub left: Vec<Left>,
}

/// What was done to content once.
#[derive(Clone, Debug, PartialEq)]
pub struct ContentDeed {
    /// Its number.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub who: Actor,
    /// Why.
    pub why: String,
    /// What.
    pub cause: Cause,
    /// Objects that changed.
    pub changes: Vec<ObjectChange>,
}

/// Which deeds a reader wants: newest first.
#[derive(Clone, Debug, Default)]
pub struct DeedQuery {
    /// Only those that changed this object, and of their changes only that.
    pub key: Option<Key>,
    /// Only those that changed this pack as a whole.
    pub pack: Option<String>,
    /// Only those with a smaller number.
    pub before: Option<u64>,
    /// At most this many.
    pub limit: u32,
}

/// Keeping content.
pub trait Contents {
    /// All of it, without its history.
    fn content(&self) -> Reply<'_, KeptContent>;
    /// Makes a change with its entries in history and audit log, all or none; gives the new revision. One made from another revision
    /// than the newest is a conflict.
    fn change_content(&self, change: ContentChange, deed: Deed) -> Reply<'_, u64>;
    /// What was done, newest first.
    fn content_deeds(&self, query: DeedQuery) -> Reply<'_, Vec<ContentDeed>>;
}

impl ContentChange {
    /// What makes one state of another. The newer one has what was done as its only entry of history.
    ///
    /// `None` when nothing was done.
    #[must_use]
    pub fn between(revision: u64, before: &State, after: &State) -> Option<Self> {
        let deed = after.history.last()?;
        let mut objects = BTreeMap::new();
        for (key, item) in &after.objects {
            if before.objects.get(key) != Some(item) {
                objects.insert(key.clone(), Some(item.clone()));
            }
        }
        for key in before.objects.keys() {
            if !after.objects.contains_key(key) {
                objects.insert(key.clone(), None);
            }
        }
        let nothing = Installed::default();
        let packs = after
            .packs
            .iter()
            .filter(|(name, pack)| before.packs.get(*name) != Some(pack))
            .map(|(name, pack)| {
                let was = before.packs.get(name).unwrap_or(&nothing);
                (name.clone(), PackChange::between(was, pack))
            })
            .collect();
        Some(Self {
            revision,
            objects,
            packs,
            files: BTreeMap::new(),
            cause: deed.cause.clone(),
            why: deed.who.why.clone(),
            changes: deed.changes.clone(),
        })
    }
}

impl PackChange {
    fn between(before: &Installed, after: &Installed) -> Self {
        // What stands in the same order stays; what comes after it is kept anew, though it be the same: its place tells when it was left.
        let mut was = before.earlier.iter();
        let kept = after
            .earlier
            .iter()
            .take_while(|left| was.any(|other| other == *left))
            .count();
        Self {
            version: after.version.clone(),
            manifest: after.manifest.clone(),
            shipped: (before.shipped != after.shipped).then(|| after.shipped.clone()),
            supplied: after.supplied.clone(),
            left: after.earlier.split_at(kept).1.to_vec(),
        }
    }
}
