//! Sockets and the processes that hold them. The kernel's tables give each socket's inode; `/proc/PID/fd` says who holds it.

use crate::framework::{Notes, SensorError, Sink};
use crate::processes::executable::Executable;
use crate::processes::{descriptors, walk};
use procfs::{ProcError, ProcResult};
use std::collections::HashMap;
use std::net::SocketAddr;

/// A TCP or UDP socket.
pub struct Socket {
    pub protocol: &'static str,
    pub local: SocketAddr,
    pub remote: SocketAddr,
    pub state: String,
    pub user: u32,
    pub inode: u64,
}

/// A process that holds a socket.
#[derive(Clone, Default)]
pub struct Holder {
    pub pid: String,
    pub name: Vec<u8>,
    pub path: Vec<u8>,
}

/// All sockets of both protocols and both families. A family that the kernel does not have is left out; a table that
/// cannot be read is noted.
pub fn sockets(notes: &Notes) -> Result<Vec<Socket>, SensorError> {
    let mut all = Vec::new();
    let mut there = 0;
    let mut tcp = Vec::new();
    for (path, read) in [
        ("/proc/net/tcp", procfs::net::tcp()),
        ("/proc/net/tcp6", procfs::net::tcp6()),
    ] {
        tcp.extend(table(path, read, &mut there, notes));
    }
    for entry in tcp {
        let state = match entry.state {
            procfs::net::TcpState::Established => "ESTABLISHED".to_owned(),
            procfs::net::TcpState::SynSent => "SYN_SENT".to_owned(),
            procfs::net::TcpState::SynRecv => "SYN_RECV".to_owned(),
            procfs::net::TcpState::FinWait1 => "FIN_WAIT1".to_owned(),
            procfs::net::TcpState::FinWait2 => "FIN_WAIT2".to_owned(),
            procfs::net::TcpState::TimeWait => "TIME_WAIT".to_owned(),
            procfs::net::TcpState::CloseWait => "CLOSE_WAIT".to_owned(),
            procfs::net::TcpState::LastAck => "LAST_ACK".to_owned(),
            other => format!("{other:?}").to_uppercase(),
        };
        all.push(Socket {
            protocol: "tcp",
            local: plain(entry.local_address),
            remote: plain(entry.remote_address),
            state,
            user: entry.uid,
            inode: entry.inode,
        });
    }
    let mut udp = Vec::new();
    for (path, read) in [
        ("/proc/net/udp", procfs::net::udp()),
        ("/proc/net/udp6", procfs::net::udp6()),
    ] {
        udp.extend(table(path, read, &mut there, notes));
    }
    for entry in udp {
        let state = format!("{:?}", entry.state).to_uppercase();
        all.push(Socket {
            protocol: "udp",
            local: plain(entry.local_address),
            remote: plain(entry.remote_address),
            state,
            user: entry.uid,
            inode: entry.inode,
        });
    }
    if there == 0 {
        return Err(walk::failed("/proc/net", ProcError::NotFound(None)));
    }
    Ok(all)
}

/// An IPv4 address that an IPv6 socket shows is an IPv4 address.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Entries of a table; `there` counts those that exist.
fn table<T>(path: &str, read: ProcResult<Vec<T>>, there: &mut u32, notes: &Notes) -> Vec<T> {
    match read {
        Ok(entries) => {
            *there += 1;
            entries
        }
        Err(ProcError::NotFound(_)) => Vec::new(),
        Err(error) => {
            *there += 1;
            notes.add(walk::failed(path, error));
            Vec::new()
        }
    }
}

/// Who holds which socket. Processes that end meanwhile hold none; those that do not let us look are noted.
pub fn holders(sink: &Sink, notes: &Notes) -> Result<HashMap<u64, Holder>, SensorError> {
    let mut holders = HashMap::new();
    for process in walk::handles(notes)? {
        sink.check()?;
        let mut holder: Option<Holder> = None;
        descriptors::each(&process, notes, |_, _, link| {
            let Some(inode) = inode(&link) else {
                return Ok(());
            };
            let holder = holder.get_or_insert_with(|| {
                let name = walk::part(notes, &process, "stat", process.stat());
                let executable = walk::part(notes, &process, "exe", Executable::of(&process));
                Holder {
                    pid: process.pid().to_string(),
                    name: name.map(|s| s.comm.into_bytes()).unwrap_or_default(),
                    path: executable.flatten().map(|e| e.path).unwrap_or_default(),
                }
            });
            holders.entry(inode).or_insert_with(|| holder.clone());
            Ok(())
        })?;
    }
    Ok(holders)
}

/// The inode in `socket:[12345]`.
fn inode(link: &[u8]) -> Option<u64> {
    crate::text::number(link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_sockets() {
        assert_eq!(inode(b"socket:[12345]"), Some(12_345));
        for other in [
            b"socket:12345".as_slice(),
            b"pipe:[1]",
            b"/socket:[1]",
            b"socket:[x]",
        ] {
            assert_eq!(inode(other), None);
        }
    }
}
