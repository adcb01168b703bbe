//! Arguments of `audit`.

use super::Connection;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Arguments of `audit`.
#[derive(Args, Debug)]
pub struct AuditArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: AuditAction,
}

/// Actions on the audit log.
#[derive(Subcommand, Debug)]
pub enum AuditAction {
    /// Check the hash chain of a server's store, which may be in use or a copy
    Verify {
        /// Data folder of the server
        #[arg(
            long,
            default_value = "/var/lib/cordon/server",
            env = "CORDON_DATA",
            value_name = "DIR"
        )]
        data: PathBuf,
        /// A head that was noted before and must still be in the log (repeat for several)
        #[arg(long = "head", value_name = "NUMBER:HASH")]
        heads: Vec<::server::model::audit::Head>,
        /// File with heads that the server exported, all of which must be in the log
        #[arg(long = "heads", value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Print the latest entries
    List {
        /// Server and sign-in.
        #[command(flatten)]
        connection: Connection,
    },
}
