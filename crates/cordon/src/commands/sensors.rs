//! `cordon sensors`: what can be asked, from the declarations.

use crate::args::SensorsArgs;
use crate::output::say;
use crate::output::{self, Form, Table};
use ::api::ValueType;
use ::api::table::Value;
use anyhow::{Result, bail};
use std::process::ExitCode;

/// Of the list.
const COLUMNS: [(&str, ValueType); 3] = [
    ("Category", ValueType::Text),
    ("Sensor", ValueType::Text),
    ("Columns", ValueType::Text),
];

/// Runs the command.
pub fn run(args: SensorsArgs) -> Result<ExitCode> {
    let catalogue = ::sensors::catalogue();
    let form = Form::of(args.output);
    if args.name.is_empty() {
        if form == Form::Json {
            say!("{}", serde_json::to_string_pretty(catalogue.sensors())?);
            return Ok(ExitCode::SUCCESS);
        }
        if form == Form::Jsonl {
            for sensor in catalogue.sensors() {
                say!("{}", serde_json::to_string(sensor)?);
            }
            return Ok(ExitCode::SUCCESS);
        }
        let rows = catalogue.sensors().iter().map(|s| {
            let columns: Vec<&str> = s.columns.iter().map(|c| c.name.as_str()).collect();
            let columns = columns.into_iter().map(str::to_owned).collect();
            vec![
                s.category.as_str().into(),
                s.name.as_str().into(),
                Value::List(columns),
            ]
        });
        let table = Table::of("sensors", &COLUMNS, rows);
        output::print(args.output, &[table], serde_json::Value::Null)?;
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
    if form == Form::Json {
        say!("{}", serde_json::to_string_pretty(sensor)?);
    } else if form == Form::Jsonl {
        say!("{}", serde_json::to_string(sensor)?);
    } else {
        say!(
            "{}",
            output::shown(::sensors::docs::text(sensor).trim_end())
        );
    }
    Ok(ExitCode::SUCCESS)
}
