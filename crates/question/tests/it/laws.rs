//! Laws: printing and parsing are inverse, no text makes the parser panic, work grows with the text and no faster.

use crate::catalogue::{catalogue, sensors, tricky};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use question::catalogue::Sensor;
use question::{
    CountBound, Filter, Having, Headings, MAX_CHARACTERS, Operator, Quantifier, Question, Select,
    SensorCall, Tail, Term, ValueType, complete, interpret, parse, parse_columns, parse_tail, plan,
    warnings,
};

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9._-]{1,8}",
        ".{0,12}",
        select(vec![
            "and",
            "\"",
            "\"\"",
            "or from",
            " x ",
            "(",
            "matching case",
            "a,b",
            "[z]",
            "\u{202E}",
            "True",
            ""
        ])
        .prop_map(str::to_owned),
    ]
}

/// A value that reads as its type, in the spelling the parser keeps.
fn typed(value_type: ValueType) -> BoxedStrategy<String> {
    match value_type {
        ValueType::Text => any_text().boxed(),
        ValueType::Integer => any::<i64>().prop_map(|n| n.to_string()).boxed(),
        ValueType::Decimal => (-1.0e6..1.0e6_f64).prop_map(|n| n.to_string()).boxed(),
        ValueType::Version => "[0-9]{1,3}(\\.[0-9]{1,4}){0,3}(-[a-z]{1,3})?".boxed(),
        ValueType::DateTime => (2000..2040_i32, 1..13_u8, 1..29_u8, 0..24_u8)
            .prop_map(|(y, m, d, h)| format!("{y}-{m:02}-{d:02}T{h:02}:00:00Z"))
            .boxed(),
        ValueType::Duration => (1..999_u32, select(vec!["s", " hours", " days", "w"]))
            .prop_map(|(n, u)| format!("{n}{u}"))
            .boxed(),
        ValueType::DataSize => (1..999_u32, select(vec!["", " GB", "k", " MiB"]))
            .prop_map(|(n, u)| format!("{n}{u}"))
            .boxed(),
        ValueType::IpAddress => prop_oneof![
            any::<std::net::Ipv4Addr>().prop_map(|a| a.to_string()),
            any::<std::net::Ipv6Addr>().prop_map(|a| a.to_string()),
        ]
        .boxed(),
        ValueType::Hash => "[0-9a-fA-F]{32}".boxed(),
        ValueType::Boolean => select(vec!["True", "False"])
            .prop_map(str::to_owned)
            .boxed(),
    }
}

fn call(sensor: Sensor) -> impl Strategy<Value = SensorCall> {
    let parameters: Vec<BoxedStrategy<String>> = sensor
        .parameters
        .iter()
        .map(|p| {
            if p.allowed.is_empty() {
                let t = p.value_type;
                // An empty value means the default.
                let given = typed(t).prop_filter("not empty", |v| !v.is_empty());
                match &p.default {
                    Some(default) => prop_oneof![given, Just(default.clone())].boxed(),
                    None => given.boxed(),
                }
            } else {
                select(p.allowed.clone()).boxed()
            }
        })
        .collect();
    (
        parameters,
        proptest::option::of(0..100_000_u64),
        any::<bool>(),
    )
        .prop_map(move |(parameters, max_age, ignore_case)| SensorCall {
            sensor: sensor.name.clone(),
            parameters: sensor.without_defaults(parameters),
            max_age,
            ignore_case,
        })
}

/// A digest of the algorithm that the call chose.
fn digest(call: &SensorCall) -> BoxedStrategy<String> {
    match call.parameters.first().map(String::as_str) {
        Some("MD5") => "[0-9a-fA-F]{32}".boxed(),
        Some("SHA-1") => "[0-9a-fA-F]{40}".boxed(),
        _ => "[0-9a-fA-F]{64}".boxed(),
    }
}

/// A comparison on a sensor, with this call.
fn comparison(
    sensor: Sensor,
    call: SensorCall,
    quantifier: Quantifier,
) -> impl Strategy<Value = Term> {
    let columns: Vec<Option<usize>> = std::iter::once(None)
        .chain((0..sensor.columns.len()).map(Some))
        .collect();
    (
        select(columns),
        proptest::option::weighted(0.2, select(ValueType::ALL.to_vec())),
        select(Operator::ALL.to_vec()),
        any::<bool>(),
    )
        .prop_filter("a whole row can only be searched for text", {
            let many = sensor.columns.len() > 1;
            move |(column, _, op, _)| !(many && column.is_none() && !op.is_textual())
        })
        .prop_flat_map(move |(column, as_type, op, match_case)| {
            let named = column.and_then(|i| sensor.columns.get(i));
            let own = match (named, sensor.columns.as_slice()) {
                (Some(c), _) | (None, [c]) => c.value_type,
                _ => ValueType::Text,
            };
            let value = if op.is_pattern() {
                any_text().prop_map(|t| regex_escape(&t)).boxed()
            } else if op.is_textual() {
                any_text().boxed()
            } else {
                match as_type.unwrap_or(own) {
                    ValueType::Hash if own == ValueType::Hash => digest(&call),
                    t => typed(t),
                }
            };
            let count = if op.is_list() { 1..4 } else { 1..2 };
            let term = Term {
                quantifier,
                call: call.clone(),
                column: named.map(|c| c.name.clone()),
                as_type,
                op,
                values: Vec::new(),
                match_case,
            };
            vec(value, count).prop_map(move |values| Term {
                values,
                ..term.clone()
            })
        })
}

fn regex_escape(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let special = c.is_ascii_punctuation() && !matches!(c, '"' | '<' | '>');
            special
                .then_some('\\')
                .into_iter()
                .chain(std::iter::once(c))
        })
        .collect()
}

fn all_sensors() -> Vec<Sensor> {
    let mut all = sensors();
    all.extend(tricky());
    all
}

fn any_sensor() -> impl Strategy<Value = Sensor> {
    prop_oneof![select(sensors()), select(tricky())]
}

fn endpoint_term() -> impl Strategy<Value = Filter> {
    (any_sensor(), any::<bool>()).prop_flat_map(|(sensor, all)| {
        let quantifier = if all {
            Quantifier::All
        } else {
            Quantifier::Any
        };
        call(sensor.clone())
            .prop_flat_map(move |call| comparison(sensor.clone(), call, quantifier))
            .prop_map(Filter::Term)
    })
}

/// Conditions that one row of a sensor meets: more than a single comparison.
fn endpoint_row() -> impl Strategy<Value = Filter> {
    (any_sensor(), any::<bool>()).prop_flat_map(|(sensor, all)| {
        let quantifier = if all {
            Quantifier::All
        } else {
            Quantifier::Any
        };
        call(sensor.clone()).prop_flat_map(move |call| {
            filter(comparison(sensor.clone(), call.clone(), Quantifier::Any).prop_map(Filter::Term))
                .prop_map(move |rows| match rows {
                    Filter::Term(term) => Filter::Term(Term { quantifier, ..term }),
                    rows => Filter::Having(Having {
                        quantifier,
                        call: call.clone(),
                        rows: Box::new(rows),
                    }),
                })
        })
    })
}

/// Filters in normal form over these comparisons.
fn filter(term: impl Strategy<Value = Filter> + 'static) -> impl Strategy<Value = Filter> {
    term.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(|parts| Filter::all_of(parts).unwrap()),
            vec(inner.clone(), 2..4).prop_map(|parts| Filter::any_of(parts).unwrap()),
            inner.prop_map(Filter::negated),
        ]
    })
}

fn selected() -> impl Strategy<Value = Select> {
    any_sensor().prop_flat_map(|sensor| {
        call(sensor.clone()).prop_flat_map(move |call| {
            let rows = filter(
                comparison(sensor.clone(), call.clone(), Quantifier::Any).prop_map(Filter::Term),
            );
            proptest::option::of(rows).prop_map(move |rows| Select {
                call: call.clone(),
                rows,
            })
        })
    })
}

fn question() -> impl Strategy<Value = Question> {
    (
        vec(selected(), 0..4),
        proptest::option::of(filter(prop_oneof![
            3 => endpoint_term(),
            1 => endpoint_row(),
        ])),
        proptest::option::of(select(vec!["0", "1"])),
    )
        .prop_map(|(selects, filter, flag)| Question {
            selects,
            filter,
            options: flag
                .map(|v| ("forceComputerIdFlag".to_owned(), v.to_owned()))
                .into_iter()
                .collect(),
            tail: Tail::default(),
        })
}

fn bound() -> impl Strategy<Value = CountBound> {
    (0..7_u8, 2..100_u32, 0..100_u32).prop_map(|(kind, n, more)| match kind {
        0 => CountBound::Fewer(n),
        1 => CountBound::AtMost(n - 1),
        2 => CountBound::Exactly(n - 1),
        3 => CountBound::Not(n - 1),
        4 => CountBound::AtLeast(n - 1),
        5 => CountBound::More(n),
        _ => CountBound::Between(n, n + more),
    })
}

/// Words of the language in any order: nearer to questions than arbitrary text.
fn soup() -> impl Strategy<Value = String> {
    let words = vec![
        "Get",
        "get?",
        "and",
        "or",
        "not",
        "from",
        "all",
        "machines",
        "with",
        "having",
        "(",
        ")",
        "[",
        "]",
        "\"",
        ",",
        ":",
        "?",
        "&",
        "=",
        "<",
        ">=",
        "!=",
        "contains",
        "does",
        "starts",
        "with",
        "matches",
        "in",
        "as",
        "Text",
        "matching",
        "case",
        "any",
        "number",
        "of",
        "Running",
        "Processes",
        "Hash",
        "Is",
        "Linux",
        "True",
        "Computer",
        "Name",
        "Folder",
        "Contents",
        "maxAge=1",
        "CPU",
        "5",
        "\\",
        "\u{0}",
        "é",
        "Loop",
        "Servers",
        "Listen",
        "Ports",
        "Protocol",
        "Local",
        "Port",
        "by",
        "on",
        "fewer",
        "than",
        "3",
        "machines",
        "“",
        "”",
    ];
    vec((select(words), select(vec!["", " ", "  ", "\n"])), 0..40)
        .prop_map(|parts| parts.into_iter().flat_map(|(w, s)| [w, s]).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn printing_and_parsing_are_inverse(question in question()) {
        let catalogue = question::Catalogue::new(all_sensors());
        let text = question.to_string();
        let parsed = parse(&text, &catalogue);
        prop_assert_eq!(parsed.as_ref(), Ok(&question), "{}", text);
        for warning in warnings(&question, &catalogue) {
            let instead = warning.instead.unwrap();
            let parsed = parse(&instead, &catalogue);
            prop_assert_eq!(parsed.map(|q| q.to_string()), Ok(instead));
        }
    }

    #[test]
    fn a_tail_prints_parses_and_is_taken_off(
        question in question(), picks in vec(any::<proptest::sample::Index>(), 0..4), bound in proptest::option::of(bound()),
    ) {
        let catalogue = question::Catalogue::new(all_sensors());
        let plan = plan(&question, &catalogue);
        let headings = Headings::from(&plan);
        let all: Vec<(&str, &str)> = headings
            .tables
            .iter()
            .flat_map(|t| t.columns.iter().map(|c| (t.title.as_str(), c.as_str())))
            .collect();
        let mut by = Vec::new();
        for pick in picks.iter().filter(|_| !all.is_empty()) {
            let (title, column) = pick.get(&all);
            let quote = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
            for column in parse_columns(&format!("{}:{}", quote(title), quote(column)), &headings).unwrap() {
                if !by.contains(&column) {
                    by.push(column);
                }
            }
        }
        let tailed = Question { tail: Tail { by, count: bound }, ..question.clone() };
        let text = tailed.to_string();
        let parsed = parse(&text, &catalogue);
        prop_assert_eq!(parsed.as_ref(), Ok(&tailed), "{}", text);
        prop_assert_eq!(tailed.asked(), question.clone());
        let rest = text.strip_prefix(&question.to_string()).map(|rest| rest.trim_start().to_owned());
        prop_assert_eq!(rest, Some(tailed.tail.to_string()));
        let alone = parse_tail(&tailed.tail.to_string(), &headings);
        prop_assert_eq!(alone.as_ref(), Ok(&tailed.tail));
        // Each column that is named is found in a table, and each table is counted by what it has.
        let columns = tailed.tail.columns(&headings);
        prop_assert_eq!(columns.len(), headings.tables.len());
        let found = columns.into_iter().flatten().map(|c| c.len()).sum::<usize>();
        prop_assert!(found >= tailed.tail.by.len());
    }

    #[test]
    fn what_parses_prints_canonically(text in soup()) {
        let catalogue = catalogue();
        if let Ok(question) = parse(&text, &catalogue) {
            let canonical = question.to_string();
            prop_assert_eq!(parse(&canonical, &catalogue), Ok(question));
        }
    }

    #[test]
    fn no_text_panics(text in prop_oneof![any::<String>(), soup()], cursor in 0..200_usize) {
        let catalogue = catalogue();
        let length = text.chars().count();
        match parse(&text, &catalogue) {
            Ok(_) => {}
            Err(e) => prop_assert!(e.start <= e.end && e.end <= length, "{:?} in {:?}", e, text),
        }
        let completion = complete(&text, cursor, &catalogue);
        prop_assert!(completion.start <= completion.end && completion.end <= length);
        for reading in interpret(&text, &catalogue) {
            prop_assert_eq!(parse(&reading.canonical, &catalogue), Ok(reading.question));
        }
    }
}

#[test]
fn long_and_deep_texts_end_quickly() {
    let catalogue = catalogue();
    let from = "Get Computer Name from all machines with ";
    let fill = |unit: &str| {
        let mut text = from.to_owned();
        text.extend(
            std::iter::repeat_n(unit, (MAX_CHARACTERS - from.len()) / unit.chars().count())
                .flat_map(str::chars),
        );
        text
    };
    for unit in [
        "(",
        "not ",
        "((",
        "not (",
        "\"",
        "a ",
        " ",
        "and ",
        "Is Linux = True and ",
        "CPU Count in (",
        "Running Processes contains (",
        "Custom Tags = x or ",
        "contains ",
        "[",
        "Folder Contents[",
        "Running Processes matches (a or ",
        "is not ",
        "does not ",
        "Running Processes matches \\w{9} or ",
        "Listen Ports having ",
        "Custom Tags contains x by ",
        "Custom Tags contains x on ",
        "Custom Tags contains x by Computer Name, ",
        "Custom Tags contains x on fewer than 3 machines ",
        "Listen Ports having (Protocol = tcp and ",
        "Listen Ports having any ",
        "Listen Ports:Protocol = tcp and Listen Ports:Local Port = 1 and ",
    ] {
        let text = fill(unit);
        let start = std::time::Instant::now();
        std::hint::black_box((
            parse(&text, &catalogue).is_ok(),
            complete(&text, text.len(), &catalogue),
            interpret(&text, &catalogue),
        ));
        assert!(
            start.elapsed().as_secs() < 20,
            "{unit} took {:?}",
            start.elapsed()
        );
    }
    // As many conditions as fit are still a question.
    let many = format!("{from}{}", vec!["CPU Count = 1"; 1_700].join(" or "));
    assert!(many.chars().count() < MAX_CHARACTERS);
    assert!(parse(&many, &catalogue).is_ok());
}

#[test]
fn the_length_is_bounded_in_characters() {
    let catalogue = catalogue();
    let with = |n: usize| {
        let frame = "Get Running Processes = \"\" from all machines".len();
        format!(
            "Get Running Processes = \"{}\" from all machines",
            "ä".repeat(n - frame)
        )
    };
    // Printed bare, the value loses its quotes; it still fits.
    assert!(parse(&with(MAX_CHARACTERS), &catalogue).is_ok());
    let error = parse(&with(MAX_CHARACTERS + 1), &catalogue).unwrap_err();
    assert_eq!(
        (error.start, error.end),
        (MAX_CHARACTERS, MAX_CHARACTERS + 1)
    );
    // An alias is short, its sensor's name long.
    let aliases = format!(
        "Get Hostname from all machines with {}",
        vec!["Hostname = a"; 1_990].join(" or ")
    );
    assert!(aliases.chars().count() <= MAX_CHARACTERS);
    assert!(
        parse(&aliases, &catalogue)
            .unwrap_err()
            .message
            .contains("written out in full")
    );
}

#[test]
fn groups_do_not_explode() {
    use question::catalogue::{Catalogue, Group};
    let groups = (0..40).map(|i| Group {
        name: format!("G{i}"),
        filter: if i == 0 {
            "Is Linux = True".into()
        } else {
            format!("G{0} or (Is Mac = True and G{0})", i - 1)
        },
    });
    let catalogue = Catalogue::new(sensors()).with_groups(groups);
    assert!(parse("Get Computer Name from G3", &catalogue).is_ok());
    assert!(parse("Get Computer Name from G39", &catalogue).is_err());
}

#[test]
fn deep_trees_parse_again_or_are_refused() {
    let catalogue = catalogue();
    for depth in [10, 40, 46, 47, 48, 64, 127, 128, 129, 1_000] {
        let mut text = "Is Linux = True".to_owned();
        for i in 0..depth {
            let word = if i % 2 == 0 { "and" } else { "or" };
            text = format!("Is Mac = True {word} ({text})");
        }
        let text = format!("Get Computer Name from all machines with {text}");
        let parsed = parse(&text, &catalogue);
        assert_eq!(parsed.is_ok(), depth < 48, "{depth}");
        if let Ok(question) = parsed {
            assert_eq!(
                parse(&question.to_string(), &catalogue),
                Ok(question.clone())
            );
            let json = serde_json::to_string(&question).unwrap();
            assert_eq!(serde_json::from_str::<Question>(&json).unwrap(), question);
        }
    }
}
