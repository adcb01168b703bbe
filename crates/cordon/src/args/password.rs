//! Arguments of `password` and `whoami`.

use super::{Connection, Output};
use ::api::ids::ApiTokenId;
use clap::Args;

/// Arguments of `password`.
#[derive(Args, Debug)]
pub struct PasswordArgs {
    /// User [default: the one that the profile's token acts for]
    #[arg(long, short, value_name = "NAME")]
    pub user: Option<String>,
    /// Number of an API token that goes on (repeat for several); the profile's own does, all others end
    #[arg(long = "keep-token", value_name = "N")]
    pub keep: Vec<ApiTokenId>,
    /// Server and sign-in.
    #[command(flatten)]
    pub connection: Connection,
}

/// Arguments of `whoami`.
#[derive(Args, Debug)]
pub struct WhoamiArgs {
    /// Form of output [default: aligned columns in a terminal, columns separated by tabs elsewhere]
    #[arg(long, short, value_enum, value_name = "FORM")]
    pub output: Option<Output>,
    /// Server and sign-in.
    #[command(flatten)]
    pub connection: Connection,
}
