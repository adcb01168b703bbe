//! The image of a disk on the command line: indexed, asked, exported, not compared with this machine.

use crate::support::{cordon, json_of, text};
use std::path::{Path, PathBuf};
use std::process::Output;

fn image(folder: &Path) -> PathBuf {
    let packed = Path::new("../volumes/tests/fixtures/tiny.ext4.gz");
    let path = folder.join("disk.img");
    let mut unpacked =
        flate2::read::GzDecoder::new(std::fs::File::open(packed).expect("the image"));
    std::io::copy(
        &mut unpacked,
        &mut std::fs::File::create(&path).expect("the image"),
    )
    .expect("the image");
    path
}

/// A disk with a table of two partitions: one that is read, and one whose file system is not.
fn half_read(folder: &Path) -> PathBuf {
    const SECTOR: usize = 512;
    let read = std::fs::read(image(folder)).expect("the image");
    let (first, second) = (2048, 2048 + read.len() / SECTOR);
    let mut disk = vec![0; (second + 2048) * SECTOR];
    for (at, start, sectors) in [(446, first, read.len() / SECTOR), (462, second, 2048)] {
        disk[at + 4] = 0x83;
        disk[at + 8..at + 12].copy_from_slice(&(start as u32).to_le_bytes());
        disk[at + 12..at + 16].copy_from_slice(&(sectors as u32).to_le_bytes());
    }
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    disk[first * SECTOR..][..read.len()].copy_from_slice(&read);
    disk[second * SECTOR..][..4].copy_from_slice(b"XFSB");
    let path = folder.join("half.img");
    std::fs::write(&path, disk).expect("the disk");
    path
}

#[test]
fn a_volume_that_is_not_read_is_said_and_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let run = |image: &Path| -> Output {
        let database = image.with_extension("db");
        cordon()
            .args(["index", "--home"])
            .arg(folder.path().join("home"))
            .args(["run", "--once", "--image"])
            .arg(image)
            .arg("--database")
            .arg(database)
            .output()
            .unwrap()
    };
    let done = run(&half_read(folder.path()));
    let told = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(3), "{told}");
    assert!(told.contains("/: ext4, "), "{told}");
    assert!(told.contains("left out: XFS of 1.00 MiB at byte"), "{told}");
    let nothing = folder.path().join("nothing.img");
    std::fs::write(&nothing, [b"XFSB".as_slice(), &[0; 8192]].concat()).unwrap();
    let done = run(&nothing);
    let told = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(3), "{told}");
    assert!(told.contains("XFS at byte 0"), "{told}");
}

#[test]
fn an_image_is_indexed_asked_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let image = image(folder.path());
    let database = folder.path().join("image.db");
    let index = |args: &[&str]| -> Output {
        cordon()
            .args(["index", "--home"])
            .arg(folder.path().join("home"))
            .args(args)
            .arg("--database")
            .arg(&database)
            .output()
            .unwrap()
    };
    let done = index(&["run", "--once", "--image", image.to_str().unwrap()]);
    assert!(done.status.success(), "{done:?}");
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(told.contains("/: ext4, "), "{told}");
    let found = index(&["query", "--path", "/etc/hello", "--output", "jsonl"]);
    let found = json_of(&found)["values"].take();
    assert_eq!(found["path"], "/etc/hello");
    assert_eq!(
        found["sha256"],
        "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
    );
    let shown = index(&[
        "query",
        "--path",
        "/etc/hello",
        "--permissions",
        "--output",
        "jsonl",
    ]);
    let shown = json_of(&shown)["values"].take();
    assert_eq!(shown["mode"].as_str().map(str::len), Some(4));
    assert_eq!(shown["extended"], serde_json::json!([]));
    assert!(shown["capabilities"].is_null() && shown["uid"].is_number());
    assert!(found["mode"].is_null(), "only when asked for");
    let body = text(&index(&["export", "--format", "bodyfile"]));
    let line = body
        .lines()
        .find(|line| line.contains("|/etc/hello|"))
        .unwrap();
    assert!(
        line.starts_with("b1946ac92492d2347c6235b4d2611184|"),
        "{line}"
    );
    for form in ["csv", "jsonl", "parquet"] {
        let file = folder.path().join(form);
        let to = [
            "export",
            "--format",
            form,
            "--output-file",
            file.to_str().unwrap(),
        ];
        let done = index(&to);
        assert!(done.status.success(), "{done:?}");
        assert!(std::fs::metadata(&file).unwrap().len() > 1000, "{form}");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".partial"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
    let refused = index(&["verify"]);
    assert!(!refused.status.success());
    let why = String::from_utf8_lossy(&refused.stderr);
    assert!(why.contains("is of the image"), "{why}");
    let both = index(&["run", "--once", "--image", "a", "--root", "b"]);
    assert_eq!(both.status.code(), Some(2), "{both:?}");
}
