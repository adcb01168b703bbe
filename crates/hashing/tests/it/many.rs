//! Many files at once: right results for every size and combination, and a state for each that goes wrong.

use crate::{all, file};
use hashing::{Digests, HashError, Kinds, Magic, Options, Pace, from_reader, many, one};
use proptest::prelude::*;
use sha2::Digest;
use std::cell::{Cell, RefCell};
#[cfg(unix)]
use std::fs::File;
use std::io::Write;

fn plain(kinds: Kinds, content: &[u8]) -> Digests {
    Digests {
        md5: kinds.md5.then(|| md5::Md5::digest(content).into()),
        sha1: kinds.sha1.then(|| sha1::Sha1::digest(content).into()),
        sha256: kinds.sha256.then(|| sha2::Sha256::digest(content).into()),
        blake3: kinds.blake3.then(|| *blake3::hash(content).as_bytes()),
    }
}

fn content(len: usize, seed: u8) -> Vec<u8> {
    (0..len)
        .map(|n| (n as u8).wrapping_mul(31) ^ (n >> 8) as u8 ^ seed)
        .collect()
}

/// Sizes where something happens: around blocks, around chunks, and any.
fn size() -> impl Strategy<Value = usize> {
    let around = |at: usize| (at.saturating_sub(10)..at + 10).boxed();
    prop_oneof![
        Just(0),
        (0usize..20).prop_flat_map(move |n| around(64 * n)),
        (1usize..5).prop_flat_map(move |n| around(n << 15)),
        (1usize..3).prop_flat_map(move |n| around(n * (40 << 10))),
        0usize..300_000,
    ]
}

fn kinds() -> impl Strategy<Value = Kinds> {
    (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(md5, sha1, sha256, blake3)| Kinds {
            md5,
            sha1,
            sha256,
            blake3,
        },
    )
}

/// Gives a few bytes at a time, as a reader may, and interrupts itself.
struct Slow<'c>(&'c [u8], usize);

impl std::io::Read for Slow<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        self.1 += 1;
        if self.1 % 7 == 3 {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let most = (self.1 * 977 % 9000 + 1).min(to.len());
        self.0.read(&mut to[..most])
    }
}

#[test]
fn a_reader_that_fails_or_is_stopped_gives_no_digests() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::InvalidData.into())
        }
    }
    let failed = from_reader(Kinds::ALL3, &mut Broken, &mut |_| Pace::Go);
    assert!(matches!(failed, Err(HashError::Read { .. })));
    let endless = &mut std::io::repeat(7);
    let mut read = 0;
    let stopped = from_reader(Kinds::ALL3, endless, &mut |bytes| {
        read += bytes;
        if read > 1 << 20 { Pace::Stop } else { Pace::Go }
    });
    assert!(matches!(stopped, Err(HashError::Stopped)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_reader_agrees_with_the_plain_digests(kinds in kinds(), len in size(), seed in any::<u8>()) {
        let content = content(len, seed);
        let mut paced = 0;
        let result = from_reader(kinds, &mut Slow(&content, 0), &mut |bytes| {
            paced += bytes;
            Pace::Go
        });
        let result = result.expect("read");
        prop_assert_eq!(&result.digests, &plain(kinds, &content));
        prop_assert_eq!(result.magic, Magic::of(&content));
        prop_assert_eq!(result.bytes, paced);
        if !kinds.is_none() {
            prop_assert_eq!(result.bytes, len as u64);
            prop_assert_eq!(result.mime, one(&Options { kinds, keep_cache_as_found: false }, &file(&content).0).expect("read").mime);
        }
    }

    #[test]
    fn agrees_with_the_plain_digests(kinds in kinds(), sizes in prop::collection::vec(size(), 0..50), keep in any::<bool>()) {
        let contents: Vec<_> = sizes.iter().zip(0u8..).map(|(len, seed)| content(*len, seed)).collect();
        let options = Options { kinds, keep_cache_as_found: keep };
        let results = all(&options, contents.iter().map(|content| file(content)).collect());
        for (content, result) in contents.iter().zip(results) {
            let result = result.expect("read");
            prop_assert_eq!(&result.digests, &plain(kinds, content));
            prop_assert_eq!(result.bytes, content.len() as u64);
            prop_assert_eq!(result.magic.as_bytes(), &content[..content.len().min(4)]);
            prop_assert_eq!(result.mime, hashing::mime(&content[..content.len().min(36 << 10)]));
        }
    }
}

/// A size that is not the file's own, to either side, is a change; the files around it are not touched by that.
#[test]
fn a_wrong_size_is_a_change() {
    let whole = content(100_000, 1);
    for wrong in [0, 1, 99_999, 100_001, u64::MAX] {
        let files = vec![file(&whole), (file(&whole).0, wrong), file(&whole)];
        let results = all(&Options::default(), files);
        assert!(matches!(results[1], Err(HashError::Changed)), "{wrong}");
        for good in [&results[0], &results[2]] {
            let good = good.as_ref().expect("read");
            assert_eq!(good.digests, plain(Kinds::ALL3, &whole));
        }
    }
}

/// Runs `change` when half of a file of many chunks has been read.
#[cfg(unix)]
fn changed_midway(change: impl Fn(&File)) -> Result<hashing::Content, HashError> {
    let (file, size) = file(&content(1 << 20, 7));
    let writer = file.try_clone().expect("a second handle");
    let mut input = Some(((), file, size));
    let read = Cell::new(0);
    let mut result = None;
    many(
        &Options::default(),
        &mut || input.take(),
        &mut |(), content| result = Some(content),
        &mut |bytes| {
            let before = read.get();
            read.set(before + bytes);
            if before < 1 << 19 && read.get() >= 1 << 19 {
                change(&writer);
            }
            Pace::Go
        },
    );
    result.expect("a result")
}

#[cfg(unix)]
#[test]
fn a_file_that_changes_while_it_is_read_is_told() {
    use std::os::unix::fs::FileExt;
    assert!(changed_midway(|_| {}).is_ok());
    type Change<'a> = &'a dyn Fn(&File);
    let changes: [(&str, Change<'_>); 4] = [
        ("shrinks", &|file| file.set_len(600_000).expect("cut")),
        ("vanishes", &|file| file.set_len(0).expect("cut")),
        ("grows", &|file| {
            file.write_all_at(b"more", 1 << 20).expect("written");
        }),
        ("is written to, far from the end", &|file| {
            // Kernels give times in ticks of some milliseconds: written until it shows.
            let before = file
                .metadata()
                .expect("its times")
                .modified()
                .expect("time");
            while file
                .metadata()
                .expect("its times")
                .modified()
                .expect("time")
                == before
            {
                file.write_all_at(b"x", 3).expect("written");
            }
        }),
    ];
    for (what, change) in changes {
        let result = changed_midway(change);
        assert!(
            matches!(result, Err(HashError::Changed)),
            "a file that {what}: {result:?}"
        );
    }
}

#[cfg(unix)]
#[test]
fn what_cannot_be_read_is_an_error_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = File::open(folder.path()).expect("opened");
    let size = directory.metadata().expect("its size").len();
    let good = content(5000, 3);
    let results = all(
        &Options::default(),
        vec![file(&good), (directory, size), file(&good)],
    );
    assert!(
        matches!(results[1], Err(HashError::Read { .. })),
        "{:?}",
        results[1]
    );
    assert_eq!(
        results[2].as_ref().expect("read").digests,
        plain(Kinds::ALL3, &good)
    );
}

/// More is asked for after a file has ended, although there was none before.
#[test]
fn asks_again_once_a_file_has_ended() {
    let queue = RefCell::new(vec![file(b"first")]);
    let mut ended = 0;
    many(
        &Options::default(),
        &mut || {
            queue
                .borrow_mut()
                .pop()
                .map(|(file, size)| ((), file, size))
        },
        &mut |(), result| {
            result.expect("read");
            ended += 1;
            if ended < 40 {
                queue.borrow_mut().push(file(b"next"));
            }
        },
        &mut |_| Pace::Go,
    );
    assert_eq!(ended, 40);
}

#[test]
fn the_pace_counts_every_byte_and_stops_at_once() {
    let sizes = [10, 70_000, 0, 300_000, 1_000_000, 64, 32_768];
    let counted = Cell::new(0);
    let mut files = sizes.iter().map(|len| file(&content(*len, 1)));
    many(
        &Options::default(),
        &mut || files.next().map(|(file, size)| ((), file, size)),
        &mut |(), result| assert!(result.is_ok()),
        &mut |bytes| {
            assert!(bytes <= 2 * (64 << 10), "{bytes} bytes without a pause");
            counted.set(counted.get() + bytes);
            Pace::Go
        },
    );
    assert_eq!(counted.get(), sizes.iter().sum::<usize>() as u64);

    // A sparse terabyte among small files ends as soon as it is told to.
    let sparse = tempfile::tempfile().expect("a file");
    sparse.set_len(1 << 40).expect("its size");
    let mut files = vec![file(b"small"), (sparse, 1 << 40)]
        .into_iter()
        .enumerate();
    let mut calls = 0;
    let mut stopped = Vec::new();
    many(
        &Options::default(),
        &mut || files.next().map(|(n, (file, size))| (n, file, size)),
        &mut |n, result| {
            if matches!(result, Err(HashError::Stopped)) {
                stopped.push(n);
            }
        },
        &mut |_| {
            calls += 1;
            if calls == 3 { Pace::Stop } else { Pace::Go }
        },
    );
    assert_eq!(calls, 3);
    assert_eq!(stopped, [1]);
}

/// Files without content are a reason to breathe as well, and all in hand are given back.
#[test]
fn a_stop_among_empty_files_gives_all_back() {
    let mut given = 0;
    let mut back = 0;
    many(
        &Options::default(),
        &mut || {
            given += 1;
            assert!(given < 10_000, "never stopped");
            Some(((), file(b"").0, 0))
        },
        &mut |(), _| back += 1,
        &mut |_| Pace::Stop,
    );
    assert_eq!(given, back);
    assert!(given < 200, "{given} files before the stop");
}

#[test]
fn without_digests_only_the_start_is_read() {
    let sparse = tempfile::tempfile().expect("a file");
    sparse.set_len(1 << 40).expect("its size");
    (&sparse).write_all(b"%PDF-1.7\n\0").expect("written");
    let options = Options {
        kinds: Kinds::default(),
        ..Options::default()
    };
    let content = one(&options, &sparse).expect("read");
    assert_eq!(content.digests, Digests::default());
    assert_eq!((content.mime, content.bytes), ("application/pdf", 1 << 40));
    assert_eq!(content.magic.to_string(), "25504446");
    assert_eq!(
        one(&options, &file(b"").0).expect("read").magic.to_string(),
        ""
    );
}
