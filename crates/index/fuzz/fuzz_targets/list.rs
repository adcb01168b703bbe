//! Any text is made into a list whose counts, order and answers agree; any file that opens answers without a panic.
#![no_main]

use index::lists::{HashKind, HashList, MOST_WARNINGS, build};
use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;
use std::sync::LazyLock;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("index-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for lists");
    folder
});

fuzz_target!(|bytes: &[u8]| {
    let path = FOLDER.join("list");
    let built = build(bytes, &path).expect("any text is a list");
    assert!(built.warnings.len() <= MOST_WARNINGS);
    let list = HashList::open(&path).expect("what was built opens");
    list.verify().expect("what was built is sound");
    for (kind, count) in HashKind::ALL.into_iter().zip(built.counts) {
        let all: Vec<_> = list
            .iter(kind)
            .map(|hash| hash.expect("it can be read"))
            .collect();
        assert_eq!((all.len() as u64, list.len(kind)), (count, count));
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(
            all.iter()
                .all(|hash| list.contains(kind, hash).expect("it can be read"))
        );
    }

    // The same bytes laid over the start of a sound file.
    let mut file = std::fs::read(&path).expect("it is there");
    let end = bytes.len().min(file.len());
    file[..end].copy_from_slice(&bytes[..end]);
    let path = FOLDER.join("damaged");
    std::fs::write(&path, &file).expect("it can be written");
    if let Ok(list) = HashList::open(&path) {
        let _answer = list.contains(HashKind::Md5, &[0x55; 16]);
        let _sound = list.verify();
        for kind in HashKind::ALL {
            let _count = list.iter(kind).take(1000).count();
        }
    }
});
