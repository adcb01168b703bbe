//! Any attribute value and any account file: the words stay short, and every name belongs to a line.
#![no_main]

use index::extended::capabilities::text;
use index::principals::names;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    assert!(text(bytes).len() < 2000);
    let lines = bytes.split(|b| *b == b'\n').count();
    assert!(names(bytes).count() <= lines);
});
