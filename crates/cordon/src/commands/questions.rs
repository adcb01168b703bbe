//! `cordon questions`: list, show with coverage, cancel, keep, delete.

use super::{follow, problems, rows};
use crate::api::{ApiQuestion, Client};
use crate::args::{QuestionAction, QuestionsArgs};
use crate::output::{self, Table};
use ::api::question::ToKeep;
use anyhow::Result;
use serde_json::{Value, json};
use std::io::IsTerminal;

/// Runs the command.
pub async fn run(args: QuestionsArgs) -> Result<()> {
    let client = Client::connect(&args.connection)?;
    match args.action {
        None => {
            let list: Vec<ApiQuestion> = client.get("/questions").await?;
            let rows = list.into_iter().map(|q| {
                vec![
                    q.id.to_string(),
                    q.asked_by,
                    q.asked_at.to_string(),
                    q.expires_at.to_string(),
                    q.text,
                    follow::states(&q.coverage),
                ]
            });
            output::print(
                args.output,
                &[Table::plain(
                    &["Id", "Asked by", "Asked", "Expires", "Question", "Coverage"],
                    rows,
                )],
                Value::Null,
            )
        }
        Some(QuestionAction::Show { id, rows, rare }) => {
            let question: ApiQuestion = client.get(&format!("/questions/{id}")).await?;
            let terminal = std::io::stdout().is_terminal();
            let form = rows::Form {
                output: args.output,
                rare,
                most: if terminal { rows } else { usize::MAX },
            };
            let extra =
                problems::beside(&client, &question, &question.coverage, args.output).await?;
            let printed = rows::print(&client, &question, form, extra).await?;
            if printed.hidden > 0 {
                anstream::eprintln!(
                    "… {} more rows: `--rows N` shows more, `--output csv` gives all",
                    printed.hidden
                );
            }
            anstream::eprintln!("{}", follow::states(&question.coverage));
            problems::tell(&client, &question).await;
            Ok(())
        }
        Some(QuestionAction::Cancel { id }) => {
            client.delete(&format!("/questions/{id}")).await?;
            anstream::println!(
                "Cancelled: endpoints that still work on it are told to stop; what they answered is kept."
            );
            Ok(())
        }
        Some(QuestionAction::Keep { id, no }) => {
            let path = format!("/questions/{id}/keep");
            client.post_for_nothing(&path, ToKeep { keep: !no }).await?;
            anstream::println!(
                "{}",
                if no {
                    "It goes when it is old."
                } else {
                    "It stays with its answers, however old it gets."
                }
            );
            Ok(())
        }
        Some(QuestionAction::Delete { id }) => {
            let path = format!("/questions/{id}/delete");
            client.post_for_nothing(&path, json!({})).await?;
            anstream::println!("Deleted for good; the audit log says so.");
            Ok(())
        }
    }
}
