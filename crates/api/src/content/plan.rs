//! Changes of packs: what is asked for, what would be done, what was done.

use super::{ContentSets, ObjectKind, Side};
use crate::ids::Sha256;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// Which object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectName {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its name.
    #[schema(min_length = 1, max_length = 120)]
    pub name: String,
}

/// What is to be done to a pack that the server knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PackAction {
    /// Import the version that the server has in itself, or upgrade to it.
    Import,
    /// Go back to a version that was left.
    Rollback,
    /// Take it away.
    Remove,
}

/// A change of a pack, to be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PackChange {
    /// What.
    pub action: PackAction,
    /// To which version it goes back; left out for before its import.
    #[serde(default)]
    #[schema(max_length = 100)]
    pub version: Option<String>,
    /// What becomes of content sets.
    #[serde(default)]
    pub content_sets: ContentSets,
    /// Who wins conflicts.
    #[serde(default)]
    pub winner: Side,
    /// Objects whose conflicts are won by what the pack brings, whoever wins the others.
    #[serde(default)]
    #[schema(max_items = 1000)]
    pub take: Vec<ObjectName>,
}

/// A change of a pack that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PackChangeToApply {
    /// The same as was looked at.
    pub change: PackChange,
    /// Digest of the plan that was looked at.
    pub plan: Sha256,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub why: String,
}

/// How an archive is to be imported.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// What becomes of content sets.
    #[serde(default)]
    #[param(inline)]
    pub content_sets: ContentSets,
    /// Who wins conflicts.
    #[serde(default)]
    #[param(inline)]
    pub winner: Side,
    /// Objects whose conflicts are won by what the pack brings, each as `kind/name`, one a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take: Option<String>,
}

/// How an archive is imported, as it was looked at.
#[derive(Clone, Debug, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ApplyQuery {
    /// What becomes of content sets.
    #[serde(default)]
    #[param(inline)]
    pub content_sets: ContentSets,
    /// Who wins conflicts.
    #[serde(default)]
    #[param(inline)]
    pub winner: Side,
    /// Objects whose conflicts are won by what the pack brings, each as `kind/name`, one a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take: Option<String>,
    /// Digest of the plan that was looked at.
    #[param(inline)]
    pub plan: Sha256,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What a plan does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlanKind {
    /// A pack comes.
    Import,
    /// A pack becomes another version.
    Upgrade,
    /// A pack goes back to what was there.
    Rollback,
    /// A pack goes.
    Remove,
}

/// What would be done. It is applied by its digest, as long as nothing it rests on changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackPlan {
    /// What.
    pub what: PlanKind,
    /// To which pack.
    pub pack: String,
    /// From which version; `null` when it is not there.
    #[schema(required)]
    pub from: Option<String>,
    /// To which version; `null` when it goes.
    #[schema(required)]
    pub to: Option<String>,
    /// Its digest.
    pub digest: Sha256,
    /// What becomes of each object that does not stay as it is.
    pub steps: Vec<PlanStep>,
    /// Whether a local edit stands in the way anywhere.
    pub conflicts: bool,
    /// Files that the pack asks for and nobody supplied yet.
    pub awaits: Vec<String>,
    /// Objects that would refer to one that is gone. With any, nothing is applied.
    pub broken: Vec<BrokenReference>,
    /// What should be known of the pack though it is no fault.
    pub notes: Vec<PackNote>,
}

/// What becomes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanStep {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
    /// What becomes of it.
    pub step: StepKind,
    /// Whether a local edit stands in the way.
    pub conflict: bool,
    /// Why, where it is not plain.
    #[schema(required)]
    pub reason: Option<String>,
    /// Fields that are not the same on all sides.
    pub fields: Vec<PlanField>,
}

/// What becomes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FieldOutcome {
    /// It becomes as it is shipped now; nobody changed it here.
    Taken,
    /// It stays as it was changed here; the pack did not change it.
    Kept,
    /// Both changed it; it stays as it is here.
    ConflictKept,
    /// Both changed it; it becomes as it is shipped.
    ConflictTaken,
    /// It was changed here and becomes as it is shipped, as was asked for.
    Overwritten,
}

/// A field that is not the same on all sides; a side that does not have it is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanField {
    /// Its path.
    pub path: String,
    /// What becomes of it.
    pub outcome: FieldOutcome,
    /// As it was shipped before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// As it is here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<Value>,
    /// As it is shipped now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipped: Option<Value>,
}

/// An object that would refer to one that is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BrokenReference {
    /// Who refers, as `kind/name`.
    pub from: String,
    /// To what, as `kind/name`.
    pub to: String,
}

/// What should be known of an object of a pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackNote {
    /// The object, as `kind/name`.
    pub object: String,
    /// What.
    pub note: String,
}

/// What was done to a pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackChanged {
    /// The pack.
    pub pack: String,
    /// The version that it was.
    #[schema(required)]
    pub from: Option<String>,
    /// The version that it is.
    #[schema(required)]
    pub to: Option<String>,
    /// Objects that came, changed or went.
    pub changed: u64,
}
