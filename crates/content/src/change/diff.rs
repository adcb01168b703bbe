//! What differs between two values, field by field.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// Deepest level that is looked into.
const MAX_DEPTH: usize = 32;

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// Its path, with dots: `platforms.linux.text`, `parameters[path].default`.
    pub path: String,
    /// What it was; `None` where it was not there.
    pub before: Option<Value>,
    /// What it is; `None` where it is there no more.
    pub after: Option<Value>,
}

/// The fields in which two values differ. Lists whose entries have names are compared name by name, others as a whole.
#[must_use]
pub fn diff(before: Option<&Value>, after: Option<&Value>) -> Vec<FieldChange> {
    let mut found = Vec::new();
    walk(String::new(), before, after, 0, &mut found);
    found
}

fn walk(
    path: String,
    before: Option<&Value>,
    after: Option<&Value>,
    depth: usize,
    found: &mut Vec<FieldChange>,
) {
    if before == after {
        return;
    }
    if depth < MAX_DEPTH {
        if let (Some(Value::Object(a)), Some(Value::Object(b))) = (before, after) {
            for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
                let inner = below(&path, key);
                walk(inner, a.get(key), b.get(key), depth + 1, found);
            }
            return;
        }
        if let (Some(Value::Array(a)), Some(Value::Array(b))) = (before, after)
            && let (Some(a), Some(b)) = (by_name(a), by_name(b))
        {
            let names: BTreeSet<&String> = a.iter().chain(&b).map(|(name, _)| name).collect();
            let of = |list: &[(String, Value)], name: &str| {
                list.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone())
            };
            let count = found.len();
            for name in names {
                let inner = format!("{path}[{name}]");
                walk(
                    inner,
                    of(&a, name).as_ref(),
                    of(&b, name).as_ref(),
                    depth + 1,
                    found,
                );
            }
            if found.len() > count {
                return;
            }
            // Only their order differs.
        }
    }
    found.push(FieldChange {
        path,
        before: before.cloned(),
        after: after.cloned(),
    });
}

/// The path of a field below another.
pub(super) fn below(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// The entries of a list by what each is known by; `None` when an entry has nothing of the kind or two have the same.
pub(super) fn by_name(list: &[Value]) -> Option<Vec<(String, Value)>> {
    let mut seen = BTreeSet::new();
    list.iter()
        .map(|entry| {
            let name = name_of(entry)?;
            seen.insert(name.clone()).then(|| (name, entry.clone()))
        })
        .collect()
}

fn name_of(entry: &Value) -> Option<String> {
    let Value::Object(map) = entry else {
        return entry.as_str().map(str::to_owned);
    };
    let text = |key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
    if let Some(permission) = text("permission") {
        return Some(format!(
            "{permission} {}",
            text("content_set").unwrap_or_default()
        ));
    }
    text("name")
        .or_else(|| text("key"))
        .or_else(|| text("value"))
        .or_else(|| text("pack"))
        .or_else(|| text("supplied"))
        .or_else(|| map.get("file")?.get("path")?.as_str().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_and_named_entries_are_told_apart() {
        let a =
            json!({ "list": [{ "key": "a", "x": 1 }, { "key": "b" }], "same": true, "gone": 1 });
        let b =
            json!({ "list": [{ "key": "b" }, { "key": "a", "x": 2 }], "same": true, "new": [1] });
        let paths: Vec<String> = diff(Some(&a), Some(&b))
            .into_iter()
            .map(|c| c.path)
            .collect();
        assert_eq!(paths, ["gone", "list[a].x", "new"]);
        let order = diff(Some(&json!(["x", "y"])), Some(&json!(["y", "x"])));
        assert_eq!(order.len(), 1);
        assert_eq!(diff(Some(&a), Some(&a)), vec![]);
    }
}
