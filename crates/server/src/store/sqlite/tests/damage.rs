//! Files that were really damaged: pages written over, a file cut, a log removed or hit, a file of zeros.

use super::super::check::{Report, thoroughly};
use super::super::salvage::{Salvaged, salvage};
use super::*;
use crate::model::role::Role;
use crate::store::accounts::NewUser;
use crate::store::{Accounts as _, StoreError};
use futures_util::future::join_all;
use jiff::Timestamp;
use std::io::{Seek as _, SeekFrom, Write as _};

const PAGE: u64 = 4096;
const ENTRIES: u64 = 2000;

/// A closed store with users and a long audit log.
async fn filled(folder: &Path) {
    let store = open(folder);
    for name in ["ada", "bob"] {
        let user = NewUser {
            name: name.into(),
            role: Role::Administrator,
            password: "phc".into(),
            one_time: false,
            by_server: false,
            service: false,
            created_at: 0,
        };
        let deed = Deed::new(Actor::Server, "user.create", name);
        store.create_user(user, deed).await.expect("added");
    }
    let notes = (2..ENTRIES).map(|n| {
        let detail = serde_json::json!({ "text": "x".repeat(200), "n": n });
        store.note(Deed::new(Actor::Server, "test", "something").with(detail))
    });
    for noted in join_all(notes).await {
        noted.expect("noted");
    }
}

/// Leaf pages of a table, from 1, in the order of their rows.
fn leaves(folder: &Path, table: &str) -> Vec<u64> {
    let db = Connection::open_with_flags(
        folder.join(FILE_NAME),
        rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
    )
    .expect("opens");
    db.prepare("SELECT pageno FROM dbstat WHERE name = ?1 AND pagetype = 'leaf' ORDER BY path")
        .expect("dbstat is there")
        .query_map([table], |row| Ok(row.get::<_, i64>(0)?.unsigned_abs()))
        .expect("pages")
        .collect::<rusqlite::Result<_>>()
        .expect("pages")
}

fn overwrite(folder: &Path, page: u64) {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .open(folder.join(FILE_NAME))
        .expect("opens");
    file.seek(SeekFrom::Start((page - 1) * PAGE))
        .expect("there");
    file.write_all(&[0xa5; PAGE as usize])
        .expect("written over");
}

fn refused(folder: &Path) -> StoreError {
    SqliteStore::open(folder, Clock::system())
        .err()
        .expect("a damaged store does not open")
}

fn says(error: &StoreError, words: &[&str]) {
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "`{word}` is missing in: {text}");
    }
}

fn checked(folder: &Path) -> Report {
    thoroughly(folder).expect("it can be checked")
}

fn saved(folder: &Path, into: &Path) -> Salvaged {
    salvage(folder, into, Timestamp::UNIX_EPOCH).expect("something is saved")
}

fn rows(salvaged: &Salvaged, table: &str) -> u64 {
    let table = salvaged.tables.iter().find(|t| t.table == table);
    table.expect("it was tried").rows
}

#[tokio::test]
async fn a_good_store_is_found_good_and_is_saved_whole() {
    let folder = folder();
    filled(folder.path()).await;
    let report = checked(folder.path());
    assert!(report.is_good(), "{report}");
    // Beside a running server too.
    let store = open(folder.path());
    let report = checked(folder.path());
    assert!(report.in_use && report.is_good(), "{report}");
    drop(store);
    let new = self::folder();
    let salvaged = saved(folder.path(), &new.path().join("new"));
    assert!(salvaged.tables.iter().all(|t| t.is_whole()), "{salvaged}");
    assert_eq!(rows(&salvaged, "audit"), ENTRIES);
    assert!(salvaged.audit.is_intact());
    assert!(!salvaged.keys);
    let store = open(&new.path().join("new"));
    let verdict = store.audit_verify(Vec::new()).await.expect("checked");
    // The entry about the salvage follows from the others.
    assert_eq!((verdict.good, verdict.fault), (ENTRIES + 1, None));
    assert_eq!(store.users().await.expect("read").len(), 2);
}

#[tokio::test]
async fn overwritten_pages_are_found_and_passed_over() {
    let folder = folder();
    filled(folder.path()).await;
    let pages = leaves(folder.path(), "audit");
    overwrite(folder.path(), pages[10]);
    overwrite(folder.path(), pages[11]);
    overwrite(folder.path(), pages[40]);
    let error = refused(folder.path());
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    says(
        &error,
        &["damaged", "cordon server check", "cordon server salvage"],
    );
    let report = checked(folder.path());
    assert!(!report.is_good() && !report.pages.is_empty(), "{report}");

    let new = self::folder();
    let salvaged = saved(folder.path(), new.path());
    let audit = salvaged.tables.iter().find(|t| t.table == "audit");
    let audit = audit.expect("it was tried");
    assert_eq!(audit.gaps.len(), 2, "{audit}");
    assert_eq!(
        audit.rows + audit.lost(),
        ENTRIES,
        "every row is accounted for"
    );
    assert!(audit.lost() > 0 && audit.rows > ENTRIES * 9 / 10, "{audit}");
    assert_eq!(rows(&salvaged, "users"), 2);
    assert!(!salvaged.audit.is_intact(), "what is missing is said");
    let told = salvaged.to_string();
    assert!(told.contains("lost between numbers"), "{told}");
    // The damaged file is as it was.
    assert!(!checked(folder.path()).is_good());
    let store = open(new.path());
    let verdict = store.audit_verify(Vec::new()).await.expect("checked");
    assert!(!verdict.is_intact(), "a gap stays a gap");
    assert_eq!(
        store
            .note(Deed::new(Actor::Server, "test", "next"))
            .await
            .expect("noted"),
        ENTRIES + 2,
        "after the entry about the salvage"
    );
}

#[tokio::test]
async fn a_damaged_table_of_sqlites_own_is_found() {
    let folder = folder();
    filled(folder.path()).await;
    let own = leaves(folder.path(), "sqlite_sequence");
    overwrite(folder.path(), own[0]);
    let report = checked(folder.path());
    assert!(!report.is_good() && !report.pages.is_empty(), "{report}");
    assert!(matches!(refused(folder.path()), StoreError::Damaged { .. }));
}

#[tokio::test]
async fn a_cut_file_is_found_and_read_as_far_as_it_goes() {
    let folder = folder();
    filled(folder.path()).await;
    let path = folder.path().join(FILE_NAME);
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .expect("opens");
    let length = file.metadata().expect("there").len();
    file.set_len(length / PAGE / 2 * PAGE).expect("cut");
    let error = refused(folder.path());
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    assert!(!checked(folder.path()).is_good());
    let new = self::folder();
    let salvaged = saved(folder.path(), new.path());
    assert_eq!(rows(&salvaged, "users"), 2);
    let audit = rows(&salvaged, "audit");
    assert!(audit > 100 && audit < ENTRIES, "{salvaged}");
    open(new.path());
}

#[tokio::test]
async fn a_file_of_zeros_is_found() {
    let folder = folder();
    filled(folder.path()).await;
    let path = folder.path().join(FILE_NAME);
    let length = std::fs::metadata(&path).expect("there").len();
    std::fs::write(&path, vec![0; usize::try_from(length).expect("small")]).expect("zeroed");
    let error = refused(folder.path());
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    says(&error, &["damaged", "restore the last backup"]);
}

#[tokio::test]
async fn an_emptied_or_missing_database_is_no_new_one() {
    for empty in [true, false] {
        let folder = folder();
        filled(folder.path()).await;
        let path = folder.path().join(FILE_NAME);
        if empty {
            std::fs::write(&path, b"").expect("emptied");
        } else {
            std::fs::remove_file(&path).expect("removed");
        }
        let error = refused(folder.path());
        assert!(matches!(error, StoreError::Incomplete { .. }), "{error:?}");
        says(&error, &[if empty { "empty" } else { "missing" }, "backup"]);
        assert_eq!(path.exists(), empty, "nothing was made in its place");
    }
}

/// What a killed server leaves: a copy of its files while it has them open.
fn crashed(folder: &Path) -> tempfile::TempDir {
    let copy = self::folder();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("copied");
    }
    copy
}

#[tokio::test]
async fn a_lost_log_is_found_after_a_crash() {
    let folder = folder();
    filled(folder.path()).await;
    let store = open(folder.path());
    for _ in 0..5 {
        let deed = Deed::new(Actor::Server, "test", "not yet in the database");
        store.note(deed).await.expect("noted");
    }
    let whole = crashed(folder.path());
    let lost = crashed(folder.path());
    let hit = crashed(folder.path());
    drop(store);

    let store = open(whole.path());
    let head = store.audit_head().await.expect("read");
    assert_eq!(head.number, ENTRIES + 5, "an untouched log is replayed");
    drop(store);

    let log = format!("{FILE_NAME}-wal");
    std::fs::remove_file(lost.path().join(&log)).expect("lost");
    let error = refused(lost.path());
    assert!(matches!(error, StoreError::Incomplete { .. }), "{error:?}");
    says(
        &error,
        &["cordon.db-wal", "missing", "server.state", "salvage"],
    );
    let report = checked(lost.path());
    assert!(report.files.is_some_and(|f| f.contains("missing")));
    let new = self::folder();
    let salvaged = saved(lost.path(), new.path());
    assert_eq!(rows(&salvaged, "audit"), ENTRIES, "what is in the database");
    open(new.path());
    let verdict = super::super::verify_audit(&lost.path().join(FILE_NAME), &[]).expect("read");
    assert!(verdict.is_intact());
    // Whoever looks leaves nothing that the next start would take for the log.
    assert!(!lost.path().join(&log).exists());
    says(&refused(lost.path()), &["missing"]);
    // A backup was put back on purpose.
    std::fs::remove_file(lost.path().join(STATE_FILE)).expect("removed");
    open(lost.path());

    // Hit in the middle: SQLite alone would take what stands behind for what the crash cut off.
    let path = hit.path().join(&log);
    let mut bytes = std::fs::read(&path).expect("read");
    let middle = bytes.len() / 3;
    // Most of a page is zeros: other bytes than these, whatever they are.
    bytes[middle..middle + 64]
        .iter_mut()
        .for_each(|b| *b ^= 0xff);
    std::fs::write(&path, bytes).expect("hit");
    let error = refused(hit.path());
    assert!(matches!(error, StoreError::Incomplete { .. }), "{error:?}");
    says(&error, &["cordon.db-wal", "damaged"]);
    let new = self::folder();
    let salvaged = saved(hit.path(), new.path());
    assert!(rows(&salvaged, "audit") >= ENTRIES, "{salvaged}");
}

#[tokio::test]
async fn a_log_without_its_database_is_not_thrown_away() {
    let folder = folder();
    filled(folder.path()).await;
    let store = open(folder.path());
    store
        .note(Deed::new(Actor::Server, "test", "x"))
        .await
        .expect("noted");
    let copy = crashed(folder.path());
    drop(store);
    for file in [FILE_NAME, STATE_FILE] {
        std::fs::remove_file(copy.path().join(file)).expect("removed");
    }
    let log = copy.path().join(format!("{FILE_NAME}-wal"));
    let before = std::fs::read(&log).expect("read");
    assert!(matches!(
        refused(copy.path()),
        StoreError::Incomplete { .. }
    ));
    assert_eq!(std::fs::read(&log).expect("still there"), before);
}

#[tokio::test]
async fn the_look_at_the_start_is_bounded_and_says_how_far_it_came() {
    let folder = folder();
    filled(folder.path()).await;
    let path = folder.path().join(FILE_NAME);
    let mut db = connection::open_writing(&path).expect("opens");
    let look = |db: &mut Connection, time| check::briefly(db, &path, time);
    assert_eq!(
        look(&mut db, Duration::from_secs(3600)).expect("good"),
        Brief::Whole
    );
    assert_eq!(
        look(&mut db, Duration::ZERO).expect("no time"),
        Brief::Until("sqlite_schema".into())
    );
    // What is over is over: the connection works as before.
    let entries: i64 = db
        .query_row("SELECT count(*) FROM audit", [], |row| row.get(0))
        .expect("readable");
    assert_eq!(entries, 2000);
}

#[tokio::test]
async fn an_answer_that_is_no_answer_is_found_by_the_check() {
    let folder = folder();
    filled(folder.path()).await;
    let path = folder.path().join(FILE_NAME);
    connection::open_writing(&path)
        .and_then(|db| {
            db.execute_batch(
                "INSERT INTO answer_part_chunks (question, parts, loose, body) VALUES (7, 1, 0, x'0005');
                 INSERT INTO answer_row_chunks (question, part, first, rows, loose, body) VALUES (8, 0, 0, 9, 0, x'ff');
                 PRAGMA wal_checkpoint(TRUNCATE);",
            )
            .map_err(|e| Fault::from(e).told("a test".into(), &path))
        })
        .expect("written");
    let report = checked(folder.path());
    assert_eq!(report.values.len(), 2, "{report}");
    assert!(!report.is_good());
}

#[tokio::test]
async fn a_folder_that_holds_no_store_gets_no_lock() {
    let folder = folder();
    let new = self::folder();
    for error in [
        thoroughly(folder.path()).err(),
        salvage(
            folder.path(),
            &new.path().join("new"),
            Timestamp::UNIX_EPOCH,
        )
        .err(),
        vacuum(folder.path()).err(),
        verify_audit(&folder.path().join(FILE_NAME), &[]).err(),
    ] {
        let error = error.expect("nothing is there");
        assert!(matches!(error, StoreError::NoDatabase(_)), "{error:?}");
    }
    let entries = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(entries, 0, "nothing was made");
    assert!(!new.path().join("new").exists());
    std::fs::create_dir(folder.path().join(FILE_NAME)).expect("made");
    let error = refused(folder.path());
    assert!(matches!(error, StoreError::NotAFile(_)), "{error:?}");
}

/// A file system in memory that can be made read-only; it goes when this is dropped.
#[cfg(target_os = "linux")]
struct Mounted(tempfile::TempDir);

#[cfg(target_os = "linux")]
impl Mounted {
    fn run(program: &str, args: &[&str], at: &Path) {
        let status = std::process::Command::new(program)
            .args(args)
            .arg(at)
            .status();
        let done = status.is_ok_and(|status| status.success());
        assert!(done, "this test needs the right to mount");
    }

    fn new() -> Self {
        let folder = folder();
        Self::run(
            "mount",
            &["-t", "tmpfs", "-o", "size=64m", "tmpfs"],
            folder.path(),
        );
        Self(folder)
    }

    fn freeze(&self) {
        Self::run("mount", &["-o", "remount,ro"], self.0.path());
    }
}

#[cfg(target_os = "linux")]
impl Drop for Mounted {
    fn drop(&mut self) {
        Self::run("umount", &["--lazy"], self.0.path());
    }
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_copy_that_cannot_be_written_is_read_with_its_log() {
    let folder = folder();
    filled(folder.path()).await;
    let store = open(folder.path());
    // This is in the log alone.
    let noted = store.note(Deed::new(Actor::Server, "test", "last"));
    assert_eq!(noted.await.expect("noted"), ENTRIES + 1);
    for (log, lock) in [(true, true), (true, false), (false, false)] {
        let disk = Mounted::new();
        for name in [FILE_NAME, "cordon.db-wal", "server.lock"] {
            let wanted = match name {
                "cordon.db-wal" => log,
                "server.lock" => lock,
                _ => true,
            };
            if wanted {
                std::fs::copy(folder.path().join(name), disk.0.path().join(name)).expect("copied");
            }
        }
        disk.freeze();
        let report = checked(disk.0.path());
        assert!(report.is_good() && !report.in_use, "{report}");
        assert_eq!((report.copied, report.unlocked), (log, !lock), "{report}");
        let verdict = verify_audit(&disk.0.path().join(FILE_NAME), &[]).expect("read");
        let entries = if log { ENTRIES + 1 } else { ENTRIES };
        assert_eq!((verdict.good, verdict.fault), (entries, None));
        let new = self::folder();
        let salvaged = saved(disk.0.path(), &new.path().join("new"));
        assert_eq!(rows(&salvaged, "audit"), entries);
    }
    drop(store);
}
