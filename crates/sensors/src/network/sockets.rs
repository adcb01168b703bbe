//! Sockets and the processes that hold them. The kernel's tables give each socket's inode; `/proc/PID/fd` says who holds it.

use crate::framework::{SensorError, Sink};
use procfs::ProcResult;
use procfs::process::{FDTarget, all_processes};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;

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

/// All sockets of both protocols and both families. A family that the kernel does not have is left out.
pub fn sockets() -> Result<Vec<Socket>, SensorError> {
    let mut all = Vec::new();
    let tcp = table("/proc/net/tcp", procfs::net::tcp())?
        .into_iter()
        .chain(table("/proc/net/tcp6", procfs::net::tcp6())?);
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
    let udp = table("/proc/net/udp", procfs::net::udp())?
        .into_iter()
        .chain(table("/proc/net/udp6", procfs::net::udp6())?);
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
    Ok(all)
}

/// An IPv4 address that an IPv6 socket shows is an IPv4 address.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn table<T>(what: &str, read: ProcResult<Vec<T>>) -> Result<Vec<T>, SensorError> {
    match read {
        Ok(entries) => Ok(entries),
        Err(procfs::ProcError::NotFound(_)) => Ok(Vec::new()),
        Err(error) => Err(SensorError::Form {
            what: what.into(),
            problem: error.to_string(),
        }),
    }
}

/// Who holds which socket. Processes that end meanwhile or may not be looked into hold none.
pub fn holders(sink: &Sink) -> Result<HashMap<u64, Holder>, SensorError> {
    let mut holders = HashMap::new();
    let processes = all_processes().map_err(|e| SensorError::Form {
        what: "/proc".into(),
        problem: e.to_string(),
    })?;
    for process in processes.flatten() {
        sink.check()?;
        let Ok(descriptors) = process.fd() else {
            continue;
        };
        let mut holder: Option<Holder> = None;
        for descriptor in descriptors.flatten() {
            let FDTarget::Socket(inode) = descriptor.target else {
                continue;
            };
            let holder = holder.get_or_insert_with(|| Holder {
                pid: process.pid.to_string(),
                name: process
                    .stat()
                    .map(|s| s.comm.into_bytes())
                    .unwrap_or_default(),
                path: process
                    .exe()
                    .map(|p| p.as_os_str().as_bytes().to_vec())
                    .unwrap_or_default(),
            });
            holders.entry(inode).or_insert_with(|| holder.clone());
        }
    }
    Ok(holders)
}
