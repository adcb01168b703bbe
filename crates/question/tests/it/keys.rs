//! A comparison without a column: which column it means, and where it is refused.

use crate::basics::{Fixed, row};
use crate::catalogue::catalogue;
use question::catalogue::{Catalogue, Sensor, ValueType as T};
use question::eval::matches;
use question::{complete, parse};

fn canonical(condition: &str, catalogue: &Catalogue) -> Result<String, String> {
    let text = format!("Get number of machines from all machines with {condition}");
    let question = parse(&text, catalogue).map_err(|e| e.to_string())?;
    let canonical = question.to_string();
    assert_eq!(parse(&canonical, catalogue), Ok(question), "{canonical}");
    let (_, filter) = canonical.split_once(" with ").unwrap();
    Ok(filter.to_owned())
}

fn sensor(name: &str, columns: &[(&str, T)]) -> Sensor {
    columns
        .iter()
        .fold(Sensor::new(name, "Test", "A sensor."), |s, (c, t)| {
            s.column(c, *t, "A column.")
        })
}

#[test]
fn the_column_of_the_sensors_own_name_is_meant_or_else_its_key() {
    let catalogue = Catalogue::new([
        sensor(
            "Is Virtual",
            &[("Platform", T::Text), ("Is Virtual", T::Boolean)],
        ),
        sensor(
            "MAC Addresses",
            &[("Adapter", T::Text), ("MAC Address", T::Text)],
        ),
        sensor("Policy", &[("Version", T::Version), ("Policies", T::Text)]),
        sensor("Bus", &[("Bu", T::Text), ("Speed", T::Integer)]).key("Speed"),
        sensor("Memory Banks", &[("Slot", T::Text), ("Size", T::DataSize)])
            .alias("Slots")
            .key("size"),
        sensor("RAM", &[("Total", T::DataSize), ("Free", T::DataSize)]).key("Total"),
        sensor("Port", &[("Port", T::Integer)]),
    ]);
    for (condition, wanted) in [
        ("Is Virtual = yes", "Is Virtual:Is Virtual = True"),
        (
            "not is virtual != true",
            "not Is Virtual:Is Virtual != True",
        ),
        (
            "MAC Addresses in (a, b)",
            "MAC Addresses:MAC Address in (a, b)",
        ),
        ("Policy = strict", "Policy:Policies = strict"),
        ("Bus > 5", "Bus:Speed > 5"),
        // The name of an alias counts as the sensor's own, before the key.
        ("Memory Banks = DIMM0", "Memory Banks:Slot = DIMM0"),
        ("all RAM < 64 GB", "all RAM:Total < \"64 GB\""),
        ("RAM as Text = 5", "RAM:Total as Text = 5"),
        ("RAM not in (5, 6)", "RAM:Total not in (5, 6)"),
        // Text is looked for in the whole row, whatever the key.
        ("RAM contains 5", "RAM contains 5"),
        (
            "Is Virtual matches .*KVM.*",
            "Is Virtual matches \".*KVM.*\"",
        ),
        // What was written is repeated, not what it meant.
        (
            "RAM = 5 or contains 6 or > 7",
            "RAM:Total = 5 or RAM contains 6 or RAM:Total > 7",
        ),
        (
            "RAM as Integer > 5 or contains 6",
            "RAM:Total as Integer > 5 or RAM as Integer contains 6",
        ),
        ("Port > 5", "Port > 5"),
    ] {
        assert_eq!(
            canonical(condition, &catalogue).as_deref(),
            Ok(wanted),
            "{condition}"
        );
    }
    // A type that holds on is the type of what follows, too.
    let error = canonical("RAM as Integer > 5 or > x", &catalogue).unwrap_err();
    assert!(error.contains("not a whole number"), "{error}");
    let rows = |text: &str| parse(text, &catalogue).unwrap().to_string();
    assert_eq!(
        rows("Get RAM > 64 GB and Port from all machines"),
        "Get RAM having RAM:Total > \"64 GB\" and Port from all machines"
    );
}

#[test]
fn a_row_that_has_no_key_equals_nothing() {
    let catalogue = catalogue();
    for operator in [
        "= x",
        "!= x",
        "in (x)",
        "not in (x)",
        "< 5",
        "<= 5",
        "> 5",
        ">= 5",
        "as Text = x",
        "as Integer > 5",
    ] {
        for (text, clause) in [
            (
                format!("Get Computer Name from all machines with Listen Ports {operator}"),
                "with",
            ),
            (
                format!("Get Listen Ports {operator} from all machines"),
                "get",
            ),
        ] {
            let error = parse(&text, &catalogue).unwrap_err();
            assert_eq!(
                error.message, "Listen Ports has several columns: name the one to compare",
                "{clause}: {text}"
            );
            assert_eq!(
                error.expected,
                [
                    "Listen Ports:Process",
                    "Listen Ports:Protocol",
                    "Listen Ports:Local Port"
                ],
                "{text}"
            );
            let place: String = text
                .chars()
                .skip(error.start)
                .take(error.end - error.start)
                .collect();
            assert!(
                operator.contains(&place) && !place.is_empty(),
                "{text}: {place}"
            );
        }
    }
    for operator in ["contains x", "does not start with x", "matches x.*"] {
        assert!(canonical(&format!("Listen Ports {operator}"), &catalogue).is_ok());
    }
}

#[test]
fn what_is_meant_is_what_is_compared() {
    let catalogue = catalogue();
    let rows = || {
        vec![
            row(&["root", "0"]),
            row(&["toor", "0"]),
            row(&["daemon", "1"]),
        ]
    };
    for (condition, wanted) in [
        ("Local Users = root", true),
        ("Local Users = rot", false),
        ("Local Users in (nobody, DAEMON)", true),
        ("all Local Users != nobody", true),
        ("all Local Users != root", false),
        ("not Local Users = \"root|0\"", true),
    ] {
        let text = format!("Get Computer Name from all machines with {condition}");
        let question = parse(&text, &catalogue).unwrap();
        let held = matches(
            question.filter.as_ref().unwrap(),
            &mut Fixed(vec![("Local Users", rows())]),
            &catalogue,
        );
        assert_eq!(held, Ok(wanted), "{condition}");
    }
}

#[test]
fn only_operators_that_parse_are_proposed() {
    let catalogue = catalogue();
    for start in [
        "Get Computer Name from all machines with Listen Ports ",
        "Get Computer Name from all machines with Listen Ports as Integer ",
        "Get Computer Name from all machines with Disk Free ",
        "Get Computer Name from all machines with Installed Applications ",
        "Get Computer Name from all machines with Listen Ports:Local Port ",
        "Get Computer Name from all machines with Uptime ",
        "Get Listen Ports ",
        "Get Disk Free ",
    ] {
        let proposed = complete(start, start.len(), &catalogue).items;
        let operators: Vec<&str> = proposed
            .iter()
            .filter(|i| i.kind == question::SuggestionKind::Operator)
            .map(|i| i.text.as_str())
            .collect();
        assert!(
            operators.contains(&"contains") || start.contains("Free"),
            "{start}"
        );
        assert_eq!(
            operators.contains(&"="),
            !start.contains("Ports "),
            "{start}"
        );
        for operator in operators {
            let value = if operator.ends_with("in") { "(5)" } else { "5" };
            let end = if start.contains(" from ") {
                ""
            } else {
                " from all machines"
            };
            let text = format!("{start}{operator} {value}{end}");
            assert!(parse(&text, &catalogue).is_ok(), "{text}");
        }
    }
}
