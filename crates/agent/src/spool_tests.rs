use super::*;
use crate::answers::{Outcome, parts};
use answer::State;
use std::io::{Seek as _, SeekFrom, Write as _};

fn order(number: u8) -> SignedOrder {
    SignedOrder {
        body: vec![number; 10],
        key: vec![1; 32],
        signature: vec![2; 64],
    }
}

fn answer(number: u64, rows: usize) -> Vec<AnswerPart> {
    let table = (0..rows)
        .map(|i| {
            vec![
                format!("{i}-{}", "x".repeat(1000))
                    .into_bytes()
                    .into_boxed_slice(),
            ]
        })
        .collect();
    parts(
        number,
        Outcome {
            state: State::Answered,
            tables: vec![table],
            ..Outcome::default()
        },
    )
}

#[test]
fn everything_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, found) = Spool::open(folder.path()).unwrap();
    assert!(found.accepted.is_empty() && found.answered.is_empty() && found.done.is_empty());
    spool.accept(1, 100, &order(1)).unwrap();
    spool.accept(u64::MAX, 200, &order(2)).unwrap();
    spool.accept(3, 300, &order(3)).unwrap();
    let made = answer(1, 700);
    assert!(made.len() > 2, "the answer has several parts");
    spool.keep_answer(1, 100, &made).unwrap();
    spool.finish(&[(3, 300)]).unwrap();
    drop(spool);

    let (spool, found) = Spool::open(folder.path()).unwrap();
    assert_eq!(
        found.accepted,
        [Kept {
            number: u64::MAX,
            expires: 200,
            attempts: 0
        }]
    );
    assert_eq!(found.answered, [(1, 100)]);
    assert_eq!(found.done, [(3, 300)]);
    assert_eq!(spool.order(u64::MAX).unwrap(), Some(order(2)));
    assert_eq!(spool.order(1).unwrap(), None);
    for (at, part) in made.iter().enumerate() {
        let at = u32::try_from(at).unwrap();
        assert_eq!(spool.part(1, at).unwrap().as_ref(), Some(part));
    }
    assert_eq!(spool.part(1, 99).unwrap(), None);
}

#[test]
fn finishing_frees_and_pruning_remembers() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, _) = Spool::open(folder.path()).unwrap();
    spool.accept(1, 100, &order(1)).unwrap();
    spool.keep_answer(1, 100, &answer(1, 10)).unwrap();
    assert!(spool.bytes > 0);
    spool.finish(&[(1, 100)]).unwrap();
    assert_eq!((spool.bytes, spool.part(1, 0).unwrap()), (0, None));
    let pruned = Pruned {
        number: 1,
        expires: 100,
    };
    spool.prune(&[1], pruned).unwrap();
    drop(spool);
    let (_, found) = Spool::open(folder.path()).unwrap();
    assert!(found.done.is_empty());
    assert_eq!(found.pruned, pruned);
}

#[test]
fn a_failed_write_leaves_the_order_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, _) = Spool::open(folder.path()).unwrap();
    spool.accept(1, 100, &order(1)).unwrap();
    // A disk without room for another page.
    let pages: i64 = spool
        .connection
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap();
    spool
        .connection
        .execute_batch(&format!("PRAGMA max_page_count = {pages}"))
        .unwrap();
    let error = spool.keep_answer(1, 100, &answer(1, 700)).unwrap_err();
    assert!(matches!(error, SpoolError::Full { .. }), "{error}");
    assert_eq!(spool.order(1).unwrap(), Some(order(1)));
    assert_eq!(spool.part(1, 0).unwrap(), None);
}

#[test]
fn a_file_that_is_no_database_is_moved_aside() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(FILE), "no database at all ".repeat(400)).unwrap();
    let (mut spool, found) = Spool::open(folder.path()).unwrap();
    assert!(found.accepted.is_empty());
    spool.accept(1, 100, &order(1)).unwrap();
    assert!(folder.path().join("spool.db.damaged").exists());
}

#[test]
fn a_damaged_database_is_moved_aside() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, _) = Spool::open(folder.path()).unwrap();
    for number in 1..60 {
        spool.accept(number, 100, &order(1)).unwrap();
        spool.keep_answer(number, 100, &answer(number, 20)).unwrap();
    }
    drop(spool);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .open(folder.path().join(FILE))
        .unwrap();
    file.seek(SeekFrom::Start(4096)).unwrap();
    file.write_all(&[0xA5; 100_000]).unwrap();
    drop(file);
    let (_, found) = Spool::open(folder.path()).unwrap();
    assert!(found.answered.is_empty());
    assert!(folder.path().join("spool.db.damaged").exists());
}

#[test]
fn beginning_anew_keeps_what_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let (spool, _) = Spool::open(folder.path()).unwrap();
    let pruned = Pruned {
        number: 4,
        expires: 40,
    };
    drop(spool.begin_anew(&[(7, 70)], &[(8, 80)], pruned).unwrap());
    let (_, found) = Spool::open(folder.path()).unwrap();
    assert_eq!((found.done, found.pruned), (vec![(7, 70)], pruned));
}

#[test]
fn a_newer_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (spool, _) = Spool::open(folder.path()).unwrap();
    spool
        .connection
        .execute_batch("PRAGMA user_version = 99")
        .unwrap();
    drop(spool);
    let error = Spool::open(folder.path()).unwrap_err();
    assert!(
        matches!(error, SpoolError::Newer { found: 99, .. }),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn only_the_owner_reads_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, _) = Spool::open(folder.path()).unwrap();
    spool.accept(1, 100, &order(1)).unwrap();
    for name in ["spool.db", "spool.db-wal"] {
        let mode = std::fs::metadata(folder.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
