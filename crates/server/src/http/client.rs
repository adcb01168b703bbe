//! From where a request comes, for limits, log and audit.
//!
//! That is the other end of the connection. Only where that is a proxy named in the configuration, its `X-Forwarded-For` is read, from
//! the right, for each proxy appends whom it heard: the first address that is no named proxy is the client. What stands further left is
//! the client's own word and is ignored, as are the header of anybody else and every other header of this kind (`Forwarded`, `X-Real-IP`).

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A text that names no proxy.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is neither an address nor a network such as 192.0.2.0/24")]
pub struct ProxyError(String);

/// The proxies that are believed.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// These.
    #[must_use]
    pub fn new(named: Vec<IpNet>) -> Self {
        Self(named)
    }

    /// Reads addresses and networks.
    ///
    /// # Errors
    /// [`ProxyError`].
    pub fn read(texts: &[String]) -> Result<Self, ProxyError> {
        let read = |text: &String| {
            let net = text.parse::<IpNet>();
            net.or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| ProxyError(text.clone()))
        };
        texts.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Whether this address is one of them.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|net| net.contains(&address))
    }

    /// The client behind this peer.
    #[must_use]
    pub fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let mut nearest = peer.ip().to_canonical();
        let lines: Vec<&str> = headers
            .get_all(FORWARDED)
            .iter()
            .map(|line| line.to_str().unwrap_or("?"))
            .collect();
        let mut entries = lines
            .iter()
            .rev()
            .flat_map(|line| line.split(',').rev())
            .map(str::trim);
        while self.has(nearest) {
            // Without a readable entry the proxy itself is the nearest that is known.
            let Some(next) = entries.next().and_then(address) else {
                break;
            };
            nearest = next;
        }
        nearest
    }
}

/// `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`, `[2001:db8::1]:443`.
fn address(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').and_then(|e| e.strip_suffix(']'));
    let address = bare
        .unwrap_or(entry)
        .parse::<IpAddr>()
        .or_else(|_| entry.parse::<SocketAddr>().map(|a| a.ip()))
        .ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn client(named: &[&str], peer: &str, lines: &[&str]) -> String {
        let named = named.iter().map(|n| n.parse().expect("a net")).collect();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED, HeaderValue::from_str(line).expect("a value"));
        }
        let peer = SocketAddr::new(peer.parse().expect("an address"), 9);
        Proxies::new(named).client(peer, &headers).to_string()
    }

    #[test]
    fn only_named_proxies_are_believed_and_from_the_right() {
        let forged = "203.0.113.9, 198.51.100.7";
        for (named, peer, lines, expected) in [
            (&[][..], "192.0.2.1", &[forged][..], "192.0.2.1"),
            (&["10.0.0.0/8"], "192.0.2.1", &[forged], "192.0.2.1"),
            (&["192.0.2.1/32"], "192.0.2.1", &[forged], "198.51.100.7"),
            (
                &["192.0.2.0/24"],
                "::ffff:192.0.2.1",
                &[forged],
                "198.51.100.7",
            ),
            (
                &["192.0.2.0/24", "198.51.100.7/32"],
                "192.0.2.1",
                &[forged],
                "203.0.113.9",
            ),
            (
                &["192.0.2.0/24"],
                "192.0.2.1",
                &["203.0.113.9", "198.51.100.7, 192.0.2.8"],
                "198.51.100.7",
            ),
            (
                &["192.0.2.0/24"],
                "192.0.2.1",
                &["[2001:db8::1]:443"],
                "2001:db8::1",
            ),
            (
                &["192.0.2.0/24"],
                "192.0.2.1",
                &["198.51.100.7:1234"],
                "198.51.100.7",
            ),
            (
                &["192.0.2.0/24"],
                "192.0.2.1",
                &["203.0.113.9, unknown"],
                "192.0.2.1",
            ),
            (&["192.0.2.0/24"], "192.0.2.1", &[], "192.0.2.1"),
            (
                &["0.0.0.0/0"],
                "192.0.2.1",
                &["198.51.100.7"],
                "198.51.100.7",
            ),
        ] {
            assert_eq!(client(named, peer, lines), expected, "{named:?} {lines:?}");
        }
    }
}
