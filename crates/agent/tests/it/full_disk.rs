//! A disk without a byte left ends nothing: neither the agent, nor its identity, nor what it owes.

use crate::fake::Fake;
use crate::server::{Authority, Server, now, run_in};
use agent::identity::Identity;
use agent::orders::Pruned;
use agent::outside::{Outside, Patience};
use agent::spool::{Spool, SpoolError};
use answer::State;
use ed25519_dalek::SigningKey;
use protocol::message::{AnswerPart, SignedOrder, server_says};
use protocol::order::sign_trust;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Names the folder of the file system to the copy of a test that has one.
const DISK: &str = "CORDON_TEST_DISK";

/// Runs the body of a test on a file system of one megabyte, in a mount name space of its own, so that nobody else on this
/// machine comes across it and nothing of it is left. The test runs itself a second time for that.
fn on_a_small_disk(test: &str, body: impl FnOnce(&Disk)) {
    if let Some(path) = std::env::var_os(DISK) {
        let path = PathBuf::from(path);
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(&path)
            .status();
        assert!(mounted.unwrap().success(), "a small disk for this test");
        let ran = path.with_file_name("ran");
        body(&Disk(path));
        return std::fs::write(ran, "").unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    std::fs::create_dir(&path).unwrap();
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    let ran = command
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(DISK, &path)
        .status();
    assert!(ran.unwrap().success(), "the test failed on its small disk");
    assert!(
        folder.path().join("ran").exists(),
        "there is no test {test}"
    );
}

struct Disk(PathBuf);

impl Disk {
    fn folder(&self) -> &Path {
        &self.0
    }

    /// Leaves no room for anything.
    fn fill(&self) {
        let mut ballast = std::fs::File::create(self.0.join("ballast")).unwrap();
        loop {
            match ballast.write_all(&[0x5A; 4096]) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => return,
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn free(&self) {
        std::fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

fn block_on(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(test);
}

#[test]
fn a_change_of_trust_waits_for_room() {
    on_a_small_disk("full_disk::a_change_of_trust_waits_for_room", |disk| {
        block_on(async {
            let server = Server::start().await;
            let folder = disk.folder().join("agent");
            server.enrol(&folder).await;
            let outside = Outside {
                patience: Patience {
                    again: Duration::from_millis(20),
                    ..Patience::default()
                },
                ..Outside::default()
            };
            let running = run_in(&folder, &Fake::new(), &[], None, outside);
            let (mut peer, _) = server.greet().await;
            peer.settle().await;
            disk.fill();

            // Two changes, each signed by a key of the one before.
            let next_key = SigningKey::from_bytes(&[8; 32]);
            let mut second = server.trust();
            second.version = 2;
            second
                .order_keys
                .push(next_key.verifying_key().to_bytes().to_vec());
            let mut third = second.clone();
            third.version = 3;
            third.authorities.push(Authority::new("next").der);
            peer.say(server_says::Body::Trust(sign_trust(&second, &server.key)))
                .await;
            let refusal = peer.refusal().await;
            assert_eq!((refusal.order, refusal.code.as_str()), (0, "not-kept"));
            assert!(refusal.detail.contains("full"), "{}", refusal.detail);
            peer.say(server_says::Body::Trust(sign_trust(&third, &next_key)))
                .await;
            peer.settle().await;
            assert_eq!(peer.holds, None, "nobody may count on what is not on disk");

            // It answers on: that it cannot keep an order, and why.
            peer.order(server.sign(server.question(1, "Get Word from all machines")))
                .await;
            let parts = peer.answer().await;
            assert_eq!(parts[0].state(), Some(State::DiskFull));
            let words = &parts[0].problems[0].message;
            assert!(words.contains("is full"), "{words}");

            disk.free();
            let _csr = peer.hear().await;
            assert_eq!(peer.holds.take().map(|h| h.trust_version), Some(3));
            running.stop().await;
            let kept = Identity::load(&folder).unwrap().unwrap();
            assert_eq!(kept.trust, third);
            let left: Vec<_> = std::fs::read_dir(&folder).unwrap().flatten().collect();
            assert!(
                left.iter().all(|f| f.file_name() != "identity.json.new"),
                "{left:?}"
            );
        });
    });
}

fn order(number: u64) -> SignedOrder {
    SignedOrder {
        body: vec![7; 100],
        key: number.to_be_bytes().to_vec(),
        signature: vec![2; 64],
    }
}

fn part(number: u64) -> AnswerPart {
    AnswerPart {
        order: number,
        last: true,
        ..AnswerPart::default()
    }
}

#[test]
fn a_first_spool_begins_when_there_is_room() {
    on_a_small_disk(
        "full_disk::a_first_spool_begins_when_there_is_room",
        |disk| {
            disk.fill();
            let (mut spool, found) = Spool::open(disk.folder()).unwrap();
            assert!(found.accepted.is_empty());
            let refused = spool.accept(1, now(), &order(1));
            assert!(
                matches!(refused, Err(SpoolError::Full { .. })),
                "{refused:?}"
            );
            assert_eq!(spool.order(1).unwrap(), None);
            disk.free();
            spool.accept(1, 100, &order(1)).unwrap();
            drop(spool);
            let (_, found) = Spool::open(disk.folder()).unwrap();
            assert_eq!(numbers(&found.accepted), [(1, 100)]);
        },
    );
}

#[test]
fn what_a_killed_agent_left_in_the_log_is_there_without_room() {
    on_a_small_disk(
        "full_disk::what_a_killed_agent_left_in_the_log_is_there_without_room",
        |disk| {
            let running = tempfile::tempdir().unwrap();
            let (mut spool, _) = Spool::open(running.path()).unwrap();
            for number in [1, 2] {
                spool.accept(number, 100, &order(number)).unwrap();
            }
            spool.keep_answer(1, 100, &[part(1)]).unwrap();
            // What a kill leaves: the files as they lie there while they are open.
            for file in ["spool.db", "spool.db-wal"] {
                std::fs::copy(running.path().join(file), disk.folder().join(file)).unwrap();
            }
            drop(spool);
            disk.fill();
            let (mut spool, found) = Spool::open(disk.folder()).unwrap();
            assert_eq!(numbers(&found.accepted), [(2, 100)]);
            assert_eq!(spool.part(1, 0).unwrap(), Some(part(1)));
            for _ in 0..2 {
                let refused = spool.accept(3, 100, &order(3));
                assert!(
                    matches!(refused, Err(SpoolError::Full { .. })),
                    "{refused:?}"
                );
                assert_eq!(spool.order(2).unwrap(), Some(order(2)));
            }
            disk.free();
            spool.accept(3, 100, &order(3)).unwrap();
            drop(spool);
            let (_, found) = Spool::open(disk.folder()).unwrap();
            assert_eq!(numbers(&found.accepted), [(2, 100), (3, 100)]);
            assert!(!disk.folder().join("spool.db.damaged").exists());
        },
    );
}

#[test]
fn what_a_spool_holds_is_there_without_room() {
    on_a_small_disk(
        "full_disk::what_a_spool_holds_is_there_without_room",
        |disk| {
            let (mut spool, _) = Spool::open(disk.folder()).unwrap();
            for number in [1, 2] {
                spool.accept(number, 100, &order(number)).unwrap();
            }
            spool.keep_answer(1, 100, &[part(1)]).unwrap();
            spool.finish(&[(9, 900)]).unwrap();
            drop(spool);
            disk.fill();
            let (mut spool, found) = Spool::open(disk.folder()).unwrap();
            assert_eq!(
                (numbers(&found.accepted), found.done),
                (vec![(2, 100)], vec![(9, 900)])
            );
            assert_eq!(spool.part(1, 0).unwrap(), Some(part(1)));
            assert_eq!(spool.order(2).unwrap(), Some(order(2)));
            let refused = spool.accept(3, 100, &order(3));
            assert!(
                matches!(refused, Err(SpoolError::Full { .. })),
                "{refused:?}"
            );
            disk.free();
            spool.accept(3, 100, &order(3)).unwrap();
            spool.finish(&[(1, 100)]).unwrap();
            drop(spool);
            let (_, found) = Spool::open(disk.folder()).unwrap();
            assert_eq!(numbers(&found.accepted), [(2, 100), (3, 100)]);
            assert_eq!(found.done, [(1, 100), (9, 900)]);
        },
    );
}

/// Damage and no room at once: what is known of orders done is kept in memory until it can be written.
#[test]
fn beginning_anew_waits_for_room() {
    on_a_small_disk("full_disk::beginning_anew_waits_for_room", |disk| {
        let (spool, _) = Spool::open(disk.folder()).unwrap();
        disk.fill();
        let pruned = Pruned {
            number: 4,
            expires: 40,
        };
        let mut spool = spool.begin_anew(&[(7, 70)], &[], pruned).unwrap();
        let refused = spool.accept(8, 100, &order(8));
        assert!(
            matches!(refused, Err(SpoolError::Full { .. })),
            "{refused:?}"
        );
        disk.free();
        spool.accept(8, 100, &order(8)).unwrap();
        drop(spool);
        let (_, found) = Spool::open(disk.folder()).unwrap();
        assert_eq!(
            (numbers(&found.accepted), found.done),
            (vec![(8, 100)], vec![(7, 70)])
        );
        assert_eq!(found.pruned, pruned);
    });
}

fn numbers(kept: &[agent::orders::Kept]) -> Vec<(u64, i64)> {
    kept.iter()
        .map(|kept| (kept.number, kept.expires))
        .collect()
}
