//! Which machines meet a filter now: asked of them, for only they know.

use super::follow::{self, Wait};
use crate::api::{ApiQuestion, Client, Coverage};
use ::api::EndpointState;
use ::api::answer::{Member, StatesQuery};
use ::api::ids::{EndpointId, QuestionId};
use ::api::question::ToAsk;
use anyhow::Result;
use std::time::Duration;

/// Machines that come back later are not waited for.
const LIFE: u64 = 120;

/// What was found.
pub(crate) struct Members {
    /// The question that found it.
    pub(crate) question: QuestionId,
    /// Machines that meet the filter, by ordinal.
    pub(crate) members: Vec<Member>,
    /// What all machines said.
    pub(crate) coverage: Coverage,
}

impl Members {
    /// How many, and how far that can be relied on.
    pub(crate) fn told(&self) -> String {
        let silent: u64 = self
            .coverage
            .iter()
            .filter(|(state, _)| {
                !matches!(
                    state,
                    EndpointState::Answered | EndpointState::Empty | EndpointState::NotConcerned
                )
            })
            .map(|(_, count)| count)
            .sum();
        let known = match self.members.len() {
            1 => "1 machine is in it".to_owned(),
            count => format!("{count} machines are in it"),
        };
        let rest = if silent == 0 {
            "; every machine has said".to_owned()
        } else {
            format!(
                "; {silent} have not said ({})",
                follow::states(&self.coverage)
            )
        };
        format!("{known}{rest}. Question {} asked it.", self.question)
    }
}

/// Asks, waits for those that are connected, and lists those that meet the filter.
pub(crate) async fn of(client: &Client, filter: &str, wait: Duration) -> Result<Members> {
    let asked = ToAsk {
        text: format!("Get number of machines from all machines with {filter}"),
        expires_seconds: Some(LIFE.max(wait.as_secs())),
        targets: None,
    };
    let question: ApiQuestion = client.post("/questions", asked).await?;
    said(client, &question, wait).await?;
    // All at once: who is in it and how many have said are of one moment.
    let path = format!("/questions/{}/endpoints", question.id);
    let mut members: Vec<Member> = client.query(&path, StatesQuery::default()).await?;
    let coverage = follow::covered(&members);
    members.retain(|member| member.state == EndpointState::Answered);
    Ok(Members {
        question: question.id,
        members,
        coverage,
    })
}

/// Whether one machine meets a filter; nothing when it did not say in time.
pub(crate) async fn is_in(
    client: &Client,
    endpoint: EndpointId,
    filter: &str,
    wait: Duration,
) -> Result<Option<bool>> {
    let asked = ToAsk {
        text: format!("Get number of machines from all machines with {filter}"),
        expires_seconds: Some(LIFE.max(wait.as_secs())),
        targets: Some(vec![endpoint]),
    };
    let question: ApiQuestion = client.post("/questions", asked).await?;
    let coverage = said(client, &question, wait).await?;
    let some = |state| coverage.get(&state).copied().unwrap_or(0) > 0;
    Ok(if some(EndpointState::Answered) {
        Some(true)
    } else if some(EndpointState::NotConcerned) || some(EndpointState::Empty) {
        Some(false)
    } else {
        None
    })
}

/// What machines say, until all that are connected have or the time is over.
async fn said(client: &Client, question: &ApiQuestion, wait: Duration) -> Result<Coverage> {
    let all = follow::follow(client, question, Some(Wait::Time(wait)), |_, _| {});
    Ok(all.await?.coverage)
}
