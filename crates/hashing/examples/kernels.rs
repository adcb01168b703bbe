//! How fast the parts are by themselves, on data that stays in the processor's caches: `cargo run --release -p hashing --example kernels`.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use hashing::parts::{LANES, Lanes, Level, SHA1_START, SHA256_START, Way, both};
use std::hint::black_box;
use std::time::{Duration, Instant};

const BLOCKS: usize = 512;

/// Megabytes a second of a piece of work over this many bytes, the best of many runs.
fn rate(bytes: usize, mut work: impl FnMut()) -> f64 {
    let mut best = Duration::MAX;
    for _ in 0..200 {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed());
    }
    bytes as f64 / best.as_secs_f64() / 1e6
}

fn main() {
    let data = vec![[0x5au8; 64]; BLOCKS * LANES];
    let bytes = data.len() * 64;
    let (mut sha1, mut sha256) = (SHA1_START, SHA256_START);
    for way in [Way::Apart, Way::Woven] {
        let mbs = rate(bytes, || {
            both(way, &mut sha1, &mut sha256, black_box(&data))
        });
        println!("SHA-1 and SHA-256, {way:?}: {mbs:.0} MB/s");
    }
    let mbs = rate(bytes, || {
        sha1::block_api::compress(&mut sha1, black_box(&data))
    });
    println!("SHA-1 alone: {mbs:.0} MB/s");
    let mbs = rate(bytes, || {
        sha2::block_api::compress256(&mut sha256, black_box(&data))
    });
    println!("SHA-256 alone: {mbs:.0} MB/s");
    let plain = Level::Scalar;
    for level in [plain, Level::Avx2, Level::Avx512] {
        if !level.available() {
            continue;
        }
        let mut lanes = Lanes::new(level);
        for used in [1, 2, 3, 4, 8, 16] {
            let inputs = std::array::from_fn(|lane| {
                data.get(lane * BLOCKS..(lane + 1) * BLOCKS)
                    .filter(|_| lane < used)
            });
            let mbs = rate(used * BLOCKS * 64, || {
                lanes.run(black_box(&inputs));
            });
            println!("MD5, {level:?}, {used} lanes in use: {mbs:.0} MB/s");
        }
    }
}
