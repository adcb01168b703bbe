//! A webhook that takes heads of the audit log: HTTPS, one POST of a small JSON object.
//!
//! It believes the authorities it is given and no others: which those are is the administrator's decision, not the system's.

use super::line;
use crate::model::audit::Head;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

/// For one POST.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why a webhook is not usable, or did not take a head.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// An address that is none.
    #[error("this is no https:// address for a webhook")]
    Address,
    /// A token that no header can carry.
    #[error("the webhook's token holds characters that no token has")]
    Token,
    /// Authorities that are none.
    #[error("the webhook's authorities are no certificates in PEM")]
    Authority(#[source] rustls::pki_types::pem::Error),
    /// An authority that cannot be used.
    #[error("an authority of the webhook is not usable")]
    Root(#[source] rustls::Error),
    /// TLS settings.
    #[error("cannot set up TLS")]
    Settings(#[source] rustls::Error),
    /// No connection.
    #[error("cannot connect to the webhook")]
    Connect(#[source] std::io::Error),
    /// HTTP.
    #[error("the webhook does not speak HTTP")]
    Http(#[source] hyper::Error),
    /// A request that cannot be made.
    #[error("the request cannot be made")]
    Request(#[source] hyper::http::Error),
    /// Time is over.
    #[error("the webhook did not answer within {} seconds", TIMEOUT.as_secs())]
    Silent,
    /// The reply.
    #[error("the webhook answered {0}")]
    Status(u16),
    /// Encoding.
    #[error("a head cannot be encoded")]
    Encode(#[source] serde_json::Error),
}

/// Where and how to post.
#[derive(Clone)]
pub struct Webhook {
    host: String,
    port: u16,
    name: ServerName<'static>,
    /// May carry a secret: it is shown nowhere.
    path: String,
    token: Option<HeaderValue>,
    tls: TlsConnector,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook")
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl Webhook {
    /// Posts to this `https://` address, with this bearer token if any. The other side's certificate must come from one of these
    /// authorities (PEM).
    ///
    /// # Errors
    /// [`WebhookError`].
    pub fn new(
        url: &str,
        token: Option<&Zeroizing<String>>,
        authorities: &[u8],
    ) -> Result<Self, WebhookError> {
        let uri: Uri = url.parse().map_err(|_| WebhookError::Address)?;
        let host = uri
            .host()
            .filter(|_| uri.scheme_str() == Some("https"))
            .ok_or(WebhookError::Address)?;
        // An IPv6 address stands in brackets in an address, and without them everywhere else.
        let bare = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let name = ServerName::try_from(bare.clone()).map_err(|_| WebhookError::Address)?;
        let token = token
            .map(|token| {
                let mut value = HeaderValue::try_from(format!("Bearer {}", **token))
                    .map_err(|_| WebhookError::Token)?;
                value.set_sensitive(true);
                Ok(value)
            })
            .transpose()?;
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(authorities) {
            let authority = authority.map_err(WebhookError::Authority)?;
            roots.add(authority).map_err(WebhookError::Root)?;
        }
        if roots.is_empty() {
            let none = rustls::pki_types::pem::Error::NoItemsFound;
            return Err(WebhookError::Authority(none));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(WebhookError::Settings)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            port: uri.port_u16().unwrap_or(443),
            path: uri
                .path_and_query()
                .map_or("/", hyper::http::uri::PathAndQuery::as_str)
                .to_owned(),
            host: bare,
            name,
            token,
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    pub(super) async fn send(&self, head: Head, at: jiff::Timestamp) -> Result<(), WebhookError> {
        tokio::time::timeout(TIMEOUT, self.post(head, at))
            .await
            .map_err(|_| WebhookError::Silent)?
    }

    async fn post(&self, head: Head, at: jiff::Timestamp) -> Result<(), WebhookError> {
        let body = line::write(head, at).map_err(WebhookError::Encode)?;
        let stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(WebhookError::Connect)?;
        let stream = self
            .tls
            .connect(self.name.clone(), stream)
            .await
            .map_err(WebhookError::Connect)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(WebhookError::Http)?;
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&self.path)
            .header(HOST, format!("{}:{}", self.host, self.port))
            .header(CONTENT_TYPE, "application/json");
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token.clone());
        }
        let request = request
            .body(Full::new(bytes::Bytes::from(body)))
            .map_err(WebhookError::Request)?;
        let mut connection = std::pin::pin!(connection);
        let mut reply = std::pin::pin!(sender.send_request(request));
        let mut over = false;
        // The connection works only as long as somebody drives it.
        let reply = loop {
            tokio::select! {
                reply = &mut reply => break reply,
                ended = &mut connection, if !over => {
                    over = true;
                    if let Err(error) = ended {
                        tracing::debug!(%error, "the connection to the webhook ended early");
                    }
                }
            }
        };
        let status = reply.map_err(WebhookError::Http)?.status();
        if status.is_success() {
            Ok(())
        } else {
            Err(WebhookError::Status(status.as_u16()))
        }
    }
}
