//! A server in a temporary folder, and agents made of nothing but a key and the protocol.

use answer::State;
use prost::Message as _;
use protocol::frame::{self, FrameError};
use protocol::message::{
    AnswerPart, Enrol, Enrolled, Goodbye, Hello, Holds, Order, SignedOrder, ToAgent, ToServer,
    Trust, WireRow, agent_says, server_says,
};
use protocol::order::Seen;
use protocol::revocation::{Subject, first_valid};
use protocol::sealing::{SealingKey, SealingPublic};
use question::catalogue::{Catalogue, Sensor, ValueType};
use rcgen::{CertificateParams, KeyPair, SanType};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};
use rustls::{ClientConfig, RootCertStore};
use server::access::Reader;
use server::model::actor::Actor;
use server::model::endpoint::{Endpoint, TokenRequest};
use server::model::ids::UserId;
use server::model::ids::{EndpointId, QuestionId};
use server::questions::QuestionInfo;
use server::{Config, Running, Timing};
use sha2::{Digest as _, Sha256};
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_parser::extensions::GeneralName;

/// Upper bound of anything that a test waits for.
pub const LONG: Duration = Duration::from_secs(20);

pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LONG, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not happen within {LONG:?}"),
    }
}

pub fn catalogue() -> Catalogue {
    Catalogue::new([
        Sensor::new("Computer Name", "Host", "The machine's name.")
            .column("Computer Name", ValueType::Text, "Its name.")
            .one_row(),
        Sensor::new("Running Processes", "Processes", "Programs that run.")
            .column("Name", ValueType::Text, "Name of the program.")
            .column("User", ValueType::Text, "Who runs it."),
    ])
}

/// A server under test.
pub struct World {
    pub folder: Arc<tempfile::TempDir>,
    pub running: Running,
    config: Config,
}

impl World {
    pub async fn new() -> Self {
        Self::with(Timing {
            // Most agents here do not answer pings, and leave their old connections lying about.
            challenge: Duration::from_millis(50),
            ..Timing::default()
        })
        .await
    }

    pub async fn with(timing: Timing) -> Self {
        Self::configured(|config| config.timing = timing).await
    }

    pub async fn configured(change: impl FnOnce(&mut Config)) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self::over(folder, change).await.unwrap()
    }

    /// Over this folder, with a configuration that the test changes; or why it did not start.
    pub async fn over(
        folder: Arc<tempfile::TempDir>,
        change: impl FnOnce(&mut Config),
    ) -> Result<Self, server::StartError> {
        let mut config = Config::local(folder.path().to_owned(), catalogue());
        change(&mut config);
        Self::start(folder, config).await
    }

    async fn start(
        folder: Arc<tempfile::TempDir>,
        config: Config,
    ) -> Result<Self, server::StartError> {
        let running = server::start(config.clone()).await?;
        Ok(Self {
            folder,
            running,
            config,
        })
    }

    /// Stops the server; its folder stays.
    pub async fn stop(self) -> Arc<tempfile::TempDir> {
        soon("the drain", self.running.drain()).await;
        self.folder
    }

    /// Stops the server and starts it again over the same folder.
    pub async fn restart(self) -> Self {
        self.restart_after(|_| {}).await
    }

    /// The same, with something done to the folder in between.
    pub async fn restart_after(self, change: impl FnOnce(&Path)) -> Self {
        let Self {
            folder,
            running,
            config,
        } = self;
        soon("the drain", running.drain()).await;
        change(folder.path());
        Self::start(folder, config).await.unwrap()
    }

    /// The same, with something done while the server is stopped, and another configuration afterwards.
    pub async fn restart_with(
        self,
        between: impl AsyncFnOnce(&Path),
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let Self {
            folder,
            running,
            mut config,
        } = self;
        soon("the drain", running.drain()).await;
        between(folder.path()).await;
        change(&mut config);
        Self::start(folder, config).await.unwrap()
    }

    /// The first administrator's, as long as it is unchanged.
    pub fn one_time_password(&self) -> String {
        let first = self.running.first_password.as_ref().unwrap();
        first.password.to_string()
    }

    pub fn identity(&self) -> &server::identity::Identity {
        &self.running.services.identity
    }

    pub async fn token(&self, uses: Option<u32>, approve: bool) -> Vec<u8> {
        let request = TokenRequest {
            uses,
            life: Duration::from_secs(600),
            approve,
        };
        let (_, token) = self.identity().create_token(request, &ada()).await.unwrap();
        token.secret
    }

    /// An enrolled agent.
    pub async fn agent(&self) -> Agent {
        let mut agent = Agent::new();
        let secret = self.token(Some(1), false).await;
        let enrolled = agent.enrol(self, &secret).await;
        assert_eq!(enrolled.refused, "");
        assert!(agent.certificate.is_some());
        agent
    }

    pub fn endpoint(&self, agent: &Agent) -> Endpoint {
        self.identity().by_ordinal(agent.ordinal).unwrap()
    }

    pub async fn ask(&self, text: &str) -> QuestionInfo {
        self.running
            .services
            .questions
            .ask(text, &ada(), &Reader::server(), None, None)
            .await
            .unwrap()
    }

    pub async fn info(&self, id: QuestionId) -> QuestionInfo {
        self.running
            .services
            .questions
            .info(id, &Reader::server())
            .await
            .unwrap()
    }

    /// Follows a question until this holds.
    pub async fn until(
        &self,
        id: QuestionId,
        what: &str,
        holds: impl Fn(&QuestionInfo) -> bool,
    ) -> QuestionInfo {
        let questions = &self.running.services.questions;
        let mut follow = questions.follow(id, &Reader::server()).await.unwrap();
        soon(what, async {
            loop {
                follow.borrow_and_update();
                let info = questions.info(id, &Reader::server()).await.unwrap();
                if holds(&info) {
                    return info;
                }
                follow.changed().await.unwrap();
            }
        })
        .await
    }

    /// Rows of the first table with their counts, sorted.
    pub async fn rows(&self, id: QuestionId) -> Vec<(Vec<String>, u64)> {
        let mut rows = self
            .running
            .services
            .questions
            .with_answer(id, &Reader::server(), |answer, _| {
                let changes = answer.changes(0).unwrap();
                let table = changes.tables.into_iter().find(|t| t.table == 0);
                table.map(|t| t.rows).unwrap_or_default()
            })
            .await
            .unwrap()
            .into_iter()
            .map(|row| {
                let cells = row
                    .cells
                    .iter()
                    .map(|c| String::from_utf8_lossy(c).into_owned())
                    .collect();
                (cells, row.count)
            })
            .collect::<Vec<_>>();
        rows.sort();
        rows
    }
}

pub fn count(info: &QuestionInfo, state: State) -> u64 {
    info.coverage.get(&state).copied().unwrap_or(0)
}

/// A machine with a key, and what the server gave it.
pub struct Agent {
    pub key: KeyPair,
    pub certificate: Option<Vec<u8>>,
    pub ordinal: u32,
    pub trust: Trust,
    pub machine: Vec<u8>,
    pub instance: Vec<u8>,
    pub sealing: Option<SealingKey>,
}

struct Nothing;
impl Seen for Nothing {
    fn completed(&self, _: u64) -> bool {
        false
    }
    fn cancelled(&self, _: u64) -> bool {
        false
    }
}

impl Agent {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let machine = key.public_key_raw().to_vec().into_iter().take(32).collect();
        Self {
            key,
            certificate: None,
            ordinal: 0,
            trust: Trust::default(),
            machine,
            instance: vec![1; 16],
            sealing: Some(SealingKey::generate().unwrap()),
        }
    }

    pub fn request(&self) -> Vec<u8> {
        let mut params = CertificateParams::default();
        if let Some(sealing) = &self.sealing {
            let uri = sealing.public().to_string().try_into().unwrap();
            params.subject_alt_names.push(SanType::URI(uri));
        }
        let request = params.serialize_request(&self.key).unwrap();
        request.der().to_vec()
    }

    /// The sealing key that its certificate names.
    pub fn named_sealing(&self) -> Option<SealingPublic> {
        let der = self.certificate.as_ref().unwrap();
        let (_, certificate) = x509_parser::parse_x509_certificate(der).unwrap();
        let names = certificate.subject_alternative_name().unwrap()?;
        names
            .value
            .general_names
            .iter()
            .find_map(|name| match name {
                GeneralName::URI(uri) => uri.parse().ok(),
                _ => None,
            })
    }

    /// Everything it needs to be taken for the same endpoint.
    pub fn copy(&self) -> Self {
        Self {
            key: KeyPair::from_pem(&self.key.serialize_pem()).unwrap(),
            certificate: self.certificate.clone(),
            ordinal: self.ordinal,
            trust: self.trust.clone(),
            machine: self.machine.clone(),
            instance: self.instance.clone(),
            sealing: self.sealing.clone(),
        }
    }

    /// What it says when it has written down what it was sent.
    pub fn holds(&self) -> agent_says::Body {
        agent_says::Body::Holds(Holds {
            trust_version: self.trust.version,
            certificate: Sha256::digest(self.certificate.as_ref().unwrap()).to_vec(),
        })
    }

    pub async fn enrol(&mut self, world: &World, secret: &[u8]) -> Enrolled {
        let mut channel = Channel::tls(world, None).await.unwrap();
        channel
            .say(agent_says::Body::Enrol(Enrol {
                protocol: 1,
                secret: secret.to_vec(),
                csr: self.request(),
                hostname: "box".into(),
                platform: "linux".into(),
                machine: self.machine.clone(),
            }))
            .await;
        let Some(server_says::Body::Enrolled(enrolled)) = channel.next().await else {
            panic!("no reply to an enrolment");
        };
        if let Some(credentials) = &enrolled.credentials {
            self.take(credentials);
        }
        enrolled
    }

    pub fn take(&mut self, credentials: &protocol::message::Credentials) {
        self.certificate = Some(credentials.certificate.clone());
        self.ordinal = credentials.ordinal;
        if let Some(trust) = &credentials.trust {
            self.trust = trust.clone();
        }
    }

    pub fn hello(&self) -> Hello {
        Hello {
            protocol: 1,
            agent_version: "0.1.0".into(),
            hostname: format!("box-{}", self.ordinal),
            platform: "linux".into(),
            machine: self.machine.clone(),
            instance: self.instance.clone(),
            trust_version: self.trust.version,
            credit: 0,
        }
    }

    /// Connects without saying anything.
    pub async fn mute(&self, world: &World) -> Result<Channel, std::io::Error> {
        Channel::tls(world, Some(self)).await
    }

    /// Connects and says hello; gives the first reply too.
    pub async fn greet(&self, world: &World) -> (Channel, Option<server_says::Body>) {
        let mut channel = self.mute(world).await.unwrap();
        channel.say(agent_says::Body::Hello(self.hello())).await;
        let reply = channel.next().await;
        (channel, reply)
    }

    /// Connects and is welcome.
    pub async fn connect(&self, world: &World) -> Channel {
        let (channel, reply) = self.greet(world).await;
        let Some(server_says::Body::Welcome(welcome)) = reply else {
            panic!("not welcome: {reply:?}");
        };
        assert_eq!(welcome.ordinal, self.ordinal);
        channel
    }

    /// Whether this message ends the agent with this id for good.
    pub fn ends_by(&self, told: Option<&server_says::Body>, id: EndpointId) -> bool {
        let Some(server_says::Body::Revoked(revoked)) = told else {
            return false;
        };
        let subject = Subject {
            order_keys: &self.trust.order_keys,
            endpoint: &id.0,
            ordinal: self.ordinal,
            lifted: None,
        };
        first_valid(&revoked.statements, subject).is_ok()
    }

    /// The checks of an honest agent.
    pub fn check(&self, signed: &SignedOrder) -> Result<Order, protocol::order::Refused> {
        let now = jiff::Timestamp::now().as_second();
        let is_target = |bytes: &[u8]| {
            answer::EndpointSet::from_bytes(bytes).is_ok_and(|set| set.contains(self.ordinal))
        };
        protocol::order::check(signed, &self.trust.order_keys, now, is_target, &Nothing)
    }
}

/// One connection to the agent port.
pub struct Channel {
    pub stream: TlsStream<TcpStream>,
}

impl Channel {
    pub async fn tls(world: &World, agent: Option<&Agent>) -> Result<Self, std::io::Error> {
        let mut roots = RootCertStore::empty();
        let pem = world.identity().authority_pem();
        for authority in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            roots.add(authority.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match agent {
            None => config.with_no_client_auth(),
            Some(agent) => {
                let certificate = CertificateDer::from(agent.certificate.clone().unwrap());
                let key = PrivateKeyDer::try_from(agent.key.serialize_der()).unwrap();
                config
                    .with_client_auth_cert(vec![certificate], key)
                    .unwrap()
            }
        };
        config.alpn_protocols = vec![protocol::ALPN.to_vec()];
        let tcp = TcpStream::connect(world.running.agents).await?;
        let name = ServerName::try_from(protocol::SERVER_NAME).unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let stream = soon("a TLS handshake", connector.connect(name, tcp)).await?;
        Ok(Self { stream })
    }

    pub async fn say(&mut self, body: agent_says::Body) {
        let message = ToServer { body: Some(body) };
        frame::write(&mut self.stream, &message).await.unwrap();
    }

    pub async fn raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// What the server says next; `None` when it closed.
    pub async fn next(&mut self) -> Option<server_says::Body> {
        loop {
            let read = frame::read::<ToAgent, _>(&mut self.stream, frame::MAX);
            match soon("a message of the server", read).await {
                Ok(ToAgent { body: Some(body) }) => return Some(body),
                Ok(ToAgent { body: None }) => {}
                Err(FrameError::Closed | FrameError::Io { .. }) => return None,
                Err(error) => panic!("the server sent nonsense: {error}"),
            }
        }
    }

    pub async fn order(&mut self) -> SignedOrder {
        match self.next().await {
            Some(server_says::Body::Order(order)) => order,
            other => panic!("an order was expected, not {other:?}"),
        }
    }

    pub async fn stored(&mut self) -> (u64, u64) {
        match self.next().await {
            Some(server_says::Body::Stored(stored)) => (stored.order, stored.attempt),
            other => panic!("a receipt was expected, not {other:?}"),
        }
    }

    /// Returns when the server has taken in all that was said before.
    pub async fn settle(&mut self) {
        self.say(agent_says::Body::Ping(4711)).await;
        loop {
            match self.next().await {
                Some(server_says::Body::Pong(4711)) => return,
                Some(_) => {}
                None => panic!("closed"),
            }
        }
    }

    /// Answers pings until the connection ends.
    pub async fn stay(&mut self) {
        while let Some(said) = self.next().await {
            if let server_says::Body::Ping(value) = said {
                self.say(agent_says::Body::Pong(value)).await;
            }
        }
    }

    pub async fn goodbye(&mut self) -> Goodbye {
        loop {
            match self.next().await {
                Some(server_says::Body::Goodbye(goodbye)) => return goodbye,
                Some(_) => {}
                None => panic!("closed without a goodbye"),
            }
        }
    }

    pub async fn closed(&mut self) {
        while self.next().await.is_some() {}
    }

    /// Answers with these rows of the first table, in one part.
    pub async fn answer(&mut self, order: u64, rows: &[&[&str]]) {
        self.say(agent_says::Body::Answer(whole(order, 7, rows)))
            .await;
    }
}

pub fn wire(table: u32, cells: &[&str]) -> WireRow {
    WireRow {
        table,
        cells: cells.iter().map(|c| c.as_bytes().to_vec()).collect(),
    }
}

pub fn whole(order: u64, attempt: u64, rows: &[&[&str]]) -> AnswerPart {
    let mut part = AnswerPart {
        order,
        attempt,
        part: 0,
        last: true,
        rows: rows.iter().map(|cells| wire(0, cells)).collect(),
        total_rows: rows.len() as u64,
        ..AnswerPart::default()
    };
    part.set_state(State::Answered);
    part
}

pub fn number(signed: &SignedOrder) -> u64 {
    Order::decode(signed.body.as_slice()).unwrap().number
}

/// Somebody who may do everything.
pub fn ada() -> Actor {
    Actor::User {
        user: UserId(1),
        name: "ada".into(),
    }
}
