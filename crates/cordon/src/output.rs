//! Tables as people and programs want them: aligned, JSON, CSV, JSON lines. What comes from elsewhere is made harmless here: cells of
//! hostile endpoints, host names, messages.

use crate::args::Output;
use anyhow::Result;
use question::{cell, csv};
use serde_json::{Map, Value, json};
use std::io::{IsTerminal, Write};

/// One table to print.
pub struct Table {
    /// Heading, printed when there are several.
    pub title: String,
    /// Column names.
    pub columns: Vec<String>,
    /// Cells as text and the number of endpoints that gave the row; no number where counting makes no sense.
    pub rows: Vec<(Vec<String>, Option<u64>)>,
}

impl Table {
    /// A table of plain facts, without counts.
    pub fn plain(columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Self {
        Self {
            title: String::new(),
            columns: columns.iter().map(|c| (*c).to_owned()).collect(),
            rows: rows.into_iter().map(|r| (r, None)).collect(),
        }
    }

    fn object(&self, row: &(Vec<String>, Option<u64>)) -> Value {
        let mut object: Map<String, Value> = self
            .columns
            .iter()
            .cloned()
            .zip(row.0.iter().map(|c| Value::from(c.as_str())))
            .collect();
        if let Some(count) = row.1 {
            object.insert("Count".into(), count.into());
        }
        Value::Object(object)
    }

    /// The rows as JSON objects.
    pub fn objects(&self) -> Vec<Value> {
        self.rows.iter().map(|r| self.object(r)).collect()
    }
}

/// Writes tables in the wanted form. `extra` are further members of the JSON document.
pub fn write(out: &mut impl Write, form: Output, tables: &[Table], extra: Value) -> Result<()> {
    match form {
        Output::Table => {
            for table in tables {
                if tables.len() > 1 && !table.title.is_empty() {
                    writeln!(out, "{}", cell::printable(table.title.as_bytes()))?;
                }
                writeln!(out, "{}", aligned(table, None))?;
            }
        }
        Output::Json => {
            let list: Vec<Value> = tables
                .iter()
                .map(|t| json!({"title": t.title, "columns": t.columns, "rows": t.objects()}))
                .collect();
            let mut document = extra;
            if let Some(object) = document.as_object_mut() {
                object.insert("tables".into(), list.into());
            } else {
                document = list.into();
            }
            let text = serde_json::to_string_pretty(&document)?;
            writeln!(out, "{}", cell::harmless_json(&text))?;
        }
        Output::Jsonl => {
            for table in tables {
                for object in table.objects() {
                    writeln!(out, "{}", cell::harmless_json(&object.to_string()))?;
                }
            }
        }
        Output::Csv => {
            for table in tables {
                let counted = table.rows.iter().any(|r| r.1.is_some());
                let mut lines = String::new();
                let names = table.columns.iter().map(String::as_str);
                csv::line(&mut lines, names.chain(counted.then_some("Count")));
                for (cells, count) in &table.rows {
                    let count = counted.then(|| count.unwrap_or(0).to_string());
                    let cells = cells.iter().map(String::as_str);
                    csv::line(&mut lines, cells.chain(count.as_deref()));
                }
                out.write_all(lines.as_bytes())?;
            }
        }
    }
    out.flush()?;
    Ok(())
}

/// Prints tables on standard output.
pub fn print(form: Output, tables: &[Table], extra: Value) -> Result<()> {
    write(&mut std::io::stdout().lock(), form, tables, extra)
}

/// A table aligned for a terminal; plain columns separated by tabs when output is no terminal.
pub fn aligned(table: &Table, most: Option<usize>) -> String {
    let counted = table.rows.iter().any(|r| r.1.is_some());
    let shown = most.unwrap_or(usize::MAX);
    let lines = table.rows.iter().take(shown).map(|(cells, count)| {
        let mut line: Vec<String> = cells
            .iter()
            .map(|c| cell::printable(c.as_bytes()))
            .collect();
        if counted {
            line.push(count.map(|c| c.to_string()).unwrap_or_default());
        }
        line
    });
    let mut header: Vec<String> = table
        .columns
        .iter()
        .map(|c| cell::printable(c.as_bytes()))
        .collect();
    if counted {
        header.push("Count".into());
    }
    if !std::io::stdout().is_terminal() {
        let mut text = header.join("\t");
        for line in lines {
            text.push('\n');
            text.push_str(&line.join("\t"));
        }
        return text;
    }
    let mut drawn = comfy_table::Table::new();
    drawn
        .load_style(comfy_table::presets::UTF8_BORDERS_ONLY)
        .set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    drawn.set_header(header);
    for line in lines {
        drawn.add_row(line);
    }
    drawn.to_string()
}

/// A text for people, of one line or several, without what would command a terminal or hide.
pub fn shown(text: &str) -> String {
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| cell::printable(line.as_bytes()))
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_cells_cannot_reach_the_terminal() {
        let table = Table {
            title: String::new(),
            columns: vec!["Name".into()],
            rows: vec![(vec!["\u{1b}[2Jgone\u{202e}".into()], Some(1))],
        };
        let text = aligned(&table, None);
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{202e}'),
            "{text:?}"
        );
        for form in [Output::Table, Output::Json, Output::Jsonl, Output::Csv] {
            let mut out = Vec::new();
            write(&mut out, form, std::slice::from_ref(&table), Value::Null).expect("written");
            let text = String::from_utf8(out).expect("text");
            assert!(!text.contains(['\u{1b}', '\u{202e}']), "{form:?}: {text:?}");
        }
    }

    #[test]
    fn messages_keep_their_lines_and_nothing_else_that_is_no_character() {
        assert_eq!(shown("a\n\u{1b}[1mb\u{2066}"), "a\n\\x1B[1mb\\u{2066}");
    }
}
