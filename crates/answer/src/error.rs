//! What can go wrong with an answer. Nothing that was accepted before is lost by any of these.

/// Why an answer could not do what was asked of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The question's plan has no such table.
    #[error("table {table} does not exist: this answer has {tables}")]
    UnknownTable {
        /// Table named.
        table: u32,
        /// Tables there are.
        tables: usize,
    },
    /// No such row.
    #[error("row {row} does not exist in table {table}")]
    UnknownRow {
        /// Table.
        table: u32,
        /// Row named.
        row: u32,
    },
    /// Two answers to different questions.
    #[error("answers with {left} and {right} tables do not belong to the same question")]
    Shape {
        /// Tables here.
        left: usize,
        /// Tables there.
        right: usize,
    },
    /// Row numbers or a row's length ran out of their range.
    #[error("table {table} cannot take this row: {problem}")]
    TooLarge {
        /// Table.
        table: u32,
        /// What does not fit.
        problem: &'static str,
    },
    /// Rows are restored in the order of their numbers, each once.
    #[error("row {row} of table {table} cannot be restored here: row {expected} comes next")]
    RestoreOrder {
        /// Table.
        table: u32,
        /// Row given.
        row: u32,
        /// Row expected.
        expected: u32,
    },
    /// The spill file could not be made or written. The rows concerned are still in memory.
    #[error("cannot write rows that do not fit in memory to a file in {folder}")]
    SpillWrite {
        /// Folder of the spill file.
        folder: String,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// The spill file could not be read.
    #[error("cannot read {length} bytes at {offset} back from the spill file in {folder}")]
    SpillRead {
        /// Folder of the spill file.
        folder: String,
        /// Place.
        offset: u64,
        /// Bytes.
        length: u32,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// What came back from the spill file is not what was written.
    #[error(
        "the spill file in {folder} was changed: {length} bytes at {offset} are not what was written"
    )]
    SpillDamaged {
        /// Folder of the spill file.
        folder: String,
        /// Place.
        offset: u64,
        /// Bytes.
        length: u32,
    },
    /// Bytes that are no serialized set.
    #[error("{length} bytes are not a serialized set of endpoints")]
    Set {
        /// Bytes given.
        length: usize,
        /// Decoder's error.
        #[source]
        source: std::io::Error,
    },
}
