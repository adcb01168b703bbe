//! What is proposed at a cursor.

use crate::catalogue::catalogue;
use question::{Completion, SuggestionKind, complete, parse};

/// Completes where `|` stands.
fn at(marked: &str) -> (String, Completion) {
    let cursor = marked.chars().take_while(|c| *c != '|').count();
    let text = marked.replacen('|', "", 1);
    let completion = complete(&text, cursor, &catalogue());
    (text, completion)
}

fn texts(marked: &str) -> Vec<String> {
    at(marked).1.items.into_iter().map(|i| i.text).collect()
}

/// The text with a proposal put in.
fn applied(marked: &str, item: &str) -> String {
    let (text, c) = at(marked);
    assert!(
        c.items.iter().any(|i| i.text == item),
        "{marked}: {:?}",
        c.items
    );
    let chars: Vec<char> = text.chars().collect();
    chars[..c.start]
        .iter()
        .copied()
        .chain(item.chars())
        .chain(chars[c.end..].iter().copied())
        .collect()
}

#[test]
fn proposals_suit_their_place() {
    let has = |marked: &str, wanted: &[&str]| {
        let got = texts(marked);
        for w in wanted {
            assert!(got.iter().any(|g| g == w), "{marked}: no {w} in {got:?}");
        }
    };
    let lacks = |marked: &str, unwanted: &[&str]| {
        let got = texts(marked);
        for w in unwanted {
            assert!(!got.iter().any(|g| g == w), "{marked}: {w} in {got:?}");
        }
    };
    has("|", &["Get"]);
    has("G|", &["Get"]);
    has(
        "Get |",
        &[
            "Computer Name",
            "number of machines",
            "\"Read and Write (KB)\"",
        ],
    );
    has(
        "Get runn|",
        &["Running Processes", "Running Processes with Hash"],
    );
    lacks("Get runn|", &["Computer Name"]);
    has("Get running   pro|", &["Running Processes"]);
    has(
        "Get Running Processes |",
        &["and", "from", "having", "contains", "with Hash"],
    );
    has("Get Running Processes w|", &["Running Processes with Hash"]);
    has("Get Computer Name f|", &["from"]);
    lacks("Get Computer Name f|", &["and"]);
    has(
        "Get Computer Name from |",
        &["all machines", "Linux Servers"],
    );
    has("Get Computer Name from lin|", &["Linux Servers"]);
    has("Get Computer Name from all machines |", &["with"]);
    has(
        "Get Computer Name from all machines with |",
        &["Is Linux", "not", "(", "any", "all", "Linux Servers"],
    );
    has(
        "Get Computer Name from all machines with Is Linux |",
        &["=", "!="],
    );
    lacks(
        "Get Computer Name from all machines with Is Linux |",
        &["<", "contains", "matches"],
    );
    has(
        "Get Computer Name from all machines with Uptime |",
        &[">", "<="],
    );
    lacks(
        "Get Computer Name from all machines with Custom Tags |",
        &["<"],
    );
    has(
        "Get Computer Name from all machines with Is Linux = |",
        &["True", "False"],
    );
    has(
        "Get Computer Name from all machines with Is Linux = T|",
        &["True"],
    );
    lacks(
        "Get Computer Name from all machines with Is Linux = T|",
        &["False"],
    );
    has(
        "Get Computer Name from all machines with Is Linux = True |",
        &["and", "or", "matching case"],
    );
    has(
        "Get Computer Name from all machines with Is Linux = True a|",
        &["and"],
    );
    has(
        "Get Computer Name from all machines with Listen Ports:|",
        &["Local Port", "Process"],
    );
    has(
        "Get Computer Name from all machines with Listen Ports:Lo|",
        &["Local Port"],
    );
    has(
        "Get Running Processes with Hash[|",
        &["\"MD5\"", "\"SHA-1\"", "\"SHA-256\""],
    );
    has(
        "Get Running Processes with Hash[\"sh|",
        &["\"SHA-1\"", "\"SHA-256\""],
    );
    lacks("Get Running Processes with Hash[\"sh|", &["\"MD5\""]);
    has("Get Running Processes?|", &["maxAge=", "ignoreCase="]);
    has("Get Uptime as |", &["Text", "Integer"]);
    has("Get Comp| from all machines", &["Computer Name"]);
}

#[test]
fn a_proposal_continues_the_text() {
    assert_eq!(
        applied("Get runn|", "Running Processes"),
        "Get Running Processes"
    );
    assert_eq!(
        applied("Get Running Processes |", "with Hash"),
        "Get Running Processes with Hash"
    );
    assert_eq!(
        applied("Get Comp| from all machines", "Computer Name"),
        "Get Computer Name from all machines"
    );
    assert_eq!(
        applied(
            "Get Computer Name from all machines with Is Linux = t|",
            "True"
        ),
        "Get Computer Name from all machines with Is Linux = True"
    );
    assert_eq!(
        applied("Get Running Processes with Hash[\"sh|", "\"SHA-1\""),
        "Get Running Processes with Hash[\"SHA-1\""
    );
}

#[test]
fn a_tail_is_proposed_where_the_question_may_end() {
    let first = "Get Listen Ports and Running Processes from all machines";
    for place in [
        format!("{first} |"),
        format!("{first} with Is Linux = True |"),
        format!("{first} with Computer Name contains web |"),
    ] {
        let found = texts(&place);
        for wanted in ["by Local Port", "on fewer than 3 machines"] {
            assert!(found.iter().any(|f| f == wanted), "{place}: {found:?}");
        }
    }
    for (begun, proposal) in [
        ("by Lo|", "by Local Port"),
        ("on f|", "on fewer than 3 machines"),
        ("by Local Port on ex|", "on exactly 1 machine"),
        (
            "with Computer Name contains web on at l|",
            "on at least 5 machines",
        ),
    ] {
        let text = applied(&format!("{first} {begun}"), proposal);
        assert!(parse(&text, &catalogue()).is_ok(), "{text}");
    }
    // Whatever of it is proposed, it parses.
    for item in texts(&format!("{first} |")) {
        if item.starts_with("by ") || item.starts_with("on ") {
            let text = format!("{first} {item}");
            assert!(parse(&text, &catalogue()).is_ok(), "{text}");
        }
    }
}

#[test]
fn a_question_can_be_written_by_proposals_alone() {
    let mut text = String::new();
    for pick in [
        "Get",
        "Running Processes with Hash",
        "from",
        "all machines",
        "with",
        "Is Linux",
        "=",
        "True",
    ] {
        let c = complete(&text, text.len(), &catalogue());
        assert!(
            c.items.iter().any(|i| i.text == pick),
            "{text}: {:?}",
            c.items
        );
        text.truncate(c.start);
        text.push_str(pick);
        text.push(' ');
    }
    assert!(parse(&text, &catalogue()).is_ok());
}

#[test]
fn kinds_are_told_apart() {
    let kind = |marked: &str, text: &str| {
        at(marked)
            .1
            .items
            .into_iter()
            .find(|i| i.text == text)
            .map(|i| i.kind)
    };
    assert_eq!(kind("Get |", "Uptime"), Some(SuggestionKind::Sensor));
    assert_eq!(
        kind("Get Computer Name from |", "Servers"),
        Some(SuggestionKind::Group)
    );
    assert_eq!(kind("Get Uptime |", ">"), Some(SuggestionKind::Operator));
    assert_eq!(
        kind("Get Listen Ports:|", "Process"),
        Some(SuggestionKind::Column)
    );
}
