//! Free words.

use crate::catalogue::catalogue;
use question::{interpret, parse};

fn best(text: &str) -> String {
    let readings = interpret(text, &catalogue());
    readings
        .first()
        .map(|r| r.canonical.clone())
        .unwrap_or_default()
}

#[test]
fn free_words_find_their_question() {
    let cases = [
        (
            "running processes with hash on linux",
            "Get Running Processes with Hash from all machines with Is Linux = True",
        ),
        (
            "which machines listen on port 22",
            "Get Computer Name from all machines with Listen Ports:Local Port = 22",
        ),
        (
            "failed logins on windows",
            "Get Failed Logins from all machines with Is Windows = True",
        ),
        (
            "running processes",
            "Get Running Processes from all machines",
        ),
        (
            "Running processes named sshd?",
            "Get Running Processes contains sshd from all machines",
        ),
        (
            "machines with uptime more than 30 days",
            "Get Computer Name from all machines with Uptime > \"30 days\"",
        ),
        (
            "disk free less than 10 GB",
            "Get Disk Free having Disk Free:Free < \"10 GB\" from all machines",
        ),
        (
            "computer name and ip address on linux",
            "Get Computer Name and IP Address from all machines with Is Linux = True",
        ),
        (
            "installed software openssl",
            "Get Installed Applications having Installed Applications:Name contains openssl from all machines",
        ),
        (
            "linux machines",
            "Get Computer Name from all machines with Is Linux = True",
        ),
        (
            "how many linux machines",
            "Get number of machines from all machines with Is Linux = True",
        ),
        (
            "listening ports on linux and windows",
            "Get Listen Ports from all machines with Is Linux = True or Is Windows = True",
        ),
        (
            "contents of folder /etc/cron.d",
            "Get Folder Contents[\"/etc/cron.d\"] from all machines",
        ),
        (
            "conections to 203.0.113.7",
            "Get Established Connections having Established Connections:\"Remote Address\" = 203.0.113.7 from all machines",
        ),
        ("who is logged in", "Get Logged In Users from all machines"),
        ("kernel drivers", "Get Kernel Modules from all machines"),
        (
            "Get Runing Proceses from all machines with Is Linx = True",
            "Get Running Processes from all machines with Is Linux = True",
        ),
        (
            "running processes from all machines",
            "Get Running Processes from all machines",
        ),
        ("os version", "Get OS Version from all machines"),
        (
            "d41d8cd98f00b204e9800998ecf8427e",
            "Get Running Processes with Hash[\"MD5\"] having \"Running Processes with Hash\":Hash = d41d8cd98f00b204e9800998ecf8427e from all machines",
        ),
        (
            "how many machines have listen port 3389",
            "Get number of machines from all machines with Listen Ports:Local Port = 3389",
        ),
        (
            "last reboot before 2026-01-01 not windows",
            "Get Last Reboot < 2026-01-01 from all machines with Is Windows = False",
        ),
        ("hostname", "Get Computer Name from all machines"),
    ];
    let catalogue = catalogue();
    let mut wrong = Vec::new();
    for (text, wanted) in cases {
        let wanted = parse(wanted, &catalogue)
            .map(|q| q.to_string())
            .unwrap_or_else(|e| panic!("{wanted}: {e}"));
        let got = best(text);
        if got != wanted {
            let all: Vec<String> = interpret(text, &catalogue)
                .iter()
                .map(|r| format!("  {:.2} {}", r.score, r.canonical))
                .collect();
            wrong.push(format!("{text}\n  wanted {wanted}\n{}", all.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn readings_are_questions_and_ordered() {
    let catalogue = catalogue();
    for text in [
        "processes hash",
        "users",
        "port 22 windows",
        "version of openssl under 3.0.7",
        "ip",
    ] {
        let readings = interpret(text, &catalogue);
        assert!(!readings.is_empty(), "{text}");
        for pair in readings.windows(2) {
            assert!(pair[0].score >= pair[1].score);
        }
        for reading in readings {
            assert_eq!(
                parse(&reading.canonical, &catalogue).as_ref(),
                Ok(&reading.question)
            );
            assert!((0.0..1.0).contains(&reading.score));
        }
    }
}

#[test]
fn a_question_has_one_reading() {
    let readings = interpret("get hostname from all machines", &catalogue());
    assert_eq!(readings.len(), 1);
    assert_eq!(readings[0].score, 1.0);
    assert_eq!(readings[0].canonical, "Get Computer Name from all machines");
}

#[test]
fn nonsense_has_none() {
    assert!(interpret("", &catalogue()).is_empty());
    assert!(interpret("qqqq zzzz", &catalogue()).is_empty());
    assert!(interpret("the of and", &catalogue()).is_empty());
}

fn among(text: &str) -> Vec<String> {
    let hosts = ["web-01", "WEB-02.example", "uptime", "proceses", "22"].map(str::to_owned);
    question::interpret_among(text, &catalogue(), &hosts)
        .into_iter()
        .map(|r| r.canonical)
        .collect()
}

#[test]
fn a_word_that_is_a_host_name_means_that_machine_first() {
    for (text, first) in [
        (
            "uptime of web-01",
            "Get Uptime from all machines with Computer Name = web-01",
        ),
        (
            "Web-01's running processes",
            "Get Running Processes from all machines with Computer Name = web-01",
        ),
        (
            "running processes on web-01 and web-02.example",
            "Get Running Processes from all machines with (Computer Name = web-01 or Computer Name = WEB-02.example)",
        ),
        (
            "running processes on linux except web-01",
            "Get Running Processes from all machines with (Computer Name != web-01 and Is Linux = True)",
        ),
        (
            "web-01",
            "Get Computer Name from all machines with Computer Name = web-01",
        ),
        // A name that nearly is a sensor's word is still a name.
        (
            "uptime of proceses",
            "Get Uptime from all machines with Computer Name = proceses",
        ),
    ] {
        let readings = among(text);
        assert_eq!(
            readings.first().map(String::as_str),
            Some(
                parse(first, &catalogue())
                    .expect(first)
                    .to_string()
                    .as_str()
            ),
            "{text}: {readings:?}"
        );
    }
    // What the word means to sensors as well stays in the list, behind the machine.
    let readings = among("uptime");
    let at = |wanted: &str| readings.iter().position(|r| r == wanted);
    let host = at("Get Computer Name from all machines with Computer Name = uptime");
    let sensor = at("Get Uptime from all machines");
    assert_eq!(host, Some(0), "{readings:?}");
    assert!(sensor > host, "{readings:?}");
}

#[test]
fn numbers_and_common_words_are_no_hosts_and_a_question_stays_one() {
    assert_eq!(
        among("which machines listen on port 22"),
        interpret("which machines listen on port 22", &catalogue())
            .into_iter()
            .map(|r| r.canonical)
            .collect::<Vec<_>>()
    );
    let whole = "Get Uptime from all machines";
    assert_eq!(among(whole), [whole]);
    let hosts = ["machines".to_owned(), "the".to_owned()];
    let text = "the uptime of all machines";
    assert_eq!(
        question::interpret_among(text, &catalogue(), &hosts),
        interpret(text, &catalogue())
    );
}

#[test]
fn every_reading_with_hosts_is_a_question() {
    let hosts: Vec<String> = [
        "a b",
        "q\"uote",
        "all machines",
        "x and y",
        "\u{1b}[1m",
        "host's",
    ]
    .map(str::to_owned)
    .into();
    for text in [
        "uptime of \"a b\"",
        "processes on host's",
        "not \"all machines\" not",
        "except \"x and y\" uptime",
        "\u{1b}[1m uptime",
    ] {
        for reading in question::interpret_among(text, &catalogue(), &hosts) {
            assert_eq!(
                parse(&reading.canonical, &catalogue()),
                Ok(reading.question)
            );
        }
    }
}

#[test]
fn a_bound_on_machines_at_the_end_of_free_words_is_kept() {
    for text in [
        "running processes with hash on fewer than three machines",
        "running proceses with hash on fewer than 3 machines",
    ] {
        let readings = question::interpret(text, &crate::catalogue::catalogue());
        let first = readings.first().map(|r| r.canonical.as_str());
        assert_eq!(
            first,
            Some("Get Running Processes with Hash from all machines on fewer than 3 machines"),
            "{text}"
        );
        for reading in &readings {
            assert!(reading.canonical.ends_with(" on fewer than 3 machines"));
        }
    }
}
