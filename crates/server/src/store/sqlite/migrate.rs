//! Numbered migrations, from the first table on.
//!
//! Each is a file under `migrations/sqlite`, compiled in, applied once in a transaction of its own, and recorded with
//! the SHA-256 of its text. A file that was released is never changed again: a differing checksum is refused, as is
//! a database that knows migrations this program does not.

use super::super::error::{Result, StoreError};
use super::fault::Fault;
use rusqlite::{Connection, TransactionBehavior, params};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// One step of the schema.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its number; steps are applied in this order.
    pub number: u32,
    /// What it brings.
    pub name: &'static str,
    /// Its statements.
    pub sql: &'static str,
}

macro_rules! migration {
    ($number:literal, $name:literal) => {
        Migration {
            number: $number,
            name: $name,
            sql: include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/migrations/sqlite/",
                $name,
                ".sql"
            )),
        }
    };
}

/// All steps in order of number.
pub const MIGRATIONS: &[Migration] = &[
    migration!(1, "0001-accounts-and-audit"),
    migration!(10, "0010-endpoints"),
    migration!(11, "0011-questions"),
    migration!(20, "0020-actors"),
    migration!(21, "0021-orders"),
    migration!(25, "0025-endpoint-keys"),
    migration!(30, "0030-people"),
    migration!(31, "0031-groups"),
    migration!(40, "0040-answer-chunks"),
    migration!(41, "0041-retention"),
    migration!(42, "0042-keys-origin"),
    migration!(43, "0043-question-tail"),
    migration!(50, "0050-sessions"),
    migration!(51, "0051-content"),
    migration!(60, "0060-rights"),
];

/// Brings the database up to date, or says why it must not be touched.
pub fn apply(connection: &mut Connection, path: &Path, migrations: &[Migration]) -> Result<()> {
    let told =
        |e: rusqlite::Error| Fault::from(e).told("bringing the database up to date".into(), path);
    connection
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS migrations (
                 number INTEGER PRIMARY KEY,
                 name TEXT NOT NULL,
                 checksum BLOB NOT NULL,
                 applied_at TEXT NOT NULL
             ) STRICT",
        )
        .map_err(told)?;
    let applied = applied(connection).map_err(told)?;
    let known = migrations.iter().map(|m| m.number).max().unwrap_or(0);
    if let Some(found) = applied
        .keys()
        .rev()
        .find(|number| !migrations.iter().any(|m| m.number == **number))
    {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found: *found,
            known,
        });
    }
    for migration in migrations {
        let checksum = Sha256::digest(migration.sql.as_bytes());
        match applied.get(&migration.number) {
            Some(stored) if stored[..] == checksum[..] => {}
            Some(_) => {
                return Err(StoreError::MigrationChanged {
                    path: path.to_owned(),
                    number: migration.number,
                });
            }
            None => {
                run(connection, migration, &checksum).map_err(|source| StoreError::Migration {
                    number: migration.number,
                    name: migration.name,
                    source: Box::new(source),
                })?;
                tracing::info!(
                    number = migration.number,
                    name = migration.name,
                    "applied a migration"
                );
            }
        }
    }
    Ok(())
}

/// Numbers of the migrations that a database has; none when that cannot be read.
pub(super) fn numbers(connection: &Connection) -> BTreeSet<u32> {
    applied(connection)
        .map(|applied| applied.into_keys().collect())
        .unwrap_or_default()
}

fn applied(connection: &Connection) -> rusqlite::Result<BTreeMap<u32, Vec<u8>>> {
    connection
        .prepare("SELECT number, checksum FROM migrations")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn run(
    connection: &mut Connection,
    migration: &Migration,
    checksum: &[u8],
) -> rusqlite::Result<()> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(migration.sql)?;
    tx.execute(
        "INSERT INTO migrations (number, name, checksum, applied_at) VALUES (?1, ?2, ?3, ?4)",
        params![
            migration.number,
            migration.name,
            checksum,
            jiff::Timestamp::now().to_string()
        ],
    )?;
    tx.commit()
}
