//! Arguments of `login`.

use clap::Args;
use std::path::PathBuf;

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
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=366), value_name = "DAYS")]
    pub days: u32,
    /// The token may administer too: endpoints, enrolment tokens, users, trust, audit
    #[arg(long)]
    pub admin: bool,
}
