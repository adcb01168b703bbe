//! What becomes of the database when a directory moves while it is looked at, or what is mounted below it; by notices that
//! are put together by hand, so that each comes at the moment that is meant.

use crate::support::Place;
use index::changes::{Change, DirectoryKey};
use index::engine::Engine;
use index::live::Live;
use index::scan::{self, Survey};
use index::store;
use std::collections::HashSet;
use std::fs::{create_dir, create_dir_all, rename, write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}

fn key(path: &Path) -> DirectoryKey {
    let found = path.metadata().unwrap();
    let device = found.dev();
    let device = (rustix::fs::major(device), rustix::fs::minor(device));
    DirectoryKey::new(device, found.ino(), bytes(path))
}

fn touched(directory: &Path, name: &str) -> Change {
    Change::Touched {
        directory: key(directory),
        name: name.into(),
        written: true,
    }
}

/// A place with its engine.
struct Followed {
    place: Place,
    engine: Engine,
}

impl Followed {
    fn new(place: Place) -> Self {
        let database = place.database();
        let engine = Engine::start(store::open(&database).unwrap(), &database).unwrap();
        Self { place, engine }
    }

    fn survey(&self) -> Survey {
        self.place.round().survey().unwrap()
    }

    fn live(&self, survey: Survey) -> Live {
        let teller = self.engine.teller();
        let next = teller.call(|writer| index::inventory::next_number(writer.connection()));
        Live::new(
            survey.live_rules(next.unwrap()),
            survey.mount_points,
            &survey.places,
        )
    }

    fn apply(&self, live: Live, changes: Vec<Change>) {
        let teller = self.engine.teller();
        let applied = teller.call(move |writer| live.apply(writer, &changes));
        assert!(!applied.unwrap().lost);
    }

    fn agrees(&self) {
        let differences = self.place.differences();
        assert!(differences.is_empty(), "{differences:#?}");
    }
}

#[test]
fn what_was_mounted_below_a_folder_that_moved_is_looked_at_where_it_is_now() {
    let place = Place::new();
    let tree = place.tree();
    create_dir_all(tree.join("a/point")).unwrap();
    write(tree.join("a/point/under"), "covered").unwrap();
    let followed = Followed::new(place);
    let mut survey = followed.survey();
    survey.mount_points.insert(bytes(&tree.join("a/point")));
    assert!(scan::inventory(&survey, &followed.engine.teller()).unwrap());
    // Unmounted and moved before anybody looked: where it was covered there is nothing any more.
    rename(tree.join("a"), tree.join("z")).unwrap();
    let live = followed.live(followed.survey());
    let moved = Change::Renamed {
        from: (key(&tree), b"a".to_vec()),
        to: (key(&tree), b"z".to_vec()),
    };
    let uncovered = Change::Point {
        path: bytes(&tree.join("a/point")),
    };
    followed.apply(live, vec![uncovered, moved]);
    followed.agrees();
}

#[test]
fn a_place_that_is_gone_takes_no_notices() {
    let place = Place::new();
    let tree = place.tree();
    create_dir(tree.join("a")).unwrap();
    place.index();
    let followed = Followed::new(place);
    // What was mounted on `a` is not any more, and the walk that forgets it has not come yet.
    let point = bytes(&tree.join("a"));
    let teller = followed.engine.teller();
    teller
        .call(move |writer| {
            let volume = writer.volume(&point, "tmpfs", b"none")?;
            writer.directory(4242, None, volume, 1, &point)
        })
        .unwrap();
    create_dir(tree.join("a/new")).unwrap();
    write(tree.join("a/new/file"), "1").unwrap();
    let live = followed.live(followed.survey());
    followed.apply(live, vec![touched(&tree.join("a"), "new")]);
    let mut survey = followed.survey();
    survey.only = Some(HashSet::new());
    assert!(scan::inventory(&survey, &teller).unwrap());
    followed.agrees();
}

#[test]
fn a_directory_that_was_out_of_sight_may_be_told_of_more_than_once() {
    let place = Place::new();
    let tree = place.tree();
    create_dir_all(tree.join("a/b")).unwrap();
    write(tree.join("a/b/file"), "1").unwrap();
    place.index();
    let followed = Followed::new(place);
    write(tree.join("a/new"), "2").unwrap();
    let seen_again = || Change::Hidden {
        directory: key(&tree.join("a")),
    };
    let live = followed.live(followed.survey());
    followed.apply(live, vec![seen_again(), seen_again(), seen_again()]);
    followed.agrees();
}

#[test]
fn a_directory_that_moves_before_it_is_listed_is_listed_where_it_is_then() {
    let place = Place::new();
    let tree = place.tree();
    for name in ["one", "other"] {
        create_dir(tree.join(name)).unwrap();
    }
    place.index();
    create_dir(tree.join("one/new")).unwrap();
    write(tree.join("one/new/file"), "1").unwrap();
    let followed = Followed::new(place);
    let mut survey = followed.survey();
    // Between two looks of one batch: when the second place is asked for.
    let (from, to) = (tree.join("one/new"), tree.join("other/moved"));
    let (asked, done) = (bytes(&to), AtomicBool::new(false));
    survey.excluded = Arc::new(move |path| {
        if path == asked && !done.swap(true, Ordering::SeqCst) {
            rename(&from, &to).unwrap();
        }
        false
    });
    let live = followed.live(survey);
    let told = vec![
        touched(&tree.join("one"), "new"),
        touched(&tree.join("other"), "moved"),
    ];
    followed.apply(live, told);
    // The move itself, which was not told yet.
    let moved = Change::Renamed {
        from: (key(&tree.join("one")), b"new".to_vec()),
        to: (key(&tree.join("other")), b"moved".to_vec()),
    };
    followed.apply(followed.live(followed.survey()), vec![moved]);
    followed.agrees();
}

#[test]
fn what_one_thread_tells_comes_before_what_another_builds_on_it() {
    use index::engine::Message;
    let followed = Followed::new(Place::new());
    let teller = followed.engine.teller();
    let volume = teller
        .call(|writer| {
            let volume = writer.volume(b"/v", "ext4", b"none")?;
            writer.directory(1, None, volume, 2, b"/v")?;
            Ok(volume)
        })
        .unwrap();
    let directory = |id, parent, path: &[u8]| Message::Directory {
        id,
        parent: Some(parent),
        volume,
        inode: 10,
        path: path.to_vec(),
        anew: false,
    };
    let gathering = teller.gathering();
    let (mut one, mut other) = (gathering.bundle(), gathering.bundle());
    one.tell(directory(2, 1, b"/v/new")).unwrap();
    other.tell(directory(3, 2, b"/v/new/below")).unwrap();
    // The one that builds on the other ends first.
    drop(other);
    drop(one);
    teller.flush().unwrap();
    let connection = store::open_to_read(&followed.place.database()).unwrap();
    let count = "SELECT count(*) FROM directory WHERE path GLOB '/v/new*'";
    let kept = connection.query_row(count, [], |row| row.get::<_, i64>(0));
    assert_eq!(kept.unwrap(), 2);
}

#[test]
fn what_lies_in_no_directory_is_damage_and_the_next_walk_removes_it() {
    let place = Place::new();
    write(place.tree().join("file"), "1").unwrap();
    place.index();
    let followed = Followed::new(place);
    let path = bytes(&followed.place.tree());
    followed
        .engine
        .teller()
        .call(move |writer| {
            let volume = writer.volumes()?.into_iter().map(|v| v.0).next();
            writer.directory(4242, Some(4000), volume.unwrap(), 77, &path)?;
            writer.directory(4243, Some(4242), volume.unwrap(), 78, b"/x")
        })
        .unwrap();
    let whats: Vec<String> = followed
        .place
        .differences()
        .into_iter()
        .map(|d| d.kept)
        .collect();
    assert_eq!(
        whats,
        ["a directory in no directory", "two directories of one path"]
    );
    scan::inventory(&followed.survey(), &followed.engine.teller()).unwrap();
    followed.agrees();
}
