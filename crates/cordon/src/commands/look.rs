//! Looking at an answer, for `ask` and `questions show` alike: its rows, what went wrong, or the endpoints in a state; beside it, on
//! standard error, how far it got, and how it goes on when it is not whole.

use super::follow::{self, Ended, Followed};
use super::live::{Held, Live};
use super::{problems, rows};
use crate::api::{ApiQuestion, Client, Coverage};
use crate::args::{InState, Output, Wait};
use crate::output::{self, Table, shown};
use crate::{EXIT_EMPTY, EXIT_ERROR, EXIT_PARTIAL};
use ::api::EndpointState;
use ::api::answer::{Member, ProblemInfo, StatesQuery};
use anyhow::Result;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::process::ExitCode;

/// What is looked at.
#[derive(Clone, Copy)]
pub(crate) enum What {
    /// Its rows.
    Rows,
    /// What went wrong.
    Problems,
    /// Endpoints.
    Endpoints(InState),
}

impl What {
    /// As the command line tells it.
    pub fn of(problems: bool, endpoints: Option<InState>) -> Self {
        match (problems, endpoints) {
            (true, _) => Self::Problems,
            (false, Some(state)) => Self::Endpoints(state),
            (false, None) => Self::Rows,
        }
    }
}

/// How to look.
pub(crate) struct Look {
    /// What at.
    pub what: What,
    /// Form of output.
    pub form: Output,
    /// Rare rows first.
    pub rare: bool,
    /// Rows of a table in a terminal.
    pub most: usize,
}

impl Look {
    /// Follows the answer until enough of it came, showing it live where there is a terminal, then prints it.
    pub async fn follow(
        &self,
        client: &Client,
        question: &ApiQuestion,
        wait: Option<Wait>,
    ) -> Result<ExitCode> {
        let live = matches!(self.what, What::Rows)
            && self.form == Output::Table
            && std::io::stdout().is_terminal()
            && std::io::stderr().is_terminal();
        let screen = live.then(|| Live::new(self.most));
        let mut held = Held::new(question, self.rare);
        let followed = follow::follow(client, question, wait, |coverage, rows| {
            held.take(rows);
            if let Some(screen) = &screen {
                screen.draw(coverage, &held);
            }
        })
        .await;
        if let Some(screen) = screen {
            screen.finish();
        }
        let Followed {
            coverage,
            ended,
            away,
        } = followed?;
        if coverage.values().sum::<u64>() == 0 && matches!(ended, Ended::Seen) {
            anyhow::bail!(
                "no endpoint is enrolled yet: make a token with `cordon token create` and enrol a machine with `cordon enrol`"
            );
        }
        if away {
            return self.lost(question, &coverage, &held, &ended);
        }
        let code = self.print(client, question, &coverage).await?;
        let missing = not_yet(&coverage);
        let wanted = matches!((&ended, wait), (Ended::Seen, Some(Wait::Share(_))));
        if missing == 0 || wanted {
            return Ok(code);
        }
        anstream::eprintln!(
            "cordon: not whole: {} not answered yet; `cordon questions show {} --follow` goes on",
            endpoints(missing, "has", "have"),
            question.id
        );
        Ok(ExitCode::from(EXIT_PARTIAL))
    }

    /// Prints what came before the server went away.
    fn lost(
        &self,
        question: &ApiQuestion,
        coverage: &Coverage,
        held: &Held,
        ended: &Ended,
    ) -> Result<ExitCode> {
        if matches!(self.what, What::Rows) {
            let most = match self.form {
                Output::Table if std::io::stdout().is_terminal() => self.most,
                _ => usize::MAX,
            };
            let tables: Vec<Table> = held.tables(most).into_iter().map(|t| t.0).collect();
            let beside = json!({"question": question.text, "id": question.id, "coverage": coverage, "problems": []});
            output::print(self.form, &tables, beside)?;
        }
        anstream::eprintln!("{}", follow::states(coverage));
        let why = match ended {
            Ended::Lost(why) => shown(&format!("{why:#}")),
            _ => format!(
                "the server is away; `cordon questions show {}` shows the answer when it is back",
                question.id
            ),
        };
        anstream::eprintln!("cordon: not whole: {why}");
        Ok(ExitCode::from(EXIT_PARTIAL))
    }

    /// Prints the answer as it is.
    pub async fn print(
        &self,
        client: &Client,
        question: &ApiQuestion,
        coverage: &Coverage,
    ) -> Result<ExitCode> {
        match self.what {
            What::Rows => self.rows(client, question, coverage).await,
            What::Problems => {
                let problems = problems::of(client, question).await?;
                let members = members(client, question, InState::All).await?;
                let found = problems_table(&problems, &members);
                self.plain(question, coverage, found)
            }
            What::Endpoints(state) => {
                let problems = problems::of(client, question).await?;
                let members = members(client, question, state).await?;
                let found = endpoints_table(&members, &problems);
                self.plain(question, coverage, found)
            }
        }
    }

    fn plain(&self, question: &ApiQuestion, coverage: &Coverage, table: Table) -> Result<ExitCode> {
        let empty = table.rows.is_empty();
        let beside = json!({"question": question.text, "id": question.id, "coverage": coverage});
        output::print(self.form, &[table], beside)?;
        anstream::eprintln!("{}", follow::states(coverage));
        Ok(code(empty, false))
    }

    async fn rows(
        &self,
        client: &Client,
        question: &ApiQuestion,
        coverage: &Coverage,
    ) -> Result<ExitCode> {
        let problems = problems::of(client, question).await;
        // Above the tables: a table without a row means something else then.
        for problem in problems.iter().flatten() {
            if problem.state == EndpointState::Unsupported {
                anstream::eprintln!("cordon: {}", problems::line(problem));
            }
        }
        let form = rows::Form {
            output: self.form,
            rare: self.rare,
            most: if std::io::stdout().is_terminal() {
                self.most
            } else {
                usize::MAX
            },
        };
        let told = problems.as_deref().unwrap_or_default();
        let beside = problems::beside(question, coverage, told);
        let printed = rows::print(client, question, form, beside).await?;
        if printed.hidden > 0 {
            anstream::eprintln!(
                "… {} more rows: `--rows N` shows more, `--output csv` gives all",
                printed.hidden
            );
        }
        anstream::eprintln!("{}", follow::states(coverage));
        // They come after the answer, and an answer without them is still one.
        match &problems {
            Ok(problems) => problems::report(problems),
            Err(error) => anstream::eprintln!(
                "cordon: what went wrong on endpoints cannot be told: {}",
                shown(&format!("{error:#}"))
            ),
        }
        let failed = coverage
            .iter()
            .any(|(state, count)| *count > 0 && went_wrong(*state));
        Ok(code(printed.rows == 0, failed))
    }
}

/// An answer without a row is an error only when something went wrong on the way to it.
pub(crate) fn code(empty: bool, problems: bool) -> ExitCode {
    match (empty, problems) {
        (false, _) => ExitCode::SUCCESS,
        (true, false) => ExitCode::from(EXIT_EMPTY),
        (true, true) => ExitCode::from(EXIT_ERROR),
    }
}

/// Whether something went wrong there; an endpoint that did not get to answer is no failure of the question.
fn went_wrong(state: EndpointState) -> bool {
    state.is_claimable()
        && !matches!(
            state,
            EndpointState::Answered | EndpointState::Empty | EndpointState::NotConcerned
        )
}

/// Endpoints that may answer still, other than those that are offline.
fn not_yet(coverage: &Coverage) -> u64 {
    let left = |state| coverage.get(&state).copied().unwrap_or(0);
    left(EndpointState::Pending) + left(EndpointState::NotReached)
}

fn endpoints(count: u64, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 endpoint {one}"),
        _ => format!("{count} endpoints {many}"),
    }
}

async fn members(client: &Client, question: &ApiQuestion, state: InState) -> Result<Vec<Member>> {
    let query = StatesQuery {
        state: match state {
            InState::All => None,
            InState::Only(state) => Some(state),
        },
        ..StatesQuery::default()
    };
    let path = format!("/questions/{}/endpoints", question.id);
    client.query(&path, &query).await
}

fn name(member: &Member) -> String {
    let host = member.hostname.clone().filter(|name| !name.is_empty());
    host.unwrap_or_else(|| format!("endpoint {}", member.ordinal))
}

/// What went wrong, most endpoints first, and where.
fn problems_table(problems: &[ProblemInfo], members: &[Member]) -> Table {
    let names: BTreeMap<u32, String> = members.iter().map(|m| (m.ordinal, name(m))).collect();
    let rows = problems.iter().map(|problem| {
        let mut which: Vec<String> = problem
            .endpoints
            .iter()
            .map(|at| names.get(at).cloned().unwrap_or_else(|| at.to_string()))
            .collect();
        let more = problem.count.saturating_sub(which.len() as u64);
        if more > 0 {
            which.push(format!("and {more} more"));
        }
        vec![
            problem.state.words().to_owned(),
            problem.sensor.clone(),
            problem.message.clone(),
            problem.count.to_string(),
            which.join(", "),
        ]
    });
    Table::plain(&["State", "Sensor", "Problem", "Endpoints", "Which"], rows)
}

/// Endpoints with their state, and why as far as they said so.
fn endpoints_table(members: &[Member], problems: &[ProblemInfo]) -> Table {
    let mut why: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for problem in problems {
        let said = match problem.sensor.as_str() {
            "" => problem.message.clone(),
            sensor => format!("{sensor}: {}", problem.message),
        };
        for at in &problem.endpoints {
            why.entry(*at).or_default().push(said.clone());
        }
    }
    let rows = members.iter().map(|member| {
        vec![
            name(member),
            member.id.map(|id| id.to_string()).unwrap_or_default(),
            member.ordinal.to_string(),
            member.state.words().to_owned(),
            why.remove(&member.ordinal).unwrap_or_default().join("; "),
        ]
    });
    Table::plain(&["Host", "Id", "Number", "State", "Why"], rows)
}
