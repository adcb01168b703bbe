//! Help with writing questions: parsing, readings of free words, completion; and what there is to ask: sensors and groups.

use crate::fleet::Platform;
use crate::question::{Plan, Tail};
pub use crate::value::ValueType;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Comparison operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// The cell holds the value.
    Contains,
    /// It does not.
    NotContains,
    /// The cell starts with the value.
    StartsWith,
    /// It does not.
    NotStartsWith,
    /// The cell ends with the value.
    EndsWith,
    /// It does not.
    NotEndsWith,
    /// Equal under the type's comparison.
    Equals,
    /// Not equal.
    NotEquals,
    /// Less.
    Less,
    /// Less or equal.
    LessOrEqual,
    /// Greater.
    Greater,
    /// Greater or equal.
    GreaterOrEqual,
    /// The regular expression matches the whole cell.
    Matches,
    /// It does not.
    NotMatches,
    /// Equal to one of the values.
    In,
    /// Equal to none of the values.
    NotIn,
}

same!(
    Operator,
    question::Operator,
    Contains,
    NotContains,
    StartsWith,
    NotStartsWith,
    EndsWith,
    NotEndsWith,
    Equals,
    NotEquals,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    NotMatches,
    In,
    NotIn,
);

/// Whether one row must satisfy a term or every row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Quantifier {
    /// One matching row suffices.
    Any,
    /// Every row must match, and there must be one.
    All,
}

same!(Quantifier, question::Quantifier, Any, All);

/// How many rows an endpoint gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rows {
    /// Exactly one row for each endpoint.
    One,
    /// Any number of rows.
    Many,
}

same!(Rows, question::catalogue::Rows, One, Many);

/// A question's text.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// At most 32,000 characters.
    #[schema(max_length = 32_000)]
    pub text: String,
}

/// A question that was understood.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Parsed {
    /// The one text that all texts of this meaning share.
    pub canonical: String,
    /// What endpoints are asked: the same without its tail, which says how the answer is shown.
    pub asked: String,
    /// The tree.
    pub question: Tree,
    /// The tables its answer will have.
    pub plan: Plan,
    /// What it may not mean as it was meant.
    pub warnings: Vec<WarningInfo>,
}

impl Parsed {
    /// A question of this catalogue.
    #[must_use]
    pub fn of(question: question::ast::Question, catalogue: &question::Catalogue) -> Self {
        let warnings = question::warnings(&question, catalogue);
        Self {
            canonical: question.to_string(),
            asked: question.asked().to_string(),
            plan: question::plan(&question, catalogue).into(),
            warnings: warnings.into_iter().map(Into::into).collect(),
            question: question.into(),
        }
    }
}

/// What to know before a question is asked. It is a question all the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WarningInfo {
    /// What may be meant otherwise.
    pub message: String,
    /// The question that means it otherwise, in canonical form; `null` where that would be too long.
    #[schema(required)]
    pub instead: Option<String>,
}

impl From<question::Warning> for WarningInfo {
    fn from(warning: question::Warning) -> Self {
        Self {
            message: warning.message,
            instead: warning.instead,
        }
    }
}

/// What free words may mean.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReadingInfo {
    /// The question in canonical form.
    pub canonical: String,
    /// How well it fits, up to 1.
    pub score: f64,
    /// The tree.
    pub question: Tree,
    /// What it may not mean as it was meant.
    pub warnings: Vec<WarningInfo>,
}

/// A whole question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Tree {
    /// What is asked; none means `number of machines`.
    pub selects: Vec<Select>,
    /// Which endpoints answer; `null` means all machines.
    #[schema(required)]
    pub filter: Option<Filter>,
    /// Options after `Get?`, in the order given.
    pub options: Vec<GetOption>,
    /// How the answer is shown.
    pub tail: Tail,
}

/// An option after `Get?`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GetOption {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// One sensor in the `Get` clause, with the filter on its rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Select {
    /// The sensor and its parameters.
    pub call: SensorCall,
    /// A row stays when this holds for it; `null` keeps all.
    #[schema(required)]
    pub rows: Option<Filter>,
}

/// A sensor with its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SensorCall {
    /// Canonical name.
    pub sensor: String,
    /// Values in the order of the declared parameters; defaults at the end are left out.
    pub parameters: Vec<String>,
    /// How old its rows may be, in seconds.
    #[schema(required)]
    pub max_age: Option<u64>,
    /// Whether comparisons ignore case.
    pub ignore_case: bool,
}

/// A condition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// All hold.
    #[schema(no_recursion)]
    And(Vec<Filter>),
    /// At least one holds.
    #[schema(no_recursion)]
    Or(Vec<Filter>),
    /// It does not hold.
    #[schema(no_recursion)]
    Not(Box<Filter>),
    /// A comparison.
    Term(Term),
    /// Conditions that one row meets together.
    Having(Having),
}

/// What one row of a sensor meets, or every row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Having {
    /// Any or all rows.
    pub quantifier: Quantifier,
    /// Sensor and parameters.
    pub call: SensorCall,
    /// What the row meets: conditions on this sensor.
    #[schema(no_recursion)]
    pub rows: Box<Filter>,
}

/// A comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Term {
    /// Any or all rows.
    pub quantifier: Quantifier,
    /// Sensor and parameters.
    pub call: SensorCall,
    /// Column by canonical name; `null` compares the whole row.
    #[schema(required)]
    pub column: Option<String>,
    /// Type to compare by; `null` takes the column's own.
    #[schema(required)]
    pub as_type: Option<ValueType>,
    /// The comparison.
    pub op: Operator,
    /// One value, or several for `in`.
    pub values: Vec<String>,
    /// Whether case matters.
    pub match_case: bool,
}

impl From<question::SensorCall> for SensorCall {
    fn from(call: question::SensorCall) -> Self {
        Self {
            sensor: call.sensor,
            parameters: call.parameters,
            max_age: call.max_age.map(|age| age.min(crate::ids::LARGEST)),
            ignore_case: call.ignore_case,
        }
    }
}

impl From<question::Filter> for Filter {
    fn from(filter: question::Filter) -> Self {
        let all = |parts: Vec<question::Filter>| parts.into_iter().map(Into::into).collect();
        match filter {
            question::Filter::And(parts) => Self::And(all(parts)),
            question::Filter::Or(parts) => Self::Or(all(parts)),
            question::Filter::Not(inner) => Self::Not(Box::new((*inner).into())),
            question::Filter::Having(having) => Self::Having(Having {
                quantifier: having.quantifier.into(),
                call: having.call.into(),
                rows: Box::new((*having.rows).into()),
            }),
            question::Filter::Term(term) => Self::Term(Term {
                quantifier: term.quantifier.into(),
                call: term.call.into(),
                column: term.column,
                as_type: term.as_type.map(Into::into),
                op: term.op.into(),
                values: term.values,
                match_case: term.match_case,
            }),
        }
    }
}

impl From<question::Question> for Tree {
    fn from(question: question::Question) -> Self {
        let selects = question.selects.into_iter().map(|select| Select {
            call: select.call.into(),
            rows: select.rows.map(Into::into),
        });
        let options = question.options.into_iter();
        Self {
            selects: selects.collect(),
            filter: question.filter.map(Into::into),
            options: options
                .map(|(key, value)| GetOption { key, value })
                .collect(),
            tail: question.tail.into(),
        }
    }
}

impl From<question::Reading> for ReadingInfo {
    fn from(reading: question::Reading) -> Self {
        Self {
            canonical: reading.canonical,
            score: reading.score,
            question: reading.question.into(),
            warnings: reading.warnings.into_iter().map(Into::into).collect(),
        }
    }
}

/// A text with a cursor in it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextWithCursor {
    /// At most 32,000 characters.
    #[schema(max_length = 32_000)]
    pub text: String,
    /// Place in it, in characters; one behind the end means the end.
    pub cursor: u32,
}

/// What may stand at the cursor.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CompletionInfo {
    /// First character of the text to replace.
    pub start: u32,
    /// Character after its last.
    pub end: u32,
    /// Suggestions, best first.
    pub items: Vec<SuggestionInfo>,
}

/// A suggestion.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SuggestionInfo {
    /// What to put there.
    pub text: String,
    /// What kind of thing it is.
    pub kind: SuggestionKind,
    /// More about it.
    pub detail: String,
}

/// Kinds of suggestions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

same!(
    SuggestionKind,
    question::SuggestionKind,
    Keyword,
    Sensor,
    Column,
    Parameter,
    Value,
    Operator,
    Group,
);

impl From<question::Completion> for CompletionInfo {
    fn from(found: question::Completion) -> Self {
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let items = found.items.into_iter().map(|item| SuggestionInfo {
            text: item.text,
            kind: item.kind.into(),
            detail: item.detail,
        });
        Self {
            start: place(found.start),
            end: place(found.end),
            items: items.collect(),
        }
    }
}

/// A sensor.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SensorInfo {
    /// Name.
    pub name: String,
    /// Further names that questions may use.
    pub aliases: Vec<String>,
    /// Heading under which it is listed.
    pub category: String,
    /// What it tells.
    pub description: String,
    /// Its columns, in order.
    pub columns: Vec<ColumnInfo>,
    /// The column that a comparison without one means; `null` where each comparison names its column.
    #[schema(required)]
    pub key: Option<String>,
    /// Its parameters, in order.
    pub parameters: Vec<ParameterInfo>,
    /// One row for each endpoint, or many.
    pub rows: Rows,
    /// Systems on which it gives rows.
    pub platforms: Vec<Platform>,
    /// How old its rows may be, unless the question says otherwise.
    pub max_age_seconds: u64,
    /// A question that uses it.
    pub example: String,
}

/// A column of a sensor.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ColumnInfo {
    /// Name.
    pub name: String,
    /// How its cells compare.
    #[serde(rename = "type")]
    pub value_type: ValueType,
    /// What it says.
    pub description: String,
}

/// A parameter of a sensor.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ParameterInfo {
    /// Name inside the bracket.
    pub key: String,
    /// Type of its value.
    #[serde(rename = "type")]
    pub value_type: ValueType,
    /// Value when none is given; `null` means that one must be.
    #[schema(required)]
    pub default: Option<String>,
    /// When not empty, the only values it takes.
    pub allowed: Vec<String>,
    /// What it does.
    pub description: String,
}

impl From<&question::Sensor> for SensorInfo {
    fn from(sensor: &question::Sensor) -> Self {
        let platforms = [
            (sensor.platforms.linux, Platform::Linux),
            (sensor.platforms.macos, Platform::Macos),
            (sensor.platforms.windows, Platform::Windows),
        ];
        let columns = sensor.columns.iter().map(|column| ColumnInfo {
            name: column.name.clone(),
            value_type: column.value_type.into(),
            description: column.description.clone(),
        });
        let parameters = sensor.parameters.iter().map(|parameter| ParameterInfo {
            key: parameter.key.clone(),
            value_type: parameter.value_type.into(),
            default: parameter.default.clone(),
            allowed: parameter.allowed.clone(),
            description: parameter.description.clone(),
        });
        let platforms = platforms.into_iter();
        Self {
            name: sensor.name.clone(),
            aliases: sensor.aliases.clone(),
            category: sensor.category.clone(),
            description: sensor.description.clone(),
            columns: columns.collect(),
            key: sensor.key_column().map(|column| column.name.clone()),
            parameters: parameters.collect(),
            rows: sensor.rows.into(),
            platforms: platforms
                .filter_map(|(yes, platform)| yes.then_some(platform))
                .collect(),
            max_age_seconds: sensor.max_age.as_secs(),
            example: sensor.example.clone(),
        }
    }
}
