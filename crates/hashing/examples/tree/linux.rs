//! The measurements and comparisons; see `main.rs` for how to call them.

use hashing::{Content, HashError, Kinds, Options, Pace, expected_mimes, many};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// Regular files below a folder, on its own file system.
fn walk(folder: &Path, device: u64, files: &mut Vec<(PathBuf, u64)>) {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let Ok(meta) = entry.metadata() else {
            continue;
        };
        if meta.is_dir() && meta.dev() == device {
            walk(&entry.path(), device, files);
        } else if meta.is_file() {
            files.push((entry.path(), meta.len()));
        }
    }
}

pub(super) fn main() {
    use std::os::unix::fs::MetadataExt;
    let mut args = std::env::args_os().skip(1);
    let folder = PathBuf::from(args.next().unwrap_or_else(|| "/usr".into()));
    let second = args.next().unwrap_or_else(|| "1".into());
    let part = args.next().unwrap_or_else(|| "all".into());
    let mut files = Vec::new();
    let device = std::fs::metadata(&folder).map_or(0, |meta| meta.dev());
    walk(&folder, device, &mut files);
    match second.to_str() {
        Some("sums") => return sums(&files),
        Some("mismatch") => return types(&files, false),
        Some("types") => return types(&files, true),
        _ => {}
    }
    let kinds = match part.to_str() {
        Some("none" | "open") => Kinds::default(),
        Some("md5") => Kinds {
            md5: true,
            ..Kinds::default()
        },
        Some("sha") => Kinds {
            md5: false,
            ..Kinds::ALL3
        },
        Some("blake3") => Kinds {
            blake3: true,
            ..Kinds::default()
        },
        _ => Kinds::ALL3,
    };
    let threads = second.to_str().and_then(|n| n.parse().ok()).unwrap_or(1);
    let (taken, bytes, failed) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut next = || loop {
                    let (path, size) = files.get(taken.fetch_add(1, Ordering::Relaxed))?;
                    if let Ok(file) = File::open(path) {
                        if part == "open" {
                            continue;
                        }
                        return Some(((), file, *size));
                    }
                };
                let mut done = |(), result: Result<Content, HashError>| {
                    match result {
                        Ok(content) => bytes.fetch_add(content.bytes, Ordering::Relaxed),
                        Err(_) => failed.fetch_add(1, Ordering::Relaxed),
                    };
                };
                let options = Options {
                    kinds,
                    ..Options::default()
                };
                many(&options, &mut next, &mut done, &mut |_| Pace::Go);
            });
        }
    });
    let seconds = start.elapsed().as_secs_f64();
    let bytes = bytes.into_inner();
    let usage = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let cpu = usage.tv_sec as f64 + usage.tv_nsec as f64 / 1e9;
    println!(
        "{} files, {bytes} bytes, {} failed: {seconds:.2} s, {cpu:.2} s of processor time with the walk, {:.0} MB/s",
        files.len(),
        failed.into_inner(),
        bytes as f64 / seconds / 1e6
    );
}

fn types(files: &[(PathBuf, u64)], each: bool) {
    let (mut promised, mut broken) = (0, 0);
    let mut given = files.iter();
    let options = Options {
        kinds: Kinds::default(),
        ..Options::default()
    };
    many(
        &options,
        &mut || loop {
            let (path, size) = given.next()?;
            if let Ok(file) = File::open(path) {
                return Some((path, file, *size));
            }
        },
        &mut |path, result| {
            let Ok(content) = result else {
                return;
            };
            if each {
                println!("{}\t{}", content.mime, path.display());
                return;
            }
            let name = path.file_name().map(OsStrExt::as_bytes).unwrap_or_default();
            if let Some(expected) = expected_mimes(name) {
                promised += 1;
                if !expected.contains(&content.mime) {
                    broken += 1;
                    println!("{}: {} {}", path.display(), content.mime, content.magic);
                }
            }
        },
        &mut |_| Pace::Go,
    );
    println!(
        "{} files, {promised} with a promise, {broken} that break it",
        files.len()
    );
}

fn sums(files: &[(PathBuf, u64)]) {
    let mut given = files.iter();
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    many(
        &Options::default(),
        &mut || loop {
            let (path, size) = given.next()?;
            if let Ok(file) = File::open(path) {
                return Some((path, file, *size));
            }
        },
        &mut |path, result| match result.map(|content| content.digests) {
            Ok(digests) => println!(
                "{} {} {}  {}",
                hex(&digests.md5.unwrap_or_default()),
                hex(&digests.sha1.unwrap_or_default()),
                hex(&digests.sha256.unwrap_or_default()),
                path.display()
            ),
            Err(error) => println!("{error}: {}", path.display()),
        },
        &mut |_| Pace::Go,
    );
}
