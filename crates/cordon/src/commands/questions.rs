//! `cordon questions`: list, show with coverage, cancel, keep, delete.

use super::follow::{self, Wait};
use super::look::{Look, What};
use super::which::Shown;
use crate::api::{ApiQuestion, Client};
use crate::args::{QuestionAction, QuestionsArgs};
use crate::output::say;
use crate::output::{self, How, Table};
use ::api::ValueType;
use ::api::question::ToKeep;
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

/// Runs the command.
pub async fn run(args: QuestionsArgs) -> Result<ExitCode> {
    let client = Client::connect(&args.connection)?;
    match args.action {
        None => {
            let list: Vec<ApiQuestion> = client.get("/questions").await?;
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
                look.print(&client, &question, &question.coverage).await
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
