//! The log: what is written, how it rotates, what a crash leaves.

use flate2::read::GzDecoder;
use index::log::{CAP, Level, Log, NAME, dumps, rotation};
use jiff::Timestamp;
use proptest::prelude::*;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

fn noon() -> Timestamp {
    Timestamp::from_second(1_555_000_828).unwrap()
}

fn text(folder: &Path) -> String {
    fs::read_to_string(folder.join(NAME)).unwrap()
}

fn archives(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".gz")).collect();
    names.sort();
    names
}

fn unpacked(path: &Path) -> String {
    let mut text = String::new();
    GzDecoder::new(File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    text
}

#[test]
fn lines_have_their_form() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open_with(folder.path(), Level::Information, CAP, noon).unwrap();
    log.information("walk /home", "17 entries");
    log.error("x\n] [y", "a\nb\r\u{1b}[2J \u{202e}ü");
    let text = text(folder.path());
    let thread = text.split(['[', ']']).nth(7).unwrap();
    assert!(thread.parse::<u64>().unwrap() > 0);
    assert_eq!(
        text,
        format!(
            "[2019-04-11 16:40:28 GMT] [Information] [walk /home] [{thread}] 17 entries\n\
             [2019-04-11 16:40:28 GMT] [Error] [x\\u{{a}}] [y] [{thread}] a\n\tb\\u{{d}}\\u{{1b}}[2J \\u{{202e}}ü\n"
        )
    );
}

#[test]
fn levels() {
    let names = [
        "none",
        "fatal",
        "critical",
        "error",
        "warning",
        "notice",
        "information",
        "debug",
        "trace",
    ];
    assert_eq!(Level::ALL.map(Level::name), names);
    assert_eq!(Level::default(), Level::Information);
    for (at, name) in names.iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::open(folder.path(), name.parse().unwrap()).unwrap();
        for level in Level::ALL {
            log.write(level, "test", level);
        }
        if at == 0 {
            assert!(!folder.path().join(NAME).exists());
            log.set_level(Level::Fatal);
            log.fatal("test", "now");
            assert_eq!(text(folder.path()).lines().count(), 1);
            continue;
        }
        let lines: Vec<String> = text(folder.path())
            .lines()
            .map(|line| line.rsplit(' ').next().unwrap().to_owned())
            .collect();
        assert_eq!(lines, names[1..=at], "{name}");
    }
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(folder.path(), Level::Trace).unwrap();
    let writes: [fn(&Log, &str, &'static str); 8] = [
        Log::fatal,
        Log::critical,
        Log::error,
        Log::warning,
        Log::notice,
        Log::information,
        Log::debug,
        Log::trace,
    ];
    for write in writes {
        write(&log, "test", "x");
    }
    let labels: Vec<String> = text(folder.path())
        .lines()
        .map(|line| line.split(['[', ']']).nth(3).unwrap().to_lowercase())
        .collect();
    assert_eq!(labels, names[1..]);
}

#[test]
fn a_full_log_is_compressed_and_ten_are_kept() {
    static SECONDS: AtomicI64 = AtomicI64::new(1_700_000_000);
    fn ticking() -> Timestamp {
        Timestamp::from_second(SECONDS.fetch_add(1, Ordering::Relaxed)).unwrap()
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("cordon-index.log.mine"), "not ours").unwrap();
    let cap = 10_000;
    let log = Log::open_with(folder.path(), Level::Information, cap, ticking).unwrap();
    for number in 0..2000 {
        log.information("test", format_args!("entry {number:05} {}", "x".repeat(60)));
        assert!(fs::metadata(folder.path().join(NAME)).unwrap().len() <= cap);
    }
    let archives = archives(folder.path());
    assert_eq!(archives.len(), rotation::KEPT);
    assert!(
        archives
            .iter()
            .all(|name| name.starts_with("cordon-index.log.2023")),
        "{archives:?}"
    );
    // The newest entries are all there, in order, none twice.
    let mut all: String = archives
        .iter()
        .map(|name| unpacked(&folder.path().join(name)))
        .collect();
    all += &text(folder.path());
    let numbers: Vec<u32> = all
        .lines()
        .map(|line| line.split("entry ").nth(1).unwrap()[..5].parse().unwrap())
        .collect();
    assert_eq!(numbers.last(), Some(&1999));
    assert!(
        numbers.windows(2).all(|pair| pair[1] == pair[0] + 1) && numbers.len() > 700,
        "{}",
        numbers.len()
    );
    assert!(folder.path().join("cordon-index.log.mine").exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 12);
}

#[test]
fn names_differ_though_the_clock_stands_still() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open_with(folder.path(), Level::Information, 200, noon).unwrap();
    for _ in 0..10 {
        log.information("test", "x".repeat(100));
    }
    assert_eq!(archives(folder.path()).len(), 9);
}

#[test]
fn goes_on_in_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        Log::open(folder.path(), Level::Information)
            .unwrap()
            .information("test", "started");
    }
    assert_eq!(text(folder.path()).lines().count(), 3);
    // One that is over the cap already is put away at the first entry.
    fs::write(folder.path().join(NAME), "y".repeat(300)).unwrap();
    let log = Log::open_with(folder.path(), Level::Information, 200, noon).unwrap();
    log.information("test", "started");
    assert_eq!(
        (
            archives(folder.path()).len(),
            text(folder.path()).lines().count()
        ),
        (1, 1)
    );
}

#[test]
fn a_crash_while_rotating_loses_nothing() {
    // After the rename; while compressing; after compressing, before the removal.
    let stamp = "cordon-index.log.20190411T164028.000000Z";
    for step in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let path = |end: &str| folder.path().join(format!("{stamp}{end}"));
        fs::write(path(""), "content").unwrap();
        match step {
            0 => {}
            1 => fs::write(path(".gz.new"), "half").unwrap(),
            _ => {
                rotation::recover(folder.path()).unwrap();
                fs::write(path(""), "content").unwrap();
            }
        }
        let log = Log::open(folder.path(), Level::Information).unwrap();
        log.information("test", "on");
        assert_eq!(archives(folder.path()), [format!("{stamp}.gz")]);
        assert_eq!(unpacked(&path(".gz")), "content");
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            2,
            "step {step}"
        );
    }
}

#[test]
fn what_cannot_be_written_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("logs");
    let log = Log::open_with(&home, Level::Information, 400, noon).unwrap();
    log.information("test", "x".repeat(300));
    // The folder goes away: rotation and writing fail.
    fs::rename(&home, folder.path().join("away")).unwrap();
    log.information("test", "y".repeat(300));
    log.information("test", "y".repeat(300));
    fs::rename(folder.path().join("away"), &home).unwrap();
    log.information("test", "back");
    let text = text(&home);
    assert!(
        text.contains("[Warning] [log]") && text.contains("2 entries could not be written"),
        "{text}"
    );
    assert!(text.lines().last().unwrap().ends_with("back"));
    let blocked = folder.path().join("file");
    fs::write(&blocked, "").unwrap();
    assert!(Log::open(&blocked, Level::Information).is_err());
}

#[test]
fn from_many_threads() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(folder.path(), Level::Information).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let log = log.clone();
            scope.spawn(move || {
                (0..200).for_each(|n| log.information("test", format_args!("{thread} {n} end")))
            });
        }
    });
    let text = text(folder.path());
    assert_eq!(text.lines().count(), 1600);
    assert!(
        text.lines()
            .all(|line| line.starts_with('[') && line.ends_with(" end"))
    );
}

#[test]
fn long_entries_are_cut() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(folder.path(), Level::Information).unwrap();
    log.information(&"p".repeat(1000), "é".repeat(1 << 20));
    let text = text(folder.path());
    assert!(text.len() < 70_000 && text.ends_with("…\n"));
}

#[test]
fn dumps_rotate() {
    let folder = tempfile::tempdir().unwrap();
    let read = |number: usize| {
        fs::read_to_string(folder.path().join(format!("cordon-index_{number}.dmp")))
    };
    for number in 0..13 {
        dumps::write(folder.path(), &format!("crash {number}")).unwrap();
        assert_eq!(read(0).unwrap(), format!("crash {number}"));
    }
    let kept: Vec<String> = (0..dumps::KEPT)
        .map(|number| read(number).unwrap())
        .collect();
    assert_eq!(
        kept,
        (3..13)
            .rev()
            .map(|number| format!("crash {number}"))
            .collect::<Vec<_>>()
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), dumps::KEPT);
    // A gap is filled first.
    fs::remove_file(folder.path().join("cordon-index_2.dmp")).unwrap();
    dumps::write(folder.path(), "crash 13").unwrap();
    let kept: Vec<String> = (0..dumps::KEPT)
        .map(|number| read(number).unwrap())
        .collect();
    assert_eq!(kept[..4], ["crash 13", "crash 12", "crash 11", "crash 9"]);
    dumps::write(folder.path(), &"é".repeat(1 << 20)).unwrap();
    assert!(
        fs::metadata(folder.path().join("cordon-index_0.dmp"))
            .unwrap()
            .len()
            <= 1 << 20
    );
}

/// The hook is the process's, so this is the only test that panics on purpose.
#[test]
fn a_panic_leaves_a_dump() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(folder.path(), Level::Information).unwrap();
    log.catch_panics();
    log.catch_panics();
    log.set_state("hashing /etc/passwd");
    log.information("test", "before it happened");
    let thread = std::thread::Builder::new().name("worker".into());
    let outcome = thread.spawn(|| panic!("out of {}", "luck")).unwrap().join();
    assert!(outcome.is_err());
    let dump = fs::read_to_string(dumps::folder(folder.path()).join("cordon-index_0.dmp")).unwrap();
    for part in [
        "message: out of luck",
        "\"worker\"",
        "tests/it/log.rs",
        "hashing /etc/passwd",
        "before it happened",
        "stack:",
        "UTC",
    ] {
        assert!(dump.contains(part), "{part}: {dump}");
    }
    let text = text(folder.path());
    let last = text.lines().last().unwrap();
    assert!(
        last.contains("[Fatal] [worker]")
            && last.contains("out of luck")
            && last.contains("cordon-index_0.dmp"),
        "{last}"
    );
    assert!(
        !dumps::folder(folder.path())
            .join("cordon-index_1.dmp")
            .exists(),
        "one panic, one dump"
    );
    // A panic within what is being logged does not wait for itself.
    struct Panics;
    impl std::fmt::Display for Panics {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("while formatting")
        }
    }
    let other = log.clone();
    assert!(
        std::thread::spawn(move || other.information("test", Panics))
            .join()
            .is_err()
    );
    assert!(
        dumps::folder(folder.path())
            .join("cordon-index_1.dmp")
            .exists()
    );
    log.information("test", "goes on");
}

proptest! {
    /// Whatever is said, every line of the file begins an entry or goes on with one, and nothing acts on a terminal.
    #[test]
    fn any_message(part in ".*", message: String) {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::open_with(folder.path(), Level::Information, CAP, noon).unwrap();
        log.information(&part, &message);
        let text = text(folder.path());
        let entries = text.lines().filter(|line| line.starts_with("[2019-04-11 16:40:28 GMT] [Information] [")).count();
        prop_assert_eq!(entries, 1);
        prop_assert!(text.split_terminator('\n').skip(1).all(|line| line.starts_with('\t')));
        prop_assert!(text.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()));
    }
}
