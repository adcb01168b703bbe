//! Whole tables as files: CSV, JSON lines, JSON. Streamed piece by piece, without an end to rows or time.
//!
//! The answer is held only for the length of a piece, so merging goes on; rows that come meanwhile have larger numbers and are
//! reached at the end. If the server must break off, the transfer breaks off too, so that half a file never looks whole.
//!
//! **CSV** follows RFC 4180: a header line, CRLF, quotes where needed, a last column `Count`. Spreadsheets run cells that begin like a
//! formula, and cells come from machines that may be hostile. So a cell whose first visible character is `=`, `+`, `-`,
//! `@`, or that begins with a tab or a carriage return, gets an apostrophe before it, unless it is a plain number. JSON has the cells
//! as they are.

use super::Api;
use super::answers::{columns, table_plan, texts};
use super::error::{ApiError, ErrorBody};
use super::extract::{Client, Path, Query, Reads};
use crate::model::audit::Deed;
use crate::model::ids::QuestionId;
use answer::PageRow;
use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Rows in a piece.
const PIECE: usize = 500;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(export))
}

/// Form of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    /// One object with columns, rows and coverage.
    #[default]
    Json,
    /// RFC 4180, safe for spreadsheets.
    Csv,
    /// An object for each row.
    Jsonl,
}

/// What to export.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportQuery {
    /// Number of the table, 0 unless told.
    #[serde(default)]
    table: u32,
    /// Form of the file.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

/// What stands before, between and after the rows.
struct Writer {
    format: Format,
    names: Vec<String>,
    head: Value,
    first: bool,
}

enum Stage {
    Head,
    Rows(u32),
    End,
}

/// A whole table. In CSV, cells that a spreadsheet would take for a formula get an apostrophe before them.
#[utoipa::path(get, path = "/questions/{id}/export", tag = "answers", security(("session" = []), ("token" = ["read"])),
    params(("id" = u64, Path, description = "The question's number"), ExportQuery), responses(
    (status = OK, description = "The file", content((String = "application/json"), (String = "text/csv"), (String = "application/jsonl"))),
    (status = NOT_FOUND, body = ErrorBody),
))]
async fn export(
    Reads(caller): Reads,
    Client(address): Client,
    Shared(api): Shared<Arc<Api>>,
    Path(id): Path<QuestionId>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, ApiError> {
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
        Format::Json => ("application/json", "json"),
        Format::Csv => ("text/csv; charset=utf-8; header=present", "csv"),
        Format::Jsonl => ("application/jsonl; charset=utf-8", "jsonl"),
    };
    let name = format!(
        "attachment; filename=\"question-{id}-table-{}.{ending}\"",
        query.table
    );
    let table = query.table;
    let pieces = stream::try_unfold(
        (api, writer, Stage::Head),
        move |(api, mut writer, stage)| async move {
            let (bytes, next) = match stage {
                Stage::End => return Ok::<_, std::io::Error>(None),
                Stage::Head => (writer.begin(), Stage::Rows(0)),
                Stage::Rows(from) => {
                    piece(&api, &mut writer, id, table, from)
                        .await
                        .map_err(|error| {
                            tracing::error!(?error, question = %id, "an export broke off");
                            std::io::Error::other("the export broke off")
                        })?
                }
            };
            Ok(Some((Bytes::from(bytes), (api, writer, next))))
        },
    );
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

async fn piece(
    api: &Api,
    writer: &mut Writer,
    id: QuestionId,
    table: u32,
    from: u32,
) -> Result<(Vec<u8>, Stage), ApiError> {
    let (rows, coverage, cut) = api
        .questions
        .with_answer(id, |answer, _| {
            let rows = answer.piece(table, from, PIECE);
            (rows, answer.coverage().counts(), answer.rows_cut())
        })
        .await?;
    let rows = rows?;
    let mut out = Vec::new();
    for row in &rows {
        writer.row(&mut out, row);
    }
    let next = rows.last().and_then(|row| row.row.checked_add(1));
    match next {
        Some(next) => Ok((out, Stage::Rows(next))),
        None => {
            writer.end(&mut out, &json!({"coverage": coverage, "rows_cut": cut}));
            Ok((out, Stage::End))
        }
    }
}

impl Writer {
    fn begin(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self.format {
            Format::Json => {
                // The object stays open for the rows.
                let head = self.head.to_string();
                out.extend_from_slice(head.strip_suffix('}').unwrap_or(&head).as_bytes());
                out.extend_from_slice(b",\"rows\":[");
            }
            Format::Csv => {
                let names = self.names.iter().map(String::as_str);
                csv_line(&mut out, names.chain(["Count"]));
            }
            Format::Jsonl => {}
        }
        out
    }

    fn row(&mut self, out: &mut Vec<u8>, row: &PageRow) {
        let cells = texts(row);
        if self.format == Format::Csv {
            let count = row.count.to_string();
            csv_line(
                out,
                cells.iter().map(String::as_str).chain([count.as_str()]),
            );
            return;
        }
        let cells: Map<String, Value> = self
            .names
            .iter()
            .cloned()
            .zip(cells.into_iter().map(Value::String))
            .collect();
        let object = json!({"cells": cells, "count": row.count}).to_string();
        if self.format == Format::Json {
            out.extend_from_slice(if self.first { b"\n" } else { b",\n" });
            out.extend_from_slice(object.as_bytes());
        } else {
            out.extend_from_slice(object.as_bytes());
            out.push(b'\n');
        }
        self.first = false;
    }

    fn end(&self, out: &mut Vec<u8>, tail: &Value) {
        if self.format == Format::Json {
            let tail = tail.to_string();
            out.extend_from_slice(b"\n],");
            out.extend_from_slice(tail.strip_prefix('{').unwrap_or(&tail).as_bytes());
            out.push(b'\n');
        }
    }
}

fn csv_line<'a>(out: &mut Vec<u8>, cells: impl Iterator<Item = &'a str>) {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        csv_cell(out, cell);
    }
    out.extend_from_slice(b"\r\n");
}

fn csv_cell(out: &mut Vec<u8>, cell: &str) {
    let formula = is_formula(cell);
    let quoted = formula
        || cell.contains([',', '"', '\r', '\n'])
        || cell.starts_with(char::is_whitespace)
        || cell.ends_with(char::is_whitespace);
    if !quoted {
        out.extend_from_slice(cell.as_bytes());
        return;
    }
    out.push(b'"');
    if formula {
        out.push(b'\'');
    }
    out.extend_from_slice(cell.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}

/// Whether a spreadsheet might run this cell. Plain numbers are left alone, so that columns of them stay numbers.
fn is_formula(cell: &str) -> bool {
    let begins = cell.starts_with(['\t', '\r'])
        || cell
            .trim_start()
            // Full-width forms count too: some spreadsheets take them for the plain ones.
            .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    let digits = cell.strip_prefix(['-', '+']).unwrap_or(cell);
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && digits.bytes().filter(|b| *b == b'.').count() <= 1
        && digits.starts_with(|c: char| c.is_ascii_digit());
    begins && !plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(cells: &[&str]) -> String {
        let mut out = Vec::new();
        csv_line(&mut out, cells.iter().copied());
        String::from_utf8(out).expect("text stays text")
    }

    #[test]
    fn csv_quotes_what_must_be_quoted_and_disarms_formulas() {
        assert_eq!(
            line(&["plain", "a,b", "say \"x\"", "two\nlines", ""]),
            "plain,\"a,b\",\"say \"\"x\"\"\",\"two\nlines\",\r\n"
        );
        for armed in [
            "=1+1",
            "@SUM(A1)",
            "-cmd|' /C calc'!A0",
            "+1+2",
            " =1",
            "\t=1",
            "＝1",
            "-",
            "-1.2.3",
        ] {
            let line = line(&[armed]);
            assert!(line.starts_with("\"'"), "{armed:?} gave {line:?}");
        }
        for plain in ["-5", "+5", "-1.25", "a=b", "10"] {
            assert_eq!(line(&[plain]), format!("{plain}\r\n"));
        }
    }

    #[test]
    fn a_json_file_is_one_whole_object() {
        for rows in 0..3_u32 {
            let mut writer = Writer {
                format: Format::Json,
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
