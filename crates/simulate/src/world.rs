//! What all endpoints of a simulation share.

use crate::identity::State;
use crate::machine::{Machine, Planted, draw, plant};
use crate::orders::Orders;
use crate::progress::Progress;
use crate::tls::{self, TlsError};
use crate::{Options, SimulateError};
use protocol::message::Trust;
use protocol::token::EnrolmentToken;
use question::ast::{Row, SensorCall};
use question::catalogue::Catalogue;
use rustls::ClientConfig;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;

/// Enrolments at once.
const ENROLMENTS: usize = 64;
/// Handshakes at once: one process stands for thousands of machines, and handshakes that it starts but has no time to finish would
/// only run into their time-outs.
const HANDSHAKES: usize = 128;
/// Row sets kept.
const ROW_SETS: usize = 20_000;

/// Rows by kind of machine, sensor and parameters. Options of a call do not change what a simulated machine has.
type RowSets = HashMap<(u32, String, Vec<String>), Arc<Vec<Row>>>;

/// A trust, and the TLS settings that follow from it.
pub(crate) struct Believed {
    pub(crate) trust: Trust,
    pub(crate) tls: ClientConfig,
}

pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) servers: Vec<String>,
    pub(crate) token: EnrolmentToken,
    pub(crate) state: State,
    pub(crate) progress: Arc<Progress>,
    pub(crate) orders: Orders,
    pub(crate) enrolments: Semaphore,
    pub(crate) handshakes: Semaphore,
    pub(crate) enrolment_tls: Arc<ClientConfig>,
    /// Trusts met, the newest last.
    believed: Mutex<Vec<Arc<Believed>>>,
    planted: HashMap<u32, Planted>,
    rows: Mutex<RowSets>,
    /// Random of this process; with a counter it makes as many numbers as are wanted.
    instance: u64,
    drawn: AtomicU64,
}

impl World {
    pub(crate) fn new(
        options: Options,
        token: EnrolmentToken,
        state: State,
        trust: Option<Trust>,
        progress: Arc<Progress>,
    ) -> Result<Self, SimulateError> {
        let servers = if options.server.is_empty() {
            token.servers.clone()
        } else {
            vec![options.server.clone()]
        };
        if servers.is_empty() {
            return Err(SimulateError::NoServer);
        }
        let mut believed = Vec::new();
        if let Some(trust) = trust {
            believed.push(Arc::new(Believed {
                tls: tls::after_enrolment(&trust)?,
                trust,
            }));
        }
        Ok(Self {
            catalogue: Arc::clone(&options.catalogue),
            servers,
            enrolment_tls: tls::before_enrolment(token.authority_fingerprint)?,
            token,
            state,
            progress,
            orders: Orders::default(),
            enrolments: Semaphore::new(ENROLMENTS),
            handshakes: Semaphore::new(HANDSHAKES),
            believed: Mutex::new(believed),
            planted: plant(options.seed, options.agents),
            rows: Mutex::default(),
            instance: getrandom::u64().map_err(SimulateError::Random)?,
            drawn: AtomicU64::new(0),
            options,
        })
    }

    pub(crate) fn machine(&self, n: u32) -> Machine {
        let mut machine = Machine::new(self.options.seed, n);
        machine.planted = self.planted.get(&n).copied().unwrap_or_default();
        machine
    }

    /// Rows that machines of one kind share, made when first wanted.
    pub(crate) fn shared_rows(
        &self,
        kind: u32,
        call: &SensorCall,
        make: impl FnOnce() -> Arc<Vec<Row>>,
    ) -> Arc<Vec<Row>> {
        let key = (kind, call.sensor.clone(), call.parameters.clone());
        let lock = || self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rows) = lock().get(&key) {
            return Arc::clone(rows);
        }
        let rows = make();
        let mut all = lock();
        if all.len() >= ROW_SETS {
            all.clear();
        }
        Arc::clone(all.entry(key).or_insert(rows))
    }

    /// The newest trust known, for endpoints that come back.
    pub(crate) fn newest_trust(&self) -> Option<Arc<Believed>> {
        let believed = self.believed.lock().unwrap_or_else(PoisonError::into_inner);
        believed.last().cloned()
    }

    /// A trust with its settings; endpoints of the same trust share one. The newest is kept for the next run.
    pub(crate) fn believe(&self, trust: Trust) -> Result<Arc<Believed>, TlsError> {
        let mut believed = self.believed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = believed.iter().find(|b| b.trust == trust) {
            return Ok(Arc::clone(held));
        }
        let made = Arc::new(Believed {
            tls: tls::after_enrolment(&trust)?,
            trust,
        });
        believed.push(Arc::clone(&made));
        believed.sort_by_key(|b| b.trust.version);
        if believed
            .last()
            .is_some_and(|newest| Arc::ptr_eq(newest, &made))
            && let Err(error) = self.state.keep_trust(&made.trust)
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the trust could not be kept for the next run"
            );
        }
        Ok(made)
    }

    /// A random number, not a secret.
    pub(crate) fn random(&self) -> u64 {
        draw(&[self.instance, self.drawn.fetch_add(1, Ordering::Relaxed)])
    }

    /// Random bytes of this run for endpoint `n`.
    pub(crate) fn instance(&self, n: u32) -> Vec<u8> {
        let half = |part| draw(&[self.instance, u64::from(n), part]).to_be_bytes();
        [half(1), half(2)].concat()
    }

    /// Seconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
    }
}
