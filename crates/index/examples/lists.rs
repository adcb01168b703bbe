//! What lists of hashes cost: `cargo run --release -p index --example lists [ENTRIES…]` (100,000 and 10 million).
//!
//! Prints the time to build and to ask, and the most memory that the process had.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use index::lists::{HashKind, HashList, build};
use std::error::Error;
use std::hint::black_box;
use std::io::{self, Read};
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let mut sizes: Vec<u64> = std::env::args()
        .skip(1)
        .map(|word| word.parse())
        .collect::<Result<_, _>>()?;
    if sizes.is_empty() {
        sizes = vec![100_000, 10_000_000];
    }
    let folder = std::env::temp_dir().join(format!("lists-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    for size in sizes {
        measure(size, &folder.join("list"))?;
    }
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

fn measure(size: u64, path: &std::path::Path) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let built = build(
        Text {
            next: 0,
            end: size,
            line: Vec::new(),
            at: 0,
        },
        path,
    )?;
    println!(
        "{size} SHA-256: built in {:.2?}, {} bytes",
        start.elapsed(),
        std::fs::metadata(path)?.len()
    );
    assert_eq!(built.counts, [0, 0, size]);

    let start = Instant::now();
    let list = HashList::open(path)?;
    let opened = start.elapsed();
    let start = Instant::now();
    list.verify()?;
    println!(
        "  opened in {opened:.2?}, verified in {:.2?}",
        start.elapsed()
    );

    let asks = 1_000_000;
    for (what, from) in [("listed", 0), ("not listed", size)] {
        let start = Instant::now();
        let mut found = 0;
        for n in 0..asks {
            found += u64::from(
                list.contains(HashKind::Sha256, black_box(&spread(from + n * 7919 % size)))?,
            );
        }
        println!(
            "  {what}: {found} of {asks} found, {:.0} ns each",
            start.elapsed().as_nanos() as f64 / asks as f64
        );
    }
    let start = Instant::now();
    let read = list.iter(HashKind::Sha256).filter(Result::is_ok).count();
    println!("  {read} read in order in {:.2?}", start.elapsed());
    println!("  most memory so far: {}", memory());
    Ok(())
}

/// Hashes as text, made while they are read, so that they take no memory.
struct Text {
    next: u64,
    end: u64,
    line: Vec<u8>,
    at: usize,
}

impl Read for Text {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        if self.at == self.line.len() && self.next < self.end {
            self.line.clear();
            self.at = 0;
            for number in self.next..(self.next + 1000).min(self.end) {
                for byte in spread(number) {
                    self.line.extend([
                        DIGITS[usize::from(byte >> 4)],
                        DIGITS[usize::from(byte & 15)],
                    ]);
                }
                self.line.push(b'\n');
            }
            self.next = (self.next + 1000).min(self.end);
        }
        let rest = &self.line[self.at..];
        let count = into.len().min(rest.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

/// A different value for each number, spread as hashes are.
fn spread(number: u64) -> [u8; 32] {
    let mut out = [0; 32];
    let mut state = number;
    for part in out.chunks_exact_mut(8) {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        part.copy_from_slice(&(mixed ^ (mixed >> 31)).to_be_bytes());
    }
    out
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap_or("unknown").trim().to_owned()
}
