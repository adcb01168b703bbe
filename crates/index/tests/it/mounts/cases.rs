//! What once went wrong, one by one.

use super::stage::{Stage, apart, must, text};
use std::fs;

#[test]
fn a_file_system_mounted_late_and_another_in_its_place_are_watched() {
    apart(
        "mounts::cases::a_file_system_mounted_late_and_another_in_its_place_are_watched",
        || {
            let mut stage = Stage::new();
            let point = stage.path("tree").join("point");
            fs::create_dir(&point).unwrap();
            fs::write(point.join("under"), "covered").unwrap();
            stage.index(&[stage.path("tree")]);
            stage.settle("at first");
            assert_eq!(stage.names(), ["/point", "/point/under"]);
            must("mount", &["-t", "tmpfs", "none", text(&point)]);
            fs::write(point.join("over"), "1").unwrap();
            stage.settle("mounted");
            assert_eq!(stage.names(), ["/point", "/point/over"]);
            must("umount", &["-l", text(&point)]);
            must("mount", &["-t", "tmpfs", "none", text(&point)]);
            stage.settle("swapped");
            fs::write(point.join("later"), "2").unwrap();
            stage.settle("written");
            assert_eq!(stage.names(), ["/point", "/point/later"]);
            must("umount", &["-l", text(&point)]);
            stage.settle("uncovered");
            assert_eq!(stage.names(), ["/point", "/point/under"]);
        },
    );
}

#[test]
fn what_changed_under_a_mount_is_known_when_it_is_gone() {
    apart(
        "mounts::cases::what_changed_under_a_mount_is_known_when_it_is_gone",
        || {
            let mut stage = Stage::new();
            let (tree, out) = (stage.path("tree"), stage.path("out"));
            fs::create_dir(tree.join("target")).unwrap();
            fs::write(tree.join("target/known"), "1").unwrap();
            stage.index(std::slice::from_ref(&tree));
            stage.settle("at first");
            // By the other way in, which stays open.
            let inside = fs::File::open(tree.join("target")).unwrap();
            must("mount", &["--bind", text(&out), text(&tree.join("target"))]);
            let flags = rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY;
            for name in ["known", "new"] {
                let mode = rustix::fs::Mode::from_raw_mode(0o600);
                let file = rustix::fs::openat(&inside, name, flags, mode).unwrap();
                rustix::io::write(&file, b"changed").unwrap();
            }
            drop(inside);
            stage.settle("covered");
            stage.unmount(&tree.join("target"));
            stage.settle("uncovered");
            assert_eq!(stage.names(), ["/target", "/target/known", "/target/new"]);
        },
    );
}

#[test]
fn what_is_mounted_moves_with_the_folder_above_it() {
    apart(
        "mounts::cases::what_is_mounted_moves_with_the_folder_above_it",
        || {
            let mut stage = Stage::new();
            let tree = stage.path("tree");
            let (before, after) = (tree.join("a/point"), tree.join("z/point"));
            fs::create_dir_all(&before).unwrap();
            must("mount", &["-t", "tmpfs", "none", text(&before)]);
            stage.index(std::slice::from_ref(&tree));
            stage.settle("at first");
            // The kernel tells of this to nobody who waits for changes of the table of mounts.
            fs::rename(tree.join("a"), tree.join("z")).unwrap();
            stage.settle("moved");
            fs::create_dir_all(before.join("new")).unwrap();
            fs::write(after.join("mounted"), "1").unwrap();
            stage.settle("written");
            assert_eq!(
                stage.names(),
                [
                    "/a",
                    "/a/point",
                    "/a/point/new",
                    "/z",
                    "/z/point",
                    "/z/point/mounted"
                ]
            );
        },
    );
}

#[test]
fn a_file_that_is_mounted_is_no_place_to_walk() {
    apart(
        "mounts::cases::a_file_that_is_mounted_is_no_place_to_walk",
        || {
            let mut stage = Stage::new();
            let (tree, out) = (stage.path("tree"), stage.path("out"));
            // Of another file system, so that nothing else shows it.
            must("mount", &["-t", "tmpfs", "none", text(&out)]);
            fs::write(out.join("elsewhere"), "mounted").unwrap();
            fs::write(tree.join("file"), "covered").unwrap();
            let file = tree.join("file");
            must(
                "mount",
                &["--bind", text(&out.join("elsewhere")), text(&file)],
            );
            stage.index(std::slice::from_ref(&tree));
            stage.settle("at first");
            assert!(stage.status().not_watched.is_empty());
            must("umount", &[text(&file)]);
            stage.settle("uncovered");
            assert_eq!(stage.names(), ["/file"]);
        },
    );
}

#[test]
fn what_changes_in_a_file_system_that_is_not_where_it_was_is_not_lost() {
    use index::changes::{Change, Options, Watcher};
    apart(
        "mounts::cases::what_changes_in_a_file_system_that_is_not_where_it_was_is_not_lost",
        || {
            let stage = Stage::new();
            let tree = stage.path("tree");
            let point = tree.join("a/point");
            fs::create_dir_all(&point).unwrap();
            must("mount", &["-t", "tmpfs", "none", text(&point)]);
            let mounts = [point.clone()];
            let (mut watcher, refused) = Watcher::start(&mounts, &Options::default()).unwrap();
            assert!(refused.is_empty(), "{refused:?}");
            fs::write(point.join("file"), "1").unwrap();
            fs::rename(tree.join("a"), tree.join("z")).unwrap();
            let is_told =
                |change: &Change| matches!(change, Change::Away { mounts: at } if *at == mounts);
            loop {
                let changes = watcher.next(super::stage::PATIENCE).unwrap();
                assert!(!changes.is_empty(), "nothing more is told");
                if changes.iter().any(is_told) {
                    break;
                }
            }
        },
    );
}

#[test]
fn what_is_mounted_for_a_moment_does_not_pass_for_what_it_covers() {
    apart(
        "mounts::cases::what_is_mounted_for_a_moment_does_not_pass_for_what_it_covers",
        || {
            let place = crate::support::Place::new();
            let point = place.tree().join("point");
            fs::create_dir(&point).unwrap();
            let round = place.round();
            let teller_of = |database: &std::path::Path| {
                index::engine::Engine::start(index::store::open(database).unwrap(), database)
            };
            let engine = teller_of(&round.database).unwrap();
            let survey = round.survey().unwrap();
            // Mounted after the table was read: by the walk, and by a look that a notice asks for.
            must("mount", &["-t", "tmpfs", "none", text(&point)]);
            index::scan::inventory(&survey, &engine.teller()).unwrap();
            let paths = || -> Vec<Vec<u8>> { round.surprises.take().into_iter().collect() };
            let expected = vec![text(&point).as_bytes().to_vec()];
            assert_eq!(paths(), expected);
            let live = || {
                let rules = survey.live_rules(100);
                index::live::Live::new(rules, survey.mount_points.clone(), &survey.places)
            };
            let apply = |change: index::changes::Change| {
                let live = live();
                let call = move |writer: &mut index::store::write::Writer<'_>| {
                    live.apply(writer, &[change])
                };
                engine.teller().call(call).unwrap();
            };
            let look = index::changes::Change::Point {
                path: expected[0].clone(),
            };
            apply(look.clone());
            assert_eq!(paths(), expected);
            // Gone before the table was read again.
            must("umount", &[text(&point)]);
            fs::write(point.join("file"), "1").unwrap();
            apply(look);
            assert!(paths().is_empty());
            let differences = place.differences();
            assert!(differences.is_empty(), "{differences:#?}");
        },
    );
}

#[test]
fn a_subvolume_is_watched_through_the_top_that_nobody_mounted() {
    apart(
        "mounts::cases::a_subvolume_is_watched_through_the_top_that_nobody_mounted",
        || {
            let mut stage = Stage::new();
            let (tree, image) = (stage.path("tree"), stage.image("btrfs", "image"));
            must("mount", &["-o", "loop", text(&image), text(&tree)]);
            let inner = |name: &str| text(&tree.join(name)).to_owned();
            must("btrfs", &["-q", "subvolume", "create", &inner("s")]);
            must("btrfs", &["-q", "subvolume", "create", &inner("s/n")]);
            must(
                "btrfs",
                &["-q", "subvolume", "snapshot", &inner("s"), &inner("snap")],
            );
            must("umount", &[text(&tree)]);
            must("mount", &["-o", "loop,subvol=s", text(&image), text(&tree)]);
            stage.index(std::slice::from_ref(&tree));
            stage.settle("at first");
            assert!(stage.status().not_watched.is_empty());
            fs::write(tree.join("n/file"), "1").unwrap();
            fs::write(tree.join("file"), "2").unwrap();
            stage.settle("written");
            assert_eq!(stage.names(), ["/file", "/n", "/n/file"]);
            // The snapshot holds an empty folder in place of the inner subvolume.
            must("umount", &["-l", text(&tree)]);
            must("mount", &["-o", "loop", text(&image), text(&tree)]);
            stage.settle("the top");
            assert_eq!(
                stage.names(),
                ["/s", "/s/file", "/s/n", "/s/n/file", "/snap", "/snap/n"]
            );
        },
    );
}

#[test]
fn monitoring_is_not_said_of_what_cannot_be_watched() {
    apart(
        "mounts::cases::monitoring_is_not_said_of_what_cannot_be_watched",
        || {
            let mut stage = Stage::new();
            let (tree, out) = (stage.path("tree"), stage.path("out"));
            must("mount", &["-t", "tmpfs", "none", text(&out)]);
            for name in ["low", "up", "work"] {
                fs::create_dir(out.join(name)).unwrap();
            }
            let out = text(&out);
            let how = format!("lowerdir={out}/low,upperdir={out}/up,workdir={out}/work");
            must("mount", &["-t", "overlay", "-o", &how, "none", text(&tree)]);
            stage.index(std::slice::from_ref(&tree));
            let rests =
                |name: &'static str| move |s: &index::status::Status| s.state.name() == name;
            let status = stage.reach("an overlay", rests("Waiting For Rescan"));
            let [why] = status.not_watched.try_into().unwrap();
            assert!(
                why.contains(text(&tree)) && why.contains("os error"),
                "{why}"
            );
            // What can be watched in its place is.
            must("mount", &["-t", "tmpfs", "none", text(&tree)]);
            let status = stage.reach("a tmpfs", rests("Monitoring"));
            assert!(status.not_watched.is_empty());
            must("umount", &["-l", text(&tree)]);
            stage.reach("the overlay again", rests("Waiting For Rescan"));
        },
    );
}

#[test]
fn a_folder_that_is_not_there_is_waited_for() {
    apart(
        "mounts::cases::a_folder_that_is_not_there_is_waited_for",
        || {
            let mut stage = Stage::new();
            let (tree, late) = (stage.path("tree"), stage.path("tree/in/late"));
            let elsewhere = stage.path("out/gone");
            fs::write(tree.join("file"), "1").unwrap();
            stage.index(&[tree.clone(), elsewhere.clone(), tree.clone(), late.clone()]);
            let waits =
                |status: &index::status::Status| status.state.name() == "Waiting For Folder";
            let status = stage.reach("missing", waits);
            assert!(status.detail.contains(text(&elsewhere)), "{status:?}");
            assert_eq!(stage.names(), ["/file"]);
            fs::create_dir_all(&late).unwrap();
            fs::write(late.join("one"), "2").unwrap();
            fs::create_dir(&elsewhere).unwrap();
            fs::write(elsewhere.join("two"), "3").unwrap();
            stage.settle("there");
            assert_eq!(stage.names(), ["/file", "/in", "/in/late", "/in/late/one"]);
            fs::remove_dir_all(&elsewhere).unwrap();
            stage.reach("gone again", waits);
            fs::write(tree.join("more"), "4").unwrap();
            fs::create_dir(&elsewhere).unwrap();
            stage.settle("there again");
        },
    );
}

#[test]
fn a_full_disk_ends_nothing() {
    apart("mounts::cases::a_full_disk_ends_nothing", || {
        let mut stage = Stage::new();
        let home = stage.path("home");
        fs::create_dir(&home).unwrap();
        let image = stage.image_of("ext4", "image", 1500);
        must("mount", &["-o", "loop", text(&image), text(&home)]);
        let tree = stage.path("tree");
        fs::write(tree.join("first"), "1").unwrap();
        stage.index(std::slice::from_ref(&tree));
        stage.settle("at first");
        // To the last byte, and at once.
        let rest = rustix::fs::statvfs(&home).unwrap();
        let fill = fs::File::create(home.join("fill")).unwrap();
        let most = (rest.f_bavail * rest.f_frsize).next_multiple_of(4096);
        let mut length = most;
        while length > 0 {
            let at = fill.metadata().unwrap().len();
            match rustix::fs::fallocate(&fill, rustix::fs::FallocateFlags::empty(), at, length) {
                Ok(()) => {}
                Err(_) => length /= 2,
            }
        }
        for number in 0..300 {
            fs::write(tree.join(format!("file {number}")), number.to_string()).unwrap();
        }
        let status = stage.reach("full", |s| s.state.name() == "Low Disk Space");
        assert!(!status.detail.is_empty());
        drop(fill);
        fs::remove_file(home.join("fill")).unwrap();
        stage.settle("room again");
        assert_eq!(stage.names().len(), 301);
    });
}

#[test]
fn a_far_time_is_the_same_live_and_in_an_image() {
    apart(
        "mounts::cases::a_far_time_is_the_same_live_and_in_an_image",
        || {
            let mut stage = Stage::new();
            let (tree, image) = (stage.path("tree"), stage.path("image"));
            fs::File::create(&image)
                .and_then(|file| file.set_len(20 << 20))
                .unwrap();
            must("mkfs.ext4", &["-q", "-F", "-I", "256", text(&image)]);
            must("mount", &["-o", "loop", text(&image), text(&tree)]);
            for (name, time) in [("late", "2445-05-01"), ("early", "1905-02-03")] {
                let path = tree.join(name);
                fs::write(&path, name).unwrap();
                must("env", &["TZ=UTC", "touch", "-d", time, text(&path)]);
            }
            stage.index(std::slice::from_ref(&tree));
            stage.settle("at first");
            let live = stage.home().database();
            let times = [
                ("late", "2445-05-01T00:00:00Z"),
                ("early", "1905-02-03T00:00:00Z"),
            ];
            for (name, time) in times {
                assert_eq!(modified(&live, name), [time]);
            }
            must("umount", &["-l", text(&tree)]);
            let round = index::round::Round {
                database: stage.path("of-image.db"),
                ..crate::support::Place::new().round()
            };
            index::image::index(&round, &image, String::new(), true, |_| ()).unwrap();
            for (name, time) in times {
                assert_eq!(modified(&round.database, name), [time]);
            }
        },
    );
}

/// When files of a name were modified, as a database says.
fn modified(database: &std::path::Path, name: &str) -> Vec<String> {
    let connection = index::store::open_to_read(database).unwrap();
    let of = index::query::Filter {
        name: index::glob::Glob::read(name),
        ..index::query::Filter::default()
    };
    let mut found = Vec::new();
    index::query::find(&connection, &of, &mut |record| {
        found.push(index::text::time(record.attributes.mtime));
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    found
}
