//! What differs, and what was done when, by whom and why.

use super::ObjectKind;
use crate::ids::Sha256;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldDiff {
    /// Its path, with dots: `platforms.linux.text`, `parameters[path].default`.
    pub path: String,
    /// What it was; left out where it was not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it is; left out where it is there no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// An object that was changed here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EditedObject {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
    /// Whether it was deleted.
    pub deleted: bool,
    /// Fields in which it differs from what was shipped.
    pub fields: Vec<FieldDiff>,
}

/// Which entries of history.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// Only entries with a smaller number: the next page after the last entry seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(maximum = 9_223_372_036_854_775_807_i64)]
    pub before: Option<u64>,
    /// At most this many, 100 unless told, 1,000 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// What kind of change it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeedKind {
    /// A pack came, became another version, or went.
    Pack,
    /// A pack went back to what was there before.
    Rollback,
    /// Somebody edited an object.
    Edit,
    /// Somebody supplied a file, or took it away.
    Supply,
}

/// What was done once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeedInfo {
    /// Its number.
    #[schema(minimum = 0, maximum = 9_223_372_036_854_775_807_i64)]
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Who, as shown to people.
    pub who: String,
    /// Why, in their words.
    pub why: String,
    /// What kind of change it was.
    pub what: DeedKind,
    /// The pack, for one of a pack.
    #[schema(required)]
    pub pack: Option<String>,
    /// The version that it was.
    #[schema(required)]
    pub from: Option<String>,
    /// The version that it became.
    #[schema(required)]
    pub to: Option<String>,
    /// The file, where one was supplied or taken away.
    #[schema(required)]
    pub file: Option<String>,
    /// Objects that changed.
    pub changes: Vec<ObjectChange>,
}

/// An object that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectChange {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
    /// Digest of what it was; `null` when it came.
    #[schema(required)]
    pub before: Option<Sha256>,
    /// Digest of what it became; `null` when it went.
    #[schema(required)]
    pub after: Option<Sha256>,
    /// Fields that differ; for an object that came or went none.
    pub fields: Vec<FieldDiff>,
}
