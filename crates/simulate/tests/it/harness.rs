//! A server with an authority, an order key, and a record of everything that endpoints say.

use answer::EndpointSet;
use ed25519_dalek::SigningKey;
use protocol::frame;
use protocol::message::payload::Payload;
use protocol::message::{
    AnswerPart, AnswerStored, CancelOrder, Credentials, Enrolled, Order, QuestionOrder, Refusal,
    SignedOrder, ToAgent, ToServer, Trust, Welcome, agent_says, server_says,
};
use protocol::token::EnrolmentToken;
use question::catalogue::{Catalogue, Sensor, ValueType};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, PublicKeyData as _,
};
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc};
use tokio_rustls::TlsAcceptor;

pub const SECRET: [u8; 32] = [9; 32];

/// What the server noticed.
#[derive(Debug)]
pub enum Event {
    Enrolled,
    Connected(u32),
    Part(u32, AnswerPart),
    Refused(Refusal),
    Pong(u64),
    Lost,
}

pub struct Server {
    pub address: String,
    pub order_key: SigningKey,
    /// Whether answers are confirmed.
    pub confirm: AtomicBool,
    /// Whether those who enrol wait for approval.
    pub hold_back: AtomicBool,
    /// Keys that asked to be let in, each time.
    pub asked: Mutex<Vec<Vec<u8>>>,
    authority: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
    ordinals: Mutex<HashMap<String, u32>>,
    next: AtomicU32,
    said: broadcast::Sender<Said>,
    events: mpsc::UnboundedSender<Event>,
}

#[derive(Clone, Debug)]
enum Said {
    Message(ToAgent),
    Hang,
}

fn key() -> KeyPair {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap()
}

pub async fn server() -> (Arc<Server>, mpsc::UnboundedReceiver<Event>) {
    let authority_key = key();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(params, authority_key);
    let server_key = key();
    let leaf = CertificateParams::new(vec![protocol::SERVER_NAME.to_owned()])
        .unwrap()
        .signed_by(&server_key, &issuer)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .unwrap();
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![leaf.der().clone(), authority.der().clone()],
            PrivateKeyDer::try_from(server_key.serialize_der()).unwrap(),
        )
        .unwrap();
    tls.alpn_protocols = vec![protocol::ALPN.to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (events, received) = mpsc::unbounded_channel();
    let server = Arc::new(Server {
        address: listener.local_addr().unwrap().to_string(),
        order_key: SigningKey::from_bytes(&[3; 32]),
        confirm: AtomicBool::new(true),
        hold_back: AtomicBool::new(false),
        asked: Mutex::default(),
        authority: authority.der().to_vec(),
        issuer,
        ordinals: Mutex::default(),
        next: AtomicU32::new(0),
        said: broadcast::channel(256).0,
        events,
    });
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let accepting = Arc::clone(&server);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(Arc::clone(&accepting).serve(acceptor.clone(), socket));
        }
    });
    (server, received)
}

impl Server {
    pub fn token(&self) -> EnrolmentToken {
        EnrolmentToken {
            servers: vec![self.address.clone()],
            authority_fingerprint: Sha256::digest(&self.authority).into(),
            secret: SECRET.to_vec(),
        }
    }

    pub fn trust(&self) -> Trust {
        Trust {
            version: 1,
            authorities: vec![self.authority.clone()],
            order_keys: vec![self.order_key.verifying_key().to_bytes().to_vec()],
            recovery_keys: Vec::new(),
            servers: vec![],
        }
    }

    pub fn say(&self, body: server_says::Body) {
        self.said
            .send(Said::Message(ToAgent { body: Some(body) }))
            .unwrap();
    }

    /// Closes every connection without a word.
    pub fn hang(&self) {
        self.said.send(Said::Hang).unwrap();
    }

    pub fn order(&self, number: u64, text: &str) -> Order {
        Order {
            number,
            issued: now(),
            expires: now() + 600,
            asked_by: "test".into(),
            payload: Some(Payload::Question(QuestionOrder {
                text: text.into(),
                limits: None,
            })),
            ..Order::default()
        }
    }

    pub fn ask(&self, number: u64, text: &str) -> SignedOrder {
        let signed = protocol::order::sign(self.order(number, text), &self.order_key);
        self.say(server_says::Body::Order(signed.clone()));
        signed
    }

    /// Takes the order `target` back.
    pub fn cancel(&self, number: u64, target: u64) {
        let all: answer::EndpointSet = (0..self.next.load(Ordering::Relaxed)).collect();
        let order = Order {
            targets: all.to_bytes(),
            payload: Some(Payload::Cancel(CancelOrder { order: target })),
            ..self.order(number, "")
        };
        let signed = protocol::order::sign(order, &self.order_key);
        self.say(server_says::Body::Order(signed));
    }

    async fn serve(self: Arc<Self>, acceptor: TlsAcceptor, socket: TcpStream) {
        let Ok(mut stream) = acceptor.accept(socket).await else {
            self.events.send(Event::Lost).ok();
            return;
        };
        let shown: Option<CertificateDer<'static>> = stream
            .get_ref()
            .1
            .peer_certificates()
            .and_then(|c| c.first().cloned());
        let first: Result<ToServer, _> = frame::read(&mut stream, frame::MAX_FIRST).await;
        let reply = |body| ToAgent { body: Some(body) };
        match (shown, first.map(|f| f.body)) {
            (None, Ok(Some(agent_says::Body::Enrol(request)))) => {
                let enrolled = if request.secret == SECRET {
                    self.events.send(Event::Enrolled).ok();
                    self.enrolled(request.csr)
                } else {
                    Enrolled {
                        refused: "unknown token".into(),
                        ..Enrolled::default()
                    }
                };
                let body = server_says::Body::Enrolled(enrolled);
                frame::write(&mut stream, &reply(body)).await.ok();
            }
            (Some(certificate), Ok(Some(agent_says::Body::Hello(hello)))) => {
                assert_eq!(hello.trust_version, 1);
                assert_eq!((hello.machine.len(), hello.instance.len()), (32, 16));
                let ordinal = self.ordinal(&certificate);
                let mut said = self.said.subscribe();
                let welcome = Welcome {
                    protocol: 1,
                    ordinal,
                    now: now(),
                    keep_alive_seconds: 60,
                };
                let body = server_says::Body::Welcome(welcome);
                frame::write(&mut stream, &reply(body)).await.unwrap();
                self.events.send(Event::Connected(ordinal)).ok();
                let (mut reading, mut writing) = tokio::io::split(stream);
                let (replies, mut to_send) = mpsc::unbounded_channel();
                let me = Arc::clone(&self);
                let reader = tokio::spawn(async move {
                    while let Ok(message) =
                        frame::read::<ToServer, _>(&mut reading, frame::MAX).await
                    {
                        me.heard(ordinal, message.body.unwrap(), &replies);
                    }
                    me.events.send(Event::Lost).ok();
                });
                loop {
                    let message = tokio::select! {
                        said = said.recv() => match said {
                            Ok(Said::Message(message)) => message,
                            _ => break,
                        },
                        reply = to_send.recv() => match reply {
                            Some(message) => message,
                            None => break,
                        },
                    };
                    if frame::write(&mut writing, &message).await.is_err() {
                        break;
                    }
                }
                reader.abort();
            }
            _ => {
                self.events.send(Event::Lost).ok();
            }
        }
    }

    fn heard(
        &self,
        ordinal: u32,
        body: agent_says::Body,
        replies: &mpsc::UnboundedSender<ToAgent>,
    ) {
        match body {
            agent_says::Body::Answer(part) => {
                if part.last && self.confirm.load(Ordering::Relaxed) {
                    let body = server_says::Body::Stored(AnswerStored {
                        order: part.order,
                        attempt: part.attempt,
                    });
                    replies.send(ToAgent { body: Some(body) }).ok();
                }
                self.events.send(Event::Part(ordinal, part)).ok();
            }
            agent_says::Body::Refusal(refusal) => {
                self.events.send(Event::Refused(refusal)).ok();
            }
            agent_says::Body::Pong(value) => {
                self.events.send(Event::Pong(value)).ok();
            }
            agent_says::Body::Ping(value) => {
                let body = server_says::Body::Pong(value);
                replies.send(ToAgent { body: Some(body) }).ok();
            }
            // Late ones say that the order arrived.
            agent_says::Body::Accepted(_) => {}
            other => panic!("{other:?}"),
        }
    }

    fn enrolled(&self, csr: Vec<u8>) -> Enrolled {
        let mut request =
            CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(csr))
                .unwrap();
        let key = request.public_key.der_bytes().to_vec();
        self.asked.lock().unwrap().push(key);
        if self.hold_back.load(Ordering::Relaxed) {
            return Enrolled {
                waiting: true,
                retry_after_seconds: 1,
                ..Enrolled::default()
            };
        }
        let ordinal = self.next.fetch_add(1, Ordering::Relaxed);
        request
            .params
            .distinguished_name
            .push(DnType::CommonName, format!("{ordinal}"));
        request.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = request.signed_by(&self.issuer).unwrap();
        let der = certificate.der().to_vec();
        self.ordinals
            .lock()
            .unwrap()
            .insert(hex::encode(Sha256::digest(&der)), ordinal);
        Enrolled {
            credentials: Some(Credentials {
                certificate: der,
                ordinal,
                trust: Some(self.trust()),
            }),
            ..Enrolled::default()
        }
    }

    fn ordinal(&self, certificate: &CertificateDer<'_>) -> u32 {
        self.ordinals.lock().unwrap()[&hex::encode(Sha256::digest(certificate))]
    }
}

pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// The next event that `wanted` makes something of.
pub async fn until<T>(
    events: &mut mpsc::UnboundedReceiver<Event>,
    mut wanted: impl FnMut(Event) -> Option<T>,
) -> T {
    let waiting = async {
        loop {
            if let Some(found) = wanted(events.recv().await.unwrap()) {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .expect("the event did not come")
}

pub async fn connected(events: &mut mpsc::UnboundedReceiver<Event>, agents: u32) {
    let mut seen = EndpointSet::new();
    until(events, |event| match event {
        Event::Connected(ordinal) => {
            seen.insert(ordinal);
            (seen.len() == u64::from(agents)).then_some(())
        }
        _ => None,
    })
    .await;
}

/// The sensors of this build, and one that simulated machines do not have.
pub fn catalogue() -> Catalogue {
    let tea = Sensor::new("Tea Leaves", "Test", "For tests.").column(
        "Leaf",
        ValueType::Text,
        "Unknown to simulated machines.",
    );
    let shipped = sensors::catalogue();
    Catalogue::new(shipped.sensors().iter().cloned().chain([tea]))
}

pub fn options(server: &Server, agents: u32) -> simulate::Options {
    simulate::Options {
        server: server.address.clone(),
        token: Some(server.token().to_string()),
        agents,
        seed: 42,
        state_dir: None,
        late: 0.0,
        drop_out: 0.0,
        errors: 0.0,
        catalogue: Arc::new(catalogue()),
    }
}
