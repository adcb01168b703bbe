//! Following an answer over server-sent events, and showing it live in a terminal.

use crate::api::{ApiChanges, ApiPage, ApiQuestion, ApiRow, Client, Coverage};
pub use crate::args::Wait;
use crate::output::{Table, aligned};
use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use std::collections::BTreeMap;
use std::time::Instant;

/// Longest event that is accepted, in bytes.
const EVENT_MAX: usize = 64 << 20;

/// States that still may change while the question is open and the endpoint is connected.
const PENDING: &str = "pending";
/// Endpoints that were not connected when asked.
const OFFLINE: &str = "offline";

/// How many endpoints said something, and how many could.
pub fn progress(coverage: &Coverage) -> (u64, u64) {
    let all: u64 = coverage.values().sum();
    let waiting = coverage.get(PENDING).unwrap_or(&0) + coverage.get(OFFLINE).unwrap_or(&0);
    (all - waiting, all)
}

/// Follows until enough endpoints answered, time is up, or the user stops. Calls `changed` after each change.
pub async fn follow(
    client: &Client,
    question: &ApiQuestion,
    wait: Option<Wait>,
    mut changed: impl FnMut(&Coverage, &mut dyn Iterator<Item = (u32, &ApiRow)>),
) -> Result<Coverage> {
    let mut coverage = question.coverage.clone();
    let started = Instant::now();
    let response = client
        .stream(&format!("/questions/{}/events", question.id()))
        .await?;
    let mut body = response.bytes_stream();
    let mut buffer: Vec<u8> = Vec::new();
    let mut searched = 0;
    loop {
        if enough(&coverage, wait) {
            return Ok(coverage);
        }
        let left = match wait {
            Some(Wait::Time(time)) => time.saturating_sub(started.elapsed()),
            _ => std::time::Duration::from_secs(86_400 * 30),
        };
        let chunk = tokio::select! {
            chunk = body.next() => chunk,
            () = tokio::time::sleep(left) => return Ok(coverage),
            _ = tokio::signal::ctrl_c() => return Ok(coverage),
        };
        let Some(chunk) = chunk else {
            return Ok(coverage);
        };
        buffer.extend_from_slice(
            &chunk.context("the connection to the server broke off while following the answer")?,
        );
        while let Some(end) = event_end(&buffer, searched) {
            searched = 0;
            let rest = buffer.split_off(end);
            let event = std::mem::replace(&mut buffer, rest);
            let Some(changes) = read_event(&event)? else {
                continue;
            };
            coverage = changes.coverage;
            changed(
                &coverage,
                &mut changes
                    .tables
                    .iter()
                    .flat_map(|t| t.rows.iter().map(move |r| (t.table, r))),
            );
            if changes.done {
                return Ok(coverage);
            }
        }
        searched = buffer.len().saturating_sub(3);
        if buffer.len() > EVENT_MAX {
            bail!("the server sent an event of more than {EVENT_MAX} bytes");
        }
    }
}

fn enough(coverage: &Coverage, wait: Option<Wait>) -> bool {
    let (done, all) = progress(coverage);
    match wait {
        Some(Wait::Share(share)) => all > 0 && done as f64 >= share * all as f64,
        Some(Wait::Time(_)) => all > 0 && done == all,
        // Endpoints that are offline may join for as long as the question lives; nobody waits for them unless asked to.
        None => coverage.get(PENDING).copied().unwrap_or(0) == 0,
    }
}

/// Place just behind the first complete event, looking from `from` on.
fn event_end(buffer: &[u8], from: usize) -> Option<usize> {
    let tail = buffer.get(from..)?;
    let lf = tail
        .windows(2)
        .position(|w| w == b"\n\n")
        .map(|at| from + at + 2);
    let crlf = tail
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .map(|at| from + at + 4);
    match (lf, crlf) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Reads one event in the form of <https://html.spec.whatwg.org/multipage/server-sent-events.html>; comments give nothing.
fn read_event(event: &[u8]) -> Result<Option<ApiChanges>> {
    let text = String::from_utf8_lossy(event);
    let (mut name, mut data) = ("message", String::new());
    for line in text.lines() {
        if let Some(value) = line.strip_prefix("event:") {
            name = value.trim();
        } else if let Some(value) = line.strip_prefix("data:") {
            data.push_str(value.strip_prefix(' ').unwrap_or(value));
        }
    }
    if name != "changes" || data.is_empty() {
        return Ok(None);
    }
    let changes =
        serde_json::from_str(&data).context("the server sent changes in an unexpected form")?;
    Ok(Some(changes))
}

/// All rows of every table, most common (or rarest) first.
pub(crate) async fn all_rows(
    client: &Client,
    question: &ApiQuestion,
    rare: bool,
) -> Result<Vec<Table>> {
    const PAGE: u64 = 5_000;
    let sort = if rare { "count" } else { "-count" };
    let mut tables = Vec::new();
    for (index, plan) in question.plan.tables.iter().enumerate() {
        let mut table = Table {
            title: plan.title.clone(),
            columns: plan.columns.iter().map(|c| c.name.clone()).collect(),
            rows: Vec::new(),
        };
        loop {
            let path = format!(
                "/questions/{}/rows?table={index}&sort={sort}&offset={}&limit={PAGE}",
                question.id(),
                table.rows.len()
            );
            let page: ApiPage = client.get(&path).await?;
            let last = page.rows.is_empty();
            table
                .rows
                .extend(page.rows.into_iter().map(|r| (r.cells, Some(r.count))));
            if last || table.rows.len() as u64 >= page.total_rows {
                break;
            }
        }
        tables.push(table);
    }
    Ok(tables)
}

/// A screen that shows the answer while it fills.
pub(crate) struct Live {
    rows: BTreeMap<(u32, u32), ApiRow>,
    tables: Vec<(String, Vec<String>)>,
    term: indicatif::ProgressBar,
    most: usize,
    rare: bool,
}

impl Live {
    /// An empty screen for this question.
    pub fn new(question: &ApiQuestion, most: usize, rare: bool) -> Self {
        let tables = question
            .plan
            .tables
            .iter()
            .map(|t| {
                (
                    t.title.clone(),
                    t.columns.iter().map(|c| c.name.clone()).collect(),
                )
            })
            .collect();
        let term = indicatif::ProgressBar::new(1);
        let style = indicatif::ProgressStyle::with_template(
            "{wide_bar:.green} {pos}/{len} endpoints {elapsed}\n{msg}",
        );
        term.set_style(style.unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()));
        Self {
            rows: BTreeMap::new(),
            tables,
            term,
            most,
            rare,
        }
    }

    /// Takes changes in and draws.
    pub fn change(&mut self, coverage: &Coverage, rows: &mut dyn Iterator<Item = (u32, &ApiRow)>) {
        for (table, row) in rows {
            self.rows.insert((table, row.row), row.clone());
        }
        let (done, all) = progress(coverage);
        self.term.set_length(all.max(1));
        self.term.set_position(done);
        let mut text = states(coverage);
        for (index, (title, columns)) in self.tables.iter().enumerate() {
            let mut rows: Vec<&ApiRow> = self
                .rows
                .iter()
                .filter(|(key, _)| key.0 as usize == index)
                .map(|(_, row)| row)
                .collect();
            rows.sort_by_key(|r| {
                if self.rare {
                    (r.count, r.row)
                } else {
                    (u64::MAX - r.count, r.row)
                }
            });
            let shown = self.most.min(12);
            let table = Table {
                title: title.clone(),
                columns: columns.clone(),
                rows: rows
                    .iter()
                    .take(shown)
                    .map(|r| (r.cells.clone(), Some(r.count)))
                    .collect(),
            };
            text.push('\n');
            text.push_str(&aligned(&table, None));
            if rows.len() > shown {
                text.push_str(&format!("\n… {} more rows", rows.len() - shown));
            }
        }
        self.term.set_message(text);
    }

    /// Clears the screen for the final print.
    pub fn finish(self) {
        self.term.finish_and_clear();
    }
}

/// Coverage in one line.
pub fn states(coverage: &Coverage) -> String {
    let parts: Vec<String> = coverage
        .iter()
        .filter(|(_, n)| **n > 0)
        .map(|(s, n)| format!("{n} {}", s.replace(['_', '-'], " ")))
        .collect();
    if parts.is_empty() {
        "no endpoint was asked".into()
    } else {
        parts.join(" · ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_cut_at_their_end_and_comments_skipped() {
        let stream = b": hello\n\nevent: changes\ndata: {\"tables\":[],\"coverage\":{\"answered\":2},\"done\":true}\n\nrest";
        let first = event_end(stream, 0).expect("a comment");
        assert!(read_event(&stream[..first]).expect("fine").is_none());
        let second = event_end(&stream[first..], 0).expect("an event");
        let changes = read_event(&stream[first..first + second])
            .expect("fine")
            .expect("changes");
        assert!(changes.done);
        assert_eq!(progress(&changes.coverage), (2, 2));
        assert_eq!(event_end(b"event: changes\ndata: {}\n", 0), None);
    }

    #[test]
    fn nobody_waits_for_offline_endpoints_unless_asked_to() {
        let coverage: Coverage = [("answered".to_owned(), 9), ("offline".to_owned(), 1)].into();
        assert!(enough(&coverage, None));
        assert!(enough(&coverage, Some(Wait::Share(0.9))));
        assert!(!enough(&coverage, Some(Wait::Share(0.95))));
    }
}
