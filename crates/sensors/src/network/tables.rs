//! Tables of sockets as `/proc/net` has them (proc(5)), and those of multipath TCP, which only netlink tells.
//!
//! A line that does not have the form of its table costs that line only, and is noted.

use super::netlink::{self, Family};
use crate::framework::{Notes, SensorError};
use crate::text::{number, word};
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// A socket of any family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// `tcp`, `udp`, `unix` and so on.
    pub protocol: &'static str,
    /// Own address and port, for protocols that have them.
    pub local: Option<SocketAddr>,
    /// The other end.
    pub remote: Option<SocketAddr>,
    /// As `ESTABLISHED`; empty for protocols without states.
    pub state: &'static str,
    /// Who made it; `None` where the kernel does not tell.
    pub user: Option<u32>,
    /// 0 for one that no process has any more, or not yet.
    pub inode: u64,
    /// What else tells it from others: a path, an adapter, a protocol.
    pub name: Vec<u8>,
}

/// Form of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Addresses and ports.
    Ports,
    /// Addresses, and the protocol's number in the place of the port.
    Raw,
    Packet,
    Unix,
    Netlink,
}

/// Tables by name and protocol.
const TABLES: &[(&str, &str, Form)] = &[
    ("tcp", "tcp", Form::Ports),
    ("tcp6", "tcp", Form::Ports),
    ("udp", "udp", Form::Ports),
    ("udp6", "udp", Form::Ports),
    ("udplite", "udplite", Form::Ports),
    ("udplite6", "udplite", Form::Ports),
    ("raw", "raw", Form::Raw),
    ("raw6", "raw", Form::Raw),
    ("icmp", "icmp", Form::Raw),
    ("icmp6", "icmp", Form::Raw),
    ("packet", "packet", Form::Packet),
    ("unix", "unix", Form::Unix),
    ("netlink", "netlink", Form::Netlink),
];

/// Longest line: a name of a socket has at most 108 bytes.
const LINE_MAX: u64 = 4096;

/// Sockets of the tables in a folder (`/proc/PID/net`) whose protocol is wanted. A table that the kernel does not have is
/// left out; one that cannot be read is noted.
///
/// # Errors
/// [`SensorError::Read`] when there is none at all.
pub fn read(
    folder: &Path,
    wanted: &dyn Fn(&str) -> bool,
    notes: &Notes,
) -> Result<Vec<Socket>, SensorError> {
    let mut all = Vec::new();
    let mut there = false;
    for (file, protocol, form) in TABLES {
        if !wanted(protocol) {
            continue;
        }
        let path = folder.join(file);
        match table(&path, protocol, *form, &mut all, notes) {
            Ok(()) => there = true,
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => {
                there = true;
                notes.missed(&path, e);
            }
        }
    }
    if there {
        Ok(all)
    } else {
        Err(SensorError::reading(folder, ErrorKind::NotFound.into()))
    }
}

fn table(
    path: &Path,
    protocol: &'static str,
    form: Form,
    all: &mut Vec<Socket>,
    notes: &Notes,
) -> std::io::Result<()> {
    let mut file = BufReader::with_capacity(64 << 10, std::fs::File::open(path)?);
    let mut line = Vec::new();
    let mut head = true;
    loop {
        line.clear();
        if file.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        if std::mem::take(&mut head) {
            continue;
        }
        let socket = match form {
            Form::Ports => ports(text, protocol),
            Form::Raw => raw(text, protocol),
            Form::Packet => packet(text),
            Form::Netlink => of_netlink(text),
            Form::Unix => unix(text),
        };
        match (socket, form) {
            (Some(Some(socket)), _) => all.push(socket),
            (Some(None), _) => {}
            // A name may hold the end of a line.
            (None, Form::Unix) if continued(all) => {
                if let Some(last) = all.last_mut() {
                    last.name.push(b'\n');
                    last.name.extend_from_slice(text);
                }
            }
            (None, _) => notes.add(SensorError::Form {
                what: path.display().to_string(),
                problem: format!("a line is odd: {}", question::cell::text(text)),
            }),
        }
    }
}

fn continued(all: &[Socket]) -> bool {
    all.last()
        .is_some_and(|last| last.protocol == "unix" && !last.name.is_empty())
}

/// What a line tells; `Some(None)` for one that is no socket of a process.
type Line = Option<Option<Socket>>;

/// `sl local remote state queues timer retransmissions user timeout inode …`
fn ports(line: &[u8], protocol: &'static str) -> Line {
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|w| !w.is_empty());
    let (local, remote) = (address(words.nth(1)?)?, address(words.next()?)?);
    let code = u8::from_str_radix(std::str::from_utf8(words.next()?).ok()?, 16).ok()?;
    let user: u32 = number(words.nth(3)?)?;
    let inode: u64 = number(words.nth(1)?)?;
    let state = state(code);
    // Of what no process has, the kernel says that the superuser owns it. That is nobody's guess. What is about to be
    // connected belongs to who listens.
    let owned = inode != 0 || (protocol == "tcp" && state == "SYN_RECV");
    Some(Some(Socket {
        protocol,
        local: Some(local),
        remote: Some(remote),
        state,
        user: owned.then_some(user),
        inode,
        name: Vec::new(),
    }))
}

fn raw(line: &[u8], protocol: &'static str) -> Line {
    let mut socket = ports(line, protocol)??;
    let of = socket.local.map_or(0, |a| a.port());
    if protocol == "raw" {
        socket.name = protocol_name(of);
    }
    for end in [&mut socket.local, &mut socket.remote]
        .into_iter()
        .flatten()
    {
        // A ping socket has an identifier there, which is no port either.
        end.set_port(0);
    }
    Some(Some(socket))
}

/// `sk references type protocol adapter running memory user inode`
fn packet(line: &[u8]) -> Line {
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|w| !w.is_empty());
    let protocol = std::str::from_utf8(words.nth(3)?).ok()?;
    let adapter: u32 = number(words.next()?)?;
    let user: u32 = number(words.nth(2)?)?;
    let inode: u64 = number(words.next()?)?;
    let what = match protocol.to_ascii_lowercase().as_str() {
        "0003" => "everything".to_owned(),
        other => format!("protocol 0x{other}"),
    };
    let on = match adapter {
        0 => "every adapter".to_owned(),
        index => format!("adapter {index}"),
    };
    Some(Some(Socket {
        protocol: "packet",
        local: None,
        remote: None,
        state: "",
        user: Some(user),
        inode,
        name: format!("{what} on {on}").into_bytes(),
    }))
}

/// `sk protocol port groups memory memory dump locks drops inode`
fn of_netlink(line: &[u8]) -> Line {
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|w| !w.is_empty());
    let protocol: u32 = number(words.nth(1)?)?;
    // Of the kernel's own end.
    let own = words.next()? == b"0";
    let groups = std::str::from_utf8(words.next()?).ok()?;
    let inode: u64 = number(words.nth(5)?)?;
    let mut name = netlink_name(protocol);
    if groups.bytes().any(|b| b != b'0') {
        name.extend_from_slice(format!(" groups {groups}").as_bytes());
    }
    Some((!own).then_some(Socket {
        protocol: "netlink",
        local: None,
        remote: None,
        state: "",
        user: None,
        inode,
        name,
    }))
}

/// `number: references protocol flags type state inode path`
fn unix(line: &[u8]) -> Line {
    const LISTENS: u32 = 0x1_0000;
    let (number_of, rest) = word(line);
    let hex = number_of.strip_suffix(b":")?;
    if hex.is_empty() || !hex.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let (_references, rest) = word(rest);
    let (_protocol, rest) = word(rest);
    let (flags, rest) = word(rest);
    let (_kind, rest) = word(rest);
    let (state, rest) = word(rest);
    // After one blank the name begins, whatever it begins with.
    let rest = rest.trim_ascii_start();
    let end = rest.iter().position(|b| *b == b' ').unwrap_or(rest.len());
    let (inode, name) = rest.split_at(end);
    let flags = u32::from_str_radix(std::str::from_utf8(flags).ok()?, 16).ok()?;
    let state = match state {
        _ if flags & LISTENS != 0 => "LISTEN",
        b"01" => "CLOSE",
        b"02" => "SYN_SENT",
        b"03" => "ESTABLISHED",
        b"04" => "CLOSING",
        _ => "",
    };
    Some(Some(Socket {
        protocol: "unix",
        local: None,
        remote: None,
        state,
        user: None,
        inode: number(inode)?,
        name: name.get(1..).unwrap_or_default().to_vec(),
    }))
}

/// `0100007F:1F90`: words of the machine's byte order, and the port as a number.
fn address(word: &[u8]) -> Option<SocketAddr> {
    let (address, port) = std::str::from_utf8(word).ok()?.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let part = |at: usize| {
        let hex = address.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(hex, 16).ok()?.to_ne_bytes())
    };
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(part(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (at, four) in bytes.chunks_exact_mut(4).enumerate() {
                four.copy_from_slice(&part(at)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(plain(SocketAddr::new(ip, port)))
}

/// An IPv4 address that an IPv6 socket shows is an IPv4 address.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn state(code: u8) -> &'static str {
    match code {
        1 => "ESTABLISHED",
        2 => "SYN_SENT",
        3 | 12 => "SYN_RECV",
        4 => "FIN_WAIT1",
        5 => "FIN_WAIT2",
        6 => "TIME_WAIT",
        7 => "CLOSE",
        8 => "CLOSE_WAIT",
        9 => "LAST_ACK",
        10 => "LISTEN",
        11 => "CLOSING",
        13 => "BOUND",
        _ => "",
    }
}

/// Names of protocols(5) that raw sockets are made for; others stay numbers.
fn protocol_name(of: u16) -> Vec<u8> {
    let name = match of {
        1 => "icmp",
        2 => "igmp",
        6 => "tcp",
        17 => "udp",
        47 => "gre",
        50 => "esp",
        58 => "ipv6-icmp",
        89 => "ospf",
        132 => "sctp",
        255 => "raw",
        other => return other.to_string().into_bytes(),
    };
    name.into()
}

fn netlink_name(of: u32) -> Vec<u8> {
    let name = match of {
        0 => "route",
        4 => "sock_diag",
        6 => "xfrm",
        7 => "selinux",
        9 => "audit",
        10 => "fib_lookup",
        11 => "connector",
        12 => "netfilter",
        15 => "kobject_uevent",
        16 => "generic",
        21 => "crypto",
        other => return other.to_string().into_bytes(),
    };
    name.into()
}

/// Sockets of multipath TCP in the network namespace of this thread. Their paths are in the tables of TCP too. None where
/// the kernel has no such protocol or does not tell.
pub fn multipath() -> Vec<Socket> {
    const BY_FAMILY: u16 = 20;
    const PROTOCOL: u32 = 262;
    const REQUEST_PROTOCOL: u16 = 3;
    let mut all = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        let family = u8::try_from(family).unwrap_or(0);
        let mut body = vec![family, u8::MAX, 0, 0];
        body.extend_from_slice(&u32::MAX.to_ne_bytes());
        body.extend_from_slice(&[0; 48]);
        body.extend(netlink::attribute(
            REQUEST_PROTOCOL,
            &PROTOCOL.to_ne_bytes(),
        ));
        // A kernel that knows the protocol but not how to tell of it shows the sockets as TCP all the same.
        let told = netlink::dump(Family::Sockets, BY_FAMILY, &body).unwrap_or_default();
        all.extend(told.iter().filter_map(|message| of_multipath(message)));
    }
    all
}

/// Family, state, timer, retransmissions, ports, addresses, adapter, cookie, expiry, queues, user, inode.
fn of_multipath(message: &[u8]) -> Option<Socket> {
    let end = |port: usize, address: usize| {
        let port = u16::from_be_bytes(message.get(port..port + 2)?.try_into().ok()?);
        let ip = if i32::from(*message.first()?) == libc::AF_INET {
            let bytes: [u8; 4] = message.get(address..address + 4)?.try_into().ok()?;
            IpAddr::from(bytes)
        } else {
            let bytes: [u8; 16] = message.get(address..address + 16)?.try_into().ok()?;
            IpAddr::from(bytes)
        };
        Some(plain(SocketAddr::new(ip, port)))
    };
    let inode = u64::from(netlink::u32_at(message, 68)?);
    Some(Socket {
        protocol: "mptcp",
        local: Some(end(4, 8)?),
        remote: Some(end(6, 24)?),
        state: state(*message.get(1)?),
        user: netlink::u32_at(message, 64).filter(|_| inode != 0),
        inode,
        name: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_of_each_table() {
        let tcp = b"   0: 0100007F:9859 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 712094 2 0 100 0 0 10 0";
        let socket = ports(tcp, "tcp").flatten().unwrap();
        if cfg!(target_endian = "little") {
            assert_eq!(socket.local, Some("127.0.0.1:39001".parse().unwrap()));
        }
        assert_eq!(
            (socket.state, socket.inode, socket.user),
            ("LISTEN", 712_094, Some(1000))
        );
        let closed = b"   1: 0100007F:9859 0100007F:0001 06 00000000:00000000 03:00001770 00000000     0        0 0 3 0";
        assert_eq!(ports(closed, "tcp").flatten().unwrap().user, None);
        let ping = b"  1: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 7 2 0 0";
        let socket = raw(ping, "raw").flatten().unwrap();
        assert_eq!(
            (socket.name.as_slice(), socket.local.unwrap().port()),
            (&b"icmp"[..], 0)
        );
        let sniffer = b"00000000bd8a3571 3      3    0003   2     1 0      0      18443 ";
        assert_eq!(
            packet(sniffer).flatten().unwrap().name,
            b"everything on adapter 2"
        );
        let kernel = b"0000000042e17793 0   0          00000000 0        0        0     2        0        4       ";
        assert_eq!(of_netlink(kernel), Some(None));
        let process = b"0000000042e17793 15  4711       00000002 0        0        0     2        0        99      ";
        assert_eq!(
            of_netlink(process).flatten().unwrap().name,
            b"kobject_uevent groups 00000002"
        );
        let abstract_name = b"00000000f4e094e9: 00000002 00000000 00010000 0001 01 704912 @a  b ";
        let socket = unix(abstract_name).flatten().unwrap();
        assert_eq!(
            (socket.name.as_slice(), socket.state, socket.inode),
            (&b"@a  b "[..], "LISTEN", 704_912)
        );
        let nameless = b"00000000f4e094e9: 00000003 00000000 00000000 0001 03 704913";
        assert_eq!(unix(nameless).flatten().unwrap().name, b"");
    }

    #[test]
    fn an_odd_line_costs_itself_and_a_name_may_have_several() {
        let folder = tempfile::tempdir().unwrap();
        let text = "head\nodd\n0000: 00000002 00000000 00010000 0001 01 7 /run/a\nb\n0001: 00000003 00000000 00000000 0001 03 8\n";
        std::fs::write(folder.path().join("unix"), text).unwrap();
        let notes = Notes::default();
        let found = read(folder.path(), &|_| true, &notes).unwrap();
        let names: Vec<&[u8]> = found.iter().map(|s| s.name.as_slice()).collect();
        assert_eq!(names, [&b"/run/a\nb"[..], b""]);
        assert_eq!(notes.problems().len(), 1);
        assert!(read(&folder.path().join("none"), &|_| true, &notes).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_line(line in prop::collection::vec(any::<u8>(), 0..200)) {
            ports(&line, "tcp");
            raw(&line, "raw");
            packet(&line);
            of_netlink(&line);
            unix(&line);
            of_multipath(&line);
        }
    }
}
