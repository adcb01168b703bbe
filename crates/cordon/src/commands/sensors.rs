//! `cordon sensors`: what can be asked, from the declarations.

use crate::args::{Output, SensorsArgs};
use crate::output::{self, Table};
use anyhow::{Result, bail};
use serde_json::Value;
use std::process::ExitCode;

/// Runs the command.
pub fn run(args: SensorsArgs) -> Result<ExitCode> {
    let catalogue = ::sensors::catalogue();
    let as_json = matches!(args.output, Output::Json | Output::Jsonl);
    if args.name.is_empty() {
        if as_json {
            anstream::println!("{}", serde_json::to_string_pretty(catalogue.sensors())?);
            return Ok(ExitCode::SUCCESS);
        }
        let rows = catalogue.sensors().iter().map(|s| {
            let columns: Vec<&str> = s.columns.iter().map(|c| c.name.as_str()).collect();
            vec![s.category.clone(), s.name.clone(), columns.join(", ")]
        });
        output::print(
            args.output,
            &[Table::plain(&["Category", "Sensor", "Columns"], rows)],
            Value::Null,
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    let name = args.name.join(" ");
    let Some(sensor) = catalogue.sensor(&name) else {
        // The parser knows which names are near.
        let near = question::parse(&format!("Get {name} from all machines"), &catalogue)
            .err()
            .map(|e| e.nearest)
            .unwrap_or_default();
        bail!(
            "there is no sensor `{name}`{}",
            if near.is_empty() {
                String::new()
            } else {
                format!("; did you mean {}?", near.join(", "))
            }
        );
    };
    if as_json {
        anstream::println!("{}", serde_json::to_string_pretty(sensor)?);
    } else {
        anstream::println!("{}", ::sensors::docs::page(sensor));
    }
    Ok(ExitCode::SUCCESS)
}
