//! Arguments of `audit`.

use super::when::When;
use super::{Connection, Output};
use ::api::ids::EntryNumber;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Arguments of `audit`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AuditArgs {
    /// What to do; none lists entries
    #[command(subcommand)]
    pub action: Option<AuditAction>,
    /// Which entries.
    #[command(flatten)]
    pub list: ListEntries,
}

/// Actions on the audit log.
#[derive(Subcommand, Debug)]
pub enum AuditAction {
    /// List entries, newest first
    List(ListEntries),
    /// Check the hash chain: in a data folder of this machine, or through a server
    ///
    /// With --data it reads the folder's database, which may be in use or a copy. With --profile, or where this machine has no data folder of
    /// a server, it asks the server. Exit code 0: the log is whole; 1: it is not, or a head is not in it; 2: it could not be checked.
    Verify(VerifyLog),
}

/// Which entries are listed.
#[derive(Args, Debug)]
pub struct ListEntries {
    /// Only what this user did, in person or by a token; or `server`, `unknown`
    #[arg(long, value_name = "USER")]
    pub who: Option<String>,
    /// Only actions that begin so: `login`, `question.ask`, `endpoint.`, …
    #[arg(long, value_name = "ACTION")]
    pub action: Option<String>,
    /// Only what was done to this, as it is listed: `question 17`, a user, a group
    #[arg(long, value_name = "OBJECT")]
    pub object: Option<String>,
    /// Only what this endpoint did or what was done to it: host name, ordinal, identifier or a beginning of that
    #[arg(long, value_name = "NAME")]
    pub endpoint: Option<String>,
    /// From when on: how long ago (`24h`, `7d`, `2 weeks`), or a day or time (`2026-11-30`, `2026-11-30T08:15`, with a zone or of here)
    #[arg(long, value_name = "WHEN")]
    pub since: Option<When>,
    /// Until when, said likewise
    #[arg(long, value_name = "WHEN")]
    pub until: Option<When>,
    /// Only entries with a smaller number: the next page
    #[arg(long, value_name = "NUMBER")]
    pub before: Option<EntryNumber>,
    /// Entries at most
    #[arg(long, short = 'n', default_value_t = 100, value_name = "N")]
    pub limit: u32,
    /// Form of output [default: aligned columns in a terminal, columns separated by tabs elsewhere]
    #[arg(long, short, value_enum, value_name = "FORM")]
    pub output: Option<Output>,
    /// Server and sign-in.
    #[command(flatten)]
    pub connection: Connection,
}

/// What is checked.
#[derive(Args, Debug)]
pub struct VerifyLog {
    /// Data folder of a server on this machine [default: /var/lib/cordon/server where there is one, else the server is asked]
    #[arg(long, env = "CORDON_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// A head that was noted before and must still be in the log (repeat for several)
    #[arg(long = "head", value_name = "NUMBER:HASH")]
    pub heads: Vec<::server::model::audit::Head>,
    /// File with heads that the server exported, all of which must be in the log
    #[arg(long = "heads", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Server and sign-in.
    #[command(flatten)]
    pub connection: Connection,
}
