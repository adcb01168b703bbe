//! `cordon content`: packs from the command line alone.

use crate::support::{cordon, said, text};
use std::path::Path;
use std::process::Output;

/// The packs that ship, from the folder in which tests run.
const SHIPPED: &str = "../../content";

fn content(args: &[&str]) -> Output {
    let mut command = cordon();
    command.arg("content").args(args);
    command.output().expect("cordon runs")
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

#[test]
fn the_packs_that_ship_have_no_fault_and_their_scripts_give_what_they_should() {
    let mut packs = 0;
    for entry in std::fs::read_dir(SHIPPED).expect("packs") {
        let folder = entry.expect("an entry").path();
        if !folder.is_dir() {
            continue;
        }
        packs += 1;
        let folder = folder.display().to_string();
        let linted = content(&["lint", &folder, "--output", "jsonl"]);
        assert_eq!(code(&linted), Some(0), "{folder}: {linted:?}");
        assert!(linted.stdout.is_empty(), "{linted:?}");
        let tried = content(&["test", &folder, "--output", "jsonl"]);
        assert_eq!(code(&tried), Some(0), "{folder}: {tried:?}");
        assert!(said(&tried).contains("gave what they should"), "{tried:?}");
    }
    assert_eq!(packs, 4);
}

fn pack(folder: &Path, script: &str) {
    std::fs::create_dir_all(folder.join("sensors")).expect("made");
    std::fs::create_dir_all(folder.join("content-sets")).expect("made");
    let manifest = "name: own\ntitle: Own\nversion: 1.2.0\npublisher: Us\ncontent_sets: [Own]\nchangelog: [{version: 1.2.0, changes: [First.]}]\n";
    std::fs::write(folder.join("pack.yaml"), manifest).expect("written");
    std::fs::write(folder.join("content-sets/own.yaml"), "name: Own\n").expect("written");
    std::fs::write(folder.join("sensors/words.yaml"), script).expect("written");
}

/// A sensor that reads a file and gives its words.
const SENSOR: &str = r#"name: Own Words
description: Words of a file.
content_set: Own
columns: [{name: Own Words}]
platforms:
  linux:
    interpreter: sh
    text: |
      tr ' ' '\n' <"$CORDON_ROOT$CORDON_PARAM_PATH"
    output: {delimited: "|"}
parameters:
  - key: path
    default: /etc/words
fixtures:
  - name: two
    platform: linux
    files: {/etc/words: "one two"}
    rows: [[one], [two]]
"#;

#[test]
fn every_fault_is_a_line_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().join("own");
    let name = at.display().to_string();
    pack(
        &at,
        &SENSOR
            .replace("columns:", "colums:")
            .replace("sh\n", "bash\n"),
    );
    let linted = content(&["lint", &name, "--output", "jsonl"]);
    assert_eq!(code(&linted), Some(1), "{linted:?}");
    let faults: Vec<serde_json::Value> = text(&linted)
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
        .map(|line| line["values"].clone())
        .collect();
    assert!(faults.len() >= 2, "{faults:?}");
    for fault in &faults {
        assert_eq!(fault["file"], "sensors/words.yaml");
        assert!(fault["line"].as_u64() > Some(0) && fault["column"].as_u64() > Some(0));
    }
    let told = text(&content(&["lint", &name]));
    assert!(
        told.contains("sensors/words.yaml:4:1: ") && told.contains("did you mean `columns`?"),
        "{told}"
    );
    // What is wrong with the folder is told with what is wrong in its files.
    std::os::unix::fs::symlink("/etc/passwd", at.join("sensors/link.yaml")).expect("a link");
    let linted = text(&content(&["lint", &name]));
    assert!(
        linted.contains("sensors/link.yaml:1:1: a symbolic link"),
        "{linted}"
    );
    assert!(linted.contains("sensors/words.yaml:4:1: "), "{linted}");
    for action in ["test", "pack"] {
        let refused = content(&[action, &name]);
        assert_eq!(code(&refused), Some(1), "{refused:?}");
        assert!(said(&refused).contains("nothing was done"), "{refused:?}");
    }
    let nowhere = content(&["lint", "/nowhere"]);
    assert_eq!(code(&nowhere), Some(2), "{nowhere:?}");
}

#[test]
fn a_script_is_tried_where_it_will_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().join("own");
    let name = at.display().to_string();
    pack(&at, SENSOR);
    let tried = content(&["test", &name]);
    assert_eq!(code(&tried), Some(0), "{tried:?}");
    assert!(said(&tried).contains("1 of 1 fixture"), "{tried:?}");
    pack(
        &at,
        &SENSOR.replace("rows: [[one], [two]]", "rows: [[one], [three]]"),
    );
    let tried = content(&["test", &name, "--output", "jsonl"]);
    assert_eq!(code(&tried), Some(1), "{tried:?}");
    assert!(text(&tried).contains("-three, +two"), "{tried:?}");
    pack(&at, &SENSOR.replace("tr ' '", "exit 3; tr ' '"));
    let tried = content(&["test", &name, "--output", "jsonl"]);
    assert_eq!(code(&tried), Some(1), "{tried:?}");
    assert!(text(&tried).contains("it ended with code 3"), "{tried:?}");
}

#[test]
fn a_pack_goes_into_one_file_and_out_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (at, back) = (folder.path().join("own"), folder.path().join("back"));
    let file = folder.path().join("own.cordonpack").display().to_string();
    pack(&at, SENSOR);
    let [at, back] = [&at, &back].map(|path| path.display().to_string());
    let packed = content(&["pack", &at, "--out", &file]);
    assert_eq!(code(&packed), Some(0), "{packed:?}");
    let unpacked = content(&["unpack", &file, &back]);
    assert_eq!(code(&unpacked), Some(0), "{unpacked:?}");
    let again = folder.path().join("again.cordonpack").display().to_string();
    let packed = content(&["pack", &back, "--out", &again]);
    assert_eq!(code(&packed), Some(0), "{packed:?}");
    assert_eq!(
        std::fs::read(&file).expect("a pack"),
        std::fs::read(&again).expect("a pack")
    );
    // A folder that is there is nobody's to write into; what is no pack is none.
    assert_eq!(code(&content(&["unpack", &file, &back])), Some(2));
    std::fs::write(&file, b"no pack").expect("written");
    let other = folder.path().join("other").display().to_string();
    assert_eq!(code(&content(&["unpack", &file, &other])), Some(2));
    assert!(!Path::new(&other).exists());
}

#[test]
fn schemas_are_those_of_the_documentation() {
    let kinds = text(&content(&["schema"]));
    for kind in kinds.trim().split(", ") {
        let printed = text(&content(&["schema", kind]));
        let printed: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
        let kept = std::fs::read_to_string(format!("../../docs/schemas/{kind}.json"));
        let kept: serde_json::Value = serde_json::from_str(&kept.expect("a schema")).expect("JSON");
        assert_eq!(printed, kept, "{kind}");
    }
    assert_eq!(code(&content(&["schema", "sensr"])), Some(2));
}
