//! What is mounted between two looks at the table of mounts, and gone before the second one.

use super::stage::{PATIENCE, Stage, apart, must, text};
use crate::support::Place;
use index::changes::{Change, DirectoryKey, Options, WatchError, Watcher};
use index::engine::Engine;
use index::live::{Applied, Live};
use index::scan::Survey;
use index::walk::{self, Descend, Directory, Found, Root, Visitor, WalkError, mount_number};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

fn bytes(path: &Path) -> Vec<u8> {
    text(path).as_bytes().to_vec()
}

/// Waits until such a change is told.
fn told(watcher: &mut Watcher, mut is: impl FnMut(&Change) -> bool) {
    let mut all = Vec::new();
    loop {
        let changes = watcher.next(PATIENCE).unwrap();
        assert!(!changes.is_empty(), "nothing more is told: {all:#?}");
        if changes.iter().any(&mut is) {
            return;
        }
        all.extend(changes);
    }
}

#[test]
fn another_file_system_on_a_mount_is_not_watched_in_its_place() {
    apart(
        "mounts::moments::another_file_system_on_a_mount_is_not_watched_in_its_place",
        || {
            let stage = Stage::new();
            let tree = stage.path("tree");
            must("mount", &["-t", "tmpfs", "none", text(&tree)]);
            let meant = mount_number(&bytes(&tree));
            assert!(meant.is_some());
            must("mount", &["-t", "tmpfs", "none", text(&tree)]);
            let (mut watcher, _) = Watcher::start(&[], &Options::default()).unwrap();
            let outcome = watcher.add(tree.clone(), meant);
            assert!(
                matches!(&outcome, Err(WatchError::Another { path }) if *path == tree),
                "{outcome:?}"
            );
            must("umount", &[text(&tree)]);
            watcher.add(tree.clone(), meant).unwrap();
            fs::write(tree.join("file"), "1").unwrap();
            told(
                &mut watcher,
                |change| matches!(change, Change::Touched { name, .. } if name == b"file"),
            );
        },
    );
}

#[test]
fn another_part_of_a_file_system_over_a_mount_is_not_that_mount() {
    apart(
        "mounts::moments::another_part_of_a_file_system_over_a_mount_is_not_that_mount",
        || {
            let stage = Stage::new();
            let (tree, out) = (stage.path("tree"), stage.path("out"));
            must("mount", &["-t", "tmpfs", "none", text(&out)]);
            for name in ["one", "two"] {
                fs::create_dir(out.join(name)).unwrap();
            }
            must("mount", &["--bind", text(&out), text(&tree)]);
            let mounts = [tree.clone()];
            let (mut watcher, refused) = Watcher::start(&mounts, &Options::default()).unwrap();
            assert!(refused.is_empty(), "{refused:?}");
            must("mount", &["--bind", text(&out.join("one")), text(&tree)]);
            fs::write(out.join("two/file"), "1").unwrap();
            told(
                &mut watcher,
                |change| matches!(change, Change::Away { mounts: at } if *at == mounts),
            );
        },
    );
}

#[test]
fn what_lies_in_a_part_that_is_covered_is_not_looked_for_in_the_others_alone() {
    apart(
        "mounts::moments::what_lies_in_a_part_that_is_covered_is_not_looked_for_in_the_others_alone",
        || {
            let stage = Stage::new();
            let (tree, out) = (stage.path("tree"), stage.path("out"));
            must("mount", &["-t", "tmpfs", "none", text(&out)]);
            let mounts = ["one", "two"].map(|name| {
                let point = tree.join(name);
                fs::create_dir(out.join(name)).unwrap();
                fs::create_dir(&point).unwrap();
                must("mount", &["--bind", text(&out.join(name)), text(&point)]);
                point
            });
            let (mut watcher, refused) = Watcher::start(&mounts, &Options::default()).unwrap();
            assert!(refused.is_empty(), "{refused:?}");
            must("mount", &["-t", "tmpfs", "none", text(&mounts[1])]);
            fs::write(out.join("two/file"), "1").unwrap();
            told(
                &mut watcher,
                |change| matches!(change, Change::Away { mounts: at } if *at == [mounts[1].clone()]),
            );
        },
    );
}

#[test]
fn what_is_shown_by_one_of_several_mounts_is_told_where_it_is_shown() {
    apart(
        "mounts::moments::what_is_shown_by_one_of_several_mounts_is_told_where_it_is_shown",
        || {
            // All on one file system, whose root is mounted, too: of what lies outside of a mount, the kernel tells the path that
            // leads there from the root.
            let mut stage = Stage::new();
            let (tree, out) = (stage.path("tree"), stage.path("out"));
            for name in ["one", "two"] {
                fs::create_dir(tree.join(name)).unwrap();
                fs::create_dir_all(out.join(name).join("in")).unwrap();
                must(
                    "mount",
                    &["--bind", text(&out.join(name)), text(&tree.join(name))],
                );
            }
            stage.index(std::slice::from_ref(&tree));
            stage.settle("at first");
            for name in ["one", "two"] {
                fs::write(tree.join(name).join("in/file"), name).unwrap();
                stage.settle(name);
            }
            assert_eq!(
                stage.names(),
                [
                    "/one",
                    "/one/in",
                    "/one/in/file",
                    "/two",
                    "/two/in",
                    "/two/in/file"
                ]
            );
        },
    );
}

#[test]
fn a_directory_is_opened_through_the_mount_of_its_path() {
    apart(
        "mounts::moments::a_directory_is_opened_through_the_mount_of_its_path",
        || {
            let stage = Stage::new();
            let (tree, out) = (stage.path("tree"), stage.path("out"));
            must("mount", &["-t", "tmpfs", "none", text(&out)]);
            fs::create_dir(out.join("in")).unwrap();
            let mounts = ["part", "whole"].map(|name| tree.join(name));
            for (point, shown) in mounts.iter().zip([out.join("in"), out.clone()]) {
                fs::create_dir(point).unwrap();
                must("mount", &["--bind", text(&shown), text(point)]);
            }
            let (mut watcher, refused) = Watcher::start(&mounts, &Options::default()).unwrap();
            assert!(refused.is_empty(), "{refused:?}");
            must("mount", &["-t", "tmpfs", "none", text(&mounts[0])]);
            fs::write(out.join("in/file"), "1").unwrap();
            let mut key = None;
            told(&mut watcher, |change| match change {
                Change::Touched { directory, .. } => key.replace(directory.clone()).is_none(),
                _ => false,
            });
            let key = key.unwrap();
            assert_eq!(key.path, bytes(&mounts[1].join("in")));
            must("umount", &[text(&mounts[0])]);
            let open = walk::Open::of(key.open().unwrap(), &key.path).unwrap();
            assert_eq!(open.mount(), mount_number(&bytes(&mounts[1])));
            assert!(!open.is_point());
        },
    );
}

/// Mounts something on what it has just seen.
struct Mounting(Arc<Mutex<Vec<String>>>);

impl Mounting {
    fn note(&self, what: &str, path: &[u8]) {
        let name = path.rsplit(|b| *b == b'/').next().unwrap();
        let name = String::from_utf8_lossy(name);
        self.0.lock().unwrap().push(format!("{what} {name}"));
    }
}

impl Visitor for Mounting {
    fn found(
        &mut self,
        directory: &Directory,
        found: Found,
        _last: bool,
    ) -> Result<Vec<Descend>, index::stop::Stop> {
        self.note("found", &directory.path);
        let mut number = directory.id;
        let below = found.directories().map(|seen| {
            let path = index::entry::join(&directory.path, seen.name);
            let path = PathBuf::from(index::text::native(&path));
            must("mount", &["-t", "tmpfs", "none", text(&path)]);
            number += 1;
            Descend::Into(number)
        });
        Ok(below.collect())
    }

    fn failed(&mut self, directory: &Directory, _: WalkError) -> Result<(), index::stop::Stop> {
        self.note("failed", &directory.path);
        Ok(())
    }

    fn excluded(&self, _: &[u8], _: &[u8]) -> bool {
        false
    }

    fn mounted(&mut self, path: Vec<u8>) -> bool {
        self.note("mounted", &path);
        true
    }

    fn pace(&mut self) -> Result<(), index::stop::Stop> {
        Ok(())
    }
}

#[test]
fn a_walk_enters_nothing_that_was_mounted_since_it_began() {
    apart(
        "mounts::moments::a_walk_enters_nothing_that_was_mounted_since_it_began",
        || {
            let place = Place::new();
            let tree = place.tree();
            fs::create_dir(tree.join("point")).unwrap();
            let seen = Arc::<Mutex<Vec<String>>>::default();
            let walk_from = |mount| {
                let root = Root {
                    id: 1,
                    parent: None,
                    volume: 1,
                    path: bytes(&tree),
                    mount,
                };
                let visitor = Mounting(Arc::clone(&seen));
                assert!(walk::walk(vec![root], Default::default(), vec![visitor]).unwrap());
                std::mem::take(&mut *seen.lock().unwrap())
            };
            let meant = mount_number(&bytes(&tree));
            assert_eq!(
                walk_from(meant),
                ["found tree", "mounted point", "failed point"]
            );
            must("mount", &["-t", "tmpfs", "none", text(&tree)]);
            assert_eq!(walk_from(meant), ["mounted tree"]);
            must("umount", &[text(&tree)]);
            must("umount", &[text(&tree.join("point"))]);
        },
    );
}

#[test]
fn a_place_that_is_covered_when_it_is_walked_keeps_what_is_known_of_it() {
    apart(
        "mounts::moments::a_place_that_is_covered_when_it_is_walked_keeps_what_is_known_of_it",
        || {
            let place = Place::new();
            let tree = place.tree();
            place.write("known", "1");
            place.index();
            place.write("new", "2");
            let round = place.round();
            let engine = Engine::start(
                index::store::open(&round.database).unwrap(),
                &round.database,
            );
            let teller = engine.unwrap().teller();
            let survey = round.survey().unwrap();
            must("mount", &["-t", "tmpfs", "none", text(&tree)]);
            fs::write(tree.join("over"), "3").unwrap();
            index::scan::inventory(&survey, &teller).unwrap();
            must("umount", &[text(&tree)]);
            assert_eq!(round.surprises.take(), [bytes(&tree)].into());
            assert_eq!(place.names(&Default::default()), ["known"]);
            index::scan::inventory(&survey, &teller).unwrap();
            assert!(round.surprises.take().is_empty());
            assert_eq!(place.names(&Default::default()), ["known", "new"]);
        },
    );
}

fn live_of(survey: &Survey) -> Live {
    Live::new(
        survey.live_rules(100),
        survey.mount_points.clone(),
        &survey.places,
    )
}

fn apply(engine: &Engine, live: &Arc<Live>, changes: Vec<Change>) -> Applied {
    let live = Arc::clone(live);
    let call = move |writer: &mut index::store::write::Writer<'_>| live.apply(writer, &changes);
    engine.teller().call(call).unwrap()
}

#[test]
fn a_point_that_is_out_of_sight_is_looked_at_when_it_is_back() {
    apart(
        "mounts::moments::a_point_that_is_out_of_sight_is_looked_at_when_it_is_back",
        || {
            let place = Place::new();
            let point = place.tree().join("in/point");
            fs::create_dir_all(&point).unwrap();
            must("mount", &["-t", "tmpfs", "none", text(&point)]);
            place.index();
            must("umount", &[text(&point)]);
            fs::write(point.join("file"), "1").unwrap();
            let round = place.round();
            let engine = Engine::start(
                index::store::open(&round.database).unwrap(),
                &round.database,
            )
            .unwrap();
            let survey = round.survey().unwrap();
            index::scan::inventory(
                &Survey {
                    only: Some(Default::default()),
                    ..round.survey().unwrap()
                },
                &engine.teller(),
            )
            .unwrap();
            let live = Arc::new(live_of(&survey));
            let look = Change::Point {
                path: bytes(&point),
            };
            // Over the folder, and then over the place itself, where the way to the folder ends.
            for over in [place.tree().join("in"), place.tree()] {
                must("mount", &["-t", "tmpfs", "none", text(&over)]);
                apply(&engine, &live, vec![look.clone()]);
                must("umount", &[text(&over)]);
                assert_eq!(round.surprises.take(), [bytes(&point)].into(), "{over:?}");
            }
            apply(&engine, &live, vec![look]);
            assert!(round.surprises.take().is_empty());
            assert_eq!(place.names(&Default::default()), ["file"]);
        },
    );
}

#[test]
fn nothing_is_looked_at_in_a_place_that_is_another_until_it_is_walked() {
    apart(
        "mounts::moments::nothing_is_looked_at_in_a_place_that_is_another_until_it_is_walked",
        || {
            let place = Place::new();
            let (tree, part) = (place.tree(), place.tree().join("part"));
            must("mount", &["-t", "tmpfs", "none", text(&tree)]);
            fs::create_dir(&part).unwrap();
            place.index();
            // What was a folder of the place is the place now, and passes for that folder by its inode.
            must("mount", &["--bind", text(&part), text(&tree)]);
            let point = tree.join("point");
            fs::create_dir(&point).unwrap();
            must("mount", &["-t", "tmpfs", "none", text(&point)]);
            let round = place.round();
            let engine = Engine::start(
                index::store::open(&round.database).unwrap(),
                &round.database,
            )
            .unwrap();
            let live = live_of(&round.survey().unwrap()).holding([bytes(&tree)].into());
            let look = Change::Point {
                path: bytes(&point),
            };
            apply(
                &engine,
                &Arc::new(live),
                vec![look, touched(&tree, "point")],
            );
            let all = index::query::Filter {
                directories: true,
                ..Default::default()
            };
            assert_eq!(place.names(&all), ["part"]);
        },
    );
}

#[test]
fn a_folder_that_was_replaced_before_it_was_covered_again_is_that_folder() {
    apart(
        "mounts::moments::a_folder_that_was_replaced_before_it_was_covered_again_is_that_folder",
        || {
            let place = Place::new();
            let tree = place.tree();
            let point = tree.join("point");
            fs::create_dir(&point).unwrap();
            must("mount", &["-t", "tmpfs", "none", text(&point)]);
            place.index();
            must("umount", &[text(&point)]);
            // Kept beside it, so that its inode is not given out again.
            fs::rename(&point, place.database().with_extension("aside")).unwrap();
            fs::create_dir(&point).unwrap();
            must("mount", &["-t", "tmpfs", "none", text(&point)]);
            let round = place.round();
            let engine = Engine::start(
                index::store::open(&round.database).unwrap(),
                &round.database,
            )
            .unwrap();
            let live = Arc::new(live_of(&round.survey().unwrap()));
            apply(&engine, &live, vec![touched(&tree, "point")]);
            let differences = place.differences();
            assert!(differences.is_empty(), "{differences:#?}");
        },
    );
}

/// A notice of a name in a directory.
fn touched(directory: &Path, name: &str) -> Change {
    let found = fs::metadata(directory).unwrap();
    let device = (
        rustix::fs::major(found.dev()),
        rustix::fs::minor(found.dev()),
    );
    Change::Touched {
        directory: DirectoryKey::new(device, found.ino(), bytes(directory)),
        name: name.as_bytes().to_vec(),
        written: false,
    }
}

#[test]
fn what_is_to_be_looked_at_once_more_is_so_by_the_next_table_of_mounts() {
    let place = Place::new();
    let tree = place.tree();
    let file = place.write("one/file", "1");
    fs::create_dir(tree.join("two")).unwrap();
    fs::hard_link(&file, tree.join("two/other")).unwrap();
    place.index();
    let round = place.round();
    let engine = Engine::start(
        index::store::open(&round.database).unwrap(),
        &round.database,
    )
    .unwrap();
    let survey = round.survey().unwrap();
    // The other name is not where it is known to be.
    fs::rename(tree.join("two"), tree.join("aside")).unwrap();
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let before = Arc::new(live_of(&survey));
    let touched = vec![touched(&tree.join("one"), "file")];
    assert!(apply(&engine, &before, touched).unsettled);
    fs::rename(tree.join("aside"), tree.join("two")).unwrap();
    let after = Arc::new(live_of(&survey));
    after.continue_with(&before);
    assert!(!apply(&engine, &after, Vec::new()).unsettled);
    let names = place.records();
    let mode = |name: &str| names[&bytes(&tree.join(name))].attributes.mode & 0o777;
    assert_eq!((mode("one/file"), mode("two/other")), (0o600, 0o600));
}

#[test]
fn a_file_that_got_another_name_out_of_sight_is_looked_at_by_those_in_sight() {
    apart(
        "mounts::moments::a_file_that_got_another_name_out_of_sight_is_looked_at_by_those_in_sight",
        || {
            let mut stage = Stage::new();
            let tree = stage.path("tree");
            fs::create_dir(tree.join("in")).unwrap();
            fs::write(tree.join("in/file"), "1").unwrap();
            fs::hard_link(tree.join("in/file"), tree.join("other")).unwrap();
            let inside = fs::File::open(tree.join("in")).unwrap();
            must("mount", &["-t", "tmpfs", "none", text(&tree.join("in"))]);
            stage.index(std::slice::from_ref(&tree));
            stage.settle("at first");
            rustix::fs::renameat(&inside, "file", &inside, "new").unwrap();
            drop(inside);
            stage.settle("renamed");
            assert_eq!(stage.names(), ["/in", "/other"]);
        },
    );
}

#[test]
fn files_that_were_not_found_are_read_when_something_was_unmounted() {
    apart(
        "mounts::moments::files_that_were_not_found_are_read_when_something_was_unmounted",
        || {
            let mut stage = Stage::new();
            let (tree, out) = (stage.path("tree"), stage.path("out"));
            fs::write(tree.join("file"), "1").unwrap();
            stage.index(std::slice::from_ref(&tree));
            stage.settle("at first");
            // As if something had been mounted over it for the moment in which it was to be read.
            let database = rusqlite::Connection::open(stage.home().database()).unwrap();
            database.busy_timeout(PATIENCE).unwrap();
            let gone = index::digest_state::DigestState::Gone as i64;
            let sql = "UPDATE digest SET state = ?1, md5 = NULL";
            assert_eq!(database.execute(sql, [gone]).unwrap(), 1);
            // What waits is counted when something was read.
            fs::write(tree.join("more"), "2").unwrap();
            stage.reach("not found", |status| {
                status.state.name() == "Monitoring" && status.waiting == 1
            });
            must("mount", &["-t", "tmpfs", "none", text(&out)]);
            stage.settle("read");
        },
    );
}

#[test]
fn a_directory_that_has_the_number_of_a_file_that_is_gone_is_not_read() {
    let place = Place::new();
    fs::create_dir(place.tree().join("folder")).unwrap();
    place.index();
    let round = place.round();
    let engine = Engine::start(
        index::store::open(&round.database).unwrap(),
        &round.database,
    )
    .unwrap();
    let teller = engine.teller();
    let name = b"folder".to_vec();
    let known = index::query::Filter {
        directories: true,
        ..Default::default()
    };
    assert_eq!(place.names(&known), ["folder"]);
    let id = teller.call(move |writer| {
        let tree = index::inventory::root_number(writer.connection(), &bytes(&round.roots[0]))?;
        Ok(writer.find(tree.unwrap(), &name)?.unwrap().id)
    });
    let sink = index::hashpass::into_engine(&teller);
    let hashed = place.round().with_plan(|plan| {
        index::hashpass::these(
            &place.database(),
            vec![id.unwrap()],
            &sink,
            plan,
            &Arc::default(),
        )
    });
    assert!(hashed.unwrap());
    teller.flush().unwrap();
    let kept = rusqlite::Connection::open(place.database()).unwrap();
    let count = "SELECT count(*) FROM digest";
    assert_eq!(
        kept.query_row(count, [], |row| row.get::<_, i64>(0))
            .unwrap(),
        0
    );
}
