//! Following an answer over server-sent events, and showing it live in a terminal.
//!
//! A question outlives the server that it was asked of: when the connection is lost the follower tries again for as long as the question
//! lives, and goes on where it was. What it has seen may come twice then, which does no harm: a row has a number and a count.

use crate::api::{ApiQuestion, ApiRow, Client, Coverage, is_passing};
pub use crate::args::Wait;
use crate::output::{Table, aligned, shown};
use ::api::EndpointState;
use ::api::answer::ChangesEvent;
use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Longest event that is accepted, in bytes.
const EVENT_MAX: usize = 64 << 20;

/// Between two tries to reach a server that went away: at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// A server that went away is waited for at least so long, even when the question's time is over.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many endpoints said something, and how many could.
pub fn progress(coverage: &Coverage) -> (u64, u64) {
    let all: u64 = coverage.values().sum();
    let count = |state| coverage.get(&state).copied().unwrap_or(0);
    let waiting = count(EndpointState::Pending) + count(EndpointState::Offline);
    (all - waiting, all)
}

/// Why a connection brings no more events.
enum End {
    /// Enough was seen, or nothing more will come.
    Seen,
    /// The server went away.
    Lost(anyhow::Error),
}

/// What was seen so far.
struct Follower<'a> {
    client: &'a Client,
    question: &'a ApiQuestion,
    wait: Option<Wait>,
    started: Instant,
    coverage: Coverage,
    /// Id of the last event.
    last: Option<String>,
}

/// Follows until enough endpoints answered, time is up, or the user stops. Calls `changed` after each change. A server that goes away
/// meanwhile is waited for.
pub async fn follow(
    client: &Client,
    question: &ApiQuestion,
    wait: Option<Wait>,
    mut changed: impl FnMut(&Coverage, &mut dyn Iterator<Item = (u32, &ApiRow)>),
) -> Result<Coverage> {
    let mut follower = Follower {
        client,
        question,
        wait,
        started: Instant::now(),
        coverage: question.coverage.clone(),
        last: None,
    };
    let stop = async {
        // Where signals cannot be waited for, they end the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let timeout = async {
        match wait {
            Some(Wait::Time(time)) => tokio::time::sleep(time).await,
            _ => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = follower.until_the_end(&mut changed) => ended?,
        () = timeout => {}
        () = stop => {}
    }
    Ok(follower.coverage)
}

impl Follower<'_> {
    async fn until_the_end(
        &mut self,
        changed: &mut impl FnMut(&Coverage, &mut dyn Iterator<Item = (u32, &ApiRow)>),
    ) -> Result<()> {
        let mut retry = Retry::new(self.question, self.started);
        loop {
            let seen = self.last.clone();
            match self.connected(changed, &mut retry).await? {
                End::Seen => return Ok(()),
                End::Lost(why) => {
                    if self.last != seen {
                        retry.pause = PAUSE.0;
                    }
                    retry.wait(why).await?;
                }
            }
        }
    }

    /// Follows over one connection.
    async fn connected(
        &mut self,
        changed: &mut impl FnMut(&Coverage, &mut dyn Iterator<Item = (u32, &ApiRow)>),
        retry: &mut Retry,
    ) -> Result<End> {
        if enough(&self.coverage, self.wait) {
            return Ok(End::Seen);
        }
        let path = format!("/questions/{}/events", self.question.id);
        let last = self.last.clone();
        let last: Option<(&str, &str)> = last.as_deref().map(|id| ("last-event-id", id));
        let response = match self.client.stream(&path, last.as_slice()).await {
            Ok(response) => response,
            Err(error) if is_passing(&error) => return Ok(End::Lost(error)),
            Err(error) => return Err(error),
        };
        retry.back();
        let mut body = response.bytes_stream();
        let mut buffer: Vec<u8> = Vec::new();
        let mut searched = 0;
        while let Some(chunk) = body.next().await {
            match chunk {
                Ok(chunk) => buffer.extend_from_slice(&chunk),
                Err(error) => return Ok(End::Lost(error.into())),
            }
            while let Some(end) = event_end(&buffer, searched) {
                searched = 0;
                let rest = buffer.split_off(end);
                let event = std::mem::replace(&mut buffer, rest);
                let Some((id, changes)) = read_event(&event)? else {
                    continue;
                };
                self.last = id.or(self.last.take());
                self.coverage = changes.coverage;
                changed(
                    &self.coverage,
                    &mut changes
                        .tables
                        .iter()
                        .flat_map(|t| t.rows.iter().map(move |r| (t.table, r))),
                );
                if changes.done || enough(&self.coverage, self.wait) {
                    return Ok(End::Seen);
                }
            }
            searched = buffer.len().saturating_sub(3);
            if buffer.len() > EVENT_MAX {
                bail!("the server sent an event of more than {EVENT_MAX} bytes");
            }
        }
        Ok(End::Lost(anyhow::anyhow!(
            "the server ended the connection"
        )))
    }
}

/// Trying again while a server is away.
pub(crate) struct Retry {
    question: ::api::ids::QuestionId,
    until: Instant,
    pause: Duration,
    away: bool,
}

impl Retry {
    /// For as long as this question lives.
    pub fn new(question: &ApiQuestion, started: Instant) -> Self {
        let life = question.expires_at.duration_since(question.asked_at);
        let life = Duration::try_from(life).unwrap_or_default();
        Self {
            question: question.id,
            until: started.checked_add(life.max(PATIENCE)).unwrap_or(started),
            pause: PAUSE.0,
            away: false,
        }
    }

    /// Waits a little; fails when the question's time is over.
    pub async fn wait(&mut self, why: anyhow::Error) -> Result<()> {
        if Instant::now() > self.until {
            return Err(why.context(format!(
                "the server is away for longer than the question lives; `cordon questions show {}` shows its answer when it is back",
                self.question
            )));
        }
        if !std::mem::replace(&mut self.away, true) {
            let why = shown(&format!("{why:#}"));
            anstream::eprintln!(
                "cordon: {why}; trying again, question {} goes on",
                self.question
            );
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSE.1);
        Ok(())
    }

    /// The server is there.
    fn back(&mut self) {
        if std::mem::take(&mut self.away) {
            anstream::eprintln!("cordon: the server is back");
        }
    }

    /// Does something that fails while the server is away, until it does not.
    pub async fn persist<T>(&mut self, mut attempt: impl AsyncFnMut() -> Result<T>) -> Result<T> {
        loop {
            match attempt().await {
                Err(error) if is_passing(&error) => self.wait(error).await?,
                other => {
                    self.back();
                    return other;
                }
            }
        }
    }
}

fn enough(coverage: &Coverage, wait: Option<Wait>) -> bool {
    let (done, all) = progress(coverage);
    match wait {
        Some(Wait::Share(share)) => all > 0 && done as f64 >= share * all as f64,
        Some(Wait::Time(_)) => all > 0 && done == all,
        // Endpoints that are offline may join for as long as the question lives; nobody waits for them unless asked to.
        None => !coverage.contains_key(&EndpointState::Pending),
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

/// Reads one event in the form of <https://html.spec.whatwg.org/multipage/server-sent-events.html>, with its id; comments give nothing.
fn read_event(event: &[u8]) -> Result<Option<(Option<String>, ChangesEvent)>> {
    let text = String::from_utf8_lossy(event);
    let (mut name, mut id, mut data) = ("message", None, String::new());
    for line in text.lines() {
        if let Some(value) = line.strip_prefix("event:") {
            name = value.trim();
        } else if let Some(value) = line.strip_prefix("id:") {
            id = Some(value.trim().to_owned());
        } else if let Some(value) = line.strip_prefix("data:") {
            data.push_str(value.strip_prefix(' ').unwrap_or(value));
        }
    }
    if name != "changes" || data.is_empty() {
        return Ok(None);
    }
    let changes =
        serde_json::from_str(&data).context("the server sent changes in an unexpected form")?;
    Ok(Some((id, changes)))
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
        .map(|(s, n)| format!("{n} {}", s.name().replace('_', " ")))
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
        let stream = b": hello\n\nevent: changes\nid: a-7\ndata: {\"version\":7,\"tables\":[],\"coverage\":{\"answered\":2},\"rows_cut\":0,\"complete\":true,\"done\":true}\n\nrest";
        let first = event_end(stream, 0).expect("a comment");
        assert!(read_event(&stream[..first]).expect("fine").is_none());
        let second = event_end(&stream[first..], 0).expect("an event");
        let (id, changes) = read_event(&stream[first..first + second])
            .expect("fine")
            .expect("changes");
        assert_eq!(id.as_deref(), Some("a-7"));
        assert!(changes.done);
        assert_eq!(progress(&changes.coverage), (2, 2));
        assert_eq!(event_end(b"event: changes\ndata: {}\n", 0), None);
    }

    #[test]
    fn nobody_waits_for_offline_endpoints_unless_asked_to() {
        let coverage: Coverage = [(EndpointState::Answered, 9), (EndpointState::Offline, 1)].into();
        assert!(enough(&coverage, None));
        assert!(enough(&coverage, Some(Wait::Share(0.9))));
        assert!(!enough(&coverage, Some(Wait::Share(0.95))));
    }
}
