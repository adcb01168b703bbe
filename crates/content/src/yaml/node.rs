//! The tree that a YAML text is read to.

use crate::fault::Place;
use serde_json::Value;

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub body: Body,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Nothing: an empty value, `~` or `null`.
    Nothing,
    /// Text, a number, a word: whatever stands there.
    Scalar {
        /// The text.
        text: String,
        /// Characters between [`Node::place`] and the first one of the text, when the text stands in one line as it is.
        offset: Option<usize>,
        /// It stands without quotes.
        plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order in which it stands.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// The value.
    pub node: Node,
}

impl Node {
    /// What it is, in words for people.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.body {
            Body::Nothing => "nothing",
            Body::Scalar { .. } => "a single value",
            Body::List(_) => "a list",
            Body::Map(_) => "a mapping",
        }
    }

    /// The text of a scalar.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.body {
            Body::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The place of a character of a scalar's text, counted from 0; for text over several lines, where the scalar begins.
    #[must_use]
    pub fn place_of(&self, character: usize) -> Place {
        match self.body {
            Body::Scalar {
                offset: Some(offset),
                ..
            } => self.place.right(offset.saturating_add(character)),
            _ => self.place,
        }
    }

    /// The tree as a reader of the [core schema](https://yaml.org/spec/1.2.2/#103-core-schema) takes it: words and whole numbers without
    /// quotes are truth values and numbers. What editors with a JSON Schema see.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match &self.body {
            Body::Nothing => Value::Null,
            Body::Scalar { text, plain, .. } => match text.as_str() {
                "true" if *plain => Value::Bool(true),
                "false" if *plain => Value::Bool(false),
                number if *plain && number.parse::<i64>().is_ok() => {
                    number.parse::<i64>().map_or(Value::Null, Value::from)
                }
                text => Value::String(text.to_owned()),
            },
            Body::List(list) => list.iter().map(Self::to_value).collect(),
            Body::Map(entries) => entries
                .iter()
                .map(|e| (e.key.clone(), e.node.to_value()))
                .collect(),
        }
    }

    /// A tree without places from a value, for what was read once and is read again.
    #[must_use]
    pub fn from_value(value: &Value) -> Self {
        let scalar = |text: String| Body::Scalar {
            text,
            offset: None,
            plain: false,
        };
        let body = match value {
            Value::Null => Body::Nothing,
            Value::Bool(b) => scalar(b.to_string()),
            Value::Number(n) => scalar(n.to_string()),
            Value::String(s) => scalar(s.clone()),
            Value::Array(list) => Body::List(list.iter().map(Self::from_value).collect()),
            Value::Object(map) => Body::Map(
                map.iter()
                    .map(|(key, value)| Entry {
                        key: key.clone(),
                        place: Place::START,
                        node: Self::from_value(value),
                    })
                    .collect(),
            ),
        };
        Self {
            place: Place::START,
            body,
        }
    }
}
