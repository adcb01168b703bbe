//! Dumps over netlink(7): a question to the kernel, and its answer taken apart into messages and attributes.
//!
//! Everything stays bytes: names of adapters need not be text. Nothing here trusts a length it has not checked.

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};
use std::io::{Error, ErrorKind, Result};

const HEADER: usize = 16;
const REQUEST_DUMP: u16 = 0x1 | 0x300;
/// The kernel changed what was told while it was told.
const INTERRUPTED: u16 = 0x10;
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// The kernel's own pieces are half as long.
const PIECE: usize = 64 << 10;
/// How often a dump is begun again that the kernel changed meanwhile.
const TRIES: usize = 4;

/// Which part of the kernel is asked.
#[derive(Clone, Copy)]
pub enum Family {
    /// Links, addresses, routes, rules, neighbours (rtnetlink(7)).
    Route,
    /// Sockets (`sock_diag(7)`).
    Sockets,
}

/// Everything that the kernel tells to one question: the bodies of its messages.
///
/// # Errors
/// The kernel's, or [`ErrorKind::Interrupted`] when what it told changed each time.
pub fn dump(family: Family, question: u16, body: &[u8]) -> Result<Vec<Vec<u8>>> {
    for _ in 0..TRIES {
        if let Some(told) = ask(family, question, body)? {
            return Ok(told);
        }
    }
    Err(Error::new(
        ErrorKind::Interrupted,
        "it changed each time it was read",
    ))
}

/// One dump; `None` when it was interrupted.
fn ask(family: Family, question: u16, body: &[u8]) -> Result<Option<Vec<Vec<u8>>>> {
    let protocol = match family {
        Family::Route => None,
        Family::Sockets => Some(netlink::SOCK_DIAG),
    };
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol)?;
    let mut message = Vec::with_capacity(HEADER + body.len());
    let length = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
    message.extend_from_slice(&length.to_ne_bytes());
    message.extend_from_slice(&question.to_ne_bytes());
    message.extend_from_slice(&REQUEST_DUMP.to_ne_bytes());
    message.extend_from_slice(&[0; 8]);
    message.extend_from_slice(body);
    send(&socket, &message, SendFlags::empty())?;
    let mut piece = vec![0; PIECE];
    let mut told = Vec::new();
    let mut interrupted = false;
    loop {
        let (length, _) = recv(&socket, piece.as_mut_slice(), RecvFlags::empty())?;
        let mut rest = piece.get(..length).unwrap_or_default();
        if rest.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        while let Some((message, after)) = Message::first(rest) {
            rest = after;
            interrupted |= message.flags & INTERRUPTED != 0;
            match message.kind {
                DONE => {
                    // It ends with a number of its own, where what was asked for failed half way.
                    failed(message.body)?;
                    return Ok((!interrupted).then_some(told));
                }
                ERROR => {
                    failed(message.body)?;
                    return Ok((!interrupted).then_some(told));
                }
                _ => told.push(message.body.to_vec()),
            }
        }
    }
}

/// The error that a message carries, if it does.
fn failed(body: &[u8]) -> Result<()> {
    match i32_at(body, 0) {
        Some(code) if code < 0 => Err(Error::from_raw_os_error(-code)),
        _ => Ok(()),
    }
}

struct Message<'a> {
    kind: u16,
    flags: u16,
    body: &'a [u8],
}

impl<'a> Message<'a> {
    fn first(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let length = usize::try_from(u32_at(bytes, 0)?).ok()?;
        let message = Self {
            kind: u16_at(bytes, 4)?,
            flags: u16_at(bytes, 6)?,
            body: bytes.get(HEADER..length)?,
        };
        Some((message, bytes.get(aligned(length)..).unwrap_or_default()))
    }
}

/// Attributes of a message, from where they begin in it: numbers and values.
pub fn attributes(body: &[u8], begin: usize) -> impl Iterator<Item = (u16, &[u8])> {
    /// Marks of nested values and of byte order.
    const KIND: u16 = 0x3FFF;
    let mut rest = body.get(begin..).unwrap_or_default();
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(rest, 0)?);
        let kind = u16_at(rest, 2)? & KIND;
        let value = rest.get(4..length)?;
        rest = rest.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// An attribute as a question carries it.
pub fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = 4 + value.len();
    let mut bytes = u16::try_from(length)
        .unwrap_or(u16::MAX)
        .to_ne_bytes()
        .to_vec();
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(value);
    bytes.resize(aligned(length), 0);
    bytes
}

/// Text that ends at its zero byte, if it has one.
pub fn string(value: &[u8]) -> &[u8] {
    value.split(|b| *b == 0).next().unwrap_or_default()
}

/// A number of the machine's own byte order.
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

/// As [`u32_at`].
pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(
        bytes.get(at..at.checked_add(2)?)?.try_into().ok()?,
    ))
}

fn i32_at(bytes: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_ne_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_messages_and_attributes(bytes in prop::collection::vec(any::<u8>(), 0..400), begin in 0_usize..500) {
            let mut rest = bytes.as_slice();
            while let Some((message, after)) = Message::first(rest) {
                prop_assert!(after.len() < rest.len());
                std::hint::black_box(message.body);
                rest = after;
            }
            prop_assert!(attributes(&bytes, begin).count() <= bytes.len() / 4 + 1);
        }

        #[test]
        fn attributes_are_read_as_they_are_written(kind in 1_u16..100, value in prop::collection::vec(any::<u8>(), 0..50)) {
            let bytes = [attribute(kind, &value), attribute(7, b"x\0")].concat();
            let read: Vec<_> = attributes(&bytes, 0).collect();
            prop_assert_eq!(&read, &[(kind, value.as_slice()), (7, b"x\0".as_slice())]);
            prop_assert_eq!(string(read[1].1), b"x");
        }
    }
}
