//! What all endpoints of a simulation share.

use crate::identity::State;
use crate::machine::draw;
use crate::orders::Orders;
use crate::population::Population;
use crate::progress::Progress;
use crate::tls::{self, TlsError};
use crate::{Options, SimulateError};
use protocol::message::Trust;
use protocol::token::EnrolmentToken;
use rustls::ClientConfig;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Enrolments at once.
const ENROLMENTS: usize = 64;
/// Handshakes at once: one process stands for thousands of machines, and handshakes that it starts but has no time to finish would
/// only run into their time-outs.
const HANDSHAKES: usize = 128;
/// A trust, and the TLS settings that follow from it.
pub(crate) struct Believed {
    pub(crate) trust: Trust,
    pub(crate) tls: ClientConfig,
}

/// What is there from runs before.
pub(crate) struct Before {
    pub(crate) state: State,
    pub(crate) trust: Option<Trust>,
    /// Servers that the folder was made with.
    pub(crate) servers: Vec<String>,
}

/// What lets machines in, and how they know the server that does.
pub(crate) struct Entrance {
    pub(crate) token: EnrolmentToken,
    pub(crate) tls: Arc<ClientConfig>,
}

pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) population: Population,
    pub(crate) servers: Vec<String>,
    /// None where all have their identities.
    pub(crate) entrance: Option<Entrance>,
    pub(crate) state: State,
    pub(crate) progress: Arc<Progress>,
    pub(crate) orders: Orders,
    pub(crate) enrolments: Semaphore,
    /// Cancelled when the token lets nobody in any more.
    pub(crate) closed: CancellationToken,
    pub(crate) handshakes: Semaphore,
    /// Trusts met, the newest last.
    believed: Mutex<Vec<Arc<Believed>>>,
    /// Random of this process; with a counter it makes as many numbers as are wanted.
    instance: u64,
    drawn: AtomicU64,
}

impl World {
    /// Waits until the token lets nobody in any more, and those that were asking then have their answers.
    pub(crate) async fn closed(&self) {
        self.closed.cancelled().await;
        let asking = u32::try_from(ENROLMENTS).unwrap_or(u32::MAX);
        // It fails only where nobody asks any more at all.
        let _all = self.enrolments.acquire_many(asking).await;
    }

    pub(crate) fn new(
        options: Options,
        token: Option<EnrolmentToken>,
        before: Before,
        progress: Arc<Progress>,
    ) -> Result<Self, SimulateError> {
        let Before {
            state,
            trust,
            servers,
        } = before;
        let servers = match (&token, options.server.as_str()) {
            (Some(token), "") => token.servers.clone(),
            (None, "") => servers,
            (_, server) => vec![server.to_owned()],
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
        let entrance = match token {
            Some(token) => Some(Entrance {
                tls: tls::before_enrolment(token.authority_fingerprint)?,
                token,
            }),
            None => None,
        };
        Ok(Self {
            population: Population::new(
                Arc::clone(&options.catalogue),
                options.seed,
                options.agents,
            ),
            servers,
            entrance,
            state,
            progress,
            orders: Orders::default(),
            enrolments: Semaphore::new(ENROLMENTS),
            closed: CancellationToken::new(),
            handshakes: Semaphore::new(HANDSHAKES),
            believed: Mutex::new(believed),
            instance: getrandom::u64().map_err(SimulateError::Random)?,
            drawn: AtomicU64::new(0),
            options,
        })
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
