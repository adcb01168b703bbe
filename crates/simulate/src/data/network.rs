//! Addresses and connections. Addresses outside the fleet are from the ranges reserved for documentation.

use super::processes::odd_program;
use super::{Asked, Record, last_part, part};
use crate::machine::{Machine, Role, System};

fn address(machine: &Machine) -> String {
    let n = machine.n;
    format!("10.{}.{}.{}", 20 + (n >> 16), n >> 8 & 0xFF, n & 0xFF)
}

fn hardware(machine: &Machine) -> String {
    let own = machine.own(50).to_be_bytes();
    // Locally administered.
    format!(
        "02:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}",
        own[0], own[1], own[2], own[3], own[4]
    )
}

pub(super) fn ip_address(asked: &Asked<'_>) -> Vec<Record> {
    let mut addresses = vec![address(asked.machine)];
    if asked.machine.own(51).is_multiple_of(3) {
        addresses.push(format!("2001:db8:20::{:x}", asked.machine.n + 1));
    }
    addresses
        .into_iter()
        .map(|address| vec![("IP Address", address)])
        .collect()
}

pub(super) fn mac_address(asked: &Asked<'_>) -> Vec<Record> {
    vec![vec![("MAC Address", hardware(asked.machine))]]
}

pub(super) fn dns_servers(asked: &Asked<'_>) -> Vec<Record> {
    let servers: &[&str] = match asked.machine.role() {
        Role::Workstation => &["10.20.0.53"],
        _ => &["10.20.0.53", "10.21.0.53"],
    };
    servers
        .iter()
        .map(|server| {
            let path = match asked.machine.system() {
                System::Linux => "/etc/resolv.conf",
                System::Windows | System::MacOs => "",
            };
            vec![
                ("DNS Server", (*server).to_owned()),
                ("Path", path.to_owned()),
            ]
        })
        .collect()
}

/// Port, program and its path.
fn listeners(machine: &Machine) -> Vec<(u16, &'static str, &'static str)> {
    let mut list = match machine.system() {
        System::Linux => vec![(22, "sshd", "/usr/sbin/sshd")],
        System::Windows => vec![
            (135, "svchost.exe", "C:\\Windows\\System32\\svchost.exe"),
            (445, "System", ""),
            (3389, "svchost.exe", "C:\\Windows\\System32\\svchost.exe"),
        ],
        System::MacOs => vec![(
            7000,
            "ControlCenter",
            "/System/Library/CoreServices/ControlCenter.app/Contents/MacOS/ControlCenter",
        )],
    };
    match (machine.system(), machine.role()) {
        (System::Linux, Role::Web) => list.extend([
            (80, "nginx", "/usr/sbin/nginx"),
            (443, "nginx", "/usr/sbin/nginx"),
        ]),
        (System::Linux, Role::Database) => {
            list.push((5432, "postgres", "/usr/lib/postgresql/16/bin/postgres"));
        }
        (System::Linux, Role::Containers) => list.extend([
            (10250, "kubelet", "/usr/bin/kubelet"),
            (10256, "kube-proxy", "/usr/local/bin/kube-proxy"),
        ]),
        (System::Windows, Role::Web) => list.push((443, "System", "")),
        (System::Windows, Role::Directory) => list.extend([
            (53, "dns.exe", "C:\\Windows\\System32\\dns.exe"),
            (88, "lsass.exe", "C:\\Windows\\System32\\lsass.exe"),
            (389, "lsass.exe", "C:\\Windows\\System32\\lsass.exe"),
        ]),
        _ => {}
    }
    if machine.planted.odd_port {
        let path = odd_program(machine.system());
        list.push((31337, last_part(path), path));
    }
    list
}

pub(super) fn listen_ports(asked: &Asked<'_>) -> Vec<Record> {
    listeners(asked.machine)
        .into_iter()
        .map(|(port, process, path)| {
            vec![
                ("Process", process.to_owned()),
                ("Path", path.to_owned()),
                ("Protocol", "tcp".to_owned()),
                ("Local Address", "0.0.0.0".to_owned()),
                ("Local Port", port.to_string()),
                ("Namespace", String::new()),
                ("Container", String::new()),
            ]
        })
        .collect()
}

pub(super) fn established(asked: &Asked<'_>) -> Vec<Record> {
    let machine = asked.machine;
    let row = |path: &str, remote: String, port: u64| {
        vec![
            ("Process", last_part(path).to_owned()),
            ("Path", path.to_owned()),
            ("Remote Address", remote),
            ("Remote Port", port.to_string()),
            ("Namespace", String::new()),
            ("Container", String::new()),
        ]
    };
    // The port of whoever connected to this machine.
    let port = |purpose| part(machine, purpose, 32_768, 60_999);
    let (own, browser, remote_shell) = match machine.system() {
        System::Linux => (
            "/usr/bin/cordon",
            "/usr/lib64/firefox/firefox",
            "/usr/sbin/sshd",
        ),
        System::Windows => (
            "C:\\Program Files\\Cordon\\cordon.exe",
            "C:\\Program Files\\Mozilla Firefox\\firefox.exe",
            "C:\\Windows\\System32\\svchost.exe",
        ),
        System::MacOs => (
            "/usr/local/bin/cordon",
            "/Applications/Firefox.app/Contents/MacOS/firefox",
            "/usr/sbin/sshd",
        ),
    };
    let mut rows = vec![row(own, "10.20.0.10".to_owned(), 17_472)];
    match (machine.system(), machine.role()) {
        (System::Linux, Role::Web) => {
            rows.push(row("/usr/sbin/php-fpm8.3", "10.20.4.7".to_owned(), 5432));
            for purpose in 62..62 + machine.own(62) % 6 {
                let guest = format!("198.51.100.{}", part(machine, purpose, 1, 255));
                rows.push(row("/usr/sbin/nginx", guest, port(purpose)));
            }
        }
        (_, Role::Workstation) => {
            for purpose in 62..64 + machine.own(62) % 5 {
                let site = format!("203.0.113.{}", part(machine, purpose, 1, 40));
                rows.push(row(browser, site, 443));
            }
        }
        (_, Role::Containers) => {
            rows.push(row("/usr/bin/kubelet", "10.20.5.1".to_owned(), 6443));
        }
        _ => rows.push(row(remote_shell, "10.20.0.40".to_owned(), port(61))),
    }
    if machine.planted.odd_port {
        let path = odd_program(machine.system());
        rows.push(row(path, "203.0.113.66".to_owned(), 4444));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::super::processes::processes;
    use super::*;
    use crate::machine::Planted;

    #[test]
    fn who_listens_or_is_connected_runs_there() {
        for n in 0..400 {
            let mut machine = Machine::new(3, n);
            machine.planted = Planted {
                odd_port: n % 2 == 0,
                ..Planted::default()
            };
            let running = processes(&machine);
            let runs = |name: &str, path: &str| {
                let mut running = running.iter();
                running.any(|process| process.name == name && process.path == path)
            };
            for (port, name, path) in listeners(&machine) {
                assert!(
                    runs(name, path),
                    "{name} listens on {port} at {}",
                    machine.hostname()
                );
            }
            let rows = established(&Asked {
                machine: &machine,
                parameters: &[],
                now: 1_800_000_000,
            });
            for row in rows {
                let (name, path) = (&row[0].1, &row[1].1);
                assert!(
                    runs(name, path),
                    "{name} is connected at {}",
                    machine.hostname()
                );
            }
        }
    }
}
