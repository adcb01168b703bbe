//! The machine on the network, on Linux: `/proc/net`, `/sys/class/net`, getifaddrs(3), resolv.conf(5), hosts(5).

use super::Kind;
use super::interfaces::addresses;
use super::sockets::{Holder, holders, sockets};
use crate::disk;
use crate::framework::{Notes, SensorError, Sink};
use crate::owners::Owners;
use crate::processes::walk::failed;
use crate::text::lines;
use std::collections::BTreeSet;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};

pub fn collect(kind: Kind, sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    match kind {
        Kind::Addresses => {
            let all = addresses().map_err(|e| SensorError::reading("interface addresses", e))?;
            let own: BTreeSet<_> = all
                .into_iter()
                .map(|(_, address)| address)
                .filter(|a| !a.is_loopback())
                .collect();
            for address in own {
                sink.push([address.to_string()])?;
            }
        }
        Kind::HardwareAddresses => {
            let own: BTreeSet<_> = adapters(&notes)?
                .iter()
                .map(|a| fact(a, "address", &notes))
                .filter(|a| is_hardware(a))
                .collect();
            for address in own {
                sink.push([address])?;
            }
        }
        Kind::Adapters => {
            for adapter in adapters(&notes)? {
                let fact = |name: &str| fact(&adapter, name, &notes);
                let hardware = fact("address");
                let hardware = if is_hardware(&hardware) {
                    hardware
                } else {
                    Vec::new()
                };
                sink.push([
                    disk::cell(Path::new(adapter.file_name().unwrap_or_default())),
                    fact("operstate"),
                    hardware,
                    fact("mtu"),
                    fact("statistics/rx_bytes"),
                    fact("statistics/tx_bytes"),
                ])?;
            }
        }
        Kind::Routes => routes(sink)?,
        Kind::DnsServers => {
            for server in name_servers(&configuration("/etc/resolv.conf", &notes)) {
                sink.push([server])?;
            }
        }
        Kind::Hosts => {
            for (name, address) in host_entries(&configuration("/etc/hosts", &notes)) {
                sink.push([name, address])?;
            }
        }
        Kind::Neighbours => {
            let entries = procfs::net::arp().map_err(|e| failed("/proc/net/arp", e))?;
            for entry in entries {
                let hardware = entry
                    .hw_address
                    .map(|a| a.map(|b| format!("{b:02x}")).join(":"))
                    .unwrap_or_default();
                sink.push([entry.ip_address.to_string(), hardware, entry.device])?;
            }
        }
        Kind::Established | Kind::Listening | Kind::Connections => connections(kind, sink)?,
    }
    Ok(())
}

fn configuration(path: &str, notes: &Notes) -> Vec<u8> {
    disk::read_if_there(Path::new(path), disk::CONFIG_MAX, notes).unwrap_or_default()
}

fn adapters(notes: &Notes) -> Result<Vec<PathBuf>, SensorError> {
    let all = disk::list_needed(Path::new("/sys/class/net"), notes)?;
    Ok(all
        .into_iter()
        .filter(|p| disk::is_folder(p, notes))
        .collect())
}

/// One fact of an adapter; empty when it is gone or has none.
fn fact(adapter: &Path, name: &str, notes: &Notes) -> Vec<u8> {
    let path = adapter.join(name);
    match disk::start_of(&path, 4096, notes) {
        Some(bytes) => bytes.trim_ascii().to_vec(),
        None => Vec::new(),
    }
}

fn is_hardware(address: &[u8]) -> bool {
    address.len() == 17 && address != b"00:00:00:00:00:00"
}

fn connections(kind: Kind, sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    // What could not be looked at only matters when a socket is left without its process.
    let unseen = Notes::default();
    let holders = holders(sink, &unseen)?;
    let owners = Owners::read(&notes);
    let nobody = Holder::default();
    let mut seen = BTreeSet::new();
    let mut without = 0_u64;
    for socket in sockets(&notes)? {
        let holder = holders.get(&socket.inode).unwrap_or(&nobody);
        let wanted = match kind {
            Kind::Established => socket.protocol == "tcp" && socket.state == "ESTABLISHED",
            Kind::Listening => {
                socket.state == "LISTEN" || (socket.protocol == "udp" && socket.remote.port() == 0)
            }
            _ => true,
        };
        if !wanted {
            continue;
        }
        // Sockets that no process has open any more have no inode.
        let whole = !holder.name.is_empty() && !holder.path.is_empty();
        without += u64::from(socket.inode != 0 && !whole);
        let text = |address: std::net::IpAddr| address.to_string().into_bytes();
        let port = |port: u16| port.to_string().into_bytes();
        let row = match kind {
            Kind::Established => vec![
                holder.name.clone(),
                holder.path.clone(),
                text(socket.remote.ip()),
                port(socket.remote.port()),
            ],
            Kind::Listening => {
                vec![
                    holder.name.clone(),
                    holder.path.clone(),
                    socket.protocol.into(),
                    text(socket.local.ip()),
                    port(socket.local.port()),
                ]
            }
            _ => vec![
                socket.protocol.into(),
                text(socket.local.ip()),
                port(socket.local.port()),
                text(socket.remote.ip()),
                port(socket.remote.port()),
                socket.state.into_bytes(),
                holder.pid.clone().into_bytes(),
                holder.name.clone(),
                holder.path.clone(),
                owners.user(socket.user),
            ],
        };
        // Two connections to the same other end are one fact for the fleet, but two for one machine.
        if kind == Kind::Connections || seen.insert(row.clone()) {
            let pushed = sink.push(row);
            if let Err(hit) = pushed {
                note_unseen(&notes, &unseen, without);
                return Err(hit.into());
            }
        }
    }
    note_unseen(&notes, &unseen, without);
    Ok(())
}

/// Tells what kept sockets without their process.
fn note_unseen(notes: &Notes, unseen: &Notes, without: u64) {
    let problems = unseen.problems();
    if without == 0 || problems.is_empty() {
        return;
    }
    let denied = problems.iter().any(SensorError::is_denied);
    notes.add(SensorError::Several {
        denied,
        words: format!("{without} sockets are shown without their process or its executable"),
    });
    for problem in problems {
        notes.add(problem);
    }
}

fn routes(sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    let table = procfs::net::route().map_err(|e| failed("/proc/net/route", e))?;
    for route in table {
        let gateway = if route.gateway.is_unspecified() {
            String::new()
        } else {
            route.gateway.to_string()
        };
        let prefix = u32::from(route.mask).count_ones().to_string();
        sink.push([
            route.destination.to_string(),
            prefix,
            gateway,
            route.metrics.to_string(),
            route.iface,
        ])?;
    }
    let path = Path::new("/proc/net/ipv6_route");
    let Some(bytes) = disk::read_if_there(path, disk::CONFIG_MAX, &notes) else {
        return Ok(());
    };
    for row in lines(&bytes).filter_map(route_v6) {
        sink.push(row)?;
    }
    Ok(())
}

/// A line of `/proc/net/ipv6_route`: destination, prefix, source, prefix, next hop, metric, counts, flags, device. Local and
/// unreachable entries are the kernel's own.
fn route_v6(line: &[u8]) -> Option<[Vec<u8>; 5]> {
    const UP: u32 = 0x1;
    const REJECT: u32 = 0x200;
    const LOCAL: u32 = 0x8000_0000;
    let text = std::str::from_utf8(line).ok()?;
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    let address = |at: usize| {
        u128::from_str_radix(fields.get(at)?, 16)
            .ok()
            .map(Ipv6Addr::from)
    };
    let number = |at: usize| u32::from_str_radix(fields.get(at)?, 16).ok();
    let flags = number(8)?;
    if flags & UP == 0 || flags & (REJECT | LOCAL) != 0 {
        return None;
    }
    let (destination, gateway) = (address(0)?, address(4)?);
    let gateway = if gateway.is_unspecified() {
        String::new()
    } else {
        gateway.to_string()
    };
    Some(
        [
            destination.to_string(),
            number(1)?.to_string(),
            gateway,
            number(5)?.to_string(),
            (*fields.get(9)?).to_owned(),
        ]
        .map(String::into_bytes),
    )
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

    #[test]
    fn routes_of_version_six_are_read_and_the_kernels_own_left_out() {
        let line = |flags: &str| {
            format!(
                "20010db8000000000000000000000000 20 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 {flags}     eth0"
            )
        };
        let row = route_v6(line("00000003").as_bytes()).expect("a route");
        assert_eq!(
            row.map(|c| String::from_utf8(c).expect("text")),
            ["2001:db8::", "32", "fe80::1", "1024", "eth0"]
        );
        assert!(route_v6(line("80200001").as_bytes()).is_none());
        assert!(route_v6(b"odd").is_none());
    }
}
