//! `Established Connections`, `Listen Ports` and `IP Connections`: the sockets of every network namespace with the
//! processes that hold them.

use super::Kind;
use super::sockets::{Holder, look};
use super::spaces::Space;
use super::tables::Socket;
use crate::framework::{Notes, SensorError, Sink};
use crate::owners::Owners;
use std::collections::BTreeSet;
use std::net::SocketAddr;

pub fn collect(kind: Kind, sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    // What could not be looked at only matters when a socket is left without its process.
    let unseen = Notes::default();
    let (holders, spaces) = look(sink, &unseen)?;
    let owners = Owners::read(&notes);
    let nobody = [Holder::default()];
    let mut told = BTreeSet::new();
    let mut without = 0_u64;
    let mut outcome = Ok(());
    'spaces: for space in spaces.into_found() {
        sink.check()?;
        for socket in space.sockets(&|protocol| reads(kind, protocol), &notes)? {
            if !wants(kind, &socket) {
                continue;
            }
            let mut held: Vec<&Holder> = holders.of(socket.inode).collect();
            if held.is_empty() {
                held.extend(&nobody);
            }
            // Sockets that no process has open any more have no inode.
            let whole = held
                .iter()
                .all(|h| !h.name.is_empty() && !h.path.is_empty());
            without += u64::from(socket.inode != 0 && !whole);
            for holder in held {
                let row = row(kind, &socket, holder, &space, &owners);
                // Two connections to the same other end are one fact for the fleet, but two for one machine.
                if kind != Kind::Connections && !told.insert(row.clone()) {
                    continue;
                }
                if let Err(hit) = sink.push(row) {
                    outcome = Err(hit.into());
                    break 'spaces;
                }
            }
        }
    }
    note_unseen(&notes, &unseen, without);
    outcome
}

/// Which tables a sensor needs.
fn reads(kind: Kind, protocol: &str) -> bool {
    match kind {
        Kind::Established => protocol == "tcp",
        Kind::Listening => matches!(protocol, "tcp" | "udp" | "udplite" | "mptcp"),
        _ => true,
    }
}

fn wants(kind: Kind, socket: &Socket) -> bool {
    match kind {
        Kind::Established => socket.state == "ESTABLISHED",
        Kind::Listening => {
            let alone = socket.remote.is_none_or(|end| end.port() == 0);
            socket.state == "LISTEN" || (matches!(socket.protocol, "udp" | "udplite") && alone)
        }
        _ => true,
    }
}

fn row(
    kind: Kind,
    socket: &Socket,
    holder: &Holder,
    space: &Space,
    owners: &Owners,
) -> Vec<Vec<u8>> {
    let address =
        |end: Option<SocketAddr>| end.map_or_else(Vec::new, |a| a.ip().to_string().into());
    let port = |end: Option<SocketAddr>| match end {
        // A raw socket has none.
        Some(end) if has_ports(socket.protocol) => end.port().to_string().into_bytes(),
        _ => Vec::new(),
    };
    let mut row = match kind {
        Kind::Established => vec![
            holder.name.clone(),
            holder.path.clone(),
            address(socket.remote),
            port(socket.remote),
        ],
        Kind::Listening => vec![
            holder.name.clone(),
            holder.path.clone(),
            socket.protocol.into(),
            address(socket.local),
            port(socket.local),
        ],
        _ => vec![
            socket.protocol.into(),
            address(socket.local),
            port(socket.local),
            address(socket.remote),
            port(socket.remote),
            socket.state.into(),
            holder.pid.clone().into_bytes(),
            holder.name.clone(),
            holder.path.clone(),
            socket.user.map_or_else(Vec::new, |user| owners.user(user)),
            socket.name.clone(),
        ],
    };
    row.push(space.name.clone());
    row.push(if holder.container.is_empty() {
        space.container.clone()
    } else {
        holder.container.clone()
    });
    row
}

fn has_ports(protocol: &str) -> bool {
    !matches!(protocol, "raw" | "icmp")
}

/// Tells what kept sockets without their process.
fn note_unseen(notes: &Notes, unseen: &Notes, without: u64) {
    let problems = unseen.problems();
    if without == 0 || problems.is_empty() {
        return;
    }
    let denied = problems.iter().any(SensorError::is_denied);
    notes.add(SensorError::Several {
        denied,
        words: format!("{without} sockets are shown without their process or its executable"),
    });
    for problem in problems {
        notes.add(problem);
    }
}
