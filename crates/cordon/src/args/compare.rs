//! Arguments of `compare`.

use super::{Connection, Output, Wait};
use clap::{Args, ValueEnum};

/// Arguments of `compare`.
#[derive(Args, Debug)]
pub struct CompareArgs {
    /// Number of a question; with `--question` a computer group, or `all machines`
    #[arg(value_name = "LEFT")]
    pub left: String,
    /// What it is compared with: another of the kind
    #[arg(value_name = "RIGHT")]
    pub right: String,
    /// Ask this of both groups and compare what they say: `Get Listen Ports`
    #[arg(long, value_name = "QUESTION")]
    pub question: Option<String>,
    /// Compare by this column alone, not by whole rows; may be given several times
    #[arg(long, value_name = "COLUMN")]
    pub by: Vec<String>,
    /// Which of several tables, by name or number
    #[arg(long, value_name = "NAME")]
    pub table: Option<String>,
    /// Only the rows of the left side, of the right one, or of both
    #[arg(long, value_enum, value_name = "PART")]
    pub only: Option<Part>,
    /// Form of output [default: aligned columns in a terminal, columns separated by tabs elsewhere]
    #[arg(long, short, value_enum, value_name = "FORM")]
    pub output: Option<Output>,
    /// Rows to show of each part in a terminal (pipes and files get all)
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub rows: u32,
    /// With `--question`: stop waiting at this share of the endpoints, or after this time: `95%`, `30s`, `5m`
    #[arg(long, value_name = "SHARE|TIME", value_parser = super::ask::parse_wait, requires = "question")]
    pub wait: Option<Wait>,
    /// With `--question`: how long endpoints that come back may still join, in seconds or as `5m`, `1h`; 30 days at most
    #[arg(long, value_name = "SECONDS", value_parser = super::ask::parse_life, requires = "question")]
    pub expires: Option<u64>,
    /// Server and sign-in.
    #[command(flatten)]
    pub connection: Connection,
}

/// A part of a comparison.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Rows that only the left side has.
    Left,
    /// Rows that only the right side has.
    Right,
    /// Rows of both.
    Both,
}
