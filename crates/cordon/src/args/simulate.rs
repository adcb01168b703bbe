//! Arguments of `simulate`.

use clap::Args;
use std::path::PathBuf;

/// Arguments of `simulate`.
#[derive(Args, Debug)]
pub struct SimulateArgs {
    /// How many endpoints
    #[arg(long, default_value_t = 100)]
    pub agents: u32,
    /// File with an enrolment token that has enough uses, or `-` [default: the environment variable CORDON_TOKEN]
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Server's agent port, host:port [default: the token's]
    #[arg(long, value_name = "HOST:PORT")]
    pub server: Option<String>,
    /// Seed of the data
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Keep identities here, so that a second run comes back as the same endpoints; the token lets in those that are not there yet
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Share of endpoints that answer late
    #[arg(long, default_value_t = 0.0)]
    pub late: f64,
    /// Share of endpoints that drop out at a question
    #[arg(long, default_value_t = 0.0)]
    pub drop_out: f64,
    /// Share of endpoints whose sensors fail
    #[arg(long, default_value_t = 0.0)]
    pub errors: f64,
}
