//! Any bytes as an archive and as something signed: reading ends without panic and within its bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(tree) = content::pack::archive::read(bytes) {
        assert!(
            tree.files()
                .all(|(path, _)| content::path::check(path).is_ok())
        );
    }
    drop(content::trust::read_signatures(bytes));
    if let Ok(signed) = content::trust::Signed::from_json(bytes) {
        let again = content::trust::Signed::from_json(signed.to_json().as_bytes());
        assert_eq!(again.as_ref(), Ok(&signed));
    }
});
