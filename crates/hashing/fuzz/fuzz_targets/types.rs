//! Any content has a type, and any name promises one or nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    assert!(hashing::mime(data).contains('/'));
    if let Some(expected) = hashing::expected_mimes(data) {
        assert!(expected.contains(&"inode/x-empty"));
    }
});
