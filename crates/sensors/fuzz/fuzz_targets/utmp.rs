//! Any bytes: no more records than fit, no more logins than records, no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sensors::users::utmp::{Layout, logins, read};

fuzz_target!(|bytes: &[u8]| {
    for layout in [Layout::Short, Layout::Long] {
        let (records, lost) = read(bytes, layout);
        assert!(records.len() * layout.size() + lost <= bytes.len());
        assert!(logins(&records).len() <= records.len());
    }
});
