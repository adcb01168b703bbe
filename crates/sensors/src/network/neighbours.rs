//! `ARP Cache`: neighbours of the machine on its own networks, and addresses that it answers for itself (arp(7)).

use super::links::Links;
use super::netlink::{Family, attributes, dump, u16_at, u32_at};
use crate::framework::{Request, SensorError, Sink};
use std::net::Ipv4Addr;

/// The parameter's value that asks for what the machine answers for.
pub const PROXIES: &str = "Proxies";
const GET_NEIGHBOUR: u16 = 30;
const HEAD: usize = 12;
const PROXY: u8 = 0x08;

pub fn neighbours(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let proxies = request.parameter(0).eq_ignore_ascii_case(PROXIES);
    let links = Links::read()?;
    let mut body = [0; HEAD];
    body[0] = u8::try_from(libc::AF_INET).unwrap_or(0);
    body[10] = if proxies { PROXY } else { 0 };
    let told = dump(Family::Route, GET_NEIGHBOUR, &body)
        .map_err(|e| SensorError::reading("the table of neighbours", e))?;
    for message in told {
        if let Some((address, hardware, adapter, state)) = entry(&message, proxies) {
            sink.push([
                address.to_string().as_bytes(),
                hardware.as_bytes(),
                &links.name(adapter),
                state.as_bytes(),
            ])?;
        }
    }
    Ok(())
}

/// Address, hardware address, adapter and state; `None` for what is not asked for, and for entries of networks without
/// hardware addresses.
fn entry(message: &[u8], proxies: bool) -> Option<(Ipv4Addr, String, u32, &'static str)> {
    if i32::from(*message.first()?) != libc::AF_INET {
        return None;
    }
    let is_proxy = message.get(10)? & PROXY != 0;
    let state = match u16_at(message, 8)? {
        _ if is_proxy => "proxy",
        0x01 => "incomplete",
        0x02 => "reachable",
        0x04 => "stale",
        0x08 => "delay",
        0x10 => "probe",
        0x20 => "failed",
        0x80 => "permanent",
        _ => return None,
    };
    if is_proxy != proxies {
        return None;
    }
    let (mut address, mut hardware) = (None, String::new());
    for (what, value) in attributes(message, HEAD) {
        match what {
            1 => address = <[u8; 4]>::try_from(value).ok().map(Ipv4Addr::from),
            // One that failed keeps what it had.
            2 if state != "failed" && state != "incomplete" => {
                let pairs: Vec<String> = value.iter().map(|b| format!("{b:02x}")).collect();
                hardware = pairs.join(":");
            }
            _ => {}
        }
    }
    Some((address?, hardware, u32_at(message, 4)?, state))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_a_neighbour(bytes in prop::collection::vec(any::<u8>(), 0..100), proxies: bool) {
            entry(&bytes, proxies);
        }
    }
}
