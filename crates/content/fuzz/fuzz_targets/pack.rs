//! Any text as a file of a pack: reading ends without panic, faults lie in the pack, what is sound prints and reads back as the same.
#![no_main]

use content::pack::tree::Tree;
use content::pack::{Surroundings, read};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static AROUND: LazyLock<Surroundings> = LazyLock::new(|| {
    let catalogue =
        question::Catalogue::new([question::Sensor::new("Computer Name", "Host", "Its name.")
            .column("Computer Name", question::ValueType::Text, "Name.")
            .one_row()]);
    Surroundings::new(&catalogue, Surroundings::this())
});

const MANIFEST: &[u8] = b"name: x\ntitle: X\nversion: 1.0.0\npublisher: X\ncontent_sets: [X]\nchangelog: [{version: 1.0.0, changes: []}]\n";

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (which, bytes) = input;
    let kinds = content::name::Kind::ALL;
    let mut tree = Tree::default();
    let folder = kinds.get(usize::from(which) % (kinds.len() + 1));
    let path = folder.map_or_else(
        || "pack.yaml".to_owned(),
        |kind| format!("{}/x.yaml", kind.folder()),
    );
    if folder.is_some() {
        drop(tree.add("pack.yaml", MANIFEST.to_vec()));
    }
    drop(tree.add("content-sets/set.yaml", b"name: X\n".to_vec()));
    drop(tree.add(&path, bytes));
    if let Ok(pack) = read(&tree, &AROUND) {
        let printed = pack
            .to_tree()
            .expect("a pack that was read is within the bounds");
        let again = read(&printed, &AROUND).expect("what is printed reads back");
        assert_eq!(again, pack);
    }
});
