//! Content: packs, the objects that they bring and that people make, what a change would do, and what was done.
//!
//! What a pack holds and how its parts are written is `docs/content.md`'s and the schemas' in `docs/schemas`; here an object travels as its
//! text, and a value that differs as whatever JSON it is.

mod history;
mod plan;

pub use history::{DeedInfo, DeedKind, EditedObject, FieldDiff, HistoryQuery, ObjectChange};
pub use plan::{
    ApplyQuery, BrokenReference, FieldOutcome, ImportQuery, ObjectName, PackAction, PackChange,
    PackChangeToApply, PackChanged, PackNote, PackPlan, PlanField, PlanKind, PlanStep, StepKind,
};

use crate::ids::Sha256;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Longest reason that is given for a change, in characters.
pub const LONGEST_WHY: usize = 500;

/// Kinds of objects.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectKind {
    /// A content set: what rights are given over.
    ContentSet,
    /// A computer group.
    ComputerGroup,
    /// An action group.
    ActionGroup,
    /// A list of values for parameters.
    ParameterList,
    /// A sensor.
    Sensor,
    /// A package.
    Package,
    /// A saved question.
    SavedQuestion,
    /// A dashboard.
    Dashboard,
    /// A category of dashboards.
    Category,
    /// A schedule.
    Schedule,
    /// A saved action.
    SavedAction,
    /// A role.
    Role,
}

/// Whose side of a conflict wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// What is here.
    #[default]
    Local,
    /// What the pack brings.
    Shipped,
}

/// What becomes of content sets that were changed here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ContentSets {
    /// They stay.
    #[default]
    Keep,
    /// They become as the pack has them.
    Overwrite,
}

/// A pack that the server has in itself, that is imported, or that once was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackInfo {
    /// Name.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// Version that the server has in itself; `null` for a pack from elsewhere.
    #[schema(required)]
    pub available: Option<String>,
    /// Version in force; `null` when it is not imported.
    #[schema(required)]
    pub imported: Option<String>,
    /// Versions that one can go back to, the last one left first; `none` for before the import.
    pub earlier: Vec<String>,
    /// Objects of it that are there.
    pub objects: u64,
    /// Objects of it that were changed or deleted here.
    pub edited: u64,
    /// Files that it asks for and nobody supplied yet.
    pub awaits: Vec<String>,
}

/// A pack in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackDetail {
    /// The same as in the list.
    pub pack: PackInfo,
    /// What it brings.
    pub description: String,
    /// Who publishes it.
    pub publisher: String,
    /// Packs that must be there.
    pub requires: Vec<RequiredPack>,
    /// Content sets that its objects lie in.
    pub content_sets: Vec<String>,
    /// Files that whoever imports it supplies.
    pub supplied: Vec<SuppliedFile>,
    /// What changed, the newest first.
    pub changelog: Vec<Release>,
}

/// A pack that must be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequiredPack {
    /// Its name.
    pub pack: String,
    /// Which versions will do.
    pub version: String,
}

/// A file that is no part of a pack: whoever imports it supplies it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SuppliedFile {
    /// Its name.
    pub name: String,
    /// What it is and where it is to be had; empty for one that this version does not ask for and that is kept.
    pub help: String,
    /// Digest that it must have; `null` when any file will do.
    #[schema(required)]
    pub wanted: Option<Sha256>,
    /// The file that is here; `null` when nobody supplied it yet.
    #[schema(required)]
    pub file: Option<StoredFile>,
}

/// A file that the server keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoredFile {
    /// Its digest, by which it is fetched.
    pub sha256: Sha256,
    /// Its bytes.
    pub size: u64,
}

/// What a version changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Release {
    /// The version.
    pub version: String,
    /// The day, as the publisher wrote it.
    #[schema(required)]
    pub date: Option<String>,
    /// What changed.
    pub changes: Vec<String>,
}

/// Which objects.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ObjectsQuery {
    /// Only of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub kind: Option<ObjectKind>,
    /// Only of this pack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack: Option<String>,
    /// Only in this content set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_set: Option<String>,
    /// Only those with all these words in name, further names, keywords or description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Objects to pass over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u32>,
    /// At most this many, 1,000 unless told, 20,000 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A page of objects, by kind and name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectsPage {
    /// How many there are in all.
    pub total: u64,
    /// Those of the page.
    pub objects: Vec<ObjectInfo>,
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectInfo {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The pack it belongs to; `null` for what people made here.
    #[schema(required)]
    pub pack: Option<String>,
    /// The content set it lies in; `null` for kinds that lie in none.
    #[schema(required)]
    pub content_set: Option<String>,
    /// Its digest: what an editor says that they looked at.
    pub sha256: Sha256,
    /// Whether it is another one than its pack shipped.
    pub edited: bool,
}

/// An object in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectDetail {
    /// The same as in the list.
    pub object: ObjectInfo,
    /// It as YAML, to be read and edited.
    pub text: String,
    /// Files that it names.
    pub files: Vec<ObjectFile>,
    /// Whether the package that it was copied from changed since.
    pub source_changed: bool,
}

/// A file that an object names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectFile {
    /// Its name on the endpoint, or its path for a script.
    pub name: String,
    /// Whether whoever imports the pack supplies it.
    pub supplied: bool,
    /// The file; `null` when it was not supplied yet.
    #[schema(required)]
    pub file: Option<StoredFile>,
}

/// Another text for an object, or the first one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectEdit {
    /// The object as YAML. Files that it names stand with their digests and are sent ahead.
    #[schema(min_length = 1, max_length = 200_000)]
    pub text: String,
    /// Digest of the object that the editor looked at; left out for one that is new. Who comes second is refused with the code `changed`.
    #[serde(default)]
    pub expected: Option<Sha256>,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub why: String,
}

/// What somebody looked at, and why they change it.
#[derive(Clone, Debug, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExpectedQuery {
    /// Digest of the object that was looked at.
    #[param(inline)]
    pub expected: Sha256,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Why something is changed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WhyQuery {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Which export of a pack.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PackExportQuery {
    /// A version that was left; the one in force unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// As it was shipped, without what was changed here.
    #[serde(default)]
    pub shipped: bool,
}
