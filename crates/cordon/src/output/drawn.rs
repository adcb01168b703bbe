//! Tables as lines of text: aligned for eyes, separated by tabs for other programs.

use super::Table;
use ::api::table::{Head, Row, Value};
use question::cell;
use std::io::IsTerminal;

/// A table whose columns are aligned; in a terminal as wide as that, with long cells on several lines.
pub(crate) fn aligned(table: &Table) -> String {
    drawn(&table.head, &table.rows, std::io::stdout().is_terminal())
}

/// The same of rows; `fitting` into the terminal, or as wide as they are.
pub(super) fn drawn(head: &Head, rows: &[Row], fitting: bool) -> String {
    let mut drawn = comfy_table::Table::new();
    drawn
        .load_style(comfy_table::presets::UTF8_BORDERS_ONLY)
        .set_content_arrangement(if fitting {
            comfy_table::ContentArrangement::Dynamic
        } else {
            comfy_table::ContentArrangement::Disabled
        });
    drawn.set_header(names(head));
    for row in rows {
        drawn.add_row(cells(head, row));
    }
    drawn.to_string()
}

/// A row as a line, its columns separated by tabs. A tab inside a cell is visible as `\t`, so every line has as many as it has columns.
pub(super) fn tabbed(head: &Head, row: &Row) -> String {
    cells(head, row).join("\t")
}

/// The names of the columns, likewise.
pub(super) fn tabbed_names(head: &Head) -> String {
    names(head).join("\t")
}

fn names(head: &Head) -> Vec<String> {
    let names = head.names();
    let names = names.iter().map(|name| cell::printable(name.as_bytes()));
    names.collect()
}

fn cells(head: &Head, row: &Row) -> Vec<String> {
    let values = row.flat(head);
    let values = values.iter().map(Value::words);
    values
        .map(|text| cell::printable(text.as_bytes()))
        .collect()
}
