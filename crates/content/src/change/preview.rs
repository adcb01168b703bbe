//! What a plan is, and how it is asked for.

use super::merge::{FieldStep, Side};
use super::state::{Installed, Item};
use crate::digest::Digest;
use crate::name::Key;
use semver::Version;
use serde::Serialize;
use std::collections::BTreeMap;

/// What becomes of content sets that were changed here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContentSets {
    /// They stay.
    #[default]
    Keep,
    /// They become as the pack has them.
    Overwrite,
}

/// How an import is to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What becomes of content sets.
    pub content_sets: ContentSets,
    /// Who wins a conflict.
    pub winner: Side,
    /// Who wins the conflicts of single objects.
    pub decided: BTreeMap<Key, Side>,
}

/// What a plan does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A pack comes.
    Import,
    /// A pack becomes another version.
    Upgrade,
    /// A pack goes back to what was there.
    Rollback,
    /// A pack goes.
    Remove,
}

/// What becomes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// It comes.
    Added,
    /// It changes.
    Changed,
    /// It goes.
    Removed,
    /// It stays as it was changed here.
    Kept,
    /// An object of one's own becomes one of the pack.
    Adopted,
    /// The pack has it no more; it stays as an object of one's own.
    LetGo,
    /// It was deleted here and stays so.
    StaysDeleted,
}

/// What becomes of an object, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The object.
    pub key: Key,
    /// What becomes of it.
    pub step: StepKind,
    /// A local edit stands in the way.
    pub conflict: bool,
    /// Why, where it is not plain.
    pub reason: Option<String>,
    /// Fields that are not the same on all sides.
    pub fields: Vec<FieldStep>,
}

/// What would be done, to be looked at first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// What.
    pub what: What,
    /// To which pack.
    pub pack: String,
    /// From which version.
    pub from: Option<Version>,
    /// To which version.
    pub to: Option<Version>,
    /// Digest of the state that it was made from.
    pub state: Digest,
    /// What becomes of each object that does not stay as it is.
    pub steps: Vec<Step>,
    /// Files that the pack asks for and nobody supplied yet.
    pub awaits: Vec<String>,
    /// Objects that would refer to one that is gone: who refers, to what.
    pub broken: Vec<(Key, Key)>,
    /// Objects as they will be; `None` for what goes.
    #[serde(skip)]
    pub(super) objects: BTreeMap<Key, Option<Item>>,
    #[serde(skip)]
    pub(super) installed: Installed,
}

impl Plan {
    /// Digest of the whole plan: what was looked at is what is applied.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let objects: Vec<_> = self.objects.iter().collect();
        let whole = serde_json::to_value((self, objects, &self.installed));
        Digest::of_value(&whole.unwrap_or_default())
    }

    /// An object as it will be; `None` when it goes, or stays as it is.
    #[must_use]
    pub fn after(&self, key: &Key) -> Option<&Item> {
        self.objects.get(key)?.as_ref()
    }

    /// Whether a local edit stands in the way anywhere.
    #[must_use]
    pub fn has_conflicts(&self) -> bool {
        self.steps.iter().any(|s| s.conflict)
    }
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The version is there already, with other content.
    #[error(
        "version {version} of `{pack}` was imported with other content; a changed pack has another version"
    )]
    SameVersion {
        /// The pack.
        pack: String,
        /// The version.
        version: Version,
    },
    /// An older version.
    #[error("`{pack}` is there in version {held}; {version} is older. Roll back to it instead")]
    Older {
        /// The pack.
        pack: String,
        /// The version held.
        held: Version,
        /// The older one.
        version: Version,
    },
    /// A name that another pack has.
    #[error("{key} belongs to the pack `{owner}`")]
    Taken {
        /// The object.
        key: Key,
        /// Its pack.
        owner: String,
    },
    /// A pack that is required is not there in a version that will do.
    #[error("`{pack}` requires `{required}` in version {version}, {present}")]
    Requires {
        /// The pack that requires.
        pack: String,
        /// What it requires.
        required: String,
        /// In which version.
        version: String,
        /// What is there.
        present: String,
    },
    /// The pack is not there.
    #[error("the pack `{pack}` is not there")]
    NotThere {
        /// The pack.
        pack: String,
    },
    /// Nothing is kept of a version.
    #[error("nothing is kept of that version of `{pack}`; it has {kept}")]
    NothingKept {
        /// The pack.
        pack: String,
        /// The versions that are kept.
        kept: String,
    },
}
