//! Searches and lists over a million rows.

use super::{Bench, Outcome, quantile};
use index::entry::Attributes;
use index::glob::Glob;
use index::lists::Which;
use index::matching::put_in_force;
use index::query::{self, Filter};
use index::store::write::{Outcome as Hashed, Writer};
use rusqlite::Connection;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

const ROWS: u64 = 1_000_000;
/// Files of a directory.
const EACH: u64 = 10;

/// Numbers that look like none in particular (SplitMix64): the same data in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        for chunk in out.chunks_mut(8) {
            let number = self.next().to_le_bytes();
            let length = chunk.len();
            chunk.copy_from_slice(number.get(..length).unwrap_or_default());
        }
        out
    }
}

fn name(numbers: &mut Numbers) -> String {
    const WORDS: [&str; 16] = [
        "report", "lib", "index", "photo", "backup", "cache", "kernel", "module", "invoice",
        "test", "config", "driver", "update", "session", "archive", "icon",
    ];
    const ENDS: [&str; 12] = [
        "txt", "so.1", "dll", "exe", "py", "png", "json", "conf", "log", "rs", "pyc", "h",
    ];
    let a = numbers.next();
    format!(
        "{}_{:05x}.{}",
        WORDS[(a % 16) as usize],
        (a >> 8) & 0xf_ffff,
        ENDS[((a >> 40) % 12) as usize]
    )
}

fn database(bench: &Bench) -> Outcome<PathBuf> {
    let path = bench.path("million.db");
    if path.exists() {
        return Ok(path);
    }
    let connection = index::store::open(&path)?;
    connection.execute_batch("BEGIN")?;
    let mut writer = Writer::new(&connection);
    writer.at(1_790_000_000);
    let volume = writer.volume(b"/", "ext4", b"/dev/vda")?;
    let mut numbers = Numbers(1);
    let mut content = hashing::one(
        &hashing::Options::default(),
        &std::fs::File::open("/dev/null")?,
    )?;
    for dir in 0..ROWS / EACH {
        let id = dir.cast_signed() + 1;
        let path = format!("/srv/data/{:02x}/project-{dir:06}/files", dir % 251);
        writer.directory(id, None, volume, 1_000_000 + dir, path.as_bytes())?;
        for file in 0..EACH {
            let attributes = Attributes {
                mode: 0o100_644,
                size: numbers.next() % 1_000_000,
                mtime: 1_700_000_000_000_000_000 + (numbers.next() >> 8).cast_signed(),
                ctime: 1_780_000_000_123_456_789,
                btime: Some(1_780_000_000_123_456_789),
                links: 1,
                inode: dir * EACH + file + 2_000_000,
                ..Attributes::default()
            };
            let entry = writer.insert(
                &mut *writer.insert_statement()?,
                id,
                name(&mut numbers).as_bytes(),
                &attributes,
                b"",
            )?;
            content.digests.md5 = Some(numbers.bytes());
            content.digests.sha1 = Some(numbers.bytes());
            content.digests.sha256 = Some(numbers.bytes());
            writer.digest(
                entry,
                &attributes,
                1_790_000_000,
                &Hashed::Hashed(Box::new(content.clone())),
            )?;
        }
    }
    connection.execute_batch("COMMIT")?;
    let pacer: index::store::Pacer = std::sync::Arc::new(|| true);
    index::store::make_indexes(&connection, &pacer)?;
    index::store::make_digest_indexes(&connection, &pacer)?;
    let pages: i64 = connection.query_row(
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
        [],
        |r| r.get(0),
    )?;
    println!(
        "{ROWS} files made up: {} bytes a file with three hashes and every index (aim 300)",
        pages / ROWS.cast_signed()
    );
    Ok(path)
}

fn column(connection: &Connection, sql: &str) -> Outcome<Vec<String>> {
    Ok(connection
        .prepare(sql)?
        .query_map([], |r| r.get(0))?
        .collect::<Result<_, _>>()?)
}

/// One search after the other, each timed to its last row.
fn searches(connection: &Connection, what: &str, aim: &str, filters: Vec<Filter>) -> Outcome<()> {
    let mut times = Vec::new();
    let mut found = 0_u64;
    for filter in &filters {
        let began = Instant::now();
        query::find(connection, filter, &mut |_| {
            found += 1;
            ControlFlow::Continue(())
        })?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    if found == 0 {
        return Err(format!("{what}: nothing was found").into());
    }
    println!(
        "{what}: p50 {:.2} ms, p99 {:.2} ms over {} searches, {found} rows (aim {aim})",
        quantile(&mut times, 0.5),
        quantile(&mut times, 0.99),
        filters.len()
    );
    Ok(())
}

/// Searches by name, hash and pattern.
pub fn query(bench: &Bench) -> Outcome<()> {
    println!("## Searches");
    let path = database(bench)?;
    let connection = index::store::open_to_read(&path)?;
    let with = |set: &dyn Fn(&mut Filter, Option<Glob>), text: &str| {
        let mut filter = Filter::default();
        set(&mut filter, Glob::read(text));
        filter
    };
    let names = column(&connection, "SELECT name FROM entry WHERE id % 2003 = 0")?;
    let exact = names.iter().map(|n| with(&|f, g| f.name = g, n)).collect();
    searches(&connection, "exact name", "p99 5 ms", exact)?;
    for (kind, set) in [
        (
            "md5",
            &(|f: &mut Filter, g| f.md5 = g) as &dyn Fn(&mut Filter, Option<Glob>),
        ),
        ("sha256", &|f: &mut Filter, g| f.sha256 = g),
    ] {
        let hashes = column(
            &connection,
            &format!("SELECT lower(hex({kind})) FROM digest WHERE entry % 2003 = 0"),
        )?;
        let filters = hashes.iter().map(|h| with(set, h)).collect();
        searches(&connection, &format!("exact {kind}"), "p99 5 ms", filters)?;
    }
    for (what, pattern) in [
        ("pattern invoice_0a*", "invoice_0a*"),
        ("pattern *abc*.exe", "*abc*.exe"),
        ("pattern *_0000?.dll", "*_0000?.dll"),
    ] {
        let filters = (0..20).map(|_| with(&|f, g| f.name = g, pattern)).collect();
        searches(&connection, what, "100 ms", filters)?;
    }
    println!();
    Ok(())
}

/// Lists of 100,000 and of 10 million hashes, from text to matches.
pub fn lists(bench: &Bench) -> Outcome<()> {
    println!("## Lists against {ROWS} files");
    let path = database(bench)?;
    for (length, aim) in [(100_000_u64, 1), (10_000_000, 10)] {
        let planted: Vec<String> = {
            let connection = index::store::open_to_read(&path)?;
            column(
                &connection,
                "SELECT lower(hex(sha256)) FROM digest WHERE entry % 200003 = 0",
            )?
        };
        let text = bench.path("list.txt");
        let mut out = std::io::BufWriter::new(std::fs::File::create(&text)?);
        let mut numbers = Numbers(length);
        for _ in 0..length - planted.len() as u64 {
            for byte in numbers.bytes::<32>() {
                write!(out, "{byte:02x}")?;
            }
            writeln!(out)?;
        }
        for hash in &planted {
            writeln!(out, "{hash}")?;
        }
        out.flush()?;
        drop(out);
        let began = Instant::now();
        let list = bench.path("list.bin");
        index::lists::build(std::fs::File::open(&text)?, &list)?;
        let built = began.elapsed().as_secs_f64();
        let began = Instant::now();
        let engine = index::engine::Engine::start(index::store::open(&path)?, &path)?;
        let teller = engine.teller();
        let matched = put_in_force(&path, &teller, Which::Blacklist, &list)?;
        drop(teller);
        engine.finish()?;
        let took = began.elapsed().as_secs_f64();
        if matched != Some(planted.len() as u64) {
            return Err(format!("{matched:?} matches instead of {}", planted.len()).into());
        }
        println!(
            "{length} hashes: read and sorted {built:.2}, matched {took:.2} (aim {aim}), {} matches",
            planted.len()
        );
    }
    println!();
    Ok(())
}
