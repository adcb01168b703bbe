//! A value that fits a schema, to show what a body or a reply looks like.

use super::{SCHEMA, items, members, text};
use serde_json::{Map, Value, json};

/// Objects inside one another; what is deeper is left out.
const DEEPEST: usize = 8;

/// A value that the schema describes.
pub(super) fn example(schema: &Value, schemas: &Map<String, Value>) -> Value {
    of(schema, schemas, &mut Vec::new())
}

fn of<'a>(schema: &'a Value, schemas: &'a Map<String, Value>, above: &mut Vec<&'a str>) -> Value {
    if let Some(name) = text(schema, "$ref").strip_prefix(SCHEMA) {
        let known = schemas.get_key_value(name);
        // A schema may have itself as a part.
        return match known.filter(|_| above.len() < DEEPEST && !above.contains(&name)) {
            Some((name, schema)) => {
                above.push(name);
                let made = of(schema, schemas, above);
                above.pop();
                made
            }
            None => Value::Null,
        };
    }
    for given in ["example", "default", "const"] {
        if let Some(value) = schema.get(given).filter(|value| !value.is_null()) {
            return value.clone();
        }
    }
    if let Some(first) = items(schema, "enum").next() {
        return first.clone();
    }
    let is_null = |part: &&Value| text(part, "type") == "null";
    let mut choice = items(schema, "oneOf").chain(items(schema, "anyOf"));
    if let Some(first) = choice.find(|part| !is_null(part)) {
        return of(first, schemas, above);
    }
    let parts: Vec<&Value> = items(schema, "allOf").collect();
    if !parts.is_empty() {
        let mut whole = Map::new();
        for part in parts {
            if let Value::Object(members) = of(part, schemas, above) {
                whole.extend(members);
            }
        }
        return Value::Object(whole);
    }
    let kind = match schema.get("type") {
        Some(Value::String(kind)) => kind.as_str(),
        Some(Value::Array(kinds)) => {
            let mut kinds = kinds.iter().filter_map(Value::as_str);
            kinds.find(|kind| *kind != "null").unwrap_or("null")
        }
        _ => "null",
    };
    match kind {
        "string" => string(schema),
        "integer" => schema
            .get("minimum")
            .filter(|n| n.as_u64() > Some(0))
            .cloned()
            .unwrap_or(json!(7)),
        "number" => json!(0.5),
        "boolean" => json!(true),
        "array" => schema
            .get("items")
            .map_or(json!([]), |items| json!([of(items, schemas, above)])),
        "object" => {
            let mut whole = Map::new();
            for (name, property) in members(schema, "properties") {
                whole.insert(name.clone(), of(property, schemas, above));
            }
            if let Some(others) = schema.get("additionalProperties").filter(|o| o.is_object()) {
                let name = schema
                    .get("propertyNames")
                    .map(|names| of(names, schemas, above));
                let name = name.and_then(|name| name.as_str().map(str::to_owned));
                let name = name.unwrap_or_else(|| "name".to_owned());
                whole.insert(name, of(others, schemas, above));
            }
            Value::Object(whole)
        }
        _ => Value::Null,
    }
}

fn string(schema: &Value) -> Value {
    json!(match text(schema, "format") {
        "date-time" => "2026-11-22T22:00:00Z",
        "password" => "a long password of one's own",
        _ => "text",
    })
}
