//! What is wrong with a text that should have been read as a type, in words for people.
//!
//! serde tells it in the words of the program: names of its types, `invalid type: map, expected a sequence`. Its messages have few forms,
//! all of which are turned into sentences here; what a type says itself about its text stays as it is.

use std::fmt::Write as _;

/// Why this is not the JSON that it should be, with the place.
#[must_use]
pub fn json(error: &serde_json::Error) -> String {
    json_at("", error)
}

/// The same where the member is known that it is about, as in `targets[0]`.
#[must_use]
pub fn json_at(path: &str, error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    let text = error.to_string();
    let place = (error.line() > 0).then(|| (error.line(), error.column()));
    let suffix = place.map(|(line, column)| format!(" at line {line} column {column}"));
    let message = suffix.and_then(|suffix| text.strip_suffix(suffix.as_str()).map(str::to_owned));
    let mut words = match error.classify() {
        Category::Data => at(path, message.as_deref().unwrap_or(&text)),
        Category::Syntax => "it is no JSON".to_owned(),
        Category::Eof => "the JSON ends before it is whole".to_owned(),
        Category::Io => "the JSON cannot be read".to_owned(),
    };
    if let Some((line, column)) = place {
        // Writing to a String cannot fail.
        let _written = write!(words, " (line {line}, column {column})");
    }
    words
}

/// What a message of serde says about the member of this path; an empty path is the whole.
#[must_use]
pub fn at(path: &str, message: &str) -> String {
    let what = match path {
        "" | "." | "?" => "it".to_owned(),
        path => format!("`{path}`"),
    };
    if let Some((found, wanted)) = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "))
    {
        return format!("{what} must be {}, not {}", kind(wanted), value(found));
    }
    if let Some((found, wanted)) = message
        .strip_prefix("invalid length ")
        .and_then(|rest| rest.split_once(", expected "))
    {
        return format!(
            "{what} has the length {found}, and must be {}",
            kind(wanted)
        );
    }
    for (start, told) in [
        ("missing field ", "the member {} is missing"),
        ("duplicate field ", "the member {} is there twice"),
    ] {
        if let Some(name) = message.strip_prefix(start) {
            return inside(path, &told.replace("{}", name));
        }
    }
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let (name, known) = rest.split_once(", ").unwrap_or((rest, ""));
        let told = format!("there is no member {name}{}", choice("; there is ", known));
        // The path that leads to an unknown member ends with it.
        let bare = name.trim_matches('`');
        let parent = path
            .strip_suffix(bare)
            .map_or(path, |p| p.trim_end_matches('.'));
        return inside(parent, &told);
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        let (name, known) = rest.split_once(", ").unwrap_or((rest, ""));
        return format!("{what} must not be {name}{}", choice("; it may be ", known));
    }
    if message.starts_with("data did not match any variant of untagged enum") {
        return format!("{what} has none of the forms that are possible");
    }
    // What a moment does not fit for is told in the words of its parser, very differently.
    if message.starts_with("failed to parse ") || message.starts_with("failed to find ") {
        return format!("{what} must be a moment as RFC 3339 has it, like 2026-11-30T08:00:00Z");
    }
    match message {
        "invalid digit found in string" => format!("{what} must be a whole number"),
        "cannot parse integer from empty string" => {
            format!("{what} must be a whole number, and is empty")
        }
        "number too large to fit in target type" => format!("{what} is too large a number"),
        "number too small to fit in target type" => format!("{what} is too small a number"),
        "invalid float literal" | "cannot parse float from empty string" => {
            format!("{what} must be a number")
        }
        "provided string was not `true` or `false`" => format!("{what} must be `true` or `false`"),
        own if path.is_empty() => own.to_owned(),
        own => format!("{what}: {own}"),
    }
}

fn inside(path: &str, told: &str) -> String {
    if matches!(path, "" | "." | "?") {
        told.to_owned()
    } else {
        format!("in `{path}`, {told}")
    }
}

/// The names that serde lists: "expected one of `a`, `b`", "expected `a` or `b`", "there are no fields".
fn choice(before: &str, known: &str) -> String {
    let names = known
        .strip_prefix("expected one of ")
        .or_else(|| known.strip_prefix("expected "));
    names.map_or_else(String::new, |names| format!("{before}{names}"))
}

/// What was found, as a reader of JSON calls it.
fn value(found: &str) -> String {
    for (start, word) in [
        ("string ", "the text "),
        ("integer ", "the number "),
        ("floating point ", "the number "),
        ("character ", "the text "),
        ("boolean ", ""),
    ] {
        if let Some(rest) = found.strip_prefix(start) {
            return format!("{word}{}", rest.trim_matches('`'));
        }
    }
    match found {
        "sequence" => "a list",
        "map" => "an object",
        "null" | "unit value" | "Option value" => "null",
        other => other,
    }
    .to_owned()
}

/// What was wanted, likewise.
fn kind(wanted: &str) -> String {
    let whole = |most: u64| format!("a whole number from 0 to {most}");
    match wanted {
        "u8" => whole(u8::MAX.into()),
        "u16" => whole(u16::MAX.into()),
        "u32" => whole(u32::MAX.into()),
        "u64" | "usize" | "a nonzero u64" => whole(crate::ids::LARGEST),
        "i8" | "i16" | "i32" | "i64" | "isize" | "i128" | "u128" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a string" | "str" | "string" | "a borrowed string" | "a character" => "text".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "an object".to_owned(),
        "unit" | "null" => "null".to_owned(),
        other if other.starts_with("struct ") || other.contains(" enum ") => "an object".to_owned(),
        other if other.starts_with("enum ") || other.contains("variant") => "text".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Colour {
        Red,
        DarkGreen,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Thing {
        #[serde(rename = "number")]
        _number: u32,
        #[serde(default, rename = "names")]
        _names: Vec<String>,
        #[serde(default, rename = "colour")]
        _colour: Option<Colour>,
        #[serde(default, rename = "inner")]
        _inner: BTreeMap<String, Thing>,
        #[serde(default, rename = "question")]
        _question: Option<crate::ids::QuestionId>,
    }

    /// Words of the program that nobody should have to read.
    const FOREIGN: [&str; 14] = [
        "struct",
        "enum",
        "variant",
        "u32",
        "sequence",
        "map",
        "unit",
        "Option",
        "field",
        "expected",
        "Thing",
        "untagged",
        "deserialize",
        "invalid type",
    ];

    #[test]
    fn every_way_to_be_wrong_is_a_sentence_without_words_of_the_program() {
        for (text, told) in [
            (
                "{\"number\": 1",
                "the JSON ends before it is whole (line 1, column 12)",
            ),
            ("{'number': 1}", "it is no JSON (line 1, column 2)"),
            ("{}", "the member `number` is missing (line 1, column 2)"),
            (
                "5",
                "it must be an object, not the number 5 (line 1, column 1)",
            ),
            (
                "{\"number\": \"five\"}",
                "it must be a whole number from 0 to 4294967295, not the text \"five\" (line 1, column 17)",
            ),
            (
                "{\"number\": -5}",
                "it must be a whole number from 0 to 4294967295, not the number -5 (line 1, column 13)",
            ),
            (
                "{\"number\": 1.5}",
                "it must be a whole number from 0 to 4294967295, not the number 1.5 (line 1, column 14)",
            ),
            (
                "{\"number\": null}",
                "it must be a whole number from 0 to 4294967295, not null (line 1, column 15)",
            ),
            (
                "{\"number\": 1, \"names\": {}}",
                "it must be a list, not an object (line 1, column 23)",
            ),
            (
                "{\"number\": 1, \"names\": [true]}",
                "it must be text, not true (line 1, column 28)",
            ),
            (
                "{\"number\": 1, \"colour\": \"blue\"}",
                "it must not be `blue`; it may be `red` or `dark-green` (line 1, column 30)",
            ),
            (
                "{\"number\": 1, \"number\": 2}",
                "the member `number` is there twice (line 1, column 22)",
            ),
            (
                "{\"nummer\": 1}",
                "there is no member `nummer`; there is `number`, `names`, `colour`, `inner`, `question` (line 1, column 9)",
            ),
        ] {
            let error = serde_json::from_str::<Thing>(text).expect_err(text);
            let words = json(&error);
            assert_eq!(words, told, "{error}");
            assert!(!FOREIGN.iter().any(|f| words.contains(f)), "{words}");
        }
        let error =
            serde_json::from_str::<crate::document::Line>("{\"a\": 1}").expect_err("no line");
        assert_eq!(json(&error), "it has none of the forms that are possible");
    }

    #[test]
    fn the_member_is_named_where_it_is_known() {
        assert_eq!(
            at("targets[0]", "invalid type: integer `5`, expected a string"),
            "`targets[0]` must be text, not the number 5"
        );
        assert_eq!(
            at("table", "invalid digit found in string"),
            "`table` must be a whole number"
        );
        assert_eq!(
            at("a.b.c", "unknown field `c`, there are no fields"),
            "in `a.b`, there is no member `c`"
        );
        assert_eq!(
            at("id", "`x` is not a question's number"),
            "`id`: `x` is not a question's number"
        );
    }
}
