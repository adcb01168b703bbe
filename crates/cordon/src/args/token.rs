//! Arguments of `token`.

use super::Connection;
use ::api::ids::EnrolmentTokenId;
use clap::{Args, Subcommand};

/// Arguments of `token`.
#[derive(Args, Debug)]
pub struct TokenArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: TokenAction,
    /// Server and sign-in.
    #[command(flatten)]
    pub connection: Connection,
}

/// Actions on enrolment tokens.
#[derive(Subcommand, Debug)]
pub enum TokenAction {
    /// Make a token and print it once
    Create {
        /// How many machines may use it
        #[arg(long, default_value_t = 1)]
        uses: u32,
        /// Hours until it ends
        #[arg(long, default_value_t = 24)]
        hours: u32,
        /// Machines that use it wait for approval
        #[arg(long)]
        approve: bool,
    },
    /// List tokens (never their secrets)
    List,
    /// End a token
    Revoke {
        /// Token id.
        id: EnrolmentTokenId,
    },
}
