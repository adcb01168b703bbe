//! Routes and the rules that choose between their tables (rtnetlink(7)).
//!
//! Every table is told: what policy routing sends elsewhere is in none of the tables of old. Left out are the kernel's own
//! entries for the addresses of this machine.

use super::links::Links;
use super::netlink::{Family, attributes, dump, string, u16_at, u32_at};
use crate::framework::{SensorError, Sink};
use std::collections::HashMap;
use std::io::Result;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const GET_ROUTE: u16 = 26;
const GET_RULE: u16 = 34;
const GET_NEXT_HOP: u16 = 106;
/// Length of the head of a route and of a rule.
const HEAD: usize = 12;

/// Both families of addresses.
fn families() -> [u8; 2] {
    [libc::AF_INET, libc::AF_INET6].map(|family| u8::try_from(family).unwrap_or(0))
}

/// Everything of a kind for both families; one that the kernel does not have tells nothing.
fn all(what: &str, question: u16) -> std::result::Result<Vec<Vec<u8>>, SensorError> {
    let mut told = Vec::new();
    for family in families() {
        let mut body = [0; HEAD];
        body[0] = family;
        match dump(Family::Route, question, &body) {
            Ok(messages) => told.extend(messages),
            Err(e) if is_missing(&e) => {}
            Err(e) => return Err(SensorError::reading(what, e)),
        }
    }
    // Where the kernel lacks a family, it may answer for all others instead.
    told.retain(|message| families().contains(message.first().unwrap_or(&0)));
    Ok(told)
}

fn is_missing(error: &std::io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EAFNOSUPPORT | libc::EOPNOTSUPP)
    )
}

/// Rows of `IP Route Details`: one for each next hop.
pub fn routes(sink: &mut Sink) -> std::result::Result<(), SensorError> {
    let links = Links::read()?;
    let mut hops = None;
    for message in all("the routing tables", GET_ROUTE)? {
        let Some(route) = Route::read(&message) else {
            continue;
        };
        let mut ways = route.ways.clone();
        if let (true, Some(id)) = (ways.is_empty(), route.next_hop) {
            let known = hops.get_or_insert_with(|| next_hops().unwrap_or_default());
            ways = resolve(id, known);
        }
        if ways.is_empty() {
            ways.push(Way::default());
        }
        for way in ways {
            sink.push([
                route.destination.to_string().as_bytes(),
                route.prefix.to_string().as_bytes(),
                way.gateway
                    .map_or_else(String::new, |g| g.to_string())
                    .as_bytes(),
                route.metric.to_string().as_bytes(),
                &way.adapter.map_or_else(Vec::new, |index| links.name(index)),
                route.kind.as_bytes(),
                table_name(route.table).as_bytes(),
            ])?;
        }
    }
    Ok(())
}

/// Where a route sends to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Way {
    gateway: Option<IpAddr>,
    adapter: Option<u32>,
}

#[derive(Debug, PartialEq, Eq)]
struct Route {
    destination: IpAddr,
    prefix: u8,
    metric: u32,
    kind: &'static str,
    table: u32,
    ways: Vec<Way>,
    /// Number of an object that has the ways instead.
    next_hop: Option<u32>,
}

impl Route {
    /// `None` for what is no route, and for the kernel's own.
    fn read(message: &[u8]) -> Option<Self> {
        const LOCAL_TABLE: u32 = 255;
        const BY_KERNEL: u8 = 2;
        const CLONED: u32 = 0x200;
        let byte = |at: usize| message.get(at).copied();
        let v6 = i32::from(byte(0)?) == libc::AF_INET6;
        let mut route = Self {
            destination: if v6 {
                Ipv6Addr::UNSPECIFIED.into()
            } else {
                Ipv4Addr::UNSPECIFIED.into()
            },
            prefix: byte(1)?,
            metric: 0,
            kind: kind(byte(7)?),
            table: u32::from(byte(4)?),
            ways: Vec::new(),
            next_hop: None,
        };
        let mut way = Way::default();
        for (what, value) in attributes(message, HEAD) {
            match what {
                1 => route.destination = address(value)?,
                4 => way.adapter = u32_at(value, 0),
                5 => way.gateway = address(value),
                6 => route.metric = u32_at(value, 0)?,
                9 => route.ways = several(value),
                15 => route.table = u32_at(value, 0)?,
                18 => way.gateway = via(value),
                30 => route.next_hop = u32_at(value, 0),
                _ => {}
            }
        }
        if way != Way::default() {
            route.ways.push(way);
        }
        let own = route.table == LOCAL_TABLE && byte(5)? == BY_KERNEL;
        (!own && u32_at(message, 8)? & CLONED == 0).then_some(route)
    }
}

/// Next hops one after the other, each with attributes of its own.
fn several(mut value: &[u8]) -> Vec<Way> {
    const HOP: usize = 8;
    let mut ways = Vec::new();
    while let (Some(length), Some(adapter)) = (u16_at(value, 0), u32_at(value, 4)) {
        let length = usize::from(length);
        let Some(hop) = value.get(..length).filter(|_| length >= HOP) else {
            break;
        };
        let mut way = Way {
            gateway: None,
            adapter: Some(adapter),
        };
        for (what, value) in attributes(hop, HOP) {
            match what {
                5 => way.gateway = address(value),
                18 => way.gateway = via(value),
                _ => {}
            }
        }
        ways.push(way);
        value = value.get((length + 3) & !3..).unwrap_or_default();
    }
    ways
}

fn address(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => <[u8; 4]>::try_from(value).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(value).ok().map(IpAddr::from),
        _ => None,
    }
}

/// An address of the other family: that is its first word.
fn via(value: &[u8]) -> Option<IpAddr> {
    address(value.get(2..)?)
}

fn kind(code: u8) -> &'static str {
    match code {
        1 => "unicast",
        2 => "local",
        3 => "broadcast",
        4 => "anycast",
        5 => "multicast",
        6 => "blackhole",
        7 => "unreachable",
        8 => "prohibit",
        9 => "throw",
        10 => "nat",
        _ => "",
    }
}

fn table_name(table: u32) -> String {
    match table {
        0 => String::new(),
        253 => "default".into(),
        254 => "main".into(),
        255 => "local".into(),
        other => other.to_string(),
    }
}

/// A next hop that is an object of its own, or a group of such.
enum NextHop {
    One(Way),
    Group(Vec<u32>),
}

fn next_hops() -> Result<HashMap<u32, NextHop>> {
    let mut known = HashMap::new();
    for message in dump(Family::Route, GET_NEXT_HOP, &[0; 8])? {
        let (mut id, mut way, mut group) = (None, Way::default(), Vec::new());
        for (what, value) in attributes(&message, 8) {
            match what {
                1 => id = u32_at(value, 0),
                2 => group.extend(value.chunks(8).filter_map(|entry| u32_at(entry, 0))),
                5 => way.adapter = u32_at(value, 0),
                6 => way.gateway = address(value),
                _ => {}
            }
        }
        if let Some(id) = id {
            let hop = if group.is_empty() {
                NextHop::One(way)
            } else {
                NextHop::Group(group)
            };
            known.insert(id, hop);
        }
    }
    Ok(known)
}

fn resolve(id: u32, known: &HashMap<u32, NextHop>) -> Vec<Way> {
    match known.get(&id) {
        Some(NextHop::One(way)) => vec![way.clone()],
        // A group holds no groups.
        Some(NextHop::Group(of)) => of
            .iter()
            .filter_map(|id| match known.get(id) {
                Some(NextHop::One(way)) => Some(way.clone()),
                _ => None,
            })
            .collect(),
        None => Vec::new(),
    }
}

/// Rows of `IP Rules`, in the order in which they are looked at.
pub fn rules(sink: &mut Sink) -> std::result::Result<(), SensorError> {
    for message in all("the rules of routing", GET_RULE)? {
        if let Some(rule) = rule(&message) {
            sink.push(rule)?;
        }
    }
    Ok(())
}

/// Family, number, what it applies to, what it does, table.
fn rule(message: &[u8]) -> Option<[Vec<u8>; 5]> {
    const NOT: u32 = 2;
    let byte = |at: usize| message.get(at).copied();
    let family = if i32::from(byte(0)?) == libc::AF_INET6 {
        "IPv6"
    } else {
        "IPv4"
    };
    let (to_length, from_length) = (byte(1)?, byte(2)?);
    let mut table = u32::from(byte(4)?);
    let (mut number, mut mask, mut goto) = (0, None, None);
    let (mut from, mut to, mut rest) = (b"all".to_vec(), None, Vec::<Vec<u8>>::new());
    let mut last = None;
    let network =
        |value: &[u8], length: u8| Some(format!("{}/{length}", address(value)?).into_bytes());
    let pair = |value: &[u8]| Some((u16_at(value, 0)?, u16_at(value, 2)?));
    let ports = |word: &str, value: &[u8]| match pair(value) {
        Some((first, last)) if first == last => format!("{word} {first}").into_bytes(),
        Some((first, last)) => format!("{word} {first}-{last}").into_bytes(),
        None => Vec::new(),
    };
    let word = |word: &str, value: &[u8]| [word.as_bytes(), b" ", value].concat();
    for (what, value) in attributes(message, HEAD) {
        let number_of = || u32_at(value, 0).unwrap_or(0);
        match what {
            1 => to = network(value, to_length),
            2 => from = network(value, from_length)?,
            3 => rest.push(word("iif", string(value))),
            4 => goto = u32_at(value, 0),
            6 => number = number_of(),
            10 => mask = Some((number_of(), mask.map_or(u32::MAX, |(_, m)| m))),
            14 if number_of() != u32::MAX => {
                last = Some(format!("suppress_prefixlength {}", number_of()).into());
            }
            15 => table = number_of(),
            16 => mask = Some((mask.map_or(0, |(m, _)| m), number_of())),
            17 => rest.push(word("oif", string(value))),
            19 => rest.push(b"l3mdev".to_vec()),
            20 => rest.push(
                format!(
                    "uidrange {}-{}",
                    number_of(),
                    u32_at(value, 4).unwrap_or(u32::MAX)
                )
                .into(),
            ),
            22 => rest.push(format!("ipproto {}", value.first().unwrap_or(&0)).into()),
            23 => rest.push(ports("sport", value)),
            24 => rest.push(ports("dport", value)),
            _ => {}
        }
    }
    let mut words = Vec::new();
    if u32_at(message, 8)? & NOT != 0 {
        words.push(b"not".to_vec());
    }
    words.push(word("from", &from));
    words.extend(to.map(|to| word("to", &to)));
    if byte(3)? != 0 {
        words.push(format!("tos 0x{:02x}", byte(3)?).into());
    }
    match mask {
        Some((0, 0)) | None => {}
        Some((mark, u32::MAX)) => words.push(format!("fwmark {mark:#x}").into()),
        Some((mark, mask)) => words.push(format!("fwmark {mark:#x}/{mask:#x}").into()),
    }
    words.extend(rest);
    words.extend(last);
    let action = match (byte(7)?, goto) {
        (1, _) => "lookup".to_owned(),
        (2, Some(target)) => format!("goto {target}"),
        (2, None) => "goto".to_owned(),
        (3, _) => "nop".to_owned(),
        (code, _) => kind(code).to_owned(),
    };
    let table = if byte(7)? == 1 {
        table_name(table)
    } else {
        String::new()
    };
    Some([
        family.into(),
        number.to_string().into(),
        words.join(&b' '),
        action.into(),
        table.into(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_a_route_and_a_rule(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            Route::read(&bytes);
            rule(&bytes);
            prop_assert!(several(&bytes).len() <= bytes.len() / 8 + 1);
        }
    }
}
