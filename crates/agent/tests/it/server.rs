//! A small server: its own authority, TLS with client certificates, and a conversation that the test leads.

use crate::fake::Fake;
use agent::outside::Outside;
use agent::{AgentError, Config, EnrolOutcome, EnrolmentToken};
use ed25519_dalek::SigningKey;
use prost::Message as _;
use protocol::frame;
use protocol::message::{
    Accepted, AnswerPart, AnswerStored, Credentials, Enrolled, Hello, Holds, Order, QuestionOrder,
    Refusal, Revocation, Revoked, SignedOrder, ToAgent, ToServer, Trust, Welcome, agent_says,
    payload::Payload, server_says,
};
use protocol::order;
use protocol::sealing::SealingKey;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

/// No step of a test takes this long; it only keeps a broken test from waiting for ever.
pub const PATIENCE: Duration = Duration::from_secs(60);
pub const ORDINAL: u32 = 17;

pub fn now() -> i64 {
    agent::desk::now()
}

/// A certificate authority.
pub struct Authority {
    pub der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self {
            der,
            issuer: Issuer::new(params, key),
        }
    }

    /// Signs a request for this endpoint, with a life that began `age` and ends in `left` days.
    pub fn certify(&self, csr: &[u8], endpoint: &str, age: i64, left: i64) -> Vec<u8> {
        self.issue(csr, endpoint, age, left, |asked| asked)
    }

    fn issue(
        &self,
        csr: &[u8],
        endpoint: &str,
        age: i64,
        left: i64,
        sealing: impl FnOnce(Vec<SanType>) -> Vec<SanType>,
    ) -> Vec<u8> {
        let mut request = CertificateSigningRequestParams::from_der(&csr.to_vec().into()).unwrap();
        let names = sealing(request.params.subject_alt_names);
        request.params = CertificateParams::default();
        request.params.subject_alt_names = names;
        request
            .params
            .distinguished_name
            .push(DnType::CommonName, endpoint);
        request.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let today = rcgen::date_time_ymd(1970, 1, 1).unix_timestamp() + now();
        let at = |days: i64| {
            rcgen::date_time_ymd(1970, 1, 1)
                + Duration::from_secs((today + days * 86_400).unsigned_abs())
        };
        request.params.not_before = at(-age);
        request.params.not_after = at(left);
        request.signed_by(&self.issuer).unwrap().der().to_vec()
    }

    /// As a server does that knows nothing of sealing keys.
    pub fn certify_unsealed(&self, csr: &[u8], age: i64, left: i64) -> Vec<u8> {
        self.issue(csr, &hex::encode([0xAB; 32]), age, left, |_| Vec::new())
    }

    /// With a sealing key that is not the endpoint's.
    pub fn certify_other_sealing(&self, csr: &[u8], age: i64, left: i64) -> Vec<u8> {
        let other = SealingKey::generate().unwrap().public().to_string();
        self.issue(csr, &hex::encode([0xAB; 32]), age, left, |_| {
            vec![SanType::URI(other.try_into().unwrap())]
        })
    }

    fn acceptor(&self) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![protocol::SERVER_NAME.to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let leaf = params.signed_by(&key, &self.issuer).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.der.clone())).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .allow_unauthenticated()
                .build()
                .unwrap();
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![leaf.der().clone(), CertificateDer::from(self.der.clone())],
                PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .unwrap();
        config.alpn_protocols = vec![protocol::ALPN.to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

pub struct Server {
    pub authority: Authority,
    pub key: SigningKey,
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Server {
    pub async fn start() -> Self {
        let authority = Authority::new("test authority");
        Self {
            acceptor: authority.acceptor(),
            authority,
            key: SigningKey::from_bytes(&[7; 32]),
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        }
    }

    /// The same server with the certificate of another.
    pub fn shown_as(self, other: &Self) -> Self {
        Self {
            acceptor: other.acceptor.clone(),
            ..self
        }
    }

    pub fn address(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }

    pub fn token(&self) -> EnrolmentToken {
        EnrolmentToken {
            servers: vec![self.address()],
            authority_fingerprint: Sha256::digest(&self.authority.der).into(),
            secret: vec![9; 32],
        }
    }

    pub fn trust(&self) -> Trust {
        Trust {
            version: 1,
            authorities: vec![self.authority.der.clone()],
            order_keys: vec![self.key.verifying_key().to_bytes().to_vec()],
            recovery_keys: Vec::new(),
            servers: Vec::new(),
        }
    }

    pub async fn accept(&self) -> Peer {
        loop {
            let (tcp, _) = timeout(PATIENCE, self.listener.accept())
                .await
                .expect("the agent connects")
                .unwrap();
            if let Ok(stream) = timeout(PATIENCE, self.acceptor.accept(tcp)).await.unwrap() {
                return Peer {
                    stream,
                    holds: None,
                };
            }
        }
    }

    /// Takes a connection and no more.
    pub async fn accept_mute(&self) -> TcpStream {
        let (tcp, _) = timeout(PATIENCE, self.listener.accept())
            .await
            .expect("the agent connects")
            .unwrap();
        tcp
    }

    /// Waits for a TLS handshake that fails.
    pub async fn accept_failure(&self) {
        let (tcp, _) = timeout(PATIENCE, self.listener.accept())
            .await
            .unwrap()
            .unwrap();
        // In TLS 1.3 the server is done before the client has judged it: the failure shows at the first read.
        if let Ok(stream) = self.acceptor.accept(tcp).await {
            let heard: Result<ToServer, _> = frame::read(&mut { stream }, frame::MAX).await;
            assert!(
                heard.is_err(),
                "the agent talks to a server it cannot believe"
            );
        }
    }

    /// Accepts and greets; gives what the agent said of itself.
    pub async fn greet(&self) -> (Peer, Hello) {
        let mut peer = self.accept().await;
        let agent_says::Body::Hello(hello) = peer.hear().await else {
            panic!("no greeting");
        };
        peer.say(server_says::Body::Welcome(Welcome {
            protocol: protocol::VERSION,
            ordinal: ORDINAL,
            now: now(),
            keep_alive_seconds: 60,
        }))
        .await;
        (peer, hello)
    }

    pub fn credentials(&self, csr: &[u8], age: i64, left: i64) -> Credentials {
        let endpoint = hex::encode([0xAB; 32]);
        Credentials {
            certificate: self.authority.certify(csr, &endpoint, age, left),
            ordinal: ORDINAL,
            trust: Some(self.trust()),
        }
    }

    /// Enrols an agent as it was before there were sealing keys.
    pub async fn enrol_unsealed(&self, folder: &Path) {
        self.enrol_with(folder, |csr| self.authority.certify_unsealed(csr, 1, 89))
            .await;
        let path = folder.join("identity.json");
        let text = std::fs::read(&path).unwrap();
        let mut stored: serde_json::Value = serde_json::from_slice(&text).unwrap();
        stored.as_object_mut().unwrap().remove("sealing_key");
        std::fs::write(&path, stored.to_string()).unwrap();
    }

    /// Enrols an agent in this folder.
    pub async fn enrol(&self, folder: &Path) {
        self.enrol_with_life(folder, 1, 89).await;
    }

    pub async fn enrol_with_life(&self, folder: &Path, age: i64, left: i64) {
        let endpoint = hex::encode([0xAB; 32]);
        self.enrol_with(folder, |csr| {
            self.authority.certify(csr, &endpoint, age, left)
        })
        .await;
    }

    async fn enrol_with(&self, folder: &Path, certify: impl FnOnce(&[u8]) -> Vec<u8>) {
        let token = self.token();
        let serve = async {
            let mut peer = self.accept().await;
            let agent_says::Body::Enrol(enrol) = peer.hear().await else {
                panic!("no enrolment");
            };
            assert_eq!(enrol.secret, token.secret);
            let credentials = Credentials {
                certificate: certify(&enrol.csr),
                ordinal: ORDINAL,
                trust: Some(self.trust()),
            };
            peer.say(server_says::Body::Enrolled(Enrolled {
                credentials: Some(credentials),
                ..Enrolled::default()
            }))
            .await;
            peer
        };
        let (outcome, _peer) = tokio::join!(agent::enrol(&token, folder), serve);
        assert_eq!(
            outcome.unwrap(),
            EnrolOutcome::Enrolled { ordinal: ORDINAL }
        );
    }

    pub fn question(&self, number: u64, text: &str) -> Order {
        Order {
            number,
            issued: now() - 1,
            expires: now() + 600,
            asked_by: "tester".into(),
            payload: Some(Payload::Question(QuestionOrder {
                text: text.into(),
                limits: None,
            })),
            ..Order::default()
        }
    }

    /// A revocation of the endpoint that this server enrols, signed by this key.
    pub fn revocation(&self, key: &SigningKey, issued: i64) -> Revoked {
        let revocation = Revocation {
            endpoint: vec![0xAB; 32],
            ordinal: ORDINAL,
            issued,
            reason: "revoked by admin".into(),
        };
        Revoked {
            statements: vec![protocol::revocation::sign(&revocation, key)],
        }
    }

    pub fn sign(&self, order: Order) -> SignedOrder {
        order::sign(order, &self.key)
    }
}

/// The server's end of one connection.
pub struct Peer {
    stream: TlsStream<TcpStream>,
    /// What the agent last said it has on disk.
    pub holds: Option<Holds>,
}

impl Peer {
    pub fn certificate(&self) -> Option<Vec<u8>> {
        let (_, connection) = self.stream.get_ref();
        Some(connection.peer_certificates()?.first()?.to_vec())
    }

    pub async fn say(&mut self, body: server_says::Body) {
        let message = ToAgent { body: Some(body) };
        frame::write(&mut self.stream, &message).await.unwrap();
    }

    pub async fn say_bytes(&mut self, bytes: &[u8]) {
        frame::write_bytes(&mut self.stream, bytes).await.unwrap();
    }

    /// The next message that is not about vitals, or about what the agent holds.
    pub async fn hear(&mut self) -> agent_says::Body {
        loop {
            match self.hear_all().await {
                // Said of whatever takes a while; who waits for it asks for it.
                agent_says::Body::Accepted(_) => {}
                body => return body,
            }
        }
    }

    /// The next order that the agent says it has.
    pub async fn accepted(&mut self) -> Accepted {
        loop {
            if let agent_says::Body::Accepted(accepted) = self.hear_all().await {
                return accepted;
            }
        }
    }

    async fn hear_all(&mut self) -> agent_says::Body {
        loop {
            let message: ToServer = timeout(PATIENCE, frame::read(&mut self.stream, frame::MAX))
                .await
                .expect("the agent says something")
                .unwrap();
            match message.body {
                Some(agent_says::Body::Vitals(_)) => {}
                Some(agent_says::Body::Holds(holds)) => self.holds = Some(holds),
                Some(body) => return body,
                None => panic!("the agent said something unknown"),
            }
        }
    }

    /// Whether the agent closed.
    pub async fn closed(&mut self) -> bool {
        loop {
            let heard: Result<ToServer, _> =
                timeout(PATIENCE, frame::read(&mut self.stream, frame::MAX))
                    .await
                    .unwrap();
            match heard {
                Ok(ToServer {
                    body: Some(agent_says::Body::Vitals(_)),
                }) => {}
                Ok(other) => panic!("{other:?}"),
                Err(_) => return true,
            }
        }
    }

    pub async fn order(&mut self, signed: SignedOrder) {
        self.say(server_says::Body::Order(signed)).await;
    }

    pub async fn refusal(&mut self) -> Refusal {
        match self.hear().await {
            agent_says::Body::Refusal(refusal) => refusal,
            other => panic!("no refusal: {other:?}"),
        }
    }

    /// A whole answer: its parts in order.
    pub async fn answer(&mut self) -> Vec<AnswerPart> {
        let mut parts: Vec<AnswerPart> = Vec::new();
        loop {
            let agent_says::Body::Answer(part) = self.hear().await else {
                panic!("no answer");
            };
            assert_eq!(part.part as usize, parts.len());
            if let Some(first) = parts.first() {
                assert_eq!((part.order, part.attempt), (first.order, first.attempt));
            }
            assert!(part.encoded_len() < frame::MAX);
            let last = part.last;
            parts.push(part);
            if last {
                let rows: usize = parts.iter().map(|p| p.rows.len()).sum();
                assert_eq!(parts.last().map(|p| p.total_rows), Some(rows as u64));
                return parts;
            }
        }
    }

    pub async fn stored(&mut self, parts: &[AnswerPart]) {
        let first = parts.first().unwrap();
        self.say(server_says::Body::Stored(AnswerStored {
            order: first.order,
            attempt: first.attempt,
        }))
        .await;
    }

    /// Returns when the agent has taken in all that was said before: messages are handled in order.
    pub async fn settle(&mut self) {
        self.say(server_says::Body::Ping(4711)).await;
        match self.hear().await {
            agent_says::Body::Pong(4711) => {}
            other => panic!("no pong: {other:?}"),
        }
    }
}

/// A running agent.
pub struct Running {
    pub shutdown: CancellationToken,
    task: JoinHandle<Result<(), AgentError>>,
}

pub fn run(folder: &Path, fake: &Arc<Fake>, servers: &[String]) -> Running {
    run_indexing(folder, fake, servers, None)
}

pub fn run_indexing(
    folder: &Path,
    fake: &Arc<Fake>,
    servers: &[String],
    indexer: Option<Arc<dyn agent::indexing::Indexer>>,
) -> Running {
    run_in(folder, fake, servers, indexer, Outside::default())
}

pub fn run_in(
    folder: &Path,
    fake: &Arc<Fake>,
    servers: &[String],
    indexer: Option<Arc<dyn agent::indexing::Indexer>>,
    outside: Outside,
) -> Running {
    let shutdown = CancellationToken::new();
    let config = Config {
        state_dir: folder.into(),
        servers: servers.to_vec(),
        indexer,
    };
    let sensors = Arc::clone(fake) as Arc<dyn agent::evaluate::source::Sensors>;
    let task = tokio::spawn(agent::run_in(config, sensors, outside, shutdown.clone()));
    Running { shutdown, task }
}

impl Running {
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.ended().await.unwrap();
    }

    pub async fn ended(self) -> Result<(), AgentError> {
        timeout(PATIENCE, self.task)
            .await
            .expect("the agent ends")
            .unwrap()
    }
}
