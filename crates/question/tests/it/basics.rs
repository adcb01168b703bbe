//! The main path, once through.

use crate::catalogue::catalogue;
use answer::State;
use question::eval::{Ready, SensorRows, Unavailable, join, keep, matches};
use question::{Row, SensorCall, parse, plan};
use std::sync::Arc;

pub fn row(cells: &[&str]) -> Row {
    cells.iter().map(|c| c.as_bytes().into()).collect()
}

/// Rows by sensor name; a sensor not listed is unavailable.
pub struct Fixed(pub Vec<(&'static str, Vec<Row>)>);

impl SensorRows for Fixed {
    fn rows(&mut self, call: &SensorCall) -> Result<Arc<Vec<Row>>, Unavailable> {
        self.0
            .iter()
            .find(|(name, _)| *name == call.sensor)
            .map(|(_, rows)| Arc::new(rows.clone()))
            .ok_or_else(|| Unavailable("timed out".into()))
    }

    fn problems(&mut self, call: &SensorCall) -> Vec<(State, String)> {
        let known = self.0.iter().any(|(name, _)| *name == call.sensor);
        let slow = (State::TimedOut, "it took too long".to_owned());
        if known { Vec::new() } else { vec![slow] }
    }
}

#[test]
fn an_endpoint_answers_with_the_gravest_of_what_it_could_not_have() {
    let catalogue = catalogue();
    let answer = |text: &str, rows: Vec<(&'static str, Vec<Row>)>| {
        let question = parse(text, &catalogue).unwrap();
        Ready::new(&question, &catalogue).answer(&mut Fixed(rows), |_, _| {})
    };
    let text = "Get Running Processes with Hash from all machines with Is Linux = True";
    let linux = || ("Is Linux", vec![row(&["True"])]);
    let processes = || ("Running Processes with Hash", vec![row(&["/bin/sh", "ab"])]);
    let slow = |sensor: &str| {
        (
            sensor.to_owned(),
            State::TimedOut,
            "it took too long".to_owned(),
        )
    };
    // A filter that cannot be decided is no filter that does not hold.
    let undecided = answer(text, vec![processes()]);
    assert_eq!(undecided.state, State::TimedOut);
    assert_eq!(undecided.problems, [slow("Is Linux")]);
    let missing = answer(text, vec![linux()]);
    assert_eq!(missing.state, State::TimedOut);
    assert_eq!(missing.problems, [slow("Running Processes with Hash")]);
    let whole = answer(text, vec![linux(), processes()]);
    assert_eq!((whole.state, whole.tables.len()), (State::Answered, 1));
    let empty = answer(
        text,
        vec![linux(), ("Running Processes with Hash", Vec::new())],
    );
    assert_eq!(empty.state, State::Empty);
    let other = answer(text, vec![("Is Linux", vec![row(&["False"])])]);
    assert_eq!(other.state, State::NotConcerned);
    assert!(other.problems.is_empty());
}

#[test]
fn the_question_of_the_house() {
    let catalogue = catalogue();
    let text = "Get Running Processes with Hash from all machines with Is Linux = True";
    let question = parse(text, &catalogue).unwrap();
    let canonical = "Get Running Processes with Hash from all machines with Is Linux = True";
    assert_eq!(question.to_string(), canonical);
    assert_eq!(parse(canonical, &catalogue).unwrap(), question);
    let filter = question.filter.as_ref().unwrap();
    let mut linux = Fixed(vec![("Is Linux", vec![row(&["True"])])]);
    assert_eq!(matches(filter, &mut linux, &catalogue), Ok(true));
    let mut other = Fixed(vec![("Is Linux", vec![row(&["False"])])]);
    assert_eq!(matches(filter, &mut other, &catalogue), Ok(false));
    assert_eq!(
        matches(filter, &mut Fixed(vec![]), &catalogue),
        Err(Unavailable("timed out".into()))
    );
    let plan = plan(&question, &catalogue);
    assert_eq!(plan.tables.len(), 1);
    let rows = vec![row(&["/bin/sh", "ab"]), row(&["/bin/ls", "cd"])];
    let kept = keep(&question.selects[0], &rows, &catalogue);
    assert_eq!(join(&plan, &[kept]), vec![rows]);
}

#[test]
fn a_default_said_or_left_out_is_the_same_question() {
    let catalogue = catalogue();
    let plain = parse(
        "Get Running Processes with Hash from all machines",
        &catalogue,
    )
    .unwrap();
    let said = parse(
        "Get Running Processes with Hash[sha256] from all machines",
        &catalogue,
    )
    .unwrap();
    assert_eq!(plain, said);
    assert_eq!(
        plain.to_string(),
        "Get Running Processes with Hash from all machines"
    );
    let sensor = catalogue.sensor("Running Processes with Hash").unwrap();
    assert_eq!(
        sensor.parameter_values(&plain.selects[0].call.parameters),
        ["SHA-256"],
        "who runs it gets the value all the same"
    );
    let middle = parse(
        "Get Log Lines[level=warn, limit=100] from all machines",
        &catalogue,
    )
    .unwrap();
    let call = &middle.selects[0].call;
    assert_eq!(call.parameters, ["syslog", "1h", "False", "warn"]);
    let sensor = catalogue.sensor("Log Lines").unwrap();
    assert_eq!(
        sensor.parameter_values(&call.parameters),
        ["syslog", "1h", "False", "warn", "100"]
    );
}

#[test]
fn names_with_words_of_the_language() {
    use question::catalogue::{Catalogue, Group, Sensor, ValueType};
    let catalogue = |names: &[&str]| {
        Catalogue::new(names.iter().map(|name| {
            Sensor::new(name, "Test", "A sensor for this test.").column(
                "Value",
                ValueType::Text,
                "A value.",
            )
        }))
    };
    let selected = |text: &str, catalogue: &Catalogue| -> Option<Vec<String>> {
        let question = question::parse(text, catalogue).ok()?;
        assert_eq!(
            question::parse(&question.to_string(), catalogue).unwrap(),
            question
        );
        Some(
            question
                .selects
                .into_iter()
                .map(|s| s.call.sensor)
                .collect(),
        )
    };
    let clear = catalogue(&[
        "File Path and Hash",
        "Hash",
        "Find Blacklist Matches",
        "Tea or Coffee",
    ]);
    for (text, expected) in [
        (
            "Get File Path and Hash from all machines",
            vec!["File Path and Hash"],
        ),
        (
            "Get File  path AND hash and Hash from all machines",
            vec!["File Path and Hash", "Hash"],
        ),
        (
            "Get Hash and File Path and Hash from all machines",
            vec!["Hash", "File Path and Hash"],
        ),
        (
            "Get Find Blacklist Matches matches x from all machines with Tea or Coffee = 1 or Hash = 2",
            vec!["Find Blacklist Matches"],
        ),
    ] {
        assert_eq!(
            selected(text, &clear),
            Some(expected.iter().map(|s| (*s).to_owned()).collect()),
            "{text}"
        );
    }
    // Where the words before have a meaning of their own, quotes decide.
    let unclear = catalogue(&[
        "File Path and Hash",
        "Hash",
        "File Path",
        "Find Blacklist Matches",
        "Find Blacklist",
    ]);
    assert_eq!(
        selected("Get File Path and Hash from all machines", &unclear),
        Some(vec!["File Path".into(), "Hash".into()])
    );
    assert_eq!(
        selected(r#"Get "File Path and Hash" from all machines"#, &unclear),
        Some(vec!["File Path and Hash".into()])
    );
    assert_eq!(
        selected("Get Find Blacklist Matches x from all machines", &unclear),
        Some(vec!["Find Blacklist".into()])
    );
    let grouped = catalogue(&["Web or Mail", "Mail"]).with_groups([Group {
        name: "Web".into(),
        filter: "Mail = 1".into(),
    }]);
    let question =
        question::parse("Get Mail from all machines with Web or Mail = 1", &grouped).unwrap();
    assert_eq!(
        question::parse(&question.to_string(), &grouped).unwrap(),
        question
    );
    assert!(question.to_string().contains("or"));
    assert!(!question.to_string().contains(r#""Web or Mail""#));
}
