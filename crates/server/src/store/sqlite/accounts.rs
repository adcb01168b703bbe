//! Users and API tokens in SQLite.

use super::super::accounts::{Accounts, Ended, NewApiToken, NewPassword, NewUser};
use super::super::error::Reply;
use super::SqliteStore;
use super::chain::append;
use super::fault::{Fault, Result};
use crate::model::account::{ApiToken, Digest, User};
use crate::model::audit::Deed;
use crate::model::ids::{ApiTokenId, UserId};
use crate::model::role::{Role, Scopes};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

pub(super) const USER: &str =
    "u.id, u.name, u.role, u.one_time, u.created_at, u.service, u.disabled_at";
/// How many columns [`USER`] has.
pub(super) const USER_COLUMNS: usize = 7;
const TOKEN: &str = "t.id, t.name, t.scopes, t.created_at, t.expires_at, t.used_at";

impl Accounts for SqliteStore {
    fn users(&self) -> Reply<'_, Vec<User>> {
        self.read("reading the users", |db| {
            let mut statement =
                db.prepare_cached(&format!("SELECT {USER} FROM users u ORDER BY u.name"))?;
            let users = statement.query_map([], |row| user(row, 0))?;
            Ok(users.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn user_with_password(&self, name: String) -> Reply<'_, Option<(User, String)>> {
        self.read("reading a user", move |db| {
            let found = db
                .prepare_cached(&format!(
                    "SELECT {USER}, u.password FROM users u WHERE u.name = ?1"
                ))?
                .query_row([name], |row| Ok((user(row, 0)?, row.get(USER_COLUMNS)?)))
                .optional()?;
            Ok(found)
        })
    }

    fn create_user(&self, user: NewUser, deed: Deed) -> Reply<'_, UserId> {
        self.write_small(format!("adding the user `{}`", user.name), move |tx| {
            let id = insert_user(tx, &user)?;
            append(tx, &deed)?;
            Ok(id)
        })
    }

    fn create_first_user(&self, user: NewUser, deed: Deed) -> Reply<'_, bool> {
        self.write_small("adding the first administrator", move |tx| {
            let some = "SELECT EXISTS (SELECT 1 FROM users WHERE service = 0)";
            if tx.query_row(some, [], |row| row.get(0))? {
                return Ok(false);
            }
            insert_user(tx, &user)?;
            append(tx, &deed)?;
            Ok(true)
        })
    }

    fn delete_user(&self, name: String, deed: Deed) -> Reply<'_, ()> {
        self.write_small(format!("removing the user `{name}`"), move |tx| {
            let known: Option<(String, bool)> = tx
                .query_row(
                    "SELECT role, service FROM users WHERE name = ?1",
                    [&name],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()?;
            let (role, service) =
                known.ok_or_else(|| Fault::missing(format!("the user `{name}`")))?;
            if role == Role::Administrator.as_str() && !service {
                not_the_last(tx, &name)?;
            }
            tx.execute("DELETE FROM users WHERE name = ?1", [&name])?;
            append(tx, &deed)?;
            Ok(())
        })
    }

    fn unclaimed(&self) -> Reply<'_, Vec<(User, String)>> {
        self.read("reading the administrators", |db| {
            let mut statement = db.prepare_cached(&format!(
                "SELECT {USER}, u.password FROM users u
                 WHERE u.role = 'administrator' AND u.one_time = 1 AND u.by_server = 1 ORDER BY u.id"
            ))?;
            let found =
                statement.query_map([], |row| Ok((user(row, 0)?, row.get(USER_COLUMNS)?)))?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn reset_user(&self, user: NewUser, deed: Deed) -> Reply<'_, UserId> {
        self.write_small(
            format!("giving the user `{}` a one-time password", user.name),
            move |tx| {
                let known: Option<(UserId, bool)> = tx
                    .query_row(
                        "SELECT id, service FROM users WHERE name = ?1",
                        [&user.name],
                        |row| Ok((row.get(0)?, row.get(1)?)),
                    )
                    .optional()?;
                let id = match known {
                    None => insert_user(tx, &user)?,
                    Some((_, true)) => {
                        return Err(Fault::conflict(format!(
                            "`{}` is the server's own account and has no password",
                            user.name
                        )));
                    }
                    Some((id, false)) => {
                        tx.execute(
                        "UPDATE users SET password = ?2, role = ?3, one_time = ?4, by_server = ?5, disabled_at = NULL
                         WHERE id = ?1",
                        params![
                            id,
                            user.password,
                            user.role.as_str(),
                            user.one_time,
                            user.by_server
                        ],
                    )?;
                        id
                    }
                };
                end_all(tx, id, None, &[])?;
                append(tx, &deed)?;
                Ok(id)
            },
        )
    }

    fn service_token(&self, user: NewUser, token: NewApiToken, deed: Deed) -> Reply<'_, ()> {
        self.write_small("keeping the token of the server's own account", move |tx| {
            let known: Option<(UserId, bool)> = tx
                .query_row(
                    "SELECT id, service FROM users WHERE name = ?1",
                    [&user.name],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()?;
            let id = match known {
                Some((id, true)) => id,
                Some((_, false)) => {
                    return Err(Fault::conflict(format!(
                        "a person has the name `{}`",
                        user.name
                    )));
                }
                None => insert_user(tx, &user)?,
            };
            tx.execute(
                "DELETE FROM api_tokens WHERE user_id = ?1 AND name = ?2",
                params![id, token.name],
            )?;
            insert_token(
                tx,
                &NewApiToken {
                    user: id,
                    ..token.clone()
                },
            )?;
            append(tx, &deed)?;
            Ok(())
        })
    }

    fn set_password(&self, new: NewPassword, mut deed: Deed) -> Reply<'_, Ended> {
        self.write_small(
            format!("keeping a new password of user {}", new.user),
            move |tx| {
                let changed = tx.execute(
                    "UPDATE users SET password = ?2, one_time = 0, by_server = 0 WHERE id = ?1",
                    params![new.user, new.password],
                )?;
                if changed == 0 {
                    return Err(Fault::missing(format!("user {}", new.user)));
                }
                let ended = end_all(tx, new.user, new.keep_session, &new.keep_tokens)?;
                deed.detail = serde_json::json!({
                    "sessions_ended": ended.sessions, "tokens_ended": ended.tokens,
                });
                append(tx, &deed)?;
                Ok(ended)
            },
        )
    }

    fn set_role(&self, name: String, role: Role, deed: Deed) -> Reply<'_, User> {
        let operation = format!("changing the role of the user `{name}`");
        self.write_small(operation, move |tx| {
            let before = person(tx, &name)?;
            if before.role == Role::Administrator && role != Role::Administrator {
                not_the_last(tx, &name)?;
            }
            tx.execute(
                "UPDATE users SET role = ?2 WHERE id = ?1",
                params![before.id, role.as_str()],
            )?;
            let deed = about(&deed, &before).also("before", before.role.as_str());
            append(tx, &deed)?;
            person(tx, &name)
        })
    }

    fn reset_password(&self, name: String, password: String, deed: Deed) -> Reply<'_, Ended> {
        let operation = format!("giving the user `{name}` a one-time password");
        self.write_small(operation, move |tx| {
            let person = person(tx, &name)?;
            let id = person.id;
            tx.execute(
                "UPDATE users SET password = ?2, one_time = 1, by_server = 0 WHERE id = ?1",
                params![id, password],
            )?;
            let ended = end_all(tx, id, None, &[])?;
            let deed = about(&deed, &person).also("sessions_ended", ended.sessions);
            append(tx, &deed.also("tokens_ended", ended.tokens))?;
            Ok(ended)
        })
    }

    fn set_disabled(
        &self,
        name: String,
        since: Option<i64>,
        deed: Deed,
    ) -> Reply<'_, (User, Ended)> {
        let operation = match since {
            Some(_) => format!("shutting the user `{name}` out"),
            None => format!("letting the user `{name}` in again"),
        };
        self.write_small(operation, move |tx| {
            let before = person(tx, &name)?;
            if before.disabled_at.is_some() == since.is_some() {
                // What holds already is no deed, and goes on since it began.
                return Ok((before, Ended::default()));
            }
            if since.is_some() && before.role == Role::Administrator {
                not_the_last(tx, &name)?;
            }
            tx.execute(
                "UPDATE users SET disabled_at = ?2 WHERE id = ?1",
                params![before.id, since],
            )?;
            let ended = end_all(tx, before.id, None, &[])?;
            let deed = about(&deed, &before).also("sessions_ended", ended.sessions);
            append(tx, &deed.also("tokens_ended", ended.tokens))?;
            Ok((person(tx, &name)?, ended))
        })
    }

    fn end_all_access(&self, at: jiff::Timestamp, deed: Deed) -> Reply<'_, ()> {
        self.write_small("ending all sessions and tokens", move |tx| {
            let sessions = tx.execute("DELETE FROM sessions", [])?;
            let api_tokens = tx.execute("DELETE FROM api_tokens", [])?;
            tx.execute("DELETE FROM devices", [])?;
            let enrolment_tokens = tx.execute(
                "UPDATE enrolment_tokens SET revoked_at = ?1 WHERE revoked_at IS NULL",
                [at.as_millisecond()],
            )?;
            let ended = serde_json::json!({
                "sessions": sessions, "api_tokens": api_tokens, "enrolment_tokens": enrolment_tokens,
            });
            append(tx, &deed.clone().also("ended", ended))?;
            Ok(())
        })
    }

    fn api_tokens(&self, of: Option<UserId>) -> Reply<'_, Vec<ApiToken>> {
        self.read("reading the API tokens", move |db| {
            let mut statement = db.prepare_cached(&format!(
                "SELECT {TOKEN}, {USER} FROM api_tokens t JOIN users u ON u.id = t.user_id
                 WHERE ?1 IS NULL OR t.user_id = ?1 ORDER BY t.id"
            ))?;
            let tokens = statement.query_map([of], api_token)?;
            Ok(tokens.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn api_token(&self, digest: Digest) -> Reply<'_, Option<ApiToken>> {
        self.read("reading an API token", move |db| {
            let found = db
                .prepare_cached(&format!(
                    "SELECT {TOKEN}, {USER} FROM api_tokens t JOIN users u ON u.id = t.user_id
                     WHERE t.digest = ?1"
                ))?
                .query_row([digest], api_token)
                .optional()?;
            Ok(found)
        })
    }

    fn create_api_token(&self, token: NewApiToken, deed: Deed) -> Reply<'_, ApiTokenId> {
        self.write_small(
            format!("adding an API token of user {}", token.user),
            move |tx| {
                let id = insert_token(tx, &token)?;
                append(tx, &deed)?;
                Ok(id)
            },
        )
    }

    fn touch_api_token(&self, id: ApiTokenId, now: i64) -> Reply<'_, ()> {
        self.write(format!("noting the use of API token {id}"), move |tx| {
            tx.prepare_cached("UPDATE api_tokens SET used_at = ?2 WHERE id = ?1")?
                .execute(params![id, now])?;
            Ok(())
        })
    }

    fn delete_api_token(&self, id: ApiTokenId, user: Option<UserId>, deed: Deed) -> Reply<'_, ()> {
        self.write_small(format!("removing API token {id}"), move |tx| {
            let deleted = tx.execute(
                "DELETE FROM api_tokens WHERE id = ?1 AND (?2 IS NULL OR user_id = ?2)",
                params![id, user],
            )?;
            if deleted == 0 {
                return Err(Fault::missing(format!("API token {id}")));
            }
            append(tx, &deed)?;
            Ok(())
        })
    }
}

/// The person of this name; the server's own account is none.
pub(super) fn person(tx: &Connection, name: &str) -> Result<User> {
    let found = tx
        .prepare_cached(&format!("SELECT {USER} FROM users u WHERE u.name = ?1"))?
        .query_row([name], |row| user(row, 0))
        .optional()?;
    match found {
        None => Err(Fault::missing(format!("the user `{name}`"))),
        Some(user) if user.service => Err(Fault::conflict(format!(
            "`{name}` is the server's own account: it has no password and no sessions, and its role stays"
        ))),
        Some(user) => Ok(user),
    }
}

/// A deed done to this person, by the name that they have, however it was written.
pub(super) fn about(deed: &Deed, person: &User) -> Deed {
    Deed {
        object: person.name.clone(),
        ..deed.clone()
    }
}

/// Refuses what would leave nobody who administers.
fn not_the_last(tx: &Connection, name: &str) -> Result<()> {
    let others: i64 = tx.query_row(
        "SELECT count(*) FROM users
         WHERE role = 'administrator' AND service = 0 AND disabled_at IS NULL AND name <> ?1",
        [name],
        |row| row.get(0),
    )?;
    if others == 0 {
        return Err(Fault::conflict(format!(
            "`{name}` is the last administrator; add another one first"
        )));
    }
    Ok(())
}

/// Ends a user's sessions and API tokens but for those named, and forgets their devices.
fn end_all(
    tx: &Connection,
    user: UserId,
    keep_session: Option<Digest>,
    keep_tokens: &[ApiTokenId],
) -> Result<Ended> {
    let sessions = tx.execute(
        "DELETE FROM sessions WHERE user_id = ?1 AND digest IS NOT ?2",
        params![user, keep_session],
    )?;
    let ids: Vec<ApiTokenId> = tx
        .prepare_cached("SELECT id FROM api_tokens WHERE user_id = ?1")?
        .query_map([user], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut tokens = 0;
    for id in ids.into_iter().filter(|id| !keep_tokens.contains(id)) {
        tokens += tx
            .prepare_cached("DELETE FROM api_tokens WHERE id = ?1")?
            .execute([id])? as u64;
    }
    tx.execute("DELETE FROM devices WHERE user_id = ?1", [user])?;
    Ok(Ended {
        sessions: sessions as u64,
        tokens,
    })
}

fn insert_token(tx: &Connection, token: &NewApiToken) -> Result<ApiTokenId> {
    Ok(tx.query_row(
        "INSERT INTO api_tokens (digest, name, user_id, scopes, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id",
        params![
            token.digest,
            token.name,
            token.user,
            token.scopes.to_string(),
            token.created_at,
            token.expires_at
        ],
        |row| row.get(0),
    )?)
}

fn insert_user(tx: &Connection, user: &NewUser) -> Result<UserId> {
    let id = tx
        .query_row(
            "INSERT INTO users (name, role, password, one_time, created_at, service, by_server)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING RETURNING id",
            params![
                user.name,
                user.role.as_str(),
                user.password,
                user.one_time,
                user.created_at,
                user.service,
                user.by_server
            ],
            |row| row.get(0),
        )
        .optional()?;
    id.ok_or_else(|| Fault::conflict(format!("a user `{}` exists already", user.name)))
}

/// Reads the columns of [`USER`] from this place on.
pub(super) fn user(row: &Row<'_>, at: usize) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(at)?,
        name: row.get(at + 1)?,
        role: parsed(row, at + 2)?,
        one_time: row.get(at + 3)?,
        created_at: row.get(at + 4)?,
        service: row.get(at + 5)?,
        disabled_at: row.get(at + 6)?,
    })
}

fn api_token(row: &Row<'_>) -> rusqlite::Result<ApiToken> {
    Ok(ApiToken {
        id: row.get(0)?,
        name: row.get(1)?,
        scopes: parsed::<Scopes>(row, 2)?,
        created_at: row.get(3)?,
        expires_at: row.get(4)?,
        used_at: row.get(5)?,
        user: user(row, 6)?,
    })
}

fn parsed<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.get::<_, String>(column)?.parse().map_err(|e: T::Err| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, e.into())
    })
}
