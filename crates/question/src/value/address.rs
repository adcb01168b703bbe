//! IP addresses and networks, both families.

use ipnet::IpNet;
use std::cmp::Ordering;
use std::net::IpAddr;

/// An address, or a network by its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network(IpNet);

impl Network {
    /// Reads an address or a network. A zone (`fe80::1%eth0`) is dropped, as is the prefix `::ffff:` of an IPv4 address
    /// in IPv6 form.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address = address.split_once('%').map_or(address, |(a, _)| a);
        let read: IpAddr = address.parse().ok()?;
        let address = read.to_canonical();
        let most: u8 = if address.is_ipv4() { 32 } else { 128 };
        let bits = match prefix {
            None => most,
            Some(p) if p.len() <= 3 && p.bytes().all(|b| b.is_ascii_digit()) => {
                let bits: u8 = p.parse().ok()?;
                if read.is_ipv6() && address.is_ipv4() {
                    bits.checked_sub(96)?
                } else {
                    bits
                }
            }
            // A mask in dotted form, as in 10.0.0.0/255.0.0.0.
            Some(p) => ipnet::ip_mask_to_prefix(p.parse().ok()?).ok()?,
        };
        IpNet::new(address, bits).ok().map(Self)
    }

    /// Whether it is one address.
    pub(crate) fn is_host(&self) -> bool {
        self.0.prefix_len() == self.0.max_prefix_len()
    }

    /// Whether `other` lies within. An address that carries its network's prefix (`10.0.0.5/24`, as interfaces show it)
    /// counts as the address where it is compared with one address.
    pub(crate) fn holds(&self, other: &Self) -> bool {
        if self.is_host() {
            return self.0.addr() == other.0.addr();
        }
        let has_host_part = other.0.addr() != other.0.network();
        self.0.contains(&other.0.addr())
            && (has_host_part || other.0.prefix_len() >= self.0.prefix_len())
    }
}

impl Ord for Network {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.0.addr(), self.0.prefix_len()).cmp(&(other.0.addr(), other.0.prefix_len()))
    }
}

impl PartialOrd for Network {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(network: &str, address: &str) -> bool {
        Network::read(network)
            .unwrap()
            .holds(&Network::read(address).unwrap())
    }

    #[test]
    fn networks_hold_addresses_of_their_family() {
        assert!(holds("10.0.0.0/8", "10.200.1.1"));
        assert!(holds("10.1.2.3/8", "10.200.1.1"), "host bits do not matter");
        assert!(!holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("2001:db8::/32", "2001:db8:1::5"));
        assert!(!holds("::/0", "10.0.0.1"));
        assert!(holds("0.0.0.0/0", "10.0.0.1"));
        assert!(holds("fe80::/10", "fe80::1%eth0"));
        assert!(holds("10.0.0.5", "10.0.0.5/24"));
        assert!(holds("10.0.0.0/16", "10.0.1.0/24"));
        assert!(!holds("10.0.1.0/24", "10.0.0.0/16"));
        assert!(holds("10.0.0.0/255.0.0.0", "10.9.9.9"));
        assert!(holds("10.0.0.0/8", "::ffff:10.1.1.1"));
    }
}
