//! Endpoints and enrolment tokens in SQLite.

use super::super::endpoints::{Applicant, Endpoints, Enrolment, NewToken, Sighting};
use super::super::error::Reply;
use super::SqliteStore;
use super::chain::append;
use super::fault::{Fault, Result};
use super::values::{maybe_time, time};
use super::writer::Tx;
use crate::model::actor::Actor;
use crate::model::audit::Deed;
use crate::model::endpoint::{Endpoint, Keys, Refusal, Standing, TokenInfo};
use crate::model::ids::TokenId;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

const ENDPOINT: &str = "SELECT id, ordinal, hostname, platform, agent_version, standing, doubled, enrolled_at, last_seen,
    certificate_until, machine, trust_version, issuer, current_key, next_key, sealing_key FROM endpoints";
const TOKEN: &str = "SELECT id, uses, used, expires_at, approve, created_by, created_at, revoked_at FROM enrolment_tokens";

fn standing_number(standing: Standing) -> i64 {
    match standing {
        Standing::Waiting => 0,
        Standing::Approved => 1,
        Standing::Revoked => 2,
    }
}

fn endpoint(row: &Row<'_>) -> rusqlite::Result<Endpoint> {
    Ok(Endpoint {
        id: row.get(0)?,
        ordinal: row.get(1)?,
        hostname: row.get(2)?,
        platform: row.get(3)?,
        agent_version: row.get(4)?,
        standing: match row.get::<_, i64>(5)? {
            0 => Standing::Waiting,
            1 => Standing::Approved,
            // Whatever this program does not know must not get in.
            _ => Standing::Revoked,
        },
        doubled: row.get(6)?,
        enrolled_at: time(row, 7)?,
        last_seen: maybe_time(row, 8)?,
        certificate_until: maybe_time(row, 9)?,
        machine: row.get(10)?,
        trust_version: u64::try_from(row.get::<_, i64>(11)?).unwrap_or(0),
        issuer: row.get(12)?,
        keys: Keys {
            current: row.get(13)?,
            next: row.get(14)?,
            sealing: row.get(15)?,
        },
    })
}

fn token(row: &Row<'_>) -> rusqlite::Result<TokenInfo> {
    Ok(TokenInfo {
        id: row.get(0)?,
        uses: row.get(1)?,
        used: row.get(2)?,
        expires_at: time(row, 3)?,
        approve: row.get(4)?,
        created_by: row.get(5)?,
        created_at: time(row, 6)?,
        revoked_at: maybe_time(row, 7)?,
    })
}

impl Endpoints for SqliteStore {
    fn endpoints(&self) -> Reply<'_, Vec<Endpoint>> {
        self.read("reading the endpoints", |db| {
            let mut statement = db.prepare_cached(&format!("{ENDPOINT} ORDER BY ordinal"))?;
            let rows = statement.query_map([], endpoint)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn enrol(&self, applicant: Applicant) -> Reply<'_, Enrolment> {
        self.write("enrolling an endpoint", move |tx| enrol(tx, &applicant))
    }

    fn set_standing(&self, ordinal: u32, standing: Standing, deed: Deed) -> Reply<'_, ()> {
        self.write_small(format!("changing the standing of endpoint {ordinal}"), move |tx| {
            let clears = standing == Standing::Approved;
            let changed = tx
                .prepare_cached(
                    "UPDATE endpoints SET standing = ?2, doubled = CASE WHEN ?3 THEN 0 ELSE doubled END
                     WHERE ordinal = ?1",
                )?
                .execute(params![ordinal, standing_number(standing), clears])?;
            present(changed, || format!("endpoint {ordinal}"))?;
            append(tx, &deed)?;
            Ok(())
        })
    }

    fn set_doubled(&self, ordinal: u32, deed: Deed) -> Reply<'_, ()> {
        self.write_small(
            format!("marking endpoint {ordinal} as doubled"),
            move |tx| {
                let changed = tx
                    .prepare_cached("UPDATE endpoints SET doubled = 1 WHERE ordinal = ?1")?
                    .execute([ordinal])?;
                present(changed, || format!("endpoint {ordinal}"))?;
                append(tx, &deed)?;
                Ok(())
            },
        )
    }

    fn set_keys(&self, ordinal: u32, keys: Keys, deed: Option<Deed>) -> Reply<'_, ()> {
        self.write(
            format!("keeping the keys of endpoint {ordinal}"),
            move |tx| {
                let changed = set_keys(tx, ordinal, keys)?;
                present(changed, || format!("endpoint {ordinal}"))?;
                if let Some(deed) = deed {
                    append(tx, &deed)?;
                }
                Ok(())
            },
        )
    }

    fn certificates_issued(&self, issued: Vec<(u32, String, Timestamp)>) -> Reply<'_, ()> {
        self.write("noting issued certificates", move |tx| {
            let mut statement = tx.prepare_cached(
                "UPDATE endpoints SET issuer = ?2, certificate_until = ?3 WHERE ordinal = ?1",
            )?;
            for (ordinal, issuer, until) in issued {
                statement.execute(params![ordinal, issuer, until.as_millisecond()])?;
            }
            Ok(())
        })
    }

    fn sightings(&self, sightings: Vec<Sighting>) -> Reply<'_, ()> {
        self.write("noting which endpoints were seen", move |tx| {
            let mut statement = tx.prepare_cached(
                "UPDATE endpoints SET last_seen = ?2, hostname = ?3, platform = ?4, agent_version = ?5, machine = ?6,
                 trust_version = ?7 WHERE ordinal = ?1",
            )?;
            for s in sightings {
                statement.execute(params![
                    s.ordinal,
                    s.at.as_millisecond(),
                    s.hostname,
                    s.platform,
                    s.agent_version,
                    s.machine,
                    i64::try_from(s.trust_version).unwrap_or(i64::MAX)
                ])?;
            }
            Ok(())
        })
    }

    fn add_token(&self, new: NewToken, mut deed: Deed) -> Reply<'_, TokenInfo> {
        self.write_small("adding an enrolment token", move |tx| {
            tx.prepare_cached(
                "INSERT INTO enrolment_tokens (secret, uses, expires_at, approve, created_by, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                new.secret,
                new.uses,
                new.expires_at.as_millisecond(),
                new.approve,
                new.created_by,
                new.created_at.as_millisecond()
            ])?;
            let made = tx.query_row(
                &format!("{TOKEN} WHERE id = ?1"),
                [tx.last_insert_rowid()],
                token,
            )?;
            deed.object = format!("token {}", made.id);
            append(tx, &deed)?;
            Ok(made)
        })
    }

    fn tokens(&self) -> Reply<'_, Vec<TokenInfo>> {
        self.read("reading the enrolment tokens", |db| {
            let mut statement = db.prepare_cached(&format!("{TOKEN} ORDER BY id DESC"))?;
            let rows = statement.query_map([], token)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn revoke_token(&self, id: TokenId, at: Timestamp, deed: Deed) -> Reply<'_, ()> {
        self.write_small(format!("withdrawing enrolment token {id}"), move |tx| {
            let changed = tx
                .prepare_cached(
                    "UPDATE enrolment_tokens SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1",
                )?
                .execute(params![id, at.as_millisecond()])?;
            present(changed, || format!("enrolment token {id}"))?;
            append(tx, &deed)?;
            Ok(())
        })
    }
}

fn set_keys(tx: &Connection, ordinal: u32, keys: Keys) -> Result<usize> {
    let mut statement = tx.prepare_cached(
        "UPDATE endpoints SET current_key = ?2, next_key = ?3, sealing_key = ?4 WHERE ordinal = ?1",
    )?;
    Ok(statement.execute(params![ordinal, keys.current, keys.next, keys.sealing])?)
}

fn present(changed: usize, what: impl FnOnce() -> String) -> Result<()> {
    if changed == 0 {
        return Err(Fault::missing(what()));
    }
    Ok(())
}

fn enrol(tx: &Tx<'_>, applicant: &Applicant) -> Result<Enrolment> {
    let found = tx
        .prepare_cached(&format!("{TOKEN} WHERE secret = ?1"))?
        .query_row([applicant.secret], token)
        .optional()?;
    let Some(token) = found else {
        return Ok(Enrolment::Refused(Refusal::UnknownToken));
    };
    let known = tx
        .prepare_cached(&format!("{ENDPOINT} WHERE id = ?1"))?
        .query_row([applicant.id], endpoint)
        .optional()?;
    if let Some(mut endpoint) = known {
        let by_this: bool = tx
            .prepare_cached("SELECT token = ?2 FROM endpoints WHERE ordinal = ?1")?
            .query_row(params![endpoint.ordinal, token.id], |row| row.get(0))?;
        // The machine that was let in by this token asks again: approval may have taken longer than the token lived.
        if by_this && token.revoked_at.is_none() {
            take_sealing(tx, &mut endpoint, applicant)?;
            return Ok(Enrolment::Known {
                endpoint,
                added: false,
            });
        }
        if let Some(refusal) = refusal(&token, applicant.now) {
            return Ok(Enrolment::Refused(refusal));
        }
        if endpoint.standing == Standing::Revoked {
            return Ok(Enrolment::Refused(Refusal::Revoked));
        }
        count_use(tx, token.id)?;
        tx.prepare_cached("UPDATE endpoints SET token = ?2 WHERE ordinal = ?1")?
            .execute(params![endpoint.ordinal, token.id])?;
        // An administrator's token speaks for the key that shows it, whatever renewals made of it.
        endpoint.keys.current = Some(applicant.id.0);
        endpoint.keys.next = None;
        set_keys(tx, endpoint.ordinal, endpoint.keys)?;
        take_sealing(tx, &mut endpoint, applicant)?;
        return Ok(Enrolment::Known {
            endpoint,
            added: false,
        });
    }
    if let Some(refusal) = refusal(&token, applicant.now) {
        return Ok(Enrolment::Refused(refusal));
    }
    count_use(tx, token.id)?;
    let standing = if token.approve {
        Standing::Waiting
    } else {
        Standing::Approved
    };
    tx.prepare_cached(
        "INSERT INTO endpoints (id, standing, token, hostname, platform, machine, enrolled_at, current_key, sealing_key)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?1, ?8)",
    )?
    .execute(params![
        applicant.id,
        standing_number(standing),
        token.id,
        applicant.hostname,
        applicant.platform,
        applicant.machine,
        applicant.now.as_millisecond(),
        applicant.sealing
    ])?;
    let endpoint = tx
        .prepare_cached(&format!("{ENDPOINT} WHERE ordinal = ?1"))?
        .query_row([tx.last_insert_rowid()], endpoint)?;
    append(
        tx,
        &Deed::new(
            Actor::endpoint(endpoint.id),
            "endpoint.enrol",
            format!("endpoint {}", endpoint.id),
        )
        .with(serde_json::json!({
            "token": token.id, "ordinal": endpoint.ordinal, "hostname": endpoint.hostname, "standing": standing,
        })),
    )?;
    Ok(Enrolment::Known {
        endpoint,
        added: true,
    })
}

/// The key that this machine seals by now, unless another key took its place since.
fn take_sealing(tx: &Connection, endpoint: &mut Endpoint, applicant: &Applicant) -> Result<()> {
    let same = endpoint
        .keys
        .current
        .is_none_or(|key| key == applicant.id.0);
    if same && applicant.sealing.is_some() && applicant.sealing != endpoint.keys.sealing {
        endpoint.keys.sealing = applicant.sealing;
        set_keys(tx, endpoint.ordinal, endpoint.keys)?;
    }
    Ok(())
}

fn refusal(token: &TokenInfo, now: Timestamp) -> Option<Refusal> {
    if token.revoked_at.is_some() {
        Some(Refusal::Withdrawn)
    } else if token.expires_at <= now {
        Some(Refusal::Expired)
    } else if token.uses.is_some_and(|uses| token.used >= uses) {
        Some(Refusal::UsedUp)
    } else {
        None
    }
}

fn count_use(tx: &Connection, token: TokenId) -> Result<()> {
    tx.prepare_cached("UPDATE enrolment_tokens SET used = used + 1 WHERE id = ?1")?
        .execute([token])?;
    Ok(())
}
