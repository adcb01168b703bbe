//! Arguments of `users`.

use super::{Connection, Given, Output};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Arguments of `users`.
#[derive(Args, Debug)]
pub struct UsersArgs {
    /// What to do; none lists all
    #[command(subcommand)]
    pub action: Option<UserAction>,
    /// Form of output [default: aligned columns in a terminal, columns separated by tabs elsewhere]
    #[arg(long, short, value_enum, value_name = "FORM", global = true)]
    pub output: Option<Output>,
    /// Server and sign-in.
    #[command(flatten)]
    pub connection: Connection,
}

/// Actions on users.
#[derive(Subcommand, Debug)]
pub enum UserAction {
    /// List them with their roles
    List,
    /// Add one, with a one-time password that is told once
    Create {
        /// User name: 1 to 64 letters, digits or any of `. _ - @`
        name: String,
        /// What they may do
        #[arg(long, value_enum, default_value = "reader")]
        role: RoleName,
        /// File with a first password to be used instead of one that the server makes, `-` for standard input
        #[arg(long, value_name = "FILE", conflicts_with = "to")]
        password: Option<PathBuf>,
        /// New file for the one-time password, which only you may read; `-` for standard output [default: the terminal]
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Give one another role, which holds at once
    Role {
        /// User name
        name: String,
        /// What they may do from now on
        role: RoleName,
    },
    /// Give one roles that people made, and say which machines they see, in place of what they were given before
    Give {
        /// User name
        name: String,
        /// What they are given
        #[command(flatten)]
        given: Given,
    },
    /// Make a one-time password in place of the one that was lost; sessions and API tokens of the user end
    ResetPassword {
        /// User name
        name: String,
        /// New file for the one-time password, which only you may read; `-` for standard output [default: the terminal]
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Shut one out: signing in is refused, sessions and API tokens end at once, and what was asked and made stays
    Disable {
        /// User name
        name: String,
    },
    /// Let one in again who was shut out, with the password of before
    Enable {
        /// User name
        name: String,
    },
    /// End the sessions of one; API tokens go on (`cordon api-tokens revoke`)
    EndSessions {
        /// User name
        name: String,
    },
    /// Remove one with sessions and API tokens
    Delete {
        /// User name
        name: String,
    },
}

/// What a person may do.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleName {
    /// Everything, everywhere: users, endpoints, enrolment, trust, content, the audit log.
    Administrator,
    /// Everything with content, and nothing to people, endpoints or keys.
    ContentAdministrator,
    /// See content and answers, and ask; make groups.
    Operator,
    /// See content and answers.
    Reader,
    /// Nothing by itself: what other roles and user groups give.
    Member,
}
