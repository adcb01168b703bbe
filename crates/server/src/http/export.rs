//! Whole answers as files: CSV, JSON lines, JSON. Streamed piece by piece, without an end to rows or time.
//!
//! The answer is held only for the length of a piece, so merging goes on. All of a file is of one moment all the same, that of its
//! beginning: its rows are those of the endpoints that had answered by then, counted among them, and what stands at its end is said of
//! them. If the server must break off, the transfer breaks off too, so that half a file never looks whole.
//!
//! What a file looks like is [`api::document`]'s, which the command line prints with as well.

use super::Api;
use super::answers::problem_infos;
use super::error::{ApiError, ErrorBody};
use super::extract::{Client, Path, Query, Reads};
use super::shown::{self, Wanted, no_such_table};
use crate::access::Reader;
use crate::model::audit::Deed;
use crate::model::ids::QuestionId;
use answer::{EndpointSet, Groups, PageRow, Show, State, View};
use api::answer::{ExportFormat, ExportOrder, ExportQuery};
use api::document::{Document, Line, QuestionHead, Tail, Writer};
use api::ids::LARGEST;
use api::question::Asked;
use api::table::{Head, Machine, Machines, Row, Value};
use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde_json::json;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Rows in a piece.
const PIECE: usize = 500;
/// Endpoints that a piece names, about.
const NAMES: usize = 20_000;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(export))
}

/// What is still to be written.
enum Stage {
    Begin,
    /// The table at this place among those that are written.
    Table(usize),
    /// Its rows from this number on.
    From(usize, u32),
    /// These of its rows, from this place on.
    These(usize, Vec<u32>, usize),
    /// These groups of its rows, from this place on.
    Groups(usize, Groups, Vec<u32>, usize),
    End,
}

/// A whole answer, or one table of it. In CSV, cells that a spreadsheet would take for a formula get an apostrophe before them.
#[utoipa::path(get, path = "/questions/{id}/export", operation_id = "export_answer", tag = "answers", security(("session" = []), ("token" = ["read"])),
    params(("id" = inline(api::ids::QuestionId), Path, description = "The question's number"), ExportQuery), responses(
    (status = OK, description = "The file", content(
        (String = "text/csv"),
        (Line = "application/jsonl"),
        (Document = "application/json"),
    )),
    (status = NOT_FOUND, body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "Several tables as CSV, no such column, or no bound on the count", body = ErrorBody),
))]
async fn export(
    Reads(caller): Reads,
    Client(address): Client,
    Shared(api): Shared<Arc<Api>>,
    Path(id): Path<api::ids::QuestionId>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, ApiError> {
    let id = QuestionId::from(id);
    let reader = caller.reader();
    let info = api.questions.info(id, &reader).await?;
    let (plan, tail) = (info.plan.clone(), info.tail.clone());
    let asked = Asked::from(info);
    let heads = Head::of(&asked.plan);
    let wanted: Vec<(u32, Head)> = match query.table {
        None => (0..).zip(heads).collect(),
        Some(table) => {
            let head = usize::try_from(table).ok().and_then(|at| heads.get(at));
            let head = head.ok_or_else(|| no_such_table(table, heads.len()))?;
            vec![(table, head.clone())]
        }
    };
    let tables = wanted
        .into_iter()
        .map(|(number, mut head)| {
            let wanted = Wanted {
                by: query.by.as_deref(),
                count: query.count.as_deref(),
                machines: query.machines,
            };
            let shown = shown::of_table(&plan, &tail, number, wanted)?;
            head.columns = shown.columns.iter().map(Into::into).collect();
            head.named = shown.named;
            Ok((number, head, shown.show))
        })
        .collect::<Result<Vec<_>, ApiError>>()?;
    if query.format == ExportFormat::Csv && tables.len() > 1 {
        return Err(ApiError::invalid(format!(
            "this answer has {} tables, and CSV has room for one: name one of them with `table`",
            tables.len()
        )));
    }
    // A whole answer leaves the server: without its entry it does not.
    let deed = Deed::new(caller.actor(), "answer.export", format!("question {id}")).with(json!({
        "table": query.table, "format": query.format, "address": address,
        "by": query.by, "count": query.count, "machines": query.machines, "rows": query.rows,
    }));
    api.store.note(deed).await?;
    let (kind, ending) = match query.format {
        ExportFormat::Json => ("application/json", "json"),
        ExportFormat::Csv => ("text/csv; charset=utf-8; header=present", "csv"),
        ExportFormat::Jsonl => ("application/jsonl; charset=utf-8", "jsonl"),
    };
    let one = query.table.map(|table| format!("-table-{table}"));
    let name = format!(
        "attachment; filename=\"question-{id}{}.{ending}\"",
        one.unwrap_or_default()
    );
    let export = Export {
        api,
        id,
        reader,
        tables,
        order: query.sort,
        most: query.rows,
        moment: Moment::default(),
        writer: Writer::new(query.format, Some(QuestionHead::from(&asked))),
    };
    let pieces = stream::try_unfold((export, Stage::Begin), |(mut export, stage)| async move {
        let piece = export.piece(stage).await.map_err(|error| {
            tracing::error!(?error, question = %export.id, "an export broke off");
            std::io::Error::other("the export broke off")
        })?;
        Ok::<_, std::io::Error>(piece.map(|(bytes, next)| (Bytes::from(bytes), (export, next))))
    });
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// The moment that an export is of.
#[derive(Default)]
struct Moment {
    /// Who had answered; `None` when nobody answers any more.
    within: Option<EndpointSet>,
    /// How far the answer was.
    tail: Tail,
}

impl Moment {
    fn of(answer: View<'_>, closed: bool) -> Self {
        let settled = State::ALL.iter().filter(|state| state.is_settled());
        let coverage = answer.coverage();
        let answered = settled.fold(EndpointSet::new(), |all, state| {
            all.union(&coverage.endpoints(*state))
        });
        Self {
            within: (!closed).then_some(answered),
            tail: Tail {
                coverage: coverage.counts(),
                rows_cut: answer.rows_cut().min(LARGEST),
                problems: problem_infos(answer),
                ..Tail::default()
            },
        }
    }
}

/// An export under way.
struct Export {
    api: Arc<Api>,
    id: QuestionId,
    reader: Reader,
    tables: Vec<(u32, Head, Show)>,
    order: ExportOrder,
    /// Rows of each table at most.
    most: Option<u32>,
    moment: Moment,
    writer: Writer,
}

impl Export {
    /// The next piece of the file, and what comes after it; `None` at the end.
    async fn piece(&mut self, stage: Stage) -> Result<Option<(String, Stage)>, ApiError> {
        let mut out = String::new();
        let next = match stage {
            Stage::End => return Ok(None),
            Stage::Begin => {
                let questions = &self.api.questions;
                // In this order: when it was closed, nothing changed after what is read next.
                let closed = questions.info(self.id, &self.reader).await?.closed;
                self.moment = questions
                    .with_answer(self.id, &self.reader, |answer, _| {
                        Moment::of(answer, closed)
                    })
                    .await?;
                self.writer.begin(&mut out);
                Stage::Table(0)
            }
            Stage::Table(at) => match self.tables.get(at).cloned() {
                None => {
                    let mut tail = std::mem::take(&mut self.moment.tail);
                    tail.trouble = self.api.questions.trouble(self.id).await?;
                    self.writer.end(&mut out, Some(&tail));
                    Stage::End
                }
                Some((table, head, show)) => {
                    self.writer.table(&mut out, head);
                    self.order(at, table, &show).await?
                }
            },
            Stage::From(at, from) => {
                let (table, show) = self.what(at);
                let questions = &self.api.questions;
                let rows = questions
                    .with_answer(self.id, &self.reader, |answer, _| {
                        answer
                            .among(self.moment.within.as_ref())
                            .piece(table, from, PIECE, &show)
                    })
                    .await??;
                let next = rows.last().and_then(|row| row.row.checked_add(1));
                self.rows(&mut out, at, &rows);
                next.map_or(Stage::Table(at + 1), |next| Stage::From(at, next))
            }
            Stage::These(at, order, from) => {
                let (table, show) = self.what(at);
                let end = order.len().min(from + PIECE);
                let wanted = order.get(from..end).unwrap_or_default();
                let questions = &self.api.questions;
                let (rows, seen) = questions
                    .with_answer(self.id, &self.reader, |answer, _| {
                        answer
                            .among(self.moment.within.as_ref())
                            .these(table, wanted, &show)
                    })
                    .await??;
                self.rows(&mut out, at, &rows);
                if from + seen < order.len() {
                    Stage::These(at, order, from + seen)
                } else {
                    Stage::Table(at + 1)
                }
            }
            Stage::Groups(at, groups, order, from) => {
                let (_, show) = self.what(at);
                let end = some_groups(&groups, &order, from, show.endpoints);
                let wanted = order.get(from..end).unwrap_or_default();
                let questions = &self.api.questions;
                let rows = questions
                    .with_answer(self.id, &self.reader, |answer, _| {
                        groups.rows(answer, wanted, show.endpoints)
                    })
                    .await??;
                self.rows(&mut out, at, &rows);
                if end < order.len() {
                    Stage::Groups(at, groups, order, end)
                } else {
                    Stage::Table(at + 1)
                }
            }
        };
        Ok(Some((out, next)))
    }

    /// The number of a table, and how its rows are shown.
    fn what(&self, at: usize) -> (u32, Show) {
        let table = self.tables.get(at);
        table.map_or((u32::MAX, Show::default()), |(number, _, show)| {
            (*number, show.clone())
        })
    }

    /// The first rows of a table, in the wanted order.
    async fn order(&mut self, at: usize, table: u32, show: &Show) -> Result<Stage, ApiError> {
        let rare = match self.order {
            ExportOrder::Row => None,
            ExportOrder::Rare => Some(true),
            ExportOrder::Common => Some(false),
        };
        let questions = &self.api.questions;
        let within = self.moment.within.as_ref();
        if let Some(by) = &show.by {
            let mut groups = questions
                .with_answer(self.id, &self.reader, |answer, _| {
                    answer.among(within).groups(table, by)
                })
                .await??;
            // Held for as long as the table takes: only with what it needs.
            if show.endpoints == 0 {
                groups.forget_endpoints();
            }
            let order = groups.order(rare, show.counts);
            return Ok(Stage::Groups(at, groups, self.cut(order), 0));
        }
        // How many rows are left out is known only when all were counted.
        if rare.is_none() && self.most.is_none() {
            return Ok(Stage::From(at, 0));
        }
        let mut order = questions
            .with_answer(self.id, &self.reader, |answer, _| {
                answer
                    .among(within)
                    .by_count(table, rare.unwrap_or_default(), show)
            })
            .await??;
        if rare.is_none() {
            order.sort_unstable();
        }
        Ok(Stage::These(at, self.cut(order), 0))
    }

    /// As many of these rows as are wanted; the others are counted.
    fn cut(&mut self, mut order: Vec<u32>) -> Vec<u32> {
        if let Some(most) = self.most {
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            let left = order.len().saturating_sub(most);
            self.moment.tail.rows_left += left as u64;
            order.truncate(most);
        }
        order
    }

    fn rows(&mut self, out: &mut String, at: usize, rows: &[PageRow]) {
        let Some((_, head, _)) = self.tables.get(at) else {
            return;
        };
        for row in rows {
            let endpoints = head
                .named
                .then(|| shown::machines(&self.api, &row.endpoints));
            self.writer.row(out, &printed(head, row, endpoints));
        }
    }
}

/// Where a piece of groups ends that begins here: it has few rows when each names many endpoints.
fn some_groups(groups: &Groups, order: &[u32], from: usize, most: usize) -> usize {
    let (mut end, mut names) = (from, 0_usize);
    for group in order.iter().skip(from).take(PIECE) {
        if names >= NAMES {
            break;
        }
        let count = usize::try_from(groups.count(*group)).unwrap_or(most);
        names = names.saturating_add(count.min(most));
        end += 1;
    }
    end
}

fn printed(head: &Head, row: &PageRow, endpoints: Option<Vec<Machine>>) -> Row {
    let cells = row.cells.iter().zip(&head.columns);
    let values = cells.map(|(cell, column)| {
        let text = question::cell::text(cell);
        Value::of(&text, column.value_type)
    });
    Row {
        values: values.collect(),
        machines: Some(Machines {
            count: row.count,
            endpoints,
        }),
    }
}
