//! The database follows the disk by notices alone, whatever happens between a notice and the look that follows it.

use super::ground::{Ground, on, on_each, start, until_now};
use super::storm::rage;
use crate::support::{Place, agree};
use index::changes::{Change, Watcher};
use index::digest_state::DigestState;
use index::engine::{Digested, Engine, Message};
use index::live::{Applied, Live};
use index::query::Record;
use index::store::write::Outcome;
use index::{hashpass, store};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::collections::{BTreeMap, HashSet};
use std::fs::{File, FileTimes};
use std::fs::{create_dir, create_dir_all, hard_link, remove_dir_all, remove_file, rename, write};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Batches that change nothing any more, at most, before something is amiss.
const MOST_BATCHES: usize = 50;

/// An indexed tree, watched.
struct Current<'g> {
    ground: &'g Ground,
    place: Place,
    watcher: Watcher,
    engine: Engine,
    live: Arc<Live>,
    fresh: HashSet<i64>,
    /// Files that were read again so far.
    read: usize,
}

impl<'g> Current<'g> {
    fn new(ground: &'g Ground, make: impl FnOnce(&Path)) -> Self {
        let tree = ground.path("tree");
        create_dir(&tree).unwrap();
        make(&tree);
        let mut watcher = start(ground);
        until_now(&mut watcher, ground, |_| {});
        let place = Place::of(tree);
        place.index();
        let database = place.database();
        let survey = place.round().survey().unwrap();
        let engine = Engine::start(store::open(&database).unwrap(), &database).unwrap();
        let teller = engine.teller();
        let next = teller.call(|writer| index::inventory::next_number(writer.connection()));
        let live = Live::new(
            survey.live_rules(next.unwrap()),
            survey.mount_points,
            &survey.places,
        );
        Self {
            ground,
            place,
            watcher,
            engine,
            live: Arc::new(live),
            fresh: HashSet::new(),
            read: 0,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.tree().join(name)
    }

    /// What was told until now, not yet looked at.
    fn told(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        until_now(&mut self.watcher, self.ground, |change| {
            changes.push(change.clone());
        });
        changes
    }

    fn apply(&mut self, changes: Vec<Change>) -> Applied {
        let live = Arc::clone(&self.live);
        let call = move |writer: &mut store::write::Writer<'_>| live.apply(writer, &changes);
        let mut applied = self.engine.teller().call(call).unwrap();
        assert!(!applied.lost, "{}: a walk is asked for", self.ground.kind);
        self.fresh.extend(std::mem::take(&mut applied.fresh));
        applied
    }

    fn hash(&mut self) {
        let ids: Vec<i64> = self.fresh.drain().collect();
        self.read += ids.len();
        let sink = hashpass::into_engine(&self.engine.teller());
        let round = self.place.round();
        let database = self.place.database();
        round
            .with_plan(|plan| hashpass::these(&database, ids, &sink, plan, &Arc::default()))
            .unwrap();
        self.engine.teller().flush().unwrap();
    }

    /// Hashes these files, and tells nothing of it yet.
    fn hash_untold(&self, ids: Vec<i64>) -> Vec<Digested> {
        let results = Arc::<Mutex<Vec<Digested>>>::default();
        let kept = Arc::clone(&results);
        let sink: Arc<hashpass::Sink> = Arc::new(move |digests| {
            kept.lock().unwrap().extend(digests);
            Ok(())
        });
        let database = self.place.database();
        let round = self.place.round();
        round
            .with_plan(|plan| hashpass::these(&database, ids, &sink, plan, &Arc::default()))
            .unwrap();
        std::mem::take(&mut *results.lock().unwrap())
    }

    fn tell(&self, digests: Vec<Digested>) {
        let teller = self.engine.teller();
        teller.tell(Message::Digests(digests)).unwrap();
        teller.flush().unwrap();
    }

    /// Looks wherever it is told to until there is nothing more to tell, and compares.
    fn settle(&mut self) {
        for _ in 0..MOST_BATCHES {
            let changes = self.told();
            let quiet = changes.is_empty();
            let unsettled = self.apply(changes).unsettled;
            if quiet && !unsettled {
                self.hash();
                agree(&self.place);
                let differences = self.place.differences();
                assert!(differences.is_empty(), "{differences:?}");
                return;
            }
        }
        panic!("{}: it never ends", self.ground.kind);
    }
}

/// `made` is there and indexed; `first` is told, then `then` happens, then what was told is looked at.
fn between(made: impl Fn(&Path), first: impl Fn(&Path), then: impl Fn(&Path)) {
    on_each(|ground| {
        let mut current = Current::new(ground, &made);
        first(&current.place.tree());
        let told = current.told();
        assert!(!told.is_empty());
        then(&current.place.tree());
        current.apply(told);
        current.settle();
    });
}

fn folders(tree: &Path) {
    create_dir_all(tree.join("a/b/c")).unwrap();
    create_dir_all(tree.join("d/e")).unwrap();
    for name in ["a/1", "a/b/2", "a/b/c/3", "d/4", "d/e/5"] {
        write(tree.join(name), name).unwrap();
    }
}

#[test]
fn a_file_is_made_in_a_directory_that_moves() {
    between(
        folders,
        |tree| write(tree.join("a/b/new"), b"new").unwrap(),
        |tree| rename(tree.join("a/b"), tree.join("d/moved")).unwrap(),
    );
}

#[test]
fn a_file_is_written_below_a_directory_that_moves() {
    between(
        folders,
        |tree| write(tree.join("a/b/c/3"), b"other").unwrap(),
        |tree| rename(tree.join("a"), tree.join("z")).unwrap(),
    );
}

#[test]
fn a_file_is_removed_below_a_directory_that_moves() {
    between(
        folders,
        |tree| remove_file(tree.join("a/b/c/3")).unwrap(),
        |tree| rename(tree.join("a/b"), tree.join("d/b")).unwrap(),
    );
}

#[test]
fn a_whole_tree_is_made_in_a_directory_that_moves() {
    between(
        folders,
        |tree| {
            create_dir_all(tree.join("a/b/new/deep/er")).unwrap();
            write(tree.join("a/b/new/deep/er/file"), b"deep").unwrap();
            symlink("nowhere", tree.join("a/b/new/deep/link")).unwrap();
        },
        |tree| {
            rename(tree.join("a/b/new"), tree.join("d/e/other")).unwrap();
            rename(tree.join("d"), tree.join("a/d")).unwrap();
        },
    );
}

#[test]
fn a_file_moves_and_both_its_directories_after_it() {
    between(
        folders,
        |tree| rename(tree.join("a/b/2"), tree.join("d/e/two")).unwrap(),
        |tree| {
            rename(tree.join("a"), tree.join("first")).unwrap();
            rename(tree.join("d"), tree.join("second")).unwrap();
        },
    );
}

#[test]
fn directories_take_each_others_places() {
    let exchange = |tree: &Path, one: &str, other: &str| {
        let (one, other) = (tree.join(one), tree.join(other));
        renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).unwrap();
    };
    between(
        folders,
        |tree| {
            write(tree.join("a/b/c/mine"), b"mine").unwrap();
            exchange(tree, "a/b", "d/e");
            write(tree.join("a/b/theirs"), b"theirs").unwrap();
        },
        |tree| exchange(tree, "a", "d"),
    );
}

#[test]
fn a_directory_is_removed_and_another_made_in_its_place() {
    between(
        folders,
        |tree| write(tree.join("a/b/2"), b"before").unwrap(),
        |tree| {
            remove_dir_all(tree.join("a/b")).unwrap();
            create_dir(tree.join("a/b")).unwrap();
            write(tree.join("a/b/2"), b"after").unwrap();
        },
    );
}

#[test]
fn one_name_of_several_goes_while_the_others_directory_moves() {
    between(
        |tree| {
            folders(tree);
            hard_link(tree.join("a/b/2"), tree.join("d/two")).unwrap();
            hard_link(tree.join("a/b/2"), tree.join("a/b/c/three")).unwrap();
        },
        |tree| {
            remove_file(tree.join("d/two")).unwrap();
            write(tree.join("a/b/2"), b"written under one name").unwrap();
        },
        |tree| {
            rename(tree.join("a/b/c"), tree.join("d/c")).unwrap();
            rename(tree.join("a"), tree.join("z")).unwrap();
            // Where they were is something else.
            create_dir_all(tree.join("a/b/c")).unwrap();
        },
    );
}

#[test]
fn a_tree_leaves_and_comes_back() {
    on_each(|ground| {
        let outside = ground.path("outside");
        let mut current = Current::new(ground, |tree| {
            folders(tree);
            create_dir(&outside).unwrap();
        });
        rename(current.path("a"), outside.join("a")).unwrap();
        write(outside.join("a/b/c/3"), b"written outside").unwrap();
        let told = current.told();
        rename(outside.join("a"), current.path("d/back")).unwrap();
        write(current.path("d/back/b/c/more"), b"more").unwrap();
        current.apply(told);
        current.settle();
        rename(current.path("d/back"), outside.join("a")).unwrap();
        current.settle();
        assert!(
            !current
                .place
                .records()
                .keys()
                .any(|path| path.ends_with(b"/3"))
        );
    });
}

#[test]
fn hashes_move_with_their_files() {
    on_each(|ground| {
        let mut current = Current::new(ground, folders);
        rename(current.path("a"), current.path("d/a")).unwrap();
        rename(current.path("d/a/1"), current.path("one")).unwrap();
        let told = current.told();
        rename(current.path("d/a/b"), current.path("b")).unwrap();
        rename(current.path("b/c/3"), current.path("d/three")).unwrap();
        current.apply(told);
        current.settle();
        assert_eq!(current.read, 0, "{}", ground.kind);
    });
}

#[test]
fn another_name_costs_the_known_one_nothing() {
    on_each(|ground| {
        let mut current = Current::new(ground, folders);
        let before = current.place.records();
        hard_link(current.path("a/1"), current.path("d/e/another")).unwrap();
        let changes = current.told();
        current.apply(changes);
        // Before anything is read again, the known name has its hashes and is not said to have changed.
        let records = current.place.records();
        let known = |name: &str| {
            use std::os::unix::ffi::OsStrExt;
            current.path(name).as_os_str().as_bytes().to_vec()
        };
        let (kept, was) = (&records[&known("a/1")], &before[&known("a/1")]);
        assert_eq!(kept.sha256, was.sha256);
        assert_eq!(kept.attributes.links, 2);
        current.settle();
    });
}

/// Whoever wants to change a program unseen gives it another name, writes there, sets the time back and takes the name away.
#[test]
fn a_file_is_written_under_a_name_that_nobody_saw() {
    on_each(|ground| {
        let mut current = Current::new(ground, folders);
        let (known, unseen) = (current.path("a/b/2"), current.path("d/e/unseen"));
        let before = std::fs::metadata(&known).unwrap();
        hard_link(&known, &unseen).unwrap();
        write(&unseen, b"A/B/2").unwrap();
        let times = FileTimes::new().set_modified(before.modified().unwrap());
        File::options()
            .write(true)
            .open(&unseen)
            .and_then(|file| file.set_times(times))
            .unwrap();
        remove_file(&unseen).unwrap();
        assert_eq!(std::fs::metadata(&known).unwrap().len(), before.len());
        current.settle();
    });
}

#[test]
fn a_file_is_written_through_what_was_a_name_of_it() {
    on_each(|ground| {
        let mut current = Current::new(ground, folders);
        let (known, unseen) = (current.path("a/b/2"), ground.path("elsewhere"));
        hard_link(&known, &unseen).unwrap();
        let mut open = File::options().append(true).open(&unseen).unwrap();
        remove_file(&unseen).unwrap();
        current.settle();
        let read = current.read;
        open.write_all(b"more").unwrap();
        drop(open);
        current.settle();
        assert!(current.read > read);
    });
}

#[test]
fn a_name_less_is_no_reason_to_read_again() {
    on_each(|ground| {
        let mut current = Current::new(ground, |tree| {
            folders(tree);
            hard_link(tree.join("a/1"), tree.join("d/one")).unwrap();
        });
        remove_file(current.path("d/one")).unwrap();
        current.settle();
        assert_eq!(current.read, 0, "{}", ground.kind);
    });
}

/// A pass reads each file that was written just before it was read once more. Directories that move meanwhile lead it astray.
#[test]
fn hashes_stand_when_a_directory_moved_while_they_were_read_again() {
    on_each(|ground| {
        let mut current = Current::new(ground, folders);
        let files = |records: BTreeMap<Vec<u8>, Record>| {
            let files = records.into_values().filter(|r| r.sha256.is_some());
            files.map(|record| record.id).collect::<Vec<_>>()
        };
        let hashed = files(current.place.records());
        assert_eq!(hashed.len(), 5);
        rename(current.path("a"), current.path("z")).unwrap();
        let astray = current.hash_untold(hashed);
        let gone = |d: &Digested| matches!(d.outcome, Outcome::Not(DigestState::Gone));
        assert_eq!(astray.iter().filter(|d| gone(d)).count(), 3);
        // Where they are now is known before it is told that they were not found.
        let told = current.told();
        current.apply(told);
        current.tell(astray);
        current.settle();
        assert_eq!(current.read, 0, "{}", ground.kind);
    });
}

#[test]
fn a_file_that_was_not_found_is_read_where_it_is() {
    for late in [false, true] {
        on_each(|ground| {
            let mut current = Current::new(ground, folders);
            write(current.path("a/b/new"), b"new").unwrap();
            let told = current.told();
            current.apply(told);
            let fresh: Vec<i64> = current.fresh.drain().collect();
            rename(current.path("a"), current.path("z")).unwrap();
            let astray = current.hash_untold(fresh);
            let told = current.told();
            current.apply(told);
            if late {
                current.hash();
            }
            current.tell(astray);
            current.settle();
        });
    }
}

#[test]
fn a_link_of_several_names_gets_and_loses_one() {
    on_each(|ground| {
        let mut current = Current::new(ground, |tree| {
            folders(tree);
            symlink("somewhere", tree.join("a/link")).unwrap();
            let kind = rustix::fs::FileType::Fifo;
            rustix::fs::mknodat(CWD, tree.join("a/pipe"), kind, 0o600.into(), 0).unwrap();
        });
        for name in ["link", "pipe"] {
            let (known, another) = (current.path("a").join(name), current.path("d").join(name));
            hard_link(&known, &another).unwrap();
            hard_link(&known, current.path("d/e").join(name)).unwrap();
            current.settle();
            remove_file(&another).unwrap();
            current.settle();
            // Over it comes another file.
            rename(current.path("d/4"), current.path("d/e").join(name)).unwrap();
            current.settle();
            rename(current.path("d/e").join(name), current.path("d/4")).unwrap();
            hard_link(&known, &another).unwrap();
            // A whole directory goes with its name, and one whose name is seen for the first time.
            create_dir(current.path("d/gone")).unwrap();
            hard_link(&known, current.path("d/gone").join(name)).unwrap();
            current.settle();
            remove_dir_all(current.path("d/gone")).unwrap();
            current.settle();
            hard_link(&known, ground.path("outside")).unwrap();
            current.settle();
            remove_file(ground.path("outside")).unwrap();
            current.settle();
        }
    });
}

fn btrfs(args: &[&str], paths: &[PathBuf]) {
    let mut command = std::process::Command::new("btrfs");
    let done = command.args(["-q", "subvolume"]).args(args).args(paths);
    assert!(done.status().unwrap().success());
}

/// A snapshot has the inodes and the births of that of which it is one.
#[test]
fn a_snapshot_is_not_taken_for_what_it_shows() {
    on(&["btrfs"], |ground| {
        let mut current = Current::new(ground, |tree| {
            btrfs(&["create"], &[tree.join("s")]);
            create_dir_all(tree.join("s/e/f")).unwrap();
            write(tree.join("s/e/1"), b"one").unwrap();
            hard_link(tree.join("s/e/1"), tree.join("s/e/f/another")).unwrap();
        });
        write(current.path("s/e/new"), b"new").unwrap();
        btrfs(&["snapshot"], &[current.path("s"), current.path("t")]);
        write(current.path("t/e/other"), b"other").unwrap();
        write(current.path("t/e/f/1"), b"below").unwrap();
        // The same file still by its number, with a content of its own.
        write(current.path("t/e/1"), b"two").unwrap();
        current.settle();
    });
}

/// Such as one on which something was mounted for a moment: nothing else may tell of the directory.
#[test]
fn a_point_tells_of_its_directory_too() {
    on_each(|ground| {
        let mut current = Current::new(ground, folders);
        create_dir(current.path("a/b/point")).unwrap();
        current.told();
        let path = index::text::from_native(current.path("a/b/point").as_os_str());
        current.apply(vec![Change::Point { path }]);
        current.settle();
    });
}

#[test]
fn a_replaced_file_is_not_taken_for_the_one_before() {
    between(
        folders,
        |tree| {
            // As editors write: beside, then over it.
            write(tree.join("a/.1.tmp"), b"edited").unwrap();
            rename(tree.join("a/.1.tmp"), tree.join("a/1")).unwrap();
        },
        |tree| {
            let before = std::fs::metadata(tree.join("a/1")).unwrap().ino();
            remove_file(tree.join("a/1")).unwrap();
            write(tree.join("a/1"), b"again!").unwrap();
            let after = std::fs::metadata(tree.join("a/1")).unwrap().ino();
            // The inode may be the same one, given out anew: its birth tells.
            eprintln!("inode {before}, then {after}");
        },
    );
}

#[test]
fn after_a_storm_it_is_what_the_disk_is() {
    on_each(|ground| {
        let seed = std::env::var("STORM_SEED")
            .ok()
            .and_then(|s| s.parse().ok());
        let seed: u64 = seed.unwrap_or(0x9e37_79b9_7f4a_7c15);
        let mut current = Current::new(ground, |tree| {
            create_dir_all(tree.join("a/b/c")).unwrap();
        });
        let tree = current.place.tree();
        let waker = current.watcher.waker();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let ragers = [seed, seed.rotate_left(17) ^ 0x2545_f491_4f6c_dd1d].map(|seed| {
                let tree = &tree;
                scope.spawn(move || rage(tree, seed, 5_000))
            });
            let over = &over;
            scope.spawn(move || {
                for rager in ragers {
                    rager.join().unwrap();
                }
                over.store(true, Ordering::Release);
                waker.wake();
            });
            while !over.load(Ordering::Acquire) {
                let changes = current.watcher.next(super::ground::PATIENCE).unwrap();
                current.apply(changes);
            }
        });
        current.settle();
    });
}
