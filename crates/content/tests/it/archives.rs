//! Archives: the same bytes for the same pack, and no way out of the bounds.

use crate::help::{around, pack, told, with};
use content::pack::archive;
use content::pack::read;
use proptest::prelude::*;
use std::io::Write as _;

const FILES: &[(&str, &str)] = &[
    (
        "sensors/one.yaml",
        "name: One\nplatforms:\n  linux: {interpreter: sh, file: files/one.sh}\ncolumns: [{name: One}]\n",
    ),
    ("files/one.sh", "echo 1\n"),
];

#[test]
fn a_pack_survives_the_way_through_tree_and_archive() {
    let made = pack(FILES);
    let printed = made.to_tree().unwrap();
    let bytes = archive::write(&printed).unwrap();
    assert_eq!(bytes, archive::write(&printed).unwrap());
    let back =
        read(&archive::read(&bytes).unwrap(), &around()).unwrap_or_else(|f| panic!("{}", told(&f)));
    assert_eq!(back, made);
    assert_eq!(back.digest(), made.digest());
}

#[test]
fn a_folder_follows_its_tree() {
    let folder = tempfile::tempdir().unwrap();
    let first = pack(FILES).to_tree().unwrap();
    first.to_folder(folder.path()).unwrap();
    std::fs::write(folder.path().join("sensors/stale.yaml"), "name: Stale\n").unwrap();
    std::fs::write(folder.path().join("README.md"), "mine").unwrap();
    first.to_folder(folder.path()).unwrap();
    assert!(!folder.path().join("sensors/stale.yaml").exists());
    assert!(folder.path().join("README.md").exists());
    assert_eq!(
        content::pack::open(folder.path(), &around()).unwrap(),
        pack(FILES)
    );
}

fn tarred(entries: impl FnOnce(&mut tar::Builder<flate2::write::GzEncoder<Vec<u8>>>)) -> Vec<u8> {
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(
        Vec::new(),
        flate2::Compression::best(),
    ));
    entries(&mut builder);
    builder.into_inner().unwrap().finish().unwrap()
}

fn raw(name: &str, kind: tar::EntryType, size: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

#[test]
fn paths_that_lead_elsewhere_links_and_bombs_are_refused() {
    for (name, kind, words) in [
        (
            "../../etc/cron.d/x",
            tar::EntryType::Regular,
            "leads out of the pack",
        ),
        ("/etc/passwd", tar::EntryType::Regular, "absolute path"),
        ("files/x", tar::EntryType::Symlink, "a link"),
        ("files/x", tar::EntryType::Link, "a link"),
        ("files/x", tar::EntryType::Char, "no plain file"),
        ("C:\\x", tar::EntryType::Regular, "absolute path"),
    ] {
        let bytes = tarred(|b| b.append(&raw(name, kind, 0), std::io::empty()).unwrap());
        let found = told(&archive::read(&bytes).unwrap_err());
        assert!(found.contains(words), "{name}: {found}");
    }
    let twice = tarred(|b| {
        for _ in 0..2 {
            b.append(&raw("files/x", tar::EntryType::Regular, 1), &b"x"[..])
                .unwrap();
        }
    });
    assert!(told(&archive::read(&twice).unwrap_err()).contains("is there twice"));
    let bomb = tarred(|b| {
        let size = 64 << 20;
        b.append(
            &raw("files/zeros", tar::EntryType::Regular, size),
            std::io::Read::take(std::io::repeat(0), size),
        )
        .unwrap();
    });
    assert!(bomb.len() < 100_000);
    assert!(told(&archive::read(&bomb).unwrap_err()).contains("unpacks to far more"));
}

#[test]
fn damage_anywhere_is_refused_or_harmless() {
    let good = archive::write(&with(FILES)).unwrap();
    assert!(archive::read(b"").is_err());
    assert!(archive::read(b"not an archive").is_err());
    for cut in (0..good.len()).step_by(7) {
        // A cut archive may still hold whole files; it is never taken for the whole pack.
        if let Ok(tree) = archive::read(&good[..cut]) {
            assert!(read(&tree, &around()).is_err() || tree == with(FILES));
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_end_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        drop(archive::read(&bytes));
        let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        zipped.write_all(&bytes).unwrap();
        drop(archive::read(&zipped.finish().unwrap()));
        let text = String::from_utf8_lossy(&bytes).into_owned();
        drop(read(&with(&[("sensors/x.yaml", &text)]), &around()));
    }

    #[test]
    fn what_is_printed_reads_back(value in values()) {
        let text = content::yaml::print(&serde_json::json!({ "v": value }), &[]);
        let mut faults = content::fault::Faults::default();
        let node = content::yaml::read("x", text.as_bytes(), &mut faults);
        prop_assert!(faults.is_empty(), "{text}\n{:?}", faults.into_list());
        let node = node.unwrap();
        let content::yaml::Body::Map(entries) = &node.body else { panic!("no mapping") };
        prop_assert_eq!(plain(&entries[0].node), plain(&content::yaml::Node::from_value(&value)), "{}", text);
    }
}

/// The tree without places.
fn plain(node: &content::yaml::Node) -> String {
    use content::yaml::Body;
    match &node.body {
        Body::Nothing => "~".into(),
        Body::Scalar { text, .. } => format!("{text:?}"),
        Body::List(list) => format!("[{}]", list.iter().map(plain).collect::<Vec<_>>().join(",")),
        Body::Map(entries) => {
            let mut all: Vec<String> = entries
                .iter()
                .map(|e| format!("{:?}:{}", e.key, plain(&e.node)))
                .collect();
            all.sort();
            format!("{{{}}}", all.join(","))
        }
    }
}

fn values() -> impl Strategy<Value = serde_json::Value> {
    let text = prop_oneof![
        "[ -~]{0,12}",
        "[a-z\n \t#:|>-]{0,20}",
        "\\PC{0,8}",
        Just("echo 1\n\n  x # y\nend\n".to_owned()),
    ]
    .prop_filter("empty, `~` and null mean nothing", |t| {
        !matches!(t.as_str(), "" | "~" | "null")
    });
    let leaf = prop_oneof![
        text.prop_map(serde_json::Value::from),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..4).prop_map(serde_json::Value::from),
            proptest::collection::btree_map("[ -~]{1,8}", inner, 1..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}
