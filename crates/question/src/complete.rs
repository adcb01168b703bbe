//! What may come next at a cursor.
//!
//! The parser reads the text up to the cursor and notes, at each place, what may stand there. What it wanted at a
//! place from which the rest of the text is the start of a proposal is proposed, so completion and parser never
//! disagree about the language.

use crate::ast::Operator;
use crate::catalogue::{Catalogue, ValueType};
use crate::names::{Names, normal};
use crate::parse::{EXAMPLES, Want, wants};
use crate::print::{column_text, name_text};
use crate::tail::TailColumn;
use crate::words::{operator_text, quote};
use serde::{Deserialize, Serialize};

/// Most proposals in one completion.
const MOST_ITEMS: usize = 200;

/// Proposals for a part of the text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// First character of the part to replace.
    pub start: usize,
    /// Character after the part to replace: the cursor.
    pub end: usize,
    /// Proposals, the most fitting first.
    pub items: Vec<Suggestion>,
}

/// One proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// Text to put there.
    pub text: String,
    /// What it is.
    pub kind: SuggestionKind,
    /// What it means, in few words.
    pub detail: String,
}

/// What a proposal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuggestionKind {
    /// A word of the language.
    Keyword,
    /// A sensor's name.
    Sensor,
    /// A column.
    Column,
    /// A parameter's value.
    Parameter,
    /// A value to compare with.
    Value,
    /// An operator.
    Operator,
    /// A computer group.
    Group,
}

/// Proposes what may stand at the cursor (in characters).
#[must_use]
pub fn complete(text: &str, cursor: usize, catalogue: &Catalogue) -> Completion {
    let before: Vec<char> = text
        .chars()
        .take(cursor.min(crate::MAX_CHARACTERS))
        .collect();
    let end = before.len();
    let names = Names::new(catalogue);
    let prefix: String = before.iter().collect();
    let (mut places, columns) = wants(&prefix, catalogue, &names);
    // Nothing that is proposed is longer than this.
    places.retain(|(at, _)| *at <= end && end - *at <= 200);
    places.sort_by_key(|(at, _)| std::cmp::Reverse(*at));

    let mut found: Vec<(usize, Suggestion)> = Vec::new();
    for (at, want) in places {
        let typed: String = before.get(at..).unwrap_or_default().iter().collect();
        let open = opened(&typed);
        for item in proposals(want, catalogue, &columns) {
            if fits(&item, open) && separated(&before, at, &item) {
                found.push((at, item));
            }
        }
    }
    let start = found.iter().map(|(at, _)| *at).max().unwrap_or(end);
    let mut items: Vec<Suggestion> = Vec::new();
    for (at, mut item) in found {
        if at < start {
            // It began earlier: only its rest goes here (`Running Processes |` → `with Hash`).
            let typed: String = before.get(at..start).unwrap_or_default().iter().collect();
            let shown = item.text.clone();
            let taken =
                normal(&typed).chars().count() + usize::from(typed.ends_with(char::is_whitespace));
            item.text = shown.chars().skip(taken).collect();
            item.detail = format!("{shown}: {}", item.detail);
        }
        if !item.text.is_empty() && !items.iter().any(|i| i.text == item.text) {
            items.push(item);
        }
        if items.len() == MOST_ITEMS {
            break;
        }
    }
    Completion { start, end, items }
}

/// What was typed, without an opening quote.
fn opened(typed: &str) -> &str {
    typed.strip_prefix(['"', '\u{201C}']).unwrap_or(typed)
}

fn fits(item: &Suggestion, typed: &str) -> bool {
    let text = opened(&item.text);
    let mut wanted = normal(typed);
    if !wanted.is_empty() && typed.ends_with(char::is_whitespace) {
        wanted.push(' ');
    }
    normal(text).starts_with(&wanted)
}

/// A word needs something that keeps it apart from the word before it.
fn separated(before: &[char], at: usize, item: &Suggestion) -> bool {
    let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let last = at.checked_sub(1).and_then(|i| before.get(i)).copied();
    !(word(last) && item.text.chars().next().is_some_and(char::is_alphanumeric))
}

fn item(text: impl Into<String>, kind: SuggestionKind, detail: impl Into<String>) -> Suggestion {
    Suggestion {
        text: text.into(),
        kind,
        detail: detail.into(),
    }
}

fn proposals(want: Want<'_>, catalogue: &Catalogue, columns: &[TailColumn]) -> Vec<Suggestion> {
    match want {
        Want::Keyword(word) => vec![item(
            keyword_text(word),
            SuggestionKind::Keyword,
            keyword_detail(word),
        )],
        Want::Option(key) => vec![item(
            format!("{key}="),
            SuggestionKind::Keyword,
            option_detail(key),
        )],
        Want::Sensor => catalogue
            .sensors()
            .iter()
            .map(|s| {
                item(
                    name_text(&s.name),
                    SuggestionKind::Sensor,
                    s.description.as_str(),
                )
            })
            .collect(),
        Want::Group => catalogue
            .groups()
            .map(|g| item(name_text(&g.name), SuggestionKind::Group, g.filter.as_str()))
            .collect(),
        Want::Column(sensor) => sensor
            .columns
            .iter()
            .map(|c| {
                item(
                    column_text(&c.name),
                    SuggestionKind::Column,
                    c.description.as_str(),
                )
            })
            .collect(),
        Want::By => columns
            .iter()
            .map(|column| {
                let detail = "count machines by this column alone";
                item(format!("by {column}"), SuggestionKind::Column, detail)
            })
            .collect(),
        Want::Bound => EXAMPLES
            .iter()
            .map(|words| {
                let detail = "only rows that so many machines gave";
                item(*words, SuggestionKind::Keyword, detail)
            })
            .collect(),
        Want::Type => ValueType::ALL
            .iter()
            .map(|t| item(t.name(), SuggestionKind::Keyword, "compare as this type"))
            .collect(),
        Want::Operator(value_type) => operators(value_type)
            .map(|op| {
                item(
                    operator_text(op),
                    SuggestionKind::Operator,
                    operator_detail(op),
                )
            })
            .collect(),
        Want::Value(value_type) => values(value_type)
            .iter()
            .map(|(v, detail)| item(*v, SuggestionKind::Value, *detail))
            .collect(),
        Want::Parameter(sensor, place) => {
            let Some(parameter) = sensor.parameters.get(place) else {
                return vec![item("]", SuggestionKind::Keyword, "end of the parameters")];
            };
            let described = format!("{}: {}", parameter.key, parameter.description);
            let mut out: Vec<Suggestion> = parameter
                .allowed
                .iter()
                .map(|a| item(quote(a), SuggestionKind::Parameter, described.as_str()))
                .collect();
            if out.is_empty()
                && let Some(default) = &parameter.default
            {
                out.push(item(quote(default), SuggestionKind::Parameter, described));
            }
            for key in sensor.parameters.iter().skip(1) {
                out.push(item(
                    format!("{}=", key.key),
                    SuggestionKind::Parameter,
                    key.description.as_str(),
                ));
            }
            out
        }
    }
}

/// Operators that make sense for a type (or for a whole row), the most usual first.
fn operators(value_type: Option<ValueType>) -> impl Iterator<Item = Operator> {
    use Operator as O;
    let whole_row = value_type.is_none();
    let value_type = value_type.unwrap_or(ValueType::Text);
    let (first, ordered): (&[O], bool) = match value_type {
        ValueType::Text if whole_row => (&[O::Contains], false),
        ValueType::Text => (&[O::Contains, O::Equals], false),
        ValueType::Boolean => (&[O::Equals, O::NotEquals], false),
        ValueType::Hash => (&[O::Equals, O::In, O::NotEquals], false),
        ValueType::IpAddress => (&[O::Equals, O::In], true),
        _ => (&[O::Equals, O::Greater, O::Less], true),
    };
    let rest = O::ALL.into_iter().filter(move |op| {
        let order = matches!(
            op,
            O::Less | O::LessOrEqual | O::Greater | O::GreaterOrEqual
        );
        !first.contains(op)
            && (op.is_textual() || !whole_row)
            && match value_type {
                ValueType::Boolean => false,
                ValueType::Text => !order,
                _ => ordered || !order,
            }
    });
    first.iter().copied().chain(rest)
}

fn values(value_type: ValueType) -> &'static [(&'static str, &'static str)] {
    match value_type {
        ValueType::Boolean => &[("True", "yes"), ("False", "no")],
        ValueType::DateTime => &[(
            "\"2026-01-31T12:00:00Z\"",
            "a moment, or a date alone for the whole day",
        )],
        ValueType::Duration => &[
            ("\"2 hours\"", "a span of time"),
            ("\"1d 3h\"", "a span of time"),
        ],
        ValueType::DataSize => &[("\"1.5 GB\"", "a number of bytes")],
        ValueType::IpAddress => &[("10.0.0.1", "an address"), ("\"10.0.0.0/8\"", "a network")],
        ValueType::Version => &[("1.2.3", "a version")],
        ValueType::Text | ValueType::Integer | ValueType::Decimal | ValueType::Hash => &[],
    }
}

fn keyword_text(word: &str) -> &str {
    match word {
        "get" => "Get",
        other => other,
    }
}

fn keyword_detail(word: &str) -> &'static str {
    match word {
        "get" => "starts a question",
        "number of machines" => "only count the endpoints",
        "from" => "which endpoints answer",
        "all machines" => "every endpoint",
        "with" | "where" => "only endpoints that satisfy a filter",
        "and" => "and also",
        "or" => "or else",
        "not" => "the opposite",
        "any" => "one row suffices",
        "all" => "every row must satisfy it",
        "having" => "a condition on a column",
        "as" => "compare as another type",
        "matching case" => "upper and lower case differ",
        "(" | ")" => "grouping",
        "[" | "]" => "parameters",
        _ => "",
    }
}

fn option_detail(key: &str) -> &'static str {
    match key {
        "maxAge" => "oldest answer an endpoint may give, in seconds",
        "ignoreCase" => "0: upper and lower case differ",
        "forceComputerIdFlag" => "1: count each endpoint",
        _ => "",
    }
}

fn operator_detail(op: Operator) -> &'static str {
    match op {
        Operator::Contains => "has this text within",
        Operator::NotContains => "does not have this text within",
        Operator::StartsWith => "starts with this text",
        Operator::NotStartsWith => "starts otherwise",
        Operator::EndsWith => "ends with this text",
        Operator::NotEndsWith => "ends otherwise",
        Operator::Equals => "is this",
        Operator::NotEquals => "is not this",
        Operator::Less => "less than",
        Operator::LessOrEqual => "at most",
        Operator::Greater => "more than",
        Operator::GreaterOrEqual => "at least",
        Operator::Matches => "a regular expression for the whole value",
        Operator::NotMatches => "not this regular expression",
        Operator::In => "one of several",
        Operator::NotIn => "none of several",
    }
}
