//! What one system call after the other makes the watcher say.

use super::ground::{lines, on_each, start};
use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::time::{Duration, SystemTime};

#[test]
fn each_operation_is_reported_once() {
    on_each(|ground| {
        let at = |name: &str| ground.path(name);
        fs::create_dir_all(at("a/b")).unwrap();
        fs::create_dir(at("c")).unwrap();
        fs::write(at("a/old"), b"12345").unwrap();
        fs::write(at("a/gone"), b"1").unwrap();
        fs::write(at("a/moves"), b"1").unwrap();
        let mut watcher = start(ground);
        let mut expect = |does: &str, expected: &[&str]| {
            assert_eq!(
                lines(&mut watcher, ground),
                expected,
                "{}: {does}",
                ground.kind
            );
        };
        expect("nothing", &[]);

        fs::write(at("a/new"), b"content").unwrap();
        expect("create and write", &["written a/new"]);

        let mut log = OpenOptions::new().append(true).open(at("a/old")).unwrap();
        log.write_all(b"one").unwrap();
        expect("write to an open file", &["written a/old"]);
        log.write_all(b"two").unwrap();
        log.write_all(b"three").unwrap();
        expect("write again", &["written a/old"]);
        drop(log);
        expect("close it", &["written a/old"]);

        fs::read(at("a/old")).unwrap();
        fs::metadata(at("a/old")).unwrap();
        fs::read_dir(at("a")).unwrap().count();
        expect("only look", &[]);

        OpenOptions::new()
            .write(true)
            .open(at("a/old"))
            .unwrap()
            .set_len(2)
            .unwrap();
        expect("truncate", &["written a/old"]);

        fs::set_permissions(at("a/old"), fs::Permissions::from_mode(0o600)).unwrap();
        expect("chmod", &["touched a/old"]);
        std::os::unix::fs::chown(at("a/old"), Some(1), Some(1)).unwrap();
        expect("chown", &["touched a/old"]);
        let past = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let times = FileTimes::new().set_accessed(past).set_modified(past);
        File::open(at("a/old")).unwrap().set_times(times).unwrap();
        expect("utimensat", &["touched a/old"]);
        let attribute = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(at("a/old"), c"trusted.note", b"x", attribute).unwrap();
        expect("setxattr", &["touched a/old"]);

        fs::rename(at("a/old"), at("a/older")).unwrap();
        expect("rename", &["renamed a/old a/older"]);
        fs::rename(at("a/older"), at("c/old")).unwrap();
        expect("move", &["renamed a/older c/old"]);
        fs::rename(at("a/moves"), at("a/new")).unwrap();
        expect("replace by renaming", &["renamed a/moves a/new"]);

        fs::hard_link(at("a/new"), at("c/link")).unwrap();
        expect("hard link", &["written c/link"]);
        fs::remove_file(at("a/gone")).unwrap();
        expect("unlink", &["touched a/gone"]);
        symlink("nowhere", at("a/symbolic")).unwrap();
        expect("symlink", &["written a/symbolic"]);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("a/pipe"),
            rustix::fs::FileType::Fifo,
            0o600.into(),
            0,
        )
        .unwrap();
        expect("mkfifo", &["written a/pipe"]);

        fs::create_dir(at("a/d")).unwrap();
        expect("mkdir", &["written a/d"]);
        fs::set_permissions(at("a/d"), fs::Permissions::from_mode(0o700)).unwrap();
        expect("chmod of a directory", &["touched a/d/."]);
        fs::remove_dir(at("a/d")).unwrap();
        expect("rmdir", &["touched a/d"]);

        fs::rename(at("a"), at("c/a")).unwrap();
        expect("move a directory", &["renamed a c/a"]);
        fs::write(at("c/a/b/deep"), b"1").unwrap();
        expect("write below it", &["written c/a/b/deep"]);
        fs::remove_dir_all(at("c/a")).unwrap();
        // What was removed before its directory is told by the directory alone.
        expect("remove everything", &["touched c/a"]);
    });
}

#[test]
fn what_is_written_before_a_rename_is_looked_at_behind_it() {
    on_each(|ground| {
        let at = |name: &str| ground.path(name);
        let mut watcher = start(ground);
        fs::write(at("file.new"), b"content").unwrap();
        fs::rename(at("file.new"), at("file")).unwrap();
        let expected = [
            "written file.new",
            "renamed file.new file",
            "written file.new",
            "written file",
        ];
        assert_eq!(lines(&mut watcher, ground), expected, "{}", ground.kind);
    });
}

#[test]
fn names_of_any_bytes() {
    on_each(|ground| {
        let mut watcher = start(ground);
        let names: [&[u8]; 6] = [
            b"line\nend",
            b"\xff\xfe\x80",
            b" (deleted)",
            &[b'x'; 255],
            b"\\",
            "\u{202e}txt".as_bytes(),
        ];
        for name in names {
            let directory = ground.root.join(std::ffi::OsStr::from_bytes(name));
            fs::create_dir(&directory).unwrap();
            fs::write(directory.join(std::ffi::OsStr::from_bytes(name)), b"").unwrap();
        }
        let mut found = Vec::new();
        super::ground::until_now(&mut watcher, ground, |change| {
            if let index::changes::Change::Touched {
                directory, name, ..
            } = change
            {
                found.push((directory.clone(), name.clone()));
            }
        });
        for name in names {
            let path = [ground.root.as_os_str().as_bytes(), b"/", name].concat();
            let inside = found
                .iter()
                .find(|(directory, it)| directory.path == path && it == name);
            let (directory, _) = inside.unwrap_or_else(|| panic!("{name:?} in {found:?}"));
            let facts = fs::metadata(std::ffi::OsStr::from_bytes(&path)).unwrap();
            assert_eq!(directory.inode, facts.ino());
            let device = (
                rustix::fs::major(facts.dev()),
                rustix::fs::minor(facts.dev()),
            );
            assert_eq!(directory.device, device);
            assert!(found.iter().any(|(_, it)| it == name));
        }
    });
}

#[test]
fn paths_longer_than_the_system_takes() {
    on_each(|ground| {
        let mut watcher = start(ground);
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY;
        let mode = rustix::fs::Mode::from_raw_mode(0o700);
        let mut here = rustix::fs::open(&ground.root, flags, mode).unwrap();
        let mut path = ground.root.as_os_str().as_bytes().to_vec();
        for level in 0..30 {
            let name = format!("{level}{}", "y".repeat(240));
            rustix::fs::mkdirat(&here, &name, mode).unwrap();
            here = rustix::fs::openat(&here, &name, flags, mode).unwrap();
            path.push(b'/');
            path.extend_from_slice(name.as_bytes());
        }
        rustix::fs::mkdirat(&here, "last", mode).unwrap();
        let mut found = Vec::new();
        super::ground::until_now(&mut watcher, ground, |change| {
            if let index::changes::Change::Touched {
                directory, name, ..
            } = change
                && name == b"last"
            {
                assert!(directory.open().is_ok());
                found.push(directory.path.clone());
            }
        });
        assert_eq!(found, [path], "{}", ground.kind);
    });
}

#[test]
#[expect(unsafe_code, reason = "a mapping is made and written by hand")]
fn writing_through_a_mapping() {
    on_each(|ground| {
        let path = ground.path("mapped");
        fs::write(&path, [0; 4096]).unwrap();
        let mut watcher = start(ground);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        // SAFETY: a new mapping of a whole page of an open file, used and removed right here.
        unsafe {
            let at = libc::mmap(
                std::ptr::null_mut(),
                4096,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                std::os::fd::AsRawFd::as_raw_fd(&file),
                0,
            );
            assert_ne!(at, libc::MAP_FAILED);
            drop(file);
            at.cast::<u8>().write(7);
            assert_eq!(libc::munmap(at, 4096), 0);
        }
        assert_eq!(
            lines(&mut watcher, ground),
            ["written mapped"],
            "{}",
            ground.kind
        );
        assert_eq!(fs::read(&path).unwrap()[0], 7);
    });
}
