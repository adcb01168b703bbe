//! Arguments of `agent` and `enrol`: the identity and spool of this machine.

use super::Output;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What to do with the agent of this machine, other than to run it.
#[derive(Subcommand, Debug)]
pub enum AgentAction {
    /// Ask the running agent how it stands
    Status {
        /// Form of output [default: aligned columns in a terminal, columns separated by tabs elsewhere]
        #[arg(long, short, value_enum, value_name = "FORM")]
        output: Option<Output>,
    },
    /// Take back a revocation on this machine: the agent may connect again
    LiftRevocation {
        /// Folder with the agent's identity and spool
        #[arg(long, default_value_os_t = default_agent_dir(), env = "CORDON_AGENT_DIR", value_name = "DIR")]
        data: PathBuf,
    },
}

/// Arguments of `agent`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AgentArgs {
    /// What to do; none runs it
    #[command(subcommand)]
    pub action: Option<AgentAction>,
    /// Folder with the agent's identity and spool
    #[arg(long, global = true, default_value_os_t = default_agent_dir(), env = "CORDON_AGENT_DIR", value_name = "DIR")]
    pub data: PathBuf,
    /// Servers to try in this order, host:port [default: those of the enrolment]
    #[arg(
        long = "server",
        env = "CORDON_SERVERS",
        value_delimiter = ',',
        value_name = "HOST:PORT"
    )]
    pub servers: Vec<String>,
    /// Write the log to this file instead of standard error
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// Write the log to journald
    #[arg(long, conflicts_with = "log_file")]
    pub journald: bool,
}

/// Arguments of `enrol`.
#[derive(Args, Debug)]
pub struct EnrolArgs {
    /// File with the token, or `-` for standard input [default: the environment variable CORDON_TOKEN]
    #[arg(value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Folder for the agent's identity and spool
    #[arg(long, default_value_os_t = default_agent_dir(), env = "CORDON_AGENT_DIR", value_name = "DIR")]
    pub data: PathBuf,
}

fn default_agent_dir() -> PathBuf {
    if cfg!(windows) {
        r"C:\ProgramData\Cordon\agent".into()
    } else {
        "/var/lib/cordon/agent".into()
    }
}
