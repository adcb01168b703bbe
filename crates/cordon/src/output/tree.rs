//! The table of `Process Tree` drawn as the tree that it tells, for eyes: names stand below the one that started them, and what else is known
//! of a process stays in columns beside it.
//!
//! Nothing is lost and nothing made up. A process whose parent is not among the rows shows the names between it and the nearest ancestor
//! that is; where ids are told, they alone say who the parent is. Rows that do not hold together as the tree of one machine are no tree, and
//! the caller prints them as they are. Names are an endpoint's: one that holds the lines of a drawing, or begins as they do, shows escapes
//! in their place, and neither deep nor circular ones cost more than a row.

use super::lines::Lines;
use ::api::question::TablePlan;
use ::api::table::{Column, Head, Row, Value};
use std::collections::HashMap;

/// The sensor that is drawn.
const SENSOR: &str = "Process Tree";
/// Between two names of a chain.
const BELOW: &str = " > ";
/// Levels that a drawing shows at most: what is deeper says by how many, and begins there.
const LEVELS_MAX: usize = 20;
/// And at least.
const LEVELS_MIN: usize = 4;
/// Columns of a terminal for which a level is shown: three for itself, the others for what stands beside the tree.
const FOR_A_LEVEL: usize = 6;

/// Where a table has what is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tree {
    chain: usize,
    process: usize,
    depth: usize,
    id: Option<usize>,
    parent: Option<usize>,
}

/// A row with its place in the drawing.
struct Node<'a> {
    row: &'a Row,
    /// What it is called there.
    name: String,
    above: Option<usize>,
    below: Vec<usize>,
}

impl Tree {
    /// Of the table of an answer, if it has what makes a tree.
    pub fn of(table: &TablePlan) -> Option<Self> {
        let place = |name: &str| {
            let mut columns = table.columns.iter();
            columns.position(|c| c.sensor == SENSOR && c.name == name)
        };
        Some(Self {
            chain: place("Tree")?,
            process: place("Process")?,
            depth: place("Depth")?,
            id: place("Process ID"),
            parent: place("Parent Process ID"),
        })
    }

    /// The same rows as a tree in place of the columns that it is made of: its column comes first. None where they are none.
    pub(super) fn drawn(
        self,
        head: &Head,
        rows: &[Row],
        lines: Lines,
        width: Option<u16>,
    ) -> Option<(Head, Vec<Row>)> {
        if rows.iter().any(|row| !is_of_one(row)) {
            return None;
        }
        let nodes = self.nodes(rows)?;
        let levels = width.map_or(LEVELS_MAX, |width| {
            (usize::from(width) / FOR_A_LEVEL).clamp(LEVELS_MIN, LEVELS_MAX)
        });
        let places = self.beside(head, rows);
        let own = Column::own("Process", ::api::ValueType::Text);
        let beside = places.iter().filter_map(|at| head.columns.get(*at));
        let head = Head {
            columns: std::iter::once(own).chain(beside.cloned()).collect(),
            // It is always one.
            counted: false,
            ..head.clone()
        };
        let rows = in_order(&nodes, lines, levels).map(|(tree, row)| {
            let beside = places.iter();
            let beside = beside.map(|at| row.values.get(*at).cloned().unwrap_or(Value::Nothing));
            Row {
                values: std::iter::once(Value::from(tree)).chain(beside).collect(),
                machines: row.machines.clone(),
            }
        });
        Some((head, rows.collect()))
    }

    /// The columns that stay beside the tree: those that it is not made of, without what this question did not ask for.
    fn beside(self, head: &Head, rows: &[Row]) -> Vec<usize> {
        let made_of = [self.chain, self.process, self.depth];
        let empty = |at: usize| {
            let mut values = rows.iter().map(|row| row.values.get(at));
            values.all(|value| value.is_none_or(|value| value.text().is_empty()))
        };
        let beside = (0..head.columns.len()).filter(|at| !made_of.contains(at));
        beside.filter(|at| !empty(*at)).collect()
    }

    /// Each row with who is above it.
    fn nodes(self, rows: &[Row]) -> Option<Vec<Node<'_>>> {
        let mut nodes: Vec<Node<'_>> = Vec::with_capacity(rows.len());
        let mut by_id: HashMap<String, usize> = HashMap::new();
        // The way from the top to the row before, for rows without ids.
        let mut way: Vec<(usize, String, u64)> = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            let text = |place: usize| row.values.get(place).map(|v| v.text().into_owned());
            let told = |place: Option<usize>| text(place?).filter(|text| !text.is_empty());
            let (chain, process) = (text(self.chain)?, text(self.process)?);
            let depth: u64 = text(self.depth)?.parse().ok()?;
            let before = chain.strip_suffix(&process)?;
            if !(before.is_empty() || before.ends_with(BELOW)) {
                return None;
            }
            let (above, name) = if let Some(id) = told(self.id) {
                // A parent comes before its children, so what names a later row, or itself, has none: no circle can come of it.
                let above = told(self.parent).and_then(|parent| by_id.get(&parent).copied());
                if by_id.insert(id, at).is_some() {
                    return None;
                }
                (above, if above.is_some() { process } else { chain })
            } else {
                let below = |(_, above, higher): &(usize, String, u64)| {
                    let rest = chain.strip_prefix(above.as_str());
                    *higher < depth && rest.is_some_and(|rest| rest.starts_with(BELOW))
                };
                while way.last().is_some_and(|last| !below(last)) {
                    way.pop();
                }
                let (above, begun) = match way.last() {
                    Some((above, begun, _)) => (Some(*above), begun.len() + BELOW.len()),
                    None => (None, 0),
                };
                let name = chain.get(begun..)?.to_owned();
                way.push((at, chain, depth));
                (above, name)
            };
            nodes.push(Node {
                row,
                name,
                above,
                below: Vec::new(),
            });
            if let Some(above) = above {
                nodes.get_mut(above)?.below.push(at);
            }
        }
        Some(nodes)
    }
}

/// Whether no other machine gave the row, as far as it says.
fn is_of_one(row: &Row) -> bool {
    row.machines
        .as_ref()
        .is_none_or(|machines| machines.count == 1)
}

/// What is drawn for each row, parents before their children. It does not call itself: a chain may be as long as an endpoint likes.
fn in_order<'a>(
    nodes: &'a [Node<'a>],
    lines: Lines,
    levels: usize,
) -> impl Iterator<Item = (String, &'a Row)> {
    let tops = nodes.iter().enumerate().filter(|(_, n)| n.above.is_none());
    // Rows that are still to be drawn, with their level and whether they are the last below their parent.
    let mut waiting: Vec<(usize, usize, bool)> = tops.rev().map(|(at, _)| (at, 0, true)).collect();
    // For each level of the way down to here, whether more follows on it.
    let mut more: Vec<bool> = Vec::new();
    std::iter::from_fn(move || {
        let (at, level, last) = waiting.pop()?;
        let node = nodes.get(at)?;
        more.truncate(level);
        more.push(!last);
        // The tops have no line before them.
        let way = more.get(1..).unwrap_or_default();
        let hidden = way.len().saturating_sub(levels);
        let mut tree = match hidden {
            0 => String::new(),
            hidden => format!("+{hidden} "),
        };
        if let Some((_, higher)) = way.get(hidden..).and_then(<[bool]>::split_last) {
            for more in higher {
                tree.push_str(if *more { lines.passing() } else { "   " });
            }
            tree.push_str(if last { lines.last() } else { lines.branch() });
        }
        tree.push_str(&without_lines(&node.name, lines));
        let youngest = node.below.last();
        let below = node.below.iter().rev();
        waiting.extend(below.map(|child| (*child, level + 1, Some(child) == youngest)));
        Some((tree, node.row))
    })
}

/// A name that cannot be taken for a part of the drawing.
fn without_lines(name: &str, lines: Lines) -> String {
    let mut out = String::with_capacity(name.len());
    let mut begun = false;
    for c in name.chars() {
        // A blank, a line of letters or a number of levels before it would move it to another place.
        let poses = !begun && (c.is_whitespace() || lines.begin_with(c) || c == '+');
        if poses || ('\u{2500}'..='\u{259F}').contains(&c) {
            out.push_str(&c.escape_unicode().to_string());
        } else {
            begun = true;
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests;
