//! The JSON Schema ([2020-12](https://json-schema.org/draft/2020-12/schema)) of each kind of object, for editors and other programs. They
//! are made of the same declarations as the parser and lie in `docs/schemas`.

use crate::form::{Definitions, Form};
use crate::name::Kind;
use crate::objects::{Manifest, Object};
use serde_json::{Value, json};

/// The schema of `pack.yaml`.
#[must_use]
pub fn manifest() -> Value {
    whole("pack", Manifest::schema)
}

/// The schema of a kind of object.
#[must_use]
pub fn object(kind: Kind) -> Value {
    whole(kind.word(), |definitions| Object::schema(kind, definitions))
}

/// All schemas by the name of their file.
pub fn all() -> impl Iterator<Item = (String, Value)> {
    std::iter::once(("pack.json".to_owned(), manifest()))
        .chain(Kind::ALL.map(|kind| (format!("{}.json", kind.word()), object(kind))))
}

fn whole(name: &str, make: impl FnOnce(&mut Definitions) -> Value) -> Value {
    let mut definitions = Definitions::default();
    let root = make(&mut definitions);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("urn:cordon:schema:{name}"),
        "title": format!("Cordon content: {}", name.replace('-', " ")),
        "$ref": root.get("$ref").cloned().unwrap_or_default(),
        "$defs": definitions.into_value(),
    })
}
