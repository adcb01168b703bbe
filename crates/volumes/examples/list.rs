//! Lists what is on an image, for comparing by hand with another tool, and says how long that took:
//! `cargo run --release -p volumes --example list -- [--hash|--count] IMAGE`.
#![expect(clippy::print_stdout, reason = "a command line tool prints")]

use sha2::{Digest, Sha256};
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use volumes::entry::{Entry, FileSystem};
use volumes::source::FileSource;
use volumes::{EntryKind, ntfs};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let path = arguments.pop().ok_or("which image?")?;
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    let (hash, count) = (has("--hash"), has("--count"));
    if path.ends_with(".mft") {
        let mft = ntfs::Mft::open(Arc::new(FileSource::new(std::fs::File::open(path)?)?))?;
        let start = Instant::now();
        let report = mft.entries(&mut |entry| {
            if !count {
                show(&entry, "");
            }
            ControlFlow::Continue(())
        })?;
        println!("{report:?} in {:?}", start.elapsed());
        return Ok(());
    }
    let image = volumes::open(Path::new(&path))?;
    println!("{} {} bytes", image.container(), image.disk().len());
    for volume in image.volumes() {
        println!("{volume:?}");
        match image.file_system(&volume) {
            Ok(mut system) => list(&mut *system, hash, count)?,
            Err(error) => println!("{error}"),
        }
    }
    Ok(())
}

fn list(system: &mut dyn FileSystem, hash: bool, count: bool) -> Result<(), Failure> {
    let start = Instant::now();
    let mut all = Vec::new();
    let report = system.entries(&mut |entry| {
        if !count {
            all.push(entry);
        }
        ControlFlow::Continue(())
    })?;
    println!("{} {report:?} in {:?}", system.kind(), start.elapsed());
    for entry in &all {
        let digest = if hash && entry.kind == EntryKind::File {
            digest(system, entry)
        } else {
            String::new()
        };
        show(entry, &digest);
    }
    Ok(())
}

fn digest(system: &mut dyn FileSystem, entry: &Entry) -> String {
    let mut content = match system.open(entry.id) {
        Ok(content) => content,
        Err(error) => return error.to_string(),
    };
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match content.read(&mut buffer) {
            Ok(0) => {
                return hasher
                    .finalize()
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect();
            }
            Ok(count) => hasher.update(buffer.get(..count).unwrap_or_default()),
            Err(error) => return error.to_string(),
        }
    }
}

fn show(entry: &Entry, digest: &str) {
    for path in &entry.paths {
        let state = if entry.deleted { "deleted " } else { "" };
        let target = entry
            .link_target
            .as_deref()
            .map(String::from_utf8_lossy)
            .unwrap_or_default();
        println!(
            "{digest} {state}{:?} {} {} {target}",
            entry.kind,
            entry.size,
            String::from_utf8_lossy(path)
        );
        for stream in &entry.streams {
            println!(
                "  {}:{} {}",
                String::from_utf8_lossy(path),
                String::from_utf8_lossy(&stream.name),
                stream.size
            );
        }
    }
}
