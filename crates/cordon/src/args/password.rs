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
    /// Form of output
    #[arg(long, short, value_enum, default_value = "table", value_name = "FORM")]
    pub output: Output,
    /// Server and sign-in.
    #[command(flatten)]
    pub connection: Connection,
}
