//! Any bytes as mapping pairs, as compressed content and as a boot sector.
#![no_main]

use libfuzzer_sys::fuzz_target;
use volumes::ntfs::{Boot, compression, runs};

fuzz_target!(|bytes: &[u8]| {
    let mut next = 0;
    for run in runs::decode(bytes, 0).map_while(Result::ok) {
        assert!(run.first == next && run.len > 0);
        next = run.end();
    }
    let mut out = vec![0; 20_000];
    let _may_be_damaged = compression::expand(bytes, &mut out);
    if let Some(boot) = Boot::parse(bytes) {
        assert!(boot.cluster.is_power_of_two() && boot.record > 0);
    }
});
