//! Tables as lines of text: aligned for eyes, separated by tabs for other programs.

use super::Table;
use super::lines::Lines;
use super::tree::Tree;
use ::api::table::{Head, Row, Value};
use comfy_table::{ColumnConstraint, ContentArrangement};
use question::cell;
use std::io::IsTerminal;
use unicode_width::UnicodeWidthStr;

/// Terminals that are narrower than this are taken for ones that do not know.
const NARROWEST: u16 = 20;
/// Letters of a word that a column has to hold: longer ones may be broken.
const WORD: usize = 20;

/// What a table is drawn on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Canvas {
    lines: Lines,
    /// Columns that it has; none where a table is as wide as it is.
    width: Option<u16>,
}

impl Canvas {
    /// This process' terminal, where there is one to fit into.
    pub fn here(fitting: bool) -> Self {
        Self {
            lines: Lines::here(),
            width: width().filter(|width| fits(fitting, Some(*width))),
        }
    }

    #[cfg(test)]
    pub fn of(lines: Lines, width: Option<u16>) -> Self {
        Self { lines, width }
    }

    /// A table whose columns are aligned, with long cells on several lines where it has to fit.
    /// Where even words would have to be broken, each row is a record: its cells below each other, with their names.
    pub fn table(self, head: &Head, rows: &[Row]) -> String {
        let rows: Vec<Vec<String>> = rows.iter().map(|row| cells(head, row)).collect();
        let names = names(head);
        if !rows.is_empty() && self.width.is_some_and(|width| breaks(&names, &rows, width)) {
            return records(&names, &rows);
        }
        self.framed(names, rows).to_string()
    }

    /// The same, with the tree drawn that its rows tell of one machine; if they do not, it is a table like any other.
    pub fn tree(self, tree: Tree, head: &Head, rows: &[Row]) -> String {
        let Some((head, rows)) = tree.drawn(head, rows, self.lines, self.width) else {
            return self.table(head, rows);
        };
        let mut drawn = self.drawn(&head, &rows);
        // A line of the tree that is broken in two is no line any more; only what is wider than most of a terminal has to be.
        let names = rows.iter().filter_map(|row| row.values.first());
        let widest = names.map(|name| name.text().width()).max().unwrap_or(0);
        let room = self.width.map(|width| usize::from(width) * 3 / 5);
        if room.is_some_and(|room| widest <= room)
            && let Some(column) = drawn.column_mut(0)
        {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        drawn.to_string()
    }

    fn drawn(self, head: &Head, rows: &[Row]) -> comfy_table::Table {
        let rows = rows.iter().map(|row| cells(head, row)).collect();
        self.framed(names(head), rows)
    }

    fn framed(self, names: Vec<String>, rows: Vec<Vec<String>>) -> comfy_table::Table {
        let mut drawn = comfy_table::Table::new();
        drawn.load_style(self.lines.frame());
        drawn.set_content_arrangement(match self.width {
            Some(_) => ContentArrangement::Dynamic,
            None => ContentArrangement::Disabled,
        });
        if let Some(width) = self.width {
            drawn.set_width(width);
        }
        drawn.set_header(names);
        for row in rows {
            drawn.add_row(row);
        }
        drawn
    }
}

/// Whether a table of this width would break words of ordinary length.
fn breaks(names: &[String], rows: &[Vec<String>], width: u16) -> bool {
    let longest = |text: &String| {
        let words = text.split_whitespace().map(UnicodeWidthStr::width);
        words.max().unwrap_or(0).min(WORD)
    };
    let columns = names.iter().enumerate().map(|(at, name)| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        cells.chain([name]).map(longest).max().unwrap_or(0)
    });
    // Between two lines each has a blank on both sides.
    let frame = 3 * names.len() + 1;
    columns.sum::<usize>() + frame > usize::from(width)
}

/// Each row as lines of name and value, and an empty line between two.
fn records(names: &[String], rows: &[Vec<String>]) -> String {
    let widest = names.iter().map(|name| name.width()).max().unwrap_or(0);
    let record = |row: &Vec<String>| {
        let lines = names.iter().zip(row).map(|(name, value)| {
            let blanks = " ".repeat(widest - name.width());
            format!("{name}{blanks}  {value}").trim_end().to_owned()
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    rows.iter().map(record).collect::<Vec<_>>().join("\n\n")
}

/// A table for standard output, as wide as the terminal where it is one.
pub(crate) fn aligned(table: &Table) -> String {
    Canvas::here(std::io::stdout().is_terminal()).table(&table.head, &table.rows)
}

/// Columns of the terminal that standard output goes to, whichever started the process.
#[cfg(unix)]
fn width() -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout());
    size.ok().map(|size| size.ws_col)
}

/// Columns of the console.
#[cfg(not(unix))]
fn width() -> Option<u16> {
    comfy_table::Table::new().width()
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
