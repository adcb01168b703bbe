//! Looking at an answer, for `ask` and `questions show` alike: its rows, what went wrong, or the endpoints in a state; beside it, on
//! standard error, how far it got, and how it goes on when it is not whole.

use super::follow::{self, Ended, Followed};
use super::live::{Held, Live};
use super::which::Shown;
use super::{problems, rows};
use crate::api::{ApiQuestion, Client, Coverage};
use crate::args::{InState, Wait};
use crate::output::{self, Form, How, Table, counted, told};
use crate::{EXIT_EMPTY, EXIT_ERROR, EXIT_PARTIAL};
use ::api::answer::{Member, ProblemInfo, StatesQuery};
use ::api::document::Tail;
use ::api::table::{Head, Value};
use ::api::{EndpointState, ValueType};
use anyhow::Result;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::process::ExitCode;

/// What is told of problems.
const PROBLEMS: [(&str, ValueType); 5] = [
    ("State", ValueType::Text),
    ("Sensor", ValueType::Text),
    ("Problem", ValueType::Text),
    ("Endpoints", ValueType::Integer),
    ("Which", ValueType::Text),
];
/// What is told of endpoints.
const ENDPOINTS: [(&str, ValueType); 5] = [
    ("Host", ValueType::Text),
    ("Id", ValueType::Text),
    ("Ordinal", ValueType::Integer),
    ("State", ValueType::Text),
    ("Why", ValueType::Text),
];

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

    /// Fails where the answer's tables are wanted and cannot be printed so.
    pub fn check(self, how: &How, heads: &[Head]) -> Result<()> {
        match self {
            Self::Rows => output::check(how, heads),
            Self::Problems | Self::Endpoints(_) => Ok(()),
        }
    }
}

/// How to look.
pub(crate) struct Look {
    /// What at.
    pub what: What,
    /// Form, tables and place of output.
    pub how: How,
    /// By what machines are counted, on how many, and how many are named.
    pub shown: Shown,
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
        // What cannot be printed so need not be waited for.
        self.what.check(&self.how, &Head::of(&question.plan))?;
        let live = matches!(self.what, What::Rows)
            && self.how.form == Form::Aligned
            && self.terminal()
            && std::io::stderr().is_terminal();
        let screen = live.then(|| Live::new(self.most));
        let mut held = Held::new(question, self.rare);
        let events = self.shown.events();
        let followed = follow::follow_shown(client, question, wait, &events, |coverage, rows| {
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
        let cancelled = count_of(&coverage, EndpointState::Cancelled);
        if cancelled > 0 {
            anstream::eprintln!(
                "cordon: not whole: the question was cancelled before {} had answered",
                counted(cancelled, "endpoint")
            );
            return Ok(ExitCode::from(EXIT_PARTIAL));
        }
        let missing = not_yet(&coverage);
        let wanted = matches!((&ended, wait), (Ended::Seen, Some(Wait::Share(_))));
        if missing == 0 || wanted {
            return Ok(code);
        }
        anstream::eprintln!(
            "cordon: not whole: {} {} not answered yet; `cordon questions show {} --follow` goes on",
            counted(missing, "endpoint"),
            if missing == 1 { "has" } else { "have" },
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
            let most = match self.how.form {
                Form::Aligned if self.terminal() => self.most,
                _ => usize::MAX,
            };
            let tables: Vec<Table> = held.tables(most).into_iter().map(|t| t.0).collect();
            let tail = tail(question, coverage, Vec::new());
            output::print_of(&self.how, question, &tables, &tail)?;
        }
        anstream::eprintln!("{}", follow::states(coverage));
        let why = match ended {
            Ended::Lost(why) => told(why),
            _ => format!(
                "the server is away; `cordon questions show {}` shows the answer when it is back",
                question.id
            ),
        };
        anstream::eprintln!("cordon: not whole: {why}");
        Ok(ExitCode::from(EXIT_PARTIAL))
    }

    fn terminal(&self) -> bool {
        self.how.folder.is_none() && std::io::stdout().is_terminal()
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
                self.plain(question, coverage, found, problems)
            }
            What::Endpoints(state) => {
                let problems = problems::of(client, question).await?;
                let members = members(client, question, state).await?;
                let found = endpoints_table(&members, &problems);
                self.plain(question, coverage, found, problems)
            }
        }
    }

    /// Prints a table about the answer in place of its own.
    fn plain(
        &self,
        question: &ApiQuestion,
        coverage: &Coverage,
        table: Table,
        problems: Vec<ProblemInfo>,
    ) -> Result<ExitCode> {
        // Which of the answer's own tables is wanted does not matter here.
        let how = How {
            table: None,
            ..self.how.clone()
        };
        let empty = table.rows.is_empty();
        let tail = tail(question, coverage, problems);
        output::print_of(&how, question, &[table], &tail)?;
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
        let wanted = rows::Wanted {
            how: self.how.clone(),
            shown: self.shown.clone(),
            rare: self.rare,
            most: self.most,
            coverage: coverage.clone(),
        };
        let printed = rows::print(client, question, &wanted).await?;
        rows::tell_hidden(&printed);
        anstream::eprintln!("{}", follow::states(coverage));
        self.shown.warn_of_rarity(self.rare, coverage);
        // They come after the answer, and an answer without them is still one.
        match &problems {
            Ok(problems) => problems::report(problems),
            Err(error) => anstream::eprintln!(
                "cordon: what went wrong on endpoints cannot be told: {}",
                told(error)
            ),
        }
        let failed = coverage
            .iter()
            .any(|(state, count)| *count > 0 && went_wrong(*state));
        // That nobody could be asked is not that nothing is there.
        let heard = coverage
            .iter()
            .any(|(state, count)| *count > 0 && state.is_claimable());
        if printed.rows == 0 && !heard {
            anstream::eprintln!("cordon: not whole: no endpoint has answered");
            return Ok(ExitCode::from(EXIT_PARTIAL));
        }
        Ok(code(printed.rows == 0, failed))
    }
}

/// How far an answer is.
fn tail(question: &ApiQuestion, coverage: &Coverage, problems: Vec<ProblemInfo>) -> Tail {
    Tail {
        coverage: coverage.clone(),
        rows_cut: question.rows_cut,
        problems,
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
    count_of(coverage, EndpointState::Pending) + count_of(coverage, EndpointState::NotReached)
}

fn count_of(coverage: &Coverage, state: EndpointState) -> u64 {
    coverage.get(&state).copied().unwrap_or(0)
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
            problem.state.words().into(),
            problem.sensor.clone().into(),
            problem.message.clone().into(),
            problem.count.into(),
            Value::List(which),
        ]
    });
    Table::of("problems", &PROBLEMS, rows)
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
            name(member).into(),
            member.id.map(|id| id.to_string()).into(),
            member.ordinal.into(),
            member.state.words().into(),
            why.remove(&member.ordinal)
                .unwrap_or_default()
                .join("; ")
                .into(),
        ]
    });
    Table::of("endpoints", &ENDPOINTS, rows)
}
