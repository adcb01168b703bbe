//! Packs made of texts.

use content::change::{Options, Plan};
use content::change::{State, Who, apply, plan};
use content::fault::Fault;
use content::pack::tree::Tree;
use content::pack::{Pack, Surroundings, read};
use question::catalogue::{Catalogue, Sensor, ValueType};

pub fn around() -> Surroundings {
    let catalogue = Catalogue::new([
        Sensor::new("Computer Name", "Host", "Its name.")
            .column("Computer Name", ValueType::Text, "Name.")
            .one_row(),
        Sensor::new("Listen Ports", "Network", "Ports.")
            .column("Process", ValueType::Text, "Process.")
            .column("Local Port", ValueType::Integer, "Port."),
    ]);
    Surroundings::new(&catalogue, "0.1.0".parse().unwrap())
}

pub fn manifest(name: &str, version: &str) -> String {
    format!(
        "name: {name}\ntitle: {name}\nversion: {version}\npublisher: Us\ncontent_sets: [Set]\n\
         changelog: [{{version: {version}, changes: [Things.]}}]\n"
    )
}

pub fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::default();
    for (path, text) in files {
        tree.add(path, text.as_bytes().to_vec()).unwrap();
    }
    tree
}

/// A pack with a content set and these files.
pub fn with(files: &[(&str, &str)]) -> Tree {
    let manifest = manifest("test", "1.0.0");
    let mut all = vec![
        ("pack.yaml", manifest.as_str()),
        ("content-sets/set.yaml", "name: Set\n"),
    ];
    all.extend(files.iter().filter(|(path, _)| *path != "pack.yaml"));
    if let Some(own) = files.iter().find(|(path, _)| *path == "pack.yaml") {
        all[0] = *own;
    }
    tree(&all)
}

pub fn faults(files: &[(&str, &str)]) -> Vec<String> {
    match read(&with(files), &around()) {
        Ok(_) => Vec::new(),
        Err(list) => list.iter().map(ToString::to_string).collect(),
    }
}

pub fn pack(files: &[(&str, &str)]) -> Pack {
    read(&with(files), &around()).unwrap_or_else(|faults| panic!("{}", told(&faults)))
}

pub fn told(faults: &[Fault]) -> String {
    faults
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

pub fn who(why: &str) -> Who {
    Who {
        by: "user 1".into(),
        at: 1_800_000_000,
        why: why.into(),
    }
}

pub fn import(state: &mut State, pack: &Pack) -> Plan {
    let plan = plan(state, pack, &Options::default()).unwrap();
    apply(state, &plan, &who("import")).unwrap();
    plan
}
