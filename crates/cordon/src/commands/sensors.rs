//! `cordon sensors`: what can be asked, from the declarations.

use super::words::word;
use crate::args::SensorsArgs;
use crate::output::say;
use crate::output::{self, Form, Table};
use ::api::ValueType;
use ::api::table::Value;
use anyhow::{Result, bail};
use question::catalogue::{Platforms, Rows};
use std::process::ExitCode;

/// Of the list.
const COLUMNS: [(&str, ValueType); 3] = [
    ("Category", ValueType::Text),
    ("Sensor", ValueType::Text),
    ("Columns", ValueType::Text),
];

/// What programs get of each beside that.
const MORE: [(&str, ValueType); 5] = [
    ("Description", ValueType::Text),
    ("Parameters", ValueType::Text),
    ("Many rows", ValueType::Boolean),
    ("Platforms", ValueType::Text),
    ("Example", ValueType::Text),
];
/// Of one sensor.
const OF_COLUMNS: [(&str, ValueType); 3] = [
    ("Column", ValueType::Text),
    ("Type", ValueType::Text),
    ("Meaning", ValueType::Text),
];
const OF_PARAMETERS: [(&str, ValueType); 5] = [
    ("Parameter", ValueType::Text),
    ("Type", ValueType::Text),
    ("Default", ValueType::Text),
    ("Allowed", ValueType::Text),
    ("Meaning", ValueType::Text),
];

/// Runs the command.
pub fn run(args: SensorsArgs) -> Result<ExitCode> {
    let catalogue = ::sensors::catalogue();
    let form = Form::of(args.output);
    if args.name.is_empty() {
        let mut columns = COLUMNS.to_vec();
        if !form.is_text() {
            columns.extend(MORE);
        }
        let rows = catalogue.sensors().iter().map(|s| {
            let columns = s.columns.iter().map(|c| c.name.clone()).collect();
            let mut row = vec![
                s.category.as_str().into(),
                s.name.as_str().into(),
                Value::List(columns),
            ];
            if !form.is_text() {
                let parameters = s.parameters.iter().map(|p| p.key.clone());
                row.extend([
                    s.description.as_str().into(),
                    Value::List(parameters.collect()),
                    (s.rows == Rows::Many).into(),
                    Value::List(platforms(s.platforms)),
                    s.example.as_str().into(),
                ]);
            }
            row
        });
        let table = Table::of("sensors", &columns, rows);
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
    if form == Form::Aligned || form == Form::Tabs {
        say!(
            "{}",
            output::shown(::sensors::docs::text(sensor).trim_end())
        );
        return Ok(ExitCode::SUCCESS);
    }
    let columns = sensor.columns.iter().map(|column| {
        let kind = ValueType::from(column.value_type);
        vec![
            column.name.as_str().into(),
            word(kind).into(),
            column.description.as_str().into(),
        ]
    });
    let parameters = sensor.parameters.iter().map(|parameter| {
        let kind = ValueType::from(parameter.value_type);
        vec![
            parameter.key.as_str().into(),
            word(kind).into(),
            parameter.default.clone().into(),
            Value::List(parameter.allowed.clone()),
            parameter.description.as_str().into(),
        ]
    });
    let mut tables = vec![Table::of("columns", &OF_COLUMNS, columns)];
    // CSV has room for one, and most sensors have none.
    if form.is_json() && !sensor.parameters.is_empty() {
        tables.push(Table::of("parameters", &OF_PARAMETERS, parameters));
    }
    output::print(args.output, &tables, serde_json::to_value(sensor)?)?;
    Ok(ExitCode::SUCCESS)
}

fn platforms(on: Platforms) -> Vec<String> {
    let all = [
        ("Linux", on.linux),
        ("macOS", on.macos),
        ("Windows", on.windows),
    ];
    let there = all.iter().filter(|(_, there)| *there);
    there.map(|(name, _)| (*name).to_owned()).collect()
}
