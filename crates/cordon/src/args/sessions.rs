//! Arguments of `sessions`.

use super::{Connection, Output};
use ::api::ids::SessionId;
use clap::{Args, Subcommand};

/// Arguments of `sessions`.
#[derive(Args, Debug)]
pub struct SessionsArgs {
    /// What to do; none lists all
    #[command(subcommand)]
    pub action: Option<SessionAction>,
    /// Form of output [default: aligned columns in a terminal, columns separated by tabs elsewhere]
    #[arg(long, short, value_enum, value_name = "FORM", global = true)]
    pub output: Option<Output>,
    /// Server and sign-in.
    #[command(flatten)]
    pub connection: Connection,
}

/// Actions on sessions.
#[derive(Subcommand, Debug)]
pub enum SessionAction {
    /// List yours, or as an administrator everybody's
    List,
    /// End one (yours, or as an administrator anybody's), or all of yours; API tokens go on
    End {
        /// Its number
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        id: Option<SessionId>,
        /// All of yours; `cordon users end-sessions` ends those of somebody else
        #[arg(long)]
        all: bool,
    },
}
