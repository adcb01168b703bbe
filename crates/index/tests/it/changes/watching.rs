//! The watcher itself: what is lost is told, what is its own is not, and it neither holds nor hangs.

use super::ground::{PATIENCE, lines, on_each, start, until_now, watch};
use index::changes::{Change, DirectoryKey, Options, Queue, Sight, WatchError, Watcher};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn a_full_queue_of_the_kernel_is_told() {
    on_each(|ground| {
        let limit = fs::read_to_string("/proc/sys/fs/fanotify/max_queued_events").unwrap();
        let limit: usize = limit.trim().parse().unwrap();
        let options = Options {
            queue: Queue::Limited,
            // Nothing is read until the waker calls.
            gather: Duration::from_secs(3600),
            ..Options::default()
        };
        let mut watcher = watch(ground, &options);
        for number in 0..limit + 100 {
            fs::create_dir(ground.path(&number.to_string())).unwrap();
        }
        watcher.waker().wake();
        let deadline = Instant::now() + PATIENCE;
        let lost = |change: &Change| matches!(change, Change::Lost { mount: None });
        while !watcher.next(PATIENCE).unwrap().iter().any(lost) {
            assert!(Instant::now() < deadline, "{}", ground.kind);
        }
        // It goes on.
        watcher.next(Duration::ZERO).unwrap();
    });
}

#[test]
fn more_than_may_wait_is_told_as_lost() {
    on_each(|ground| {
        let options = Options {
            most_pending: 10_000,
            ..Options::default()
        };
        let mut watcher = watch(ground, &options);
        for number in 0..5_000 {
            fs::create_dir(ground.path(&number.to_string())).unwrap();
        }
        let mut lost = Vec::new();
        until_now(&mut watcher, ground, |change| {
            if let Change::Lost { mount } = change {
                lost.push(mount.clone());
            }
        });
        assert!(!lost.is_empty(), "{}", ground.kind);
        assert!(
            lost.iter()
                .all(|mount| mount.as_ref() == Some(&ground.root)),
            "{lost:?}"
        );
    });
}

#[test]
fn own_changes_of_the_database_are_not_reported_but_those_of_others_are() {
    on_each(|ground| {
        let own = ground.path("database");
        fs::create_dir_all(own.join("inner")).unwrap();
        fs::create_dir(ground.path("other")).unwrap();
        let options = Options {
            own_folders: vec![own.clone()],
            ..Options::default()
        };
        let mut watcher = watch(ground, &options);
        for round in 0..3 {
            fs::write(own.join("wal"), b"x").unwrap();
            fs::rename(own.join("wal"), own.join("db")).unwrap();
            fs::write(own.join("inner/wal"), b"x").unwrap();
            fs::write(ground.path("other/file"), b"x").unwrap();
            // A move out of the folder concerns others.
            fs::rename(own.join("db"), ground.path("other/db")).unwrap();
            let foreign = Command::new("touch").arg(own.join("planted")).status();
            assert!(foreign.unwrap().success());
            let mut said = lines(&mut watcher, ground);
            said.sort();
            said.dedup();
            let expected = [
                "renamed database/db other/db",
                "written database/db",
                "written database/planted",
                "written other/db",
                "written other/file",
            ];
            let said: Vec<&str> = said.iter().map(String::as_str).collect();
            let said: Vec<&str> = said
                .into_iter()
                // Whether the write of our own is still known as such when its file moves out is of no interest.
                .filter(|line| expected.contains(line) || !line.ends_with("other/db"))
                .collect();
            assert!(
                said.contains(&"renamed database/db other/db"),
                "{} {round}: {said:?}",
                ground.kind
            );
            assert!(said.contains(&"written database/planted"), "{said:?}");
            assert!(said.contains(&"written other/file"), "{said:?}");
            assert!(
                !said
                    .iter()
                    .any(|line| line.ends_with("database/wal") || line.contains("inner")),
                "{said:?}"
            );
        }
    });
}

#[test]
fn a_waker_ends_the_waiting() {
    on_each(|ground| {
        let mut watcher = start(ground);
        let waker = watcher.waker();
        let begin = Instant::now();
        let other = std::thread::spawn(move || waker.wake());
        let (changes, _) = next(&mut watcher, PATIENCE);
        assert_eq!(changes, []);
        assert!(begin.elapsed() < PATIENCE);
        other.join().unwrap();
        // Without one, the time ends it.
        let (changes, _) = next(&mut watcher, Duration::from_millis(1));
        assert_eq!(changes, []);
    });
}

#[test]
fn a_watched_file_system_can_be_unmounted() {
    on_each(|ground| {
        let mut watcher = start(ground);
        fs::create_dir(ground.path("a")).unwrap();
        fs::write(ground.path("a/file"), b"x").unwrap();
        let expected = ["written a", "written a/file"];
        assert_eq!(lines(&mut watcher, ground), expected);
        watcher.next(Duration::ZERO).unwrap();
        assert!(ground.unmount(), "{} is held", ground.kind);
        // The folder below is of another file system, which is not watched.
        fs::write(ground.path("below"), b"x").unwrap();
        let (changes, _) = next(&mut watcher, Duration::from_millis(300));
        assert_eq!(changes, []);
    });
}

/// The next changes, and whether the table of mounts is among them: other tests change it, too.
fn next(watcher: &mut Watcher, timeout: Duration) -> (Vec<Change>, bool) {
    let mut changes = watcher.next(timeout).unwrap();
    let all = changes.len();
    changes.retain(|change| *change != Change::Mounts);
    let mounts = changes.len() < all;
    (changes, mounts)
}

#[test]
fn of_a_file_system_that_went_the_table_of_mounts_tells() {
    on_each(|ground| {
        let mut watcher = start(ground);
        assert_eq!(watcher.marked().unwrap().len(), 1);
        fs::write(ground.path("file"), b"x").unwrap();
        assert!(ground.unmount());
        let mut told = false;
        while !told {
            let (changes, mounts) = next(&mut watcher, PATIENCE);
            // What was read only after it went is of a file system that is not there.
            let away = |change: &Change| matches!(change, Change::Away { .. });
            assert!(changes.iter().all(away), "{}: {changes:?}", ground.kind);
            told |= mounts;
        }
        assert!(watcher.marked().unwrap().is_empty());
    });
}

#[test]
fn what_a_mount_covers_is_told_as_hidden() {
    on_each(|ground| {
        let mut watcher = start(ground);
        let point = ground.path("point");
        fs::create_dir(&point).unwrap();
        until_now(&mut watcher, ground, |_| {});
        let inside = fs::File::open(&point).unwrap();
        let tmpfs = ["-t", "tmpfs", "none"];
        let mounted = Command::new("mount").args(tmpfs).arg(&point).status();
        assert!(mounted.unwrap().success());
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mkdirat(&inside, "new", mode).unwrap();
        let mut hidden = Vec::new();
        until_now(&mut watcher, ground, |change| {
            if let Change::Hidden { directory } = change {
                hidden.push(directory.clone());
            }
        });
        let [directory] = hidden.try_into().unwrap();
        assert_eq!(directory.path, point.as_os_str().as_bytes());
        assert_eq!(here(&directory), None);
        let unmounted = Command::new("umount").arg(&point).status();
        assert!(unmounted.unwrap().success());
        assert!(here(&directory).is_some());
    });
}

#[test]
fn another_file_system_can_be_added() {
    on_each(|ground| {
        let (mut watcher, refused) = Watcher::start(&[], &Options::default()).unwrap();
        assert!(refused.is_empty());
        fs::create_dir(ground.path("before")).unwrap();
        watcher.add(ground.root.clone(), None).unwrap();
        watcher.add(ground.root.clone(), None).unwrap();
        fs::create_dir(ground.path("after")).unwrap();
        assert_eq!(lines(&mut watcher, ground), ["written after"]);
    });
}

#[test]
fn what_cannot_be_watched_is_named() {
    on_each(|ground| {
        let missing = ground.path("missing");
        let mounts = [PathBuf::from("/proc"), missing.clone(), ground.root.clone()];
        let (_, refused) = Watcher::start(&mounts, &Options::default()).unwrap();
        let refused: Vec<_> = refused
            .iter()
            .map(|(path, error)| {
                let known = matches!(
                    error,
                    WatchError::Mark { .. } | WatchError::Handles { .. } | WatchError::Open { .. }
                );
                (path.clone(), known)
            })
            .collect();
        assert_eq!(refused, [(PathBuf::from("/proc"), true), (missing, true)]);
    });
}

fn here(directory: &DirectoryKey) -> Option<DirectoryKey> {
    match directory.now().unwrap() {
        Sight::Here(now) => Some(now),
        Sight::Hidden(_) | Sight::Gone | Sight::Away(_) => None,
    }
}

#[test]
fn a_directory_is_opened_wherever_it_is() {
    on_each(|ground| {
        let mut watcher = start(ground);
        fs::create_dir_all(ground.path("a/b")).unwrap();
        fs::write(ground.path("a/b/file"), b"x").unwrap();
        let mut keys = Vec::new();
        until_now(&mut watcher, ground, |change| {
            if let Change::Touched {
                directory, name, ..
            } = change
                && name == b"file"
            {
                fs::rename(ground.path("a"), ground.path("elsewhere")).unwrap();
                fs::create_dir_all(ground.path("a/b")).unwrap();
                let open = directory.open().unwrap();
                let found =
                    rustix::fs::statat(&open, "file", rustix::fs::AtFlags::SYMLINK_NOFOLLOW);
                assert_eq!(found.unwrap().st_size, 1);
                let now = here(directory).unwrap();
                assert_eq!(now.path, ground.path("elsewhere/b").as_os_str().as_bytes());
                assert_eq!((now.device, now.inode), (directory.device, directory.inode));
                // By its path alone it is not found any more.
                let by_path =
                    DirectoryKey::new(directory.device, directory.inode, directory.path.clone());
                assert_ne!(by_path, *directory);
                assert!(by_path.open().is_err());
                assert_eq!(here(&by_path), None);
                let by_path = DirectoryKey::new(now.device, now.inode, now.path);
                assert!(by_path.open().is_ok() && here(&by_path).is_some());
                fs::remove_dir_all(ground.path("elsewhere")).unwrap();
                let gone = directory.open();
                assert!(matches!(gone, Err(WatchError::Directory { .. })));
                assert_eq!(here(directory), None);
                keys.push(directory.clone());
            }
        });
        assert_eq!(keys.len(), 1);
    });
}
