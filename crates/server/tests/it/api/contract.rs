//! The OpenAPI document: the committed copy is the code's, and replies are what it says.

use reqwest::{Method, StatusCode};
use serde_json::{Map, Value};
use std::path::Path;

#[test]
fn the_committed_document_is_the_codes() {
    let path = Path::new("openapi.json");
    let mut made = serde_json::to_string_pretty(&server::http::openapi()).expect("serializable");
    made.push('\n');
    if std::env::var_os("CORDON_UPDATE").is_some() {
        std::fs::write(path, &made).expect("written");
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == made,
        "crates/server/openapi.json is out of date: run the tests of the server once with CORDON_UPDATE=1 and commit it"
    );
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str));
                map.values().for_each(|v| references(v, found));
            }
            Value::Array(list) => list.iter().for_each(|v| references(v, found)),
            _ => {}
        }
    }
    let contract = Contract::new();
    assert_eq!(contract.document["openapi"], "3.1.0");
    let mut found = Vec::new();
    references(&contract.document, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        assert!(
            contract.document.pointer(&reference[1..]).is_some(),
            "{reference}"
        );
    }
}

/// The document, to check replies by.
pub struct Contract {
    pub document: Value,
}

impl Contract {
    pub fn new() -> Self {
        Self {
            document: serde_json::to_value(server::http::openapi()).expect("serializable"),
        }
    }

    /// All operations: method, path, operation.
    pub fn operations(&self) -> Vec<(Method, String, &Value)> {
        let paths = self.document["paths"].as_object().expect("paths");
        let mut all = Vec::new();
        for (path, item) in paths {
            for (method, operation) in item.as_object().expect("operations") {
                let method = method.to_uppercase().parse().expect("a method");
                all.push((method, path.clone(), operation));
            }
        }
        all
    }

    /// Fails unless the reply is one that the document describes for this request.
    pub fn check(&self, method: &Method, path: &str, status: StatusCode, body: &Value) {
        let path = format!("/api/v1{}", path.split('?').next().unwrap_or_default());
        let what = format!("{method} {path} {status}");
        let fits = |template: &str| {
            let (have, want) = (path.split('/'), template.split('/'));
            have.clone().count() == want.clone().count()
                && have.zip(want).all(|(a, b)| a == b || b.starts_with('{'))
        };
        let operations = self.operations();
        let mut found: Vec<_> = operations
            .iter()
            .filter(|(m, template, _)| m == method && fits(template))
            .collect();
        // A literal segment wins over a parameter.
        found.sort_by_key(|(_, template, _)| template.matches('{').count());
        let Some((_, _, operation)) = found.first() else {
            panic!("{what}: not in the document");
        };
        let described = &operation["responses"][status.as_str()];
        let schema = if described.is_null() {
            // Errors that any operation may give have one form.
            assert!(
                !status.is_success(),
                "{what}: this success is not documented"
            );
            &self.document["components"]["schemas"]["ErrorBody"]
        } else {
            &described["content"]["application/json"]["schema"]
        };
        if schema.is_null() {
            assert!(
                body.is_null() || !status.is_success(),
                "{what}: a body that is not documented: {body}"
            );
            return;
        }
        if let Err(problem) = self.fits(schema, body) {
            panic!("{what}: {problem} in {body}");
        }
    }

    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema.get("$ref").and_then(Value::as_str) {
            Some(reference) => self
                .document
                .pointer(&reference[1..])
                .expect("a known schema"),
            None => schema,
        }
    }

    fn fits(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let schema = self.resolve(schema);
        if let Some(options) = schema.get("oneOf").and_then(Value::as_array) {
            let good = options.iter().any(|o| self.fits(o, value).is_ok());
            return good
                .then_some(())
                .ok_or(format!("{value} fits none of {options:?}"));
        }
        if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
            let mut whole = Map::new();
            let mut required = Vec::new();
            for part in parts {
                let part = self.resolve(part);
                if let Some(properties) = part["properties"].as_object() {
                    whole.extend(properties.clone());
                }
                required.extend(part["required"].as_array().cloned().unwrap_or_default());
            }
            let joined =
                serde_json::json!({"type": "object", "properties": whole, "required": required});
            return self.fits(&joined, value);
        }
        if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
            && !allowed.contains(value)
        {
            return Err(format!("{value} is none of {allowed:?}"));
        }
        let kinds: Vec<&str> = match &schema["type"] {
            Value::String(kind) => vec![kind],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => return Ok(()),
        };
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(n) if n.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let known = kinds.contains(&kind) || (kind == "integer" && kinds.contains(&"number"));
        // "Any JSON" is documented as an object without properties.
        let any = kinds == ["object"]
            && schema.get("properties").is_none()
            && schema.get("additionalProperties").is_none();
        if !known && !any {
            return Err(format!("{value} is not {kinds:?}"));
        }
        match value {
            Value::Array(items) => items
                .iter()
                .try_for_each(|item| self.fits(&schema["items"], item)),
            Value::Object(fields) => self.fits_object(schema, fields),
            _ => Ok(()),
        }
    }

    fn fits_object(&self, schema: &Value, fields: &Map<String, Value>) -> Result<(), String> {
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap_or_default();
            if !fields.contains_key(name) {
                return Err(format!("`{name}` is missing"));
            }
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties").filter(|o| o.is_object());
        for (name, field) in fields {
            match (properties.and_then(|p| p.get(name)), others) {
                (Some(schema), _) | (None, Some(schema)) => {
                    self.fits(schema, field)
                        .map_err(|e| format!("{name}: {e}"))?;
                }
                (None, None) if properties.is_some() => {
                    return Err(format!("`{name}` is not documented"));
                }
                (None, None) => {}
            }
        }
        Ok(())
    }
}
