//! What a tired person types: every message says what is wrong, where, and what to write instead. One table.

use crate::fixed::Fixed;
use crate::support::{said, with};

/// What is typed, and what is said to it: the mistake itself, and what to type instead.
const MISTAKES: &[(&[&str], &[&str])] = &[
    // Commands.
    (
        &["aks", "Get Uptime from all machines"],
        &["no command `aks`", "`cordon ask`"],
    ),
    (
        &["Get", "Uptime", "from", "all", "machines"],
        &["`Get`", "`cordon ask \"Get Uptime from all machines\"`"],
    ),
    (&["who"], &["`who`", "`cordon whoami`"]),
    (
        &["ls"],
        &["`ls`", "`cordon endpoints`", "`cordon questions`"],
    ),
    (
        &["show", "5"],
        &["`show`", "`cordon questions show NUMBER`"],
    ),
    (
        &["cancel", "5"],
        &["`cancel`", "`cordon questions cancel NUMBER`"],
    ),
    (&["machines"], &["`machines`", "`cordon endpoints`"]),
    (&["logs"], &["`logs`", "`cordon audit`"]),
    (&["quit"], &["nothing to leave"]),
    (&["quesitons"], &["`quesitons`", "`cordon questions`"]),
    (&["questions", "5"], &["`5`", "`cordon questions show 5`"]),
    (
        &["questions", "shwo", "5"],
        &["`shwo`", "`cordon questions show`"],
    ),
    (
        &["endpoints", "web-1"],
        &["`web-1`", "`cordon endpoints show web-1`"],
    ),
    (
        &["groups", "add", "x"],
        &["`add`", "`cordon groups create`"],
    ),
    (&["users", "rm", "ada"], &["`rm`", "`cordon users delete`"]),
    (&["index", "stats"], &["`stats`", "`cordon index status`"]),
    (&["audit", "lst"], &["`lst`", "`cordon audit list`"]),
    // What is missing, and what is too much.
    (&["ask"], &["<QUESTION>", "cordon ask \"Get "]),
    (&["ask", ""], &["empty", "cordon ask \"Get "]),
    (
        &["login"],
        &["--authority", "authority.pem", "cordon login https://"],
    ),
    (&["compare", "1"], &["<RIGHT>", "cordon compare 12 17"]),
    (
        &["compare", "1", "and", "2"],
        &["`2`", "cordon compare 12 17"],
    ),
    (
        &["questions", "show"],
        &["<ID>", "`cordon questions` lists"],
    ),
    (&["users", "delete"], &["<NAME>", "`cordon users` lists"]),
    (&["index", "query", "*.sh"], &["`*.sh`", "--name '*.sh'"]),
    (&["sensors", "--list"], &["`--list`", "--output"]),
    (
        &["ask", "--outpt", "json", "x"],
        &["`--outpt`", "did you mean `--output`?"],
    ),
    (
        &["ask", "--follow", "--wait", "5s", "x"],
        &["`--follow`", "`--wait", "leave one of them out"],
    ),
    // Values.
    (
        &["ask", "--machines", "5", "Get Uptime from all machines"],
        &["`5`", "`--machines=5`"],
    ),
    (
        &["questions", "show", "7", "--machines", "5"],
        &["`5`", "`--machines=5`"],
    ),
    (&["ask", "--count", "3", "x"], &["`3`", "'<3'", "'=3'"]),
    (&["ask", "--count", "few", "x"], &["`few`", "`<3`"]),
    (
        &["ask", "--wait", "5", "minutes", "x"],
        &["`5`", "`--wait 5m`"],
    ),
    (&["ask", "--wait", "30", "x"], &["`30`", "30s", "30%"]),
    (
        &["ask", "--wait", "150%", "x"],
        &["`150%`", "between 0% and 100%"],
    ),
    (&["ask", "--expires", "0", "x"], &["`0`", "30 days"]),
    (
        &["ask", "--output", "xml", "x"],
        &["`xml`", "`--output`", "csv"],
    ),
    (
        &["ask", "--rows", "many", "x"],
        &["`many`", "`--rows`", "whole number"],
    ),
    (
        &["ask", "--endpoints", "offlin", "x"],
        &["`offlin`", "offline"],
    ),
    (
        &["token", "create", "--uses", "five"],
        &["`five`", "`--uses`", "whole number"],
    ),
    (
        &["token", "create", "--hours", "2d"],
        &["`2d`", "`--hours 48`"],
    ),
    (
        &["token", "create", "--hours", "9000"],
        &["`9000`", "between 1 and 8784"],
    ),
    (
        &["api-tokens", "create", "x", "--days", "400"],
        &["`400`", "between 1 and 366"],
    ),
    (
        &["api-tokens", "create", "x", "--scope", "write"],
        &["`write`", "did you mean `ask`?"],
    ),
    (
        &["login", "https://a:1", "--authority", "a", "--days", "400"],
        &["`400`", "between 1 and 366"],
    ),
    (
        &["users", "create", "ada", "--role", "admin"],
        &["`admin`", "did you mean `administrator`?"],
    ),
    (
        &["trust", "rotate", "key"],
        &["`key`", "did you mean `order-key`?"],
    ),
    (
        &["index", "query", "--size", "abc"],
        &["`abc`", "digits", "--sort size"],
    ),
    (
        &["index", "query", "--size", "10MB"],
        &["`10MB`", "10485760"],
    ),
    (&["index", "query", "--hash", "abc"], &["`abc`", "64"]),
    (&["index", "query", "--path"], &["`--path`", "GLOB"]),
    (
        &["up", "--http", "8443"],
        &["`8443`", "`--http 127.0.0.1:8443`"],
    ),
    (
        &["up", "--http", "localhost:8443"],
        &["`localhost:8443`", "`--http 127.0.0.1:8443`"],
    ),
    (
        &["server", "--answers-days", "90d"],
        &["`90d`", "`--answers-days 90`"],
    ),
    (
        &["simulate", "--errors", "50"],
        &["`50`", "5%", "`--errors`"],
    ),
    (&["audit", "--since", "yesterday"], &["`yesterday`", "24h"]),
    (
        &["audit", "--since", "1h", "--until", "2h"],
        &["`--since`", "`--until`", "exchange"],
    ),
    // Questions.
    (
        &[
            "ask",
            "--explain",
            "Get Listen Ports having Local Port from all machines",
        ],
        &["^", "`= value`"],
    ),
    (
        &[
            "ask",
            "--explain",
            "Get Listen Ports having Port from all machines",
        ],
        &["`Port`", "^", "Local Port"],
    ),
    (
        &[
            "ask",
            "--explain",
            "Get Uptime, Computer Name from all machines",
        ],
        &["^", "`and`"],
    ),
    (
        &[
            "ask",
            "--explain",
            "Get Listen Ports from all machines having Local Port = 22",
        ],
        &["^", "before `from`"],
    ),
    (
        &["ask", "--explain", "Get Uptime from all machine"],
        &["^", "all machines"],
    ),
    (
        &["ask", "--explain", "Get Uptime"],
        &["^", "from all machines"],
    ),
    (
        &[
            "ask",
            "--explain",
            "Get Uptime from all machines with Uptime > 2 dayz",
        ],
        &["^^^^^^", "2 hours"],
    ),
    (
        &["ask", "--explain", "Get Runing Processes from all machines"],
        &["^", "Running Processes"],
    ),
];

/// Words of the parser of the command line, and of the language that this is written in.
const FOREIGN: [&str; 7] = [
    "error:",
    "tip:",
    "subcommand",
    "invalid",
    "argument",
    "..=",
    "For more information",
];

#[test]
fn every_mistake_is_told_with_its_place_and_with_what_to_write() {
    // Nothing of this reaches a server; one that would be asked says that it is none.
    let server = Fixed::start("500 Internal Server Error", &[], "");
    let profile = server.profile();
    let mut wrong = Vec::new();
    for (typed, told) in MISTAKES {
        let global = !matches!(
            typed[0],
            "index" | "up" | "server" | "simulate" | "sensors" | "Get"
        );
        let output = if global {
            with(&profile, typed)
        } else {
            crate::support::run(typed)
        };
        let said = said(&output);
        let missing: Vec<_> = told.iter().filter(|part| !said.contains(**part)).collect();
        let foreign: Vec<_> = FOREIGN
            .iter()
            .filter(|word| said.contains(**word))
            .collect();
        if output.status.code() != Some(2) || !missing.is_empty() || !foreign.is_empty() {
            wrong.push(format!(
                "{typed:?}: status {:?}, without {missing:?}, with {foreign:?}:\n{said}",
                output.status.code()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(MISTAKES.len() > 25);
}
