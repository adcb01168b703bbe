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
mod connections;
#[cfg(target_os = "linux")]
mod interfaces;
#[cfg(target_os = "linux")]
mod links;
#[cfg(target_os = "linux")]
mod names;
#[cfg(target_os = "linux")]
mod neighbours;
#[cfg(target_os = "linux")]
mod netlink;
#[cfg(target_os = "linux")]
mod routes;
#[cfg(target_os = "linux")]
mod sockets;
#[cfg(target_os = "linux")]
mod spaces;
#[cfg(target_os = "linux")]
mod tables;

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
    Rules,
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
        collect: |r, sink| system::collect(Kind::Addresses, r, sink),
    },
    Entry {
        declare: mac_address,
        collect: |r, sink| system::collect(Kind::HardwareAddresses, r, sink),
    },
    Entry {
        declare: network_adapters,
        collect: |r, sink| system::collect(Kind::Adapters, r, sink),
    },
    Entry {
        declare: ip_route_details,
        collect: |r, sink| system::collect(Kind::Routes, r, sink),
    },
    Entry {
        declare: ip_rules,
        collect: |r, sink| system::collect(Kind::Rules, r, sink),
    },
    Entry {
        declare: dns_servers,
        collect: |r, sink| system::collect(Kind::DnsServers, r, sink),
    },
    Entry {
        declare: hosts_file_entries,
        collect: |r, sink| system::collect(Kind::Hosts, r, sink),
    },
    Entry {
        declare: arp_cache,
        collect: |r, sink| system::collect(Kind::Neighbours, r, sink),
    },
    Entry {
        declare: established_connections,
        collect: |r, sink| system::collect(Kind::Established, r, sink),
    },
    Entry {
        declare: listen_ports,
        collect: |r, sink| system::collect(Kind::Listening, r, sink),
    },
    Entry {
        declare: ip_connections,
        collect: |r, sink| system::collect(Kind::Connections, r, sink),
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

/// Where a socket is: the last columns of all that tell of sockets.
fn with_space(sensor: Sensor) -> Sensor {
    sensor
        .column(
            "Namespace",
            Text,
            "Network namespace, by the name it is mounted under or else its number; empty for the agent's own.",
        )
        .column(
            "Container",
            Text,
            "Container of the process, or of the namespace: its id, or its name where it has none; empty for the machine itself.",
        )
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
    .key("Name")
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
        "Routing tables, IPv4 and IPv6, with a row for each next hop. The kernel's own entries for the machine's addresses \
         are left out.",
    )
    .column("Destination", IpAddress, "Network.")
    .key("Destination")
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
    .column("Interface", Text, "Adapter; empty where packets are not sent on.")
    .column(
        "Type",
        Text,
        "`unicast`; `blackhole`, `unreachable`, `prohibit` or `throw` where packets are not sent on; or as `ip route` says.",
    )
    .column(
        "Table",
        Text,
        "`main`, `local`, `default`, or a number; rules choose the table (see IP Rules).",
    )
    .max_age(60)
}

fn ip_rules() -> Sensor {
    Sensor::new(
        "IP Rules",
        CATEGORY,
        "Rules of policy routing: which routing table is asked for which packets.",
    )
    .column("Family", Text, "`IPv4` or `IPv6`.")
    .column("Priority", Integer, "Rules are looked at from the lowest number on.")
    .column(
        "Selector",
        Text,
        "What packets it applies to, in the words of `ip rule`.",
    )
    .column(
        "Action",
        Text,
        "`lookup` of a table, `goto` another rule, `nop`, `blackhole`, `unreachable` or `prohibit`.",
    )
    .column(
        "Table",
        Text,
        "`main`, `local`, `default`, or a number (see IP Route Details).",
    )
    .max_age(60)
}

fn dns_servers() -> Sensor {
    Sensor::new(
        "DNS Servers",
        CATEGORY,
        "Name servers of the resolver's configuration, and those that a resolver on the machine itself asks.",
    )
    .column("DNS Server", IpAddress, "Address.")
    .column("Path", Text, "File that names it.")
    .max_age(300)
}

fn hosts_file_entries() -> Sensor {
    Sensor::new(
        "Hosts File Entries",
        CATEGORY,
        "Names in the hosts file, one row each.",
    )
    .column("Alias", Text, "The name.")
    .key("Alias")
    .column("IP Address", IpAddress, "The address it stands for.")
    .max_age(300)
}

fn arp_cache() -> Sensor {
    Sensor::new(
        "ARP Cache",
        CATEGORY,
        "IPv4 neighbours that the machine has spoken with, or tried to, on its own networks.",
    )
    .column("IP Address", IpAddress, "Address of the neighbour.")
    .key("IP Address")
    .column(
        "MAC Address",
        Text,
        "Its hardware address; empty while it is not known.",
    )
    .column("Interface", Text, "Adapter.")
    .column(
        "State",
        Text,
        "`reachable`, `stale`, `delay`, `probe`, `permanent`, `incomplete`, `failed`, or `proxy`.",
    )
    .parameter(
        "Entries",
        Text,
        Some("Neighbours"),
        &["Neighbours", "Proxies"],
        "Neighbours, or the addresses of others that this machine answers for.",
    )
    .max_age(60)
}

fn established_connections() -> Sensor {
    let sensor = Sensor::new("Established Connections", CATEGORY, "TCP connections that are established, in every network namespace, by process and the other end.")
        .column("Process", Text, "Name of the process; empty when it could not be seen.")
        .column("Path", Text, "Its executable.")
        .column("Remote Address", IpAddress, "The other end.")
        .column("Remote Port", Integer, "Its port.");
    with_space(sensor)
        .max_age(60)
        .limits(large())
        .key("Remote Address")
        .example("Get Established Connections having Established Connections:\"Remote Port\" = 4444 from all machines")
}

fn listen_ports() -> Sensor {
    let sensor = Sensor::new("Listen Ports", CATEGORY, "Ports that processes wait on, in every network namespace: TCP sockets that listen and UDP sockets without another end. A socket that several processes hold is told for each.")
        .column("Process", Text, "Name of the process; empty when it could not be seen.")
        .column("Path", Text, "Its executable.")
        .column("Protocol", Text, "`tcp`, `udp`, `udplite`, or `mptcp` beside the `tcp` of a socket of multipath TCP.")
        .column("Local Address", IpAddress, "Address it waits on; all zeros for every address.")
        .column("Local Port", Integer, "Port.");
    with_space(sensor)
        .max_age(60)
        .limits(large())
        .key("Local Port")
        .example("Get Computer Name from all machines with any Listen Ports:\"Local Port\" = 22")
}

fn ip_connections() -> Sensor {
    let sensor = Sensor::new(
        "IP Connections",
        CATEGORY,
        "Every socket of every network namespace with its process: those of TCP, UDP and their likes, raw and packet \
         sockets, sockets between processes and with the kernel. One that several processes hold has a row for each.",
    )
    .column(
        "Protocol",
        Text,
        "`tcp`, `mptcp`, `udp`, `udplite`, `raw`, `icmp`, `packet`, `unix` or `netlink`.",
    )
    .column("Local Address", IpAddress, "Own address; empty for protocols without.")
    .column("Local Port", Integer, "Own port; empty for protocols without.")
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
    .column(
        "User",
        Text,
        "Owner of the socket; empty where the system does not tell, as for connections that are closed.",
    )
    .column(
        "Name",
        Text,
        "What it is bound to beside addresses: path of a `unix` socket (`@` begins one without a file), what a `packet` \
         socket listens to, protocol of a `raw` or `netlink` one.",
    );
    with_space(sensor)
        .max_age(60)
        .limits(large())
        .alias("IP Connections with Process")
}
