//! Hostile archives: each refused whole, with everything that is wrong with it, and nothing of it is kept.

use super::Web;
use super::content::{bytes, pack};
use crate::support::World;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::io::Read as _;
use tar::EntryType;

type Builder = tar::Builder<GzEncoder<Vec<u8>>>;

fn tarred(entries: impl FnOnce(&mut Builder)) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    entries(&mut builder);
    let ended = builder.into_inner().expect("an end");
    ended.finish().expect("an archive")
}

/// A header with any name at all.
fn raw(name: &str, kind: EntryType, size: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

fn add(builder: &mut Builder, name: &str, kind: EntryType, content: &[u8]) {
    let header = raw(name, kind, content.len() as u64);
    builder.append(&header, content).expect("an entry");
}

/// The messages of all faults.
async fn faults(web: &Web, archive: Vec<u8>) -> Vec<String> {
    let mut told = Vec::new();
    let digest = "0".repeat(64);
    for path in [
        "/content/plan".to_owned(),
        format!("/content/import?plan={digest}"),
    ] {
        let (status, value) = web.send_file(Method::POST, &path, archive.clone()).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{value}");
        assert_eq!(value["error"]["code"], "faults", "{value}");
        let faults = value["error"]["faults"].as_array().expect("faults").clone();
        told = faults
            .iter()
            .map(|fault: &Value| fault["message"].as_str().expect("words").to_owned())
            .collect();
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_refused_whole_with_everything_that_is_wrong() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    let good = pack("1.0.0", &[("Own Words", "echo one")]);
    let several = tarred(|builder| {
        for (path, content) in good.files() {
            add(builder, path, EntryType::Regular, content);
        }
        add(builder, "../../etc/cron.d/x", EntryType::Regular, b"x");
        add(builder, "/etc/passwd", EntryType::Regular, b"x");
        add(builder, "files/link", EntryType::Symlink, b"");
        add(builder, "files/config.ini", EntryType::Regular, b"twice");
    });
    let told = faults(&admin, several).await.join("\n");
    for words in [
        "leads out of the pack",
        "absolute path",
        "a link",
        "is there twice",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let bomb = tarred(|builder| {
        let size = 1 << 30;
        let zeros = std::io::repeat(0).take(size);
        builder
            .append(&raw("files/zeros", EntryType::Regular, size), zeros)
            .expect("an entry");
    });
    assert!(bomb.len() < 8 << 20);
    let told = faults(&admin, bomb).await;
    assert!(told[0].contains("unpacks to far more"), "{told:?}");
    let many = tarred(|builder| {
        for number in 0..100_000 {
            let name = format!("sensors/s{number}.yaml");
            add(builder, &name, EntryType::Regular, b"name: X\n");
        }
    });
    let told = faults(&admin, many).await;
    assert!(told[0].contains("more than 30000 files"), "{told:?}");
    let doubled = {
        let mut tree = good.clone();
        let again = good
            .get("sensors/Own-Words.yaml")
            .expect("a sensor")
            .to_vec();
        tree.add("sensors/again.yaml", again).expect("a file");
        tree.add("sensors/odd.yaml", b"nam: Odd\n".to_vec())
            .expect("a file");
        bytes(&tree)
    };
    let told = faults(&admin, doubled).await.join("\n");
    for words in ["stands in", "did you mean `name`"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    for nothing in [&b""[..], b"no archive at all"] {
        assert!(!faults(&admin, nothing.to_vec()).await.is_empty());
    }
    assert_eq!(admin.get("/content/objects").await["total"], 0);
    let folder = world.folder.path().join("content");
    assert_eq!(std::fs::read_dir(folder).expect("a folder").count(), 0);
    assert_eq!(
        admin.get("/content/history").await.as_array().map(Vec::len),
        Some(0)
    );
    admin.import(&good).await;
}
