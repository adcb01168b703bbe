//! One value of a table, and how each form writes it.

use crate::value::ValueType;
use jiff::Timestamp;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Number;
use std::borrow::Cow;
use std::fmt::{self, Write as _};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A value.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// There is none.
    #[default]
    Nothing,
    /// Text, and whatever is not written as its type is.
    Text(String),
    /// A number.
    Number(Number),
    /// True or false.
    Boolean(bool),
    /// A span of time.
    Seconds(u64),
    /// Several values.
    List(Vec<String>),
}

/// Seconds of each unit, largest first.
const UNITS: [(u64, &str); 4] = [
    (86_400, "day"),
    (3_600, "hour"),
    (60, "minute"),
    (1, "second"),
];

impl Value {
    /// Reads a cell of a column of this type. A text that is not written as its type is stays text, and nobody has to guess what it was.
    #[must_use]
    pub fn of(cell: &str, value_type: ValueType) -> Self {
        let typed = match value_type {
            ValueType::Text => None,
            _ if cell.is_empty() => Some(Self::Nothing),
            ValueType::Integer | ValueType::DataSize => integer(cell),
            ValueType::Decimal => integer(cell).or_else(|| decimal(cell)),
            ValueType::Boolean => boolean(cell),
            ValueType::Duration => seconds(cell),
            ValueType::Version | ValueType::DateTime | ValueType::IpAddress | ValueType::Hash => {
                None
            }
        };
        typed.unwrap_or_else(|| Self::Text(cell.to_owned()))
    }

    /// A value that came as JSON, as one of a column of this type.
    #[must_use]
    pub fn typed(self, value_type: ValueType) -> Self {
        match (self, value_type) {
            (Self::Number(number), ValueType::Duration) => {
                number.as_u64().map_or(Self::Number(number), Self::Seconds)
            }
            (value, _) => value,
        }
    }

    /// As text for programs: spans of time in seconds.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Nothing => Cow::Borrowed(""),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Boolean(true) => Cow::Borrowed("True"),
            Self::Boolean(false) => Cow::Borrowed("False"),
            Self::Seconds(seconds) => Cow::Owned(seconds.to_string()),
            Self::List(list) => Cow::Owned(listed(list)),
        }
    }

    /// As text for people: spans of time in words.
    #[must_use]
    pub fn words(&self) -> Cow<'_, str> {
        match self {
            Self::Seconds(seconds) => Cow::Owned(span(*seconds)),
            other => other.text(),
        }
    }
}

/// A whole number that is written as JSON writes it, and that every client holds.
fn integer(cell: &str) -> Option<Value> {
    let number: i64 = cell.parse().ok()?;
    (number.to_string() == cell).then(|| Value::Number(number.into()))
}

/// A decimal number, if the one that JSON's readers get has the same digits; noughts at its end say nothing.
fn decimal(cell: &str) -> Option<Value> {
    let (_, fraction) = cell.split_once('.')?;
    let noughts = fraction.len() - fraction.trim_end_matches('0').len();
    let needless = noughts.min(fraction.len().checked_sub(1)?);
    let short = cell.get(..cell.len().checked_sub(needless)?)?;
    let number = Number::from_f64(short.parse().ok()?)?;
    (number.to_string() == short).then_some(Value::Number(number))
}

fn boolean(cell: &str) -> Option<Value> {
    if cell.eq_ignore_ascii_case("true") {
        Some(Value::Boolean(true))
    } else if cell.eq_ignore_ascii_case("false") {
        Some(Value::Boolean(false))
    } else {
        None
    }
}

/// As sensors write spans of time: `90s`.
fn seconds(cell: &str) -> Option<Value> {
    let digits = cell.strip_suffix('s')?;
    let seconds: u64 = digits.parse().ok()?;
    (seconds <= crate::ids::LARGEST && seconds.to_string() == digits)
        .then_some(Value::Seconds(seconds))
}

/// `2 days 3 hours`, exact.
fn span(seconds: u64) -> String {
    let mut words = String::new();
    let mut rest = seconds;
    for (unit, name) in UNITS {
        let count = rest / unit;
        rest %= unit;
        if count > 0 {
            let (blank, many) = (if words.is_empty() { "" } else { " " }, plural(count));
            // Writing to a String cannot fail.
            let _written = write!(words, "{blank}{count} {name}{many}");
        }
    }
    if words.is_empty() {
        words.push_str("0 seconds");
    }
    words
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Values with `, ` between them. One that has a comma or quotes inside, or blanks at its ends, stands in quotes as JSON writes them.
fn listed(list: &[String]) -> String {
    let shown = list.iter().map(|item| {
        let plain = !item.is_empty() && item.trim() == item && !item.contains([',', '"']);
        if plain {
            Cow::Borrowed(item.as_str())
        } else {
            Cow::Owned(serde_json::Value::from(item.as_str()).to_string())
        }
    });
    shown.collect::<Vec<_>>().join(", ")
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => number.serialize(serializer),
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Seconds(seconds) => serializer.serialize_u64(*seconds),
            Self::List(list) => list.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

/// Takes whatever a value may be.
struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, true, false, null, or a list of texts")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Boolean(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Nothing, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }
}

impl PartialSchema for Value {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::AnyValue)
            .description(Some(
                "A value by its column's type: text, a number, true or false, a list of texts, or null where there is none. Spans of \
                 time are in seconds, sizes in bytes; what is not written as its type is stays text.",
            ))
            .into()
    }
}

impl ToSchema for Value {}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number.into())
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number.into())
    }
}

/// In whole seconds: nobody asked for the rest.
impl From<Timestamp> for Value {
    fn from(at: Timestamp) -> Self {
        Self::Text(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    }
}

impl From<Vec<String>> for Value {
    fn from(list: Vec<String>) -> Self {
        Self::List(list)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_cell_is_of_its_columns_type_only_where_nothing_is_lost() {
        for (cell, value_type, expected) in [
            ("17", ValueType::Integer, json!(17)),
            ("-17", ValueType::Integer, json!(-17)),
            ("9223372036854775807", ValueType::DataSize, json!(i64::MAX)),
            (
                "9223372036854775808",
                ValueType::Integer,
                json!("9223372036854775808"),
            ),
            ("007", ValueType::Integer, json!("007")),
            ("+5", ValueType::Integer, json!("+5")),
            ("0x1F", ValueType::Integer, json!("0x1F")),
            ("17", ValueType::Text, json!("17")),
            ("2", ValueType::Decimal, json!(2)),
            ("1.50", ValueType::Decimal, json!(1.5)),
            ("1.00", ValueType::Decimal, json!(1.0)),
            ("0.1", ValueType::Decimal, json!(0.1)),
            (".5", ValueType::Decimal, json!(".5")),
            ("1.", ValueType::Decimal, json!("1.")),
            (
                "0.12345678901234567890",
                ValueType::Decimal,
                json!("0.12345678901234567890"),
            ),
            ("NaN", ValueType::Decimal, json!("NaN")),
            ("1e5", ValueType::Decimal, json!("1e5")),
            ("True", ValueType::Boolean, json!(true)),
            ("FALSE", ValueType::Boolean, json!(false)),
            ("maybe", ValueType::Boolean, json!("maybe")),
            ("90s", ValueType::Duration, json!(90)),
            ("1h", ValueType::Duration, json!("1h")),
            ("-5s", ValueType::Duration, json!("-5s")),
            ("+5s", ValueType::Duration, json!("+5s")),
            ("", ValueType::Text, json!("")),
            ("", ValueType::Integer, json!(null)),
            (
                "2026-11-22T22:41:49.123Z",
                ValueType::DateTime,
                json!("2026-11-22T22:41:49.123Z"),
            ),
        ] {
            let value = Value::of(cell, value_type);
            assert_eq!(json!(value), expected, "{cell:?}");
            let back: Value = serde_json::from_value(expected).expect("a value");
            assert_eq!(back.typed(value_type), value, "{cell:?}");
        }
    }

    #[test]
    fn spans_are_words_that_the_language_reads_as_the_same() {
        for (seconds, words) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (93_784, "1 day 2 hours 3 minutes 4 seconds"),
            (172_800, "2 days"),
        ] {
            let value = Value::of(&format!("{seconds}s"), ValueType::Duration);
            assert_eq!(value.words(), words);
            assert_eq!(value.text(), seconds.to_string());
            let same = question::value::compare(
                words,
                &seconds.to_string(),
                question::ValueType::Duration,
            );
            assert_eq!(same, Some(std::cmp::Ordering::Equal), "{words}");
        }
    }

    #[test]
    fn lists_can_be_taken_apart_again() {
        let list = ["a", "b c", "d,e", "", "\"", " f"].map(str::to_owned);
        assert_eq!(
            Value::List(list.to_vec()).text(),
            r#"a, b c, "d,e", "", "\"", " f""#
        );
    }

    #[test]
    fn moments_are_in_whole_seconds() {
        let at: Timestamp = "2026-11-22T22:41:49.987654321Z".parse().expect("a time");
        assert_eq!(Value::from(at).text(), "2026-11-22T22:41:49Z");
    }
}
