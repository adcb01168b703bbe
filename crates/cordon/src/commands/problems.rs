//! What went wrong on endpoints, told beside an answer: coverage says how many could not see everything, this says what and why.

use crate::api::{ApiQuestion, Client};
use crate::output::counted;
use ::api::EndpointState;
use ::api::answer::{Member, ProblemInfo, StatesQuery};
use anyhow::Result;
use question::cell;

/// Lines that are printed at most; the JSON form has all.
const MOST: usize = 20;
/// So often what went wrong and where it did are read until both are of one moment.
const TRIES: usize = 8;

/// What went wrong with a question, most endpoints first.
pub(crate) async fn of(client: &Client, question: &ApiQuestion) -> Result<Vec<ProblemInfo>> {
    let path = format!("/questions/{}/problems", question.id);
    let mut problems: Vec<ProblemInfo> = client.get(&path).await?;
    problems.sort_by_key(|problem| std::cmp::Reverse(problem.count));
    Ok(problems)
}

/// The endpoints of a question, and what went wrong on them: of one moment, for one comes with the other. On a fleet that never comes to
/// rest the endpoints are of the later moment.
pub(crate) async fn with_members(
    client: &Client,
    question: &ApiQuestion,
) -> Result<(Vec<ProblemInfo>, Vec<Member>)> {
    let path = format!("/questions/{}/endpoints", question.id);
    let mut before = of(client, question).await?;
    let mut tries = TRIES;
    loop {
        let members: Vec<Member> = client.query(&path, &StatesQuery::default()).await?;
        let after = of(client, question).await?;
        tries -= 1;
        if before == after || tries == 0 {
            return Ok((before, members));
        }
        before = after;
    }
}

/// Prints on standard error what went wrong, but for what was told above the rows.
pub(crate) fn report(problems: &[ProblemInfo], above: &[ProblemInfo]) {
    let before = |problem: &ProblemInfo| {
        above
            .iter()
            .any(|one| one.sensor == problem.sensor && one.message == problem.message)
    };
    let told = problems
        .iter()
        .filter(|problem| problem.state != EndpointState::Unsupported || !before(problem));
    for problem in told.clone().take(MOST) {
        anstream::eprintln!("{}", line(problem));
    }
    if let Some(more @ 1..) = told.count().checked_sub(MOST) {
        let more = counted(more as u64, "more problem");
        anstream::eprintln!("… {more}: `--problems` tells all, and which endpoints");
    }
}

/// A problem in a line.
pub(crate) fn line(problem: &ProblemInfo) -> String {
    let state = problem.state.words();
    let message = cell::printable(problem.message.as_bytes());
    let endpoints = counted(problem.count, "endpoint");
    if problem.sensor.is_empty() {
        format!("{state}: {message} ({endpoints})")
    } else {
        let sensor = cell::printable(problem.sensor.as_bytes());
        format!("{state}: {sensor}: {message} ({endpoints})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_state_sensor_reason_and_how_many() {
        let mut problem = ProblemInfo {
            sensor: "Open Files".to_owned(),
            state: EndpointState::Denied,
            message: "/proc/1/fd: no\x1b right".to_owned(),
            count: 2,
            endpoints: vec![1, 2],
        };
        let told = line(&problem);
        assert!(
            told.starts_with("denied: Open Files: /proc/1/fd: no"),
            "{told}"
        );
        assert!(
            told.ends_with("(2 endpoints)") && !told.contains('\x1b'),
            "{told}"
        );
        problem.sensor.clear();
        problem.count = 1;
        assert!(line(&problem).ends_with("(1 endpoint)"));
    }
}
