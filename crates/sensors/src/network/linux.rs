//! The machine on the network, on Linux: `/sys/class/net`, getifaddrs(3), and what the modules beside this one read.

use super::interfaces::addresses;
use super::{Kind, connections, names, neighbours, routes};
use crate::disk;
use crate::framework::{Notes, Request, SensorError, Sink};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub fn collect(kind: Kind, request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
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
        Kind::Routes => routes::routes(sink)?,
        Kind::Rules => routes::rules(sink)?,
        Kind::DnsServers => names::servers(sink)?,
        Kind::Hosts => names::hosts(sink)?,
        Kind::Neighbours => neighbours::neighbours(request, sink)?,
        Kind::Established | Kind::Listening | Kind::Connections => {
            connections::collect(kind, sink)?
        }
    }
    Ok(())
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
