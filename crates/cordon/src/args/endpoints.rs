//! Arguments of `endpoints`.

use super::{Connection, Output};
use clap::{Args, Subcommand, ValueEnum};

/// Arguments of `endpoints`.
#[derive(Args, Debug)]
pub struct EndpointsArgs {
    /// What to do; none lists all
    #[command(subcommand)]
    pub action: Option<EndpointAction>,
    /// Which ones.
    #[command(flatten)]
    pub which: WhichEndpoints,
    /// Form of output [default: aligned columns in a terminal, columns separated by tabs elsewhere]
    #[arg(long, short, value_enum, value_name = "FORM", global = true)]
    pub output: Option<Output>,
    /// Server and sign-in.
    #[command(flatten)]
    pub connection: Connection,
}

/// Actions on an endpoint. NAME is its host name, its ordinal, its identifier or a beginning of that which no other has.
#[derive(Subcommand, Debug)]
pub enum EndpointAction {
    /// List those that are wanted
    List(WhichEndpoints),
    /// Show one in depth
    Show {
        /// Host name, ordinal, identifier or a beginning of that
        name: String,
        /// Ask it too which groups it is in, a question for each group
        #[arg(long)]
        groups: bool,
    },
    /// Let a waiting endpoint in; for one that works already, clear the mark of a doubled identity
    Approve {
        /// Host name, ordinal, identifier or a beginning of that
        name: String,
    },
    /// Revoke an endpoint's identity at once
    Revoke {
        /// Host name, ordinal, identifier or a beginning of that
        name: String,
    },
}

/// Which endpoints are listed.
#[derive(Args, Debug, Default)]
pub struct WhichEndpoints {
    /// Only those whose host name or identifier contains this
    #[arg(long, value_name = "TEXT")]
    pub contains: Option<String>,
    /// Only those that are connected
    #[arg(long, conflicts_with = "offline")]
    pub online: bool,
    /// Only those that are not connected
    #[arg(long)]
    pub offline: bool,
    /// Only those of this standing
    #[arg(long, value_enum, value_name = "STATE")]
    pub state: Option<StandingName>,
}

/// Whether an endpoint may work.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandingName {
    /// Waits for approval.
    Waiting,
    /// Works.
    Approved,
    /// Shut out for good.
    Revoked,
}
