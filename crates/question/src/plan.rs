//! Which tables an answer has. Sensors that give one row for each endpoint join every row of one that gives many;
//! several that give many make a table each, never a product of rows.

use crate::ast::{Question, Row};
use crate::catalogue::{Catalogue, Rows, ValueType};
use crate::tail::{Heading, Headings};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The tables of an answer; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Tables, in the order of the sensors that give many rows.
    pub tables: Vec<TablePlan>,
}

/// One table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TablePlan {
    /// Heading: the sensor that gives the many rows, or all sensors, or `number of machines`.
    pub title: String,
    /// Columns; none when only endpoints are counted.
    pub columns: Vec<PlannedColumn>,
    /// Where the columns come from, in order.
    pub parts: Vec<PlannedPart>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedColumn {
    /// Name, unique within its table.
    pub name: String,
    /// Sensor that fills it.
    pub sensor: String,
    /// How its cells compare.
    pub value_type: ValueType,
}

/// One sensor's share of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedPart {
    /// Place in `Question::selects`.
    pub select: usize,
    /// Whether it gives many rows.
    pub many: bool,
    /// How many of the table's columns are its.
    pub width: usize,
}

impl From<&Plan> for Headings {
    fn from(plan: &Plan) -> Self {
        let tables = plan.tables.iter().map(|table| Heading {
            title: table.title.clone(),
            columns: table.columns.iter().map(|c| c.name.clone()).collect(),
        });
        Self {
            tables: tables.collect(),
        }
    }
}

/// Plans the answer of a question.
#[must_use]
pub fn plan(question: &Question, catalogue: &Catalogue) -> Plan {
    let many: Vec<bool> = question
        .selects
        .iter()
        .map(|s| {
            catalogue
                .sensor(&s.call.sensor)
                .is_some_and(|s| s.rows == Rows::Many)
        })
        .collect();
    let mut tables: Vec<TablePlan> = many
        .iter()
        .enumerate()
        .filter(|(_, many)| **many)
        .map(|(at, _)| table(question, catalogue, &many, Some(at)))
        .collect();
    if tables.is_empty() {
        tables.push(table(question, catalogue, &many, None));
    }
    Plan { tables }
}

/// The table of the sensor at `centre`, or that of all one-row sensors.
fn table(
    question: &Question,
    catalogue: &Catalogue,
    many: &[bool],
    centre: Option<usize>,
) -> TablePlan {
    let mut columns = Vec::new();
    let mut parts = Vec::new();
    let mut calls = Vec::new();
    for (at, select) in question.selects.iter().enumerate() {
        let is_many = many.get(at).copied().unwrap_or(false);
        if is_many && centre != Some(at) {
            continue;
        }
        let Some(sensor) = catalogue.sensor(&select.call.sensor) else {
            continue;
        };
        for column in &sensor.columns {
            columns.push(PlannedColumn {
                name: column.name.clone(),
                sensor: sensor.name.clone(),
                value_type: column.value_type,
            });
            calls.push(select.call.to_string());
        }
        parts.push(PlannedPart {
            select: at,
            many: is_many,
            width: sensor.columns.len(),
        });
    }
    make_unique(&mut columns, &calls);
    let title = match centre.and_then(|at| question.selects.get(at)) {
        Some(select) => select.call.sensor.clone(),
        None if question.selects.is_empty() => "number of machines".to_owned(),
        None => {
            let names: Vec<&str> = question
                .selects
                .iter()
                .map(|s| s.call.sensor.as_str())
                .collect();
            names.join(", ")
        }
    };
    TablePlan {
        title,
        columns,
        parts,
    }
}

/// A name that occurs twice gets its sensor before it, then the sensor with its parameters, then a number.
fn make_unique(columns: &mut [PlannedColumn], calls: &[String]) {
    let plain: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
    for round in 0..2 {
        let twice = repeated(columns);
        for ((column, call), name) in columns.iter_mut().zip(calls).zip(&plain) {
            if twice.contains_key(&column.name.to_lowercase()) {
                column.name = match round {
                    0 => format!("{}: {name}", column.sensor),
                    _ => format!("{call}: {name}"),
                };
            }
        }
    }
    let mut seen: HashMap<String, usize> = HashMap::new();
    for column in columns {
        let count = seen.entry(column.name.to_lowercase()).or_insert(0);
        *count += 1;
        if *count > 1 {
            column.name = format!("{} ({count})", column.name);
        }
    }
}

fn repeated(columns: &[PlannedColumn]) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for column in columns {
        *counts.entry(column.name.to_lowercase()).or_insert(0) += 1;
    }
    counts.retain(|_, n| *n > 1);
    counts
}

/// Rows of each table from the kept rows of each select.
///
/// A select without rows gives its tables none: a filter in the get clause that keeps nothing keeps nothing of the
/// endpoint. For a one-row sensor that could not be had, hand in a row of empty cells, so that the others' rows stay.
#[must_use]
pub fn join(plan: &Plan, per_select: &[Vec<Row>]) -> Vec<Vec<Row>> {
    plan.tables
        .iter()
        .map(|table| join_table(table, per_select))
        .collect()
}

fn join_table(table: &TablePlan, per_select: &[Vec<Row>]) -> Vec<Row> {
    let rows_of = |part: &PlannedPart| per_select.get(part.select).map_or(&[][..], Vec::as_slice);
    if table.parts.iter().any(|p| rows_of(p).is_empty()) {
        return Vec::new();
    }
    let centre = table.parts.iter().find(|p| p.many);
    let count = centre.map_or(1, |p| rows_of(p).len());
    let mut out = Vec::with_capacity(count);
    for i in 0..count {
        let mut row: Row = Vec::with_capacity(table.columns.len());
        for part in &table.parts {
            let at = if part.many { i } else { 0 };
            let cells = rows_of(part).get(at).map_or(&[][..], Vec::as_slice);
            // A row of the wrong width must not shift its neighbours' cells.
            for cell in 0..part.width {
                row.push(cells.get(cell).cloned().unwrap_or_default());
            }
        }
        out.push(row);
    }
    out
}
