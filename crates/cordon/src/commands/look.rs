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

/// Endpoints that a line names at most.
const NAMED: u32 = 3;

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
        let followed = followed?;
        let nobody = followed.coverage.values().sum::<u64>() == 0;
        if nobody && matches!(followed.ended, Ended::Seen) {
            anyhow::bail!(
                "no endpoint is enrolled yet: make a token with `cordon token create` and enrol a machine with `cordon enrol`"
            );
        }
        if followed.away {
            return self.lost(question, &followed, &held);
        }
        let printed = self.print(client, question, &followed.coverage).await?;
        let mut whole = self.fit(client, question, &printed).await?;
        let cancelled = count_of(&printed.coverage, EndpointState::Cancelled);
        if cancelled > 0 {
            anstream::eprintln!(
                "cordon: not whole: the question was cancelled before {} had answered",
                counted(cancelled, "endpoint")
            );
            return Ok(ExitCode::from(EXIT_PARTIAL));
        }
        let missing = not_yet(&printed.coverage);
        let wanted = matches!((&followed.ended, wait), (Ended::Seen, Some(Wait::Share(_))));
        if missing > 0 && !wanted {
            anstream::eprintln!(
                "cordon: not whole: {} {} not answered yet; `cordon questions show {} --follow` goes on",
                counted(missing, "endpoint"),
                if missing == 1 { "has" } else { "have" },
                question.id
            );
            whole = false;
        }
        Ok(printed.status(whole))
    }

    /// Prints the answer as it is, without waiting for anybody.
    pub async fn once(&self, client: &Client, question: &ApiQuestion) -> Result<ExitCode> {
        let printed = self.print(client, question, &question.coverage).await?;
        let whole = self.fit(client, question, &printed).await?;
        Ok(printed.status(whole))
    }

    /// Says what keeps the answer from being whole although nobody is waited for: a disk without room, on the server or on endpoints.
    async fn fit(
        &self,
        client: &Client,
        question: &ApiQuestion,
        printed: &Printed,
    ) -> Result<bool> {
        if let Some(trouble) = &printed.trouble {
            anstream::eprintln!("cordon: not whole: {}", output::shown(trouble));
        }
        let full = count_of(&printed.coverage, EndpointState::DiskFull);
        if full > 0 {
            let some = StatesQuery {
                state: Some(EndpointState::DiskFull),
                limit: Some(NAMED),
                ..StatesQuery::default()
            };
            let path = format!("/questions/{}/endpoints", question.id);
            let members: Vec<Member> = client.query(&path, some).await?;
            let mut names: Vec<String> = members.iter().map(|m| output::shown(&name(m))).collect();
            let more = full.saturating_sub(names.len() as u64);
            if more > 0 {
                names.push(format!("{more} more"));
            }
            anstream::eprintln!(
                "cordon: not whole: {} no room on the disk for the answer: {}; free some space there and ask again (`cordon questions show {} \
                 --endpoints disk_full` tells which disk)",
                if full == 1 {
                    "1 endpoint has".to_owned()
                } else {
                    format!("{full} endpoints have")
                },
                names.join(", "),
                question.id
            );
        }
        Ok(printed.trouble.is_none() && full == 0)
    }

    /// Prints what came before the server went away.
    fn lost(&self, question: &ApiQuestion, followed: &Followed, held: &Held) -> Result<ExitCode> {
        let coverage = &followed.coverage;
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
        if !(followed.whole && held.whole()) && matches!(self.what, What::Rows) {
            anstream::eprintln!(
                "cordon: not whole: of very many rows only some had come; the server has them all"
            );
        }
        let why = match &followed.ended {
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

    /// Prints the answer as it is: whatever is told of it is of one moment.
    async fn print(
        &self,
        client: &Client,
        question: &ApiQuestion,
        before: &Coverage,
    ) -> Result<Printed> {
        let (table, problems, coverage) = match self.what {
            What::Rows => return self.rows(client, question, before).await,
            What::Problems => {
                let (problems, members) = problems::with_members(client, question).await?;
                let found = problems_table(&problems, &members);
                (found, problems, follow::covered(&members))
            }
            What::Endpoints(state) => {
                let (problems, mut members) = problems::with_members(client, question).await?;
                let coverage = follow::covered(&members);
                if let InState::Only(state) = state {
                    members.retain(|member| member.state == state);
                }
                (endpoints_table(&members, &problems), problems, coverage)
            }
        };
        // Which of the answer's own tables is wanted does not matter here.
        let how = How {
            table: None,
            ..self.how.clone()
        };
        let asked: ApiQuestion = client.get(&format!("/questions/{}", question.id)).await?;
        let tail = Tail {
            trouble: asked.trouble.clone(),
            ..tail(question, &coverage, problems)
        };
        let empty = table.rows.is_empty();
        output::print_of(&how, question, &[table], &tail)?;
        anstream::eprintln!("{}", follow::states(&coverage));
        Ok(Printed {
            code: code(empty, false),
            coverage,
            trouble: asked.trouble,
        })
    }

    async fn rows(
        &self,
        client: &Client,
        question: &ApiQuestion,
        before: &Coverage,
    ) -> Result<Printed> {
        // Above the tables: a table without a row means something else then. What is told twice did not change meanwhile.
        let mut above = problems::of(client, question).await.unwrap_or_default();
        above.retain(|problem| problem.state == EndpointState::Unsupported);
        for problem in &above {
            anstream::eprintln!("cordon: {}", problems::line(problem));
        }
        let wanted = rows::Wanted {
            how: self.how.clone(),
            shown: self.shown.clone(),
            rare: self.rare,
            most: self.most,
            coverage: before.clone(),
        };
        let printed = rows::print(client, question, &wanted).await?;
        rows::tell_hidden(&printed);
        let Tail {
            coverage,
            problems,
            trouble,
            ..
        } = printed.tail;
        anstream::eprintln!("{}", follow::states(&coverage));
        self.shown.warn_of_rarity(self.rare, &coverage);
        problems::report(&problems, &above);
        let failed = coverage
            .iter()
            .any(|(state, count)| *count > 0 && went_wrong(*state));
        // That nobody could be asked is not that nothing is there.
        let heard = coverage
            .iter()
            .any(|(state, count)| *count > 0 && state.is_claimable());
        let code = if printed.rows == 0 && !heard {
            anstream::eprintln!("cordon: not whole: no endpoint has answered");
            ExitCode::from(EXIT_PARTIAL)
        } else {
            code(printed.rows == 0, failed)
        };
        Ok(Printed {
            code,
            coverage,
            trouble,
        })
    }
}

/// What was printed.
struct Printed {
    code: ExitCode,
    /// Endpoints by state, with what was printed.
    coverage: Coverage,
    /// Why the server does not keep it.
    trouble: Option<String>,
}

impl Printed {
    fn status(&self, whole: bool) -> ExitCode {
        if whole {
            self.code
        } else {
            ExitCode::from(EXIT_PARTIAL)
        }
    }
}

/// How far an answer is.
fn tail(question: &ApiQuestion, coverage: &Coverage, problems: Vec<ProblemInfo>) -> Tail {
    Tail {
        coverage: coverage.clone(),
        rows_cut: question.rows_cut,
        problems,
        ..Tail::default()
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
