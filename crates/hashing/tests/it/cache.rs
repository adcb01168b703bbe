//! The page cache after reading is as it was before: seen with the kernel's own eyes.
#![cfg(target_os = "linux")]

use hashing::parts::{Found, Probe};
use hashing::{Options, one};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;

/// A file on a disk, with nothing of it in memory; None where the temporary folder has no disk below it.
fn cold(size: usize) -> Option<(tempfile::NamedTempFile, File)> {
    let mut file = tempfile::Builder::new()
        .tempfile_in(env!("CARGO_TARGET_TMPDIR"))
        .expect("a file");
    file.write_all(&vec![0x5a; size]).expect("written");
    file.as_file().sync_all().expect("on the disk");
    drop_all(file.as_file());
    let again = File::open(file.path()).expect("opened");
    if Found::look(&again, size as u64, Probe::Best).absent() == [(0, size as u64)] {
        Some((file, again))
    } else {
        eprintln!("left out: this file system keeps its files in memory");
        None
    }
}

fn drop_all(file: &File) {
    rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed).expect("dropped");
}

fn absent(file: &File, size: usize) -> Vec<(u64, u64)> {
    let best = Found::look(file, size as u64, Probe::Best);
    let old = Found::look(file, size as u64, Probe::Mincore);
    assert_eq!(best.absent(), old.absent(), "both ways of asking agree");
    best.absent().to_vec()
}

#[test]
fn what_was_not_in_memory_is_not_there_afterwards() {
    for size in [1, 4096, 5000, 200_000, 5 << 20] {
        let Some((_kept, file)) = cold(size) else {
            return;
        };
        one(&Options::default(), &file).expect("read");
        assert_eq!(
            absent(&file, size),
            [(0, size as u64)],
            "{size} bytes, cold"
        );

        let keep = Options {
            keep_cache_as_found: false,
            ..Options::default()
        };
        one(&keep, &file).expect("read");
        assert_eq!(
            absent(&file, size),
            [],
            "{size} bytes, not asked to clean up"
        );
        one(&Options::default(), &file).expect("read");
        assert_eq!(absent(&file, size), [], "{size} bytes, warm");
    }
}

#[test]
fn what_was_in_memory_stays_there() {
    const SIZE: usize = 3 << 20;
    let Some((_kept, file)) = cold(SIZE) else {
        return;
    };
    // Some pages here and there, without the kernel reading on by itself.
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Random).expect("no reading ahead");
    for at in [0, 40_960, 1 << 20, SIZE as u64 - 1] {
        file.read_at(&mut [0], at).expect("read");
    }
    let before = absent(&file, SIZE);
    assert!(before.len() >= 3, "{before:?}");
    let reader = File::open(_kept.path()).expect("opened");
    one(&Options::default(), &reader).expect("read");
    assert_eq!(absent(&file, SIZE), before);
}
