//! Any bytes as a change journal: a pass ends, and a pass from where it ended finds nothing more.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::ops::ControlFlow;
use std::sync::Arc;
use volumes::ntfs::usn::records;
use volumes::source::Shared;

fuzz_target!(|bytes: &[u8]| {
    let journal: Shared = Arc::new(bytes.to_vec());
    let mut last = 0;
    let report = records(&journal, 0, &mut |record| {
        assert!(record.offset >= last && record.offset + u64::from(record.length) <= journal.len());
        last = record.offset + u64::from(record.length);
        drop(record.name());
        assert!(record.extents().count() <= 4096);
        ControlFlow::Continue(())
    })
    .expect("memory can be read");
    assert_eq!(report.next, last);
    let again = records(&journal, report.next, &mut |_| ControlFlow::Continue(()))
        .expect("memory can be read");
    assert_eq!(again.records, 0);
});
