//! Users and who is signed in.

use super::{Asked, Record, booted, moment, part};
use crate::machine::{Role, System};

const PEOPLE: &[&str] = &[
    "amara", "bjorn", "chiara", "deniz", "elif", "farid", "greta", "hana", "ivo", "jonas", "kofi",
    "lena", "mateo", "noor", "olga", "pavel", "quinn", "rosa", "sami", "tomas",
];

fn owner(asked: &Asked<'_>) -> String {
    let at = asked.machine.own(70) % PEOPLE.len() as u64;
    let name = PEOPLE[usize::try_from(at).unwrap_or(0)];
    format!("{name}{}", asked.machine.own(71) % 90)
}

pub(super) fn logged_in(asked: &Asked<'_>) -> Vec<Record> {
    let machine = asked.machine;
    let session = |user: String, terminal: &str, from: &str, purpose| {
        let since = booted(machine, asked.now)
            + i64::try_from(part(machine, purpose, 60, 86_400)).unwrap_or(0);
        vec![
            ("User", user),
            ("Terminal", terminal.to_owned()),
            ("Remote Host", from.to_owned()),
            ("Login Time", moment(since)),
            ("PID", part(machine, purpose, 900, 30_000).to_string()),
        ]
    };
    match machine.role() {
        Role::Workstation => {
            let terminal = match machine.system() {
                System::Linux => "tty2",
                System::Windows => "console",
                System::MacOs => "ttys000",
            };
            vec![session(owner(asked), terminal, "", 72)]
        }
        // Nobody is on most servers.
        _ if machine.own(73).is_multiple_of(6) => {
            vec![session("ops".to_owned(), "pts/0", "10.20.0.40", 74)]
        }
        _ => Vec::new(),
    }
}

/// Name, id, full name, home, shell, groups, password, administrator.
type Account = (
    &'static str,
    u32,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    bool,
);

fn accounts(asked: &Asked<'_>) -> Vec<Account> {
    let machine = asked.machine;
    let mut list: Vec<Account> = match machine.system() {
        System::Linux => vec![
            (
                "root",
                0,
                "root",
                "/root",
                "/bin/bash",
                "root",
                "locked",
                true,
            ),
            (
                "daemon",
                1,
                "daemon",
                "/usr/sbin",
                "/usr/sbin/nologin",
                "daemon",
                "locked",
                false,
            ),
            (
                "bin",
                2,
                "bin",
                "/bin",
                "/usr/sbin/nologin",
                "bin",
                "locked",
                false,
            ),
            (
                "www-data",
                33,
                "www-data",
                "/var/www",
                "/usr/sbin/nologin",
                "www-data",
                "locked",
                false,
            ),
            (
                "nobody",
                65534,
                "nobody",
                "/nonexistent",
                "/usr/sbin/nologin",
                "nogroup",
                "locked",
                false,
            ),
            (
                "sshd",
                105,
                "",
                "/run/sshd",
                "/usr/sbin/nologin",
                "nogroup",
                "locked",
                false,
            ),
            (
                "ops",
                1000,
                "Operations",
                "/home/ops",
                "/bin/bash",
                "ops,sudo",
                "set",
                true,
            ),
        ],
        System::Windows => vec![
            (
                "Administrator",
                500,
                "",
                "",
                "",
                "Administrators",
                "set",
                true,
            ),
            ("DefaultAccount", 503, "", "", "", "", "empty", false),
            ("Guest", 501, "", "", "", "Guests", "empty", false),
            (
                "ops",
                1001,
                "Operations",
                "C:\\Users\\ops",
                "",
                "Administrators",
                "set",
                true,
            ),
        ],
        System::MacOs => vec![
            (
                "root",
                0,
                "System Administrator",
                "/var/root",
                "/bin/sh",
                "wheel",
                "locked",
                true,
            ),
            (
                "daemon",
                1,
                "System Services",
                "/var/root",
                "/usr/bin/false",
                "daemon",
                "locked",
                false,
            ),
            (
                "ops",
                501,
                "Operations",
                "/Users/ops",
                "/bin/zsh",
                "staff,admin",
                "set",
                true,
            ),
        ],
    };
    match (machine.system(), machine.role()) {
        (System::Linux, Role::Database) => list.push((
            "postgres",
            113,
            "PostgreSQL administrator",
            "/var/lib/postgresql",
            "/bin/bash",
            "postgres,ssl-cert",
            "locked",
            false,
        )),
        (System::Linux, Role::Build) => list.push((
            "builder",
            998,
            "Build runner",
            "/var/lib/builder",
            "/bin/bash",
            "builder,docker",
            "locked",
            false,
        )),
        _ => {}
    }
    if machine.planted.extra_admin {
        list.push(match machine.system() {
            System::Windows => (
                "helpdesk2",
                1047,
                "",
                "C:\\Users\\Public",
                "",
                "Administrators",
                "set",
                true,
            ),
            _ => (
                "helpdesk2",
                0,
                "",
                "/var/tmp",
                "/bin/bash",
                "root,sudo",
                "set",
                true,
            ),
        });
    }
    list
}

pub(super) fn local_users(asked: &Asked<'_>) -> Vec<Record> {
    accounts(asked)
        .into_iter()
        .map(|(name, id, full, home, shell, groups, password, _)| {
            vec![
                ("User", name.to_owned()),
                ("User ID", id.to_string()),
                ("Group ID", id.to_string()),
                ("Groups", groups.to_owned()),
                ("Full Name", full.to_owned()),
                ("Home", home.to_owned()),
                ("Shell", shell.to_owned()),
                ("Password", password.to_owned()),
                (
                    "Password Changed",
                    // An account that was never given a password has no date.
                    if password == "set" {
                        "2026-03-02T00:00:00Z"
                    } else {
                        ""
                    }
                    .to_owned(),
                ),
                (
                    "Password Algorithm",
                    if password == "set" { "yescrypt" } else { "" }.to_owned(),
                ),
                ("Password Expires", String::new()),
                ("Account Expires", String::new()),
                ("Standing", String::new()),
                ("Path", "/etc/passwd".to_owned()),
            ]
        })
        .collect()
}

pub(super) fn local_administrators(asked: &Asked<'_>) -> Vec<Record> {
    accounts(asked)
        .into_iter()
        .filter(|account| account.7)
        .map(|(name, id, _, _, _, groups, _, _)| {
            let (reason, source) = if id == 0 {
                ("user ID 0".to_owned(), "/etc/passwd")
            } else {
                let group = groups.rsplit(',').next().unwrap_or_default();
                (format!("member of {group}"), "/etc/group")
            };
            let source = match asked.machine.system() {
                System::Linux => source,
                _ => "",
            };
            vec![
                ("Account", name.to_owned()),
                ("Reason", reason),
                ("Source", source.to_owned()),
            ]
        })
        .collect()
}
