//! The order machine: numbers, signing, the log that connections read, who has it and who is done.
//!
//! It knows nothing of what an order is for. Whatever is asked of endpoints is a [`Subject`] above it: today questions. A subject hands
//! over what it wants done ([`Draft`]); the store gives the number and keeps the signed order in one transaction; then the
//! subject opens it here, and the log takes it to every endpoint that it is for, as fast as each gives credit
//! ([`protocol::lane`]). The gateway brings back what endpoints report.
//!
//! - [`log`]: the open orders, each connection reading at its own pace.
//! - [`progress`]: who said that the order arrived, and who is done.
//! - [`intake`]: reports on their way from the gateway to the subject, and the memory they take.
//! - [`restore`]: orders read back after a start; only what a known key signed is ever sent again.

mod intake;
mod log;
mod progress;
mod restore;
mod subject;

pub(crate) use intake::{Charge, Delivery, Memory, Receipt, Share};
pub(crate) use log::{Cursor, Due};
pub(crate) use progress::Progress;
pub(crate) use restore::{Distrust, Expected};
pub(crate) use subject::{Shape, Subject, Taken};

use crate::fleet::Fleet;
use crate::identity::Identity;
use crate::model::actor::Actor;
use crate::model::clock::{Clock, Moment};
use crate::model::order::{NewOrder, SealError};
use crate::store::Store;
use answer::EndpointSet;
use jiff::Timestamp;
use log::{OpenOrder, OrderLog};
use protocol::lane::Lane;
use protocol::message::{Order, SignedOrder, ToAgent, payload::Payload, server_says};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// What a subject wants done.
pub(crate) struct Draft {
    pub asked_by: Actor,
    pub issued: Timestamp,
    /// Whole seconds: orders tell time in them.
    pub expires: Timestamp,
    /// `None` means every endpoint, which only some kinds may ask for ([`protocol::order::may_be_for_all`]).
    pub targets: Option<EndpointSet>,
    pub payload: Payload,
}

/// An order that is kept and shall now go out.
pub(crate) struct Ready {
    pub number: u64,
    pub signed: SignedOrder,
    pub lane: Lane,
    pub targets: Option<EndpointSet>,
    /// Who is done, which the subject keeps up to date.
    pub progress: Arc<Progress>,
    pub deadline: Moment,
}

/// An order under way, as the gateway finds it by its number.
#[derive(Clone)]
pub(crate) struct Open {
    pub subject: Arc<dyn Subject>,
    pub progress: Arc<Progress>,
}

/// See the module.
pub struct Orders {
    store: Arc<dyn Store>,
    identity: Arc<Identity>,
    fleet: Arc<Fleet>,
    clock: Clock,
    log: OrderLog,
    open: RwLock<HashMap<u64, Open>>,
}

impl Orders {
    /// No order is open yet.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        identity: Arc<Identity>,
        fleet: Arc<Fleet>,
        clock: Clock,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            identity,
            fleet,
            clock,
            log: OrderLog::default(),
            open: RwLock::default(),
        })
    }

    /// Makes an order ready for the store, which gives the number.
    pub(crate) fn draft(&self, draft: Draft) -> NewOrder {
        let identity = Arc::clone(&self.identity);
        NewOrder {
            expires_at: draft.expires,
            seal: Box::new(move |number| {
                let targets = draft.targets.as_ref().map(EndpointSet::to_bytes);
                let order = Order {
                    number,
                    issued: draft.issued.as_second(),
                    expires: draft.expires.as_second(),
                    asked_by: draft.asked_by.to_string(),
                    asked_by_user: draft.asked_by.user().map_or(0, |id| id.0),
                    asked_by_token: draft.asked_by.token().map_or(0, |id| id.0),
                    approved_by: String::new(),
                    targets: targets.unwrap_or_default(),
                    digest: Vec::new(),
                    payload: Some(draft.payload.clone()),
                };
                let signed = identity.sign(order).ok_or(SealError::NoKey)?;
                if frame(&signed).len() > protocol::frame::MAX {
                    return Err(SealError::TooLarge(protocol::frame::MAX));
                }
                Ok(signed)
            }),
        }
    }

    /// Sends an order that is kept: it goes into the log, and endpoints' reports on it go to this subject.
    pub(crate) fn open(&self, ready: Ready, subject: Arc<dyn Subject>) {
        let opened = Open {
            subject,
            progress: Arc::clone(&ready.progress),
        };
        self.write().insert(ready.number, opened);
        self.tell(ready);
    }

    /// Sends an order that nobody reports on.
    pub(crate) fn tell(&self, ready: Ready) {
        self.log.append(OpenOrder {
            number: ready.number,
            lane: ready.lane,
            progress: ready.progress,
            targets: ready.targets,
            frame: frame(&ready.signed),
            deadline: ready.deadline,
        });
    }

    /// Lets the connections look at the log.
    pub(crate) async fn push(&self) {
        self.fleet.wake_all().await;
    }

    /// The order is not sent any more, and nothing more is taken for it.
    pub(crate) fn close(&self, number: u64) {
        self.recall(number);
        if let Some(open) = self.write().remove(&number) {
            open.progress.close();
            self.fleet.wake_waiting();
        }
    }

    /// The order is not sent any more.
    pub(crate) fn recall(&self, number: u64) {
        self.log.retain(|order| order.number != number);
    }

    /// Forgets orders whose time is over.
    pub(crate) fn expire(&self) {
        let now = self.clock.moment();
        self.log.retain(|order| order.deadline > now);
    }

    /// The order under way with this number.
    pub(crate) fn find(&self, number: u64) -> Option<Open> {
        self.read().get(&number).cloned()
    }

    /// A cursor for a new connection: it gets every open order it has not done.
    pub(crate) fn cursor(&self) -> Cursor {
        self.log.cursor()
    }

    /// Orders that this endpoint has to get, after its cursor, no more of each lane than `room` says.
    pub(crate) fn due(
        &self,
        ordinal: u32,
        cursor: &mut Cursor,
        room: impl Fn(Lane) -> usize,
    ) -> Vec<Due> {
        self.log.take(ordinal, cursor, self.clock.moment(), room)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<u64, Open>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<u64, Open>> {
        self.open.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn frame(signed: &SignedOrder) -> Arc<[u8]> {
    protocol::frame::encode(&ToAgent {
        body: Some(server_says::Body::Order(signed.clone())),
    })
    .into()
}
