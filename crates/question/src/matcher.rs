//! One comparison, made ready for many cells: the regular expression compiled, the value read as its type.

use crate::ast::{Operator, Quantifier, Row, Term};
use crate::catalogue::{Catalogue, Sensor, ValueType};
use crate::value::{self, Scheme, Typed, folded};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;

/// Memory that a compiled expression may take: what is larger is refused when the question is parsed.
const PATTERN_BYTES: usize = 1 << 19;

/// Compiles an expression that must match the whole of a cell.
pub(crate) fn pattern(text: &str, ignore_case: bool) -> Result<regex::Regex, regex::Error> {
    let build = |text: &str| {
        regex::RegexBuilder::new(text)
            .case_insensitive(ignore_case)
            .dot_matches_new_line(true)
            .size_limit(PATTERN_BYTES)
            .dfa_size_limit(PATTERN_BYTES)
            .nest_limit(100)
            .build()
    };
    // Alone first: `a)(b` would close and open the group that anchors it.
    if text.contains(')') {
        build(text)?;
    }
    build(&format!(r"\A(?:{text})\z"))
}

/// The type under which a term compares: `as Type`, its column's, that of the only column, or text for a whole row.
pub(crate) fn effective_type(
    sensor: &Sensor,
    column: Option<&str>,
    given: Option<ValueType>,
) -> ValueType {
    if let Some(given) = given {
        return given;
    }
    let only = match sensor.columns.as_slice() {
        [only] => Some(only.value_type),
        _ => None,
    };
    match column {
        Some(name) => sensor
            .column_index(name)
            .and_then(|i| sensor.columns.get(i))
            .map_or(ValueType::Text, |c| c.value_type),
        None => only.unwrap_or(ValueType::Text),
    }
}

/// A term made ready.
#[derive(Debug)]
pub(crate) struct Matcher {
    column: Option<usize>,
    /// The column that names the scheme of a version.
    scheme: Option<usize>,
    quantifier: Quantifier,
    ignore_case: bool,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Contains(String),
    Starts(String),
    Ends(String),
    Pattern(Box<regex::Regex>),
    Equals(ValueType, Vec<Wanted>),
    /// Equal to one of many texts or digests: a long list costs no more than a short one.
    Among(ValueType, HashSet<String>),
    Order(ValueType, Wanted, fn(Ordering) -> bool),
    /// A version of a package that stands so to one of these; an empty one is that of an empty cell.
    Package(Vec<String>, fn(Ordering) -> bool),
    Opposite(Box<Test>),
    /// Nothing can satisfy it: a value or expression that parsing would have refused.
    Never,
}

#[derive(Debug)]
enum Wanted {
    /// An empty cell.
    Empty,
    Value(Typed),
}

impl Matcher {
    pub(crate) fn new(term: &Term, catalogue: &Catalogue) -> Self {
        let sensor = catalogue.sensor(&term.call.sensor);
        let ignore_case = term.call.ignore_case && !term.match_case;
        let value_type = sensor.map_or(ValueType::Text, |s| {
            effective_type(s, term.column.as_deref(), term.as_type)
        });
        let column = match (sensor, &term.column) {
            (Some(s), Some(name)) => s.column_index(name),
            (Some(s), None) if s.columns.len() == 1 => Some(0),
            _ => None,
        };
        let scheme = sensor.zip(column).and_then(|(s, at)| {
            let manager = s.columns.get(at)?.scheme.as_deref()?;
            (value_type == ValueType::Version).then_some(s.column_index(manager)?)
        });
        let known = sensor.is_some() && (term.column.is_none() || column.is_some());
        Self {
            column,
            scheme,
            quantifier: term.quantifier,
            ignore_case,
            test: if known {
                Test::new(term, value_type, ignore_case, scheme.is_some())
            } else {
                Test::Never
            },
        }
    }

    /// Whether one row must satisfy the term, or every row.
    pub(crate) fn quantifier(&self) -> Quantifier {
        self.quantifier
    }

    /// Whether one row does.
    pub(crate) fn row(&self, row: &Row) -> bool {
        let text = match self.column {
            Some(at) => row
                .get(at)
                .map_or(Cow::Borrowed(""), |c| crate::cell::text(c)),
            None => {
                let cells: Vec<Cow<'_, str>> = row.iter().map(|c| crate::cell::text(c)).collect();
                Cow::Owned(cells.join("|"))
            }
        };
        let scheme = self.scheme.and_then(|at| row.get(at));
        let scheme = scheme.map_or(Scheme::General, |c| Scheme::of(&crate::cell::text(c)));
        self.test.holds(&text, scheme, self.ignore_case)
    }
}

impl Test {
    /// `package`: each row says in what order its version is compared.
    fn new(term: &Term, value_type: ValueType, ignore_case: bool, package: bool) -> Self {
        let first = term.values.first().map_or("", String::as_str);
        let plain = || {
            if ignore_case {
                folded(first).into_owned()
            } else {
                first.to_owned()
            }
        };
        let wanted = |text: &str| wanted(text, value_type, ignore_case);
        let order = |f: fn(Ordering) -> bool| match wanted(first) {
            Some(_) if package => Self::Package(vec![first.to_owned()], f),
            Some(w) => Self::Order(value_type, w, f),
            None => Self::Never,
        };
        let equals = || {
            if package {
                return Self::Package(term.values.clone(), Ordering::is_eq);
            }
            if matches!(value_type, ValueType::Text | ValueType::Hash) && term.values.len() > 4 {
                let plain = term.values.iter();
                return Self::Among(
                    value_type,
                    plain
                        .filter_map(|v| key(v, value_type, ignore_case))
                        .map(Cow::into_owned)
                        .collect(),
                );
            }
            Self::Equals(
                value_type,
                term.values.iter().filter_map(|v| wanted(v)).collect(),
            )
        };
        match term.op {
            Operator::Contains => Self::Contains(plain()),
            Operator::StartsWith => Self::Starts(plain()),
            Operator::EndsWith => Self::Ends(plain()),
            Operator::NotContains => Self::Opposite(Box::new(Self::Contains(plain()))),
            Operator::NotStartsWith => Self::Opposite(Box::new(Self::Starts(plain()))),
            Operator::NotEndsWith => Self::Opposite(Box::new(Self::Ends(plain()))),
            Operator::Matches => Self::pattern(first, ignore_case),
            Operator::NotMatches => match Self::pattern(first, ignore_case) {
                Self::Never => Self::Never,
                test => Self::Opposite(Box::new(test)),
            },
            Operator::Equals | Operator::In => equals(),
            Operator::NotEquals | Operator::NotIn => Self::Opposite(Box::new(equals())),
            Operator::Less => order(Ordering::is_lt),
            Operator::LessOrEqual => order(Ordering::is_le),
            Operator::Greater => order(Ordering::is_gt),
            Operator::GreaterOrEqual => order(Ordering::is_ge),
        }
    }

    fn pattern(text: &str, ignore_case: bool) -> Self {
        pattern(text, ignore_case).map_or(Self::Never, |p| Self::Pattern(Box::new(p)))
    }

    fn holds(&self, cell: &str, scheme: Scheme, ignore_case: bool) -> bool {
        let plain = || {
            if ignore_case {
                folded(cell)
            } else {
                Cow::Borrowed(cell)
            }
        };
        match self {
            Self::Contains(v) => plain().contains(v.as_str()),
            Self::Starts(v) => plain().starts_with(v.as_str()),
            Self::Ends(v) => plain().ends_with(v.as_str()),
            Self::Pattern(p) => p.is_match(cell),
            Self::Equals(t, wanted) => {
                let read = read_cell(cell, *t, ignore_case);
                wanted.iter().any(|w| match (w, &read) {
                    (Wanted::Empty, _) => cell.is_empty(),
                    (Wanted::Value(v), Some(c)) => value::order(c, v).is_some_and(Ordering::is_eq),
                    (Wanted::Value(_), None) => false,
                })
            }
            Self::Among(t, values) => {
                key(cell, *t, ignore_case).is_some_and(|k| values.contains(k.as_ref()))
            }
            Self::Order(t, wanted, accepts) => match (read_cell(cell, *t, ignore_case), wanted) {
                (Some(c), Wanted::Value(v)) => value::order(&c, v).is_some_and(*accepts),
                _ => false,
            },
            Self::Package(values, accepts) => values.iter().any(|value| match value.trim() {
                "" => cell.is_empty() && accepts(Ordering::Equal),
                value => value::compare_versions(cell, value, scheme).is_some_and(*accepts),
            }),
            Self::Opposite(test) => !test.holds(cell, scheme, ignore_case),
            Self::Never => false,
        }
    }
}

/// What texts and digests are looked up by.
fn key(text: &str, value_type: ValueType, ignore_case: bool) -> Option<Cow<'_, str>> {
    match value_type {
        ValueType::Hash if text.is_empty() => Some(Cow::Borrowed("")),
        ValueType::Hash => match value::read(text, value_type) {
            Ok(Typed::Hash(digits)) => Some(Cow::Owned(digits)),
            _ => None,
        },
        _ if ignore_case => Some(folded(text)),
        _ => Some(Cow::Borrowed(text)),
    }
}

fn read_cell(cell: &str, value_type: ValueType, ignore_case: bool) -> Option<Typed> {
    if value_type == ValueType::Text && ignore_case {
        return Some(Typed::Text(folded(cell).into_owned()));
    }
    value::read(cell, value_type).ok()
}

fn wanted(text: &str, value_type: ValueType, ignore_case: bool) -> Option<Wanted> {
    if text.is_empty() && value_type != ValueType::Text {
        return Some(Wanted::Empty);
    }
    read_cell(text, value_type, ignore_case).map(Wanted::Value)
}
