//! The command line as data. Each command's work is in [`crate::commands`], one file each.

mod index;
mod server;

pub use index::{
    BenchArgs, ExportArgs, ExportFormat, IndexAction, IndexArgs, ListArgs, QueryArgs, QuerySort,
    RunArgs, VerifyArgs,
};

pub use server::{HeadArgs, KeysAction, RetentionArgs, ServerAction, ServerArgs};

use ::api::ids::{EndpointId, EnrolmentTokenId, QuestionId};
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
    /// List endpoints; approve or revoke one
    Endpoints(EndpointsArgs),
    /// List questions; show the answer of one, or cancel it
    Questions(QuestionsArgs),
    /// Sign in to a server and keep an API token for later commands
    Login(LoginArgs),
    /// Create, list and revoke enrolment tokens
    Token(TokenArgs),
    /// Replace the certificate authority or the key that signs orders
    Trust(TrustArgs),
    /// Read or verify the audit log
    Audit(AuditArgs),
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

/// What to do with the agent of this machine, other than to run it.
#[derive(Subcommand, Debug)]
pub enum AgentAction {
    /// Ask the running agent how it stands
    Status {
        /// Form of output
        #[arg(long, short, value_enum, default_value = "table", value_name = "FORM")]
        output: Output,
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

/// Forms of output.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Aligned columns.
    Table,
    /// One JSON document.
    Json,
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// Arguments of `ask`.
#[derive(Args, Debug)]
pub struct AskArgs {
    /// The question, in the language or in free words
    #[arg(required = true, num_args = 1.., value_name = "QUESTION")]
    pub text: Vec<String>,
    /// Answer on this machine, without any server
    #[arg(long, conflicts_with = "explain")]
    pub local: bool,
    /// Print how the question is understood and run nothing
    #[arg(long)]
    pub explain: bool,
    /// Form of output [default: table]
    #[arg(long, short, value_enum, value_name = "FORM")]
    pub output: Option<Output>,
    /// Stop at this share of the endpoints, or after this time: `95%`, `30s`, `5m`
    #[arg(long, value_name = "SHARE|TIME", value_parser = parse_wait)]
    pub wait: Option<Wait>,
    /// How long endpoints that come back may still join, in seconds
    #[arg(long, value_name = "SECONDS")]
    pub expires: Option<u64>,
    /// Take the best reading of free words without asking
    #[arg(long)]
    pub best: bool,
    /// Rows to show in a terminal's table (pipes, CSV and JSON get all)
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub rows: usize,
    /// Show the rarest rows first
    #[arg(long)]
    pub rare: bool,
    /// Server and sign-in.
    #[command(flatten)]
    pub connection: Connection,
}

/// When `ask` has seen enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wait {
    /// Share of expected endpoints, 0 to 1.
    Share(f64),
    /// Time since asking.
    Time(std::time::Duration),
}

/// Reads `95%` or `30s`.
pub fn parse_wait(text: &str) -> Result<Wait, String> {
    let wrong =
        || format!("`{text}` is neither a share such as 95% nor a time such as 30s, 5m or 1h");
    if let Some(percent) = text.strip_suffix('%') {
        let share: f64 = percent.trim().parse().map_err(|_| wrong())?;
        return if (0.0..=100.0).contains(&share) {
            Ok(Wait::Share(share / 100.0))
        } else {
            Err(wrong())
        };
    }
    let at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (digits, unit) = text.split_at(at);
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    let seconds = number.checked_mul(factor).ok_or_else(wrong)?;
    Ok(Wait::Time(std::time::Duration::from_secs(seconds)))
}

/// Arguments of `sensors`.
#[derive(Args, Debug)]
pub struct SensorsArgs {
    /// Name of a sensor; none lists all
    #[arg(num_args = 0.., value_name = "NAME")]
    pub name: Vec<String>,
    /// Form of output
    #[arg(long, short, value_enum, default_value = "table", value_name = "FORM")]
    pub output: Output,
}

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

/// Arguments of `questions`.
#[derive(Args, Debug)]
pub struct QuestionsArgs {
    /// What to do; none lists all
    #[command(subcommand)]
    pub action: Option<QuestionAction>,
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

/// Actions on a question.
#[derive(Subcommand, Debug)]
pub enum QuestionAction {
    /// Show a question, its coverage and its rows
    Show {
        /// Question id.
        id: QuestionId,
        /// Rows to show in a terminal's table (pipes, CSV and JSON get all)
        #[arg(long, default_value_t = 50, value_name = "N")]
        rows: usize,
        /// The rarest rows first
        #[arg(long)]
        rare: bool,
    },
    /// Stop it
    Cancel {
        /// Question id.
        id: QuestionId,
    },
    /// Keep it with its answers, however old it gets
    Keep {
        /// Question id.
        id: QuestionId,
        /// No longer: it goes when it is old
        #[arg(long)]
        no: bool,
    },
    /// Delete it with its answers, for good; it must have ended
    Delete {
        /// Question id.
        id: QuestionId,
    },
}

/// Arguments of `login`.
#[derive(Args, Debug)]
pub struct LoginArgs {
    /// Address of the server, as in `https://cordon.example:8443`
    pub url: String,
    /// User; the password is read from the terminal or standard input
    #[arg(long, short, default_value = "admin")]
    pub user: String,
    /// The server's authority certificate (PEM), `authority.pem` in its data folder
    #[arg(long, value_name = "FILE")]
    pub authority: PathBuf,
    /// Where to keep the profile [default: the user's configuration folder]
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// Days until the token expires
    #[arg(long, default_value_t = 7)]
    pub days: u32,
    /// The token may administer too: endpoints, enrolment tokens, users, trust, audit
    #[arg(long)]
    pub admin: bool,
}

/// Arguments of `token`.
#[derive(Args, Debug)]
pub struct TokenArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: TokenAction,
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
        #[arg(long, default_value_t = 1)]
        uses: u32,
        /// Hours until it ends
        #[arg(long, default_value_t = 24)]
        hours: u32,
        /// Machines that use it wait for approval
        #[arg(long)]
        approve: bool,
    },
    /// List tokens (never their secrets)
    List,
    /// End a token
    Revoke {
        /// Token id.
        id: EnrolmentTokenId,
    },
}

/// Arguments of `trust`.
#[derive(Args, Debug)]
pub struct TrustArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: TrustAction,
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

/// Arguments of `audit`.
#[derive(Args, Debug)]
pub struct AuditArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: AuditAction,
}

/// Actions on the audit log.
#[derive(Subcommand, Debug)]
pub enum AuditAction {
    /// Check the hash chain of a server's store, which may be in use or a copy
    Verify {
        /// Data folder of the server
        #[arg(
            long,
            default_value = "/var/lib/cordon/server",
            env = "CORDON_DATA",
            value_name = "DIR"
        )]
        data: PathBuf,
        /// A head that was noted before and must still be in the log (repeat for several)
        #[arg(long = "head", value_name = "NUMBER:HASH")]
        heads: Vec<::server::model::audit::Head>,
        /// File with heads that the server exported, all of which must be in the log
        #[arg(long = "heads", value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Print the latest entries
    List {
        /// Server and sign-in.
        #[command(flatten)]
        connection: Connection,
    },
}

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
    /// Keep identities here, so that a second run needs no enrolment
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

fn default_agent_dir() -> PathBuf {
    if cfg!(windows) {
        r"C:\ProgramData\Cordon\agent".into()
    } else {
        "/var/lib/cordon/agent".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn waits_are_read_or_explained() {
        assert_eq!(parse_wait("95%"), Ok(Wait::Share(0.95)));
        assert_eq!(
            parse_wait("5m"),
            Ok(Wait::Time(std::time::Duration::from_secs(300)))
        );
        for bad in [
            "",
            "95",
            "101%",
            "-1%",
            "5 parsecs",
            "s",
            "99999999999999999999h",
            "9999999999999999999h",
        ] {
            assert!(parse_wait(bad).is_err(), "{bad}");
        }
    }
}
