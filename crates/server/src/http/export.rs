//! Whole tables as files: CSV, JSON lines, JSON. Streamed piece by piece, without an end to rows or time.
//!
//! The answer is held only for the length of a piece, so merging goes on; rows that come meanwhile have larger numbers and are
//! reached at the end. If the server must break off, the transfer breaks off too, so that half a file never looks whole.
//!
//! **CSV** is written by [`question::csv`], with a header line and a last column `Count`: safe for spreadsheets. JSON has the cells as
//! they are; what would hide or turn the direction of writing stands in it as JSON's own escapes.

use super::Api;
use super::answers::{columns, table_plan, texts};
use super::error::{ApiError, ErrorBody};
use super::extract::{Client, Path, Query, Reads};
use crate::model::audit::Deed;
use crate::model::ids::QuestionId;
use answer::PageRow;
use api::answer::{ExportFormat, ExportOrder, ExportQuery, ExportedFile, ExportedRow};
use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use question::cell::harmless_json;
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Rows in a piece.
const PIECE: usize = 500;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(export))
}

/// What stands before, between and after the rows.
struct Writer {
    format: ExportFormat,
    names: Vec<String>,
    head: Value,
    first: bool,
}

/// What is still to be written.
enum Stage {
    Head,
    /// Rows from this number on.
    From(u32),
    /// These rows, from this place on.
    These(Vec<u32>, usize),
    End,
}

/// A whole table. In CSV, cells that a spreadsheet would take for a formula get an apostrophe before them.
#[utoipa::path(get, path = "/questions/{id}/export", operation_id = "export_answer", tag = "answers", security(("session" = []), ("token" = ["read"])),
    params(("id" = inline(api::ids::QuestionId), Path, description = "The question's number"), ExportQuery), responses(
    (status = OK, description = "The file", content(
        (String = "text/csv"),
        (ExportedRow = "application/jsonl"),
        (ExportedFile = "application/json"),
    )),
    (status = NOT_FOUND, body = ErrorBody),
))]
async fn export(
    Reads(caller): Reads,
    Client(address): Client,
    Shared(api): Shared<Arc<Api>>,
    Path(id): Path<api::ids::QuestionId>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, ApiError> {
    let id = QuestionId::from(id);
    let info = api.questions.info(id).await?;
    let columns = columns(table_plan(&info.plan, query.table)?);
    // A whole answer leaves the server: without its entry it does not.
    let deed = Deed::new(caller.actor(), "answer.export", format!("question {id}"))
        .with(json!({"table": query.table, "format": query.format, "address": address}));
    api.store.note(deed).await?;
    let writer = Writer {
        format: query.format,
        names: columns.iter().map(|c| c.name.clone()).collect(),
        head: json!({"question": info.text, "id": id, "table": query.table, "columns": columns}),
        first: true,
    };
    let (kind, ending) = match query.format {
        ExportFormat::Json => ("application/json", "json"),
        ExportFormat::Csv => ("text/csv; charset=utf-8; header=present", "csv"),
        ExportFormat::Jsonl => ("application/jsonl; charset=utf-8", "jsonl"),
    };
    let name = format!(
        "attachment; filename=\"question-{id}-table-{}.{ending}\"",
        query.table
    );
    let export = Export {
        api,
        id,
        table: query.table,
        order: query.sort,
        writer,
    };
    let pieces = stream::try_unfold((export, Stage::Head), |(mut export, stage)| async move {
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

/// An export under way.
struct Export {
    api: Arc<Api>,
    id: QuestionId,
    table: u32,
    order: ExportOrder,
    writer: Writer,
}

impl Export {
    /// The next piece of the file, and what comes after it; `None` at the end.
    async fn piece(&mut self, stage: Stage) -> Result<Option<(Vec<u8>, Stage)>, ApiError> {
        let table = self.table;
        let questions = &self.api.questions;
        let (rows, next) = match stage {
            Stage::End => return Ok(None),
            Stage::Head => {
                let rare = match self.order {
                    ExportOrder::Row => None,
                    ExportOrder::Rare => Some(true),
                    ExportOrder::Common => Some(false),
                };
                let next = match rare {
                    None => Stage::From(0),
                    Some(rare) => {
                        let order = questions
                            .with_answer(self.id, |answer, _| answer.by_count(table, rare))
                            .await??;
                        Stage::These(order, 0)
                    }
                };
                return Ok(Some((self.writer.begin(), next)));
            }
            Stage::From(from) => {
                let rows = questions
                    .with_answer(self.id, |answer, _| answer.piece(table, from, PIECE))
                    .await??;
                let next = rows.last().and_then(|row| row.row.checked_add(1));
                (rows, next.map(Stage::From))
            }
            Stage::These(order, at) => {
                let end = order.len().min(at + PIECE);
                let wanted = order.get(at..end).unwrap_or_default();
                let rows = questions
                    .with_answer(self.id, |answer, _| answer.these(table, wanted))
                    .await??;
                (rows, (at < end).then_some(Stage::These(order, end)))
            }
        };
        let mut out = Vec::new();
        for row in &rows {
            self.writer.row(&mut out, row);
        }
        let Some(next) = next else {
            let (coverage, cut) = questions
                .with_answer(self.id, |answer, _| {
                    (answer.coverage().counts(), answer.rows_cut())
                })
                .await?;
            let tail = json!({"coverage": coverage, "rows_cut": cut.min(api::ids::LARGEST)});
            self.writer.end(&mut out, &tail);
            return Ok(Some((out, Stage::End)));
        };
        Ok(Some((out, next)))
    }
}

impl Writer {
    fn begin(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self.format {
            ExportFormat::Json => {
                // The object stays open for the rows.
                let head = self.head.to_string();
                let head = harmless_json(head.strip_suffix('}').unwrap_or(&head));
                out.extend_from_slice(head.as_bytes());
                out.extend_from_slice(b",\"rows\":[");
            }
            ExportFormat::Csv => {
                let names = self.names.iter().map(String::as_str);
                csv_line(&mut out, names.chain(["Count"]));
            }
            ExportFormat::Jsonl => {}
        }
        out
    }

    fn row(&mut self, out: &mut Vec<u8>, row: &PageRow) {
        let cells = texts(row);
        if self.format == ExportFormat::Csv {
            let count = row.count.to_string();
            csv_line(
                out,
                cells.iter().map(String::as_str).chain([count.as_str()]),
            );
            return;
        }
        let object = json!(ExportedRow {
            cells: self.names.iter().cloned().zip(cells).collect(),
            count: row.count,
        })
        .to_string();
        let object = harmless_json(&object);
        if self.format == ExportFormat::Json {
            out.extend_from_slice(if self.first { b"\n" } else { b",\n" });
            out.extend_from_slice(object.as_bytes());
        } else {
            out.extend_from_slice(object.as_bytes());
            out.push(b'\n');
        }
        self.first = false;
    }

    fn end(&self, out: &mut Vec<u8>, tail: &Value) {
        if self.format == ExportFormat::Json {
            let tail = tail.to_string();
            out.extend_from_slice(b"\n],");
            out.extend_from_slice(tail.strip_prefix('{').unwrap_or(&tail).as_bytes());
            out.push(b'\n');
        }
    }
}

fn csv_line<'a>(out: &mut Vec<u8>, cells: impl Iterator<Item = &'a str>) {
    let mut line = String::new();
    question::csv::line(&mut line, cells);
    out.extend_from_slice(line.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_file_is_one_whole_object() {
        for rows in 0..3_u32 {
            let mut writer = Writer {
                format: ExportFormat::Json,
                names: vec!["Name".into()],
                head: json!({"columns": []}),
                first: true,
            };
            let mut out = writer.begin();
            for row in 0..rows {
                let cells = vec![b"\xff<b>".to_vec().into_boxed_slice()];
                writer.row(
                    &mut out,
                    &PageRow {
                        row,
                        cells,
                        count: 2,
                    },
                );
            }
            writer.end(&mut out, &json!({"rows_cut": 0}));
            let file: Value = serde_json::from_slice(&out).expect("valid JSON");
            assert_eq!(file["rows"].as_array().map(Vec::len), Some(rows as usize));
            assert_eq!(file["rows_cut"], 0);
            if rows > 0 {
                assert_eq!(file["rows"][0]["cells"]["Name"], "\\xFF<b>");
            }
        }
    }
}
