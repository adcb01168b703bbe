//! Sensors: scripts per platform, or a native one of the agent that is only put into a content set.

use super::shared::{distinct_keys, field};
use super::{ContentSet, Encoding, Interpreter, Limits, Nothing, Platform, RowCount};
use crate::form::{
    ColumnMention, FileRef, Line, LongText, QuestionText, Reading, Seconds, choice, record,
};
use crate::name::{Name, Ref};
use crate::yaml::Node;
use question::ValueType;
use question::catalogue as q;
use std::collections::BTreeMap;
use std::time::Duration;

record! {
    /// A sensor: what an endpoint can be asked for.
    pub struct Sensor {
        /// Name, as questions write it.
        name: Name<Sensor>,
        /// What it tells, in one or two sentences.
        description: LongText = LongText::default(),
        /// Heading under which it is listed.
        category: Option<Line>,
        /// Content set it lies in; the pack's first one where none is said.
        content_set: Option<Ref<ContentSet>>,
        /// Further names that questions may use.
        aliases: Vec<Name<Sensor>>,
        /// Words by which free text finds it.
        keywords: Vec<Line>,
        /// The sensor of the agent itself that this object stands for; columns and scripts are then the agent's.
        native: Option<Line>,
        /// Scripts, one for each platform on which it works.
        platforms: Option<SensorPlatforms>,
        /// One row for each endpoint, or any number.
        rows: RowCount = RowCount::Many,
        /// Columns in order.
        columns: Vec<Column>,
        /// The column that a comparison without one means, where no column has the sensor's own name.
        key: Option<Line>,
        /// Parameters in order.
        parameters: Vec<SensorParameter>,
        /// How long an endpoint may answer from rows it gathered before.
        max_age: Seconds = Seconds(600),
        /// What one run may use.
        limits: Limits,
        /// Its rows are other ones at every look, so that no group that grants rights may rest on it.
        volatile: bool = false,
        /// A question that uses it.
        example: Option<QuestionText>,
        /// Runs with known rows.
        fixtures: Vec<Fixture>,
    }
    exactly one of "native", "platforms";
    checked by check;
}

record! {
    /// The scripts of a sensor. One that lacks a platform answers there that the platform is not supported.
    pub struct SensorPlatforms {
        /// On Linux.
        linux: Option<Script>,
        /// On macOS.
        macos: Option<Script>,
        /// On Windows.
        windows: Option<Script>,
    }
    checked by some_platform;
}

record! {
    /// A script. Parameters reach it as environment variables `CORDON_PARAM_KEY`, never as a part of its text.
    pub struct Script {
        /// What runs it.
        interpreter: Interpreter,
        /// The script.
        text: Option<LongText>,
        /// The file with the script.
        file: Option<FileRef>,
        /// How it prints rows.
        output: Output = Output::JsonLines(Nothing),
        /// How its output is to be read as text.
        encoding: Encoding = Encoding::Utf8,
    }
    exactly one of "text", "file";
}

choice! {
    /// How a script prints rows.
    pub enum Output {
        /// One JSON value a line: an array of cells, or an object with the columns' names as keys.
        JsonLines(Nothing) = "json-lines",
        /// One row a line, cells between this text.
        Delimited(Line) = "delimited",
    }
}

record! {
    /// A column.
    pub struct Column {
        /// Name, as shown and as written after the colon.
        name: Line,
        /// How its cells compare.
        value_type as "type": ValueType = ValueType::Text,
        /// What a cell says, and its unit where it has one.
        description: Line = Line::default(),
    }
}

record! {
    /// A parameter of a sensor, given in brackets after its name.
    pub struct SensorParameter {
        /// Key, by which a script sees it.
        key: Line,
        /// Type that a given value must read as.
        value_type as "type": ValueType = ValueType::Text,
        /// Value when none is given; without it, one must be given.
        default: Option<Line>,
        /// The only values allowed; empty for any.
        allowed: Vec<Line>,
        /// One sentence for people.
        description: Line = Line::default(),
    }
}

record! {
    /// A sensor's value: what the endpoint itself, or a row of an answer, says in one column.
    pub struct SensorUse {
        /// The sensor.
        sensor: Ref<Sensor>,
        /// Its column, where it has several.
        column: Option<Line>,
    }
    checked by note_column;
}

record! {
    /// A run of a script with what it finds and what it must then say.
    pub struct Fixture {
        /// What is tried.
        name: Line,
        /// On which platform.
        platform: Platform,
        /// Values of parameters.
        parameters: BTreeMap<String, LongText>,
        /// Files that it finds, by their path; they lie in a folder that `CORDON_ROOT` names.
        files: BTreeMap<String, LongText>,
        /// Further environment variables.
        environment: BTreeMap<String, LongText>,
        /// The rows it must give, in any order.
        rows: Vec<Vec<LongText>>,
        /// Text that its error must hold, where it must fail.
        fails: Option<Line>,
    }
    checked by fixture_paths;
}

fn some_platform(made: &SensorPlatforms, node: &Node, reading: &mut Reading<'_>) {
    if made.linux.is_none() && made.macos.is_none() && made.windows.is_none() {
        reading.fault(
            node.place,
            "no platform has a script; give linux, macos or windows",
        );
    }
}

fn note_column(made: &SensorUse, node: &Node, reading: &mut Reading<'_>) {
    reading.columns.push(ColumnMention {
        sensor: made.sensor.as_str().to_owned(),
        column: made.column.as_ref().map(|c| c.as_str().to_owned()),
        file: reading.file.to_owned(),
        place: field(node, "column").map_or(node.place, |n| n.place),
    });
}

fn fixture_paths(made: &Fixture, node: &Node, reading: &mut Reading<'_>) {
    for path in made.files.keys() {
        // As on the endpoint: absolute, but laid out below a folder of its own.
        if let Err(problem) = crate::path::check(path.trim_start_matches('/')) {
            let place = field(node, "files").map_or(node.place, |n| n.place);
            reading.fault(place, problem);
        }
    }
}

fn check(made: &Sensor, node: &Node, reading: &mut Reading<'_>) {
    let place = |key: &str| field(node, key).map_or(node.place, |n| n.place);
    if made.native.is_some() {
        for key in [
            "columns",
            "parameters",
            "limits",
            "rows",
            "key",
            "max_age",
            "fixtures",
        ] {
            if field(node, key).is_some() {
                reading.fault(
                    place(key),
                    format!("`{key}` is the agent's to say for a native sensor"),
                );
            }
        }
        return;
    }
    if made.columns.is_empty() {
        reading.fault(place("columns"), "a sensor has at least one column");
    }
    let mut seen = std::collections::BTreeSet::new();
    for column in &made.columns {
        if column.name.as_str().trim().is_empty()
            || !seen.insert(column.name.as_str().to_lowercase())
        {
            reading.fault(
                place("columns"),
                format!("the column `{}` has no name or has it twice", column.name),
            );
        }
    }
    if let Some(key) = &made.key
        && !seen.contains(&key.as_str().to_lowercase())
    {
        reading.fault(place("key"), format!("there is no column `{key}`"));
    }
    if let Some(parameters) = field(node, "parameters") {
        distinct_keys(
            made.parameters.iter().map(|p| p.key.as_str()),
            parameters,
            reading,
        );
    }
    for parameter in &made.parameters {
        let typed = |text: &Line| question::value::parse_check(text.as_str(), parameter.value_type);
        for value in parameter.default.iter().chain(&parameter.allowed) {
            if !value.as_str().is_empty()
                && let Err(problem) = typed(value)
            {
                reading.fault(
                    place("parameters"),
                    format!("`{}`: {problem}", parameter.key),
                );
            }
        }
    }
    for fixture in &made.fixtures {
        if made.script(fixture.platform).is_none() {
            reading.fault(
                place("fixtures"),
                format!(
                    "`{}` is for {}, for which there is no script",
                    fixture.name,
                    fixture.platform.word()
                ),
            );
        }
        for key in fixture.parameters.keys() {
            if !made.parameters.iter().any(|p| p.key.as_str() == key) {
                reading.fault(
                    place("fixtures"),
                    format!("`{}`: there is no parameter `{key}`", fixture.name),
                );
            }
        }
        if fixture
            .rows
            .iter()
            .any(|row| row.len() != made.columns.len())
        {
            reading.fault(
                place("fixtures"),
                format!(
                    "`{}`: each row has {} cells, one for each column",
                    fixture.name,
                    made.columns.len()
                ),
            );
        }
    }
}

impl Sensor {
    /// The script of a platform.
    #[must_use]
    pub fn script(&self, platform: Platform) -> Option<&Script> {
        let platforms = self.platforms.as_ref()?;
        match platform {
            Platform::Linux => platforms.linux.as_ref(),
            Platform::Macos => platforms.macos.as_ref(),
            Platform::Windows => platforms.windows.as_ref(),
        }
    }

    /// Its declaration for questions; `None` for a native one, which the agent declares.
    #[must_use]
    pub fn declaration(&self) -> Option<q::Sensor> {
        let platforms = self.platforms.as_ref()?;
        let text = |line: &Line| line.as_str().to_owned();
        let category = self.category.as_ref().map_or("", Line::as_str);
        let mut made = q::Sensor::new(self.name.as_str(), category, self.description.as_str());
        made.aliases = self.aliases.iter().map(|a| a.as_str().to_owned()).collect();
        made.columns = self
            .columns
            .iter()
            .map(|c| q::Column {
                name: text(&c.name),
                value_type: c.value_type,
                description: text(&c.description),
                scheme: None,
            })
            .collect();
        made.parameters = self
            .parameters
            .iter()
            .map(|p| q::Parameter {
                key: text(&p.key),
                value_type: p.value_type,
                default: p.default.as_ref().map(text),
                allowed: p.allowed.iter().map(text).collect(),
                description: text(&p.description),
            })
            .collect();
        made.rows = match self.rows {
            RowCount::One => q::Rows::One,
            RowCount::Many => q::Rows::Many,
        };
        made.platforms = q::Platforms {
            linux: platforms.linux.is_some(),
            macos: platforms.macos.is_some(),
            windows: platforms.windows.is_some(),
        };
        made.max_age = Duration::from_secs(self.max_age.0);
        made.limits = q::Limits {
            wall: Duration::from_secs(self.limits.wall.0),
            cpu: Duration::from_secs(self.limits.cpu.0),
            memory: self.limits.memory.0,
            rows: self.limits.rows,
            bytes: self.limits.output.0,
        };
        made.key = self.key.as_ref().map(text);
        if let Some(example) = &self.example {
            made.example = example.as_str().to_owned();
        }
        Some(made)
    }
}
