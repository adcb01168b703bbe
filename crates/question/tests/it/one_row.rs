//! `having` in the from clause: conditions that one row meets, and the warning where each may be met by another.

use crate::basics::{Fixed, row};
use crate::catalogue::catalogue;
use question::eval::{SensorRows, Unavailable, keep, matches};
use question::{Filter, Row, SensorCall, complete, interpret, parse, warnings};
use std::sync::Arc;

fn filter_of(condition: &str) -> String {
    let text = format!("Get number of machines from all machines with {condition}");
    let question = parse(&text, &catalogue()).unwrap_or_else(|e| panic!("{text}: {e}"));
    let canonical = question.to_string();
    assert_eq!(parse(&canonical, &catalogue()), Ok(question), "{canonical}");
    canonical.split_once(" with ").unwrap().1.to_owned()
}

#[test]
fn columns_stand_with_or_without_the_name_of_their_sensor() {
    let one = "Installed Applications having (Installed Applications:Name = openssl and Installed Applications:Version < 3.0.7)";
    for condition in [
        one,
        "Installed Applications having (Name = openssl and Version < 3.0.7)",
        "installed applications HAVING ( :name = openssl AND \"Version\" < 3.0.7 )",
        "any Installed Applications having (Installed Applications = openssl and Version < 3.0.7)",
        // Without parentheses a column goes on with the row, as in the get clause.
        "Installed Applications having Name = openssl and Version < 3.0.7",
        "Installed Applications having Installed Applications:Name = openssl and Installed Applications:Version < 3.0.7",
        "(Installed Applications having ((Name = openssl) and (Version < 3.0.7)))",
    ] {
        assert_eq!(filter_of(condition), one, "{condition}");
    }
    for (condition, wanted) in [
        (
            "all Listen Ports having (Protocol = tcp or not Local Port > 1024)",
            "all Listen Ports having (Listen Ports:Protocol = tcp or not Listen Ports:Local Port > 1024)",
        ),
        (
            "not Listen Ports having (Protocol = tcp and (Local Port = 22 or Local Port = 23)) and Is Linux = True",
            "not Listen Ports having (Listen Ports:Protocol = tcp and (Listen Ports:Local Port = 22 or Listen Ports:Local Port = 23)) and Is Linux = True",
        ),
        // What the row's conditions are followed by is the filter's again.
        (
            "Listen Ports having Protocol = tcp and Local Port = 22 and Is Linux = True",
            "Listen Ports having (Listen Ports:Protocol = tcp and Listen Ports:Local Port = 22) and Is Linux = True",
        ),
        (
            "Listen Ports having Protocol = tcp or Local Port = 22 or Linux Servers",
            "Listen Ports having (Listen Ports:Protocol = tcp or Listen Ports:Local Port = 22) or (Is Linux = True and Is Virtual = False)",
        ),
        // A single comparison says the same without it, and is repeated as one.
        (
            "all Listen Ports having (Protocol = tcp) or = udp",
            "all Listen Ports:Protocol = tcp or all Listen Ports:Protocol = udp",
        ),
        (
            "Listen Ports having not Protocol = tcp",
            "Listen Ports having (not Listen Ports:Protocol = tcp)",
        ),
        (
            "Running Processes with Hash[MD5]?maxAge=60 having (Path starts with /tmp and Hash != \"\")",
            "Running Processes with Hash[\"MD5\"]?maxAge=60 having (Running Processes with Hash:Path starts with \"/tmp\" and Running Processes with Hash:Hash != \"\")",
        ),
        (
            "Running Processes having (contains ssh and does not contain agent)",
            "Running Processes having (Running Processes contains ssh and Running Processes does not contain agent)",
        ),
    ] {
        assert_eq!(filter_of(condition), wanted, "{condition}");
    }
}

#[test]
fn the_get_clause_takes_bare_columns_too() {
    for (text, wanted) in [
        (
            "Get Installed Applications having (Name contains x and Version < 1) from all machines",
            "Get Installed Applications having (Installed Applications:Name contains x and Installed Applications:Version < 1) from all machines",
        ),
        (
            "Get Installed Applications having Name contains x and Version < 1 and Uptime from all machines",
            "Get Installed Applications having (Installed Applications:Name contains x and Installed Applications:Version < 1) and Uptime from all machines",
        ),
        (
            "Get Listen Ports having not Protocol = udp from all machines",
            "Get Listen Ports having not Listen Ports:Protocol = udp from all machines",
        ),
        // A sensor's name goes before a column's where the next sensor may stand.
        (
            "Get Failed Logins having User = root and Last Logins from all machines",
            "Get Failed Logins having Failed Logins:User = root and Last Logins from all machines",
        ),
    ] {
        let question = parse(text, &catalogue()).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(question.to_string(), wanted);
    }
}

#[test]
fn what_is_no_condition_on_the_row_is_refused_at_its_place() {
    for (condition, place, message) in [
        (
            "Listen Ports having (Protocol = tcp and Is Linux = True)",
            "Is Linux",
            "a condition here is on the rows of Listen Ports; one on Is Linux goes behind its own name or after `with`",
        ),
        (
            "Listen Ports having (Protcol = tcp)",
            "Protcol",
            "Listen Ports has no column `Protcol`",
        ),
        (
            "Listen Ports having (Protocol = tcp and Linux Servers)",
            "Linux Servers",
            "no sensor is named `Linux Servers`",
        ),
        (
            "Listen Ports having (Protocol = tcp",
            "(Protocol = tcp",
            "nothing closes this parenthesis",
        ),
        (
            "Listen Ports having (Protocol = tcp and Local Port = 22) or = 23",
            "=",
            "a sensor's name is missing here",
        ),
    ] {
        let text = format!("Get number of machines from all machines with {condition}");
        let error = parse(&text, &catalogue()).unwrap_err();
        let at: String = text
            .chars()
            .skip(error.start)
            .take(error.end - error.start)
            .collect();
        assert_eq!((at.as_str(), error.message.as_str()), (place, message));
    }
}

fn programs() -> Vec<Row> {
    vec![
        row(&["openssl", "3.0.15"]),
        row(&["bash", "2.0"]),
        row(&["nmap", "7.9"]),
    ]
}

fn holds(condition: &str, source: &mut dyn SensorRows) -> Result<bool, Unavailable> {
    let text = format!("Get number of machines from all machines with {condition}");
    let question = parse(&text, &catalogue()).unwrap();
    matches(question.filter.as_ref().unwrap(), source, &catalogue())
}

#[test]
fn one_row_meets_all_of_it() {
    let rows = || Fixed(vec![("Installed Applications", programs())]);
    for (condition, wanted) in [
        (
            "Installed Applications having (Name = openssl and Version < 3.0.7)",
            false,
        ),
        (
            "Installed Applications:Name = openssl and Installed Applications:Version < 3.0.7",
            true,
        ),
        (
            "Installed Applications having (Name = openssl and Version > 3.0.7)",
            true,
        ),
        (
            "Installed Applications having (Name = openssl or Version < 1)",
            true,
        ),
        (
            "Installed Applications having (not Name = openssl and Version > 7)",
            true,
        ),
        (
            "not Installed Applications having (Name = openssl and Version < 3.0.7)",
            true,
        ),
        (
            "all Installed Applications having (Version >= 2 and not Name = curl)",
            true,
        ),
        (
            "all Installed Applications having (Version >= 3 or Name = nmap)",
            false,
        ),
    ] {
        assert_eq!(holds(condition, &mut rows()), Ok(wanted), "{condition}");
    }
    // `all` wants a row.
    let mut none = Fixed(vec![("Installed Applications", Vec::new())]);
    let all = "all Installed Applications having (Version >= 2 and not Name = curl)";
    assert_eq!(holds(all, &mut none), Ok(false));
    let rows = parse(
        "Get Installed Applications having (Name contains s and Version < 3) from all machines",
        &catalogue(),
    )
    .unwrap();
    assert_eq!(
        keep(&rows.selects[0], &programs(), &catalogue()),
        [row(&["bash", "2.0"])]
    );
}

/// Some rows were found, the others could not be had.
struct Part(Vec<Row>);

impl SensorRows for Part {
    fn rows(&mut self, _: &SensorCall) -> Result<Arc<Vec<Row>>, Unavailable> {
        Err(Unavailable("broken".into()))
    }
    fn found(&mut self, _: &SensorCall) -> Arc<Vec<Row>> {
        Arc::new(self.0.clone())
    }
}

#[test]
fn some_rows_decide_what_the_missing_ones_cannot_change() {
    let unknown = Err(Unavailable("broken".into()));
    for (condition, wanted) in [
        (
            "Installed Applications having (Name = openssl and Version > 3.0.7)",
            Ok(true),
        ),
        (
            "Installed Applications having (Name = openssl and Version < 3.0.7)",
            unknown.clone(),
        ),
        (
            "not Installed Applications having (Name = openssl and Version > 3)",
            Ok(false),
        ),
        (
            "all Installed Applications having (Version > 3 or Name = curl)",
            Ok(false),
        ),
        (
            "all Installed Applications having (Version > 1 or Name = curl)",
            unknown,
        ),
    ] {
        assert_eq!(
            holds(condition, &mut Part(programs())),
            wanted,
            "{condition}"
        );
    }
}

#[test]
fn conditions_that_another_row_may_meet_are_warned_of() {
    let catalogue = catalogue();
    let warned = |condition: &str| -> Vec<(String, String)> {
        let text = format!("Get Computer Name from all machines with {condition}");
        let question = parse(&text, &catalogue).unwrap_or_else(|e| panic!("{text}: {e}"));
        warnings(&question, &catalogue)
            .into_iter()
            .map(|w| {
                let instead = w.instead.unwrap();
                let parsed = parse(&instead, &catalogue).unwrap();
                assert_eq!(parsed.to_string(), instead);
                assert_eq!(warnings(&parsed, &catalogue), []);
                (
                    w.message,
                    instead.split_once(" with ").unwrap().1.to_owned(),
                )
            })
            .collect()
    };
    assert_eq!(
        warned("Installed Applications:Name = openssl and Is Linux = True and Installed Applications:Version < 3.0.7"),
        [(
            "each of the conditions on Installed Applications (Name, Version) may be met by another row; \
             `Installed Applications having (… and …)` means one row"
                .to_owned(),
            "Installed Applications having (Installed Applications:Name = openssl and Installed Applications:Version < 3.0.7) and Is Linux = True"
                .to_owned()
        )]
    );
    for (condition, instead) in [
        (
            "Listen Ports:Local Port > 1000 and Listen Ports:Local Port < 2000",
            Some(
                "Listen Ports having (Listen Ports:Local Port > 1000 and Listen Ports:Local Port < 2000)",
            ),
        ),
        (
            "not (Listen Ports contains ssh and Listen Ports:Local Port = 22)",
            Some(
                "not Listen Ports having (Listen Ports contains ssh and Listen Ports:Local Port = 22)",
            ),
        ),
        (
            "Is Linux = True or (Is Mac = True and Local Users = root and (Local Users:UID = 1 or Local Users:UID = 2))",
            Some(
                "Is Linux = True or (Is Mac = True and Local Users having (Local Users:User = root and (Local Users:UID = 1 or Local Users:UID = 2)))",
            ),
        ),
        (
            "Running Processes with Hash[MD5]:Path = x and Running Processes with Hash[MD5]:Hash = \"\"",
            Some(
                "Running Processes with Hash[\"MD5\"] having (Running Processes with Hash:Path = x and Running Processes with Hash:Hash = \"\")",
            ),
        ),
        (
            "IP Address > 10.0.0.1 and IP Address < 10.0.0.9",
            Some("IP Address having (IP Address > 10.0.0.1 and IP Address < 10.0.0.9)"),
        ),
        // Several rows are meant, or only one is there, or one comparison is all.
        ("Local Users = root and Local Users = toor", None),
        ("CPU:Model = x and CPU:Cores > 5", None),
        (
            "all Listen Ports:Protocol = tcp and all Listen Ports:Local Port = 22",
            None,
        ),
        (
            "Listen Ports:Protocol = tcp or Listen Ports:Local Port = 22",
            None,
        ),
        ("Local Users = root and not Local Users:UID = 0", None),
        (
            "Running Processes with Hash[MD5]:Path = x and Running Processes with Hash:Hash = \"\"",
            None,
        ),
        (
            "Listen Ports having (Protocol = tcp and Local Port = 22)",
            None,
        ),
    ] {
        let got: Vec<String> = warned(condition).into_iter().map(|(_, i)| i).collect();
        assert_eq!(got, instead.into_iter().collect::<Vec<_>>(), "{condition}");
    }
    // On rows there is no other row.
    let rows = "Get Listen Ports having (Protocol = tcp and Local Port = 22) from all machines";
    assert_eq!(warnings(&parse(rows, &catalogue).unwrap(), &catalogue), []);
    // What is read comes with its warnings.
    let text =
        "Get Computer Name from all machines with Local Users = root and Local Users:UID = 1";
    assert_eq!(interpret(text, &catalogue)[0].warnings.len(), 1);
}

#[test]
fn free_words_say_several_things_of_one_row() {
    let catalogue = catalogue();
    let readings = interpret(
        "which machines have an application openssl with version below 3.0.7",
        &catalogue,
    );
    let found = readings
        .iter()
        .find(|r| r.canonical.contains(" with Installed Applications"))
        .unwrap_or_else(|| panic!("{readings:?}"));
    assert!(
        matches!(found.question.filter, Some(Filter::Having(_))) && found.warnings.is_empty(),
        "{}",
        found.canonical
    );
}

#[test]
fn completion_knows_the_columns_of_the_row() {
    let catalogue = catalogue();
    let start = "Get Computer Name from all machines with Listen Ports ";
    let texts = |text: &str| -> Vec<String> {
        complete(text, text.chars().count(), &catalogue)
            .items
            .into_iter()
            .map(|i| i.text)
            .collect()
    };
    assert!(texts(start).contains(&"having".to_owned()));
    for open in ["having ", "having (", "having (Protocol = tcp and "] {
        let text = format!("{start}{open}");
        let proposed = texts(&text);
        for column in ["Process", "Protocol", "Local Port"] {
            assert!(
                proposed.contains(&column.to_owned()),
                "{text}: {proposed:?}"
            );
            let close = if open.contains('(') { ")" } else { "" };
            let whole = format!("{text}{column} contains 5{close}");
            assert!(parse(&whole, &catalogue).is_ok(), "{whole}");
        }
    }
}
