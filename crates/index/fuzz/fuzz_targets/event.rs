//! Any buffer: reading ends, and all that is found lies within it.
#![no_main]

use index::changes::event::{Handle, LONGEST_HANDLE, events};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|buffer: &[u8]| {
    let within = |part: &[u8]| {
        let (outer, inner) = (buffer.as_ptr_range(), part.as_ptr_range());
        assert!(outer.start <= inner.start && inner.end <= outer.end);
    };
    let mut count = 0;
    for event in events(buffer) {
        count += 1;
        let Ok(event) = event else { continue };
        for place in event.at.into_iter().chain(event.to) {
            if place.name != b"." {
                within(place.name);
            }
            within(place.directory.bytes());
            assert!(
                !place.name.is_empty() && !place.name.contains(&0) && !place.name.contains(&b'/')
            );
            assert!(place.directory.file_handle().len() <= 8 + LONGEST_HANDLE);
            assert_eq!(Handle::new(place.directory.bytes()), Ok(place.directory));
        }
    }
    assert!(count <= buffer.len() / 24 + 1);
});
