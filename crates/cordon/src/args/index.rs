//! The command line of `cordon index`.

use super::Output;
use ::index::lists::HashKind;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Arguments of `index`.
#[derive(Args, Debug)]
pub struct IndexArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: IndexAction,
    /// Folder of the Index on this machine
    #[arg(long, global = true, default_value_os_t = ::index::home::default_folder(), env = ::index::home::VARIABLE, value_name = "DIR")]
    pub home: PathBuf,
}

/// What `index` does.
#[derive(Subcommand, Debug)]
pub enum IndexAction {
    /// Index, in the foreground: inventory, hashes, then changes as they happen
    Run(RunArgs),
    /// Keep the Index as a service of the system does: stay, and index whenever that is configured and wanted
    Service,
    /// Show what the Index is doing
    Status {
        /// Form of the output [default: aligned columns in a terminal, columns separated by tabs elsewhere]
        #[arg(long, short, value_enum, value_name = "FORM")]
        output: Option<Output>,
    },
    /// Search the files of the Index
    Query(QueryArgs),
    /// Compare the database with the disk; exit 1 when they differ
    Verify(VerifyArgs),
    /// Write all entries for other tools: body file, CSV, JSON lines, Parquet
    Export(ExportArgs),
    /// Measure what indexing this machine takes, in a database that is deleted afterwards
    Bench(BenchArgs),
    /// Put a configuration in force, or show the one that is
    Config {
        /// The new configuration
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// Print a sample to start from
        #[arg(long, conflicts_with = "file")]
        sample: bool,
    },
    /// Start indexing in the background, unless it runs already
    Start,
    /// Stop indexing until it is started again
    Stop,
    /// Put a list of hashes in force: files that have one of them are matches
    Blacklist(ListArgs),
    /// Put a list of hashes of good files in force, to subtract from answers
    KnownGood(ListArgs),
    /// List the files that have a hash of the blacklist, and which of them are known to be good
    Matches {
        /// Form of output [default: aligned columns in a terminal, columns separated by tabs elsewhere]
        #[arg(long, short, value_enum, value_name = "FORM")]
        output: Option<Output>,
    },
    /// Delete the database, so that the next start indexes anew
    DeleteDatabase,
}

/// Reads a hash of any kind.
fn parse_hash(text: &str) -> Result<(HashKind, String), String> {
    let text = text.trim();
    let kind = HashKind::ALL
        .into_iter()
        .find(|kind| kind.bytes() * 2 == text.len());
    match kind {
        Some(kind) if text.bytes().all(|b| b.is_ascii_hexdigit()) => Ok((kind, text.to_owned())),
        _ => Err(format!(
            "`{text}` is no MD5 (32 hexadecimal digits), SHA-1 (40) or SHA-256 (64)"
        )),
    }
}

/// Reads a size as the Index compares it: in digits.
fn parse_size(text: &str) -> Result<String, String> {
    let text = text.trim();
    if !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || b"*?".contains(&b))
    {
        return Ok(text.to_owned());
    }
    let bytes = question::value::size(text).map(|bytes| format!("; write {bytes}"));
    Err(format!(
        "`{text}` is no size in bytes: digits, among which * and ? stand for others{}. `--sort size` lists the largest first",
        bytes.unwrap_or_default()
    ))
}

/// Arguments of `index blacklist` and `index known-good`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// MD5, SHA-1 and SHA-256 in hexadecimal, between commas or on lines, or a table with a column of that name
    #[arg(value_name = "FILE", required_unless_present = "clear")]
    pub file: Option<PathBuf>,
    /// Put an empty list in force
    #[arg(long, conflicts_with = "file")]
    pub clear: bool,
}

/// Arguments of `index run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Inventory and hashes once, then end
    #[arg(long, requires = "database")]
    pub once: bool,
    /// Folder to index; may be given again [default: all local file systems]
    #[arg(long = "root", value_name = "DIR", requires = "once")]
    pub roots: Vec<PathBuf>,
    /// Image of a disk to index in place of this machine: raw, qcow2, E01, VMDK or VHDX with NTFS or ext2/3/4
    #[arg(long, value_name = "FILE", requires = "once", conflicts_with = "roots")]
    pub image: Option<PathBuf>,
    /// Database to write
    #[arg(long, value_name = "FILE", requires = "once")]
    pub database: Option<PathBuf>,
    /// Configuration to use [default: all three hashes, no limits]
    #[arg(long, value_name = "INI", requires = "once")]
    pub config: Option<PathBuf>,
    /// Inventory alone
    #[arg(long, requires = "once")]
    pub no_hashes: bool,
}

/// Arguments of `index query`.
#[derive(Args, Debug)]
pub struct QueryArgs {
    /// Database to search [default: the one in the folder of the Index]
    #[arg(long, value_name = "FILE")]
    pub database: Option<PathBuf>,
    /// Path of a file, or of the directory it lies in; * and ? stand for other characters
    #[arg(long, value_name = "GLOB")]
    pub path: Option<String>,
    /// Name of a file
    #[arg(long, value_name = "GLOB")]
    pub name: Option<String>,
    /// Size in bytes, in digits; * and ? stand for others
    #[arg(long, value_name = "BYTES", value_parser = parse_size)]
    pub size: Option<String>,
    /// MD5, SHA-1 or SHA-256 in hexadecimal; which one is seen from its length
    #[arg(long, value_name = "HEX", value_parser = parse_hash, conflicts_with_all = ["md5", "sha1", "sha256"])]
    pub hash: Option<(HashKind, String)>,
    /// MD5 in hexadecimal
    #[arg(long, value_name = "GLOB")]
    pub md5: Option<String>,
    /// SHA-1 in hexadecimal
    #[arg(long, value_name = "GLOB")]
    pub sha1: Option<String>,
    /// SHA-256 in hexadecimal
    #[arg(long, value_name = "GLOB")]
    pub sha256: Option<String>,
    /// First four bytes in hexadecimal
    #[arg(long, value_name = "GLOB")]
    pub magic: Option<String>,
    /// Directories too
    #[arg(long)]
    pub directories: bool,
    /// Order: newest or largest first
    #[arg(long, value_enum, value_name = "ORDER")]
    pub sort: Option<QuerySort>,
    /// At most so many
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Print the number of files alone
    #[arg(long)]
    pub count: bool,
    /// Show mode, owner, group, capabilities and extended attributes too
    #[arg(long)]
    pub permissions: bool,
    /// Form of the output [default: aligned columns in a terminal, columns separated by tabs elsewhere]
    #[arg(long, short, value_enum, value_name = "FORM")]
    pub output: Option<Output>,
}

/// Orders of `index query`.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuerySort {
    /// Newest modification first.
    Modified,
    /// Largest first.
    Size,
    /// What the Index saw last comes first.
    FirstSeen,
    /// What changed its content last comes first.
    Changed,
}

/// Arguments of `index verify`.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// Database to check [default: the one in the folder of the Index]
    #[arg(long, value_name = "FILE")]
    pub database: Option<PathBuf>,
    /// Compare entries and attributes alone; do not read files again
    #[arg(long)]
    pub no_hashes: bool,
    /// Form of the output [default: aligned columns in a terminal, columns separated by tabs elsewhere]
    #[arg(long, short, value_enum, value_name = "FORM")]
    pub output: Option<Output>,
}

/// Arguments of `index bench`.
#[derive(Args, Debug)]
pub struct BenchArgs {
    /// Folder to index; may be given again [default: all local file systems]
    #[arg(long = "root", value_name = "DIR")]
    pub roots: Vec<PathBuf>,
    /// Hash files for so long at most
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub seconds: u64,
    /// Form of the output [default: aligned columns in a terminal, columns separated by tabs elsewhere]
    #[arg(long, short, value_enum, value_name = "FORM")]
    pub output: Option<Output>,
}

/// Arguments of `index export`.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// Form of the file
    #[arg(long, value_enum, value_name = "FORM")]
    pub format: ExportFormat,
    /// Database to export [default: the one in the folder of the Index]
    #[arg(long, value_name = "FILE")]
    pub database: Option<PathBuf>,
    /// Where to write it [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub output_file: Option<PathBuf>,
}

/// Forms of `index export`.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// Body file of The Sleuth Kit 3, for timelines.
    Bodyfile,
    /// Comma separated values with every column.
    Csv,
    /// A JSON object for each entry.
    Jsonl,
    /// Apache Parquet.
    Parquet,
}
