//! Signed orders. Whoever is the subject of an order keeps it together with itself; here is what is common to all.

use super::error::Reply;
use crate::model::order::StoredOrder;
use jiff::Timestamp;

/// Orders.
pub trait Orders {
    /// Orders that had not expired at this time, by number.
    fn live_orders(&self, now: Timestamp) -> Reply<'_, Vec<StoredOrder>>;
    /// Puts a new signature in place of an old one; body and number stay.
    fn resign_order(&self, number: u64, key: Vec<u8>, signature: Vec<u8>) -> Reply<'_, ()>;
}
