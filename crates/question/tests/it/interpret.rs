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
