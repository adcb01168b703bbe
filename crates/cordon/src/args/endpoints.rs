//! Arguments of `endpoints`.

use super::{Connection, Output};
use ::api::ids::EndpointId;
use clap::{Args, Subcommand};

/// Arguments of `endpoints`.
#[derive(Args, Debug)]
pub struct EndpointsArgs {
    /// What to do; none lists all
    #[command(subcommand)]
    pub action: Option<EndpointAction>,
    /// Form of output
    #[arg(
        long,
        short,
        value_enum,
        default_value = "table",
        value_name = "FORM",
        global = true
    )]
    pub output: Output,
    /// Server and sign-in.
    #[command(flatten)]
    pub connection: Connection,
}

/// Actions on an endpoint.
#[derive(Subcommand, Debug)]
pub enum EndpointAction {
    /// Let a waiting endpoint in
    Approve {
        /// Endpoint id.
        id: EndpointId,
    },
    /// Revoke an endpoint's identity at once
    Revoke {
        /// Endpoint id.
        id: EndpointId,
    },
}
