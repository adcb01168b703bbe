//! Forms of options, lists, mappings, numbers and truth values.

use super::{Definitions, Form, Reading};
use crate::name::{Name, Named, Ref};
use crate::yaml::{Body, Node};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Longest list or mapping.
const MAX_ITEMS: usize = 2_000;

impl<T: Form> Form for Option<T> {
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        Some(Some(T::read(node, reading)?))
    }
    fn write(&self) -> Value {
        self.as_ref().map_or(Value::Null, Form::write)
    }
    fn schema(definitions: &mut Definitions) -> Value {
        T::schema(definitions)
    }
    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Form> Form for Vec<T> {
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let Body::List(list) = &node.body else {
            reading.fault(
                node.place,
                format!("a list is awaited here, not {}", node.kind()),
            );
            return None;
        };
        if list.len() > MAX_ITEMS {
            reading.fault(
                node.place,
                format!(
                    "the list has {} entries; at most {MAX_ITEMS} are allowed",
                    list.len()
                ),
            );
            return None;
        }
        // Every entry is read, so that each tells its faults.
        let read: Vec<Option<T>> = list.iter().map(|n| T::read(n, reading)).collect();
        read.into_iter().collect()
    }
    fn write(&self) -> Value {
        Value::Array(self.iter().map(Form::write).collect())
    }
    fn schema(definitions: &mut Definitions) -> Value {
        json!({ "type": "array", "maxItems": MAX_ITEMS, "items": T::schema(definitions) })
    }
    fn absent() -> Option<Self> {
        Some(Self::new())
    }
}

impl<T: Form> Form for BTreeMap<String, T> {
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let Body::Map(entries) = &node.body else {
            reading.fault(
                node.place,
                format!("a mapping is awaited here, not {}", node.kind()),
            );
            return None;
        };
        if entries.len() > MAX_ITEMS {
            reading.fault(
                node.place,
                format!(
                    "the mapping has {} entries; at most {MAX_ITEMS} are allowed",
                    entries.len()
                ),
            );
            return None;
        }
        let read: Vec<Option<(String, T)>> = entries
            .iter()
            .map(|e| T::read(&e.node, reading).map(|value| (e.key.clone(), value)))
            .collect();
        read.into_iter().collect()
    }
    fn write(&self) -> Value {
        let map: Map<String, Value> = self.iter().map(|(k, v)| (k.clone(), v.write())).collect();
        Value::Object(map)
    }
    fn schema(definitions: &mut Definitions) -> Value {
        json!({ "type": "object", "maxProperties": MAX_ITEMS, "additionalProperties": T::schema(definitions) })
    }
    fn absent() -> Option<Self> {
        Some(Self::new())
    }
}

impl Form for bool {
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        match node.text() {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => {
                reading.fault(node.place, "`true` or `false` is awaited here");
                None
            }
        }
    }
    fn write(&self) -> Value {
        Value::Bool(*self)
    }
    fn schema(_: &mut Definitions) -> Value {
        json!({ "type": "boolean" })
    }
}

macro_rules! whole_number {
    ($type:ty, $least:expr, $most:expr) => {
        impl Form for $type {
            fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
                let number = node
                    .text()
                    .and_then(|text| text.parse::<$type>().ok())
                    .filter(|n| ($least..=$most).contains(n));
                if number.is_none() {
                    reading.fault(
                        node.place,
                        format!("a whole number from {} to {} is awaited here", $least, $most),
                    );
                }
                number
            }
            fn write(&self) -> Value {
                Value::Number((*self).into())
            }
            fn schema(_: &mut Definitions) -> Value {
                json!({ "type": "integer", "minimum": $least, "maximum": $most })
            }
        }
    };
}

// JSON readers of other languages hold whole numbers exactly up to 2^53.
whole_number!(u64, 0_u64, 9_007_199_254_740_991_u64);
whole_number!(i64, -9_007_199_254_740_991_i64, 9_007_199_254_740_991_i64);
whole_number!(u32, 0_u32, u32::MAX);

fn name_schema(what: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": crate::name::MAX_CHARACTERS, "title": what })
}

impl<K: Named> Form for Name<K> {
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let Some(text) = node.text() else {
            reading.fault(
                node.place,
                format!("a name is awaited here, not {}", node.kind()),
            );
            return None;
        };
        Self::new(text)
            .map_err(|problem| reading.fault(node.place, problem))
            .ok()
    }
    fn write(&self) -> Value {
        Value::String(self.as_str().to_owned())
    }
    fn schema(_: &mut Definitions) -> Value {
        name_schema(&format!("name of this {}", K::KIND))
    }
}

impl<K: Named> Form for Ref<K> {
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let Some(text) = node.text() else {
            reading.fault(
                node.place,
                format!(
                    "a name is awaited here (of what is meant: {}), not {}",
                    K::KIND,
                    node.kind()
                ),
            );
            return None;
        };
        match Self::new(text) {
            Ok(made) => {
                reading.mentions.push(super::Mention {
                    kind: K::KIND,
                    name: text.to_owned(),
                    file: reading.file.to_owned(),
                    place: node.place,
                });
                Some(made)
            }
            Err(problem) => {
                reading.fault(node.place, problem);
                None
            }
        }
    }
    fn write(&self) -> Value {
        Value::String(self.as_str().to_owned())
    }
    fn schema(_: &mut Definitions) -> Value {
        name_schema(&format!("{}, by its name", K::KIND))
    }
}
