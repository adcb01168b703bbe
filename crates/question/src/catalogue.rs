//! What can be asked: sensors, their columns and parameters, and named groups of endpoints.
//!
//! A sensor is declared once, as plain data. The parser resolves names against these declarations, completion
//! reads them, documentation pages are printed from them, the server bounds what arrives by them, and the agent
//! takes its limits from them. The code that produces rows lives elsewhere (crate `sensors`); nothing here runs.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

pub use crate::value::ValueType;

/// One column of a sensor's table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Name as shown and as written after the colon in `Sensor:Column`.
    pub name: String,
    /// How its cells compare.
    pub value_type: ValueType,
    /// One sentence: what the cell says, and its unit where it has one.
    pub description: String,
    /// For versions: the column whose cells name the package manager that a version is of (`dpkg`, `rpm`, `apk`; any other
    /// means the general order).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
}

/// One parameter, given in brackets after the sensor's name, bound by its place in that bracket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Key: the name scripts see it by, also accepted as `key=value` inside the bracket.
    pub key: String,
    /// Type that a given value must read as.
    pub value_type: ValueType,
    /// Value when the bracket does not give one (or gives `""`); without a default the parameter must be given.
    pub default: Option<String>,
    /// When not empty, the only values accepted (matched without regard to case).
    pub allowed: Vec<String>,
    /// One sentence for people.
    pub description: String,
}

impl Parameter {
    /// Whether a value means the same as the default: equal as text, one of the allowed values in another case, or the
    /// same number, time and so on in another spelling.
    #[must_use]
    pub fn is_default(&self, value: &str) -> bool {
        self.default.as_deref().is_some_and(|default| {
            default == value
                || (!self.allowed.is_empty() && default.eq_ignore_ascii_case(value))
                || (self.value_type != ValueType::Text
                    && crate::value::compare(default, value, self.value_type)
                        .is_some_and(std::cmp::Ordering::is_eq))
        })
    }
}

/// Systems on which a sensor gives rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platforms {
    /// Linux.
    pub linux: bool,
    /// macOS.
    pub macos: bool,
    /// Windows.
    pub windows: bool,
}

impl Platforms {
    /// Every platform.
    pub const ALL: Self = Self {
        linux: true,
        macos: true,
        windows: true,
    };
    /// Linux only.
    pub const LINUX: Self = Self {
        linux: true,
        macos: false,
        windows: false,
    };

    /// Whether the system this code was compiled for is among them.
    #[must_use]
    pub fn includes_this(self) -> bool {
        (cfg!(target_os = "linux") && self.linux)
            || (cfg!(target_os = "macos") && self.macos)
            || (cfg!(windows) && self.windows)
    }
}

/// How many rows an endpoint gives. A sensor that gives one joins every row of one that gives many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rows {
    /// Exactly one row for each endpoint.
    One,
    /// Any number of rows.
    Many,
}

/// What one run of a sensor may use; an order may lower each, never raise it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Wall time.
    pub wall: Duration,
    /// Processor time.
    pub cpu: Duration,
    /// Memory for rows and work, in bytes.
    pub memory: u64,
    /// Rows.
    pub rows: u64,
    /// Bytes of all cells together.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(30),
            cpu: Duration::from_secs(15),
            memory: 32 << 20,
            rows: 200_000,
            bytes: 32 << 20,
        }
    }
}

/// A sensor's declaration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sensor {
    /// Name, unique without regard to case.
    pub name: String,
    /// Further names that questions may use; the canonical form prints `name`.
    pub aliases: Vec<String>,
    /// Heading under which it is listed: `Processes`, `Network`, …
    pub category: String,
    /// What it tells, in one or two sentences.
    pub description: String,
    /// Columns in order; at least one.
    pub columns: Vec<Column>,
    /// Parameters in order.
    pub parameters: Vec<Parameter>,
    /// One row or many.
    pub rows: Rows,
    /// Where it works.
    pub platforms: Platforms,
    /// How long an endpoint may answer from rows it gathered before.
    pub max_age: Duration,
    /// Limits of one run.
    pub limits: Limits,
    /// The column that a comparison without one means, where no column has the sensor's own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// A question that uses it, in canonical form.
    pub example: String,
}

impl Sensor {
    /// Starts a declaration: many rows, Linux only, 10 minutes of age, default limits, and the plain question as example.
    #[must_use]
    pub fn new(name: &str, category: &str, description: &str) -> Self {
        Self {
            name: name.into(),
            aliases: Vec::new(),
            category: category.into(),
            description: description.into(),
            columns: Vec::new(),
            parameters: Vec::new(),
            rows: Rows::Many,
            platforms: Platforms::LINUX,
            max_age: Duration::from_secs(600),
            limits: Limits::default(),
            key: None,
            example: format!("Get {name} from all machines"),
        }
    }
    /// Adds a column.
    #[must_use]
    pub fn column(mut self, name: &str, value_type: ValueType, description: &str) -> Self {
        self.columns.push(Column {
            name: name.into(),
            value_type,
            description: description.into(),
            scheme: None,
        });
        self
    }
    /// Adds a column of versions of packages; another column names the package manager of each.
    #[must_use]
    pub fn package_version(mut self, name: &str, manager: &str, description: &str) -> Self {
        self.columns.push(Column {
            name: name.into(),
            value_type: ValueType::Version,
            description: description.into(),
            scheme: Some(manager.into()),
        });
        self
    }
    /// Adds a parameter; `default` `None` makes it required.
    #[must_use]
    pub fn parameter(
        mut self,
        key: &str,
        value_type: ValueType,
        default: Option<&str>,
        allowed: &[&str],
        description: &str,
    ) -> Self {
        self.parameters.push(Parameter {
            key: key.into(),
            value_type,
            default: default.map(Into::into),
            allowed: allowed.iter().map(|a| (*a).into()).collect(),
            description: description.into(),
        });
        self
    }
    /// Declares that each endpoint gives exactly one row.
    #[must_use]
    pub fn one_row(mut self) -> Self {
        self.rows = Rows::One;
        self
    }
    /// Sets the platforms.
    #[must_use]
    pub fn platforms(mut self, platforms: Platforms) -> Self {
        self.platforms = platforms;
        self
    }
    /// Sets the maximum age in seconds.
    #[must_use]
    pub fn max_age(mut self, seconds: u64) -> Self {
        self.max_age = Duration::from_secs(seconds);
        self
    }
    /// Sets the limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
    /// Adds another accepted name.
    #[must_use]
    pub fn alias(mut self, name: &str) -> Self {
        self.aliases.push(name.into());
        self
    }
    /// Names the column that a comparison without one means: what a row is a row of.
    #[must_use]
    pub fn key(mut self, column: &str) -> Self {
        self.key = Some(column.into());
        self
    }
    /// Sets the example question.
    #[must_use]
    pub fn example(mut self, question: &str) -> Self {
        self.example = question.into();
        self
    }
    /// The values a run gets, one for each declared parameter: those given, and the defaults of the others. What a
    /// [`crate::ast::SensorCall`] holds leaves trailing defaults out; whoever runs the sensor takes this.
    #[must_use]
    pub fn parameter_values(&self, given: &[String]) -> Vec<String> {
        let default = |p: &Parameter| p.default.clone().unwrap_or_default();
        self.parameters
            .iter()
            .enumerate()
            .map(|(at, p)| given.get(at).cloned().unwrap_or_else(|| default(p)))
            .collect()
    }
    /// The normal form of bound values: what means the default is spelled as the default, and defaults at the end are
    /// left out, so that the same call always has the same tree and the same text.
    #[must_use]
    pub fn without_defaults(&self, values: Vec<String>) -> Vec<String> {
        let mut out = values;
        for (value, parameter) in out.iter_mut().zip(&self.parameters) {
            if let Some(default) = parameter
                .default
                .as_ref()
                .filter(|_| parameter.is_default(value))
            {
                value.clone_from(default);
            }
        }
        while let (Some(last), Some(parameter)) =
            (out.last(), self.parameters.get(out.len().wrapping_sub(1)))
            && parameter.default.as_ref() == Some(last)
        {
            out.pop();
        }
        out
    }
    /// The column that `Sensor = value` means: the only one, else the one that is called as the sensor is (in the
    /// singular or plural), else the declared key. Without any of these a comparison has to name its column.
    #[must_use]
    pub fn key_column(&self) -> Option<&Column> {
        if let [only] = self.columns.as_slice() {
            return Some(only);
        }
        let own: Vec<String> = std::iter::once(&self.name)
            .chain(&self.aliases)
            .map(|name| singular(name))
            .collect();
        self.columns
            .iter()
            .find(|column| own.contains(&singular(&column.name)))
            .or_else(|| self.columns.get(self.column_index(self.key.as_deref()?)?))
    }
    /// Place of a column by name, without regard to case.
    #[must_use]
    pub fn column_index(&self, name: &str) -> Option<usize> {
        self.columns
            .iter()
            .position(|c| c.name.eq_ignore_ascii_case(name))
    }
}

/// A name in lower case with its last word in the singular, as far as its ending tells.
fn singular(name: &str) -> String {
    let mut name = name.to_lowercase();
    for (plural, one) in [("ies", "y"), ("sses", "ss"), ("s", "")] {
        if let Some(stem) = name.strip_suffix(plural) {
            if !stem.ends_with(['s', 'u', 'i']) {
                name = format!("{stem}{one}");
            }
            break;
        }
    }
    name
}

/// A computer group: a name that stands for a filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Name, unique without regard to case.
    pub name: String,
    /// The filter's text, as it would stand after `from all machines with`.
    pub filter: String,
}

/// All that questions may name.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    sensors: Vec<Sensor>,
    by_name: BTreeMap<String, usize>,
    groups: BTreeMap<String, Group>,
}

impl Catalogue {
    /// Collects declarations. A name or alias that is taken already keeps its first meaning.
    #[must_use]
    pub fn new(sensors: impl IntoIterator<Item = Sensor>) -> Self {
        let mut made = Self::default();
        for sensor in sensors {
            let at = made.sensors.len();
            for name in std::iter::once(&sensor.name).chain(&sensor.aliases) {
                made.by_name.entry(name.to_lowercase()).or_insert(at);
            }
            made.sensors.push(sensor);
        }
        made
    }
    /// The same catalogue with these groups in place of its own.
    #[must_use]
    pub fn with_groups(mut self, groups: impl IntoIterator<Item = Group>) -> Self {
        self.groups = groups
            .into_iter()
            .map(|g| (g.name.to_lowercase(), g))
            .collect();
        self
    }
    /// The sensor of this name or alias, without regard to case.
    #[must_use]
    pub fn sensor(&self, name: &str) -> Option<&Sensor> {
        self.by_name
            .get(&name.to_lowercase())
            .and_then(|at| self.sensors.get(*at))
    }
    /// The group of this name, without regard to case.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.get(&name.to_lowercase())
    }
    /// All sensors, in the order of declaration.
    #[must_use]
    pub fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }
    /// All groups, by name.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values()
    }
    /// All lower-case names and aliases with the sensor each means, in order of name.
    pub fn names(&self) -> impl Iterator<Item = (&str, &Sensor)> {
        self.by_name
            .iter()
            .filter_map(|(n, at)| self.sensors.get(*at).map(|s| (n.as_str(), s)))
    }
}
