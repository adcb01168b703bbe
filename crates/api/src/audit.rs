//! Reading and checking the audit log.

use crate::ids::{EndpointId, EntryHash, EntryNumber};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Which entries.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EntriesQuery {
    /// Only entries with a smaller number: the next page after the last entry seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub before: Option<EntryNumber>,
    /// Only what this user did, in person or by a token; or exactly what stands in `who`, such as `ada (token 3)` or `server`. What is none of
    /// the log's words is refused, here and in the members below, with those that come near.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// Only actions that start so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Only what was done to this, exactly as it stands in `object`: `question 17`, a user's name, a group's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Only what an endpoint did or what was done to it: its host name, ordinal, identifier or a beginning of that. Of several that go or
    /// went by this name, all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Only entries of this second and later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub from: Option<Timestamp>,
    /// Only entries before this second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub to: Option<Timestamp>,
    /// At most this many, 100 unless told, 10,000 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(maximum = 10_000)]
    pub limit: Option<u32>,
}

/// An entry of the audit log.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EntryInfo {
    /// Number.
    pub number: EntryNumber,
    /// When.
    pub at: Timestamp,
    /// Who, as shown to people.
    pub who: String,
    /// What they did: `login`, `question.ask`, `endpoint.revoke`, …
    pub action: String,
    /// To what.
    pub object: String,
    /// The endpoint that did it or that it was done to, if that is one.
    #[schema(required)]
    pub endpoint: Option<EntryEndpoint>,
    /// More about it; each action has members of its own.
    pub detail: BTreeMap<String, Value>,
    /// Hash of this entry and all before it.
    pub hash: EntryHash,
}

/// The endpoint of an entry, as it is called now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EntryEndpoint {
    /// Its identifier.
    pub id: EndpointId,
    /// Its small number.
    pub ordinal: u32,
    /// Host name as it last said.
    pub hostname: String,
}

/// A head that was noted before.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct NotedHead {
    /// Number of an entry noted elsewhere; only together with `hash`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub number: Option<EntryNumber>,
    /// Its hash as noted; only together with `number`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub hash: Option<EntryHash>,
}

/// What a check of the log found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verdict {
    /// Entries that are good, counted from the first, with those that were cut off.
    pub good: u64,
    /// Entries that were exported and cut off the front; the exports hold them.
    pub cut: u64,
    /// Hash of the last good entry.
    pub head: EntryHash,
    /// The first thing that is wrong, if any.
    #[schema(required)]
    pub fault: Option<Fault>,
}

/// The first entry that breaks the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fault {
    /// Number of the entry.
    pub number: EntryNumber,
    /// What is wrong with it.
    pub problem: Problem,
}

/// How an entry can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// Its number does not follow the one before: entries are missing or were put in.
    OutOfOrder,
    /// It does not name the hash of the entry before.
    Unlinked,
    /// Its fields do not give its hash: it was changed.
    Changed,
    /// The head record knows it, the log does not: it was cut from the end.
    Missing,
    /// The log goes on after the entry that the head record names as the last.
    BeyondHead,
    /// The entry that was noted elsewhere has another hash: the log was rewritten.
    Rewritten,
    /// Entries before it are gone, and no entry behind it says that they were exported and cut off.
    NotVouched,
}
