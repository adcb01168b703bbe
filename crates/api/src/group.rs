//! Computer groups: names that stand for filters.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A computer group: a name that stands for a filter in the from clause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupInfo {
    /// Name.
    pub name: String,
    /// The filter, as it would stand after `from all machines with`.
    pub filter: String,
    /// Who may change and remove it, beside administrators; `null` when that person is gone.
    #[schema(required)]
    pub owner: Option<String>,
    /// Grows with each change of what the name means, also when a removed group is made again.
    #[schema(minimum = 0, maximum = 9_223_372_036_854_775_807_i64)]
    pub version: u64,
    /// When it got this version.
    pub changed_at: Timestamp,
}

/// A group to be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupToCreate {
    /// Name: up to 128 characters of one script; nothing invisible, nothing that looks like another group's or a sensor's name.
    #[schema(min_length = 1, max_length = 128)]
    pub name: String,
    /// The filter, as it would stand after `from all machines with`.
    #[schema(min_length = 1, max_length = 32_000)]
    pub filter: String,
}

/// Whose a group is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupOwner {
    /// Name of a user.
    #[schema(min_length = 1, max_length = 64)]
    pub owner: String,
}

/// What a group is to mean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupChange {
    /// The filter, as it would stand after `from all machines with`.
    #[schema(min_length = 1, max_length = 32_000)]
    pub filter: String,
}
