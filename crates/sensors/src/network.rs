//! The machine on the network: interfaces, addresses, routes, names, neighbours, sockets.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as system;

#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "macos")]
use macos as system;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows as system;

#[cfg(target_os = "linux")]
mod interfaces;
#[cfg(target_os = "linux")]
mod sockets;

use crate::framework::{Entry, LARGE};
use question::catalogue::ValueType::{Integer, IpAddress, Text};
use question::catalogue::{Limits, Sensor};

/// The sensors of this family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Addresses,
    HardwareAddresses,
    Adapters,
    Routes,
    DnsServers,
    Hosts,
    Neighbours,
    Established,
    Listening,
    Connections,
}

/// Sensors of this family.
pub const SENSORS: &[Entry] = &[
    Entry {
        declare: ip_address,
        collect: |_, sink| system::collect(Kind::Addresses, sink),
    },
    Entry {
        declare: mac_address,
        collect: |_, sink| system::collect(Kind::HardwareAddresses, sink),
    },
    Entry {
        declare: network_adapters,
        collect: |_, sink| system::collect(Kind::Adapters, sink),
    },
    Entry {
        declare: ip_route_details,
        collect: |_, sink| system::collect(Kind::Routes, sink),
    },
    Entry {
        declare: dns_servers,
        collect: |_, sink| system::collect(Kind::DnsServers, sink),
    },
    Entry {
        declare: hosts_file_entries,
        collect: |_, sink| system::collect(Kind::Hosts, sink),
    },
    Entry {
        declare: arp_cache,
        collect: |_, sink| system::collect(Kind::Neighbours, sink),
    },
    Entry {
        declare: established_connections,
        collect: |_, sink| system::collect(Kind::Established, sink),
    },
    Entry {
        declare: listen_ports,
        collect: |_, sink| system::collect(Kind::Listening, sink),
    },
    Entry {
        declare: ip_connections,
        collect: |_, sink| system::collect(Kind::Connections, sink),
    },
];

const CATEGORY: &str = "Network";

/// Anybody who reaches the machine can make it have more sockets.
fn large() -> Limits {
    Limits {
        memory: LARGE,
        ..Limits::default()
    }
}

fn ip_address() -> Sensor {
    Sensor::new(
        "IP Address",
        CATEGORY,
        "Addresses of the machine, IPv4 and IPv6, without loopback.",
    )
    .column("IP Address", IpAddress, "The address.")
    .max_age(300)
    .example("Get Computer Name from all machines with any IP Address in (\"10.0.0.0/8\")")
}

fn mac_address() -> Sensor {
    Sensor::new(
        "MAC Address",
        CATEGORY,
        "Hardware addresses of the machine's network adapters, without loopback.",
    )
    .column(
        "MAC Address",
        Text,
        "Six pairs of hexadecimal digits, lower case.",
    )
    .max_age(300)
}

fn network_adapters() -> Sensor {
    Sensor::new(
        "Network Adapters",
        CATEGORY,
        "Network adapters, what they are set to and what went through them.",
    )
    .column("Name", Text, "Name of the adapter.")
    .column("State", Text, "`up`, `down`, or as the system says.")
    .column(
        "MAC Address",
        Text,
        "Hardware address; empty where there is none.",
    )
    .column("MTU", Integer, "Longest packet, in bytes.")
    .column(
        "Received",
        question::catalogue::ValueType::DataSize,
        "Bytes received since the adapter came up.",
    )
    .column(
        "Sent",
        question::catalogue::ValueType::DataSize,
        "Bytes sent since the adapter came up.",
    )
    .max_age(60)
}

fn ip_route_details() -> Sensor {
    Sensor::new(
        "IP Route Details",
        CATEGORY,
        "The main routing table, IPv4 and IPv6.",
    )
    .column("Destination", IpAddress, "Network.")
    .column(
        "Prefix",
        Integer,
        "Length of the network's prefix, in bits.",
    )
    .column(
        "Gateway",
        IpAddress,
        "Next hop; empty for a network that is reached directly.",
    )
    .column("Metric", Integer, "Cost.")
    .column("Interface", Text, "Adapter.")
    .max_age(60)
}

fn dns_servers() -> Sensor {
    Sensor::new(
        "DNS Servers",
        CATEGORY,
        "Name servers of the resolver's configuration.",
    )
    .column("DNS Server", IpAddress, "Address.")
    .max_age(300)
}

fn hosts_file_entries() -> Sensor {
    Sensor::new(
        "Hosts File Entries",
        CATEGORY,
        "Names in the hosts file, one row each.",
    )
    .column("Alias", Text, "The name.")
    .column("IP Address", IpAddress, "The address it stands for.")
    .max_age(300)
}

fn arp_cache() -> Sensor {
    Sensor::new(
        "ARP Cache",
        CATEGORY,
        "IPv4 neighbours that the machine has spoken with on its own networks.",
    )
    .column("IP Address", IpAddress, "Address of the neighbour.")
    .column(
        "MAC Address",
        Text,
        "Its hardware address; empty while it is not known.",
    )
    .column("Interface", Text, "Adapter.")
    .max_age(60)
}

fn established_connections() -> Sensor {
    Sensor::new("Established Connections", CATEGORY, "TCP connections that are established, by process and the other end.")
        .column("Process", Text, "Name of the process; empty when it could not be seen.")
        .column("Path", Text, "Its executable.")
        .column("Remote Address", IpAddress, "The other end.")
        .column("Remote Port", Integer, "Its port.")
        .max_age(60)
        .limits(large())
        .example("Get Established Connections having Established Connections:\"Remote Port\" = 4444 from all machines")
}

fn listen_ports() -> Sensor {
    Sensor::new("Listen Ports", CATEGORY, "Ports that processes wait on: TCP sockets that listen and UDP sockets without another end.")
        .column("Process", Text, "Name of the process; empty when it could not be seen.")
        .column("Path", Text, "Its executable.")
        .column("Protocol", Text, "`tcp` or `udp`.")
        .column("Local Address", IpAddress, "Address it waits on; all zeros for every address.")
        .column("Local Port", Integer, "Port.")
        .max_age(60)
        .limits(large())
        .example("Get Computer Name from all machines with any Listen Ports:\"Local Port\" = 22")
}

fn ip_connections() -> Sensor {
    Sensor::new(
        "IP Connections",
        CATEGORY,
        "Every TCP and UDP socket with its process.",
    )
    .column("Protocol", Text, "`tcp` or `udp`.")
    .column("Local Address", IpAddress, "Own address.")
    .column("Local Port", Integer, "Own port.")
    .column(
        "Remote Address",
        IpAddress,
        "The other end; all zeros when there is none.",
    )
    .column("Remote Port", Integer, "Its port.")
    .column(
        "State",
        Text,
        "State of the connection, as `ESTABLISHED` or `LISTEN`.",
    )
    .column(
        "PID",
        Integer,
        "Process id; empty when the process could not be seen.",
    )
    .column("Process", Text, "Its name.")
    .column("Path", Text, "Its executable.")
    .column("User", Text, "Owner of the socket.")
    .max_age(60)
    .limits(large())
    .alias("IP Connections with Process")
}
