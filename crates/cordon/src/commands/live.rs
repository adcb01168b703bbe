//! What has come of an answer so far: kept for a screen that shows it while it fills, and for the case that the server goes away.

use super::follow::{progress, states};
use crate::api::{ApiQuestion, ApiRow, Coverage};
use crate::output::{Table, aligned, counted};
use ::api::table::Head;
use std::collections::BTreeMap;

/// Rows that are kept at most; the server has all.
const KEPT: usize = 100_000;
/// Rows of a table that a screen has room for.
const ON_SCREEN: usize = 12;

/// Rows as they came.
pub(crate) struct Held {
    rows: BTreeMap<(u32, u32), ApiRow>,
    tables: Vec<Head>,
    rare: bool,
    /// Whether every row that came is held.
    whole: bool,
}

impl Held {
    /// Nothing yet of this question; `rare` rows first, or common ones.
    pub fn new(question: &ApiQuestion, rare: bool) -> Self {
        Self {
            rows: BTreeMap::new(),
            tables: Head::of(&question.plan),
            rare,
            whole: true,
        }
    }

    /// Whether every row that came is held.
    pub fn whole(&self) -> bool {
        self.whole
    }

    /// Takes changes in.
    pub fn take(&mut self, rows: &mut dyn Iterator<Item = (u32, &ApiRow)>) {
        for (table, row) in rows {
            let key = (table, row.row);
            if row.count == 0 {
                // It is no longer shown.
                self.rows.remove(&key);
            } else if self.rows.len() < KEPT || self.rows.contains_key(&key) {
                self.rows.insert(key, row.clone());
            } else {
                self.whole = false;
            }
        }
    }

    /// The tables with this many rows of each at most, and how many rows each has.
    pub fn tables(&self, most: usize) -> Vec<(Table, usize)> {
        let tables = (0_u32..).zip(&self.tables);
        let cut = tables.map(|(number, head)| {
            let mine = self.rows.range((number, 0)..=(number, u32::MAX));
            let mut rows: Vec<&ApiRow> = mine.map(|(_, row)| row).collect();
            rows.sort_by_key(|row| {
                let first = if self.rare {
                    row.count
                } else {
                    u64::MAX - row.count
                };
                (first, row.row)
            });
            let all = rows.len();
            let mut table = Table {
                head: head.clone(),
                rows: Vec::new(),
            };
            for row in rows.into_iter().take(most) {
                table.push(row);
            }
            (table, all)
        });
        cut.collect()
    }
}

/// A screen that shows the answer while it fills.
pub(crate) struct Live {
    bar: indicatif::ProgressBar,
    most: usize,
}

impl Live {
    /// An empty screen.
    pub fn new(most: usize) -> Self {
        let bar = indicatif::ProgressBar::new(1);
        let style = indicatif::ProgressStyle::with_template(
            "{wide_bar:.green} {pos}/{len} endpoints {elapsed}\n{msg}",
        );
        bar.set_style(style.unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()));
        Self {
            bar,
            most: most.min(ON_SCREEN),
        }
    }

    /// Draws.
    pub fn draw(&self, coverage: &Coverage, held: &Held) {
        let (done, all) = progress(coverage);
        self.bar.set_length(all.max(1));
        self.bar.set_position(done);
        let mut text = states(coverage);
        for (table, all) in held.tables(self.most) {
            text.push('\n');
            text.push_str(&aligned(&table));
            let more = all.saturating_sub(table.rows.len());
            if more > 0 {
                text.push_str(&format!("\n… {}", counted(more as u64, "more row")));
            }
        }
        self.bar.set_message(text);
    }

    /// Clears the screen for the final print.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(row: u32, count: u64) -> ApiRow {
        ApiRow {
            row,
            cells: vec![format!("cell {row}")],
            count,
            machines: None,
        }
    }

    fn head(name: &str) -> Head {
        Head {
            name: name.to_owned(),
            columns: vec![::api::table::Column::own("Name", ::api::ValueType::Text)],
            counted: true,
            named: false,
        }
    }

    #[test]
    fn what_is_held_is_the_latest_of_each_row_in_order_and_never_too_much() {
        let mut held = Held {
            rows: BTreeMap::new(),
            tables: ["One", "Two"].map(head).to_vec(),
            rare: false,
            whole: true,
        };
        let first = [(0, row(0, 1)), (0, row(1, 5)), (1, row(0, 9))];
        held.take(&mut first.iter().map(|(table, row)| (*table, row)));
        held.take(&mut std::iter::once((0, &row(0, 7))));
        let told = |table: Table| -> Vec<(String, u64)> {
            let rows = table.rows.into_iter();
            rows.map(|row| {
                (
                    row.values[0].text().into_owned(),
                    row.machines.unwrap().count,
                )
            })
            .collect()
        };
        let cells = |most| {
            let tables = held.tables(most);
            let rows = tables.into_iter().map(|(t, all)| (told(t), all));
            rows.collect::<Vec<_>>()
        };
        let named = |row: u32, count: u64| (format!("cell {row}"), count);
        assert_eq!(
            cells(usize::MAX),
            vec![(vec![named(0, 7), named(1, 5)], 2), (vec![named(0, 9)], 1)]
        );
        assert_eq!(
            cells(1),
            vec![(vec![named(0, 7)], 2), (vec![named(0, 9)], 1)]
        );
        held.rare = true;
        assert_eq!(told(held.tables(1).remove(0).0), vec![named(1, 5)]);
        let flood: Vec<ApiRow> = (0..=KEPT as u32).map(|at| row(at, 1)).collect();
        held.take(&mut flood.iter().map(|row| (0, row)));
        assert_eq!(held.rows.len(), KEPT);
        assert!(!held.whole());
    }
}
