//! Whole answers and lists as a JSON document, as JSON lines, as CSV: the one form in which the API exports and the command line prints.
//!
//! A document has its question, its tables and how far the answer is, apart from each other; a row is its values, and its machines stand
//! apart from it. So whatever a sensor calls its columns, nothing is overwritten. Written piece by piece, for an answer has no upper bound;
//! what stands at the end is of the same moment as the rows.

use crate::answer::{ExportFormat, ProblemInfo};
use crate::ids::QuestionId;
use crate::question::Asked;
use crate::state::{EndpointState, StateName};
use crate::table::{Head, Machine, Machines, Row, Value};
use crate::value::ValueType;
use jiff::Timestamp;
use question::{cell, csv};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// What was asked.
    pub question: QuestionHead,
    /// The tables of the answer.
    pub tables: Vec<DocumentTable>,
    /// Endpoints by state; states without endpoints are left out.
    #[schema(value_type = BTreeMap<StateName, u64>)]
    pub coverage: BTreeMap<EndpointState, u64>,
    /// Rows that limits cut off on endpoints.
    pub rows_cut: u64,
    /// What went wrong on endpoints.
    pub problems: Vec<ProblemInfo>,
    /// Rows that are not told because fewer were asked for; left out where there is none.
    #[serde(default, skip_serializing_if = "is_nought")]
    pub rows_left: u64,
    /// Why this is not kept at the moment: the server's disk is full, or fails. It is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub trouble: Option<String>,
}

/// What was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuestionHead {
    /// Its number; none when this machine alone was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub id: Option<QuestionId>,
    /// Its canonical text.
    pub text: String,
    /// Who asked, as shown to people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub asked_by: Option<String>,
    /// When, in whole seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub asked_at: Option<Timestamp>,
    /// Until when endpoints may answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub expires_at: Option<Timestamp>,
}

impl From<&Asked> for QuestionHead {
    fn from(asked: &Asked) -> Self {
        let whole = |at: Timestamp| Timestamp::from_second(at.as_second()).unwrap_or(at);
        Self {
            id: Some(asked.id),
            text: asked.text.clone(),
            asked_by: Some(asked.asked_by.clone()),
            asked_at: Some(whole(asked.asked_at)),
            expires_at: Some(whole(asked.expires_at)),
        }
    }
}

/// A table. What is told of its rows stands beside them, row by row in the same order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentTable {
    /// Its name, unique in the document.
    pub table: String,
    /// The names of its columns, in order.
    pub columns: Vec<String>,
    /// Of which type the values of each column are.
    pub types: Vec<ValueType>,
    /// Its rows: values by the names of their columns.
    pub rows: Vec<BTreeMap<String, Value>>,
    /// How many machines gave each row; left out where counting makes no sense.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub machines: Option<Vec<u64>>,
    /// Which machines gave each row, where that was asked for; it may be fewer than there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub endpoints: Option<Vec<Vec<Machine>>>,
}

/// How far an answer is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// Endpoints by state; states without endpoints are left out.
    pub coverage: BTreeMap<EndpointState, u64>,
    /// Rows that limits cut off on endpoints.
    pub rows_cut: u64,
    /// What went wrong on endpoints.
    pub problems: Vec<ProblemInfo>,
    /// Rows that are not told because fewer were asked for.
    pub rows_left: u64,
    /// Why this is not kept at the moment.
    pub trouble: Option<String>,
}

/// A line of JSON lines: a row with the name of its table, or, as the last one of an answer, how far it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Line {
    /// A row.
    Row(RowLine),
    /// The last line.
    End(EndLine),
}

/// A row as a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RowLine {
    /// The name of its table.
    pub table: String,
    /// Its values by the names of their columns.
    pub values: BTreeMap<String, Value>,
    /// Which machines gave it; left out where counting makes no sense.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub machines: Option<Machines>,
}

impl RowLine {
    /// The row, as one of a table with these columns.
    #[must_use]
    pub fn row(mut self, head: &Head) -> Row {
        let values = head.columns.iter().map(|column| {
            let value = self.values.remove(&column.name).unwrap_or_default();
            value.typed(column.value_type)
        });
        Row {
            values: values.collect(),
            machines: self.machines,
        }
    }
}

/// The last line of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndLine {
    /// What was asked.
    pub question: QuestionHead,
    /// Endpoints by state; states without endpoints are left out.
    #[schema(value_type = BTreeMap<StateName, u64>)]
    pub coverage: BTreeMap<EndpointState, u64>,
    /// Rows that limits cut off on endpoints.
    pub rows_cut: u64,
    /// What went wrong on endpoints.
    pub problems: Vec<ProblemInfo>,
    /// Rows that are not told because fewer were asked for; left out where there is none.
    #[serde(default, skip_serializing_if = "is_nought")]
    pub rows_left: u64,
    /// Why this is not kept at the moment: the server's disk is full, or fails. It is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub trouble: Option<String>,
}

fn is_nought(number: &u64) -> bool {
    *number == 0
}

impl Tail {
    /// The last line that says so.
    #[must_use]
    pub fn of(self, question: QuestionHead) -> EndLine {
        EndLine {
            question,
            coverage: self.coverage,
            rows_cut: self.rows_cut,
            problems: self.problems,
            rows_left: self.rows_left,
            trouble: self.trouble,
        }
    }
}

impl From<EndLine> for Tail {
    fn from(line: EndLine) -> Self {
        Self {
            coverage: line.coverage,
            rows_cut: line.rows_cut,
            problems: line.problems,
            rows_left: line.rows_left,
            trouble: line.trouble,
        }
    }
}

/// Writes a document, piece by piece: [`Self::begin`], then for each table [`Self::table`] and its rows, then [`Self::end`].
pub struct Writer {
    format: ExportFormat,
    question: Option<QuestionHead>,
    facts: serde_json::Value,
    head: Head,
    tables: usize,
    rows: usize,
    /// Of the rows of a table in a JSON document: how many machines, and which.
    machines: String,
    endpoints: String,
}

impl Writer {
    /// For this format. What is no answer has no question.
    #[must_use]
    pub fn new(format: ExportFormat, question: Option<QuestionHead>) -> Self {
        Self {
            format,
            question,
            facts: serde_json::Value::Null,
            head: Head::default(),
            tables: 0,
            rows: 0,
            machines: String::new(),
            endpoints: String::new(),
        }
    }

    /// With the members of this object before the tables of a JSON document.
    #[must_use]
    pub fn with(mut self, facts: serde_json::Value) -> Self {
        self.facts = facts;
        self
    }

    /// The beginning.
    pub fn begin(&mut self, out: &mut String) {
        if self.format != ExportFormat::Json {
            return;
        }
        out.push_str("{\n");
        if let Some(question) = &self.question {
            out.push_str("\"question\": ");
            json(out, question);
            out.push_str(",\n");
        }
        for (name, value) in self.facts.as_object().into_iter().flatten() {
            json(out, name);
            out.push_str(": ");
            json(out, value);
            out.push_str(",\n");
        }
        out.push_str("\"tables\": [");
    }

    /// The beginning of the next table.
    pub fn table(&mut self, out: &mut String, head: Head) {
        self.head = head;
        match self.format {
            ExportFormat::Json => {
                if self.tables > 0 {
                    self.end_table(out);
                    out.push(',');
                }
                out.push_str("\n{\"table\": ");
                json(out, &self.head.name);
                out.push_str(", \"columns\": ");
                let columns = self.head.columns.iter();
                json(out, &columns.map(|c| c.name.as_str()).collect::<Vec<_>>());
                out.push_str(", \"types\": ");
                let columns = self.head.columns.iter();
                json(out, &columns.map(|c| c.value_type).collect::<Vec<_>>());
                out.push_str(", \"rows\": [");
            }
            ExportFormat::Csv => {
                let names = self.head.names();
                csv::line(out, names.iter().map(String::as_str));
            }
            ExportFormat::Jsonl => {}
        }
        self.tables += 1;
        self.rows = 0;
    }

    /// A row of the table that was begun last.
    pub fn row(&mut self, out: &mut String, row: &Row) {
        let head = &self.head;
        match self.format {
            ExportFormat::Json => {
                out.push_str(if self.rows == 0 { "\n" } else { ",\n" });
                json(out, &Values(head, row));
                let comma = if self.rows == 0 { "" } else { ", " };
                let machines = row.machines.as_ref();
                if head.counted {
                    self.machines.push_str(comma);
                    json(&mut self.machines, &machines.map_or(0, |m| m.count));
                }
                if head.named {
                    self.endpoints.push_str(comma);
                    let named = machines.and_then(|m| m.endpoints.as_deref());
                    json(&mut self.endpoints, &named.unwrap_or_default());
                }
            }
            ExportFormat::Jsonl => {
                json(out, &Object { head, row });
                out.push('\n');
            }
            ExportFormat::Csv => {
                let values = row.flat(head);
                let texts: Vec<_> = values.iter().map(Value::text).collect();
                csv::line(out, texts.iter().map(AsRef::as_ref));
            }
        }
        self.rows += 1;
    }

    /// The end, with how far the answer is if it is one.
    pub fn end(&mut self, out: &mut String, tail: Option<&Tail>) {
        match self.format {
            ExportFormat::Json => {
                if self.tables > 0 {
                    self.end_table(out);
                }
                out.push_str("\n]");
                if let Some(tail) = tail {
                    let mut members = vec![
                        ("coverage", text(&tail.coverage)),
                        ("rows_cut", text(&tail.rows_cut)),
                        ("problems", text(&tail.problems)),
                    ];
                    if !is_nought(&tail.rows_left) {
                        members.push(("rows_left", text(&tail.rows_left)));
                    }
                    if let Some(trouble) = &tail.trouble {
                        members.push(("trouble", text(trouble)));
                    }
                    for (name, value) in members {
                        out.push_str(",\n\"");
                        out.push_str(name);
                        out.push_str("\": ");
                        out.push_str(&value);
                    }
                }
                out.push_str("\n}\n");
            }
            ExportFormat::Jsonl => {
                if let Some(tail) = tail {
                    let question = self.question.clone().unwrap_or_default();
                    json(out, &tail.clone().of(question));
                    out.push('\n');
                }
            }
            ExportFormat::Csv => {}
        }
    }

    fn end_table(&mut self, out: &mut String) {
        out.push_str(if self.rows == 0 { "]" } else { "\n]" });
        for (name, wanted, told) in [
            ("machines", self.head.counted, &mut self.machines),
            ("endpoints", self.head.named, &mut self.endpoints),
        ] {
            if wanted {
                out.push_str(",\n\"");
                out.push_str(name);
                out.push_str("\": [");
                out.push_str(&std::mem::take(told));
                out.push(']');
            }
        }
        out.push('}');
    }
}

/// JSON that does no harm where it is shown.
fn text(value: &impl Serialize) -> String {
    // Texts, numbers, and maps with texts as keys: nothing that JSON does not have.
    let text = serde_json::to_string(value).unwrap_or_default();
    match cell::harmless_json(&text) {
        std::borrow::Cow::Borrowed(_) => text,
        std::borrow::Cow::Owned(harmless) => harmless,
    }
}

fn json(out: &mut String, value: &impl Serialize) {
    out.push_str(&text(value));
}

/// A row whose values stand in the order of their columns.
struct Object<'a> {
    head: &'a Head,
    row: &'a Row,
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("table", &self.head.name)?;
        map.serialize_entry("values", &Values(self.head, self.row))?;
        if let Some(machines) = &self.row.machines {
            map.serialize_entry("machines", machines)?;
        }
        map.end()
    }
}

struct Values<'a>(&'a Head, &'a Row);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let columns = self.0.columns.iter().map(|column| &column.name);
        serializer.collect_map(columns.zip(&self.1.values))
    }
}

#[cfg(test)]
mod tests;
