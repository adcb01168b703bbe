//! Forms of texts: each kind of text is a type that says what it may hold.

use super::{Asked, Definitions, Form, FoundFile, Question, Reading};
use crate::yaml::Node;
use question::ValueType;
use serde_json::{Value, json};

/// Longest line, in characters.
const MAX_LINE: usize = 500;
/// Longest text over several lines, in bytes: what a script may have.
pub(crate) const MAX_TEXT: usize = 100 << 10;

/// A type that is a text under a condition.
macro_rules! text {
    ($(#[$meta:meta])+ $name:ident, $what:literal, $check:expr, $schema:expr) => {
        $(#[$meta])+
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks a text and makes one of it.
            ///
            /// # Errors
            /// What is wrong with it, as a sentence.
            pub fn new(text: impl Into<String>) -> Result<Self, String> {
                let text = text.into();
                let check: fn(&str) -> Result<(), String> = $check;
                check(&text)?;
                Ok(Self(text))
            }
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Form for $name {
            fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
                let Some(text) = node.text() else {
                    reading.fault(node.place, format!("{} is awaited here, not {}", $what, node.kind()));
                    return None;
                };
                match Self::new(text) {
                    Ok(made) => {
                        made.found(node, reading);
                        Some(made)
                    }
                    Err(problem) => {
                        reading.fault(node.place, problem);
                        None
                    }
                }
            }
            fn write(&self) -> Value {
                Value::String(self.0.clone())
            }
            fn schema(_: &mut Definitions) -> Value {
                $schema
            }
        }
    };
}

/// Types that nobody wants to hear of when one is read.
macro_rules! silent {
    ($($name:ident),+) => {
        $( impl $name {
            fn found(&self, _: &Node, _: &mut Reading<'_>) {}
        } )+
    };
}

fn line(text: &str) -> Result<(), String> {
    if text.chars().count() > MAX_LINE {
        return Err(format!("at most {MAX_LINE} characters are allowed here"));
    }
    if text.chars().any(char::is_control) {
        return Err("a text in one line, without control characters, is awaited here".into());
    }
    Ok(())
}

fn long(text: &str) -> Result<(), String> {
    if text.len() > MAX_TEXT {
        return Err(format!(
            "at most {MAX_TEXT} bytes are allowed here; put the text into a file beside"
        ));
    }
    if text.contains('\0') {
        return Err("the text must not have a byte of value zero".into());
    }
    Ok(())
}

text!(
    /// A text in one line.
    #[derive(Default)]
    Line, "a text", line, json!({ "type": "string", "maxLength": MAX_LINE })
);
text!(
    /// A text of any number of lines.
    #[derive(Default)]
    LongText, "a text", long, json!({ "type": "string", "maxLength": MAX_TEXT })
);
text!(
    /// A word of lower-case letters, digits and dashes.
    Slug,
    "a word",
    |text| {
        let fits = !text.is_empty()
            && text.len() <= 60
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        fits.then_some(()).ok_or_else(|| {
            "a word of lower-case letters, digits and dashes that begins with a letter is awaited here".into()
        })
    },
    json!({ "type": "string", "pattern": "^[a-z][a-z0-9-]{0,59}$" })
);
text!(
    /// The name of a pack: a word.
    PackName,
    "the name of a pack",
    |text| Slug::new(text).map(drop).map_err(|_| {
        "the name of a pack is a word of lower-case letters, digits and dashes that begins with a letter".into()
    }),
    json!({ "type": "string", "pattern": "^[a-z][a-z0-9-]{0,59}$" })
);
text!(
    /// A SHA-256 digest in lower-case hexadecimal ([FIPS 180-4](https://csrc.nist.gov/pubs/fips/180-4/upd1/final)).
    Sha256Text,
    "a SHA-256 digest",
    |text| {
        let fits = text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        fits.then_some(())
            .ok_or_else(|| "a SHA-256 digest (64 digits in lower-case hexadecimal) is awaited here".into())
    },
    json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" })
);
text!(
    /// A regular expression in the syntax of the crate [`regex`](https://docs.rs/regex/latest/regex/#syntax).
    Pattern,
    "a regular expression",
    |text| {
        line(text)?;
        regex::RegexBuilder::new(text)
            .size_limit(1 << 20)
            .build()
            .map(drop)
            .map_err(|e| format!("not a regular expression: {e}"))
    },
    json!({ "type": "string", "maxLength": MAX_LINE })
);
text!(
    /// A decimal number.
    Decimal,
    "a number",
    |text| question::value::parse_check(text, ValueType::Decimal),
    json!({ "type": ["number", "string"] })
);
text!(
    /// A moment in [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) form.
    Moment,
    "a moment",
    |text| question::value::parse_check(text, ValueType::DateTime),
    json!({ "type": "string" })
);
text!(
    /// A question as it is asked.
    QuestionText, "a question", long, json!({ "type": "string", "minLength": 1 })
);
text!(
    /// What stands after `from all machines with` in a question.
    FilterText, "a filter", long, json!({ "type": "string", "minLength": 1 })
);

silent!(
    Line, LongText, Slug, PackName, Sha256Text, Pattern, Decimal, Moment
);

impl QuestionText {
    fn found(&self, node: &Node, reading: &mut Reading<'_>) {
        note(Asked::Question, node, reading);
    }
}

impl FilterText {
    fn found(&self, node: &Node, reading: &mut Reading<'_>) {
        note(Asked::Filter, node, reading);
    }
}

fn note(asked: Asked, node: &Node, reading: &mut Reading<'_>) {
    let text = node.text().unwrap_or_default().to_owned();
    reading.questions.push(Question {
        asked,
        text,
        file: reading.file.to_owned(),
        node: node.clone(),
    });
}

/// A span of whole seconds, written as `90 s`, `15 min`, `2 hours`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seconds(pub u64);

/// A number of bytes, written as `4096`, `32 MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

/// Units of time, the largest first; the word is the one in the question language.
const TIMES: &[(u64, &str)] = &[(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
/// Units of size.
const SIZES: &[(u64, &str)] = &[
    (1 << 30, "GiB"),
    (1 << 20, "MiB"),
    (1 << 10, "KiB"),
    (1, "B"),
];
/// Longest span: ten years.
const MOST_SECONDS: u64 = 10 * 365 * 86_400;
/// Most bytes: 1 TiB.
const MOST_BYTES: u64 = 1 << 40;

/// A whole number with a unit of a table, or without one; the text has to be what a signer and an endpoint read alike.
fn measured(text: &str, units: &[(u64, &str)], also: &[(u64, &str)], most: u64) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = unit.trim_start();
    let number: u64 = number.parse().ok()?;
    let factor = if unit.is_empty() {
        1
    } else {
        let mut all = units.iter().chain(also);
        all.find(|(_, word)| *word == unit)?.0
    };
    number.checked_mul(factor).filter(|n| *n <= most)
}

fn measure_text(value: u64, units: &[(u64, &str)]) -> String {
    units
        .iter()
        .find(|(factor, _)| value >= *factor && value.is_multiple_of(*factor))
        .map_or_else(
            || "0".into(),
            |(factor, word)| format!("{} {word}", value / factor),
        )
}

const MORE_TIMES: &[(u64, &str)] = &[
    (86_400, "day"),
    (86_400, "days"),
    (3_600, "hour"),
    (3_600, "hours"),
    (60, "minute"),
    (60, "minutes"),
    (1, "second"),
    (1, "seconds"),
];

impl Form for Seconds {
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let read = node
            .text()
            .and_then(|t| measured(t, TIMES, MORE_TIMES, MOST_SECONDS));
        if read.is_none() {
            reading.fault(
                node.place,
                "a span of time is awaited here: a whole number and s, min, h or d, at most 3650 d",
            );
        }
        read.map(Self)
    }
    fn write(&self) -> Value {
        Value::String(measure_text(self.0, TIMES))
    }
    fn schema(_: &mut Definitions) -> Value {
        json!({
            "type": ["string", "integer"], "minimum": 0,
            "pattern": "^[0-9]+ *(s|min|h|d|seconds?|minutes?|hours?|days?)?$",
        })
    }
}

impl Form for Bytes {
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let read = node
            .text()
            .and_then(|t| measured(t, SIZES, &[], MOST_BYTES));
        if read.is_none() {
            reading.fault(
                node.place,
                "a number of bytes is awaited here: a whole number and B, KiB, MiB or GiB, at most 1024 GiB",
            );
        }
        read.map(Self)
    }
    fn write(&self) -> Value {
        Value::String(measure_text(self.0, SIZES))
    }
    fn schema(_: &mut Definitions) -> Value {
        json!({ "type": ["string", "integer"], "minimum": 0, "pattern": "^[0-9]+ *(B|KiB|MiB|GiB)?$" })
    }
}

impl Form for semver::Version {
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let read = node
            .text()
            .filter(|t| t.len() <= 100)
            .and_then(|t| Self::parse(t).ok());
        if read.is_none() {
            reading.fault(
                node.place,
                "a version of three numbers (https://semver.org) is awaited here, as `1.4.0`",
            );
        }
        read
    }
    fn write(&self) -> Value {
        Value::String(self.to_string())
    }
    fn schema(_: &mut Definitions) -> Value {
        json!({ "type": "string", "pattern": "^[0-9]+\\.[0-9]+\\.[0-9]+([-+][0-9A-Za-z.+-]+)?$" })
    }
}

/// Which versions of a pack will do, as in Cargo: `^1.2`, `>=1.2, <2`, `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement(semver::VersionReq);

impl Requirement {
    /// Any version.
    #[must_use]
    pub fn any() -> Self {
        Self(semver::VersionReq::STAR)
    }
    /// Whether a version will do.
    #[must_use]
    pub fn matches(&self, version: &semver::Version) -> bool {
        self.0.matches(version)
    }
}

impl std::fmt::Display for Requirement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Form for Requirement {
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let read = node
            .text()
            .filter(|t| t.len() <= 200)
            .and_then(|t| semver::VersionReq::parse(t).ok());
        if read.is_none() {
            reading.fault(
                node.place,
                "a requirement of versions is awaited here, as `^1.2` or `>=1.2, <2`",
            );
        }
        read.map(Self)
    }
    fn write(&self) -> Value {
        Value::String(self.0.to_string())
    }
    fn schema(_: &mut Definitions) -> Value {
        json!({ "type": "string" })
    }
}

impl Form for ValueType {
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let text = node.text().unwrap_or_default();
        let found = Self::ALL.into_iter().find(|t| t.name() == text);
        if found.is_none() {
            let near = crate::fault::did_you_mean(text, Self::ALL.iter().map(|t| t.name()));
            let all: Vec<&str> = Self::ALL.iter().map(|t| t.name()).collect();
            reading.fault(
                node.place,
                format!("a type is awaited here: {}{near}", all.join(", ")),
            );
        }
        found
    }
    fn write(&self) -> Value {
        Value::String(self.name().to_owned())
    }
    fn schema(_: &mut Definitions) -> Value {
        let all: Vec<&str> = Self::ALL.iter().map(|t| t.name()).collect();
        json!({ "enum": all })
    }
}

/// A file of the pack: its path, and the digest of its content, which is what counts everywhere outside the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRef {
    /// Path inside the pack.
    pub path: String,
    /// Digest of the content.
    pub sha256: Sha256Text,
}

impl Form for FileRef {
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let (path, place, given) = match &node.body {
            crate::yaml::Body::Scalar { text, .. } => (text.clone(), node.place, None),
            _ => {
                let mut fields = super::Fields::of(node, "a file", &["path", "sha256"], reading)?;
                let path = fields.take::<Line>("path", None, reading);
                let sha256 = fields.take::<Option<Sha256Text>>("sha256", None, reading);
                (path?.0, node.place, sha256?)
            }
        };
        if let Err(problem) = crate::path::check(&path) {
            reading.fault(place, problem);
            return None;
        }
        reading.named.push(FoundFile {
            path: path.clone(),
            file: reading.file.to_owned(),
            place,
        });
        let Some(files) = reading.files else {
            let Some(sha256) = given else {
                reading.fault(place, format!("`{path}` has no digest"));
                return None;
            };
            return Some(Self { path, sha256 });
        };
        let Some(found) = files.get(&path) else {
            let near = crate::fault::did_you_mean(&path, files.keys().map(String::as_str));
            reading.fault(place, format!("the pack has no file `{path}`{near}"));
            return None;
        };
        if given.as_ref().is_some_and(|g| g.as_str() != found) {
            reading.fault(
                place,
                format!("`{path}` has the SHA-256 digest {found}, not the one given here"),
            );
            return None;
        }
        Some(Self {
            path,
            sha256: Sha256Text(found.clone()),
        })
    }
    fn write(&self) -> Value {
        json!({ "path": self.path, "sha256": self.sha256.as_str() })
    }
    fn schema(definitions: &mut Definitions) -> Value {
        definitions.named("FileRef", |definitions| {
            let path = json!({ "type": "string", "pattern": "^[^/\\\\][^\\\\]*$", "maxLength": 200 });
            super::described(
                json!({ "oneOf": [
                    path,
                    super::object(vec![("path", path.clone()), ("sha256", Sha256Text::schema(definitions))], &["path"], &[]),
                ] }),
                &["A file of the pack by its path. With a digest, the file must have it."],
            )
        })
    }
}
