//! What only SQLite has: group commit, migrations, the lock, and what happens when files break. What every store must do is
//! the suite's.

use super::chain::append;
use super::fault::Fault;
use super::migrate::Migration;
use super::*;
use crate::model::actor::Actor;
use crate::model::audit::{Deed, Problem};
use crate::store::Audit as _;
use crate::store::suite::{self, Place};
use crate::store::{Store, StoreError};
use std::sync::Arc;
use std::sync::mpsc;

mod answers;
mod damage;

struct Folder(tempfile::TempDir);

impl Place for Folder {
    fn open(&self) -> Arc<dyn Store> {
        Arc::new(open(self.0.path()))
    }
}

suite::suite!(Folder(folder()));

fn folder() -> tempfile::TempDir {
    // A name that says something else where it is part of an address.
    tempfile::Builder::new()
        .prefix("store ?#%41 &ö")
        .tempdir()
        .expect("a temporary folder")
}

fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(folder, Clock::system()).expect("the store opens")
}

fn group(name: &str) -> impl FnOnce(&Tx<'_>) -> fault::Result<()> + Send + 'static {
    let name = name.to_owned();
    move |tx| {
        tx.execute(
            "INSERT INTO groups (name, filter, created_at, created_by) VALUES (?1, '', 0, '')",
            [name],
        )?;
        Ok(())
    }
}

async fn groups(store: &SqliteStore) -> Vec<String> {
    store
        .read("a test", |db| {
            let mut statement = db.prepare("SELECT name FROM groups ORDER BY name")?;
            let names = statement.query_map([], |row| row.get(0))?;
            Ok(names.collect::<rusqlite::Result<_>>()?)
        })
        .await
        .expect("groups are readable")
}

#[tokio::test]
async fn jobs_share_a_commit_and_one_failure_harms_no_other() {
    let folder = folder();
    let store = Arc::new(open(folder.path()));
    // Holds the writer until all jobs wait.
    let (go, wait) = mpsc::channel::<()>();
    let (entered, started) = tokio::sync::oneshot::channel();
    let holder = tokio::spawn(store.write("a test", move |_| {
        entered.send(()).expect("the test waits");
        wait.recv().expect("the test lets go");
        Ok(())
    }));
    started.await.expect("the holder runs");
    let mut jobs = Vec::new();
    for name in ["a", "b", "a", "c"] {
        jobs.push(tokio::spawn(store.write("a test", group(name))));
    }
    let panicking = tokio::spawn(store.write("a test", |tx| -> fault::Result<()> {
        group("d")(tx)?;
        panic!("on purpose")
    }));
    // On this single-threaded runtime a yield lets every spawned task hand its job over.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let before = store.write_counts();
    go.send(()).expect("the holder waits");
    holder.await.expect("no panic").expect("the holder is fine");
    let mut good = 0;
    for job in jobs {
        match job.await.expect("no panic") {
            Ok(()) => good += 1,
            Err(error) => assert!(matches!(error, StoreError::Constraint { .. }), "{error:?}"),
        }
    }
    assert_eq!(good, 3);
    assert!(matches!(
        panicking.await.expect("caught"),
        Err(StoreError::Panicked(_))
    ));
    assert_eq!(groups(&store).await, ["a", "b", "c"]);
    let counts = store.write_counts();
    assert_eq!(
        counts.commits - before.commits,
        2,
        "one for the holder, one for all that waited"
    );
    assert_eq!(counts.jobs - before.jobs, 4);
    assert_eq!(counts.failures - before.failures, 2);
}

#[tokio::test]
async fn a_full_disk_is_said_and_the_store_goes_on() {
    let folder = folder();
    let store = open(folder.path());
    store
        .write("a test", |tx| {
            let pages: i64 = tx.pragma_query_value(None, "page_count", |row| row.get(0))?;
            tx.pragma_update_and_check(None, "max_page_count", pages + 4, |_| Ok(()))?;
            Ok(())
        })
        .await
        .expect("the limit is set");
    let error = store
        .write("a test", group(&"x".repeat(1 << 20)))
        .await
        .expect_err("no room");
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains("a test failed") && text.contains("cordon.db"),
        "{text}"
    );
    store
        .write("a test", group("small"))
        .await
        .expect("there is room for this");
    assert_eq!(groups(&store).await, ["small"]);
}

#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let folder = folder();
    let _first = open(folder.path());
    let error = SqliteStore::open(folder.path(), Clock::system())
        .err()
        .expect("refused");
    assert!(matches!(error, StoreError::InUse(_)), "{error:?}");
}

#[test]
fn a_damaged_file_and_a_foreign_database_are_told_apart() {
    let folder = folder();
    std::fs::write(folder.path().join(FILE_NAME), vec![0x5a; 8192]).expect("written");
    let error = SqliteStore::open(folder.path(), Clock::system())
        .err()
        .expect("refused");
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");

    let folder = self::folder();
    Connection::open(folder.path().join(FILE_NAME))
        .and_then(|db| db.execute_batch("CREATE TABLE other (a)"))
        .expect("a foreign database");
    let error = SqliteStore::open(folder.path(), Clock::system())
        .err()
        .expect("refused");
    assert!(matches!(error, StoreError::Foreign(_)), "{error:?}");
}

const FIRST: Migration = Migration {
    number: 1,
    name: "first",
    sql: "CREATE TABLE a (x INTEGER) STRICT;",
};
const SECOND: Migration = Migration {
    number: 2,
    name: "second",
    sql: "CREATE TABLE b (x INTEGER) STRICT;",
};

#[test]
fn migrations_run_once_in_order_and_whole_or_not_at_all() {
    let path = Path::new("test");
    let mut db = Connection::open_in_memory().expect("memory");
    migrate::apply(&mut db, path, &[FIRST]).expect("applies");
    migrate::apply(&mut db, path, &[FIRST, SECOND]).expect("applies the rest");
    migrate::apply(&mut db, path, &[FIRST, SECOND]).expect("nothing to do");
    let broken = Migration {
        number: 3,
        name: "broken",
        sql: "CREATE TABLE c (x INTEGER) STRICT; nonsense;",
    };
    let error = migrate::apply(&mut db, path, &[FIRST, SECOND, broken]).expect_err("fails");
    assert!(matches!(error, StoreError::Migration { number: 3, .. }));
    let left: i64 = db
        .query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name = 'c'",
            [],
            |row| row.get(0),
        )
        .expect("readable");
    assert_eq!(left, 0);
}

#[test]
fn a_newer_database_and_a_changed_migration_are_refused() {
    let path = Path::new("test");
    let mut db = Connection::open_in_memory().expect("memory");
    migrate::apply(&mut db, path, &[FIRST, SECOND]).expect("applies");
    let error = migrate::apply(&mut db, path, &[FIRST]).expect_err("newer");
    assert!(
        matches!(
            error,
            StoreError::Newer {
                found: 2,
                known: 1,
                ..
            }
        ),
        "{error:?}"
    );
    let changed = Migration {
        sql: "CREATE TABLE a (y INTEGER) STRICT;",
        ..FIRST
    };
    let error = migrate::apply(&mut db, path, &[changed, SECOND]).expect_err("changed");
    assert!(matches!(
        error,
        StoreError::MigrationChanged { number: 1, .. }
    ));
}

#[test]
fn shipped_migrations_have_rising_numbers_that_match_their_names() {
    for pair in migrate::MIGRATIONS.windows(2) {
        assert!(pair[0].number < pair[1].number);
    }
    for migration in migrate::MIGRATIONS {
        assert!(
            migration
                .name
                .starts_with(&format!("{:04}-", migration.number)),
            "{}",
            migration.name
        );
    }
}

#[tokio::test]
async fn the_audit_chain_holds_across_jobs_and_reveals_a_changed_file() {
    let folder = folder();
    let path = folder.path().join(FILE_NAME);
    {
        let store = open(folder.path());
        for number in 1..=5 {
            let deed = Deed::new(Actor::Server, "test", format!("object {number}"));
            assert_eq!(store.note(deed).await.expect("noted"), number);
        }
        // A deed of a job that fails is gone with it, and leaves no gap.
        let failed = store
            .write("a test", |tx| -> fault::Result<()> {
                append(tx, &Deed::new(Actor::Server, "test", "undone"))?;
                Err(Fault::conflict("on purpose"))
            })
            .await;
        assert!(failed.is_err());
        assert_eq!(
            store
                .note(Deed::new(Actor::Server, "test", "next"))
                .await
                .expect("noted"),
            6
        );
        let verdict = store.audit_verify(Vec::new()).await.expect("checked");
        assert_eq!((verdict.good, verdict.fault), (6, None));
    }
    let tamper = |sql: &str| {
        Connection::open(&path)
            .and_then(|db| db.execute_batch(sql))
            .map_err(|e| e.to_string())
    };
    let refused = tamper("UPDATE audit SET who = 'eve' WHERE number = 3").expect_err("refused");
    assert!(refused.contains("only grows"), "{refused}");
    tamper("DROP TRIGGER audit_is_kept; DELETE FROM audit WHERE number = 6").expect("cut");
    let verdict = crate::audit::verify_file(&path, &[]).expect("checked");
    let fault = verdict.fault.expect("a fault");
    assert_eq!((fault.number, fault.problem), (6, Problem::Missing));
    tamper("DROP TRIGGER audit_is_final; UPDATE audit SET who = 'eve' WHERE number = 3")
        .expect("changed");
    let verdict = crate::audit::verify_file(&path, &[]).expect("checked");
    let fault = verdict.fault.expect("a fault");
    assert_eq!((fault.number, fault.problem), (3, Problem::Changed));
}
