//! Pieces of JSON Schema 2020-12.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Schemas of types with a name, by that name.
#[derive(Debug, Default)]
pub struct Definitions {
    made: BTreeMap<String, Value>,
}

impl Definitions {
    /// A reference to the schema of this name, which is made once.
    pub fn named(&mut self, name: &str, make: impl FnOnce(&mut Self) -> Value) -> Value {
        if !self.made.contains_key(name) {
            // Stands in for the type while its own fields are described.
            self.made.insert(name.to_owned(), Value::Bool(true));
            let schema = make(self);
            self.made.insert(name.to_owned(), schema);
        }
        json!({ "$ref": format!("#/$defs/{name}") })
    }

    /// All of them, as the value of `$defs`.
    #[must_use]
    pub fn into_value(self) -> Value {
        Value::Object(self.made.into_iter().collect())
    }
}

/// A schema with a description: lines of documentation put together.
pub(crate) fn described(mut schema: Value, lines: &[&str]) -> Value {
    let text = lines
        .iter()
        .map(|line| line.trim())
        .collect::<Vec<_>>()
        .join(" ");
    // Links of the documentation in code mean nothing outside of it.
    let text = text.replace("[`", "`").replace("`]", "`");
    if let Value::Object(map) = &mut schema {
        map.insert("description".into(), Value::String(text.trim().to_owned()));
    }
    schema
}

/// The schema of a mapping with these properties and no others.
pub(crate) fn object(
    properties: Vec<(&str, Value)>,
    required: &[&str],
    exactly_one: &[&str],
) -> Value {
    let mut map = Map::new();
    map.insert("type".into(), json!("object"));
    map.insert(
        "properties".into(),
        Value::Object(
            properties
                .into_iter()
                .map(|(key, schema)| (key.to_owned(), schema))
                .collect(),
        ),
    );
    if !required.is_empty() {
        map.insert("required".into(), json!(required));
    }
    if !exactly_one.is_empty() {
        let each: Vec<Value> = exactly_one
            .iter()
            .map(|key| json!({ "required": [key] }))
            .collect();
        map.insert("oneOf".into(), Value::Array(each));
    }
    map.insert("additionalProperties".into(), Value::Bool(false));
    Value::Object(map)
}
