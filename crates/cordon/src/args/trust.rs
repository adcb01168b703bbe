//! Arguments of `trust`.

use super::{Connection, Output};
use clap::{Args, Subcommand, ValueEnum};

/// Arguments of `trust`.
#[derive(Args, Debug)]
#[command(
    after_help = "After a theft of the keys: `cordon server keys recover` on the server's machine, with a recovery key that `cordon server keys recovery` made before (docs/keys.md)."
)]
pub struct TrustArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: TrustAction,
    /// Form of output [default: aligned columns in a terminal, columns separated by tabs elsewhere]
    #[arg(long, short, value_enum, value_name = "FORM", global = true)]
    pub output: Option<Output>,
    /// Server and sign-in.
    #[command(flatten)]
    pub connection: Connection,
}

/// Actions on trust.
#[derive(Subcommand, Debug)]
pub enum TrustAction {
    /// Show authorities and order keys, and whether a replacement is under way
    Status,
    /// Add a new one beside the old one; both hold, and endpoints are told
    Rotate {
        /// What to replace.
        what: TrustWhat,
    },
    /// End the old one, when every endpoint knows the new one
    Drop {
        /// What is replaced.
        what: TrustWhat,
        /// Even if endpoints that do not know the new one are locked out
        #[arg(long)]
        force: bool,
    },
}

/// What is replaced.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustWhat {
    /// The certificate authority.
    Authority,
    /// The key that signs orders.
    OrderKey,
}
