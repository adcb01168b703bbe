//! Every fault of a pack, at once, each with its place.

use crate::help::{around, faults, manifest, tree, with};
use content::pack::{lint, open_beside, read};

const SENSOR: &str =
    "name: One\nplatforms:\n  linux: {interpreter: sh, text: echo 1}\ncolumns: [{name: One}]\n";

#[test]
fn a_sound_pack_has_none() {
    assert_eq!(
        faults(&[("sensors/one.yaml", SENSOR)]),
        Vec::<String>::new()
    );
}

#[test]
fn all_are_listed_with_file_line_and_column() {
    let sensor = "name: One\ncolums: [x]\nplatforms:\n  linux:\n    interpreter: bash\n    text: echo\n  windws: {}\nmax_age: soon\ncolumns: [{name: One, type: Numbr}]\n";
    let question = "name: Ports\ntext: Get Listn Ports from all machines\ndrill_down: [Nothing]\n";
    let found = faults(&[
        ("sensors/one.yaml", sensor),
        ("saved-questions/ports.yaml", question),
        ("sensers/x.yaml", "name: X\n"),
        ("files/left.bin", "x"),
    ]);
    let expected = [
        "files/left.bin:1:1: no object names this file",
        "saved-questions/ports.yaml:2:11: no sensor is called Listn Ports; did you mean `Listen Ports`?",
        "saved-questions/ports.yaml:3:14: there is no saved question `Nothing`",
        "sensers/x.yaml:1:1: `sensers` is no folder of a pack; did you mean `sensors`?",
        "sensors/one.yaml:2:1: Sensor has no field `colums`; did you mean `columns`?",
        "sensors/one.yaml:5:18: one of sh, python, powershell is awaited here",
        "sensors/one.yaml:7:3: SensorPlatforms has no field `windws`; did you mean `windows`?",
        "sensors/one.yaml:8:10: a span of time is awaited here: a whole number and s, min, h or d, at most 3650 d",
        "sensors/one.yaml:9:29: a type is awaited here: Text, Integer, Decimal, Version, DateTime, Duration, DataSize, IPAddress, Hash, Boolean",
    ];
    for (found, expected) in found.iter().zip(expected) {
        // What the language says of itself is its own to word.
        if expected.contains("Listn") {
            assert!(
                found.starts_with("saved-questions/ports.yaml:2:11: ")
                    && found.ends_with("did you mean `Listen Ports`?"),
                "{found}"
            );
        } else {
            assert_eq!(found, expected);
        }
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn what_objects_say_of_each_other_is_checked() {
    for (files, words) in [
        (
            vec![("sensors/a.yaml", SENSOR), ("sensors/b.yaml", SENSOR)],
            "sensors/b.yaml:1:1: the sensor `One` stands in sensors/a.yaml too",
        ),
        (
            vec![(
                "sensors/a.yaml",
                "name: Listen Ports\nplatforms: {linux: {interpreter: sh, text: x}}\ncolumns: [{name: A}]\n",
            )],
            "built in",
        ),
        (
            vec![("sensors/a.yaml", "name: A\nnative: Listen Port\n")],
            "did you mean `Listen Ports`?",
        ),
        (
            vec![(
                "sensors/a.yaml",
                "name: A\nnative: Listen Ports\ncolumns: [{name: A}]\n",
            )],
            "sensors/a.yaml:3:10: `columns` is the agent's to say",
        ),
        (
            vec![(
                "sensors/a.yaml",
                "name: A\nnative: Listen Ports\nplatforms: {linux: {interpreter: sh, text: x}}\n",
            )],
            "exactly one of `native` and `platforms`",
        ),
        (
            vec![(
                "sensors/a.yaml",
                "name: A\nplatforms: {linux: {interpreter: sh, file: files/a.sh}}\ncolumns: [{name: A}]\n",
            )],
            "the pack has no file `files/a.sh`",
        ),
        (
            vec![(
                "sensors/a.yaml",
                "name: A\nplatforms: {linux: {interpreter: sh, file: ../../etc/passwd}}\ncolumns: [{name: A}]\n",
            )],
            "leads out of the pack",
        ),
        (
            vec![(
                "sensors/a.yaml",
                "name: A\nplatforms: {linux: {interpreter: sh, file: /etc/passwd}}\ncolumns: [{name: A}]\n",
            )],
            "absolute path",
        ),
        (
            vec![
                (
                    "sensors/a.yaml",
                    "name: A\ncontent_set: Other\nnative: Listen Ports\n",
                ),
                ("content-sets/o.yaml", "name: Other\n"),
            ],
            "sensors/a.yaml:2:14: `pack.yaml` does not list the content set `Other`",
        ),
        (
            vec![
                (
                    "computer-groups/a.yaml",
                    "name: A\nfilter: Computer Name contains x and B\n",
                ),
                ("computer-groups/b.yaml", "name: B\nfilter: A\n"),
            ],
            "the computer group B is defined by itself",
        ),
        (
            vec![(
                "roles/r.yaml",
                "name: R\ngrants: [{permission: read-sensor}, {permission: ask-dynamic-questions, content_set: Set}]\n",
            )],
            "`content_set` is missing",
        ),
        (
            vec![(
                "packages/p.yaml",
                "name: P\nplatforms: {linux: {command: {program: echo, arguments: [\"||who||\"]}}}\n",
            )],
            "there is no parameter `who`",
        ),
        (
            vec![(
                "packages/p.yaml",
                "name: P\nplatforms: {linux: {job: index-strat}}\n",
            )],
            "JobRun is a mapping of name, with",
        ),
        (
            vec![(
                "packages/p.yaml",
                "name: P\nplatforms: {linux: {job: {name: index-strat}}}\n",
            )],
            "did you mean `index-start`?",
        ),
        (
            vec![(
                "packages/p.yaml",
                "name: P\nplatforms: {linux: {job: {name: index-start}}}\nfiles: [{supplied: x.zip}]\n",
            )],
            "does not ask for the file `x.zip`",
        ),
        (
            vec![(
                "packages/p.yaml",
                "name: P\nplatforms: {linux: {job: {name: index-start}}}\nparameters: [{label: X, key: x, widget: {number: {min: 3, max: 1}}}]\n",
            )],
            "not in this order",
        ),
        (
            vec![(
                "packages/p.yaml",
                "name: P\nplatforms: {linux: {job: {name: index-start}}}\nparameters: [{label: X, key: x, widget: text, filled: {row: {sensor: Listen Ports, column: Port}}}]\n",
            )],
            "has no column `Port`",
        ),
        (
            vec![
                (
                    "packages/p.yaml",
                    "name: P\nplatforms: {linux: {job: {name: index-start}}}\nparameters: [{label: X, key: s, widget: secret}]\n",
                ),
                (
                    "saved-actions/a.yaml",
                    "name: A\npackage: P\nvalues: {s: geheim}\n",
                ),
            ],
            "saved-actions/a.yaml:3:1: `s` is a secret",
        ),
        (
            vec![("dashboards/d.yaml", "name: D\n")],
            "at least one saved question",
        ),
    ] {
        let found = faults(&files);
        assert!(
            found.iter().any(|f| f.contains(words)),
            "{words}: {found:#?}"
        );
    }
}

#[test]
fn a_pack_that_is_too_large_or_no_pack_is_refused_whole() {
    let names: Vec<String> = (0..100_000).map(|n| format!("sensors/{n}.yaml")).collect();
    let mut many = tree(&[]);
    let mut refused = None;
    for name in &names {
        if let Err(problem) = many.add(name, Vec::new()) {
            refused = Some(problem);
            break;
        }
    }
    assert_eq!(refused.unwrap(), "the pack has more than 30000 files");
    let found = read(&many, &around()).unwrap_err();
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].message,
        "the pack has 30000 objects; at most 20000 are read"
    );
    let found = read(&tree(&[]), &around()).unwrap_err();
    assert_eq!(
        found[0].to_string(),
        "pack.yaml:1:1: the pack has no `pack.yaml`"
    );
}

#[test]
fn faults_do_not_grow_without_bound() {
    let lines: String = (0..9_000).map(|n| format!("x{n}: 1\n")).collect();
    let found = read(&with(&[("sensors/a.yaml", &lines)]), &around()).unwrap_err();
    assert_eq!(found.len(), content::fault::MAX_FAULTS + 1);
    assert!(found.last().unwrap().message.contains("more faults"));
}

#[test]
fn packs_require_each_other_in_no_circle() {
    let folder = tempfile::tempdir().unwrap();
    for (name, other) in [("one", "two"), ("two", "three"), ("three", "one")] {
        let at = folder.path().join(name);
        let text = manifest(name, "1.0.0").replace("[Set]", &format!("[Set {name}]"));
        let text = format!("{text}requires: [{{pack: {other}}}]\n");
        tree(&[
            ("pack.yaml", &text),
            ("content-sets/set.yaml", &format!("name: Set {name}\n")),
        ])
        .to_folder(&at)
        .unwrap();
    }
    let found = lint(&folder.path().join("one"), &around());
    assert!(
        found.iter().any(|f| f.message.contains("in a circle")),
        "{found:#?}"
    );

    let alone = folder.path().join("alone");
    let text = format!(
        "{}requires: [{{pack: thre, version: ^2}}]\n",
        manifest("alone", "1.0.0")
    );
    with(&[("pack.yaml", &text)]).to_folder(&alone).unwrap();
    let found = open_beside(&alone, &around()).unwrap_err();
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].to_string(),
        "pack.yaml:7:12: the pack `thre`, which is required, is not there"
    );
}

#[cfg(unix)]
#[test]
fn a_link_in_the_folder_is_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    with(&[]).to_folder(folder.path()).unwrap();
    std::fs::create_dir(folder.path().join("files")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("files/x")).unwrap();
    std::os::unix::fs::symlink("/etc", folder.path().join("sensors")).unwrap();
    let found = lint(folder.path(), &around());
    let files: Vec<&str> = found.iter().map(|f| f.file.as_str()).collect();
    assert_eq!(files, ["files/x", "sensors"]);
    assert!(found[0].message.contains("symbolic link"));
}
