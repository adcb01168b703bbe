//! What a person is told when something goes wrong: a sentence with what, where, and what to do, in no words of the program's.

use crate::fixed::Fixed;
use crate::support::{self, cordon, run};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Output, Stdio};

/// Words of the language that this is written in, and of its libraries.
const FOREIGN: [&str; 21] = [
    "builder error",
    "Report {",
    "Error {",
    "Some(",
    "None",
    "Err(",
    "Deserialize",
    "deserialize",
    "invalid type",
    "missing field",
    "expected struct",
    "expected one of",
    "untagged",
    "unwrap",
    "panicked",
    "os error",
    "hyper",
    "serde",
    "EOF while",
    "invalid digit",
    "UnknownIssuer",
];

/// What was said, which is one error and nothing foreign.
fn told(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    for word in FOREIGN {
        assert!(!said.contains(word), "`{word}` in: {said}");
    }
    said
}

fn with(profile: &Path, words: &[&str]) -> String {
    told(&support::with(profile, words))
}

fn says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "no `{part}` in: {said}");
    }
}

#[test]
fn a_server_that_cannot_be_reached_is_told_with_its_address_and_the_reason() {
    let server = Fixed::start("200 OK", &[], "[]");
    let endpoints = |url: &str| {
        let profile = server.profile_of(url, &server.authority);
        with(&profile, &["endpoints"])
    };
    for bad in ["http://127.0.0.1:1", "127.0.0.1:1", "https://a b", ""] {
        says(&endpoints(bad), &["no address of a server", "https://HOST"]);
    }
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        format!("https://{}", listener.local_addr().expect("an address"))
    };
    says(&endpoints(&closed), &[&closed, "nothing listens there"]);
    says(
        &endpoints("https://no-such-machine.invalid:1"),
        &["no-such-machine.invalid", "no machine of this name"],
    );
    // What answers, but not with TLS.
    let plain = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://{}", plain.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in plain.incoming().map_while(Result::ok) {
            let written =
                std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
            drop(written);
        }
    });
    says(&endpoints(&url), &[&url, "no TLS", "console and API"]);
}

#[test]
fn a_stranger_in_place_of_the_server_is_told() {
    let (server, other) = (
        Fixed::start("200 OK", &[], "[]"),
        Fixed::start("200 OK", &[], "[]"),
    );
    let profile = server.profile_of(&server.url, &other.authority);
    says(
        &with(&profile, &["endpoints"]),
        &[&server.url, "authority", "cordon login"],
    );
    let elsewhere = server.url.replace("127.0.0.1", "localhost");
    let profile = server.profile_of(&elsewhere, &server.authority);
    says(
        &with(&profile, &["endpoints"]),
        &[&elsewhere, "another name"],
    );
}

#[test]
fn replies_that_are_none_of_the_apis_are_told() {
    let endpoints = |server: &Fixed| with(&server.profile(), &["endpoints"]);
    for garbage in ["<html>", "{\"a\": 1}", "[{\"id\": 5}]", "[1", "5"] {
        let said = endpoints(&Fixed::start("200 OK", &[], garbage));
        says(&said, &["/endpoints", "is it a Cordon server"]);
    }
    let said = endpoints(&Fixed::saying(b"SSH-2.0-x\r\n".to_vec()));
    says(&said, &["what it says is no HTTP"]);
    let said = endpoints(&Fixed::saying(Vec::new()));
    says(&said, &["ended the connection"]);
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n[".to_vec();
    says(&endpoints(&Fixed::saying(half)), &["broke off"]);
    let said = endpoints(&Fixed::start("502 Bad Gateway", &[], "<html>"));
    says(&said, &["502 (Bad Gateway)"]);
}

#[test]
fn refusals_of_the_api_are_told_in_its_words() {
    let endpoints = |status: &str, headers: &[&str], code: &str, message: &str| {
        let body =
            serde_json::json!({"error": {"code": code, "message": message, "details": null}});
        let server = Fixed::start(status, headers, &body.to_string());
        with(&server.profile(), &["endpoints"])
    };
    let said = endpoints("401 Unauthorized", &[], "unauthenticated", "sign in");
    says(&said, &["cordon login"]);
    let said = endpoints("403 Forbidden", &[], "forbidden", "only administrators may");
    says(&said, &["not allowed: only administrators may"]);
    for (status, code) in [
        ("404 Not Found", "not_found"),
        ("409 Conflict", "conflict"),
        ("413 Payload Too Large", "too_large"),
        ("422 Unprocessable Entity", "invalid"),
        ("500 Internal Server Error", "internal"),
        // Of a newer server.
        ("418 I'm a teapot", "teapot"),
    ] {
        let said = endpoints(status, &[], code, "what it is, and what to do");
        assert_eq!(said, "cordon: what it is, and what to do\n");
    }
    let said = endpoints(
        "429 Too Many Requests",
        &["retry-after: 1"],
        "too_many",
        "too many",
    );
    says(&said, &["too many", "again in 1 second:"]);
}

#[test]
fn what_was_typed_wrong_is_told() {
    let server = Fixed::start("200 OK", &[], "[]");
    let profile = server.profile();
    says(
        &with(&profile, &["questions", "show", "seven"]),
        &["seven", "a question's number"],
    );
    says(
        &with(&profile, &["endpoints", "--output", "xls"]),
        &["xls", "csv"],
    );
    says(
        &told(&run(&["sensors", "No", "Such"])),
        &["there is no sensor `No Such`"],
    );
    let missing = server.folder().join("none.json");
    says(
        &with(&missing, &["endpoints"]),
        &["none.json", "no such file"],
    );
    let bad = server.folder().join("bad.json");
    for text in ["", "{", "[]", "{\"url\": 5}", "{\"url\": \"a\"}"] {
        std::fs::write(&bad, text).expect("written");
        says(&with(&bad, &["endpoints"]), &["bad.json", "cordon login"]);
    }
    for authority in [
        "",
        "no certificate",
        "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",
    ] {
        let bad = server.profile_of(&server.url, authority);
        says(&with(&bad, &["endpoints"]), &["authority"]);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error_of_any_verb() {
    let server = Fixed::start("200 OK", &[], "[]");
    let profile = server.profile();
    let profile = profile.to_string_lossy();
    let verbs: [&[&str]; 10] = [
        &["sensors"],
        &["sensors", "--output", "json"],
        &["sensors", "--output", "csv"],
        &["sensors", "Uptime"],
        &["version"],
        &["completions", "bash"],
        &["ask", "--explain", "Get Uptime from all machines"],
        &["ask", "--local", "Get Uptime from all machines"],
        &["endpoints", "--profile", &profile],
        &["questions", "--profile", &profile, "--output", "json"],
    ];
    for verb in verbs {
        let mut child = cordon()
            .args(verb)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("ended");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("panicked"), "{verb:?}: {said}");
        assert_eq!(output.status.code(), Some(0), "{verb:?}: {said}");
    }
}
