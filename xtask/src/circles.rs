//! Finds modules that import each other in a circle. Such modules can only be read, tested and moved together.
//!
//! The rule: an import counts between siblings. When `a::x` names something in `b::y`, then `a` leans on `b`; when two modules below `a`
//! name each other, that is a circle inside `a`. A module and its own children are one thing told in several files: a parent may
//! hand out what its children define, and children may use what their parent defines; neither counts. Code for tests is passed over.

mod read;
mod resolve;

use anyhow::{Result, bail};
use read::{Id, Tree};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// For two siblings, one import of the first from the second, as shown to people.
type Imports = BTreeMap<(Id, Id), String>;

/// A set of siblings each of which leads to all others.
#[derive(Debug, PartialEq, Eq)]
struct Circle {
    within: String,
    modules: Vec<String>,
    /// One import for each tie.
    ties: Vec<String>,
}

/// Checks crates, given as name and root file.
pub fn check<'a>(root: &Path, crates: impl Iterator<Item = (&'a str, &'a Path)>) -> Result<()> {
    let mut wrong = Vec::new();
    for (krate, file) in crates {
        for circle in circles(root, file)? {
            wrong.push(format!(
                "crate {krate}: the modules {} within `{}` import each other in a circle:\n    {}",
                circle.modules.join(", "),
                circle.within,
                circle.ties.join("\n    ")
            ));
        }
    }
    if !wrong.is_empty() {
        bail!(
            "modules in circles (see ARCHITECTURE.md):\n  {}",
            wrong.join("\n  ")
        );
    }
    Ok(())
}

/// All circles of the crate whose root is this file.
fn circles(root: &Path, file: &Path) -> Result<Vec<Circle>> {
    let tree = Tree::read(file)?;
    // For each parent, its children's imports of each other.
    let mut levels: BTreeMap<Id, Imports> = BTreeMap::new();
    for (from, module) in tree.modules.iter().enumerate() {
        for reference in &module.references {
            let Some(to) = tree.resolve(from, &reference.path) else {
                continue;
            };
            let Some((parent, tie)) = lift(&tree, from, to) else {
                continue;
            };
            let file = reference.file.strip_prefix(root);
            let shown = format!(
                "{} -> {}: `{}` at {}:{}",
                tree.path(from),
                tree.path(to),
                reference.path.join("::"),
                file.unwrap_or(&reference.file).display(),
                reference.line
            );
            let level = levels.entry(parent).or_default();
            level.entry(tie).or_insert(shown);
        }
    }
    let mut all = Vec::new();
    for (parent, imports) in levels {
        for members in knots(&imports) {
            let inside = |(from, to): &(Id, Id)| members.contains(from) && members.contains(to);
            let mut modules: Vec<String> =
                members.iter().map(|&m| tree.name(m).to_owned()).collect();
            modules.sort();
            all.push(Circle {
                within: tree.path(parent),
                modules,
                ties: imports
                    .iter()
                    .filter(|(tie, _)| inside(tie))
                    .map(|(_, shown)| shown.clone())
                    .collect(),
            });
        }
    }
    Ok(all)
}

/// The parent below which two modules part, and the siblings through which they do; none when one holds the other.
fn lift(tree: &Tree, from: Id, to: Id) -> Option<(Id, (Id, Id))> {
    let mut parent = None;
    for pair in tree.line(from).zip(tree.line(to)) {
        if pair.0 != pair.1 {
            return Some((parent?, pair));
        }
        parent = Some(pair.0);
    }
    None
}

/// Sets of two or more that all lead to each other.
fn knots(imports: &Imports) -> Vec<BTreeSet<Id>> {
    let mut reach: BTreeMap<Id, BTreeSet<Id>> = BTreeMap::new();
    for &(from, _) in imports.keys() {
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(here) = open.pop() {
            for &(_, to) in imports.keys().filter(|(start, _)| *start == here) {
                if seen.insert(to) {
                    open.push(to);
                }
            }
        }
        reach.insert(from, seen);
    }
    let leads = |a: &Id, b: &Id| reach.get(a).is_some_and(|all| all.contains(b));
    let mut found = BTreeSet::new();
    for (from, all) in &reach {
        if all.contains(from) {
            let with: BTreeSet<Id> = all.iter().copied().filter(|to| leads(to, from)).collect();
            found.insert(with);
        }
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests;
