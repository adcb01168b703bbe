//! Orders as the fleet reads them: opened once, admitted by each endpoint.

use crate::evaluate::Asked;
use crate::population::Population;
use answer::EndpointSet;
use prost::Message;
use protocol::message::payload::Payload;
use protocol::message::{Order, SignedOrder};
use protocol::order::{Refused, Seen, admit, open};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Orders kept: more than are ever open at once.
const KEPT: usize = 512;

/// An order whose signature is right.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) order: Order,
    /// Whom it is for; `None` when the bytes are no set, so for nobody.
    targets: Option<EndpointSet>,
    pub(crate) task: Task,
}

#[derive(Debug)]
pub(crate) enum Task {
    Answer(Arc<Asked>),
    Cancel(u64),
}

struct Kept {
    signed: SignedOrder,
    keys: Vec<Vec<u8>>,
    opened: Arc<Opened>,
}

/// Orders opened so far, by signature, and questions read so far, by the digest of the payload.
#[derive(Default)]
pub(crate) struct Orders {
    opened: Mutex<HashMap<Vec<u8>, Kept>>,
    asked: Mutex<HashMap<Vec<u8>, Arc<Asked>>>,
}

impl Orders {
    /// Checks who signed an order and reads it. The outcome for the same bytes and keys is remembered.
    pub(crate) fn open(
        &self,
        signed: SignedOrder,
        keys: &[Vec<u8>],
        population: &Population,
    ) -> Result<Arc<Opened>, Refused> {
        let lock = || self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = lock().get(&signed.signature)
            && kept.signed == signed
            && kept.keys == keys
        {
            return Ok(Arc::clone(&kept.opened));
        }
        let order = open(&signed, keys)?;
        let task = match &order.payload {
            Some(Payload::Question(question)) => {
                let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
                if asked.len() >= KEPT {
                    asked.clear();
                }
                let read = asked
                    .entry(order.digest.clone())
                    .or_insert_with(|| Arc::new(Asked::new(question, population)));
                Task::Answer(Arc::clone(read))
            }
            Some(Payload::Cancel(cancel)) => Task::Cancel(cancel.order),
            None => return Err(Refused::NotUnderstood),
        };
        let opened = Arc::new(Opened {
            targets: EndpointSet::from_bytes(&order.targets).ok(),
            order,
            task,
        });
        let mut all = lock();
        if all.len() >= KEPT {
            all.clear();
        }
        all.insert(
            signed.signature.clone(),
            Kept {
                signed,
                keys: keys.to_vec(),
                opened: Arc::clone(&opened),
            },
        );
        Ok(opened)
    }
}

impl Opened {
    /// The checks that each endpoint makes for itself.
    pub(crate) fn admit(&self, ordinal: u32, now: i64, seen: &impl Seen) -> Result<(), Refused> {
        let is_target = |_: &[u8]| self.targets.as_ref().is_some_and(|t| t.contains(ordinal));
        admit(&self.order, now, is_target, seen)
    }
}

/// The number that a refused order claims; 0 when it cannot be read.
pub(crate) fn claimed_number(signed: &SignedOrder) -> u64 {
    Order::decode(signed.body.as_slice()).map_or(0, |order| order.number)
}
