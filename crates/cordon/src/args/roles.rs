//! Arguments of `roles`, `user-groups` and `rights`.

use super::{Connection, Output};
use clap::{Args, Subcommand};

/// Arguments of `roles`.
#[derive(Args, Debug)]
pub struct RolesArgs {
    /// What to do; none lists all
    #[command(subcommand)]
    pub action: Option<RoleAction>,
    /// Form of output [default: aligned columns in a terminal, columns separated by tabs elsewhere]
    #[arg(long, short, value_enum, value_name = "FORM", global = true)]
    pub output: Option<Output>,
    /// Server and sign-in.
    #[command(flatten)]
    pub connection: Connection,
}

/// Actions on roles.
#[derive(Subcommand, Debug)]
pub enum RoleAction {
    /// List them: what each grants and denies
    List,
    /// Show the rules of one
    Show {
        /// Name of the role
        name: String,
    },
    /// List the permissions that a role can grant or deny
    Permissions,
    /// Make one
    Create {
        /// Name of the role
        name: String,
        /// What it grants and denies
        #[command(flatten)]
        rules: Rules,
    },
    /// Give one other rules in place of those that it has; who holds it has them at once
    Change {
        /// Name of the role
        name: String,
        /// What it grants and denies
        #[command(flatten)]
        rules: Rules,
        /// Another name for it
        #[arg(long, value_name = "NAME")]
        rename: Option<String>,
    },
    /// Remove one that nobody holds
    Delete {
        /// Name of the role
        name: String,
    },
}

/// What a role grants and denies.
#[derive(Args, Debug, Clone)]
pub struct Rules {
    /// Who it is for
    #[arg(long, default_value = "", value_name = "TEXT")]
    pub description: String,
    /// A permission to grant; over a content set as `read-sensor:Incident Response` (repeat for several)
    #[arg(long = "grant", value_name = "PERMISSION[:SET]")]
    pub grants: Vec<String>,
    /// The same, counting only for who may use Ask
    #[arg(long = "grant-with-ask", value_name = "PERMISSION[:SET]")]
    pub with_ask: Vec<String>,
    /// A permission to deny, whatever grants it
    #[arg(long = "deny", value_name = "PERMISSION[:SET]")]
    pub denies: Vec<String>,
}

/// Arguments of `user-groups`.
#[derive(Args, Debug)]
pub struct UserGroupsArgs {
    /// What to do; none lists all
    #[command(subcommand)]
    pub action: Option<UserGroupAction>,
    /// Form of output [default: aligned columns in a terminal, columns separated by tabs elsewhere]
    #[arg(long, short, value_enum, value_name = "FORM", global = true)]
    pub output: Option<Output>,
    /// Server and sign-in.
    #[command(flatten)]
    pub connection: Connection,
}

/// Actions on user groups.
#[derive(Subcommand, Debug)]
pub enum UserGroupAction {
    /// List them: who is in each, with which roles and bounds
    List,
    /// Make one
    Create {
        /// Name of the user group
        name: String,
        /// What it is to be
        #[command(flatten)]
        group: GroupRights,
    },
    /// Make one anew: what is not named here is not in it any more
    Change {
        /// Name of the user group
        name: String,
        /// What it is to be
        #[command(flatten)]
        group: GroupRights,
        /// Another name for it
        #[arg(long, value_name = "NAME")]
        rename: Option<String>,
    },
    /// Remove one; its members keep what they have otherwise
    Delete {
        /// Name of the user group
        name: String,
    },
}

/// What a user group is.
#[derive(Args, Debug, Clone)]
pub struct GroupRights {
    /// Who is in it, in words
    #[arg(long, default_value = "", value_name = "TEXT")]
    pub description: String,
    /// A user who is in it (repeat for several)
    #[arg(long = "member", value_name = "USER")]
    pub members: Vec<String>,
    /// What its members are given
    #[command(flatten)]
    pub given: Given,
}

/// Roles and bounds.
#[derive(Args, Debug, Clone)]
pub struct Given {
    /// A role that people made (repeat for several)
    #[arg(long = "role", value_name = "ROLE")]
    pub roles: Vec<String>,
    /// A computer group whose machines they see (repeat for several) [default: nothing is said of that]
    #[arg(long = "within", value_name = "GROUP")]
    pub within: Vec<String>,
    /// A computer group whose machines they do not see, whatever lets them in; every machine not known to be outside of it counts as inside
    #[arg(long = "without", value_name = "GROUP")]
    pub without: Vec<String>,
    /// They see every machine, but for those `--without`
    #[arg(long, conflicts_with = "within")]
    pub everywhere: bool,
}

/// Arguments of `rights`.
#[derive(Args, Debug)]
pub struct RightsArgs {
    /// Whose; yours if none
    pub user: Option<String>,
    /// Only this permission, by name
    #[arg(long, value_name = "NAME")]
    pub permission: Option<String>,
    /// Over this content set
    #[arg(long, value_name = "NAME")]
    pub content_set: Option<String>,
    /// Form of output [default: aligned columns in a terminal, columns separated by tabs elsewhere]
    #[arg(long, short, value_enum, value_name = "FORM")]
    pub output: Option<Output>,
    /// Server and sign-in.
    #[command(flatten)]
    pub connection: Connection,
}
