//! What the sensors Agent Status and Sensor Run Times tell: shared by the link, which knows the connection, and the
//! evaluation, which asks.

use crate::desk::Desk;
use crate::identity::Identity;
use crate::vitals;
use sensors::framework::HostFacts;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

#[derive(Debug, Default)]
struct Connection {
    server: String,
    since: String,
}

/// See the module.
#[derive(Debug)]
pub struct Status {
    endpoint_id: String,
    ordinal: u32,
    state_dir: PathBuf,
    connection: Mutex<Connection>,
    /// Weak, and set later: the desk owns the evaluation that asks here.
    desk: OnceLock<Weak<Desk>>,
}

impl Status {
    /// For this identity, not connected.
    #[must_use]
    pub fn new(identity: &Identity, state_dir: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            endpoint_id: identity
                .named()
                .map(|n| n.endpoint_id.clone())
                .unwrap_or_default(),
            ordinal: identity.ordinal,
            state_dir,
            connection: Mutex::default(),
            desk: OnceLock::new(),
        })
    }

    /// Tells where orders are worked on; the first call counts.
    pub fn watch(&self, desk: &Arc<Desk>) {
        self.desk.get_or_init(|| Arc::downgrade(desk));
    }

    /// A server accepted this endpoint.
    pub fn connected(&self, server: &str) {
        *self.lock() = Connection {
            server: server.into(),
            since: format!("{:.0}", jiff::Timestamp::now()),
        };
    }

    /// The connection ended.
    pub fn disconnected(&self) {
        *self.lock() = Connection::default();
    }

    /// Server of the connection; empty without one.
    #[must_use]
    pub fn server(&self) -> String {
        self.lock().server.clone()
    }

    /// Facts for the sensors, as they are now.
    #[must_use]
    pub fn facts(&self) -> HostFacts {
        let desk = self.desk.get().and_then(Weak::upgrade);
        let hanging = desk.as_ref().map_or(0, |d| d.hanging());
        let mut status = vitals::status(hanging);
        let connection = self.lock();
        status.push(("Ordinal".into(), self.ordinal.to_string()));
        status.push(("Server".into(), connection.server.clone()));
        status.push(("Connected since".into(), connection.since.clone()));
        drop(connection);
        let mut run_times = Vec::new();
        if let Some(desk) = desk {
            let (open, waiting) = desk.load();
            status.push(("Open orders".into(), open.to_string()));
            status.push(("Unacknowledged answers".into(), waiting.to_string()));
            run_times = desk.run_times();
        }
        HostFacts {
            endpoint_id: self.endpoint_id.clone(),
            agent_version: env!("CARGO_PKG_VERSION").into(),
            state_dir: self.state_dir.clone(),
            status,
            run_times,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
