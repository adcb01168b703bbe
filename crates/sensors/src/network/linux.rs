//! The machine on the network, on Linux: `/proc/net`, `/sys/class/net`, getifaddrs(3), resolv.conf(5), hosts(5).

use super::Kind;
use super::interfaces::addresses;
use super::sockets::{Holder, holders, sockets};
use crate::disk;
use crate::framework::{SensorError, Sink};
use crate::owners::Owners;
use crate::text::lines;
use std::collections::BTreeSet;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};

pub fn collect(kind: Kind, sink: &mut Sink) -> Result<(), SensorError> {
    match kind {
        Kind::Addresses => {
            let all = addresses().map_err(|source| SensorError::Read {
                what: "interface addresses".into(),
                source,
            })?;
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
            let own: BTreeSet<_> = adapters()?
                .iter()
                .map(|a| fact(a, "address"))
                .filter(|a| is_hardware(a))
                .collect();
            for address in own {
                sink.push([address])?;
            }
        }
        Kind::Adapters => {
            for adapter in adapters()? {
                let hardware = fact(&adapter, "address");
                let hardware = if is_hardware(&hardware) {
                    hardware
                } else {
                    Vec::new()
                };
                sink.push([
                    disk::cell(Path::new(adapter.file_name().unwrap_or_default())),
                    fact(&adapter, "operstate"),
                    hardware,
                    fact(&adapter, "mtu"),
                    fact(&adapter, "statistics/rx_bytes"),
                    fact(&adapter, "statistics/tx_bytes"),
                ])?;
            }
        }
        Kind::Routes => routes(sink)?,
        Kind::DnsServers => {
            for server in name_servers(&configuration("/etc/resolv.conf")?) {
                sink.push([server])?;
            }
        }
        Kind::Hosts => {
            for (name, address) in host_entries(&configuration("/etc/hosts")?) {
                sink.push([name, address])?;
            }
        }
        Kind::Neighbours => {
            let entries = procfs::net::arp().map_err(|e| SensorError::Form {
                what: "/proc/net/arp".into(),
                problem: e.to_string(),
            })?;
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

fn configuration(path: &str) -> Result<Vec<u8>, SensorError> {
    Ok(disk::read_if_there(Path::new(path), disk::CONFIG_MAX)?.unwrap_or_default())
}

fn adapters() -> Result<Vec<PathBuf>, SensorError> {
    let all = disk::list(Path::new("/sys/class/net"))?;
    Ok(all.into_iter().filter(|p| p.is_dir()).collect())
}

/// One fact of an adapter; empty when it is gone or has none.
fn fact(adapter: &Path, name: &str) -> Vec<u8> {
    std::fs::read(adapter.join(name))
        .map(|b| b.trim_ascii().to_vec())
        .unwrap_or_default()
}

fn is_hardware(address: &[u8]) -> bool {
    address.len() == 17 && address != b"00:00:00:00:00:00"
}

fn connections(kind: Kind, sink: &mut Sink) -> Result<(), SensorError> {
    let holders = holders(sink)?;
    let owners = Owners::read();
    let nobody = Holder::default();
    let mut seen = BTreeSet::new();
    for socket in sockets()? {
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
            sink.push(row)?;
        }
    }
    Ok(())
}

fn routes(sink: &mut Sink) -> Result<(), SensorError> {
    let table = procfs::net::route().map_err(|e| SensorError::Form {
        what: "/proc/net/route".into(),
        problem: e.to_string(),
    })?;
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
    let Some(bytes) = disk::read_if_there(Path::new("/proc/net/ipv6_route"), disk::CONFIG_MAX)?
    else {
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
