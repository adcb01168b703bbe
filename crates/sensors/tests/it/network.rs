//! The machine on the network, against `ip`, `ss` and sockets that the tests open themselves.

use crate::ask::{rows, tool};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::{Ipv6Addr, TcpListener, TcpStream, UdpSocket};

fn ip(arguments: &[&str]) -> Vec<Value> {
    let output = tool("ip", &[&["-json"], arguments].concat());
    if output.trim_ascii().is_empty() {
        Vec::new()
    } else {
        serde_json::from_slice(&output).expect("JSON")
    }
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

#[test]
fn addresses_agree_with_ip() {
    let found: BTreeSet<String> = rows("IP Address", &[])
        .into_iter()
        .map(|r| r[0].clone())
        .collect();
    let expected: BTreeSet<String> = ip(&["address"])
        .iter()
        .flat_map(|link| link["addr_info"].as_array().cloned().unwrap_or_default())
        .map(|address| text(&address, "local"))
        .filter(|a| {
            !a.parse::<std::net::IpAddr>()
                .expect("an address")
                .is_loopback()
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn adapters_agree_with_ip() {
    let mut found: Vec<[String; 3]> = rows("Network Adapters", &[])
        .into_iter()
        .map(|r| [r[0].clone(), r[1].clone(), r[3].clone()])
        .collect();
    let mut expected: Vec<[String; 3]> = ip(&["link"])
        .iter()
        .map(|l| {
            [
                text(l, "ifname"),
                text(l, "operstate").to_lowercase(),
                l["mtu"].to_string(),
            ]
        })
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    let found: BTreeSet<String> = rows("MAC Address", &[])
        .into_iter()
        .map(|r| r[0].clone())
        .collect();
    let expected: BTreeSet<String> = ip(&["link"])
        .iter()
        .map(|l| text(l, "address"))
        .filter(|a| a.len() == 17 && a != "00:00:00:00:00:00")
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn routes_agree_with_ip() {
    let found: BTreeSet<[String; 2]> = rows("IP Route Details", &[])
        .into_iter()
        .filter(|r| !r[0].contains(':') && r[6] == "main")
        .map(|r| [format!("{}/{}", r[0], r[1]), r[4].clone()])
        .collect();
    let expected: BTreeSet<[String; 2]> = ip(&["-4", "route"])
        .iter()
        .map(|route| {
            let to = text(route, "dst");
            let to = if to == "default" {
                "0.0.0.0/0".to_owned()
            } else if to.contains('/') {
                to
            } else {
                format!("{to}/32")
            };
            [to, text(route, "dev")]
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn neighbours_agree_with_ip() {
    let found: BTreeSet<String> = rows("ARP Cache", &[])
        .into_iter()
        .filter(|r| !r[1].is_empty())
        .map(|r| r[0].clone())
        .collect();
    let expected: BTreeSet<String> = ip(&["-4", "neigh"])
        .iter()
        .filter(|n| n["lladdr"].is_string())
        .map(|n| text(n, "dst"))
        .collect();
    assert!(expected.is_subset(&found), "{expected:?} {found:?}");
}

#[test]
fn own_sockets_are_found_with_their_process() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    let client = TcpStream::connect(("127.0.0.1", port)).expect("connected");
    let six = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).expect("a listener");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let own = std::process::id().to_string();
    let path = std::env::current_exe()
        .expect("a path")
        .display()
        .to_string();

    let all = rows("IP Connections", &[]);
    let state = |local: u16, remote: u16| {
        let row = all
            .iter()
            .find(|r| r[2] == local.to_string() && r[4] == remote.to_string())
            .unwrap_or_else(|| panic!("{local} {remote}: {all:?}"));
        assert_eq!((&row[6], &row[8]), (&own, &path), "{row:?}");
        (row[0].clone(), row[5].clone())
    };
    let (tcp, theirs) = (
        "tcp".to_owned(),
        client.local_addr().expect("an address").port(),
    );
    assert_eq!(state(port, 0), (tcp.clone(), "LISTEN".into()));
    assert_eq!(state(theirs, port), (tcp.clone(), "ESTABLISHED".into()));
    assert_eq!(
        state(six.local_addr().expect("an address").port(), 0),
        (tcp, "LISTEN".into())
    );
    assert_eq!(
        state(udp.local_addr().expect("an address").port(), 0).0,
        "udp"
    );

    let listening = rows("Listen Ports", &[]);
    assert!(
        listening.iter().any(|r| r[1] == path
            && r[2] == "tcp"
            && r[3] == "127.0.0.1"
            && r[4] == port.to_string()),
        "{listening:?}"
    );
    assert!(
        listening
            .iter()
            .any(|r| r[1] == path && r[2] == "tcp" && r[3] == "::1"),
        "{listening:?}"
    );
    let established = rows("Established Connections", &[]);
    assert!(
        established
            .iter()
            .any(|r| r[1] == path && r[2] == "127.0.0.1" && r[3] == port.to_string()),
        "{established:?}"
    );
}

#[test]
fn listening_ports_agree_with_ss() {
    let _listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let ports = || -> BTreeSet<String> {
        rows("Listen Ports", &[])
            .into_iter()
            .filter(|r| r[2] == "tcp" && r[5].is_empty())
            .map(|r| r[4].clone())
            .collect()
    };
    // Other tests open and close ports meanwhile: only what was there before and after must be there in between.
    let before = ports();
    let output = String::from_utf8(tool(
        "ss",
        &["--tcp", "--listening", "--numeric", "--no-header"],
    ))
    .expect("text");
    let told: BTreeSet<String> = output
        .lines()
        .filter_map(|l| {
            l.split_whitespace()
                .nth(3)?
                .rsplit_once(':')
                .map(|(_, port)| port.to_owned())
        })
        .collect();
    let after = ports();
    assert!(
        before.intersection(&after).all(|p| told.contains(p)),
        "{before:?} {told:?}"
    );
    assert!(!told.is_empty());
}

#[test]
fn names_agree_with_the_files() {
    let found = rows("Hosts File Entries", &[]);
    assert!(found.iter().any(|r| r[0] == "localhost"), "{found:?}");
    let servers: Vec<String> = rows("DNS Servers", &[])
        .into_iter()
        .filter(|r| r[1] == "/etc/resolv.conf")
        .map(|r| r[0].clone())
        .collect();
    let file = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let expected: Vec<String> = file
        .lines()
        .filter_map(|l| l.trim_start().strip_prefix("nameserver"))
        .map(|l| l.trim().to_owned())
        .collect();
    assert_eq!(servers, expected);
}
