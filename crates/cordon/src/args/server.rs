//! What `cordon server` takes beside where it listens: how long things stay, and what it does instead of running.

use clap::{Args, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Arguments of `server`.
#[derive(Args, Debug)]
pub struct ServerArgs {
    /// What to do instead of running
    #[command(subcommand)]
    pub action: Option<ServerAction>,
    /// Folder for everything that is kept
    #[arg(
        long,
        global = true,
        default_value = "/var/lib/cordon/server",
        env = "CORDON_DATA",
        value_name = "DIR"
    )]
    pub data: PathBuf,
    /// Address of console and API
    #[arg(
        long,
        default_value = "0.0.0.0:8443",
        env = "CORDON_HTTP",
        value_name = "ADDRESS"
    )]
    pub http: SocketAddr,
    /// Address for agents
    #[arg(
        long,
        default_value = "0.0.0.0:17472",
        env = "CORDON_AGENTS",
        value_name = "ADDRESS"
    )]
    pub agents: SocketAddr,
    /// Name or address by which agents and browsers reach this server (repeat for several)
    #[arg(
        long = "name",
        env = "CORDON_NAMES",
        value_delimiter = ',',
        value_name = "NAME"
    )]
    pub names: Vec<String>,
    /// New endpoints wait until an administrator approves them
    #[arg(long, env = "CORDON_APPROVE")]
    pub approve: bool,
    /// Logs as JSON lines
    #[arg(long)]
    pub log_json: bool,
    /// File with the passphrase of the private keys [default: the credential `cordon-keys` of the unit, if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub key_passphrase: Option<PathBuf>,
    /// File with the authority's private key while it is kept outside the data folder; need not be there
    #[arg(long, value_name = "FILE")]
    pub authority_key: Option<PathBuf>,
    /// Open questions that one asker may have
    #[arg(long, default_value_t = ::server::quota::Limits::default().questions, value_name = "N")]
    pub quota_questions: u32,
    /// Hours that one asker's open questions may wait for endpoints: life times endpoints, all together
    #[arg(long, default_value_t = ::server::quota::Limits::default().endpoint_hours, value_name = "N")]
    pub quota_endpoint_hours: u64,
    /// Proxy whose X-Forwarded-For is believed, an address or network (repeat for several); of all others it is ignored
    #[arg(long = "trusted-proxy", value_name = "NETWORK")]
    pub trusted_proxies: Vec<String>,
    /// Serve health and metrics at this address, in the clear and without a sign-in
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<SocketAddr>,
    /// Where heads of the audit log go.
    #[command(flatten)]
    pub heads: HeadArgs,
    /// How long things stay.
    #[command(flatten)]
    pub retention: RetentionArgs,
}

/// Where the server sends heads of its audit log, so that cutting or rewriting the log shows.
#[derive(Args, Debug, Default)]
pub struct HeadArgs {
    /// Append each new head of the audit log to this file
    #[arg(long, value_name = "FILE")]
    pub audit_file: Option<PathBuf>,
    /// Send each new head to a system log: `local`, or one that listens on UDP
    #[arg(long, value_name = "local|HOST:PORT")]
    pub audit_syslog: Option<::server::audit::Syslog>,
    /// Post each new head to this https:// address
    #[arg(long, value_name = "URL", requires = "audit_webhook_authority")]
    pub audit_webhook: Option<String>,
    /// File with the bearer token for the webhook
    #[arg(long, value_name = "FILE", requires = "audit_webhook")]
    pub audit_webhook_token: Option<PathBuf>,
    /// File with the authorities (PEM) that are believed about the webhook, such as /etc/ssl/certs/ca-certificates.crt
    #[arg(long, value_name = "FILE", requires = "audit_webhook")]
    pub audit_webhook_authority: Option<PathBuf>,
}

/// What `cordon server` does instead of running.
#[derive(Subcommand, Debug)]
pub enum ServerAction {
    /// Look at everything in a data folder for damage; a server may be running
    Check,
    /// Save what can be read of a damaged data folder into a new one; no server may be running
    Salvage {
        /// New folder to save into
        #[arg(long, value_name = "DIR")]
        into: PathBuf,
    },
    /// Give an administrator a one-time password; their sessions and API tokens end. No server may be running
    ResetAdmin {
        /// User name; added if there is none
        #[arg(long, default_value = ::server::auth::FIRST_ADMINISTRATOR, value_name = "NAME")]
        user: String,
    },
    /// Look after the private keys; see docs/keys.md
    Keys {
        /// What to do.
        #[command(subcommand)]
        action: KeysAction,
    },
    /// Write the database anew, so that it takes as little room as it can; no server may be running
    Vacuum,
}

/// What is done with a stopped server's keys.
#[derive(Subcommand, Debug)]
pub enum KeysAction {
    /// Encrypt the keys at rest with a passphrase, or with another one
    Encrypt {
        /// File with the new passphrase; the old one, if any, is --key-passphrase
        #[arg(long, value_name = "FILE")]
        new: PathBuf,
    },
    /// Keep the keys without encryption
    Decrypt,
    /// Move the authority's private key to a file, to be kept away from this machine
    AuthorityOut {
        /// A file that is not there yet
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Put the authority's private key back
    AuthorityIn {
        /// The file it was moved to
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
    },
    /// Make a recovery key, to be kept away from this machine
    Recovery {
        /// A file that is not there yet
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        /// File with the recovery key that it replaces
        #[arg(long, value_name = "FILE")]
        old: Option<PathBuf>,
    },
    /// After a theft: new keys, under the recovery key's signature; all sessions and tokens end
    Recover {
        /// File with the recovery key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
}

/// How long things stay.
#[derive(Args, Debug)]
#[command(next_help_heading = "How long things stay")]
pub struct RetentionArgs {
    /// Days until the answers to a question go after it ended
    #[arg(long, default_value_t = 90, value_name = "DAYS")]
    pub answers_days: u32,
    /// MiB of answers; with more, the oldest go
    #[arg(long, default_value_t = 8192, value_name = "MIB")]
    pub answers_mib: u64,
    /// Days until a question itself goes after it ended
    #[arg(long, default_value_t = 400, value_name = "DAYS")]
    pub questions_days: u32,
    /// Days until audit entries are exported into the data folder and cut off
    #[arg(long, default_value_t = 400, value_name = "DAYS")]
    pub audit_days: u32,
    /// MiB of audit entries; with more, the oldest are exported and cut off
    #[arg(long, default_value_t = 1024, value_name = "MIB")]
    pub audit_mib: u64,
    /// MiB that stay free on the disk: with less, no new question is taken
    #[arg(long, default_value_t = 64, value_name = "MIB")]
    pub spare_mib: u64,
}
