//! The packs that ship, and the schemas that they meet.

use crate::help::told;
use content::name::Kind;
use content::objects::Object;
use content::pack::tree::Tree;
use content::pack::{Pack, Surroundings, Why, marks, open_beside};
use content::schema;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub const PACKS: [&str; 4] = ["core", "incident-response", "index", "quarantine"];

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn around() -> Surroundings {
    Surroundings::new(&sensors::catalogue(), "0.1.0".parse().unwrap())
}

pub fn shipped(name: &str) -> Pack {
    open_beside(&root().join("content").join(name), &around())
        .unwrap_or_else(|faults| panic!("{name}:\n{}", told(&faults)))
}

#[test]
fn they_are_sound() {
    for name in PACKS {
        let pack = shipped(name);
        assert_eq!(pack.manifest.name.as_str(), name);
    }
    let folders: Vec<String> = std::fs::read_dir(root().join("content"))
        .unwrap()
        .map(|e| e.unwrap())
        .filter(|e| e.path().is_dir())
        .map(|e| e.file_name().into_string().unwrap())
        .collect();
    assert_eq!(folders.len(), PACKS.len(), "{folders:?}");
}

#[test]
fn every_native_sensor_lies_in_one_content_set() {
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for name in PACKS {
        for object in shipped(name).objects.values() {
            if let Object::Sensor(sensor) = object
                && let Some(native) = &sensor.native
            {
                *found.entry(native.as_str().to_owned()).or_default() += 1;
            }
        }
    }
    let all: BTreeMap<String, usize> = sensors::catalogue()
        .sensors()
        .iter()
        .map(|s| (s.name.clone(), 1))
        .collect();
    assert_eq!(found, all);
}

#[test]
fn none_runs_what_a_parameter_holds() {
    for name in PACKS {
        let powerful: Vec<_> = marks(&shipped(name))
            .into_iter()
            .filter(|m| matches!(m.why, Why::Powerful { .. }))
            .collect();
        assert_eq!(powerful, vec![]);
    }
}

#[test]
fn schemas_are_current() {
    let folder = root().join("docs/schemas");
    for (file, schema) in schema::all() {
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        let path = folder.join(&file);
        if std::env::var_os("CORDON_RENEW").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == text,
            "{} is not current; renew it with CORDON_RENEW=1",
            path.display()
        );
    }
    let files = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(files, Kind::ALL.len() + 1);
}

#[test]
fn shipped_packs_meet_the_schemas() {
    let validators: BTreeMap<&str, jsonschema::Validator> = Kind::ALL
        .iter()
        .map(|kind| {
            (
                kind.folder(),
                jsonschema::draft202012::new(&schema::object(*kind)).unwrap(),
            )
        })
        .chain([(
            "",
            jsonschema::draft202012::new(&schema::manifest()).unwrap(),
        )])
        .collect();
    let mut looked = 0;
    for name in PACKS {
        let tree = Tree::from_folder(&root().join("content").join(name)).unwrap();
        // As people wrote them, and as they are printed.
        for tree in [tree, shipped(name).to_tree().unwrap()] {
            for (path, bytes) in tree.files().filter(|(p, _)| p.ends_with(".yaml")) {
                let mut faults = content::fault::Faults::default();
                let node = content::yaml::read(path, bytes, &mut faults).unwrap();
                let value: Value = node.to_value();
                let validator = &validators[path.split_once('/').map_or("", |(folder, _)| folder)];
                let errors: Vec<String> = validator
                    .iter_errors(&value)
                    .map(|e| format!("{} at {}", e, e.instance_path()))
                    .collect();
                assert_eq!(errors, Vec::<String>::new(), "{name}/{path}");
                looked += 1;
            }
        }
    }
    assert!(looked > 400);
    // And what the parser refuses, they refuse.
    let sensor = &validators["sensors"];
    for wrong in [
        serde_json::json!({ "name": "A", "native": "B", "colums": [] }),
        serde_json::json!({ "name": "A" }),
        serde_json::json!({ "native": "B" }),
        serde_json::json!({ "name": "A", "native": "B", "platforms": { "linux": { "interpreter": "sh", "text": "x" } } }),
        serde_json::json!({ "name": "A", "platforms": { "linux": { "interpreter": "bash", "text": "x" } } }),
    ] {
        assert!(!sensor.is_valid(&wrong), "{wrong}");
    }
}
