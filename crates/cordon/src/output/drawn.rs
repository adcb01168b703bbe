//! Tables as lines of text: aligned for eyes, separated by tabs for other programs.

use super::Table;
use ::api::table::{Head, Row, Value};
use comfy_table::ContentArrangement;
use question::cell;
use std::io::IsTerminal;

/// Terminals that are narrower than this are taken for ones that do not know.
const NARROWEST: u16 = 20;

/// A table whose columns are aligned; in a terminal as wide as that, with long cells on several lines.
pub(crate) fn aligned(table: &Table) -> String {
    drawn(&table.head, &table.rows, std::io::stdout().is_terminal())
}

/// The same of rows; `fitting` into the terminal, or as wide as they are.
pub(super) fn drawn(head: &Head, rows: &[Row], fitting: bool) -> String {
    let mut drawn = comfy_table::Table::new();
    drawn.load_style(comfy_table::presets::UTF8_BORDERS_ONLY);
    let arrangement = if fits(fitting, drawn.width()) {
        ContentArrangement::Dynamic
    } else {
        ContentArrangement::Disabled
    };
    drawn.set_content_arrangement(arrangement);
    drawn.set_header(names(head));
    for row in rows {
        drawn.add_row(cells(head, row));
    }
    drawn.to_string()
}

/// Whether cells fit themselves into the terminal. A serial console does not know its width and says 0, in which every word would stand
/// on end.
fn fits(fitting: bool, width: Option<u16>) -> bool {
    fitting && width.is_some_and(|width| width >= NARROWEST)
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
    let mut cells: Vec<String> = values
        .map(|text| cell::printable(text.as_bytes()))
        .collect();
    // People are told that names are missing; programs have the number beside them.
    let unnamed = row.machines.as_ref().and_then(|machines| {
        let named = machines.endpoints.as_ref()?.len() as u64;
        machines.count.checked_sub(named).filter(|more| *more > 0)
    });
    if let (true, Some(more), Some(names)) = (head.named, unnamed, cells.last_mut()) {
        names.push_str(&format!(" … and {more} more"));
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_that_does_not_know_its_width_is_no_narrow_one() {
        for width in [None, Some(0), Some(1), Some(NARROWEST - 1)] {
            assert!(!fits(true, width), "{width:?}");
        }
        assert!(fits(true, Some(80)) && !fits(false, Some(80)));
    }
}
