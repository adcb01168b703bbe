//! Content types and what names promise.

use hashing::{Magic, expected_mimes, mime};

#[test]
fn nothing_text_and_the_unknown() {
    assert_eq!(mime(b""), "inode/x-empty");
    assert_eq!(mime(b"hello\n"), "text/plain");
    assert_eq!(mime("gr\u{fc}\u{df}e".as_bytes()), "text/plain");
    assert_eq!(mime(b"\0\x01\x02\x03"), "application/octet-stream");
    assert_eq!(Magic::of(b"MZ\x90\0\x03").to_string(), "4D5A9000");
}

#[test]
fn names_promise() {
    assert!(
        expected_mimes(b"photo.JPG")
            .expect("a promise")
            .contains(&"image/jpeg")
    );
    assert!(
        !expected_mimes(b"photo.jpg")
            .expect("a promise")
            .contains(&"application/vnd.microsoft.portable-executable")
    );
    for none in [
        &b"noextension"[..],
        b".jpg",
        b"a.",
        b"",
        b"x.dat",
        b"x.verylongextension",
        b"x.\xff\xfe",
    ] {
        assert_eq!(expected_mimes(none), None, "{none:?}");
    }
}
