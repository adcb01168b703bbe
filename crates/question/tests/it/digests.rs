//! Digests of another algorithm than the column's: refused, with what they can be compared with.

use crate::catalogue::catalogue;
use question::catalogue::{Catalogue, Sensor, ValueType as T};
use question::{ParseError, interpret, parse};

fn declared() -> Catalogue {
    let algorithms = &["None", "MD5", "SHA1", "SHA256"];
    Catalogue::new([
        Sensor::new("Process Details", "Processes", "Every process.")
            .column("Process", T::Text, "Name.")
            .column("Hash", T::Hash, "Digest.")
            .parameter(
                "HashAlgorithm",
                T::Text,
                Some("SHA256"),
                algorithms,
                "Which.",
            ),
        Sensor::new("File Hash", "Files", "Digest of a file.")
            .column("Path", T::Text, "Path.")
            .column("Hash", T::Hash, "Digest.")
            .key("Hash")
            .parameter("file", T::Text, None, &[], "Path.")
            .parameter(
                "HashAlgorithm",
                T::Text,
                Some("SHA256"),
                &algorithms[1..],
                "Which.",
            ),
        Sensor::new("Changed Files", "Files", "Files that changed.")
            .column("MD5", T::Hash, "MD5.")
            .column("SHA-256", T::Hash, "SHA-256.")
            .column("Former MD5", T::Hash, "MD5 before.")
            .column("Former SHA-256", T::Hash, "SHA-256 before.")
            .column("Seen", T::Hash, "Of any kind."),
    ])
}

fn refused(condition: &str) -> ParseError {
    let text = format!("Get number of machines from all machines with {condition}");
    match parse(&text, &declared()) {
        Ok(question) => panic!("{condition} became {question}"),
        Err(error) => error,
    }
}

fn accepted(condition: &str) {
    let catalogue = declared();
    let text = format!("Get number of machines from all machines with {condition}");
    let question = parse(&text, &catalogue).unwrap_or_else(|e| panic!("{condition}: {e}"));
    assert_eq!(parse(&question.to_string(), &catalogue), Ok(question));
}

fn hex(digits: usize) -> String {
    "0123456789abcdef".chars().cycle().take(digits).collect()
}

#[test]
fn the_algorithm_is_the_one_that_the_parameter_names() {
    let (md5, sha1, sha256) = (hex(32), hex(40), hex(64));
    for (condition, message, instead) in [
        (
            format!("Process Details:Hash = {md5}"),
            "this is an MD5 digest, but Process Details gives SHA256 here: write Process Details[MD5]",
            "Process Details[MD5]",
        ),
        (
            format!("Process Details[MD5]:Hash != {sha256}"),
            "this is a SHA256 digest, but Process Details gives MD5 here: write Process Details",
            "Process Details",
        ),
        (
            format!("Process Details:Hash in ({sha256}, {sha1})"),
            "this is a SHA1 digest, but Process Details gives SHA256 here: write Process Details[SHA1]",
            "Process Details[SHA1]",
        ),
        (
            format!("all Process Details[None]:Hash not in ({md5})"),
            "this is an MD5 digest, but Process Details[None] gives no digest: write Process Details[MD5]",
            "Process Details[MD5]",
        ),
        (
            format!("File Hash[\"/bin/ls\", MD5]?maxAge=5 = {sha1}"),
            "this is a SHA1 digest, but File Hash gives MD5 here: write File Hash[\"/bin/ls\", SHA1]",
            "File Hash[\"/bin/ls\", SHA1]",
        ),
        // Longer than any cell: nothing holds it.
        (
            format!("Process Details[MD5]:Hash contains {sha1}"),
            "this is a SHA1 digest, but Process Details gives MD5 here: write Process Details[SHA1]",
            "Process Details[SHA1]",
        ),
        (
            format!("Process Details[SHA1]:Hash matches {sha256}"),
            "this is a SHA256 digest, but Process Details gives SHA1 here: write Process Details",
            "Process Details",
        ),
    ] {
        let error = refused(&condition);
        assert_eq!(error.message, message, "{condition}");
        assert_eq!(error.expected, [instead], "{condition}");
        // What is offered is a call that takes the value.
        let value = error_place(&condition, &error);
        let operator = condition
            .split(['=', ' '])
            .find(|w| matches!(*w, "contains" | "matches"))
            .unwrap_or("=");
        accepted(&format!("{instead}:Hash {operator} {value}"));
    }
    for condition in [
        format!("Process Details:Hash = {sha256}"),
        format!("Process Details[SHA1]:Hash in ({sha1}, \"\")"),
        "Process Details[None]:Hash = \"\"".to_owned(),
        format!("Process Details:Hash starts with {}", hex(12)),
        format!("Process Details:Hash contains {md5}"),
        format!("Process Details:Hash matches \"({md5}|{sha1}|{sha256}).*\""),
        // Another type was asked for, or another column.
        format!("Process Details:Hash as Text = {md5}"),
        format!("Process Details:Process = {md5}"),
        format!("Process Details contains {md5}"),
    ] {
        accepted(&condition);
    }
}

fn error_place(condition: &str, error: &ParseError) -> String {
    format!("Get number of machines from all machines with {condition}")
        .chars()
        .skip(error.start)
        .take(error.end - error.start)
        .collect()
}

#[test]
fn or_else_the_one_that_the_column_names() {
    let (md5, sha1, sha256) = (hex(32), hex(40), hex(64));
    for (column, value, message, instead) in [
        (
            "SHA-256",
            &md5,
            "this is an MD5 digest, but Changed Files:SHA-256 holds SHA-256: write Changed Files:MD5",
            Some("Changed Files:MD5"),
        ),
        (
            "Former MD5",
            &sha256,
            "this is a SHA256 digest, but Changed Files:Former MD5 holds MD5: write Changed Files:Former SHA-256",
            Some("Changed Files:Former SHA-256"),
        ),
        (
            "MD5",
            &sha1,
            "this is a SHA1 digest, but Changed Files:MD5 holds MD5: it would never match",
            None,
        ),
        (
            "MD5",
            &hex(31),
            "no digest in Changed Files:MD5 has 31 digits: this would never match",
            None,
        ),
    ] {
        let error = refused(&format!("Changed Files:{column} = {value}"));
        assert_eq!(error.message, message);
        assert_eq!(error.expected, instead.into_iter().collect::<Vec<_>>());
    }
    accepted(&format!("Changed Files:Former MD5 = {md5}"));
    accepted(&format!("Changed Files:SHA-256 = {sha256}"));
    // A column that says nothing holds digests of any algorithm, but nothing that is none.
    accepted(&format!("Changed Files:Seen in ({md5}, {sha1})"));
    assert!(
        refused(&format!("Changed Files:Seen = {}", hex(31)))
            .message
            .contains("no digest has 31 digits")
    );
    let no_digest = refused("Changed Files:MD5 = sshd");
    assert_eq!(
        no_digest.message,
        "`sshd` is not a digest in hexadecimal digits"
    );
}

#[test]
fn a_length_that_no_algorithm_has_is_said_with_the_one_that_is_meant() {
    let error = refused(&format!("Process Details:Hash = {}", hex(63)));
    assert_eq!(
        error.message,
        "Process Details gives SHA256 here, which has 64 digits, not 63: this would never match"
    );
    let error = refused(&format!("Process Details[None]:Hash = {}", hex(63)));
    assert_eq!(
        error.message,
        "Process Details[None] gives no digest: this would never match"
    );
}

#[test]
fn free_words_choose_the_algorithm_of_the_digest() {
    let catalogue = catalogue();
    let readings = interpret(
        &format!("running processes with hash {}", hex(32)),
        &catalogue,
    );
    let first = &readings.first().unwrap().canonical;
    assert!(
        first.contains("Running Processes with Hash[\"MD5\"]") && first.contains(&hex(32)),
        "{first}"
    );
    let readings = interpret(&format!("changed files {}", hex(64)), &declared());
    assert!(!readings.is_empty());
    for reading in readings {
        assert!(!reading.canonical.contains("MD5"), "{}", reading.canonical);
    }
}
