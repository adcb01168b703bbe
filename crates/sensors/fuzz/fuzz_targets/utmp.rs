//! Any bytes: as many records as fit, no more logins than records, no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sensors::users::utmp::{Layout, logins, records};

fuzz_target!(|bytes: &[u8]| {
    for layout in [Layout::Short, Layout::Long] {
        let records: Vec<_> = records(bytes, layout).collect();
        assert_eq!(records.len(), bytes.len() / layout.size());
        assert!(logins(&records).len() <= records.len());
    }
});
