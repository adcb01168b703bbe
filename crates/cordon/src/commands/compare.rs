//! `cordon compare`: what only one of two answers has, and what both have.
//!
//! Two questions that were asked, by their numbers; or a question that is asked of two groups first. The server compares; parts come page
//! by page and go out as they come.

use super::follow;
use crate::EXIT_EMPTY;
use crate::api::{ApiQuestion, Client};
use crate::args::{CompareArgs, Part};
use crate::output::{How, Printer, counted, shown};
use ::api::ValueType;
use ::api::answer::{CompareQuery, ComparedPart, ComparedRow, ComparedSide, ComparisonInfo};
use ::api::group::GroupInfo;
use ::api::ids::QuestionId;
use ::api::language::{Parsed, Text};
use ::api::question::ToAsk;
use ::api::table::{Column, Head, Row, Value};
use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde_json::json;
use std::io::IsTerminal;
use std::process::ExitCode;

/// Rows that one request may ask for.
const PAGE: u32 = 10_000;

/// Runs the command.
pub async fn run(args: CompareArgs) -> Result<ExitCode> {
    let client = Client::connect(&args.connection)?;
    let (left, right) = match &args.question {
        Some(text) => asked(&client, text, &args).await?,
        None => (
            existing(&client, &args.left).await?,
            existing(&client, &args.right).await?,
        ),
    };
    let table = match &args.table {
        None => 0,
        Some(name) => place(&Head::of(&left.plan), name)?,
    };
    print(&client, (left.id, right.id), table, &args).await
}

async fn existing(client: &Client, number: &str) -> Result<ApiQuestion> {
    let id: QuestionId = number.parse().ok().with_context(|| {
        format!("`{number}` is no question's number; `cordon questions` lists them, and `--question \"Get …\"` asks a question of two groups")
    })?;
    client.get(&format!("/questions/{id}")).await
}

/// The place of a table.
fn place(heads: &[Head], name: &str) -> Result<u32> {
    let named = heads.iter().position(|h| h.name.eq_ignore_ascii_case(name));
    // People count from one.
    let numbered = || name.parse::<usize>().ok()?.checked_sub(1);
    let place = named.or_else(numbered).filter(|at| *at < heads.len());
    match place.map(u32::try_from) {
        Some(Ok(place)) => Ok(place),
        _ => {
            let names: Vec<&str> = heads.iter().map(|head| head.name.as_str()).collect();
            bail!("there is no table `{name}`; there is {}", names.join(", "))
        }
    }
}

/// Asks a question of two groups, and waits for what they say.
async fn asked(
    client: &Client,
    text: &str,
    args: &CompareArgs,
) -> Result<(ApiQuestion, ApiQuestion)> {
    let canonical = understood(client, text).await?;
    let groups: Vec<GroupInfo> = client.get("/groups").await?;
    // Both are there before anything is asked.
    let sides = (
        of_group(&canonical, &args.left, &groups)?,
        of_group(&canonical, &args.right, &groups)?,
    );
    let ask = async |text: String| -> Result<ApiQuestion> {
        let asked = ToAsk {
            text,
            expires_seconds: args.expires,
            targets: None,
        };
        client.post("/questions", asked).await
    };
    let (left, right) = (ask(sides.0).await?, ask(sides.1).await?);
    anstream::eprintln!(
        "cordon: questions {l} and {r} are asked; `cordon compare {l} {r}` compares their answers later too",
        l = left.id,
        r = right.id
    );
    let (one, other) = tokio::join!(
        follow::follow(client, &left, args.wait, |_, _| {}),
        follow::follow(client, &right, args.wait, |_, _| {}),
    );
    one?;
    other?;
    Ok((left, right))
}

/// The question in canonical form, to all machines; it may be typed without `from`.
async fn understood(client: &Client, text: &str) -> Result<String> {
    let parse = async |text: String| {
        client
            .post::<Parsed>("/questions/parse", Text { text })
            .await
    };
    match parse(text.to_owned()).await {
        Ok(parsed) => Ok(parsed.canonical),
        Err(error) => match parse(format!("{text} from all machines")).await {
            Ok(parsed) => Ok(parsed.canonical),
            Err(_) => Err(error),
        },
    }
}

/// A question to all machines, as one to the machines of a group.
fn of_group(canonical: &str, name: &str, groups: &[GroupInfo]) -> Result<String> {
    const ALL: &str = " from all machines";
    let name = name.trim();
    let endpoints = if name.eq_ignore_ascii_case("all machines") {
        "all machines".to_owned()
    } else {
        let group = groups.iter().find(|g| g.name.eq_ignore_ascii_case(name));
        let Some(group) = group else {
            let names: Vec<&str> = groups.iter().map(|g| g.name.as_str()).collect();
            let there = if names.is_empty() {
                "there is none yet".to_owned()
            } else {
                format!("there is {}", names.join(", "))
            };
            bail!("there is no computer group `{name}`; {there}");
        };
        format!("\"{}\"", group.name.replace('"', "\"\""))
    };
    // In canonical form these words stand outside of quotes once.
    let mut quoted = false;
    let place = canonical.char_indices().find_map(|(at, c)| {
        quoted ^= c == '"';
        let rest = canonical.get(at..)?;
        (!quoted && rest.starts_with(ALL)).then_some(at)
    });
    let (head, rest) = place
        .and_then(|at| canonical.split_at_checked(at))
        .and_then(|(head, rest)| Some((head, rest.strip_prefix(ALL)?)))
        .with_context(|| format!("`{canonical}` does not say which machines it is for"))?;
    Ok(format!("{head} from {endpoints}{rest}"))
}

/// What stands in the first column.
fn side(part: Part) -> &'static str {
    match part {
        Part::Left => "only left",
        Part::Right => "only right",
        Part::Both => "both",
    }
}

async fn print(
    client: &Client,
    (left, right): (QuestionId, QuestionId),
    table: u32,
    args: &CompareArgs,
) -> Result<ExitCode> {
    let by = (!args.by.is_empty()).then(|| args.by.join(", "));
    let page = async |part: Part, offset: u32, limit: u32| -> Result<ComparisonInfo> {
        let query = CompareQuery {
            table,
            by: by.clone(),
            part: Some(match part {
                Part::Left => ComparedPart::OnlyLeft,
                Part::Right => ComparedPart::OnlyRight,
                Part::Both => ComparedPart::Both,
            }),
            offset,
            limit: Some(limit),
        };
        let path = format!("/questions/{left}/compare/{right}");
        client.query(&path, query).await
    };
    let parts = match args.only {
        Some(part) => vec![part],
        None => vec![Part::Left, Part::Right, Part::Both],
    };
    let how = How::from(args.output);
    let most = if std::io::stdout().is_terminal() && how.form.is_text() {
        args.rows
    } else {
        u32::MAX
    };
    let mut first = page(Part::Both, 0, 0).await?;
    // As everywhere else what is asked is told to the second.
    for side in [&mut first.left, &mut first.right] {
        side.asked_at = Timestamp::from_second(side.asked_at.as_second()).unwrap_or(side.asked_at);
    }
    let head = head(&first);
    if how.form.is_text() {
        tell("left", &first.left);
        tell("right", &first.right);
        anstream::eprintln!(
            "{} only left · {} only right · {} in both",
            counted(first.only_left_total, "row"),
            first.only_right_total,
            first.both_total
        );
    }
    let facts = json!({
        "left": first.left,
        "right": first.right,
        "only_left": first.only_left_total,
        "only_right": first.only_right_total,
        "both": first.both_total,
    });
    let mut printer = Printer::new(&how, None, facts, std::slice::from_ref(&head))?;
    printer.table(&head)?;
    let (mut printed, mut hidden) = (0_u64, 0);
    for part in parts {
        let mut offset = 0;
        loop {
            let found = page(part, offset, PAGE.min(most - offset)).await?;
            let (rows, total) = match part {
                Part::Left => (found.only_left, found.only_left_total),
                Part::Right => (found.only_right, found.only_right_total),
                Part::Both => (found.both, found.both_total),
            };
            let came = u32::try_from(rows.len()).unwrap_or(u32::MAX);
            for row in rows {
                printer.row(&printable(side(part), row, &head))?;
            }
            offset = offset.saturating_add(came);
            printed += u64::from(came);
            if came == 0 || offset >= most || u64::from(offset) >= total {
                hidden += total.saturating_sub(offset.into());
                break;
            }
        }
    }
    printer.end(None)?;
    if hidden > 0 {
        anstream::eprintln!(
            "… {}: `--rows N` shows more, `--output csv` gives all",
            counted(hidden, "more row")
        );
    }
    for (name, side) in [("left", &first.left), ("right", &first.right)] {
        if side.unanswered > 0 {
            anstream::eprintln!(
                "cordon: note: {} of {} of the {name} side have not answered: rows may be missing on it",
                side.unanswered,
                counted(side.endpoints, "machine")
            );
        }
    }
    Ok(if printed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_EMPTY)
    })
}

/// The columns of the one table that is printed, with names of our own that no column of the answer has.
fn head(found: &ComparisonInfo) -> Head {
    let free = |name: &str| {
        let taken = |name: &str| {
            found
                .columns
                .iter()
                .any(|c| c.name.eq_ignore_ascii_case(name))
        };
        let mut own = name.to_owned();
        while taken(&own) {
            own.push('_');
        }
        own
    };
    let mut columns = vec![Column::own(&free("Side"), ValueType::Text)];
    columns.extend(found.columns.iter().map(Column::from));
    columns.push(Column::own(&free("Left"), ValueType::Integer));
    columns.push(Column::own(&free("Right"), ValueType::Integer));
    Head {
        name: "comparison".to_owned(),
        columns,
        counted: false,
        named: false,
    }
}

fn printable(side: &str, row: ComparedRow, head: &Head) -> Row {
    let mut values = vec![Value::from(side.to_owned())];
    let columns = head.columns.iter().skip(1);
    let cells = row.cells.iter().zip(columns);
    values.extend(cells.map(|(cell, column)| Value::of(cell, column.value_type)));
    values.push(row.left.into());
    values.push(row.right.into());
    Row {
        values,
        machines: None,
    }
}

/// The size of a side.
fn tell(name: &str, side: &ComparedSide) {
    anstream::eprintln!(
        "{name:<5}  question {}: {} asked, {} not answered, {}: {}",
        side.id,
        counted(side.endpoints, "machine"),
        side.unanswered,
        counted(side.rows, "row"),
        shown(&side.question)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_goes_to_a_group_with_its_own_filter_and_tail() {
        let groups: Vec<GroupInfo> = ["Web Servers", "Odd \"Group\""]
            .iter()
            .map(|name| {
                let group = json!({
                    "name": name, "filter": "Is Linux = True", "owner": "ada", "version": 1,
                    "changed_at": "2026-01-01T00:00:00Z",
                });
                serde_json::from_value(group).expect("a group")
            })
            .collect();
        let of = |text: &str, name: &str| of_group(text, name, &groups).map_err(|e| e.to_string());
        assert_eq!(
            of("Get Listen Ports from all machines", "web servers"),
            Ok("Get Listen Ports from \"Web Servers\"".into())
        );
        assert_eq!(
            of(
                "Get Listen Ports from all machines with Online = True by Local Port",
                "All Machines"
            ),
            Ok("Get Listen Ports from all machines with Online = True by Local Port".into())
        );
        assert_eq!(
            of("Get \"A from all machines\" from all machines with X contains \" from all machines\"", "Odd \"Group\""),
            Ok("Get \"A from all machines\" from \"Odd \"\"Group\"\"\" with X contains \" from all machines\"".into())
        );
        let error = of("Get X from all machines", "Nobody").expect_err("no such group");
        assert!(error.contains("Web Servers"), "{error}");
    }
}
