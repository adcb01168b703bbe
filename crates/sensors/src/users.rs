//! Who may use the machine and who does: logins, accounts, administrators, sudo rules and SSH keys.
//!
//! The formats are read by [`utmp`], [`accounts`], [`mod@password`], [`mod@sudoers`] and [`ssh_keys`], which take bytes;
//! [`sources`] and [`history`] know where the files lie, and [`collect`], [`administrators`], [`logins`] and [`keys`] make
//! rows of them.

pub mod accounts;
pub mod administrators;
mod clib;
pub mod collect;
mod glob;
pub mod history;
mod includes;
pub mod key_files;
pub mod keys;
pub mod lastlog;
pub mod logins;
pub mod password;
pub mod sources;
pub mod ssh_keys;
pub mod ssh_server;
pub mod sudoers;
mod userdb;
pub mod utmp;
mod wtmpdb;

use crate::disk::system_root;
use crate::framework::{Entry, LARGE};
use question::catalogue::ValueType::{Boolean, DateTime, Integer, IpAddress, Text};
use question::catalogue::{Limits, Sensor};

const CATEGORY: &str = "Users";

/// The sensors of this family.
pub const SENSORS: &[Entry] = &[
    Entry {
        declare: logged_in_users,
        collect: |_, sink| logins::logged_in_users(system_root()?, sink),
    },
    Entry {
        declare: last_logins,
        collect: |_, sink| logins::last_logins(system_root()?, sink),
    },
    Entry {
        declare: failed_logins,
        collect: |_, sink| logins::failed_logins(system_root()?, sink),
    },
    Entry {
        declare: local_users,
        collect: |_, sink| collect::local_users(system_root()?, sink),
    },
    Entry {
        declare: local_administrators,
        collect: |_, sink| administrators::local_administrators(system_root()?, sink),
    },
    Entry {
        declare: sudoers,
        collect: |_, sink| administrators::sudoers(system_root()?, sink),
    },
    Entry {
        declare: ssh_authorized_keys,
        collect: |_, sink| keys::ssh_authorized_keys(system_root()?, sink),
    },
    Entry {
        declare: ssh_key_files,
        collect: |request, sink| {
            let (kind, folder) = (request.parameter(0), request.parameter(1));
            key_files::ssh_key_files(system_root()?, kind, folder, sink)
        },
    },
    Entry {
        declare: ssh_server_settings,
        collect: |request, sink| {
            ssh_server::ssh_server_settings(system_root()?, request.parameter(0), sink)
        },
    },
    Entry {
        declare: last_login_per_user,
        collect: |_, sink| lastlog::last_login_per_user(system_root()?, sink),
    },
];

/// Records are read as a whole, and anybody who may try to log in makes more of them.
fn records() -> Limits {
    Limits {
        memory: LARGE,
        ..Limits::default()
    }
}

fn logged_in_users() -> Sensor {
    Sensor::new(
        "Logged In Users",
        CATEGORY,
        "Users with a session now, from the login records and from the session files of the login manager.",
    )
    .column("User", Text, "Login name.")
    .column("Terminal", Text, "Terminal or display of the session; empty when it has none.")
    .column("Remote Host", Text, "Name or address from which the user came; empty for a local session.")
    .column("Login Time", DateTime, "When the session began, UTC.")
    .column("PID", Integer, "Process that leads the session.")
    .max_age(60)
    .key("User")
    .example("Get Logged In Users from all machines")
}

fn last_logins() -> Sensor {
    Sensor::new(
        "Last Logins",
        CATEGORY,
        "Logins and how each ended, newest first, from the login history, its rotated files, the database that newer systems keep, and the records by user that outlive them.",
    )
    .column("User", Text, "Login name.")
    .column("Terminal", Text, "Terminal or display.")
    .column("Remote Host", Text, "Name or address from which the user came, as recorded.")
    .column("Remote Address", IpAddress, "Address from which the user came, where recorded.")
    .column("Login Time", DateTime, "When the session began, UTC.")
    .column("Logout Time", DateTime, "When it ended, UTC; empty while it lasts.")
    .limits(records())
    .column("End", Text, "How it ended: logged out, down, crash, open when no end is recorded, or unknown where ends are not kept.")
    .key("User")
    .example("Get Last Logins having Last Logins:User = root from all machines")
}

fn failed_logins() -> Sensor {
    Sensor::new(
        "Failed Logins",
        CATEGORY,
        "Attempts to log in that failed, newest first, from the record of bad logins and its rotated files.",
    )
    .column("User", Text, "Login name that was tried.")
    .column("Terminal", Text, "Terminal or service.")
    .column("Remote Host", Text, "Name or address from which the attempt came, as recorded.")
    .column("Remote Address", IpAddress, "Address from which the attempt came, where recorded.")
    .column("Time", DateTime, "When it happened, UTC.")
    .limits(records())
    .key("User")
    .example("Get Failed Logins from all machines")
}

fn local_users() -> Sensor {
    Sensor::new("Local Users", CATEGORY, "Accounts of this machine itself, as its C library finds them: from the account files, and from what nsswitch.conf adds on the machine.")
        .column("User", Text, "Login name.")
        .column("User ID", Integer, "Numeric user id.")
        .column("Group ID", Integer, "Numeric id of the primary group.")
        .column(
            "Groups",
            Text,
            "Names of all its groups, the primary one first, separated by commas.",
        )
        .column("Full Name", Text, "Comment field: full name and more.")
        .column("Home", Text, "Home folder.")
        .column("Shell", Text, "Login shell.")
        .column(
            "Password",
            Text,
            "State of the password: set, empty, locked or unknown.",
        )
        .column(
            "Password Changed",
            DateTime,
            "Day of the last change, UTC; empty when not recorded.",
        )
        .column(
            "Password Algorithm",
            Text,
            "How the password is kept, also behind a lock; empty where nothing of crypt(5) is.",
        )
        .column(
            "Password Expires",
            DateTime,
            "Day from which the password must be changed, UTC; empty for never.",
        )
        .column(
            "Account Expires",
            DateTime,
            "Day from which nobody can log in, UTC; empty for never.",
        )
        .column(
            "Standing",
            Text,
            "What the dates mean now: account expired, password must change, password expired, or password expired for good; empty when nothing stands against a login.",
        )
        .column("Path", Text, "File that says so.")
        .key("User")
        .example("Get Local Users having Local Users:User ID = 0 from all machines")
}

fn local_administrators() -> Sensor {
    Sensor::new(
        "Local Administrators",
        CATEGORY,
        "Accounts and groups that have or may take the rights of the superuser, with a row for each reason.",
    )
    .column("Account", Text, "Login name; a group not known here is written with a percent sign, and ALL is whoever is named nowhere.")
    .column("Reason", Text, "Why: user ID 0, membership of an administrative group, or a sudo rule for all commands.")
    .column("Source", Text, "File, and line of the sudo rule.")
    .max_age(900)
    .key("Account")
    .example("Get Local Administrators from all machines")
}

fn sudoers() -> Sensor {
    Sensor::new(
        "Sudoers",
        CATEGORY,
        "Statements of the sudo policy with all files that it includes, in the order of reading.",
    )
    .column(
        "Kind",
        Text,
        "Rule, defaults, include, unknown, or user, run-as, host or command alias.",
    )
    .column(
        "Who",
        Text,
        "Users and %groups of a rule; name of an alias; what defaults are bound to.",
    )
    .column("Hosts", Text, "Hosts of a rule.")
    .column(
        "Run As",
        Text,
        "Users and groups to run as; empty means the superuser, () the caller.",
    )
    .column(
        "Tags",
        Text,
        "Tags such as NOPASSWD and settings such as CWD=/, separated by commas; those that hold from a command before are among them.",
    )
    .column(
        "What",
        Text,
        "Commands of a rule, members of an alias, settings, or path of an include.",
    )
    .column("Path", Text, "File.")
    .column("Line", Integer, "Line on which the statement begins.")
    .key("Who")
    .example("Get Sudoers having Sudoers:Tags contains NOPASSWD from all machines")
}

fn ssh_authorized_keys() -> Sensor {
    Sensor::new(
        "SSH Authorized Keys",
        CATEGORY,
        "Public keys that may log in over SSH, for every account, where the SSH server looks for them.",
    )
    .column("User", Text, "Account that the key opens.")
    .column("Type", Text, "Type of the key.")
    .column("Fingerprint", Text, "SHA256 fingerprint as OpenSSH prints it; empty when the key cannot be decoded.")
    .column("Options", Text, "Options before the key, such as a forced command.")
    .column("Comment", Text, "Comment after the key.")
    .column("Path", Text, "File.")
    .column("Line", Integer, "Line in the file.")
    .alias("SSH Keys")
    .example("Get SSH Authorized Keys having SSH Authorized Keys:User = root from all machines")
}

fn ssh_server_settings() -> Sensor {
    Sensor::new(
        "SSH Server Settings",
        "Security",
        "Settings in the configuration of the SSH server, with the files it includes; the first value of a setting is the one that counts.",
    )
    .column("Setting", Text, "Name of the setting, in lower case.")
    .column("Value", Text, "Value as written.")
    .column("Match", Text, "Condition of the block it stands in; empty when it holds for all.")
    .column("Path", Text, "File.")
    .parameter("setting", Text, Some(""), &[], "Only this setting; empty means all.")
    .max_age(900)
    .key("Setting")
    .example("Get SSH Server Settings[PermitRootLogin] from all machines")
}

fn ssh_key_files() -> Sensor {
    Sensor::new(
        "SSH Key Files",
        CATEGORY,
        "Keys of SSH that lie in files: private keys and whether a passphrase protects them, keys of the host itself, or keys of hosts that users know.",
    )
    .column("User", Text, "Account in whose home it lies; empty for the machine's own.")
    .column("Type", Text, "Type of the key, or of the file where that does not tell.")
    .column("Fingerprint", Text, "SHA256 fingerprint as OpenSSH prints it; empty where only the passphrase would tell.")
    .column("Protected", Boolean, "Whether a passphrase is needed to use a private key.")
    .column("Name", Text, "Comment of a key; names of a known host, which may be hashed, with the mark before them.")
    .column("Path", Text, "File.")
    .column("Line", Integer, "Line in the file.")
    .parameter("Kind", Text, Some("Private Keys"), key_files::KINDS, "What to look for.")
    .parameter("Folder", Text, Some(""), &[], "Where to look for private keys; empty means the folder .ssh of every home.")
    .key("Path")
    .example("Get SSH Key Files having SSH Key Files:Protected = False from all machines")
}

fn last_login_per_user() -> Sensor {
    Sensor::new(
        "Last Login per User",
        CATEGORY,
        "The latest login of each user, from the records that are kept by user: they outlive the login history.",
    )
    .column("User", Text, "Login name; empty for a user id without an account.")
    .column("User ID", Integer, "Numeric user id; empty where only the name is recorded.")
    .column("Terminal", Text, "Terminal or service.")
    .column("Remote Host", Text, "Name or address from which the user came, as recorded.")
    .column("Login Time", DateTime, "When, UTC.")
    .column("Path", Text, "File that says so.")
    .limits(records())
    .key("User")
    .example("Get Last Login per User from all machines")
}
