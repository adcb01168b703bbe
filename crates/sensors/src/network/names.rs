//! Name servers and the hosts file: resolv.conf(5), what stands behind a resolver on the machine itself, hosts(5).

use crate::disk;
use crate::framework::{Notes, SensorError, Sink};
use crate::text::lines;
use std::collections::BTreeSet;
use std::path::Path;

/// The resolver's configuration.
const CONFIGURATION: &str = "/etc/resolv.conf";
/// Servers that systemd-resolved asks; programs may ask it without the other file (nss-resolve(8)).
const RESOLVED: &str = "/run/systemd/resolve/resolv.conf";
/// Servers that other resolvers on the machine ask, where the configuration names an address of its own.
const BEHIND: &[&str] = &[
    "/run/NetworkManager/no-stub-resolv.conf",
    "/run/NetworkManager/resolv.conf",
    "/run/dnsmasq/resolv.conf",
    "/run/resolvconf/resolv.conf",
    "/run/connman/resolv.conf",
];

/// Rows of `DNS Servers`: address and the file that names it.
pub fn servers(sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    let mut told = BTreeSet::new();
    let first = name_servers(&read(CONFIGURATION, &notes));
    let local = first.iter().any(|server| is_own(server));
    let mut files = vec![(CONFIGURATION, first)];
    let behind = [RESOLVED]
        .into_iter()
        .chain(BEHIND.iter().copied().filter(|_| local));
    files.extend(behind.map(|path| (path, name_servers(&read(path, &notes)))));
    for (path, servers) in files {
        for server in servers {
            if told.insert(server.clone()) {
                sink.push([server.as_slice(), path.as_bytes()])?;
            }
        }
    }
    Ok(())
}

/// Rows of `Hosts File Entries`.
pub fn hosts(sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    for (name, address) in host_entries(&read("/etc/hosts", &notes)) {
        sink.push([name, address])?;
    }
    Ok(())
}

fn read(path: &str, notes: &Notes) -> Vec<u8> {
    disk::read_if_there(Path::new(path), disk::CONFIG_MAX, notes).unwrap_or_default()
}

/// Whether an address is one of this machine's loopback network.
fn is_own(server: &[u8]) -> bool {
    let parsed = std::str::from_utf8(server)
        .ok()
        .and_then(|s| s.parse().ok());
    parsed.is_some_and(|address: std::net::IpAddr| address.is_loopback())
}

fn name_servers(bytes: &[u8]) -> Vec<Vec<u8>> {
    let words = |line: &[u8]| -> Option<Vec<u8>> {
        let mut words = line
            .split(u8::is_ascii_whitespace)
            .filter(|w| !w.is_empty());
        (words.next()? == b"nameserver").then(|| words.next().map(<[u8]>::to_vec))?
    };
    lines(bytes).filter_map(words).collect()
}

fn host_entries(bytes: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut entries = Vec::new();
    for line in lines(bytes) {
        let line = line.split(|b| *b == b'#').next().unwrap_or_default();
        let mut words = line
            .split(u8::is_ascii_whitespace)
            .filter(|w| !w.is_empty());
        let Some(address) = words.next() else {
            continue;
        };
        entries.extend(words.map(|name| (name.to_vec(), address.to_vec())));
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_files_keep_odd_bytes_and_skip_odd_lines() {
        let hosts =
            host_entries(b"127.0.0.1 localhost loop # 9.9.9.9 no\n\n#x\n10.0.0.1\n::1 \xff\n");
        assert_eq!(
            hosts,
            [
                (b"localhost".to_vec(), b"127.0.0.1".to_vec()),
                (b"loop".to_vec(), b"127.0.0.1".to_vec()),
                (b"\xff".to_vec(), b"::1".to_vec())
            ]
        );
        assert_eq!(
            name_servers(
                b"search x\nnameserver 9.9.9.9\n nameserver\t::1 # y\nnameserver\nnameserverx 1\n"
            ),
            [b"9.9.9.9".to_vec(), b"::1".to_vec()]
        );
    }
}
