//! Sessions and known devices in SQLite.

use super::super::error::Reply;
use super::super::sessions::{NewSession, Sessions};
use super::SqliteStore;
use super::accounts::{USER, USER_COLUMNS, about, person, user};
use super::chain::append;
use super::fault::Fault;
use crate::model::account::{Device, Digest, Session};
use crate::model::audit::Deed;
use crate::model::ids::{SessionId, UserId};
use rusqlite::{OptionalExtension as _, Row, params};

/// Devices that are known of one user; the one not used for longest makes way.
const DEVICES: u32 = 20;
/// What makes a [`Session`].
fn select(which: &str) -> String {
    format!(
        "SELECT {USER}, s.id, s.digest, s.created_at, s.seen_at, s.address, s.client
         FROM sessions s JOIN users u ON u.id = s.user_id {which}"
    )
}

impl Sessions for SqliteStore {
    fn begin_session(&self, new: NewSession, deed: Deed) -> Reply<'_, ()> {
        let operation = format!("beginning a session of user {}", new.user);
        self.write_small(operation, move |tx| {
            // The password was right a moment ago; who was shut out since has no session that would go on when they are let in again.
            let out: Option<bool> = tx
                .prepare_cached("SELECT disabled_at IS NOT NULL FROM users WHERE id = ?1")?
                .query_row([new.user], |row| row.get(0))
                .optional()?;
            if out == Some(true) {
                return Err(Fault::conflict(format!("user {} is shut out", new.user)));
            }
            tx.prepare_cached("DELETE FROM sessions WHERE seen_at < ?1 OR created_at < ?2")?
                .execute([
                    new.now.saturating_sub(new.limits.idle),
                    new.now.saturating_sub(new.limits.total),
                ])?;
            tx.prepare_cached(
                "INSERT INTO sessions (digest, user_id, created_at, seen_at, address, client)
                 VALUES (?1, ?2, ?3, ?3, ?4, ?5)",
            )?
            .execute(params![
                new.digest,
                new.user,
                new.now,
                new.address,
                new.client
            ])?;
            if let Some(device) = new.device {
                tx.prepare_cached(
                    "INSERT INTO devices (digest, user_id, created_at, seen_at) VALUES (?1, ?2, ?3, ?3)
                     ON CONFLICT DO UPDATE SET seen_at = ?3",
                )?
                .execute(params![device, new.user, new.now])?;
                tx.prepare_cached(
                    "DELETE FROM devices WHERE user_id = ?1 AND digest NOT IN
                     (SELECT digest FROM devices WHERE user_id = ?1 ORDER BY seen_at DESC LIMIT ?2)",
                )?
                .execute(params![new.user, DEVICES])?;
            }
            append(tx, &deed)?;
            Ok(())
        })
    }

    fn device(&self, digest: Digest) -> Reply<'_, Option<Device>> {
        self.read("looking a known device up", move |db| {
            let found = db
                .prepare_cached(
                    "SELECT u.name, d.seen_at FROM devices d JOIN users u ON u.id = d.user_id
                     WHERE d.digest = ?1",
                )?
                .query_row([digest], |row| {
                    Ok(Device {
                        user_name: row.get(0)?,
                        seen_at: row.get(1)?,
                    })
                })
                .optional()?;
            Ok(found)
        })
    }

    fn session(&self, digest: Digest) -> Reply<'_, Option<Session>> {
        self.read("reading a session", move |db| {
            let found = db
                .prepare_cached(&select("WHERE s.digest = ?1"))?
                .query_row([digest], session)
                .optional()?;
            Ok(found)
        })
    }

    fn sessions(&self, of: Option<UserId>) -> Reply<'_, Vec<Session>> {
        self.read("reading the sessions", move |db| {
            let mut statement =
                db.prepare_cached(&select("WHERE ?1 IS NULL OR s.user_id = ?1 ORDER BY s.id"))?;
            let sessions = statement.query_map([of], session)?;
            Ok(sessions.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn touch_session(&self, digest: Digest, now: i64) -> Reply<'_, ()> {
        self.write("noting the use of a session", move |tx| {
            tx.prepare_cached("UPDATE sessions SET seen_at = max(seen_at, ?2) WHERE digest = ?1")?
                .execute(params![digest, now])?;
            Ok(())
        })
    }

    fn end_session(&self, digest: Digest, deed: Deed) -> Reply<'_, ()> {
        self.write_small("ending a session", move |tx| {
            if tx.execute("DELETE FROM sessions WHERE digest = ?1", [digest])? > 0 {
                append(tx, &deed)?;
            }
            Ok(())
        })
    }

    fn end_session_of(&self, id: SessionId, of: Option<UserId>, deed: Deed) -> Reply<'_, ()> {
        self.write_small(format!("ending session {id}"), move |tx| {
            let whose: Option<String> = tx
                .prepare_cached(
                    "SELECT u.name FROM sessions s JOIN users u ON u.id = s.user_id
                     WHERE s.id = ?1 AND (?2 IS NULL OR s.user_id = ?2)",
                )?
                .query_row(params![id, of], |row| row.get(0))
                .optional()?;
            let whose = whose.ok_or_else(|| Fault::missing(format!("session {id}")))?;
            tx.execute("DELETE FROM sessions WHERE id = ?1", [id])?;
            append(tx, &deed.clone().also("user", whose))?;
            Ok(())
        })
    }

    fn end_sessions_of(&self, user: UserId, keep: Option<Digest>, deed: Deed) -> Reply<'_, u64> {
        self.write_small(format!("ending the sessions of user {user}"), move |tx| {
            let ended = tx.execute(
                "DELETE FROM sessions WHERE user_id = ?1 AND digest IS NOT ?2",
                params![user, keep],
            )? as u64;
            tx.execute("DELETE FROM devices WHERE user_id = ?1", [user])?;
            append(tx, &deed.clone().also("sessions_ended", ended))?;
            Ok(ended)
        })
    }

    fn end_sessions(&self, name: String, deed: Deed) -> Reply<'_, u64> {
        let operation = format!("ending the sessions of the user `{name}`");
        self.write_small(operation, move |tx| {
            let person = person(tx, &name)?;
            let id = person.id;
            let ended = tx.execute("DELETE FROM sessions WHERE user_id = ?1", [id])? as u64;
            tx.execute("DELETE FROM devices WHERE user_id = ?1", [id])?;
            append(tx, &about(&deed, &person).also("sessions_ended", ended))?;
            Ok(ended)
        })
    }
}

/// Reads the columns of [`select`].
fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    let at = USER_COLUMNS;
    Ok(Session {
        user: user(row, 0)?,
        id: row.get(at)?,
        digest: row.get(at + 1)?,
        created_at: row.get(at + 2)?,
        seen_at: row.get(at + 3)?,
        address: row.get(at + 4)?,
        client: row.get(at + 5)?,
    })
}
