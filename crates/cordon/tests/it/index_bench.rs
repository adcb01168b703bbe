//! The benchmark on the command line: real work, of which nothing is left.

use crate::support::{cordon, json_of};

#[test]
fn a_folder_is_measured_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let (tree, scratch) = (folder.path().join("tree"), folder.path().join("scratch"));
    std::fs::create_dir_all(tree.join("below")).unwrap();
    std::fs::create_dir(&scratch).unwrap();
    for number in 0..50 {
        std::fs::write(tree.join(format!("file-{number}")), [7; 1000]).unwrap();
    }
    let output = cordon()
        .args(["index", "bench", "--output", "json", "--root"])
        .arg(&tree)
        .env("TMPDIR", &scratch)
        .output()
        .unwrap();
    let figures = json_of(&output);
    assert_eq!(figures["entries"], 51);
    assert_eq!(figures["files_hashed"], 50);
    assert_eq!(figures["bytes_hashed"], 50_000);
    assert_eq!(figures["hashing_cut_short"], false);
    let searches = figures["searches"].as_array().unwrap();
    assert_eq!(searches.len(), 3, "{figures}");
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0);
}

#[test]
fn nothing_to_measure_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let output = cordon()
        .args(["index", "bench", "--root"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("nothing to index"), "{told}");
}
