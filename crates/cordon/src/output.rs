//! Tables as people and programs want them: aligned, separated by tabs, JSON, JSON lines, CSV; on standard output or as files. What comes
//! from elsewhere is made harmless here: cells of hostile endpoints, host names, messages.
//!
//! Every command prints with [`print()`] or, row by row, with a [`Printer`]; what the structured forms look like is [`::api::document`]'s,
//! as in the API's export. `docs/output.md` tells readers.

mod drawn;
mod files;
mod lines;
mod printer;
mod told;
mod tree;

pub(crate) use drawn::aligned;
pub(crate) use printer::{Printer, check};
pub(crate) use told::{io, tls, told};
pub(crate) use tree::Tree;

use crate::args::{Output, Printing};
use ::api::ValueType;
use ::api::answer::RowInfo;
use ::api::document::{QuestionHead, Tail};
use ::api::question::Asked;
use ::api::table::{Column, Head, Machines, Row, Value};
use anyhow::Result;
use question::cell;
use std::io::IsTerminal;
use std::path::PathBuf;

/// Writes a line to standard output; a reader that went away is an error like any other, and no panic.
macro_rules! say {
    ($($what:tt)*) => {
        std::io::Write::write_fmt(
            &mut anstream::stdout().lock(),
            format_args!("{}\n", format_args!($($what)*)),
        )?
    };
}
pub(crate) use say;

/// A form as it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Columns aligned by blanks.
    Aligned,
    /// Columns separated by tabs.
    Tabs,
    /// One document.
    Json,
    /// An object a line.
    Jsonl,
    /// Comma-separated values.
    Csv,
}

impl Form {
    /// What was asked for; without that, what suits where it goes.
    pub fn of(wanted: Option<Output>) -> Self {
        match wanted {
            Some(Output::Table) => Self::Aligned,
            Some(Output::Json) => Self::Json,
            Some(Output::Jsonl) => Self::Jsonl,
            Some(Output::Csv) => Self::Csv,
            None if std::io::stdout().is_terminal() => Self::Aligned,
            None => Self::Tabs,
        }
    }

    /// Whether it is for people, who are told more beside it.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Aligned | Self::Tabs)
    }

    /// Whether programs expect JSON, of errors too.
    pub fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Jsonl)
    }
}

/// In which form tables are printed, which of them, and where to.
#[derive(Clone, Debug)]
pub(crate) struct How {
    /// The form.
    pub form: Form,
    /// The one table that is wanted.
    pub table: Option<String>,
    /// The folder for files; none for standard output.
    pub folder: Option<PathBuf>,
    /// Whether files that are there are replaced.
    pub replace: bool,
}

impl From<Option<Output>> for How {
    fn from(wanted: Option<Output>) -> Self {
        Self {
            form: Form::of(wanted),
            table: None,
            folder: None,
            replace: false,
        }
    }
}

impl From<Form> for How {
    fn from(form: Form) -> Self {
        Self {
            form,
            ..None.into()
        }
    }
}

impl From<Output> for How {
    fn from(wanted: Output) -> Self {
        Some(wanted).into()
    }
}

impl From<&Printing> for How {
    fn from(printing: &Printing) -> Self {
        // In a file there is no terminal to suit.
        let plain = printing.out.as_ref().and(Some(Form::Tabs));
        Self {
            form: match printing.output {
                None => plain.unwrap_or_else(|| Form::of(None)),
                wanted => Form::of(wanted),
            },
            table: printing.table.clone(),
            folder: printing.out.clone(),
            replace: printing.force,
        }
    }
}

/// One table to print.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// Name and columns.
    pub head: Head,
    /// Its rows.
    pub rows: Vec<Row>,
}

impl Table {
    /// A table of facts, which no machines gave.
    pub fn of(
        name: &str,
        columns: &[(&str, ValueType)],
        rows: impl IntoIterator<Item = Vec<Value>>,
    ) -> Self {
        let columns = columns.iter().map(|(name, kind)| Column::own(name, *kind));
        let rows = rows.into_iter().map(|values| Row {
            values,
            machines: None,
        });
        Self {
            head: Head {
                name: name.to_owned(),
                columns: columns.collect(),
                ..Head::default()
            },
            rows: rows.collect(),
        }
    }

    /// One of texts alone.
    pub fn plain<V: Into<Value>>(
        name: &str,
        columns: &[&str],
        rows: impl IntoIterator<Item = Vec<V>>,
    ) -> Self {
        let columns: Vec<_> = columns
            .iter()
            .map(|name| (*name, ValueType::Text))
            .collect();
        let rows = rows.into_iter();
        Self::of(
            name,
            &columns,
            rows.map(|row| row.into_iter().map(Into::into).collect()),
        )
    }

    /// A row of an answer as the API's pages have it.
    pub fn push(&mut self, row: &RowInfo) {
        let cells = row.cells.iter().zip(&self.head.columns);
        let values = cells.map(|(cell, column)| Value::of(cell, column.value_type));
        self.rows.push(Row {
            values: values.collect(),
            machines: Some(Machines {
                count: row.count,
                endpoints: row.machines.clone(),
            }),
        });
    }
}

/// Prints tables. `facts` are further members of the JSON document.
pub(crate) fn print(how: impl Into<How>, tables: &[Table], facts: serde_json::Value) -> Result<()> {
    let how = how.into();
    let heads: Vec<Head> = tables.iter().map(|table| table.head.clone()).collect();
    all(Printer::new(&how, None, facts, &heads)?, tables, None)
}

/// Prints facts about one thing: below each other for people, as the one row of a table for programs.
pub(crate) fn print_facts(
    form: Option<Output>,
    name: &str,
    facts: Vec<(&str, ValueType, Value)>,
    members: serde_json::Value,
) -> Result<()> {
    let table = if Form::of(form).is_text() {
        let rows = facts
            .into_iter()
            .map(|(name, _, value)| vec![name.into(), value.words().into_owned().into()]);
        Table::of(
            name,
            &[("Fact", ValueType::Text), ("Value", ValueType::Text)],
            rows,
        )
    } else {
        let columns: Vec<_> = facts.iter().map(|(name, kind, _)| (*name, *kind)).collect();
        let row = facts.into_iter().map(|(_, _, value)| value).collect();
        Table::of(name, &columns, [row])
    };
    print(form, &[table], members)
}

/// Prints tables of an answer, with how far it is.
pub(crate) fn print_of(how: &How, question: &Asked, tables: &[Table], tail: &Tail) -> Result<()> {
    let heads: Vec<Head> = tables.iter().map(|table| table.head.clone()).collect();
    let facts = serde_json::Value::Null;
    let printer = Printer::new(how, Some(QuestionHead::from(question)), facts, &heads)?;
    all(printer, tables, Some(tail))
}

fn all(mut printer: Printer, tables: &[Table], tail: Option<&Tail>) -> Result<()> {
    let wanted = printer.wanted();
    for table in wanted.into_iter().filter_map(|at| tables.get(at)) {
        printer.table(&table.head)?;
        for row in &table.rows {
            printer.row(row)?;
        }
    }
    printer.end(tail)
}

/// A text for people, of one line or several, without what would command a terminal or hide.
pub fn shown(text: &str) -> String {
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| cell::printable(line.as_bytes()))
        .collect();
    lines.join("\n")
}

/// So many of something: `1 endpoint`, `2 endpoints`.
pub(crate) fn counted(count: u64, one: &str) -> String {
    let many = match one.strip_suffix('y') {
        // No vowel before it in any word that is counted here.
        Some(stem) if count != 1 => return format!("{count} {stem}ies"),
        _ if count == 1 => "",
        _ if one.ends_with("ch") => "es",
        _ => "s",
    };
    format!("{count} {one}{many}")
}

#[cfg(test)]
mod tests;
