//! The first seconds of a connection: the TLS handshake, then who it is.
//!
//! A peer without a certificate may say one thing, `Enrol`, in one small frame. A peer with one must be an endpoint that is known and
//! approved; it learns why if it is not. All of it happens within [`super::Timing::introduction`].
//!
//! Of two connections with one identity the one that was there is asked whether it still is ([`Link::answers`]). If not, it
//! gives way: a machine that restarted, or whose network went away. If it is, two processes have one key, whatever either
//! says about its machine; the newcomer has to wait, and the endpoint is shown as doubled.

use super::Gateway;
use crate::fleet::{Joined, Link, Membership};
use crate::identity::{Doubled, KeyStanding, REVOKED, Shown};
use crate::model::endpoint::{Endpoint, Standing};
use crate::model::ids::EndpointId;
use protocol::frame::{self, FrameError};
use protocol::message::{
    Enrolled, Goodbye, Hello, ToAgent, ToServer, Welcome, agent_says, server_says,
};
use sha2::{Digest as _, Sha256};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// An endpoint that may stay.
pub(super) struct Admitted {
    pub membership: Membership,
    pub stream: TlsStream<TcpStream>,
}

/// Why a connection was not admitted.
#[derive(Debug, thiserror::Error)]
enum Rejected {
    #[error("the connection failed")]
    Connection(#[source] std::io::Error),
    #[error("the TLS handshake failed")]
    Handshake(#[source] std::io::Error),
    #[error("the peer does not speak the agent protocol")]
    Alpn,
    #[error("the first message did not come")]
    First(#[source] FrameError),
    #[error("the first message is not the one that has to come first")]
    Unexpected,
    #[error("the certificate does not name an endpoint")]
    Certificate,
    #[error("endpoint {0} is not known here")]
    Unknown(EndpointId),
    #[error("endpoint {0} was revoked")]
    Revoked(EndpointId),
    #[error("endpoint {0} waits for approval")]
    Waiting(EndpointId),
    #[error("endpoint {0} is connected already, and that connection answers")]
    Doubled(EndpointId),
    #[error("endpoint {0} shows a key that another one replaced")]
    OldKey(EndpointId),
    #[error("the reply could not be sent")]
    Reply(#[source] FrameError),
}

impl Rejected {
    fn kind(&self) -> &'static str {
        match self {
            Self::Connection(_) => "connection failed",
            Self::Handshake(_) => "handshake failed",
            Self::Alpn => "other protocol",
            Self::First(_) => "no first message",
            Self::Unexpected => "wrong first message",
            Self::Certificate => "strange certificate",
            Self::Unknown(_) => "unknown endpoint",
            Self::Revoked(_) => "revoked endpoint",
            Self::Waiting(_) => "waiting endpoint",
            Self::Doubled(_) => "doubled endpoint",
            Self::OldKey(_) => "key that was replaced",
            Self::Reply(_) => "did not take the reply",
        }
    }
}

fn say(body: server_says::Body) -> ToAgent {
    ToAgent { body: Some(body) }
}

impl Gateway {
    /// Admits an endpoint, or serves an enrolment and gives nothing.
    pub(super) async fn admit(
        self: &Arc<Self>,
        stream: TcpStream,
        address: SocketAddr,
    ) -> Option<Admitted> {
        let introduction = self.introduce(stream, address);
        match tokio::time::timeout(self.timing.introduction, introduction).await {
            Ok(Ok(admitted)) => admitted,
            Ok(Err(rejected)) => {
                // The first of a kind in full, the others as a number.
                if self.tally.add(rejected.kind(), address.ip()) {
                    tracing::info!(error = &rejected as &dyn std::error::Error, %address, "a connection was not admitted");
                }
                None
            }
            Err(_) => {
                if self.tally.add("no introduction in time", address.ip()) {
                    tracing::info!(%address, "a connection was closed because its peer did not introduce itself in time");
                }
                None
            }
        }
    }

    async fn introduce(
        self: &Arc<Self>,
        stream: TcpStream,
        address: SocketAddr,
    ) -> Result<Option<Admitted>, Rejected> {
        stream.set_nodelay(true).map_err(Rejected::Connection)?;
        let mut stream = self.tls.accept(stream).await.map_err(Rejected::Handshake)?;
        let session = stream.get_ref().1;
        if session.alpn_protocol() != Some(protocol::ALPN) {
            return Err(Rejected::Alpn);
        }
        let shown = session
            .peer_certificates()
            .and_then(|chain| chain.first())
            .map(|certificate| read_certificate(certificate));
        match shown {
            None => {
                self.enrolment(&mut stream, address).await?;
                Ok(None)
            }
            Some(None) => Err(Rejected::Certificate),
            Some(Some((id, key, shown))) => self
                .hello(stream, address, id, &key, &shown)
                .await
                .map(Some),
        }
    }

    async fn enrolment(
        &self,
        stream: &mut TlsStream<TcpStream>,
        address: SocketAddr,
    ) -> Result<(), Rejected> {
        let first: ToServer = frame::read(stream, frame::MAX_FIRST)
            .await
            .map_err(Rejected::First)?;
        let enrolled = match first.body {
            Some(agent_says::Body::Enrol(request)) => {
                self.identity.enrol(request, address.ip()).await
            }
            Some(_) => Enrolled {
                refused: "only an enrolment can be asked for without a certificate".into(),
                ..Enrolled::default()
            },
            None => return Err(Rejected::Unexpected),
        };
        let reply = say(server_says::Body::Enrolled(enrolled));
        frame::write(stream, &reply)
            .await
            .map_err(Rejected::Reply)?;
        farewell(stream).await;
        Ok(())
    }

    async fn hello(
        self: &Arc<Self>,
        mut stream: TlsStream<TcpStream>,
        address: SocketAddr,
        id: EndpointId,
        key: &[u8],
        shown: &Shown,
    ) -> Result<Admitted, Rejected> {
        let Some(endpoint) = self.identity.endpoint(id) else {
            let reason = "this endpoint is not known to the server; enrol it anew";
            dismiss(&mut stream, reason, 60_000, false).await;
            return Err(Rejected::Unknown(id));
        };
        if endpoint.standing != Standing::Approved {
            return Err(self.shut_out(&mut stream, &endpoint).await);
        }
        let standing = endpoint.key_standing(shown.key);
        if standing == KeyStanding::Ended {
            let reason = "this endpoint's key was replaced by a renewal; if another machine did that, enrol this one anew";
            dismiss(&mut stream, reason, 60_000, false).await;
            return Err(Rejected::OldKey(id));
        }
        let first: ToServer = frame::read(&mut stream, frame::MAX_FIRST)
            .await
            .map_err(Rejected::First)?;
        let hello: Hello = match first.body {
            Some(agent_says::Body::Hello(hello)) if hello.protocol > 0 => hello,
            _ => return Err(Rejected::Unexpected),
        };
        let instance = hello.instance.get(..64).unwrap_or(&hello.instance);
        let link = Link::new(
            endpoint.ordinal,
            id,
            instance,
            key,
            address,
            hello.credit,
            self.clock.now(),
        );
        let Some(membership) = self.place(&link).await else {
            let reason = "another process is connected with this identity, and it answers";
            dismiss(&mut stream, reason, 60_000, false).await;
            return Err(Rejected::Doubled(id));
        };
        if standing == KeyStanding::New {
            self.identity.take_key(&endpoint, shown.key).await;
        }
        self.identity
            .certificate_shown(endpoint.ordinal, shown)
            .await;
        self.welcome(&mut stream, &link, &hello, &endpoint.machine, address)
            .await?;
        Ok(Admitted { membership, stream })
    }

    /// A place in the fleet, unless somebody who answers has it.
    async fn place(&self, link: &Arc<Link>) -> Option<Membership> {
        let mut gone: Option<Arc<Link>> = None;
        loop {
            let older = match self.fleet.join(link, gone.as_ref()) {
                Joined::Alone(membership) => return Some(membership),
                Joined::Beside(older) => older,
            };
            if older.answers(self.timing.challenge).await {
                let seen = Doubled {
                    address: link.address(),
                    beside: Some(older.address()),
                    same_instance: older.instance == link.instance,
                };
                self.identity.note_doubled(link.ordinal, seen).await;
                return None;
            }
            gone = Some(older);
        }
    }

    async fn welcome(
        &self,
        stream: &mut TlsStream<TcpStream>,
        link: &Arc<Link>,
        hello: &Hello,
        machine: &[u8],
        address: SocketAddr,
    ) -> Result<(), Rejected> {
        // It may have been revoked between the first look and its joining the fleet.
        match self.identity.by_ordinal(link.ordinal) {
            Some(endpoint) if endpoint.standing == Standing::Approved => {}
            Some(endpoint) => return Err(self.shut_out(stream, &endpoint).await),
            None => return Err(Rejected::Unknown(link.id)),
        }
        if machine != hello.machine.get(..64).unwrap_or(&hello.machine) {
            let seen = Doubled {
                address,
                beside: None,
                same_instance: false,
            };
            self.identity.note_doubled(link.ordinal, seen).await;
        }
        self.identity.introduce(link.ordinal, hello);
        self.saw(link.ordinal);
        let welcome = Welcome {
            protocol: protocol::VERSION,
            ordinal: link.ordinal,
            now: self.clock.now().as_second(),
            keep_alive_seconds: u32::try_from(protocol::KEEP_ALIVE_SECONDS).unwrap_or(60),
        };
        frame::write(stream, &say(server_says::Body::Welcome(welcome)))
            .await
            .map_err(Rejected::Reply)?;
        self.identity.tell_trust(link);
        Ok(())
    }

    async fn shut_out(&self, stream: &mut TlsStream<TcpStream>, endpoint: &Endpoint) -> Rejected {
        if endpoint.standing == Standing::Waiting {
            let reason = "this endpoint waits for an administrator's approval";
            dismiss(stream, reason, 60_000, false).await;
            return Rejected::Waiting(endpoint.id);
        }
        // The signed word ends it for good; the goodbye tells why this connection is closed.
        let frame = self.identity.revoked_frame(endpoint);
        match frame::write_bytes(stream, &frame).await {
            Ok(()) => dismiss(stream, REVOKED, 0, true).await,
            Err(error) => tracing::debug!(%error, "a revoked endpoint did not hear that it is"),
        }
        Rejected::Revoked(endpoint.id)
    }
}

/// Says goodbye to a peer that is not admitted. It may be gone already.
async fn dismiss(
    stream: &mut TlsStream<TcpStream>,
    reason: &str,
    retry_after_ms: u32,
    revoked: bool,
) {
    let goodbye = say(server_says::Body::Goodbye(Goodbye {
        reason: reason.into(),
        retry_after_ms,
        revoked,
    }));
    if frame::write(stream, &goodbye).await.is_ok() {
        farewell(stream).await;
    }
}

/// Closes TLS in order, so that the peer knows that nothing was cut off, and lets it read what was sent before the socket goes.
pub(super) async fn farewell<S: tokio::io::AsyncWrite + Unpin>(stream: &mut S) {
    if let Err(error) = stream.shutdown().await {
        tracing::debug!(%error, "a connection ended before it was closed");
    }
}

/// Endpoint, public key (SubjectPublicKeyInfo) and the rest of a certificate that was verified.
fn read_certificate(der: &[u8]) -> Option<(EndpointId, Vec<u8>, Shown)> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    let name = certificate
        .subject()
        .iter_common_name()
        .next()?
        .as_str()
        .ok()?;
    let id = name.parse().ok()?;
    let key = certificate.public_key().raw;
    let shown = Shown {
        key: Sha256::digest(key).into(),
        digest: Sha256::digest(der).into(),
        issuer: certificate.issuer().as_raw().to_vec(),
        until: certificate.validity().not_after.timestamp(),
    };
    Some((id, key.to_vec(), shown))
}
