//! Following an answer by server-sent events: what changed, never the whole again.
//!
//! The first event brings what is there, each further one the rows that are new or have another count. Changes that come
//! close together share an event. A follower that lost its connection goes on where it was, by the event's id
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>). The stream ends when nothing more will come, when the
//! server stops, and when the follower's session or token ends: a stream may live longer than a right to read it.

use super::Api;
use super::answers::row_info;
use super::error::{ApiError, ErrorBody};
use super::extract::{Path, Query, Reads, credential};
use super::shown::{self, Wanted};
use crate::access::Reader;
use crate::auth::Credential;
use crate::metrics::Follower;
use crate::model::ids::QuestionId;
use answer::{AnswerError, Groups, PageRow, Show, State, View};
use api::answer::{AnswerEvent, ChangedTable, ChangesEvent, EventsQuery};
use api::ids::LARGEST;
use axum::extract::State as Shared;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use rights::Permission;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Rows of each table in one event at most.
const MOST_ROWS: usize = 1000;
/// Groups that are kept for each table of one follower at most; whoever follows more takes pages.
const MOST_GROUPS: usize = 10_000;
/// Between two events at least: a fleet that answers changes the answer thousands of times a second.
const PAUSE: Duration = Duration::from_millis(100);
/// The same while no row was sent yet: somebody is waiting for the first.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// Between two looks at the follower's right.
const RECHECK: Duration = Duration::from_secs(30);

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(events))
}

/// How a table is followed.
enum Followed {
    /// Its rows.
    Rows(Show),
    /// Its rows by some columns, which are kept together here. Boxed, for few ask for it.
    Groups(Show, Box<Groups>),
    /// Its rows by columns that hold more different things than are kept for one follower.
    TooMany,
}

struct Follow {
    api: Arc<Api>,
    id: QuestionId,
    /// Whoever may see less or more than when the stream began gets another one.
    reader: Reader,
    version: watch::Receiver<u64>,
    since: u64,
    /// The version that the last event told.
    told: Option<u64>,
    credential: Credential,
    checked: Instant,
    /// When the last event went out; `None` before the first.
    sent: Option<Instant>,
    /// Whether an event brought a row.
    rows: bool,
    done: bool,
    /// Why the answer is not kept, as it was told last.
    trouble: Option<String>,
    /// For each table.
    tables: Vec<Followed>,
    _counted: Follower,
}

/// Follows an answer: events named `changes`.
#[utoipa::path(get, path = "/questions/{id}/events", operation_id = "follow_answer", tag = "answers", security(("session" = []), ("token" = ["read"])),
    params(
        ("id" = inline(api::ids::QuestionId), Path, description = "The question's number"),
        ("last-event-id" = Option<String>, Header, description = "Id of the last event seen, to go on from there"),
        EventsQuery
    ), responses(
    (status = OK, description = "A stream of events", content_type = "text/event-stream", body = AnswerEvent),
    (status = NOT_FOUND, body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "No such column, or no bound on the count", body = ErrorBody),
))]
async fn events(
    Reads(caller): Reads,
    Shared(api): Shared<Arc<Api>>,
    headers: HeaderMap,
    Path(id): Path<api::ids::QuestionId>,
    Query(query): Query<EventsQuery>,
) -> Result<Sse<impl Stream<Item = Result<Event, axum::Error>>>, ApiError> {
    let credential = credential(&headers).ok_or(crate::auth::AuthError::Unauthenticated)?;
    let id = id.into();
    let reader = caller.reader();
    let version = api.questions.follow(id, &reader).await?;
    let info = api.questions.info(id, &reader).await?;
    let closed = info.closed;
    let wanted = Wanted {
        by: query.by.as_deref(),
        count: query.count.as_deref(),
        machines: None,
    };
    let shows = shown::of_all(&info.plan, &info.tail, wanted)?;
    let tables = api
        .questions
        .with_answer(id, &reader, |answer, _| -> Result<Vec<_>, ApiError> {
            (0..)
                .zip(shows)
                .map(|(table, show)| {
                    Ok(match &show.by {
                        Some(by) => {
                            let groups = answer.no_groups(table, by)?;
                            Followed::Groups(show, Box::new(groups))
                        }
                        None => Followed::Rows(show),
                    })
                })
                .collect()
        })
        .await??;
    // A closed answer may have been read back from the store meanwhile, with other versions.
    let since = if closed || reader.bounds().is_some() {
        // To who sees a part, versions are told that nobody can go on from.
        None
    } else {
        resumed(&api, &headers)
    };
    let follow = Follow {
        _counted: api.metrics.follower(),
        api,
        id,
        reader,
        version,
        since: since.unwrap_or(0),
        told: None,
        credential,
        checked: Instant::now(),
        sent: None,
        rows: false,
        done: false,
        trouble: None,
        tables,
    };
    let events = stream::unfold(follow, |mut follow| async {
        let event = follow.next().await?;
        Some((event, follow))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

/// The version a follower has seen, if it saw it of this run of the server.
fn resumed(api: &Api, headers: &HeaderMap) -> Option<u64> {
    let id = headers.get("last-event-id")?.to_str().ok()?;
    let (run, version) = id.split_once('-')?;
    (run == api.requests.run()).then(|| version.parse().ok())?
}

impl Follow {
    async fn next(&mut self) -> Option<Result<Event, axum::Error>> {
        if self.done {
            return None;
        }
        let stop = self.api.stop.clone();
        loop {
            if let Some(sent) = self.sent {
                tokio::select! {
                    () = stop.cancelled() => return None,
                    () = tokio::time::sleep_until(self.checked + RECHECK) => {
                        self.still_allowed().await?;
                        continue;
                    }
                    // Fails when the question left memory, which it does only after it closed.
                    _ = self.version.changed() => {}
                }
                let pause = if self.rows { PAUSE } else { FIRST_PAUSE };
                tokio::select! {
                    () = stop.cancelled() => return None,
                    () = tokio::time::sleep_until(sent + pause) => {}
                }
            }
            self.version.borrow_and_update();
            match self.look().await {
                Ok(Some(changes)) => {
                    self.sent = Some(Instant::now());
                    let id = format!("{}-{}", self.api.requests.run(), changes.version);
                    return Some(Event::default().event("changes").id(id).json_data(changes));
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(?error, question = %self.id, "an answer cannot be followed");
                    return None;
                }
            }
        }
    }

    async fn still_allowed(&mut self) -> Option<()> {
        self.checked = Instant::now();
        let caller = self.api.auth.check(&self.credential).await.ok()?;
        let same = caller.reader() == self.reader;
        (same && caller.may(Permission::UseAsk)).then_some(())
    }

    /// What changed; `None` when nothing did.
    async fn look(&mut self) -> Result<Option<ChangesEvent>, ApiError> {
        let questions = &self.api.questions;
        // In this order: when it was closed, nothing changed after what is read next.
        let info = questions.info(self.id, &self.reader).await?;
        let since = self.since;
        let tables = &mut self.tables;
        let (version, changes) = questions
            .with_answer(self.id, &self.reader, |answer, _| {
                (answer.version(), changes(answer, since, tables))
            })
            .await?;
        let changes = changes?;
        let waiting = State::open().any(|state| changes.coverage.contains_key(&state));
        let everybody = !(waiting || changes.coverage.is_empty());
        // The last word is told when it is known whether it is kept.
        let trouble = if everybody && !info.closed {
            questions.trouble(self.id).await?
        } else {
            info.trouble
        };
        self.since = version;
        let done = info.closed || (everybody && trouble.is_none());
        let told = trouble == self.trouble;
        if self.told == Some(changes.version) && told && !done {
            return Ok(None);
        }
        self.told = Some(changes.version);
        self.trouble.clone_from(&trouble);
        self.done = done;
        self.rows |= changes.tables.iter().any(|table| !table.rows.is_empty());
        Ok(Some(ChangesEvent {
            done,
            trouble,
            ..changes
        }))
    }
}

/// What changed since a version, as it is followed.
fn changes(
    answer: View<'_>,
    since: u64,
    tables: &mut [Followed],
) -> Result<ChangesEvent, AnswerError> {
    let changes = answer.changes_at_most(since, MOST_ROWS)?;
    let mut event = ChangesEvent {
        version: answer.told_version(),
        tables: Vec::new(),
        coverage: changes.coverage,
        rows_cut: changes.rows_cut.min(LARGEST),
        complete: true,
        trouble: None,
        done: false,
    };
    let mut rows: HashMap<u32, Vec<PageRow>> = HashMap::new();
    for table in changes.tables {
        rows.insert(table.table, table.rows);
    }
    for (number, followed) in (0..).zip(tables) {
        let mut changed = ChangedTable {
            table: number,
            rows: Vec::new(),
            gone: Vec::new(),
        };
        match followed {
            Followed::Rows(show) => {
                let of_table = rows.remove(&number).unwrap_or_default();
                // Where less than all is told, which table it is of is not.
                event.complete &= changes.complete || of_table.len() < MOST_ROWS;
                for row in of_table {
                    if show.counts.is_none_or(|counts| counts.holds(row.count)) {
                        changed.rows.push(row_info(row));
                    } else {
                        changed.gone.push(row.row);
                    }
                }
            }
            Followed::Groups(show, groups) => {
                let grown = groups.follow(answer, since)?;
                let holds = |at: &u32| {
                    let count = groups.count(*at);
                    show.counts.is_none_or(|counts| counts.holds(count))
                };
                let (shown, gone): (Vec<u32>, Vec<u32>) = grown.iter().partition(|at| holds(at));
                event.complete &= grown.len() <= MOST_ROWS;
                let shown = shown.get(..MOST_ROWS).unwrap_or(&shown);
                let told = groups.rows(answer, shown, 0)?;
                changed.rows = told.into_iter().map(row_info).collect();
                let gone = gone.iter().take(MOST_ROWS);
                changed.gone = gone.filter_map(|at| groups.row(*at)).collect();
                if groups.len() > MOST_GROUPS {
                    *followed = Followed::TooMany;
                }
            }
            Followed::TooMany => event.complete = false,
        }
        if since == 0 {
            // Nothing was told yet that could go.
            changed.gone.clear();
        }
        if !(changed.rows.is_empty() && changed.gone.is_empty()) {
            event.tables.push(changed);
        }
    }
    Ok(event)
}
