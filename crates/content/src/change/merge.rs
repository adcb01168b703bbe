//! Three sides of a value become one.
//!
//! A field that one side alone changed is as that side has it. One that both changed alike is as they have it. Where both changed it
//! otherwise, mappings are looked into, and lists whose entries have names are put together name by name; what then still differs is a
//! conflict, which one side wins and the plan tells.

use super::diff::{below, by_name};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// A side of a conflict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// What is here.
    #[default]
    Local,
    /// What the pack brings.
    Shipped,
}

/// What became of a field that is not the same on all sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldStep {
    /// Its path.
    pub path: String,
    /// What became of it.
    pub outcome: Outcome,
    /// As it was shipped before.
    pub before: Option<Value>,
    /// As it is here.
    pub local: Option<Value>,
    /// As it is shipped now.
    pub shipped: Option<Value>,
}

/// What becomes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It becomes as it is shipped now; nobody changed it here.
    Taken,
    /// It stays as it was changed here; the pack did not change it.
    Kept,
    /// Both changed it; it stays as it is here.
    ConflictKept,
    /// Both changed it; it becomes as it is shipped.
    ConflictTaken,
    /// It was changed here and becomes as it is shipped, as was asked for.
    Overwritten,
}

impl Outcome {
    /// Whether both sides wanted something else.
    #[must_use]
    pub const fn is_conflict(self) -> bool {
        matches!(self, Self::ConflictKept | Self::ConflictTaken)
    }
}

/// Three sides of one field.
#[derive(Clone, Copy)]
pub(super) struct Sides<'v> {
    pub(super) before: Option<&'v Value>,
    pub(super) local: Option<&'v Value>,
    pub(super) shipped: Option<&'v Value>,
}

/// Puts three sides together. `winner` wins conflicts.
pub(super) fn merge(sides: Sides<'_>, winner: Side, steps: &mut Vec<FieldStep>) -> Option<Value> {
    at(String::new(), sides, winner, 0, steps)
}

fn at(
    path: String,
    sides: Sides<'_>,
    winner: Side,
    depth: usize,
    steps: &mut Vec<FieldStep>,
) -> Option<Value> {
    let Sides {
        before,
        local,
        shipped,
    } = sides;
    if local == shipped {
        return local.cloned();
    }
    let (outcome, result) = if local == before {
        (Outcome::Taken, shipped)
    } else if shipped == before {
        (Outcome::Kept, local)
    } else {
        if depth < 32 {
            if let (Some(Value::Object(a)), Some(Value::Object(b))) = (local, shipped) {
                let was = before.and_then(Value::as_object);
                return Some(maps(&path, (was, a, b), winner, depth, steps));
            }
            if let (Some(Value::Array(a)), Some(Value::Array(b))) = (local, shipped) {
                let none = Vec::new();
                let was = before.and_then(Value::as_array).unwrap_or(&none);
                if let (Some(was), Some(a), Some(b)) = (by_name(was), by_name(a), by_name(b)) {
                    return Some(lists(&path, (&was, &a, &b), winner, depth, steps));
                }
            }
        }
        match winner {
            Side::Local => (Outcome::ConflictKept, local),
            Side::Shipped => (Outcome::ConflictTaken, shipped),
        }
    };
    steps.push(FieldStep {
        path,
        outcome,
        before: before.cloned(),
        local: local.cloned(),
        shipped: shipped.cloned(),
    });
    result.cloned()
}

/// Three mappings: before, local, shipped.
type Maps<'v> = (
    Option<&'v Map<String, Value>>,
    &'v Map<String, Value>,
    &'v Map<String, Value>,
);

fn maps(
    path: &str,
    (before, local, shipped): Maps<'_>,
    winner: Side,
    depth: usize,
    steps: &mut Vec<FieldStep>,
) -> Value {
    let keys: BTreeSet<&String> = local
        .keys()
        .chain(shipped.keys())
        .chain(before.into_iter().flat_map(Map::keys))
        .collect();
    let mut made = Map::new();
    for key in keys {
        let sides = Sides {
            before: before.and_then(|b| b.get(key)),
            local: local.get(key),
            shipped: shipped.get(key),
        };
        if let Some(value) = at(below(path, key), sides, winner, depth + 1, steps) {
            made.insert(key.clone(), value);
        }
    }
    Value::Object(made)
}

type Named = [(String, Value)];

fn lists(
    path: &str,
    (before, local, shipped): (&Named, &Named, &Named),
    winner: Side,
    depth: usize,
    steps: &mut Vec<FieldStep>,
) -> Value {
    let of =
        |list: &'_ Named, name: &str| list.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    let mut done = BTreeSet::new();
    let mut made = Vec::new();
    // In the order in which it is shipped; what only stands here comes after it.
    for (name, _) in shipped.iter().chain(local).chain(before) {
        if !done.insert(name) {
            continue;
        }
        let (was, here, now) = (of(before, name), of(local, name), of(shipped, name));
        let sides = Sides {
            before: was.as_ref(),
            local: here.as_ref(),
            shipped: now.as_ref(),
        };
        made.extend(at(
            format!("{path}[{name}]"),
            sides,
            winner,
            depth + 1,
            steps,
        ));
    }
    Value::Array(made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn merged(before: &Value, local: &Value, shipped: &Value) -> (Value, Vec<(String, Outcome)>) {
        let mut steps = Vec::new();
        let sides = Sides {
            before: Some(before),
            local: Some(local),
            shipped: Some(shipped),
        };
        let made = merge(sides, Side::Local, &mut steps).unwrap();
        (
            made,
            steps.into_iter().map(|s| (s.path, s.outcome)).collect(),
        )
    }

    #[test]
    fn one_sided_changes_meet_without_conflict() {
        let before =
            json!({ "a": 1, "b": 1, "files": [{ "name": "x", "v": 1 }, { "name": "y", "v": 1 }] });
        let local = json!({ "a": 2, "b": 1, "files": [{ "name": "x", "v": 9 }, { "name": "y", "v": 1 }, { "name": "mine" }] });
        let shipped =
            json!({ "a": 1, "b": 3, "files": [{ "name": "new" }, { "name": "x", "v": 1 }] });
        let (made, steps) = merged(&before, &local, &shipped);
        assert_eq!(
            made,
            json!({ "a": 2, "b": 3, "files": [{ "name": "new" }, { "name": "x", "v": 9 }, { "name": "mine" }] })
        );
        assert!(
            steps.iter().all(|(_, outcome)| !outcome.is_conflict()),
            "{steps:?}"
        );
    }

    #[test]
    fn what_both_changed_is_a_conflict_and_stays() {
        let (made, steps) = merged(&json!({ "a": 1 }), &json!({ "a": 2 }), &json!({ "a": 3 }));
        assert_eq!(made, json!({ "a": 2 }));
        assert_eq!(steps, [("a".to_owned(), Outcome::ConflictKept)]);
    }
}
