//! A documentation page for a sensor, made from its declaration alone: in Markdown, or as the text that stands in a terminal.

use crate::place::runs_apart;
use question::catalogue::{Rows, Sensor, ValueType};
use std::fmt::Write;
use std::time::Duration;

/// The page of one sensor, in Markdown.
#[must_use]
pub fn page(sensor: &Sensor) -> String {
    made(sensor, escaped)
}

/// The same for a terminal: nothing is marked up, so nothing is escaped.
#[must_use]
pub fn text(sensor: &Sensor) -> String {
    made(sensor, |text| text.replace(['\n', '\r'], " "))
}

fn made(sensor: &Sensor, escaped: fn(&str) -> String) -> String {
    let mut page = String::new();
    // Writing to a String cannot fail.
    write(&mut page, sensor, escaped).ok();
    page
}

/// One line for each sensor, by category, in the order of declaration.
#[must_use]
pub fn index<'a>(sensors: impl IntoIterator<Item = &'a Sensor>) -> String {
    let mut categories: Vec<(&str, Vec<&Sensor>)> = Vec::new();
    for sensor in sensors {
        match categories.iter_mut().find(|(c, _)| *c == sensor.category) {
            Some((_, members)) => members.push(sensor),
            None => categories.push((&sensor.category, vec![sensor])),
        }
    }
    let mut index = String::from("# Sensors\n");
    for (category, members) in categories {
        writeln!(index, "\n## {}\n", escaped(category)).ok();
        for sensor in members {
            writeln!(
                index,
                "- **{}**: {}",
                escaped(&sensor.name),
                escaped(&sensor.description)
            )
            .ok();
        }
    }
    index
}

fn write(page: &mut String, sensor: &Sensor, escaped: fn(&str) -> String) -> std::fmt::Result {
    writeln!(page, "# {}\n", escaped(&sensor.name))?;
    writeln!(page, "{}\n", escaped(&sensor.description))?;
    writeln!(page, "- Category: {}", escaped(&sensor.category))?;
    if !sensor.aliases.is_empty() {
        writeln!(
            page,
            "- Also called: {}",
            escaped(&sensor.aliases.join(", "))
        )?;
    }
    let rows = match sensor.rows {
        Rows::One => "one for each endpoint",
        Rows::Many => "any number for each endpoint",
    };
    writeln!(page, "- Rows: {rows}")?;
    let platforms: Vec<&str> = [
        (sensor.platforms.linux, "Linux"),
        (sensor.platforms.macos, "macOS"),
        (sensor.platforms.windows, "Windows"),
    ]
    .into_iter()
    .filter_map(|(there, name)| there.then_some(name))
    .collect();
    writeln!(page, "- Platforms: {}", platforms.join(", "))?;
    let age = if sensor.max_age.is_zero() {
        "gathered anew for each question".to_owned()
    } else {
        format!("answers may be up to {} old", span(sensor.max_age))
    };
    writeln!(page, "- Age: {age}")?;
    let l = &sensor.limits;
    let apart = if runs_apart(sensor) {
        ", in a process of its own"
    } else {
        ""
    };
    writeln!(
        page,
        "- Limits of a run: {} of wall time, {} of processor time, {} of memory{apart}, {} rows, {} of cells",
        span(l.wall),
        span(l.cpu),
        size(l.memory),
        l.rows,
        size(l.bytes)
    )?;
    writeln!(
        page,
        "\n## Columns\n\n| Column | Type | Meaning |\n| --- | --- | --- |"
    )?;
    for column in &sensor.columns {
        let of_package = match &column.scheme {
            Some(manager) => format!(" in the order of its {}", escaped(manager)),
            None => String::new(),
        };
        writeln!(
            page,
            "| {} | {}{of_package} | {} |",
            escaped(&column.name),
            type_name(column.value_type),
            escaped(&column.description)
        )?;
    }
    if let (Some(key), [_, _, ..]) = (sensor.key_column(), sensor.columns.as_slice()) {
        writeln!(
            page,
            "\nCompared without a column, it means {}.",
            escaped(&key.name)
        )?;
    }
    if !sensor.parameters.is_empty() {
        writeln!(
            page,
            "\n## Parameters\n\n| Key | Type | Default | Allowed | Meaning |\n| --- | --- | --- | --- | --- |"
        )?;
        for p in &sensor.parameters {
            let default = match p.default.as_deref() {
                None => "must be given".to_owned(),
                Some("") => "empty".to_owned(),
                Some(value) => format!("`{}`", escaped(value)),
            };
            let allowed: Vec<String> = p
                .allowed
                .iter()
                .map(|a| format!("`{}`", escaped(a)))
                .collect();
            writeln!(
                page,
                "| `{}` | {} | {default} | {} | {} |",
                escaped(&p.key),
                type_name(p.value_type),
                allowed.join(", "),
                escaped(&p.description)
            )?;
        }
    }
    writeln!(page, "\n## Example\n\n```\n{}\n```", sensor.example)
}

/// A declaration may come from a file: nothing in it may end a table cell or begin markup.
fn escaped(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => made.push(' '),
            '|' | '<' | '`' | '*' | '[' | '\\' => {
                made.push('\\');
                made.push(c);
            }
            _ => made.push(c),
        }
    }
    made
}

fn type_name(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::Text => "text",
        ValueType::Integer => "whole number",
        ValueType::Decimal => "decimal number",
        ValueType::Version => "version",
        ValueType::DateTime => "date and time",
        ValueType::Duration => "duration",
        ValueType::DataSize => "data size",
        ValueType::IpAddress => "IP address",
        ValueType::Hash => "hash",
        ValueType::Boolean => "true or false",
    }
}

fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (count, unit) = match seconds {
        s if s >= 86_400 && s % 86_400 == 0 => (s / 86_400, "day"),
        s if s >= 3_600 && s % 3_600 == 0 => (s / 3_600, "hour"),
        s if s >= 60 && s % 60 == 0 => (s / 60, "minute"),
        s => (s, "second"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

fn size(bytes: u64) -> String {
    if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) {
        format!("{} MiB", bytes >> 20)
    } else {
        format!("{bytes} bytes")
    }
}
