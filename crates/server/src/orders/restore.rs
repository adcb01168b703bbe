//! Orders read back from the store. The store is not trusted to speak for the key: an order goes out again only if a key that this
//! server knows signed these very bytes, and the bytes say what the subject says it asked.

use super::{Orders, frame};
use crate::model::actor::Actor;
use crate::model::audit::Deed;
use crate::model::order::StoredOrder;
use crate::store::StoreError;
use prost::Message as _;
use protocol::message::{Order, SignedOrder, payload::Payload};

/// What an order has to say, by what is known elsewhere.
pub(crate) struct Expected {
    pub payload: Payload,
    /// As in the order's field; `None` where nothing else knows them.
    pub targets: Option<Vec<u8>>,
}

/// Why a kept order is not sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Distrust {
    /// No key of this server signed it.
    #[error("it was signed by no key of this server")]
    UnknownKey,
    /// The signature is not over these bytes.
    #[error("its signature does not fit: it was changed in the store")]
    Changed,
    /// It is signed, but asks something else.
    #[error("it does not say what the store says it asked")]
    Other,
}

impl Orders {
    /// Checks an order that was read back, and gives it with a signature that agents accept now: signed anew when its key was
    /// dropped since. What is wrong with it is an alarm: in the log, and in the audit log.
    ///
    /// # Errors
    /// The store's. `Ok(Err(…))` when the order must not be sent.
    pub(crate) async fn take_up(
        &self,
        order: &StoredOrder,
        expected: &Expected,
    ) -> Result<Result<SignedOrder, Distrust>, StoreError> {
        let body = match self.trustworthy(order, expected) {
            Ok(body) => body,
            Err(distrust) => {
                tracing::error!(
                    order = order.number,
                    kind = ?order.kind,
                    %distrust,
                    "ALARM: a kept order is not what was signed and is not sent; somebody changed the store"
                );
                let deed = Deed::new(
                    Actor::Server,
                    "order.distrust",
                    format!("order {}", order.number),
                )
                .with(serde_json::json!({ "why": distrust.to_string() }));
                self.store.note(deed).await?;
                return Ok(Err(distrust));
            }
        };
        if self.identity.key_is_current(&order.signed.key) {
            return Ok(Ok(order.signed.clone()));
        }
        let Some(signed) = self.identity.sign(body) else {
            return Ok(Err(Distrust::UnknownKey));
        };
        self.store
            .resign_order(order.number, signed.key.clone(), signed.signature.clone())
            .await?;
        Ok(Ok(signed))
    }

    fn trustworthy(&self, order: &StoredOrder, expected: &Expected) -> Result<Order, Distrust> {
        if !self.identity.key_was_ours(&order.signed.key) {
            return Err(Distrust::UnknownKey);
        }
        if !protocol::order::is_genuine(&order.signed) {
            return Err(Distrust::Changed);
        }
        let body = Order::decode(order.signed.body.as_slice()).map_err(|_| Distrust::Changed)?;
        let same = body.number == order.number
            && body.payload.as_ref() == Some(&expected.payload)
            && expected.targets.as_ref().is_none_or(|t| *t == body.targets);
        if same { Ok(body) } else { Err(Distrust::Other) }
    }

    /// Puts a new signature on an order in the log, after a key was dropped.
    pub(crate) fn reframe(&self, number: u64, signed: &SignedOrder) {
        self.log.reframe(number, &frame(signed));
    }

    /// Whether agents accept what this key signed.
    pub(crate) fn key_is_current(&self, key: &[u8]) -> bool {
        self.identity.key_is_current(key)
    }
}
