//! The command line as data. Each command's work is in [`crate::commands`], one file each.

mod agent;
mod api_tokens;
mod ask;
mod audit;
mod compare;
mod content;
mod endpoints;
mod groups;
mod hints;
mod index;
mod login;
mod packages;
mod password;
mod questions;
mod roles;
mod server;
mod sessions;
mod simulate;
mod token;
mod trust;
mod users;
mod when;
mod which;

pub use index::{
    BenchArgs, ExportArgs, ExportFormat, IndexAction, IndexArgs, ListArgs, QueryArgs, QuerySort,
    RunArgs, VerifyArgs,
};

pub use agent::{AgentAction, AgentArgs, EnrolArgs};
pub use api_tokens::{ApiTokenAction, ApiTokensArgs, ScopeName};
pub use ask::{AskArgs, InState, Wait};
pub use audit::{AuditAction, AuditArgs, ListEntries, VerifyLog};
pub use compare::{CompareArgs, Part};
pub use content::{
    ApplyArgs, ContentAction, ContentArgs, DecideArgs, FindArgs, SetsChoice, SuppliedAction,
    SyncSide,
};
pub use endpoints::{EndpointAction, EndpointsArgs, StandingName, WhichEndpoints};
pub use groups::{GroupAction, GroupsArgs, Meaning};
pub use hints::told as hint;
pub use login::LoginArgs;
pub use packages::{PackageAction, PackageFileAction, PackagesArgs};
pub use password::{PasswordArgs, WhoamiArgs};
pub use questions::{QuestionAction, QuestionsArgs};
pub use roles::{
    Given, GroupRights, RightsArgs, RoleAction, RolesArgs, Rules, UserGroupAction, UserGroupsArgs,
};
pub use server::{HeadArgs, KeysAction, RetentionArgs, ServerAction, ServerArgs};
pub use sessions::{SessionAction, SessionsArgs};
pub use simulate::SimulateArgs;
pub use token::{TokenAction, TokenArgs};
pub use trust::{TrustAction, TrustArgs, TrustWhat};
pub use users::{RoleName, UserAction, UsersArgs};
pub use which::{Count, Which};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Ask a fleet of endpoints a question and see one merged answer.
#[derive(Parser, Debug)]
#[command(
    name = "cordon",
    version,
    propagate_version = true,
    max_term_width = 110
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Log filter, as in `info` or `agent=debug,info`.
    #[arg(
        long,
        global = true,
        env = "CORDON_LOG",
        default_value = "info",
        value_name = "FILTER"
    )]
    pub log: String,
}

/// Commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run a server and an agent on this machine, and print a first answer
    Up(UpArgs),
    /// Run a server, or look after its data folder
    Server(Box<ServerArgs>),
    /// Run the agent in the foreground, or ask the one that runs how it stands
    Agent(AgentArgs),
    /// Give this machine an identity with an enrolment token
    Enrol(EnrolArgs),
    /// Ask a question
    Ask(AskArgs),
    /// List the sensors, or show one
    Sensors(SensorsArgs),
    /// List endpoints; show, approve or revoke one
    #[command(alias = "endpoint")]
    Endpoints(EndpointsArgs),
    /// Name filters: list, show with its machines, create, change, give away or delete a computer group
    #[command(alias = "group")]
    Groups(GroupsArgs),
    /// List questions; show the answer of one, or cancel it
    #[command(alias = "question")]
    Questions(QuestionsArgs),
    /// Compare the answers of two questions, or what two groups say to one
    Compare(CompareArgs),
    /// Sign in to a server and keep an API token for later commands
    Login(LoginArgs),
    /// Tell who these commands act for, and what they may do
    Whoami(WhoamiArgs),
    /// Change your own password
    Password(PasswordArgs),
    /// List and add users; change role or password, disable, enable, end sessions, delete
    #[command(alias = "user")]
    Users(UsersArgs),
    /// List roles and permissions; make, change and delete roles
    #[command(alias = "role")]
    Roles(RolesArgs),
    /// List user groups; make, change and delete them: people with roles and bounds in common
    #[command(alias = "user-group")]
    UserGroups(UserGroupsArgs),
    /// Tell what somebody may do and which machines they see, and by what
    Rights(RightsArgs),
    /// List who is signed in at the console; end sessions
    #[command(alias = "session")]
    Sessions(SessionsArgs),
    /// List, create and revoke API tokens: what a program signs in with (`token` is for machines that enrol)
    #[command(alias = "api-token")]
    ApiTokens(ApiTokensArgs),
    /// Create, list and revoke enrolment tokens: what lets machines in (`api-tokens` is for programs)
    #[command(alias = "tokens", visible_alias = "enrolment-tokens")]
    Token(TokenArgs),
    /// Replace the certificate authority or the key that signs orders
    Trust(TrustArgs),
    /// Read or verify the audit log
    Audit(AuditArgs),
    /// Packs of sensors, packages, saved questions and roles: import, upgrade, edit, roll back; check, try and pack them
    Content(ContentArgs),
    /// List and show packages; list, get, add and remove their files
    #[command(alias = "package")]
    Packages(PackagesArgs),
    /// Index the files of this machine, search and verify
    Index(IndexArgs),
    /// Run simulated endpoints against a server
    Simulate(SimulateArgs),
    /// Run one sensor for the agent that starts this
    #[cfg(unix)]
    #[command(hide = true)]
    SensorRun,
    /// Print a completion script for a shell
    Completions {
        /// Shell to write for.
        shell: clap_complete::Shell,
    },
    /// Print version and build facts
    Version,
}

/// Where the server is and how to sign in to it.
#[derive(Args, Debug, Clone, Default)]
pub struct Connection {
    /// Profile written by `cordon login` or `cordon up` [default: .cordon/profile.json here if it is the user's alone, then the one in the user's configuration folder]
    #[arg(long, global = true, env = "CORDON_PROFILE", value_name = "FILE")]
    pub profile: Option<PathBuf>,
}

/// Arguments of `up`.
#[derive(Args, Debug)]
pub struct UpArgs {
    /// Folder for everything that is kept
    #[arg(long, default_value = ".cordon", value_name = "DIR")]
    pub data: PathBuf,
    /// Address of console and API
    #[arg(long, default_value = "127.0.0.1:8443", value_name = "ADDRESS")]
    pub http: SocketAddr,
    /// Address for agents
    #[arg(long, default_value = "127.0.0.1:17472", value_name = "ADDRESS")]
    pub agents: SocketAddr,
    /// End after the first answer instead of staying
    #[arg(long)]
    pub once: bool,
}

/// In which form tables are printed, which of them, and where to.
#[derive(Args, Debug, Clone, Default)]
pub struct Printing {
    /// Form of output [default: aligned columns in a terminal, columns separated by tabs elsewhere]
    #[arg(long, short, value_enum, value_name = "FORM", global = true)]
    pub output: Option<Output>,
    /// Only this one of several tables, by name or number
    #[arg(long, value_name = "NAME", global = true)]
    pub table: Option<String>,
    /// Write files into this folder in place of standard output: CSV one for each table
    #[arg(long, value_name = "DIR", global = true)]
    pub out: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long, requires = "out", global = true)]
    pub force: bool,
}

/// Forms of output.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Aligned columns, in a pipe as well.
    Table,
    /// One JSON document.
    Json,
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// Arguments of `sensors`.
#[derive(Args, Debug)]
pub struct SensorsArgs {
    /// Name of a sensor; none lists all
    #[arg(num_args = 0.., value_name = "NAME")]
    pub name: Vec<String>,
    /// Form of output [default: aligned columns in a terminal, columns separated by tabs elsewhere]
    #[arg(long, short, value_enum, value_name = "FORM")]
    pub output: Option<Output>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
