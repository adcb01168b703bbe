//! The machine itself.

use super::{Asked, Record, booted, moment, part};
use crate::machine::{Role, System};
use sha2::{Digest, Sha256};

fn one(name: &'static str, cell: impl Into<String>) -> Vec<Record> {
    vec![vec![(name, cell.into())]]
}

fn truth(name: &'static str, value: bool) -> Vec<Record> {
    one(name, if value { "True" } else { "False" })
}

pub(super) fn computer_name(asked: &Asked<'_>) -> Vec<Record> {
    one("Computer Name", asked.machine.hostname())
}

pub(super) fn computer_id(asked: &Asked<'_>) -> Vec<Record> {
    let made_up = || Sha256::digest(asked.machine.own(30).to_be_bytes()).into();
    one(
        "Computer ID",
        hex::encode(asked.machine.endpoint.unwrap_or_else(made_up)),
    )
}

pub(super) fn operating_system(asked: &Asked<'_>) -> Vec<Record> {
    one("Operating System", asked.machine.release().name)
}

pub(super) fn os_version(asked: &Asked<'_>) -> Vec<Record> {
    vec![vec![
        ("Version", asked.machine.version().to_owned()),
        ("Kernel", asked.machine.kernel().to_owned()),
    ]]
}

pub(super) fn is_linux(asked: &Asked<'_>) -> Vec<Record> {
    truth("Is Linux", asked.machine.system() == System::Linux)
}

pub(super) fn is_windows(asked: &Asked<'_>) -> Vec<Record> {
    truth("Is Windows", asked.machine.system() == System::Windows)
}

pub(super) fn is_mac(asked: &Asked<'_>) -> Vec<Record> {
    truth("Is Mac", asked.machine.system() == System::MacOs)
}

pub(super) fn is_virtual(asked: &Asked<'_>) -> Vec<Record> {
    let here = !matches!(asked.machine.role(), Role::Workstation | Role::Build);
    vec![vec![
        ("Is Virtual", if here { "True" } else { "False" }.to_owned()),
        ("Platform", if here { "KVM" } else { "" }.to_owned()),
    ]]
}

pub(super) fn uptime(asked: &Asked<'_>) -> Vec<Record> {
    let seconds = asked.now - booted(asked.machine, asked.now);
    one("Uptime", format!("{seconds}s"))
}

pub(super) fn last_reboot(asked: &Asked<'_>) -> Vec<Record> {
    one("Last Reboot", moment(booted(asked.machine, asked.now)))
}

pub(super) fn cpu(asked: &Asked<'_>) -> Vec<Record> {
    let (model, processors) = match (asked.machine.system(), asked.machine.role()) {
        (System::MacOs, _) => ("Apple M3", 8),
        (_, Role::Workstation) => ("12th Gen Intel(R) Core(TM) i5-1245U", 12),
        (_, Role::Database) => ("AMD EPYC 9354 32-Core Processor", 32),
        (_, Role::Build) => ("AMD Ryzen 9 7950X 16-Core Processor", 32),
        _ => ("Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz", 4),
    };
    let load = f64::from(u32::try_from(asked.machine.own(43) % 60).unwrap_or(0)) / 100.0
        * f64::from(processors);
    vec![vec![
        ("Model", model.to_owned()),
        ("Logical Processors", processors.to_string()),
        ("Load", format!("{load:.2}")),
    ]]
}

pub(super) fn ram(asked: &Asked<'_>) -> Vec<Record> {
    let gib: u64 = match asked.machine.role() {
        Role::Database => 256,
        Role::Build | Role::Containers => 64,
        Role::Workstation | Role::Files => 16,
        Role::Web | Role::Directory => 8,
    };
    let total = gib << 30;
    vec![vec![
        ("Total", total.to_string()),
        ("Available", (total / 5 * 2).to_string()),
        ("Swap Total", (4_u64 << 30).to_string()),
        ("Swap Free", (4_u64 << 30).to_string()),
    ]]
}

pub(super) fn disk_free(asked: &Asked<'_>) -> Vec<Record> {
    let volumes: &[(&str, &str, u64)] = match asked.machine.system() {
        System::Linux => &[("/", "ext4", 60), ("/var", "xfs", 200)],
        System::Windows => &[("C:", "NTFS", 476)],
        System::MacOs => &[("/", "apfs", 460)],
    };
    (40..)
        .zip(volumes)
        .map(|(purpose, (mount, kind, gib))| {
            let total = gib << 30;
            // One machine in 50 is nearly full.
            let (least, most) = if asked.machine.own(41).is_multiple_of(50) {
                (1, 4)
            } else {
                (10, 90)
            };
            let percent = part(asked.machine, purpose, least, most);
            vec![
                ("Mount Point", (*mount).to_owned()),
                ("File System", (*kind).to_owned()),
                ("Total", total.to_string()),
                ("Free", (total / 100 * percent).to_string()),
            ]
        })
        .collect()
}

pub(super) fn custom_tags(asked: &Asked<'_>) -> Vec<Record> {
    let mut tags = vec!["simulated".to_owned()];
    tags.push(
        match asked.machine.role() {
            Role::Workstation => "office",
            _ => "server-room",
        }
        .to_owned(),
    );
    if asked.machine.own(42).is_multiple_of(5) {
        tags.push("pilot".to_owned());
    }
    tags.into_iter().map(|tag| vec![("Tag", tag)]).collect()
}

pub(super) fn agent_version(_: &Asked<'_>) -> Vec<Record> {
    one("Agent Version", env!("CARGO_PKG_VERSION"))
}
