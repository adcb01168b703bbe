//! Arguments of `api-tokens`.

use super::{Connection, Output};
use ::api::ids::ApiTokenId;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Arguments of `api-tokens`.
#[derive(Args, Debug)]
pub struct ApiTokensArgs {
    /// What to do; none lists all
    #[command(subcommand)]
    pub action: Option<ApiTokenAction>,
    /// Form of output [default: aligned columns in a terminal, columns separated by tabs elsewhere]
    #[arg(long, short, value_enum, value_name = "FORM", global = true)]
    pub output: Option<Output>,
    /// Server and sign-in.
    #[command(flatten)]
    pub connection: Connection,
}

/// Actions on API tokens.
#[derive(Subcommand, Debug)]
pub enum ApiTokenAction {
    /// List yours, or as an administrator everybody's (never their secrets)
    List,
    /// Make one that acts for you, and give its text once
    Create {
        /// What to call it: 1 to 64 letters, digits, spaces or any of `. _ - @`
        name: String,
        /// What it may do, as far as you may (repeat, or put commas between)
        #[arg(
            long = "scope",
            value_enum,
            value_delimiter = ',',
            default_value = "read",
            value_name = "SCOPE"
        )]
        scopes: Vec<ScopeName>,
        /// Days until it ends; one that a token makes ends no later than that
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=366), value_name = "DAYS")]
        days: u32,
        /// New file for the token, which only you may read [default: standard output]
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// End one: yours, or as an administrator anybody's
    Revoke {
        /// Its number
        id: ApiTokenId,
    },
}

/// What a token may do.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeName {
    /// See questions, answers, endpoints and sensors.
    Read,
    /// Ask and cancel questions; make groups.
    Ask,
    /// Manage users, endpoints, enrolment and trust; read the audit log.
    Admin,
}
