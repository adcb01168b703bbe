//! HTTPS to one server, under exactly its own authority: what [`crate::api`] speaks over.
//!
//! hyper's client over rustls, put together here, because clients that choose by themselves whom to believe bring the system's own
//! verifier with them: this command line never asks the system, and the verifier of macOS needs frameworks that only macOS has.
//! Redirects are not followed and no proxy is asked; the API has neither.

use bytes::Bytes;
use futures_util::Stream;
use http_body_util::{BodyExt as _, BodyStream, Full};
use hyper::body::Incoming;
use hyper::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tower::ServiceExt as _;
use tower::timeout::TimeoutLayer;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer as _};

/// How long name, connection and TLS may take together.
const CONNECT: Duration = Duration::from_secs(10);
/// Connections that nobody used for so long are closed.
const IDLE: Duration = Duration::from_secs(90);

/// Why a request has no reply.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The authority is no certificate.
    #[error("the authority certificate is not readable PEM")]
    Authority(#[source] rustls::pki_types::pem::Error),
    /// The authority's file has none.
    #[error("the authority's PEM holds no certificate")]
    NoAuthority,
    /// The authority is none that TLS can use.
    #[error("the authority certificate cannot be used")]
    Root(#[source] rustls::Error),
    /// The TLS library.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
    /// What was given is no address of a server.
    #[error("`{0}` is no address of a server: it must read https://HOST or https://HOST:PORT")]
    Address(String),
    /// It did not come to a reply.
    #[error("{why}")]
    Send {
        /// Why, as people are told it.
        why: Why,
        /// What the library says; in words of its own, so nobody is shown it.
        cause: hyper_util::client::legacy::Error,
    },
    /// The reply ended in its middle.
    #[error("the reply broke off")]
    Body(#[source] hyper::Error),
}

impl HttpError {
    /// Whether the server showed a certificate that no believed authority vouches for.
    #[must_use]
    pub fn is_stranger(&self) -> bool {
        matches!(
            self,
            Self::Send {
                why: Why::Stranger(_),
                ..
            }
        )
    }

    /// Whether the request surely did not reach the server.
    #[must_use]
    pub fn is_unsent(&self) -> bool {
        matches!(self, Self::Send { cause, .. } if cause.is_connect())
    }

    /// Whether it may be otherwise in a moment: the server is not there, or went away.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Send { .. } | Self::Body(_)) && !self.is_stranger()
    }
}

/// Why a request came to no reply.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// The name of the machine says nothing to this one.
    #[error("no machine of this name is known here")]
    NoName,
    /// Nobody listens.
    #[error("nothing listens there; is the server running, and is this its address?")]
    Refused,
    /// No way leads there.
    #[error("no way leads there from this machine")]
    Unreachable,
    /// Nobody says anything.
    #[error("it does not answer within {} seconds", CONNECT.as_secs())]
    Silent,
    /// It shows a certificate that no believed authority vouches for.
    #[error("{0}")]
    Stranger(String),
    /// It speaks something else.
    #[error("{0}; is this the address of console and API?")]
    NotTls(String),
    /// The connection ended before the reply.
    #[error("it ended the connection before it replied")]
    BrokeOff,
    /// What the system says.
    #[error("{0}")]
    Other(String),
}

impl Why {
    /// The first cause that says something.
    fn of(error: &hyper_util::client::legacy::Error) -> Self {
        let cause = std::error::Error::source(error);
        let why = cause.and_then(Self::found);
        why.unwrap_or_else(|| Self::Other("the request could not be sent".to_owned()))
    }

    fn found(cause: &(dyn std::error::Error + 'static)) -> Option<Self> {
        use std::io::ErrorKind as Kind;
        if let Some(error) = cause.downcast_ref::<rustls::Error>() {
            let words = crate::output::tls(error);
            return Some(match error {
                rustls::Error::InvalidCertificate(_) => Self::Stranger(words),
                _ => Self::NotTls(words),
            });
        }
        if cause.is::<tower::timeout::error::Elapsed>() {
            return Some(Self::Silent);
        }
        // The connector's own type is not to be had.
        if cause.to_string().starts_with("dns error") {
            return Some(Self::NoName);
        }
        let deeper =
            |cause: &(dyn std::error::Error + 'static)| cause.source().and_then(Self::found);
        if let Some(error) = cause.downcast_ref::<std::io::Error>() {
            // It hides what it carries from its own causes.
            let carried = error.get_ref().and_then(|inner| Self::found(inner));
            return carried.or_else(|| deeper(cause)).or_else(|| {
                Some(match error.kind() {
                    Kind::ConnectionRefused => Self::Refused,
                    Kind::HostUnreachable | Kind::NetworkUnreachable => Self::Unreachable,
                    Kind::TimedOut => Self::Silent,
                    Kind::UnexpectedEof
                    | Kind::ConnectionReset
                    | Kind::ConnectionAborted
                    | Kind::BrokenPipe => Self::BrokeOff,
                    _ => Self::Other(crate::output::io(error)),
                })
            });
        }
        let found = deeper(cause);
        if found.is_none()
            && let Some(error) = cause.downcast_ref::<hyper::Error>()
        {
            return Some(if error.is_parse() {
                Self::Other("what it says is no HTTP".to_owned())
            } else {
                Self::BrokeOff
            });
        }
        found
    }
}

type Connector = BoxCloneSyncService<Uri, Wire, BoxError>;
type Wire = hyper_rustls::MaybeHttpsStream<hyper_util::rt::TokioIo<tokio::net::TcpStream>>;

/// Connections to a server, and the cookies it gave.
pub struct Http {
    client: Client<Connector, Full<Bytes>>,
    cookies: Mutex<BTreeMap<String, String>>,
}

/// A reply whose body is still to come.
pub struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Incoming,
}

impl Http {
    /// Believes servers that these authorities (PEM) vouch for, and no others.
    pub fn new(authorities: &str) -> Result<Self, HttpError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
            let certificate = certificate.map_err(HttpError::Authority)?;
            roots.add(certificate).map_err(HttpError::Root)?;
        }
        if roots.is_empty() {
            return Err(HttpError::NoAuthority);
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(HttpError::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_only()
            .enable_http1()
            .wrap_connector(tcp);
        let connector = BoxCloneSyncService::new(
            TimeoutLayer::new(CONNECT)
                .layer(https)
                .map_err(BoxError::from),
        );
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Ok(Self {
            client,
            cookies: Mutex::default(),
        })
    }

    /// Sends, with the cookies the server gave earlier.
    pub async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<Reply, HttpError> {
        if let Some(cookies) = self.cookies() {
            request.headers_mut().insert(COOKIE, cookies);
        }
        let sent = self.client.request(request).await;
        let response = sent.map_err(|cause| HttpError::Send {
            why: Why::of(&cause),
            cause,
        })?;
        for header in response.headers().get_all(SET_COOKIE) {
            self.keep(header);
        }
        let (head, body) = response.into_parts();
        Ok(Reply {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    fn cookies(&self) -> Option<HeaderValue> {
        let cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs: Vec<String> = cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let mut value = HeaderValue::from_str(&pairs.join("; ")).ok()?;
        value.set_sensitive(true);
        (!pairs.is_empty()).then_some(value)
    }

    /// There is one server, and all of it is under one path: the attributes of a cookie say nothing new here, but that an empty one
    /// ends it.
    fn keep(&self, header: &HeaderValue) {
        let pair = header.to_str().ok().and_then(|text| text.split(';').next());
        let Some((name, value)) = pair.and_then(|pair| pair.trim().split_once('=')) else {
            return;
        };
        let mut cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        if value.is_empty() {
            cookies.remove(name);
        } else {
            cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

impl Reply {
    /// HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// A header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The whole body.
    pub async fn bytes(self) -> Result<Bytes, HttpError> {
        let body = self.body.collect().await.map_err(HttpError::Body)?;
        Ok(body.to_bytes())
    }

    /// The body as it comes.
    pub fn bytes_stream(self) -> impl Stream<Item = Result<Bytes, HttpError>> + Unpin {
        use futures_util::StreamExt as _;
        let frames = BodyStream::new(self.body);
        Box::pin(frames.filter_map(|frame| {
            std::future::ready(match frame {
                Ok(frame) => frame.into_data().ok().map(Ok),
                Err(error) => Some(Err(HttpError::Body(error))),
            })
        }))
    }
}

/// Checks that this is the address of a server: `https://host`, with a port or without.
pub fn address(url: &str) -> Result<String, HttpError> {
    let url = url.trim_end_matches('/');
    let good = url.parse::<Uri>().is_ok_and(|uri| {
        uri.scheme_str() == Some("https")
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.query().is_none()
    });
    if !good {
        return Err(HttpError::Address(url.to_owned()));
    }
    Ok(url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_https() {
        for good in [
            "https://a:8443",
            "https://a/",
            "https://[::1]:8443",
            "https://a/under/",
        ] {
            assert_eq!(
                address(good).expect("an address"),
                good.trim_end_matches('/')
            );
        }
        for bad in [
            "http://a:8443",
            "a:8443",
            "a",
            "",
            "https://",
            "https://a b",
            "https://a?b=c",
            "ftp://a",
        ] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_authority_is_needed() {
        assert!(matches!(Http::new(""), Err(HttpError::NoAuthority)));
        assert!(matches!(
            Http::new("no certificate"),
            Err(HttpError::NoAuthority)
        ));
        let damaged = "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n";
        assert!(matches!(Http::new(damaged), Err(HttpError::Authority(_))));
        let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(Http::new(empty), Err(HttpError::Root(_))));
    }
}
