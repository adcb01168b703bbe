//! Putting the server together, and taking it apart in order.
//!
//! Start: all ports bound, store, identity, questions that are still open, first administrator, then both ports served. Drain: no new connections, agents are told when
//! to come back, what was taken is kept, then the store closes. Nothing here decides anything.

use crate::access::{Access, SensorSets};
use crate::audit::{Destinations, Export, Tally};
use crate::auth::{Auth, AuthError, FirstPassword};
use crate::catalogue::SharedCatalogue;
use crate::content::{ContentError, Library};
use crate::data::HalfError;
use crate::fleet::Fleet;
use crate::gateway::{self, Gateway, Limits, Timing};
use crate::http::client::Proxies;
use crate::http::{self, Api};
use crate::identity::{Identity, IdentityError, ManageError, Passphrase, TlsError};
use crate::membership::Memberships;
use crate::model::clock::Clock;
use crate::orders::Orders;
use crate::questions::{QuestionError, Questions};
use crate::quota::Quotas;
use crate::retention::{self, Retention};
use crate::store::sqlite::{self, SqliteStore};
use crate::store::{Store, StoreError};
use protocol::token::EnrolmentToken;
use question::Catalogue;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder for everything that is kept.
    pub data_dir: PathBuf,
    /// Where the HTTPS port listens; port 0 takes a free one.
    pub http: SocketAddr,
    /// Where agents connect; port 0 takes a free one.
    pub agents: SocketAddr,
    /// DNS names and IP addresses by which the server is reached; they stand in its certificate and in enrolment tokens.
    pub names: Vec<String>,
    /// What can be asked.
    pub catalogue: Catalogue,
    /// In which content set each sensor lies.
    pub sensor_sets: SensorSets,
    /// Whether every new endpoint waits for an administrator.
    pub approve_enrolments: bool,
    /// What the private keys are encrypted with at rest.
    pub key_passphrase: Option<Passphrase>,
    /// File with the authority's private key, where that is kept outside the data folder.
    pub authority_key: Option<PathBuf>,
    /// Times of the agent channel.
    pub timing: Timing,
    /// What all agents together may take.
    pub limits: Limits,
    /// What one asker may keep open.
    pub quota: crate::quota::Limits,
    /// Proxies whose word about the client is believed.
    pub proxies: Proxies,
    /// Where health and metrics are served in the clear and without a sign-in, if anywhere; port 0 takes a free one.
    pub metrics: Option<SocketAddr>,
    /// Where heads of the audit log go.
    pub audit: Destinations,
    /// Where time comes from.
    pub clock: Clock,
    /// How the store is opened.
    pub store: sqlite::Options,
    /// How long things stay.
    pub retention: retention::Limits,
}

impl Config {
    /// A server for this machine alone, on free ports.
    #[must_use]
    pub fn local(data_dir: PathBuf, catalogue: Catalogue) -> Self {
        Self {
            data_dir,
            http: SocketAddr::from(([127, 0, 0, 1], 0)),
            agents: SocketAddr::from(([127, 0, 0, 1], 0)),
            names: vec!["localhost".into(), "127.0.0.1".into()],
            catalogue,
            sensor_sets: SensorSets::default(),
            approve_enrolments: false,
            key_passphrase: None,
            authority_key: None,
            timing: Timing::default(),
            limits: Limits::default(),
            quota: crate::quota::Limits::default(),
            proxies: Proxies::default(),
            metrics: None,
            audit: Destinations::default(),
            clock: Clock::system(),
            store: sqlite::Options::default(),
            retention: retention::Limits::default(),
        }
    }
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Half of what a server keeps is missing.
    #[error("the data folder is not whole")]
    Half(#[source] HalfError),
    /// The store.
    #[error("the store cannot be opened")]
    Store(#[source] StoreError),
    /// Keys and certificates.
    #[error("the server's identity cannot be set up")]
    Identity(#[source] IdentityError),
    /// Content.
    #[error("the content cannot be taken up")]
    Content(#[source] ContentError),
    /// Questions.
    #[error("the open questions cannot be taken up")]
    Questions(#[source] QuestionError),
    /// TLS.
    #[error("TLS cannot be set up")]
    Tls(#[source] TlsError),
    /// Users.
    #[error("the first administrator cannot be made")]
    Auth(#[source] AuthError),
    /// The API.
    #[error("the API's description cannot be made")]
    Api(#[source] serde_json::Error),
    /// A port.
    #[error("cannot listen on {address} for {port}; is another server running there?")]
    Listen {
        /// For whom.
        port: Port,
        /// Where.
        address: SocketAddr,
        /// System's error.
        #[source]
        source: std::io::Error,
    },
}

/// A port of the server, by who connects to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// Agents.
    Agents,
    /// Browsers and programs.
    Api,
    /// Whoever watches the server.
    Metrics,
}

impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Agents => "agents",
            Self::Api => "console and API",
            Self::Metrics => "metrics",
        })
    }
}

/// The parts of a running server that work with each other.
#[derive(Clone)]
pub struct Services {
    /// What is kept.
    pub store: Arc<dyn Store>,
    /// What can be asked.
    pub catalogue: SharedCatalogue,
    /// Who is connected.
    pub fleet: Arc<Fleet>,
    /// Who is who.
    pub identity: Arc<Identity>,
    /// What was asked.
    pub questions: Arc<Questions>,
    /// What was imported.
    pub content: Arc<Library>,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
}

/// A server at work.
pub struct Running {
    /// Address of the HTTPS port.
    pub http: SocketAddr,
    /// Address for agents.
    pub agents: SocketAddr,
    /// Address of health and metrics, where they have one.
    pub metrics: Option<SocketAddr>,
    /// An administrator's one-time password, as long as nobody changed it.
    pub first_password: Option<FirstPassword>,
    /// Certificates of the server's authorities, PEM.
    pub authority_pem: String,
    /// The parts.
    pub services: Services,
    auth: Arc<Auth>,
    tally: Arc<Tally>,
    export: Option<Export>,
    gateway: Arc<Gateway>,
    serving: Vec<tokio::task::JoinHandle<()>>,
    sweeping: tokio::task::JoinHandle<()>,
}

/// Starts a server.
///
/// # Errors
/// [`StartError`]; nothing runs then.
pub async fn start(config: Config) -> Result<Running, StartError> {
    #[cfg(unix)]
    allow_connections();
    // All ports before anything is stored: a server that cannot listen on one leaves nothing behind.
    let ports = Ports::open(&config)?;
    crate::data::check(&config.data_dir).map_err(StartError::Half)?;
    let store: Arc<dyn Store> = Arc::new(
        SqliteStore::open_with(&config.data_dir, config.clock.clone(), config.store)
            .map_err(StartError::Store)?,
    );
    crate::audit::announce(store.as_ref())
        .await
        .map_err(StartError::Store)?;
    let audit = config.audit.clone();
    let export = Export::start(audit, Arc::clone(&store), config.clock.clone())
        .await
        .map_err(StartError::Store)?;
    let tally = Tally::start(Arc::clone(&store), config.clock.clone());
    match begin(config, ports, store, Arc::clone(&tally)).await {
        Ok(running) => Ok(Running {
            export: Some(export),
            ..running
        }),
        Err(error) => {
            // They hold the store, which the next start needs.
            tally.stop().await;
            export.stop().await;
            Err(error)
        }
    }
}

/// Whether a server could listen where it is told to, for who has something to make before it starts one.
///
/// # Errors
/// [`StartError::Listen`]
pub fn can_listen(config: &Config) -> Result<(), StartError> {
    Ports::open(config).map(drop)
}

/// Sockets that listen, with where.
struct Ports {
    agents: (TcpListener, SocketAddr),
    http: (TcpListener, SocketAddr),
    metrics: Option<(TcpListener, SocketAddr)>,
}

impl Ports {
    fn open(config: &Config) -> Result<Self, StartError> {
        Ok(Self {
            agents: listen(Port::Agents, config.agents)?,
            http: listen(Port::Api, config.http)?,
            metrics: config
                .metrics
                .map(|at| listen(Port::Metrics, at))
                .transpose()?,
        })
    }
}

async fn begin(
    config: Config,
    ports: Ports,
    store: Arc<dyn Store>,
    tally: Arc<Tally>,
) -> Result<Running, StartError> {
    let Ports {
        agents: (agent_listener, agents),
        http: (http_listener, http),
        metrics: metrics_listener,
    } = ports;
    let catalogue = SharedCatalogue::new(config.catalogue.clone());
    catalogue.set_groups(store.groups().await.map_err(StartError::Store)?);
    let fleet = Arc::new(Fleet::new());
    let identity = Identity::open(
        &config.data_dir,
        crate::identity::Settings {
            names: config.names.clone(),
            approve_all: config.approve_enrolments,
            passphrase: config.key_passphrase,
            authority_key: config.authority_key,
        },
        Arc::clone(&store),
        Arc::clone(&fleet),
        Arc::clone(&tally),
        config.clock.clone(),
    )
    .await
    .map_err(StartError::Identity)?;
    let orders = Orders::new(
        Arc::clone(&store),
        Arc::clone(&identity),
        Arc::clone(&fleet),
        config.clock.clone(),
    );
    let questions = Questions::open(
        &config.data_dir,
        Arc::clone(&store),
        Arc::clone(&fleet),
        Arc::clone(&identity),
        Arc::clone(&orders),
        catalogue.clone(),
        config.clock.clone(),
    )
    .await
    .map_err(StartError::Questions)?;
    let content = Library::open(
        &config.data_dir,
        Arc::clone(&store),
        config.catalogue,
        catalogue.clone(),
        config.clock.clone(),
    )
    .await
    .map_err(StartError::Content)?;
    let services = Services {
        store,
        catalogue,
        fleet,
        identity,
        questions,
        content,
        stop: CancellationToken::new(),
    };

    let access = Access::open(Arc::clone(&services.store), config.sensor_sets)
        .await
        .map_err(StartError::Store)?;
    let auth = Arc::new(
        Auth::new(
            Arc::clone(&services.store),
            Arc::clone(&access),
            Arc::clone(&tally),
            &config.data_dir,
            config.clock.clone(),
        )
        .map_err(StartError::Auth)?,
    );
    let memberships = Memberships {
        store: Arc::clone(&services.store),
        access: Arc::clone(&access),
        questions: Arc::clone(&services.questions),
        identity: Arc::clone(&services.identity),
        fleet: Arc::clone(&services.fleet),
        clock: config.clock.clone(),
    };
    let first_password = auth.first_start().await.map_err(StartError::Auth)?;
    if let Some(first) = &first_password {
        tracing::warn!(name = first.name, file = %first.file.display(), "this administrator's one-time password lies in this file and was not changed yet");
    }
    services
        .identity
        .set_servers(reachable(&config.names, agents));
    let api = Arc::new(Api {
        auth: Arc::clone(&auth),
        access,
        store: Arc::clone(&services.store),
        catalogue: services.catalogue.clone(),
        questions: Arc::clone(&services.questions),
        content: Arc::clone(&services.content),
        identity: Arc::clone(&services.identity),
        fleet: Arc::clone(&services.fleet),
        tally: Arc::clone(&tally),
        quotas: Quotas::new(config.quota),
        proxies: config.proxies.clone(),
        clock: config.clock.clone(),
        metrics: crate::metrics::Metrics::default(),
        requests: http::middleware::RequestIds::new(&config.clock),
        stop: services.stop.clone(),
    });
    let router = http::router(Arc::clone(&api)).map_err(StartError::Api)?;
    let https = services.identity.https().map_err(StartError::Tls)?;
    let gateway = Gateway::start(
        agent_listener,
        Arc::clone(&services.identity),
        Arc::clone(&services.fleet),
        orders,
        config.timing,
        config.limits,
        config.clock.clone(),
    )
    .map_err(StartError::Tls)?;
    let mut serving = vec![tokio::spawn(http::serve(
        http_listener,
        Some(https),
        router,
        config.proxies,
        services.stop.clone(),
    ))];
    let mut metrics = None;
    if let Some((listener, address)) = metrics_listener {
        metrics = Some(address);
        serving.push(tokio::spawn(http::serve(
            listener,
            None,
            http::metrics_router(api),
            Proxies::default(),
            services.stop.clone(),
        )));
    }
    let retention = Retention::new(
        Arc::clone(&services.store),
        Arc::clone(&services.questions),
        config.clock,
        config.retention,
        config.data_dir.join(retention::export::FOLDER),
    );
    let sweeping = tokio::spawn(retention.run(services.stop.clone()));
    serving.push(tokio::spawn(memberships.run(services.stop.clone())));
    tracing::info!(%http, %agents, "the server is ready");
    Ok(Running {
        http,
        agents,
        metrics,
        first_password,
        authority_pem: services.identity.authority_pem(),
        services,
        auth,
        tally,
        export: None,
        gateway,
        serving,
        sweeping,
    })
}

/// Every connection is a file descriptor; most systems start programs with room for about a thousand and allow them to ask for more.
#[cfg(unix)]
fn allow_connections() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let held = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: held.maximum,
        maximum: held.maximum,
    };
    if held.current != held.maximum
        && let Err(error) = setrlimit(Resource::Nofile, wanted)
    {
        tracing::warn!(%error, limit = ?held.current, "the number of open files could not be raised; it bounds the number of agents");
    }
}

fn listen(port: Port, address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen {
        port,
        address,
        source,
    };
    let listener = gateway::listen(address).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Addresses to put into enrolment tokens: every name, or where the socket listens when no name was given.
fn reachable(names: &[String], agents: SocketAddr) -> Vec<String> {
    let port = agents.port();
    if names.is_empty() {
        return vec![agents.to_string()];
    }
    names
        .iter()
        .map(|name| match name.parse::<std::net::Ipv6Addr>() {
            Ok(address) => format!("[{address}]:{port}"),
            Err(_) => format!("{name}:{port}"),
        })
        .collect()
}

impl Running {
    /// A token for the agent on this very machine: one use, ten minutes.
    ///
    /// # Errors
    /// The store's, or no random bytes.
    pub async fn local_token(&self) -> Result<EnrolmentToken, ManageError> {
        self.services.identity.local_token().await
    }

    /// An API token for a program on this very machine.
    ///
    /// # Errors
    /// The store's, or no random bytes.
    pub async fn local_api_token(
        &self,
        life: std::time::Duration,
    ) -> Result<zeroize::Zeroizing<String>, AuthError> {
        self.auth.local_token(life).await
    }

    /// Ends when the server is asked to stop from inside.
    pub async fn ended(&mut self) {
        self.services.stop.cancelled().await;
    }

    /// Stops: tells agents when to come back, lets requests end, keeps what was taken.
    pub async fn drain(self) {
        self.services.stop.cancel();
        self.gateway.drain().await;
        for port in self.serving {
            if let Err(error) = port.await {
                tracing::error!(%error, "a port ended badly");
            }
        }
        if let Err(error) = self.sweeping.await {
            tracing::error!(%error, "the sweeps ended badly");
        }
        self.services.questions.stop().await;
        self.tally.stop().await;
        if let Some(export) = self.export {
            export.stop().await;
        }
        tracing::info!("the server has stopped");
    }
}
