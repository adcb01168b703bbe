//! What must hold for every sensor, whichever family it is of.

use crate::support::text;
use question::catalogue::{Rows, ValueType};
use sensors::framework::{HostFacts, Request};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

#[test]
fn every_declaration_is_complete() {
    let mut names = BTreeSet::new();
    for entry in sensors::entries() {
        let s = (entry.declare)();
        for name in std::iter::once(&s.name).chain(&s.aliases) {
            assert!(
                names.insert(name.to_lowercase()),
                "{name} means two sensors"
            );
            assert_eq!(name.trim(), name);
        }
        assert!(!s.category.is_empty(), "{}", s.name);
        assert!(
            s.description.len() > 20 && s.description.ends_with('.'),
            "{}: {}",
            s.name,
            s.description
        );
        assert!(!s.columns.is_empty(), "{}", s.name);
        let mut columns = BTreeSet::new();
        for c in &s.columns {
            assert!(
                columns.insert(c.name.to_lowercase()),
                "{}: {} twice",
                s.name,
                c.name
            );
            assert!(
                c.description.len() >= 5 && c.description.ends_with(['.', '…']),
                "{}: {}: {}",
                s.name,
                c.name,
                c.description
            );
        }
        let mut keys = BTreeSet::new();
        for p in &s.parameters {
            assert!(
                keys.insert(p.key.to_lowercase()),
                "{}: {} twice",
                s.name,
                p.key
            );
            assert!(
                p.description.ends_with('.'),
                "{}: {}: {}",
                s.name,
                p.key,
                p.description
            );
            if let (Some(default), false) = (&p.default, p.allowed.is_empty()) {
                assert!(
                    p.allowed.iter().any(|a| a.eq_ignore_ascii_case(default)),
                    "{}: {}",
                    s.name,
                    p.key
                );
            }
        }
        assert!(s.max_age <= Duration::from_secs(30 * 86_400), "{}", s.name);
        assert!(
            !s.limits.wall.is_zero() && s.limits.rows > 0 && s.limits.bytes > 0,
            "{}",
            s.name
        );
    }
}

#[test]
fn every_example_is_a_question_about_its_sensor() {
    let catalogue = sensors::catalogue();
    for s in catalogue.sensors() {
        let question = question::parse(&s.example, &catalogue)
            .unwrap_or_else(|e| panic!("{}: {}: {e}", s.name, s.example));
        assert!(s.example.contains(&s.name), "{}: {}", s.name, s.example);
        // And so is the plain form that a name gives, also for names with words of the language in them.
        if s.parameters.iter().all(|p| p.default.is_some()) {
            let plain = format!("Get {} from all machines", s.name);
            let plain =
                question::parse(&plain, &catalogue).unwrap_or_else(|e| panic!("{plain}: {e}"));
            assert_eq!(plain.selects[0].call.sensor, s.name);
        }
        assert_eq!(
            question::parse(&question.to_string(), &catalogue).unwrap(),
            question
        );
    }
}

/// Which column `Sensor = value` means, for each sensor of several columns; an empty name where a guess could be wrong:
/// rows that several of their cells name, or none.
const KEYS: &[(&str, &str)] = &[
    ("ARP Cache", "IP Address"),
    ("Agent Status", ""),
    ("CPU", ""),
    ("Child Processes", "Process"),
    ("Containers", "Name"),
    ("DNS Servers", "DNS Server"),
    ("Disk Free", "Free"),
    ("Established Connections", "Remote Address"),
    ("Failed Logins", "User"),
    ("File Contents Search", ""),
    ("File Details", ""),
    ("File Hash", "Hash"),
    ("Folder Contents", "Name"),
    ("Hosts File Entries", "Alias"),
    ("IP Connections", ""),
    ("IP Route Details", "Destination"),
    ("IP Rules", ""),
    ("Index Query File Details", "Path"),
    ("Index Query File Details Using Name", "Path"),
    (
        "Index Query File Details Using Name Sort By Largest",
        "Path",
    ),
    ("Index Query File Details by Last Modified", "Path"),
    ("Index Query File Hash Recently Changed", "Path"),
    ("Index Query File Path and Hash", "Path"),
    ("Index Query File Permissions", "Path"),
    ("Index Query Find Blacklist Matches", "Path"),
    ("Index Query First Seen", "Path"),
    ("Index Query Magic Mismatch", "Path"),
    ("Index Query New Executables Since", "Path"),
    ("Index Query Timestomped", "Path"),
    ("Index Has Latest Tools", ""),
    ("Index Status Details", "Status"),
    ("Installed Applications", "Name"),
    ("Is Virtual", "Is Virtual"),
    ("Kernel Modules", "Name"),
    ("Kernel Taint", ""),
    ("Last Login per User", "User"),
    ("Last Logins", "User"),
    ("Listen Ports", "Local Port"),
    ("Loaded Modules", "Path"),
    ("Local Administrators", "Account"),
    ("Local Users", "User"),
    ("Logged In Users", "User"),
    ("Mandatory Access Control", ""),
    ("Mounts", "Mount Point"),
    ("Network Adapters", "Name"),
    // It is also called Kernel Version, and has the versions of both.
    ("OS Version", ""),
    ("Open Files", "Path"),
    ("Process Details", "Process"),
    ("Process Environment", "Variable"),
    ("Process Tree", "Process"),
    ("RAM", "Total"),
    ("Running Processes with Hash", "Hash"),
    ("SSH Authorized Keys", ""),
    ("SSH Key Files", "Path"),
    ("SSH Server Settings", "Setting"),
    ("Scheduled Tasks", "Command"),
    ("Sensor Run Times", "Sensor"),
    ("Service Details", "Service Name"),
    ("Sudoers", "Who"),
];

#[test]
fn a_comparison_without_a_column_means_the_one_that_names_the_row() {
    let several: BTreeSet<(String, String)> = sensors::entries()
        .map(|entry| (entry.declare)())
        .filter(|s| s.columns.len() > 1)
        .map(|s| {
            if let Some(key) = &s.key {
                assert!(s.column_index(key).is_some(), "{} has no {key}", s.name);
            }
            let key = s.key_column().map(|c| c.name.clone()).unwrap_or_default();
            (s.name, key)
        })
        .collect();
    let listed: BTreeSet<(String, String)> = KEYS
        .iter()
        .map(|(s, k)| ((*s).to_owned(), (*k).to_owned()))
        .collect();
    let missing: Vec<_> = several.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&several).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "not listed: {missing:?}; listed, but not so: {gone:?}"
    );
    let catalogue = sensors::catalogue();
    for (condition, wanted) in [
        ("Is Virtual = True", "Is Virtual:Is Virtual = True"),
        ("RAM < \"64 GB\"", "RAM:Total < \"64 GB\""),
        ("Local Users = root", "Local Users:User = root"),
        (
            "Listen Ports in (22, 3389)",
            "Listen Ports:Local Port in (22, 3389)",
        ),
        ("Disk Free < 5 GB", "Disk Free:Free < \"5 GB\""),
        (
            "Installed Applications in (nmap, netcat)",
            "Installed Applications:Name in (nmap, netcat)",
        ),
    ] {
        let text = format!("Get Computer Name from all machines with {condition}");
        let question = question::parse(&text, &catalogue).unwrap_or_else(|e| panic!("{e}"));
        assert!(question.to_string().ends_with(wanted), "{question}");
    }
    for condition in [
        "OS Version = 12",
        "Kernel Version < 6",
        "CPU > 80%",
        "Listen Ports = sshd",
    ] {
        let text = format!("Get Computer Name from all machines with {condition}");
        assert!(question::parse(&text, &catalogue).is_err(), "{condition}");
    }
}

/// Every sensor that can run without being told more runs here, ends, and gives rows of its own shape.
#[test]
fn every_sensor_runs_on_this_machine() {
    // The sensors of the Index answer where there is one.
    let machine = crate::index::Machine::new();
    machine.index();
    for entry in sensors::entries() {
        let s = (entry.declare)();
        let Some(parameters) = s
            .parameters
            .iter()
            .map(|p| p.default.clone())
            .collect::<Option<Vec<_>>>()
        else {
            continue;
        };
        // Without a blacklist it has no answer; that it says so is tested with its family.
        if s.name == "Index Query Find Blacklist Matches" {
            continue;
        }
        let request = Request {
            parameters,
            host: Arc::new(HostFacts {
                endpoint_id: "00".repeat(32),
                agent_version: "1.2.3".into(),
                state_dir: machine.state(),
                ..HostFacts::default()
            }),
        };
        let (name, limits) = (s.name.clone(), s.limits);
        let began = Instant::now();
        // A thread of its own, as the agent gives it: processor time is counted by thread.
        let thread = std::thread::spawn(move || {
            sensors::run(&name, &request, limits, Arc::new(AtomicBool::new(false)))
        });
        let run = thread
            .join()
            .unwrap_or_else(|_| panic!("{} panicked", s.name));
        let took = began.elapsed();
        run.outcome.unwrap_or_else(|e| panic!("{}: {e}", s.name));
        let rows = run.rows;
        assert!(
            took < s.limits.wall + Duration::from_secs(2),
            "{} took {took:?}",
            s.name
        );
        if s.rows == Rows::One {
            assert_eq!(rows.len(), 1, "{}", s.name);
        }
        for row in text(rows) {
            assert_eq!(row.len(), s.columns.len(), "{}: {row:?}", s.name);
            for (cell, column) in row.iter().zip(&s.columns) {
                assert!(
                    reads_as(cell, column.value_type),
                    "{}: {}: {cell:?} in {row:?}",
                    s.name,
                    column.name
                );
            }
        }
    }
}

/// Whether a cell has the form that its type promises; an empty cell means "not known".
fn reads_as(cell: &str, value_type: ValueType) -> bool {
    if cell.is_empty() {
        return true;
    }
    match value_type {
        ValueType::Text | ValueType::Version => true,
        ValueType::Integer => cell.parse::<i128>().is_ok(),
        ValueType::Decimal => cell.parse::<f64>().is_ok(),
        ValueType::DataSize => cell.parse::<u128>().is_ok(),
        ValueType::Duration => cell
            .strip_suffix('s')
            .is_some_and(|seconds| seconds.parse::<u64>().is_ok()),
        ValueType::DateTime => cell.ends_with('Z') && cell.parse::<jiff::Timestamp>().is_ok(),
        ValueType::IpAddress => cell
            .split('%')
            .next()
            .is_some_and(|a| a.parse::<std::net::IpAddr>().is_ok()),
        ValueType::Hash => cell.bytes().all(|b| b.is_ascii_hexdigit()),
        ValueType::Boolean => matches!(cell, "True" | "False"),
    }
}

#[test]
fn every_sensor_has_a_page() {
    let catalogue = sensors::catalogue();
    for s in catalogue.sensors() {
        let page = sensors::docs::page(s);
        assert!(page.starts_with(&format!("# {}\n", s.name)), "{page}");
        assert!(page.contains(&s.example));
        for c in &s.columns {
            assert!(
                page.contains(&format!("| {} |", c.name)),
                "{}: {page}",
                c.name
            );
        }
        for p in &s.parameters {
            assert!(
                page.contains(&format!("| `{}` |", p.key)),
                "{}: {page}",
                p.key
            );
        }
        // Each line of a table has as many cells as its head.
        let mut width = None;
        for line in page.lines() {
            if line.starts_with('|') {
                let cells = line.replace("\\|", "").matches('|').count();
                assert_eq!(*width.get_or_insert(cells), cells, "{line}");
            } else {
                width = None;
            }
        }
    }
    let index = sensors::docs::index(catalogue.sensors());
    assert_eq!(index.matches("- **").count(), catalogue.sensors().len());
}
