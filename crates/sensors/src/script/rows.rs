//! Rows from what a script prints, line by line as it comes, so that a limit leaves the rows before it.

use super::Output;
use crate::framework::{CELL_MAX, SensorError, Sink};
use question::catalogue::{Column, ValueType};
use serde_json::Value;

/// Longest line: a few cells of full length, and their quoting.
const LINE_MAX: usize = 16 * CELL_MAX;

/// Cuts output into lines and lines into rows.
pub struct Reader<'a> {
    columns: &'a [Column],
    output: &'a Output,
    what: &'a str,
    pending: Vec<u8>,
    line: u64,
}

impl<'a> Reader<'a> {
    /// A reader for these columns; `what` names the sensor in errors.
    #[must_use]
    pub fn new(columns: &'a [Column], output: &'a Output, what: &'a str) -> Self {
        Self {
            columns,
            output,
            what,
            pending: Vec::new(),
            line: 0,
        }
    }

    /// Takes a piece of output.
    ///
    /// # Errors
    /// A limit, or a line that is no row.
    pub fn take(&mut self, mut piece: &[u8], sink: &mut Sink) -> Result<(), SensorError> {
        while let Some(end) = piece.iter().position(|b| *b == b'\n') {
            let (line, rest) = piece.split_at(end);
            piece = rest.get(1..).unwrap_or_default();
            if self.pending.is_empty() {
                self.row(line, sink)?;
            } else {
                self.keep(line)?;
                let whole = std::mem::take(&mut self.pending);
                self.row(&whole, sink)?;
            }
        }
        self.keep(piece)
    }

    /// Takes the last line, which may lack its end.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn finish(&mut self, sink: &mut Sink) -> Result<(), SensorError> {
        let last = std::mem::take(&mut self.pending);
        self.row(&last, sink)
    }

    fn keep(&mut self, part: &[u8]) -> Result<(), SensorError> {
        if self.pending.len() + part.len() > LINE_MAX {
            return Err(self.form(format!("a line is longer than {LINE_MAX} bytes")));
        }
        self.pending.extend_from_slice(part);
        Ok(())
    }

    fn row(&mut self, line: &[u8], sink: &mut Sink) -> Result<(), SensorError> {
        self.line += 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let cells = match self.output {
            Output::Delimited(delimiter) => self.delimited(line, delimiter.as_bytes()),
            Output::JsonLines => self.json(line)?,
        };
        sink.push(cells)?;
        Ok(())
    }

    /// Cells that are missing are empty; what is too much stays in the last cell with its delimiters.
    fn delimited(&self, line: &[u8], delimiter: &[u8]) -> Vec<Vec<u8>> {
        let mut cells = Vec::with_capacity(self.columns.len());
        let mut rest = Some(line);
        while cells.len() < self.columns.len() {
            let Some(text) = rest else {
                cells.push(Vec::new());
                continue;
            };
            let place = text.windows(delimiter.len()).position(|w| w == delimiter);
            let is_last = cells.len() + 1 == self.columns.len();
            match place.filter(|_| !is_last) {
                Some(place) => {
                    cells.push(text.get(..place).unwrap_or_default().to_vec());
                    rest = text.get(place + delimiter.len()..);
                }
                None => {
                    cells.push(text.to_vec());
                    rest = None;
                }
            }
        }
        cells
    }

    fn json(&self, line: &[u8]) -> Result<Vec<Vec<u8>>, SensorError> {
        let value: Value = serde_json::from_slice(line).map_err(|e| self.form(e.to_string()))?;
        match value {
            Value::Array(cells) if cells.len() <= self.columns.len() => Ok(self
                .columns
                .iter()
                .enumerate()
                .map(|(at, column)| cell(cells.get(at), column.value_type))
                .collect()),
            Value::Array(cells) => Err(self.form(format!(
                "{} cells for {} columns",
                cells.len(),
                self.columns.len()
            ))),
            Value::Object(fields) => {
                let unknown = fields.keys().find(|key| {
                    !self
                        .columns
                        .iter()
                        .any(|c| c.name.eq_ignore_ascii_case(key))
                });
                if let Some(key) = unknown {
                    return Err(self.form(format!("there is no column {key:?}")));
                }
                Ok(self
                    .columns
                    .iter()
                    .map(|column| {
                        let value = fields
                            .iter()
                            .find(|(key, _)| column.name.eq_ignore_ascii_case(key));
                        cell(value.map(|(_, v)| v), column.value_type)
                    })
                    .collect())
            }
            _ => Err(self.form("a row is an array or an object".into())),
        }
    }

    fn form(&self, problem: String) -> SensorError {
        SensorError::Form {
            what: format!("output of {}", self.what),
            problem: format!("line {}: {problem}", self.line.max(1)),
        }
    }
}

/// Text as it is, booleans as cells write them, anything nested as JSON.
fn cell(value: Option<&Value>, value_type: ValueType) -> Vec<u8> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) => text.clone().into_bytes(),
        Some(Value::Bool(b)) if value_type == ValueType::Boolean => crate::text::boolean(*b).into(),
        Some(other) => other.to_string().into_bytes(),
    }
}
