//! Arguments of `groups`.

use super::{Connection, Output};
use clap::{Args, Subcommand};

/// Arguments of `groups`.
#[derive(Args, Debug)]
pub struct GroupsArgs {
    /// What to do; none lists all
    #[command(subcommand)]
    pub action: Option<GroupAction>,
    /// Form of output [default: aligned columns in a terminal, columns separated by tabs elsewhere]
    #[arg(long, short, value_enum, value_name = "FORM", global = true)]
    pub output: Option<Output>,
    /// Server and sign-in.
    #[command(flatten)]
    pub connection: Connection,
}

/// Actions on computer groups.
#[derive(Subcommand, Debug)]
pub enum GroupAction {
    /// List them: what each means and whose it is
    List,
    /// Show one, and ask which machines are in it now
    Show {
        /// Name of the group
        name: String,
        /// Ask nobody: only what it means and whose it is
        #[arg(long)]
        no_members: bool,
        /// Seconds to wait for machines that are connected, or a time such as `5m`
        #[arg(long, default_value = "30", value_name = "SECONDS", value_parser = super::ask::parse_life)]
        wait: u64,
    },
    /// Make one; it is yours
    #[command(
        override_usage = "cordon groups create [OPTIONS] <NAME> <FILTER|--endpoint <ENDPOINT>>"
    )]
    Create {
        /// Name of the group
        name: String,
        /// What it means
        #[command(flatten)]
        meaning: Meaning,
    },
    /// Give one another meaning; questions asked before keep what they meant
    #[command(
        override_usage = "cordon groups change [OPTIONS] <NAME> <FILTER|--endpoint <ENDPOINT>>"
    )]
    Change {
        /// Name of the group
        name: String,
        /// What it means
        #[command(flatten)]
        meaning: Meaning,
    },
    /// Give one to another user
    Owner {
        /// Name of the group
        name: String,
        /// Who may change and remove it from now on
        user: String,
    },
    /// Remove one that no open question was asked by
    Delete {
        /// Name of the group
        name: String,
    },
}

/// Which machines a group has.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct Meaning {
    /// The filter, as it would stand after `from all machines with`
    #[arg(value_name = "FILTER", num_args = 1..)]
    pub filter: Vec<String>,
    /// A machine by host name, ordinal or the beginning of its identifier (repeat for several); it is kept as a filter on identifiers
    #[arg(long = "endpoint", value_name = "NAME")]
    pub endpoints: Vec<String>,
}
