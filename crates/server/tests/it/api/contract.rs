//! The OpenAPI document: the committed copy is the code's, and replies are what it says.

use reqwest::{Method, StatusCode};
use serde_json::{Map, Value};
use std::path::Path;

#[test]
fn the_committed_document_is_the_codes() {
    let path = Path::new("../../docs/openapi.json");
    let mut made = serde_json::to_string_pretty(&server::http::openapi()).expect("serializable");
    made.push('\n');
    if std::env::var_os("CORDON_UPDATE").is_some() {
        std::fs::write(path, &made).expect("written");
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == made,
        "docs/openapi.json is out of date: run the tests of the server once with CORDON_UPDATE=1 and commit it"
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

#[test]
fn the_document_is_fit_for_a_generated_client() {
    let contract = Contract::new();
    let mut names = std::collections::BTreeSet::new();
    for (method, path, operation) in contract.operations() {
        let name = operation["operationId"].as_str().expect("a name");
        assert!(
            names.insert(name.to_owned()),
            "{method} {path}: {name} is another's name"
        );
        let error = &operation["responses"]["default"]["content"]["application/json"]["schema"];
        assert_eq!(
            error["$ref"], "#/components/schemas/ErrorBody",
            "{method} {path}"
        );
    }
    // A misspelled member must not be passed over: without its targets a question would go to every endpoint.
    for (method, path, operation) in contract.operations() {
        let body = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        let Some(reference) = body.as_str() else {
            continue;
        };
        let schema = contract.document.pointer(&reference[1..]);
        assert_eq!(
            schema.expect("it is there")["additionalProperties"],
            false,
            "{method} {path}"
        );
    }
    let states = &contract.document["components"]["schemas"]["EndpointState"]["enum"];
    let all: Vec<_> = answer::State::ALL
        .iter()
        .map(|state| state.name())
        .collect();
    assert_eq!(states, &serde_json::json!(all));
    each_schema("", &contract.document, &mut |place, schema| {
        let is = |kind: &str| match &schema["type"] {
            Value::String(one) => one == kind,
            Value::Array(several) => several.iter().any(|k| k == kind),
            _ => false,
        };
        let members = ["properties", "additionalProperties"];
        assert!(
            !is("object") || members.iter().any(|m| schema.get(m).is_some()),
            "{place} is an object of anything"
        );
        if is("integer") {
            assert_eq!(
                schema["format"], "int64",
                "{place} has no format that holds it"
            );
            assert!(
                schema["minimum"].is_u64(),
                "{place}: nothing in the API is negative"
            );
        }
    });
}

/// Calls `f` for everything that says what type it is of.
fn each_schema(place: &str, value: &Value, f: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(map) => {
            if map
                .get("type")
                .is_some_and(|t| t.is_string() || t.is_array())
                && !place.contains("/securitySchemes/")
            {
                f(place, value);
            }
            for (name, inner) in map {
                each_schema(&format!("{place}/{name}"), inner, f);
            }
        }
        Value::Array(list) => {
            for (at, inner) in list.iter().enumerate() {
                each_schema(&format!("{place}/{at}"), inner, f);
            }
        }
        _ => {}
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

    pub fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
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
        if !known {
            return Err(format!("{value} is not {kinds:?}"));
        }
        match value {
            Value::Array(items) => items
                .iter()
                .try_for_each(|item| self.fits(&schema["items"], item)),
            Value::Object(fields) => self.fits_object(schema, fields),
            Value::Number(number) => {
                let beyond = |bound: &str, is: fn(f64, f64) -> bool| {
                    let bound = schema[bound].as_f64();
                    bound.zip(number.as_f64()).is_some_and(|(b, n)| is(n, b))
                };
                if beyond("minimum", |n, b| n < b) || beyond("maximum", |n, b| n > b) {
                    return Err(format!("{number} is out of bounds"));
                }
                Ok(())
            }
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
        if let Some(names) = schema.get("propertyNames") {
            for name in fields.keys() {
                self.fits(names, &Value::from(name.as_str()))?;
            }
        }
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
