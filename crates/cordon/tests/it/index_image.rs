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
    let found = json_of(&found);
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
    let shown = json_of(&shown);
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
