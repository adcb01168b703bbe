//! Following an answer over server-sent events.
//!
//! A question outlives the server that it was asked of: when the connection is lost the follower tries again for as long as the question
//! lives, and goes on where it was. What it has seen may come twice then, which does no harm: a row has a number and a count.

use crate::api::{ApiQuestion, ApiRow, Client, Coverage, is_passing, with_query};
pub use crate::args::Wait;
use crate::output::{shown, told};
use ::api::EndpointState;
use ::api::answer::{ChangedTable, ChangesEvent, EventsQuery, Member};
use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use std::time::{Duration, Instant};

/// Longest event that is accepted, in bytes.
const EVENT_MAX: usize = 64 << 20;

/// Between two tries to reach a server that went away: at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// A server that went away is waited for at least so long, even when the question's time is over.
const PATIENCE: Duration = Duration::from_secs(60);
/// Endpoints come back within this time after their server did: for so long, offline is not taken for an answer.
const COMING_BACK: Duration = Duration::from_secs(20);

/// How many endpoints said something, and how many could.
pub fn progress(coverage: &Coverage) -> (u64, u64) {
    let all: u64 = coverage.values().sum();
    let open = coverage.iter().filter(|(state, _)| state.is_open());
    let waiting: u64 = open.map(|(_, count)| count).sum();
    (all - waiting, all)
}

/// Endpoints by state.
pub(crate) fn covered(members: &[Member]) -> Coverage {
    let mut coverage = Coverage::new();
    for member in members {
        *coverage.entry(member.state).or_default() += 1;
    }
    coverage
}

/// Why a connection brings no more events.
enum End {
    /// Enough was seen, or nothing more will come.
    Seen,
    /// The server cannot take more.
    Stuck,
    /// The server went away.
    Lost(anyhow::Error),
    /// The server says no more to who asks, and did before: what came is worth something.
    Refused(anyhow::Error),
}

/// How following ended.
#[derive(Debug)]
pub enum Ended {
    /// Enough was seen.
    Seen,
    /// The time that was to be waited is over, and some have not answered.
    TimeUp,
    /// The user stopped it.
    Stopped,
    /// The server went away and did not come back.
    Lost(anyhow::Error),
    /// The server cannot take more answers, and nobody wanted to wait until it can.
    Stuck,
}

/// What came of following.
#[derive(Debug)]
pub struct Followed {
    /// Endpoints by state, as last told.
    pub coverage: Coverage,
    /// How it ended.
    pub ended: Ended,
    /// The server was not there at the end.
    pub away: bool,
    /// Whether each row that came was told: of very many the server tells the latest.
    pub whole: bool,
}

/// What was seen so far.
struct Follower<'a> {
    client: &'a Client,
    question: &'a ApiQuestion,
    shown: &'a EventsQuery,
    wait: Option<Wait>,
    coverage: Coverage,
    /// Id of the last event.
    last: Option<String>,
    retry: Retry,
    /// Until when endpoints that are offline may be on their way back to a server that was away.
    coming_back: Option<Instant>,
    whole: bool,
    /// Why the server does not keep the answer, as it said last.
    trouble: Option<String>,
}

/// Follows until enough endpoints answered, time is up, or the user stops. Calls `changed` after each change. A server that goes away
/// meanwhile is waited for.
pub async fn follow(
    client: &Client,
    question: &ApiQuestion,
    wait: Option<Wait>,
    changed: impl FnMut(&Coverage, &mut dyn Iterator<Item = (u32, &ApiRow)>),
) -> Result<Followed> {
    follow_shown(client, question, wait, &EventsQuery::default(), changed).await
}

/// As [`follow`], with rows as they are to be shown. One that is no longer shown comes with a count of 0.
pub(crate) async fn follow_shown(
    client: &Client,
    question: &ApiQuestion,
    wait: Option<Wait>,
    shown: &EventsQuery,
    mut changed: impl FnMut(&Coverage, &mut dyn Iterator<Item = (u32, &ApiRow)>),
) -> Result<Followed> {
    let mut follower = Follower {
        client,
        question,
        shown,
        wait,
        coverage: question.coverage.clone(),
        last: None,
        retry: Retry::new(question, Instant::now()),
        coming_back: None,
        whole: true,
        trouble: None,
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
    let ended = tokio::select! {
        ended = follower.until_the_end(&mut changed) => ended?,
        () = timeout => Ended::TimeUp,
        () = stop => Ended::Stopped,
    };
    Ok(Followed {
        coverage: follower.coverage,
        away: follower.retry.away,
        whole: follower.whole,
        ended,
    })
}

impl Follower<'_> {
    async fn until_the_end(
        &mut self,
        changed: &mut impl FnMut(&Coverage, &mut dyn Iterator<Item = (u32, &ApiRow)>),
    ) -> Result<Ended> {
        loop {
            let seen = self.last.clone();
            match self.connected(changed).await? {
                End::Seen => return Ok(Ended::Seen),
                End::Stuck => return Ok(Ended::Stuck),
                End::Refused(why) => {
                    self.retry.away = true;
                    return Ok(Ended::Lost(why));
                }
                End::Lost(why) => {
                    if self.last != seen {
                        self.retry.pause = PAUSE.0;
                    }
                    if let Err(gone) = self.retry.wait(why).await {
                        return Ok(Ended::Lost(gone));
                    }
                }
            }
        }
    }

    /// Whether it is of no use to wait: the server does not keep the answer. Who follows until the end waits all the same, and is told.
    fn stuck(&mut self, trouble: Option<String>) -> bool {
        if trouble == self.trouble {
            return false;
        }
        self.trouble = trouble;
        let Some(why) = &self.trouble else {
            anstream::eprintln!("cordon: the server keeps answers again");
            return false;
        };
        let waits = matches!(self.wait, Some(Wait::End));
        if waits {
            anstream::eprintln!("cordon: {}", shown(why));
        }
        !waits
    }

    fn enough(&self) -> bool {
        let coming_back = self.coming_back.is_some_and(|until| Instant::now() < until);
        enough(&self.coverage, self.wait, coming_back)
    }

    /// Follows over one connection.
    async fn connected(
        &mut self,
        changed: &mut impl FnMut(&Coverage, &mut dyn Iterator<Item = (u32, &ApiRow)>),
    ) -> Result<End> {
        if self.trouble.is_none() && self.enough() {
            return Ok(End::Seen);
        }
        let path = format!("/questions/{}/events", self.question.id);
        let path = with_query(&path, self.shown)?;
        let last = self.last.clone();
        let last: Option<(&str, &str)> = last.as_deref().map(|id| ("last-event-id", id));
        let response = match self.client.stream(&path, last.as_slice()).await {
            Ok(response) => response,
            Err(error) if is_passing(&error) => return Ok(End::Lost(error)),
            Err(error) if self.last.is_some() => return Ok(End::Refused(error)),
            Err(error) => return Err(error),
        };
        if self.retry.back() {
            self.coming_back = Instant::now().checked_add(COMING_BACK);
        }
        let mut body = response.bytes_stream();
        let mut buffer: Vec<u8> = Vec::new();
        let mut searched = 0;
        loop {
            // Nothing comes when nobody comes back: then it is time that says that enough was seen.
            let next = match self.coming_back {
                Some(until) => match tokio::time::timeout_at(until.into(), body.next()).await {
                    Ok(next) => next,
                    Err(_) => {
                        self.coming_back = None;
                        if self.enough() {
                            return Ok(End::Seen);
                        }
                        continue;
                    }
                },
                None => body.next().await,
            };
            let Some(chunk) = next else { break };
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
                let gone: Vec<(u32, ApiRow)> = changes.tables.iter().flat_map(gone).collect();
                changed(
                    &self.coverage,
                    &mut changes
                        .tables
                        .iter()
                        .flat_map(|t| t.rows.iter().map(move |r| (t.table, r)))
                        .chain(gone.iter().map(|(table, row)| (*table, row))),
                );
                self.whole &= changes.complete;
                let stuck = self.stuck(changes.trouble);
                // Who follows until the end waits until it is kept, too.
                let kept = self.trouble.is_none() || !matches!(self.wait, Some(Wait::End));
                if changes.done || (kept && self.enough()) {
                    return Ok(End::Seen);
                }
                if stuck {
                    return Ok(End::Stuck);
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

/// What is no longer shown of a table, as rows that nobody gave.
fn gone(table: &ChangedTable) -> impl Iterator<Item = (u32, ApiRow)> + '_ {
    table.gone.iter().map(|row| {
        let nobody = ApiRow {
            row: *row,
            cells: Vec::new(),
            count: 0,
            machines: None,
        };
        (table.table, nobody)
    })
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
            let why = told(&why);
            anstream::eprintln!(
                "cordon: {why}; trying again, question {} goes on",
                self.question
            );
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSE.1);
        Ok(())
    }

    /// The server is there; true when it was away before.
    fn back(&mut self) -> bool {
        let was_away = std::mem::take(&mut self.away);
        if was_away {
            anstream::eprintln!("cordon: the server is back");
        }
        was_away
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

/// `coming_back`: endpoints that are offline may be on their way back to a server that was away.
fn enough(coverage: &Coverage, wait: Option<Wait>, coming_back: bool) -> bool {
    let (done, all) = progress(coverage);
    let left = |state| coverage.get(&state).copied().unwrap_or(0) > 0;
    // Endpoints that are offline may join for as long as the question lives; nobody waits for them unless asked to.
    let waited = left(EndpointState::Pending) || (coming_back && left(EndpointState::Offline));
    let only_offline = !waited;
    match wait {
        Some(Wait::Share(share)) => only_offline || (all > 0 && done as f64 >= share * all as f64),
        Some(Wait::End) => all > 0 && done == all,
        Some(Wait::Time(_)) | None => only_offline,
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
        for wait in [
            None,
            Some(Wait::Share(0.9)),
            Some(Wait::Share(1.0)),
            Some(Wait::Time(Duration::from_secs(60))),
        ] {
            assert!(enough(&coverage, wait, false), "{wait:?}");
        }
        assert!(!enough(&coverage, Some(Wait::End), false));
        // They are on their way when it was the server that was away.
        assert!(!enough(&coverage, None, true));
        assert!(!enough(&coverage, Some(Wait::Share(0.95)), true));
        assert!(enough(&coverage, Some(Wait::Share(0.9)), true));
    }

    #[test]
    fn who_is_connected_is_waited_for() {
        let coverage: Coverage = [(EndpointState::Answered, 9), (EndpointState::Pending, 1)].into();
        assert!(enough(&coverage, Some(Wait::Share(0.9)), false));
        for wait in [None, Some(Wait::Share(1.0)), Some(Wait::End)] {
            assert!(!enough(&coverage, wait, false), "{wait:?}");
        }
    }
}
