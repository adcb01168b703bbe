//! The audit log at the command line: read by who, what and when, and verified with heads that were noted.

use crate::support::{Server, json_of, run, said, text, with};
use serde_json::Value;

fn numbers(csv: &str) -> Vec<u64> {
    csv.lines()
        .skip(1)
        .filter_map(|line| line.split(',').next()?.trim_matches('"').parse().ok())
        .collect()
}

#[test]
fn entries_are_filtered_and_paged_in_every_form() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("server"));
    let admin = server.profile();
    for name in ["one", "two", "three"] {
        let made = with(&admin, &["groups", "create", name, "Is Linux = True"]);
        assert!(made.status.success(), "{made:?}");
    }
    let list = |args: &[&str]| {
        let args: Vec<&str> = ["audit"].iter().chain(args).copied().collect();
        let output = with(&admin, &args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        output
    };
    let all = numbers(&text(&list(&["-o", "csv", "-n", "1000"])));
    assert!(all.len() > 5 && all.is_sorted_by(|a, b| a > b), "{all:?}");
    let groups = numbers(&text(&list(&["--action", "group.", "-o", "csv"])));
    assert_eq!(groups.len(), 3);
    let one = text(&list(&["--object", "one", "-o", "csv"]));
    assert_eq!(numbers(&one).len(), 1, "{one}");
    assert!(one.contains("group.create"), "{one}");
    // In person at the sign-in, by a token since.
    let admins = numbers(&text(&list(&["--who", "admin", "-o", "csv", "-n", "1000"])));
    assert!(groups.iter().all(|n| admins.contains(n)), "{admins:?}");
    let servers = numbers(&text(&list(&["--who", "server", "-o", "csv"])));
    assert!(!servers.is_empty() && servers.iter().all(|n| !admins.contains(n)));
    // Page by page: each entry once, none left out.
    let mut paged: Vec<u64> = Vec::new();
    let mut before = (all[0] + 1).to_string();
    loop {
        let page = list(&["-n", "2", "--before", &before, "-o", "csv"]);
        let found = numbers(&text(&page));
        paged.extend(&found);
        let last = found.last().copied().unwrap_or_default();
        let hint = format!("--before {last}");
        if !said(&page).contains(&hint) {
            break;
        }
        before = last.to_string();
    }
    assert_eq!(paged, all);
    assert!(
        text(&list(&["--until", "2000-01-01", "-o", "csv"]))
            .lines()
            .count()
            <= 1
    );
    assert_eq!(
        numbers(&text(&list(&[
            "--since", "2 weeks", "-o", "csv", "-n", "1000"
        ]))),
        all
    );
    let nonsense = with(&admin, &["audit", "--since", "yesterday"]);
    assert_eq!(nonsense.status.code(), Some(2), "{nonsense:?}");
    assert!(said(&nonsense).contains("24h"), "{nonsense:?}");
    // What can be and was not: nobody else did anything, nothing was deleted.
    for wanted in [["--who", "unknown"], ["--action", "user.delete"]] {
        let none = list(&[&wanted[..], &["-o", "csv"]].concat());
        assert!(numbers(&text(&none)).is_empty(), "{none:?}");
    }
    // What cannot be is told with what there is, or with what is wrong with it.
    for (wanted, told) in [
        (&["--who", "amdin"][..], &["amdin", "admin"][..]),
        (&["--who", "Admin"], &["Admin", "admin"]),
        (&["--action", "gruop."], &["gruop.", "group.create"]),
        (&["--action", "question.aks"], &["question.ask"]),
        (&["--object", "tow"], &["`tow`", "two"]),
        (&["--endpoint", "nobody"], &["nobody", "no endpoint"]),
        (&["--since", "1h", "--until", "2h"], &["--since", "--until"]),
        (&["--since", "2999-01-01"], &["2999-01-01", "clock"]),
        (&["--since", "2026-02-30"], &["2026-02-30", "24h"]),
    ] {
        let refused = with(&admin, &[&["audit"], wanted].concat());
        assert_eq!(refused.status.code(), Some(2), "{wanted:?}: {refused:?}");
        for part in told {
            assert!(said(&refused).contains(part), "{wanted:?}: {refused:?}");
        }
    }
    let lines = text(&list(&["list", "-n", "3", "-o", "jsonl"]));
    for line in lines.lines() {
        let entry: Value = serde_json::from_str(line).expect("JSON");
        assert!(entry.is_object(), "{line}");
    }
    json_of(&list(&["list", "-n", "3", "-o", "json"]));
}

#[test]
fn heads_are_checked_here_and_by_the_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("server"));
    let admin = server.profile();
    let data = server.data.display().to_string();
    let here = |heads: &[&str]| {
        let mut args = vec!["audit", "verify", "--data", &data];
        heads.iter().for_each(|head| args.extend(["--head", head]));
        run(&args)
    };
    let there = |heads: &[&str]| {
        let mut args = vec!["audit", "verify"];
        heads.iter().for_each(|head| args.extend(["--head", head]));
        with(&admin, &args)
    };
    let whole = there(&[]);
    assert!(whole.status.success(), "{whole:?}");
    let told = text(&whole);
    let head = told
        .trim_end()
        .rsplit_once("the last one is ")
        .expect("a head")
        .1
        .to_owned();
    let (number, hash) = head.split_once(':').expect("a head");
    let wrong = format!("{number}:{}", "0".repeat(64));
    let beyond = format!("{}:{hash}", number.parse::<u64>().expect("a number") + 1000);
    for check in [&here as &dyn Fn(&[&str]) -> std::process::Output, &there] {
        let good = check(&[&head]);
        assert!(good.status.success(), "{good:?}");
        for (bad, why) in [(&wrong, "rewritten"), (&beyond, "cut")] {
            let found = check(&[&head, bad]);
            assert_eq!(found.status.code(), Some(1), "{bad}: {found:?}");
            assert!(said(&found).contains(why), "{bad}: {found:?}");
            assert!(found.stdout.is_empty(), "{found:?}");
        }
        let none = check(&["12:abc"]);
        assert_eq!(none.status.code(), Some(2), "{none:?}");
        assert!(said(&none).contains("64 hexadecimal digits"), "{none:?}");
    }
    let nowhere = run(&[
        "audit",
        "verify",
        "--data",
        &folder.path().display().to_string(),
    ]);
    assert_eq!(nowhere.status.code(), Some(2), "{nowhere:?}");
}
