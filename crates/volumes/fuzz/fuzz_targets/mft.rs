//! Any bytes as a master file table: listing ends, and every path is absolute.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::ops::ControlFlow;
use std::sync::Arc;
use volumes::ntfs::Mft;
use volumes::ntfs::attribute::listed;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mft) = Mft::open(Arc::new(bytes.to_vec())) else {
        return;
    };
    let end = mft.records(&mut |_, record| {
        for attribute in record.iter().flat_map(|record| record.attributes()) {
            assert!(listed(attribute.resident().unwrap_or_default()).count() <= 65_536);
        }
        ControlFlow::Continue(())
    });
    assert!(end.is_continue());
    let mut count = 0;
    let report = mft.entries(&mut |entry| {
        count += 1;
        assert!(entry.paths.iter().all(|path| path.starts_with(b"/")));
        assert_eq!(entry.links as usize, entry.paths.len());
        ControlFlow::Continue(())
    });
    assert_eq!(report.map(|report| report.entries).ok(), Some(count));
});
