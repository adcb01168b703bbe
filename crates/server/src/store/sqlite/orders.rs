//! Orders in SQLite. A number is given in the transaction that keeps its order.

use super::super::error::{Reply, StoreError};
use super::super::orders::Orders;
use super::SqliteStore;
use super::fault::{Fault, Result};
use super::values::{number, time, unsigned};
use super::writer::Tx;
use crate::model::ids::QuestionId;
use crate::model::order::{NewOrder, OrderKind, StoredOrder};
use jiff::Timestamp;
use protocol::message::SignedOrder;
use rusqlite::{Row, params};

/// The next number: above every number ever given, and not below the clock, so that a store restored from an old backup gives none
/// again.
pub(super) fn next_number(tx: &Tx<'_>) -> Result<u64> {
    let next: i64 = tx
        .prepare_cached("UPDATE order_number SET last = max(last + 1, ?1) RETURNING last")?
        .query_row([tx.now.as_millisecond()], |row| row.get(0))?;
    Ok(unsigned(next))
}

/// Signs an order with its number and keeps it.
pub(super) fn add(
    tx: &Tx<'_>,
    order_number: u64,
    kind: OrderKind,
    order: &NewOrder,
) -> Result<StoredOrder> {
    let signed = (order.seal)(order_number).map_err(|e| Fault::Store(StoreError::Seal(e)))?;
    let (question, cancels) = match kind {
        OrderKind::Question(id) => (id, false),
        OrderKind::Cancel(id) => (id, true),
    };
    tx.prepare_cached(
        "INSERT INTO orders (number, question, cancels, body, key, signature, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        number(order_number),
        question,
        cancels,
        signed.body,
        signed.key,
        signed.signature,
        order.expires_at.as_millisecond()
    ])?;
    Ok(StoredOrder {
        number: order_number,
        kind,
        signed,
        expires_at: order.expires_at,
    })
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredOrder> {
    let question: QuestionId = row.get(1)?;
    let kind = if row.get(2)? {
        OrderKind::Cancel(question)
    } else {
        OrderKind::Question(question)
    };
    Ok(StoredOrder {
        number: unsigned(row.get(0)?),
        kind,
        signed: SignedOrder {
            body: row.get(3)?,
            key: row.get(4)?,
            signature: row.get(5)?,
        },
        expires_at: time(row, 6)?,
    })
}

impl Orders for SqliteStore {
    fn live_orders(&self, now: Timestamp) -> Reply<'_, Vec<StoredOrder>> {
        self.read("reading the open orders", move |db| {
            let mut statement = db.prepare_cached(
                "SELECT number, question, cancels, body, key, signature, expires_at FROM orders
                 WHERE expires_at > ?1 ORDER BY number",
            )?;
            let rows = statement.query_map([now.as_millisecond()], stored)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn resign_order(&self, order: u64, key: Vec<u8>, signature: Vec<u8>) -> Reply<'_, ()> {
        self.write(
            format!("keeping a new signature of order {order}"),
            move |tx| {
                tx.prepare_cached("UPDATE orders SET key = ?2, signature = ?3 WHERE number = ?1")?
                    .execute(params![number(order), key, signature])?;
                Ok(())
            },
        )
    }
}
