//! Any file: reading ends, the bounds hold, and what was read, written down and read again is the same.
#![no_main]

use index::config::{Config, KEYS, MOST_WARNINGS, Platform};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for platform in [Platform::Windows, Platform::Linux, Platform::Mac] {
        let (config, warnings) = Config::read_for(bytes, platform);
        assert!(warnings.len() <= MOST_WARNINGS + 1);
        let _excluded = config.excludes_indexing(bytes) || config.excludes_hashing(bytes);
        let mut written = String::new();
        for key in &KEYS {
            for value in config.value(key.setting).lines() {
                written.push_str(&format!("{}={value}\n", key.name));
            }
        }
        let (again, _) = Config::read_for(&written, platform);
        assert_eq!(config.changes(&again), [""; 0], "{written}");
    }
});
