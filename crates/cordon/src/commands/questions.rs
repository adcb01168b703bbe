//! `cordon questions`: list, show with coverage, cancel.

use super::follow;
use crate::api::{ApiQuestion, Client, Coverage, encoded};
use crate::args::{QuestionAction, QuestionsArgs};
use crate::output::{self, Table};
use anyhow::Result;
use serde_json::{Value, json};

/// A member of an object as text for a table.
pub fn field(object: &Value, key: &str) -> String {
    match object.get(key) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(yes)) => if *yes { "yes" } else { "no" }.into(),
        Some(other) => other.to_string(),
    }
}

/// Runs the command.
pub async fn run(args: QuestionsArgs) -> Result<()> {
    let client = Client::connect(&args.connection)?;
    match args.action {
        None => {
            let list: Value = client.get("/questions").await?;
            let rows = list.as_array().into_iter().flatten().map(|q| {
                let coverage: Coverage = q
                    .get("coverage")
                    .and_then(|c| serde_json::from_value(c.clone()).ok())
                    .unwrap_or_default();
                vec![
                    field(q, "id"),
                    field(q, "asked_by"),
                    field(q, "asked_at"),
                    field(q, "expires_at"),
                    field(q, "text"),
                    follow::states(&coverage),
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
        Some(QuestionAction::Show { id }) => {
            let question: ApiQuestion = client.get(&format!("/questions/{}", encoded(&id))).await?;
            let tables = follow::all_rows(&client, &question, false).await?;
            output::print(
                args.output,
                &tables,
                json!({"question": question.text, "id": question.id, "coverage": question.coverage}),
            )?;
            anstream::eprintln!("{}", follow::states(&question.coverage));
            Ok(())
        }
        Some(QuestionAction::Cancel { id }) => {
            client
                .delete(&format!("/questions/{}", encoded(&id)))
                .await?;
            anstream::println!(
                "Cancelled: endpoints that still work on it are told to stop; what they answered is kept."
            );
            Ok(())
        }
    }
}
