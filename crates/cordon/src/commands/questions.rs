//! `cordon questions`: list, show with coverage, cancel, keep, delete.

use super::follow::{self, Wait};
use super::look::{Look, What};
use super::which::Shown;
use crate::api::{ApiQuestion, Client};
use crate::args::{QuestionAction, QuestionsArgs};
use crate::output::say;
use crate::output::{self, How, Table};
use ::api::ValueType;
use ::api::ids::QuestionId;
use ::api::question::{ListQuery, ToKeep};
use anyhow::Result;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Of the list.
const COLUMNS: [(&str, ValueType); 6] = [
    ("Id", ValueType::Integer),
    ("Asked by", ValueType::Text),
    ("Asked", ValueType::DateTime),
    ("Expires", ValueType::DateTime),
    ("Question", ValueType::Text),
    ("Coverage", ValueType::Text),
];

/// Questions of one request.
const PAGE: u32 = 1_000;

/// Runs the command.
pub async fn run(args: QuestionsArgs) -> Result<ExitCode> {
    let client = Client::connect(&args.connection)?;
    match args.action {
        None => {
            let (list, older) = latest(&client, false, args.before, args.limit).await?;
            let rows = list.into_iter().map(|q| {
                vec![
                    q.id.get().into(),
                    q.asked_by.into(),
                    q.asked_at.into(),
                    q.expires_at.into(),
                    q.text.into(),
                    follow::states(&q.coverage).into(),
                ]
            });
            let table = Table::of("questions", &COLUMNS, rows);
            output::print(&args.printing, &[table], Value::Null)?;
            if let Some(last) = older {
                anstream::eprintln!(
                    "… older questions: `--before {last}` goes on, `--limit N` gives more"
                );
            }
        }
        Some(QuestionAction::Show {
            id,
            rows,
            rare,
            follow,
            problems,
            endpoints,
            which,
        }) => {
            let mut question: ApiQuestion = client.get(&format!("/questions/{id}")).await?;
            let shown = Shown::new(&which, &mut question)?;
            let look = Look {
                what: What::of(problems, endpoints),
                how: How::from(&args.printing),
                shown,
                rare,
                most: rows,
            };
            return if follow {
                look.follow(&client, &question, Some(Wait::End)).await
            } else {
                look.once(&client, &question).await
            };
        }
        Some(QuestionAction::Cancel { id }) => {
            client.delete(&format!("/questions/{id}")).await?;
            say!(
                "Cancelled: endpoints that still work on it are told to stop; what they answered is kept."
            );
        }
        Some(QuestionAction::Keep { id, no }) => {
            let path = format!("/questions/{id}/keep");
            client.post_for_nothing(&path, ToKeep { keep: !no }).await?;
            say!(
                "{}",
                if no {
                    "It goes when it is old."
                } else {
                    "It stays with its answers, however old it gets."
                }
            );
        }
        Some(QuestionAction::Delete { id }) => {
            let path = format!("/questions/{id}/delete");
            client.post_for_nothing(&path, json!({})).await?;
            say!("Deleted for good; the audit log says so.");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The latest questions, or those of this user; and the number before which there are older ones.
pub(super) async fn latest(
    client: &Client,
    mine: bool,
    before: Option<QuestionId>,
    limit: u32,
) -> Result<(Vec<ApiQuestion>, Option<QuestionId>)> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut found: Vec<ApiQuestion> = Vec::new();
    let mut query = ListQuery {
        mine,
        before,
        limit: None,
    };
    loop {
        let left = most.saturating_sub(found.len());
        // One more than is shown tells whether there are more.
        let page = u32::try_from(left)
            .unwrap_or(u32::MAX)
            .saturating_add(1)
            .min(PAGE);
        query.limit = Some(page);
        let came: Vec<ApiQuestion> = client.query("/questions", &query).await?;
        let whole = came.len() < page as usize;
        query.before = came.last().map(|question| question.id);
        found.extend(came);
        if found.len() > most {
            found.truncate(most);
            let last = found.last().map(|question| question.id).or(before);
            return Ok((found, last));
        }
        if whole {
            return Ok((found, None));
        }
    }
}
