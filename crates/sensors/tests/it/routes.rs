//! Routes, rules and neighbours against `ip`, in a network namespace with some of each kind.
#![cfg(target_os = "linux")]

use crate::ask::{rows, tool};
use crate::support::in_own_network;
use serde_json::Value;
use std::collections::BTreeSet;

fn ip(arguments: &str) -> Vec<Value> {
    let words: Vec<&str> = arguments.split(' ').collect();
    let output = tool("ip", &words);
    if output.trim_ascii().is_empty() {
        Vec::new()
    } else {
        serde_json::from_slice(&output).expect("JSON")
    }
}

fn make(commands: &[&str]) {
    for command in commands {
        let words: Vec<&str> = command.split(' ').collect();
        tool("ip", &words);
    }
}

fn networks() {
    make(&[
        "link set lo up",
        "link add d0 type veth peer name p0",
        "link add d1 type veth peer name p1",
        "address add 198.51.100.5/24 dev d0",
        "address add 198.51.101.5/24 dev d1",
        "link set d0 up",
        "link set p0 up",
        "link set d1 up",
        "link set p1 up",
    ]);
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Destination with its prefix, next hop, adapter, kind and table of everything that `ip route` tells.
fn told(family: &str) -> BTreeSet<[String; 5]> {
    let mut told = BTreeSet::new();
    for route in ip(&format!("-json -d {family} route show table all")) {
        let table = match text(&route["table"]).as_str() {
            "" => "main".to_owned(),
            other => other.to_owned(),
        };
        if table == "local" && route["protocol"] == "kernel" {
            continue;
        }
        let length = if family == "-6" { 128 } else { 32 };
        let to = match text(&route["dst"]).as_str() {
            "default" if family == "-6" => "::/0".to_owned(),
            "default" => "0.0.0.0/0".to_owned(),
            net if net.contains('/') => net.to_owned(),
            one => format!("{one}/{length}"),
        };
        let kind = match text(&route["type"]).as_str() {
            "" => "unicast".to_owned(),
            other => other.to_owned(),
        };
        let hops = match route["nexthops"].as_array() {
            Some(hops) => hops.clone(),
            None => vec![route.clone()],
        };
        for hop in hops {
            let gateway = match hop["via"]["host"].as_str() {
                Some(via) => via.to_owned(),
                None => text(&hop["gateway"]),
            };
            told.insert([
                to.clone(),
                gateway,
                text(&hop["dev"]),
                kind.clone(),
                table.clone(),
            ]);
        }
    }
    told
}

#[test]
fn routes_of_every_kind_and_table_agree_with_ip() {
    in_own_network(|| {
        networks();
        make(&[
            "route add 10.9.0.0/16 nexthop via 198.51.100.1 dev d0 nexthop via 198.51.101.1 dev d1",
            "route add blackhole 10.66.0.0/16",
            "route add unreachable 10.67.0.0/16 metric 7",
            "route add prohibit 10.68.0.0/16",
            "route add throw 10.69.0.0/16 table 77",
            "route add 10.70.0.0/16 via 198.51.100.9 table 100",
            "route add 10.71.0.0/16 via inet6 fe80::1 dev d0",
            "route add local 10.72.0.0/16 dev lo",
            "route add default via 198.51.100.1",
            "-6 route add blackhole 2001:db8:2::/48",
            "-6 route add 2001:db8:3::/48 nexthop via fe80::1 dev d0 nexthop via fe80::1 dev d1",
            "-6 route add 2001:db8:4::/48 via fe80::2 dev d1 table 300",
            "nexthop add id 1 via 198.51.100.1 dev d0",
            "nexthop add id 2 via 198.51.101.1 dev d1",
            "nexthop add id 3 group 1/2",
        ]);
        let seen = || -> BTreeSet<[String; 5]> {
            rows("IP Route Details", &[])
                .into_iter()
                .map(|r| {
                    let [to, prefix, gateway, _, adapter, kind, table] = r.try_into().unwrap();
                    [format!("{to}/{prefix}"), gateway, adapter, kind, table]
                })
                .collect()
        };
        let expected: BTreeSet<_> = told("-4").union(&told("-6")).cloned().collect();
        assert!(expected.len() > 14, "{expected:?}");
        assert_eq!(seen(), expected);
        // A next hop that is an object of its own.
        make(&["route add 10.73.0.0/16 nhid 3"]);
        let hops: Vec<_> = seen()
            .into_iter()
            .filter(|r| r[0] == "10.73.0.0/16")
            .collect();
        assert_eq!(hops.len(), 2, "{hops:?}");
    });
}

#[test]
fn rules_agree_with_ip() {
    in_own_network(|| {
        make(&[
            "rule add to 10.70.0.0/16 table 100",
            "rule add not from 10.0.0.0/8 fwmark 0x5/0xff iif lo uidrange 5-9 dport 22-30 table 77",
            "rule add from 192.0.2.0/24 blackhole",
            "rule add priority 5 goto 32766",
            "rule add priority 6 from all oif lo suppress_prefixlength 0 table main",
            "-6 rule add from 2001:db8::/32 prohibit",
        ]);
        let seen: BTreeSet<[String; 3]> = rows("IP Rules", &[])
            .into_iter()
            .map(|r| {
                let [family, number, words, action, table] = r.try_into().unwrap();
                let does = format!("{words} {action} {table}");
                [family, number, does.trim().to_owned()]
            })
            .collect();
        let mut expected = BTreeSet::new();
        for (option, family) in [("-4", "IPv4"), ("-6", "IPv6")] {
            let output = String::from_utf8(tool("ip", &[option, "rule"])).unwrap();
            for line in output.lines() {
                let (number, does) = line.split_once(":\t").unwrap();
                // What is chosen by the length of its prefix stands behind the table there.
                let does = does.trim().replace(
                    "lookup main suppress_prefixlength 0",
                    "suppress_prefixlength 0 lookup main",
                );
                expected.insert([family.to_owned(), number.to_owned(), does]);
            }
        }
        assert!(expected.len() > 8);
        assert_eq!(seen, expected);
    });
}

#[test]
fn neighbours_of_each_state_agree_with_ip() {
    in_own_network(|| {
        networks();
        make(&[
            "neigh add 198.51.100.7 lladdr 02:00:00:00:00:07 dev d0 nud permanent",
            "neigh add 198.51.100.8 lladdr 02:00:00:00:00:08 dev d0 nud stale",
            "neigh add 198.51.100.9 dev d0 nud failed",
            "neigh add proxy 198.51.100.3 dev d0",
        ]);
        let seen: BTreeSet<[String; 4]> = rows("ARP Cache", &[])
            .into_iter()
            .map(|r| r.try_into().unwrap())
            .collect();
        let expected: BTreeSet<[String; 4]> = ip("-json -4 neigh")
            .iter()
            .map(|n| {
                [
                    text(&n["dst"]),
                    text(&n["lladdr"]),
                    text(&n["dev"]),
                    text(&n["state"][0]).to_lowercase(),
                ]
            })
            .collect();
        assert_eq!(expected.len(), 3);
        assert_eq!(seen, expected);
        let proxies = rows("ARP Cache", &["Proxies"]);
        assert_eq!(proxies, [["198.51.100.3", "", "d0", "proxy"]]);
    });
}
