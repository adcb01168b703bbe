//! Printing whole answers. Rows come through the export operation and go out as they come, so that an answer of any length needs no
//! more memory than a row; of a table in a terminal only the first rows come. Whatever is printed of an answer, rows and how far it is,
//! is one export and so of one moment.

use super::follow::Retry;
use super::which::Shown;
use crate::api::{ApiPage, ApiQuestion, Client, Coverage, with_query};
use crate::output::counted;
use crate::output::{Form, How, Printer, Table, Tree};
use ::api::EndpointState;
use ::api::answer::{ExportFormat, ExportOrder, ExportQuery, RowsQuery};
use ::api::document::{EndLine, Line, QuestionHead, RowLine, Tail};
use ::api::table::Head;
use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use std::io::IsTerminal;
use std::time::Instant;

/// Longest row that is accepted, in bytes.
const ROW_MAX: usize = 64 << 20;
/// Rows that one request for a page may ask for.
const PAGE: u32 = 10_000;
/// Machines that one request for a page may name.
const MOST_NAMES: u32 = 100_000;
/// Machines of each row that a terminal is shown at most; the line says how many more there are.
const NAMES: u32 = 100;

/// How to print.
#[derive(Clone)]
pub(crate) struct Wanted {
    /// Form, tables, place.
    pub how: How,
    /// By what machines are counted, on how many, and how many are named.
    pub shown: Shown,
    /// Rare rows first, not common ones.
    pub rare: bool,
    /// Rows of a table in a terminal.
    pub most: usize,
    /// Endpoints by state, as far as that is known before: it decides whether a table is drawn as a tree.
    pub coverage: Coverage,
}

/// What was printed.
#[derive(Default)]
pub(crate) struct Printed {
    /// Rows.
    pub rows: u64,
    /// Rows that a terminal was spared.
    pub hidden: u64,
    /// How far the answer was with these rows.
    pub tail: Tail,
}

/// Prints the wanted tables of an answer.
pub(crate) async fn print(
    client: &Client,
    question: &ApiQuestion,
    wanted: &Wanted,
) -> Result<Printed> {
    let mut heads = Head::of(&question.plan);
    for head in &mut heads {
        head.named = wanted.shown.machines.is_some();
    }
    let about = QuestionHead::from(question);
    let mut printer = Printer::new(&wanted.how, Some(about), serde_json::Value::Null, &heads)?;
    let trees = trees(question, &wanted.coverage);
    let shown = wanted.how.folder.is_none() && std::io::stdout().is_terminal();
    // What is shown of an answer fits into a terminal: not every row, nor every name of ten thousand machines.
    let short = wanted.how.form == Form::Aligned && shown;
    let (rows, machines) = if short {
        let names = wanted.shown.machines.map(|machines| machines.min(NAMES));
        (Some(u32::try_from(wanted.most).unwrap_or(u32::MAX)), names)
    } else {
        (None, wanted.shown.machines)
    };
    let mut export = Export {
        heads: &heads,
        trees: &trees,
        waiting: printer.wanted(),
        printer: &mut printer,
        current: None,
        rows: 0,
        tail: None,
    };
    // One table or all: a request for each would show each as of another moment.
    let one = match export.waiting.as_slice() {
        [at] if heads.len() > 1 => u32::try_from(*at).ok(),
        _ => None,
    };
    let sort = if wanted.rare {
        ExportOrder::Rare
    } else {
        ExportOrder::Common
    };
    let query = ExportQuery {
        table: one,
        format: ExportFormat::Jsonl,
        sort,
        by: Some(wanted.shown.by.clone()),
        count: Some(wanted.shown.count.clone()),
        machines,
        rows,
    };
    receive(client, question, query, |line| export.line(line)).await?;
    let (rows, mut tail) = export.end(question)?;
    // Told beside the rows; what is printed has all that was wanted.
    let hidden = std::mem::take(&mut tail.rows_left);
    printer.end(Some(&tail))?;
    Ok(Printed {
        rows: rows + hidden,
        hidden,
        tail,
    })
}

/// For each table, the tree that it is drawn as. The trees of several machines are no tree: what they have in common is told once, and
/// which row hangs below which is no longer said.
fn trees(question: &ApiQuestion, coverage: &Coverage) -> Vec<Option<Tree>> {
    let gave = coverage.iter().filter(|(state, _)| {
        state.is_claimable() && !matches!(state, EndpointState::Empty | EndpointState::NotConcerned)
    });
    let one = gave.map(|(_, count)| count).sum::<u64>() == 1;
    let tables = question.plan.tables.iter();
    tables
        .map(|table| Tree::of(table).filter(|_| one))
        .collect()
}

/// Says that there are more rows than a terminal was shown.
pub(crate) fn tell_hidden(printed: &Printed) {
    if printed.hidden > 0 {
        anstream::eprintln!(
            "… {}: `--rows N` shows more, `--output csv` gives all",
            counted(printed.hidden, "more row")
        );
    }
}

/// What comes of an export, on its way to the printer.
struct Export<'a> {
    heads: &'a [Head],
    trees: &'a [Option<Tree>],
    printer: &'a mut Printer,
    /// Places of the tables that did not begin yet.
    waiting: Vec<usize>,
    current: Option<&'a Head>,
    rows: u64,
    tail: Option<Tail>,
}

impl Export<'_> {
    fn line(&mut self, line: &[u8]) -> Result<()> {
        // Nearly all are rows, so that is tried first.
        let read = match serde_json::from_slice::<RowLine>(line) {
            Ok(row) => Line::Row(row),
            Err(error) => match serde_json::from_slice::<EndLine>(line) {
                Ok(end) => Line::End(end),
                Err(_) => {
                    let what = "the server sent a row that is not what it should be";
                    return Err(anyhow::Error::new(error).context(what));
                }
            },
        };
        match read {
            Line::Row(row) => {
                while self.current.is_none_or(|head| head.name != row.table) {
                    if !self.next()? {
                        bail!("the server sent a row of a table that this answer does not have");
                    }
                }
                if let Some(head) = self.current {
                    self.printer.row(&row.row(head))?;
                }
                self.rows += 1;
            }
            Line::End(end) => {
                self.tail = Some(end.into());
            }
        }
        Ok(())
    }

    /// Begins the next table, if there is one. Those without rows have no line of their own.
    fn next(&mut self) -> Result<bool> {
        if self.waiting.is_empty() {
            return Ok(false);
        }
        let at = self.waiting.remove(0);
        self.current = self.heads.get(at);
        if let Some(head) = self.current {
            let tree = self.trees.get(at).copied().flatten();
            self.printer.tree(head, tree)?;
        }
        Ok(true)
    }

    fn end(mut self, question: &ApiQuestion) -> Result<(u64, Tail)> {
        while self.next()? {}
        // What ends without its last line did not end by itself.
        let tail = self.tail.with_context(|| broken(question))?;
        Ok((self.rows, tail))
    }
}

fn broken(question: &ApiQuestion) -> String {
    format!(
        "the transfer broke off before its end; `cordon questions show {}` begins it anew",
        question.id
    )
}

/// Calls `line` for each line of an export. A server that is away at the beginning is waited for; one that goes away in the middle leaves
/// half an answer behind, and that is said.
async fn receive(
    client: &Client,
    question: &ApiQuestion,
    query: ExportQuery,
    mut line: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let path = with_query(&format!("/questions/{}/export", question.id), query)?;
    let mut retry = Retry::new(question, Instant::now());
    let reply = retry
        .persist(async || client.stream(&path, &[]).await)
        .await?;
    let mut body = reply.bytes_stream();
    let mut held: Vec<u8> = Vec::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.with_context(|| broken(question))?;
        let mut rest = &chunk[..];
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            let (whole, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            if held.is_empty() {
                line(whole)?;
            } else {
                held.extend_from_slice(whole);
                line(&held)?;
                held.clear();
            }
        }
        held.extend_from_slice(rest);
        if held.len() > ROW_MAX {
            bail!("the server sent a row of more than {ROW_MAX} bytes");
        }
    }
    Ok(())
}

/// The first rows of a table, and how many it has.
pub(crate) async fn first_rows(
    client: &Client,
    question: &ApiQuestion,
    (table, head): (u32, &Head),
    shown: &Shown,
    rare: bool,
    most: usize,
) -> Result<(Table, u64)> {
    let mut found = Table {
        head: head.clone(),
        rows: Vec::new(),
    };
    let mut retry = Retry::new(question, Instant::now());
    loop {
        let missing = most.saturating_sub(found.rows.len());
        // What is shown of an answer fits into a terminal: not every name of ten thousand machines.
        let machines = shown.machines.map(|machines| machines.min(NAMES));
        let page = PAGE.min(MOST_NAMES / machines.unwrap_or(1).max(1));
        let query = RowsQuery {
            table,
            sort: Some(if rare { "count" } else { "-count" }.to_owned()),
            by: Some(shown.by.clone()),
            count: Some(shown.count.clone()),
            machines,
            offset: u32::try_from(found.rows.len()).unwrap_or(u32::MAX),
            limit: Some(u32::try_from(missing).unwrap_or(page).min(page)),
            ..RowsQuery::default()
        };
        let path = format!("/questions/{}/rows", question.id);
        let page: ApiPage = retry
            .persist(async || client.query(&path, &query).await)
            .await?;
        let came = page.rows.len();
        for row in &page.rows {
            found.push(row);
        }
        if came == 0 || found.rows.len() >= most || found.rows.len() as u64 >= page.total_rows {
            return Ok((found, page.total_rows));
        }
    }
}
