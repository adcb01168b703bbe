//! Saved questions and what groups and repeats them.

use super::ContentSet;
use super::shared::{Piece, distinct_keys, field, pieces, placeholders};
use crate::form::{Asked, Line, LongText, Moment, Question, Reading, Seconds, record, words};
use crate::name::{Name, Ref};
use crate::yaml::Node;
use std::collections::BTreeMap;

record! {
    /// A question that is kept: its text, and how it is asked again.
    pub struct SavedQuestion {
        /// Name.
        name: Name<SavedQuestion>,
        /// What it is for.
        description: LongText = LongText::default(),
        /// Content set it lies in; the pack's first one where none is said.
        content_set: Option<Ref<ContentSet>>,
        /// The question. `||key||` is the value of a parameter, which is put in as one quoted value. The text is kept, not a copy of its
        /// sensors: it follows what becomes of them.
        text: LongText,
        /// Values that are asked for before the question is.
        parameters: Vec<SavedParameter>,
        /// How long one asking of it lives.
        expiry: Seconds = Seconds(600),
        /// Time from one asking to the next; without it, it is asked when somebody does.
        reissue: Option<Seconds>,
        /// How its answers are kept.
        archive: Option<Archive>,
        /// Saved questions that are offered for the endpoints of a row.
        drill_down: Vec<Ref<SavedQuestion>>,
        /// Who sees it.
        visibility: Visibility = Visibility::Public,
    }
    checked by check;
}

words! {
    /// Who sees something.
    pub enum Visibility {
        /// Everybody with the right to its content set.
        Public = "public",
        /// Its owner.
        Private = "private",
    }
}

record! {
    /// A value that a saved question asks for.
    pub struct SavedParameter {
        /// Key.
        key: Line,
        /// What stands before the box.
        label: Line,
        /// Help for whoever gives the value.
        help: Option<LongText>,
        /// Value to begin with.
        default: Line,
    }
}

record! {
    /// How the answers of a saved question are kept.
    pub struct Archive {
        /// For how long.
        keep: Seconds,
        /// Least time between two that are kept.
        least_age: Seconds = Seconds(600),
        /// Hundredths of the endpoints that must have answered.
        complete: u32 = 99,
    }
}

record! {
    /// Saved questions that are looked at together.
    pub struct Dashboard {
        /// Name.
        name: Name<Dashboard>,
        /// What it is for.
        description: LongText = LongText::default(),
        /// Content set it lies in; the pack's first one where none is said.
        content_set: Option<Ref<ContentSet>>,
        /// Phase of an intrusion that it looks for.
        phase: Option<Phase>,
        /// The saved questions, in the order in which they are shown.
        saved_questions: Vec<Ref<SavedQuestion>>,
    }
    checked by some_question;
}

words! {
    /// Phases of an intrusion, as the tactics of [ATT&CK](https://attack.mitre.org/tactics/enterprise/) name them.
    pub enum Phase {
        /// Getting in.
        InitialAccess = "initial-access",
        /// Running code.
        Execution = "execution",
        /// Staying.
        Persistence = "persistence",
        /// Getting more rights.
        PrivilegeEscalation = "privilege-escalation",
        /// Not being seen.
        DefenseEvasion = "defense-evasion",
        /// Getting at credentials.
        CredentialAccess = "credential-access",
        /// Looking around.
        Discovery = "discovery",
        /// Going on to other machines.
        LateralMovement = "lateral-movement",
        /// Gathering.
        Collection = "collection",
        /// Being told what to do.
        CommandAndControl = "command-and-control",
        /// Carrying out.
        Exfiltration = "exfiltration",
        /// Doing harm.
        Impact = "impact",
    }
}

record! {
    /// Dashboards under one heading.
    pub struct Category {
        /// Name.
        name: Name<Category>,
        /// What it is for.
        description: LongText = LongText::default(),
        /// Content set it lies in; the pack's first one where none is said.
        content_set: Option<Ref<ContentSet>>,
        /// The dashboards, in the order in which they are shown.
        dashboards: Vec<Ref<Dashboard>>,
    }
}

record! {
    /// When something is done again and again.
    pub struct Schedule {
        /// Name.
        name: Name<Schedule>,
        /// What it is for.
        description: LongText = LongText::default(),
        /// Content set it lies in; the pack's first one where none is said.
        content_set: Option<Ref<ContentSet>>,
        /// Time from one beginning to the next.
        every: Seconds,
        /// Time over which endpoints begin, each at a moment of its own.
        spread: Seconds = Seconds(0),
        /// Days of the week, in UTC; empty for all.
        days: Vec<Weekday>,
        /// Not before.
        from: Option<Moment>,
        /// Not after.
        until: Option<Moment>,
    }
    checked by check_times;
}

words! {
    /// A day of the week.
    pub enum Weekday {
        /// Monday.
        Monday = "monday",
        /// Tuesday.
        Tuesday = "tuesday",
        /// Wednesday.
        Wednesday = "wednesday",
        /// Thursday.
        Thursday = "thursday",
        /// Friday.
        Friday = "friday",
        /// Saturday.
        Saturday = "saturday",
        /// Sunday.
        Sunday = "sunday",
    }
}

/// A value that cannot be put into a saved question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unbound {
    /// No such parameter.
    #[error("the saved question has no parameter `{key}`")]
    Unknown {
        /// The key given.
        key: String,
    },
}

impl SavedQuestion {
    /// The question with values put in, as it is asked. What is not given is as by default. Each value becomes one quoted value of the
    /// question language, so that nothing in it can become a part of the question.
    ///
    /// # Errors
    /// [`Unbound`] when a value is for no parameter.
    pub fn bind(&self, values: &BTreeMap<String, String>) -> Result<String, Unbound> {
        for key in values.keys() {
            if !self.parameters.iter().any(|p| p.key.as_str() == key) {
                return Err(Unbound::Unknown { key: key.clone() });
            }
        }
        let mut out = String::with_capacity(self.text.as_str().len());
        for piece in pieces(self.text.as_str()) {
            let key = match piece {
                Piece::Text(text) => {
                    out.push_str(text);
                    continue;
                }
                Piece::Value(key) => key,
            };
            let parameter = self.parameters.iter().find(|p| p.key.as_str() == key);
            let default = parameter.map_or("", |p| p.default.as_str());
            out.push_str(&question::quote(
                values.get(key).map_or(default, String::as_str),
            ));
        }
        Ok(out)
    }
}

fn check(made: &SavedQuestion, node: &Node, reading: &mut Reading<'_>) {
    let Some(text) = field(node, "text") else {
        return;
    };
    for key in placeholders(made.text.as_str()) {
        if !made.parameters.iter().any(|p| p.key.as_str() == key) {
            reading.fault(
                text.place,
                format!("there is no parameter `{key:.60}` for `||{key:.60}||`"),
            );
        }
    }
    if let Some(parameters) = field(node, "parameters") {
        distinct_keys(
            made.parameters.iter().map(|p| p.key.as_str()),
            parameters,
            reading,
        );
    }
    if made.archive.as_ref().is_some_and(|a| a.complete > 100) {
        reading.fault(
            node.place,
            "`complete` is a number of hundredths, at most 100",
        );
    }
    // With its defaults it must be a question.
    if let Ok(bound) = made.bind(&BTreeMap::new()) {
        reading.questions.push(Question {
            asked: Asked::Question,
            text: bound,
            file: reading.file.to_owned(),
            node: text.clone(),
        });
    }
}

fn some_question(made: &Dashboard, node: &Node, reading: &mut Reading<'_>) {
    if made.saved_questions.is_empty() {
        reading.fault(node.place, "a dashboard shows at least one saved question");
    }
}

fn check_times(made: &Schedule, node: &Node, reading: &mut Reading<'_>) {
    if made.every.0 < 60 {
        reading.fault(node.place, "`every` is at least a minute");
    }
    if made.spread > made.every {
        reading.fault(node.place, "`spread` is at most as long as `every`");
    }
    let order = |a: &Moment, b: &Moment| {
        question::value::compare(a.as_str(), b.as_str(), question::ValueType::DateTime)
    };
    if let (Some(from), Some(until)) = (&made.from, &made.until)
        && order(from, until) != Some(std::cmp::Ordering::Less)
    {
        reading.fault(node.place, "`from` is before `until`");
    }
}
