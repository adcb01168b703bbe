//! Rules of the workspace that no other tool checks: crates know only what lies below them, share lints and versions, and their modules
//! import each other in no circle.

use crate::circles;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Crates from top to bottom, in layers. A crate may depend on crates of lower layers only; within a layer, on none.
const LAYERS: &[&[&str]] = &[
    &["xtask"],
    &["cordon"],
    &["server", "agent", "simulate"],
    &["sensors"],
    &["index", "api"],
    &["content"],
    &["question", "protocol"],
    &["rights"],
    &["answer", "hashing", "volumes"],
];

/// The server gets its catalogue handed in: it must not know the engines that run on endpoints.
const FORBIDDEN: &[(&str, &str)] = &[("server", "sensors"), ("server", "index")];

/// What the root of every library says: bytes from elsewhere must not choose an index. Tests may fail that way.
const INDEXING: &str =
    "#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]";

/// Libraries without [`INDEXING`]: the simulation makes up all that it indexes.
const MADE_UP: &[&str] = &["simulate"];

/// Checks all rules.
pub fn check(root: &Path) -> Result<()> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version=1", "--no-deps", "--locked"])
        .current_dir(root)
        .output()
        .context("cannot run cargo metadata")?;
    if !output.status.success() {
        bail!(
            "cargo metadata failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .context("cargo metadata printed something else than JSON")?;
    let layer = |name: &str| {
        // Fuzz targets stand above the crate that they are of, as its tests do.
        let fuzz = name.strip_suffix("-fuzz").map(|_| 0);
        fuzz.or_else(|| LAYERS.iter().position(|l| l.contains(&name)))
    };
    let mut wrong = Vec::new();
    for package in metadata
        .get("packages")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let name = package
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let Some(own) = layer(name) else {
            wrong.push(format!(
                "crate {name} has no layer; give it one in xtask/src/deps.rs"
            ));
            continue;
        };
        for dependency in package
            .get("dependencies")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let other = dependency
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let for_tests = dependency.get("kind").and_then(Value::as_str) == Some("dev");
            if let Some(theirs) = layer(other)
                && !for_tests
                && (theirs <= own || FORBIDDEN.contains(&(name, other)))
            {
                wrong.push(format!("crate {name} must not know {other}"));
            }
        }
        let manifest = package
            .get("manifest_path")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let text =
            std::fs::read_to_string(manifest).with_context(|| format!("cannot read {manifest}"))?;
        if !text.contains("[lints]\nworkspace = true") {
            wrong.push(format!("{manifest} does not share the workspace's lints"));
        }
        for line in text.lines().filter(|l| l.contains("version = \"")) {
            wrong.push(format!("{manifest} pins its own version: {line}"));
        }
    }
    let roots = roots(&metadata);
    for (name, file) in &roots {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        if file.ends_with("lib.rs") && !MADE_UP.contains(&name.as_str()) && !text.contains(INDEXING)
        {
            wrong.push(format!("{} does not say `{INDEXING}`", file.display()));
        }
    }
    if !wrong.is_empty() {
        bail!("workspace rules broken:\n  {}", wrong.join("\n  "));
    }
    circles::check(root, roots.iter().map(|(n, f)| (n.as_str(), f.as_path())))
}

/// Name and root file of each library and program.
fn roots(metadata: &Value) -> Vec<(String, PathBuf)> {
    let list = |value: &Value, key: &str| -> Vec<Value> {
        value
            .get(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let text = |value: &Value, key: &str| -> String {
        value
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let mut roots = Vec::new();
    for package in list(metadata, "packages") {
        for target in list(&package, "targets") {
            let kinds = list(&target, "kind");
            if kinds.iter().any(|kind| kind == "lib" || kind == "bin") {
                roots.push((text(&package, "name"), text(&target, "src_path").into()));
            }
        }
    }
    roots
}
