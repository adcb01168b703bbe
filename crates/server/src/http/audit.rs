//! Reading and checking the audit log.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::extract::{Query, ReadsAudit, within};
use crate::model::audit::{Entry, Head};
use crate::model::deeds::ACTIONS;
use crate::store::audit::{AuditQuery, Field};
use api::audit::{EntriesQuery, EntryEndpoint, EntryInfo, NotedHead, Verdict};
use api::ids::{EndpointId, EntryHash, EntryNumber};
use axum::extract::State;
use jiff::Timestamp;
use serde_json::Value;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIMIT: u32 = 100;
const LARGEST_LIMIT: u32 = 10_000;
/// Who is no user and may have done nothing yet.
const NOBODY: [&str; 2] = ["server", "unknown"];
/// Words that are told where none comes near, and letters of a word that are said again.
const SHOWN: usize = 8;
const LONGEST: usize = 200;
/// Words of the log that what is not in it is compared with.
const MOST_WORDS: u32 = 5_000;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(entries))
        .routes(routes!(verify))
}

/// The endpoint that did something or that it was done to.
fn endpoint(api: &Api, entry: &Entry) -> Option<EntryEndpoint> {
    let id = entry
        .object
        .strip_prefix("endpoint ")
        .or_else(|| entry.who.strip_prefix("endpoint:"))?;
    let id: EndpointId = id.parse().ok()?;
    let known = api.identity.endpoint(id.into())?;
    Some(EntryEndpoint {
        id,
        ordinal: known.ordinal,
        hostname: known.hostname,
    })
}

fn info(api: &Api, entry: Entry) -> EntryInfo {
    let endpoint = endpoint(api, &entry);
    // What is in the log is told even where it is not what the server writes: a broken log is read to see what broke it.
    let detail = match serde_json::from_str(&entry.detail) {
        Ok(Value::Object(members)) => members.into_iter().collect(),
        _ => [("text".to_owned(), Value::String(entry.detail))].into(),
    };
    EntryInfo {
        number: EntryNumber::of(entry.number),
        at: entry.time.parse().unwrap_or(Timestamp::UNIX_EPOCH),
        who: entry.who,
        action: entry.action,
        object: entry.object,
        endpoint,
        detail,
        hash: EntryHash(entry.hash),
    }
}

/// Entries of the audit log, newest first.
#[utoipa::path(get, path = "/audit", operation_id = "list_audit_entries", tag = "audit", security(("session" = []), ("token" = ["admin"])), params(EntriesQuery), responses(
    (status = OK, body = Vec<EntryInfo>),
    (status = UNPROCESSABLE_ENTITY, description = "Nobody, no action, object or endpoint of this name, with the nearest that there are; times at which nothing can have been; or too many at once", body = ErrorBody),
))]
async fn entries(
    _caller: ReadsAudit,
    State(api): State<Arc<Api>>,
    Query(query): Query<EntriesQuery>,
) -> Result<axum::Json<Vec<EntryInfo>>, ApiError> {
    let limit = within(query.limit, LIMIT, LARGEST_LIMIT)?;
    possible(query.from, query.to, api.clock.now())?;
    let wanted = AuditQuery {
        before: query.before.map(EntryNumber::get),
        who: query.who,
        action: query.action,
        object: query.object,
        endpoints: query
            .endpoint
            .as_deref()
            .map(|name| api.identity.all_named(name)),
        from: query.from,
        to: query.to,
        limit,
    };
    if wanted.endpoints.as_ref().is_some_and(Vec::is_empty) {
        // Says which names come near; whoever reads the log reads of every endpoint.
        api.identity
            .named(query.endpoint.as_deref().unwrap_or_default(), |_| true)
            .map_err(|error| ApiError::invalid(error.to_string()))?;
    }
    let entries = api.store.audit_entries(wanted.clone()).await?;
    if entries.is_empty() {
        known(&api, wanted).await?;
    }
    let entries = entries.into_iter().map(|entry| info(&api, entry));
    Ok(axum::Json(entries.collect()))
}

/// Refuses times at which nothing can have been.
fn possible(
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), ApiError> {
    match (from, to) {
        (Some(from), _) if from > now => Err(ApiError::invalid(format!(
            "nothing is known of {from}, from when on entries are wanted: it is {now} by the server's clock"
        ))),
        (Some(from), Some(to)) if from >= to => Err(ApiError::invalid(format!(
            "no entry is from {from} on and before {to}: the first of these is the later one"
        ))),
        _ => Ok(()),
    }
}

/// Nothing was found: where that is because a word is none of the log's, it is said, with those that come near.
async fn known(api: &Api, query: AuditQuery) -> Result<(), ApiError> {
    let only = |query: AuditQuery| async move {
        let limit = 1;
        let query = AuditQuery { limit, ..query };
        Ok::<_, ApiError>(!api.store.audit_entries(query).await?.is_empty())
    };
    if let Some(action) = query.action {
        let listed = ACTIONS.iter().any(|known| known.starts_with(&action));
        let alone = AuditQuery {
            action: Some(action.clone()),
            ..AuditQuery::default()
        };
        if !listed && !only(alone).await? {
            return Err(unknown("no action begins with", &action, ACTIONS.to_vec()));
        }
    }
    if let Some(who) = query.who {
        let users = api.store.users().await?;
        let alone = AuditQuery {
            who: Some(who.clone()),
            ..AuditQuery::default()
        };
        let named = users.iter().any(|user| user.name == who) || NOBODY.contains(&who.as_str());
        if !named && !only(alone).await? {
            let mut words = api.store.audit_words(Field::Who, MOST_WORDS).await?;
            words.extend(users.into_iter().map(|user| user.name));
            let words = words.iter().map(String::as_str).collect();
            return Err(unknown("nobody did anything who is called", &who, words));
        }
    }
    if let Some(object) = query.object {
        let alone = AuditQuery {
            object: Some(object.clone()),
            ..AuditQuery::default()
        };
        let users = api.store.users().await?;
        let groups = api.store.groups().await?;
        let names = users.iter().map(|user| &user.name);
        let mut names = names.chain(groups.iter().map(|group| &group.name));
        if !names.any(|name| *name == object) && !only(alone).await? {
            let words = api.store.audit_words(Field::Object, MOST_WORDS).await?;
            let words = words.iter().map(String::as_str).collect();
            return Err(unknown("nothing was done to", &object, words));
        }
    }
    Ok(())
}

/// A word that is none of these.
fn unknown(what: &str, word: &str, mut words: Vec<&str>) -> ApiError {
    words.sort_unstable();
    words.dedup();
    let mut near = question::nearest(word, words.iter().copied());
    if near.is_empty() {
        near = words.iter().take(SHOWN).map(|w| (*w).to_owned()).collect();
        near.extend((words.len() > SHOWN).then(|| "…".to_owned()));
    }
    let word: String = word.chars().take(LONGEST).collect();
    ApiError::invalid(match near.is_empty() {
        true => format!("{what} `{word}`: the log has none at all"),
        false => format!("{what} `{word}`; near: {}", near.join(", ")),
    })
}

/// Checks the whole chain, and that it still holds an entry noted elsewhere.
#[utoipa::path(get, path = "/audit/verify", operation_id = "verify_audit_log", tag = "audit", security(("session" = []), ("token" = ["admin"])), params(NotedHead), responses(
    (status = OK, body = Verdict),
    (status = UNPROCESSABLE_ENTITY, description = "The noted head is incomplete", body = ErrorBody),
))]
async fn verify(
    _caller: ReadsAudit,
    State(api): State<Arc<Api>>,
    Query(noted): Query<NotedHead>,
) -> Result<axum::Json<Verdict>, ApiError> {
    let noted = match (noted.number, noted.hash) {
        (None, None) => Vec::new(),
        (Some(number), Some(hash)) => vec![Head {
            number: number.get(),
            hash: hash.0,
        }],
        _ => return Err(ApiError::invalid("give `number` and `hash` together")),
    };
    Ok(axum::Json(api.store.audit_verify(noted).await?.into()))
}
