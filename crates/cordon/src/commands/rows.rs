//! Printing whole answers. Rows come through the export operation and go out as they come, so that an answer of any length needs no
//! more memory than a row; only an aligned table in a terminal is held, and it has few rows.

use super::follow::Retry;
use crate::api::{ApiPage, ApiQuestion, Client, with_query};
use crate::args::Output;
use crate::output::{Table, aligned};
use ::api::answer::{ExportFormat, ExportOrder, ExportQuery, RowsQuery};
use ::api::question::TablePlan;
use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use question::cell;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::io::{BufWriter, IsTerminal, Write};
use std::time::Instant;

/// Longest row that is accepted, in bytes.
const ROW_MAX: usize = 64 << 20;
/// Rows that one request for a page may ask for.
const PAGE: u32 = 10_000;

/// How to print.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    /// Form of output.
    pub output: Output,
    /// Rare rows first, not common ones.
    pub rare: bool,
    /// Rows of a table in a terminal.
    pub most: usize,
}

/// What was printed.
#[derive(Default)]
pub(crate) struct Printed {
    /// Rows.
    pub rows: u64,
    /// Rows that a terminal was spared.
    pub hidden: u64,
}

/// A line of an export; as an object whose members keep their order by name.
#[derive(Deserialize)]
struct Line {
    cells: Map<String, Value>,
    count: u64,
}

/// Prints all tables on standard output. `extra` are further members of the JSON document.
pub(crate) async fn print(
    client: &Client,
    question: &ApiQuestion,
    form: Form,
    extra: Value,
) -> Result<Printed> {
    let stdout = std::io::stdout();
    let terminal = stdout.is_terminal();
    let mut out = BufWriter::with_capacity(64 << 10, stdout.lock());
    let mut printer = Printer {
        client,
        question,
        form,
        printed: Printed::default(),
    };
    match form.output {
        Output::Table if terminal => printer.aligned(&mut out).await?,
        Output::Table => printer.plain(&mut out).await?,
        Output::Csv => printer.csv(&mut out).await?,
        Output::Jsonl => printer.lines(&mut out).await?,
        Output::Json => printer.document(&mut out, extra).await?,
    }
    out.flush()?;
    Ok(printer.printed)
}

struct Printer<'a> {
    client: &'a Client,
    question: &'a ApiQuestion,
    form: Form,
    printed: Printed,
}

impl Printer<'_> {
    fn titled(&self) -> bool {
        self.question.plan.tables.len() > 1
    }

    async fn aligned(&mut self, out: &mut impl Write) -> Result<()> {
        for (table, plan) in (0..).zip(self.question.plan.tables.clone()) {
            let (found, all) = first_rows(
                self.client,
                self.question,
                (table, &plan),
                self.form.rare,
                self.form.most,
            )
            .await?;
            let shown = found.rows.len() as u64;
            self.printed.rows += all;
            self.printed.hidden += all.saturating_sub(shown);
            if self.titled() && !plan.title.is_empty() {
                writeln!(out, "{}", cell::printable(plan.title.as_bytes()))?;
            }
            writeln!(out, "{}", aligned(&found, None))?;
        }
        Ok(())
    }

    async fn plain(&mut self, out: &mut impl Write) -> Result<()> {
        for (table, plan) in (0..).zip(self.question.plan.tables.clone()) {
            if self.titled() && !plan.title.is_empty() {
                writeln!(out, "{}", cell::printable(plan.title.as_bytes()))?;
            }
            let names = plan.columns.iter().map(|c| c.name.as_str());
            let head: Vec<String> = names
                .chain(["Count"])
                .map(|name| cell::printable(name.as_bytes()))
                .collect();
            writeln!(out, "{}", head.join("\t"))?;
            self.rows(table, |line| {
                for column in &plan.columns {
                    let text = line.cells.get(&column.name).and_then(Value::as_str);
                    out.write_all(cell::printable(text.unwrap_or_default().as_bytes()).as_bytes())?;
                    out.write_all(b"\t")?;
                }
                writeln!(out, "{}", line.count)
            })
            .await?;
        }
        Ok(())
    }

    /// The file as the server writes it: its lines hold no line break in a cell.
    async fn csv(&mut self, out: &mut impl Write) -> Result<()> {
        for table in (0..).take(self.question.plan.tables.len()) {
            let mut lines = 0;
            self.export(table, ExportFormat::Csv, |chunk| {
                lines += chunk.iter().filter(|b| **b == b'\n').count() as u64;
                Ok(out.write_all(chunk)?)
            })
            .await?;
            // The first line has the names of the columns.
            self.printed.rows += u64::saturating_sub(lines, 1);
        }
        Ok(())
    }

    async fn lines(&mut self, out: &mut impl Write) -> Result<()> {
        for table in (0..).take(self.question.plan.tables.len()) {
            self.rows(table, |line| {
                let text = Value::Object(flat(line)).to_string();
                writeln!(out, "{}", cell::harmless_json(&text))
            })
            .await?;
        }
        Ok(())
    }

    async fn document(&mut self, out: &mut impl Write, extra: Value) -> Result<()> {
        let json = |value: &Value| -> Result<String> {
            let text = serde_json::to_string_pretty(value)?;
            Ok(cell::harmless_json(&text).into_owned())
        };
        // The document stays open for its tables, and a table for its rows.
        let head = json(&extra)?;
        out.write_all(head.trim_end_matches('}').trim_end().as_bytes())?;
        out.write_all(b",\n  \"tables\": [")?;
        for (table, plan) in (0..).zip(self.question.plan.tables.clone()) {
            let names: Vec<&str> = plan.columns.iter().map(|c| c.name.as_str()).collect();
            write!(
                out,
                "{}\n    {{\n      \"title\": {},\n      \"columns\": {},\n      \"rows\": [",
                if table > 0 { "," } else { "" },
                json(&plan.title.as_str().into())?,
                cell::harmless_json(&serde_json::to_string(&names)?),
            )?;
            let mut first = true;
            self.rows(table, |line| {
                let text = Value::Object(flat(line)).to_string();
                let comma = if std::mem::take(&mut first) { "" } else { "," };
                write!(out, "{comma}\n        {}", cell::harmless_json(&text))
            })
            .await?;
            out.write_all(b"\n      ]\n    }")?;
        }
        out.write_all(b"\n  ]\n}\n")?;
        Ok(())
    }

    /// Calls `row` for each row of a table.
    async fn rows(
        &mut self,
        table: u32,
        mut row: impl FnMut(Line) -> std::io::Result<()>,
    ) -> Result<()> {
        let mut held: Vec<u8> = Vec::new();
        let mut count = 0;
        let mut take = |line: &[u8]| -> Result<()> {
            let line = serde_json::from_slice(line)
                .context("the server sent a row in an unexpected form")?;
            count += 1;
            Ok(row(line)?)
        };
        self.export(table, ExportFormat::Jsonl, |chunk| {
            let mut rest = chunk;
            while let Some(end) = rest.iter().position(|b| *b == b'\n') {
                let (line, after) = rest.split_at(end);
                rest = after.get(1..).unwrap_or_default();
                if held.is_empty() {
                    take(line)?;
                } else {
                    held.extend_from_slice(line);
                    take(&held)?;
                    held.clear();
                }
            }
            held.extend_from_slice(rest);
            if held.len() > ROW_MAX {
                bail!("the server sent a row of more than {ROW_MAX} bytes");
            }
            Ok(())
        })
        .await?;
        self.printed.rows += count;
        Ok(())
    }

    /// Calls `take` for each piece of an exported table. A server that is away at the beginning is waited for; one that goes away in the
    /// middle leaves half a table behind, and that is said.
    async fn export(
        &self,
        table: u32,
        format: ExportFormat,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let sort = if self.form.rare {
            ExportOrder::Rare
        } else {
            ExportOrder::Common
        };
        let query = ExportQuery {
            table,
            format,
            sort,
        };
        let id = self.question.id;
        let path = with_query(&format!("/questions/{id}/export"), query)?;
        let mut retry = Retry::new(self.question, Instant::now());
        let reply = retry
            .persist(async || self.client.stream(&path, &[]).await)
            .await?;
        let mut body = reply.bytes_stream();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.with_context(|| {
                format!("the transfer broke off before its end; `cordon questions show {id}` begins it anew")
            })?;
            take(&chunk)?;
        }
        Ok(())
    }
}

/// A row as an object of its cells and its count.
fn flat(line: Line) -> Map<String, Value> {
    let mut object = line.cells;
    object.insert("Count".into(), line.count.into());
    object
}

/// The first rows of a table, and how many it has.
pub(crate) async fn first_rows(
    client: &Client,
    question: &ApiQuestion,
    (table, plan): (u32, &TablePlan),
    rare: bool,
    most: usize,
) -> Result<(Table, u64)> {
    let mut found = Table {
        title: plan.title.clone(),
        columns: plan.columns.iter().map(|c| c.name.clone()).collect(),
        rows: Vec::new(),
    };
    let mut retry = Retry::new(question, Instant::now());
    loop {
        let missing = most.saturating_sub(found.rows.len());
        let query = RowsQuery {
            table,
            sort: Some(if rare { "count" } else { "-count" }.to_owned()),
            offset: u32::try_from(found.rows.len()).unwrap_or(u32::MAX),
            limit: Some(u32::try_from(missing).unwrap_or(PAGE).min(PAGE)),
            ..RowsQuery::default()
        };
        let path = format!("/questions/{}/rows", question.id);
        let page: ApiPage = retry
            .persist(async || client.query(&path, &query).await)
            .await?;
        let came = page.rows.len();
        let rows = page.rows.into_iter();
        found.rows.extend(rows.map(|r| (r.cells, Some(r.count))));
        if came == 0 || found.rows.len() >= most || found.rows.len() as u64 >= page.total_rows {
            return Ok((found, page.total_rows));
        }
    }
}
