//! Arguments of `token`.

use super::{Connection, Output};
use ::api::ids::EnrolmentTokenId;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Arguments of `token`.
#[derive(Args, Debug)]
pub struct TokenArgs {
    /// What to do; none lists all
    #[command(subcommand)]
    pub action: Option<TokenAction>,
    /// Form of output [default: aligned columns in a terminal, columns separated by tabs elsewhere]
    #[arg(long, short, value_enum, value_name = "FORM", global = true)]
    pub output: Option<Output>,
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
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), value_name = "N")]
        uses: u32,
        /// Any number of machines may use it
        #[arg(long, conflicts_with = "uses")]
        unlimited: bool,
        /// Hours until it ends, 366 days at most
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=8784), value_name = "HOURS")]
        hours: u32,
        /// Machines that use it wait for approval
        #[arg(long)]
        approve: bool,
        /// New file for the token, which only you may read [default: standard output]
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// List tokens (never their secrets)
    List,
    /// End a token
    Revoke {
        /// Token id.
        id: EnrolmentTokenId,
    },
}
