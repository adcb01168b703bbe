//! `content/aliases.tsv`: every bold name of the guide, and what it is here.

use crate::shipped::{PACKS, root, shipped};
use content::name::{Key, Kind};
use std::collections::{BTreeMap, BTreeSet};

struct Alias {
    guide: String,
    kind: String,
    here: String,
    note: String,
}

fn list() -> Vec<Alias> {
    let text = std::fs::read_to_string(root().join("content/aliases.tsv")).unwrap();
    let mut lines = text.lines().filter(|l| !l.starts_with('#'));
    assert_eq!(lines.next(), Some("guide\tkind\there\tnote"));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            let [guide, kind, here, note] = cells[..] else {
                panic!("not four cells: {line}")
            };
            Alias {
                guide: guide.into(),
                kind: kind.into(),
                here: here.into(),
                note: note.into(),
            }
        })
        .collect()
}

#[test]
fn every_name_is_something_that_ships_or_says_why_not() {
    let mut there: BTreeSet<Key> = BTreeSet::new();
    let mut labels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for name in PACKS {
        let pack = shipped(name);
        for (key, object) in pack.objects {
            if let content::objects::Object::Package(package) = &object {
                let all = package
                    .parameters
                    .iter()
                    .map(|p| p.label.as_str().to_owned());
                labels.insert(package.name.as_str().into(), all.collect());
            }
            there.insert(key);
        }
    }
    let mut seen = BTreeSet::new();
    for alias in list() {
        assert!(
            seen.insert(alias.guide.clone()),
            "{} stands twice",
            alias.guide
        );
        assert!(
            !alias.here.to_lowercase().contains("tanium"),
            "{}",
            alias.here
        );
        match alias.kind.as_str() {
            "parameter" => {
                let package = alias.note.strip_prefix("of ").unwrap();
                assert!(
                    labels[package].contains(&alias.here),
                    "{package}: {}",
                    alias.here
                );
            }
            "field" | "option" | "command" | "column" | "value" | "later" => {
                assert!(!alias.here.is_empty())
            }
            "none" => assert!(
                alias.here.is_empty() && !alias.note.is_empty(),
                "{}",
                alias.guide
            ),
            "pack" => assert!(PACKS.contains(&alias.here.as_str())),
            kind => {
                let kind = Kind::of_word(kind).unwrap_or_else(|| panic!("{kind} is no kind"));
                assert!(
                    there.contains(&Key::new(kind, &alias.here)),
                    "there is no {kind} {}",
                    alias.here
                );
            }
        }
    }
    assert!(seen.len() > 100);
}

/// The guide lies beside the project, not in it; where it is there, the list has its names and no others.
#[test]
fn the_list_has_the_names_of_the_guide() {
    let listed: BTreeSet<String> = list().into_iter().map(|a| a.guide).collect();
    let path = std::env::var_os("CORDON_GUIDE").map_or_else(
        || root().join("../shared/seed/incident-response-user-guide.txt"),
        Into::into,
    );
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!(
            "{} is not there; only the form of the list is checked",
            path.display()
        );
        return;
    };
    let mut bold = BTreeSet::new();
    for line in text.lines() {
        let mut rest = line;
        while let Some((_, after)) = rest.split_once("**") {
            match after.split_once("**") {
                Some((name, next)) if !name.is_empty() && !name.contains('*') => {
                    bold.insert(name.trim().to_owned());
                    rest = next;
                }
                _ => rest = after,
            }
        }
    }
    assert_eq!(listed, bold);
}
