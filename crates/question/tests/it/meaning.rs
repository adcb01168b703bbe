//! What questions mean on an endpoint: filters, kept rows, tables.

use crate::basics::{Fixed, row};
use crate::catalogue::catalogue;
use question::eval::{Unavailable, join, keep, matches};
use question::{Row, parse, plan};

fn endpoint() -> Fixed {
    Fixed(vec![
        ("Is Linux", vec![row(&["True"])]),
        ("Is Windows", vec![row(&["False"])]),
        ("Computer Name", vec![row(&["Web-01"])]),
        ("Operating System", vec![row(&["Ubuntu 24.04 LTS"])]),
        ("OS Version", vec![row(&["24.04"])]),
        ("Uptime", vec![row(&["90000"])]),
        ("Last Reboot", vec![row(&["2026-11-20T10:00:00Z"])]),
        ("RAM", vec![row(&["8589934592"])]),
        ("IP Address", vec![row(&["10.1.2.3"]), row(&["fe80::1"])]),
        (
            "Running Processes",
            vec![row(&["sshd"]), row(&["Bash"]), row(&["cron\nd"])],
        ),
        (
            "Listen Ports",
            vec![row(&["sshd", "tcp", "22"]), row(&["dnsmasq", "udp", "53"])],
        ),
        ("Custom Tags", vec![]),
        ("CPU", vec![row(&["Fast", "n/a", "0.5"])]),
        (
            "Kernel Modules",
            vec![vec![b"\xFFmod".as_slice().into(), b"10".as_slice().into()]],
        ),
    ])
}

fn holds(filter: &str) -> Result<bool, Unavailable> {
    let catalogue = catalogue();
    let question = parse(
        &format!("Get Computer Name from all machines with {filter}"),
        &catalogue,
    )
    .unwrap();
    matches(
        question.filter.as_ref().unwrap(),
        &mut endpoint(),
        &catalogue,
    )
}

#[test]
fn comparisons_follow_their_types() {
    for (filter, wanted) in [
        ("Is Linux = yes", true),
        ("Computer Name = web-01", true),
        ("Computer Name = web-01 matching case", false),
        ("Computer Name?ignoreCase=0 = web-01", false),
        ("Computer Name starts with WEB", true),
        ("Computer Name does not start with web", false),
        ("Computer Name ends with 1", true),
        ("Computer Name matches web", false),
        ("Computer Name matches web-\\d+", true),
        ("Computer Name matches a|web-01", true),
        ("Computer Name in (db-01, WEB-01)", true),
        ("Computer Name not in (db-01)", true),
        ("Computer Name in (a, b, c, d, e, WEB-01)", true),
        (
            "Computer Name in (a, b, c, d, e, WEB-01) matching case",
            false,
        ),
        ("Computer Name not in (a, b, c, d, e)", true),
        ("OS Version >= 9.10", true),
        ("OS Version as Text >= 9.10", false),
        ("Uptime > 1 day", true),
        ("Uptime < 25 hours", false),
        ("Uptime = 25 hours", true),
        ("Last Reboot < 2026-11-21", true),
        ("Last Reboot = 2026-11-20", true),
        ("Last Reboot > 2026-11-20", false),
        ("Last Reboot >= 2026-11-20", true),
        ("RAM = 8 GB", true),
        ("RAM > 7.9 GB", true),
        ("RAM = 8192 MB", true),
        ("RAM = 8 GiB", true),
        ("RAM > 8.5 GB", false),
        ("Last Reboot = 2026-11-20 10:00", true),
        ("Last Reboot = \"2026-11-20T11:00:00+01:00\"", true),
        ("Last Reboot = \"2026-11-20T10:00:00+01:00\"", false),
        (
            "Computer Name starting with web and Computer Name ending with 01",
            true,
        ),
        ("not CPU:Cores > 1", true),
        ("IP Address = 10.0.0.0/8", true),
        ("IP Address in (192.168.0.0/16, fe80::/10)", true),
        ("all IP Address = 10.0.0.0/8", false),
        ("IP Address != 10.1.2.3", true),
        ("not IP Address = 10.1.2.3", false),
        ("all IP Address != 10.9.9.9", true),
        ("Running Processes contains BAS", true),
        ("Running Processes does not contain sshd", true),
        ("all Running Processes does not contain sshd", false),
        ("Running Processes matches cron.d", true),
        ("Listen Ports:Local Port = 22", true),
        ("Listen Ports:Local Port > 53", false),
        ("Listen Ports matches \"sshd[|]tcp[|]22\"", true),
        ("Listen Ports contains \"tcp|22\"", true),
        ("Custom Tags contains x", false),
        ("all Custom Tags contains x", false),
        ("not Custom Tags contains x", true),
        ("Custom Tags does not contain x", false),
        ("CPU:Cores > 1", false),
        ("CPU:Cores <= 1", false),
        ("CPU:Cores = 1", false),
        ("CPU:Cores != 1", true),
        ("CPU:Cores contains n/", true),
        ("CPU:Load < 1", true),
        ("Kernel Modules:Name contains \\xff", true),
        ("Linux Servers or Is Linux = True", true),
        ("No Computers", false),
    ] {
        let got = holds(filter);
        if filter.starts_with("Linux Servers") {
            // Is Virtual is not among the endpoint's rows, but does not decide.
            assert_eq!(got, Ok(true));
        } else {
            assert_eq!(got, Ok(wanted), "{filter}");
        }
    }
}

/// The paragraph on negation in docs/language.md, for rows `a` and `b`, for `a` alone, for `b` alone, and for none.
#[test]
fn negation_is_of_some_row_of_no_row_or_of_all() {
    let catalogue = catalogue();
    let endpoints = [vec!["a", "b"], vec!["a"], vec!["b"], vec![]];
    for (condition, wanted) in [
        ("Custom Tags contains a", [true, true, false, false]),
        ("any Custom Tags contains a", [true, true, false, false]),
        ("all Custom Tags contains a", [false, true, false, false]),
        ("Custom Tags does not contain a", [true, false, true, false]),
        ("not Custom Tags contains a", [false, false, true, true]),
        (
            "all Custom Tags does not contain a",
            [false, false, true, false],
        ),
        (
            "not Custom Tags does not contain a",
            [false, true, false, true],
        ),
        ("Custom Tags != a", [true, false, true, false]),
        ("not Custom Tags = a", [false, false, true, true]),
        ("all Custom Tags not in (a, c)", [false, false, true, false]),
        ("Custom Tags does not match a", [true, false, true, false]),
        (
            "Custom Tags does not start with a",
            [true, false, true, false],
        ),
        (
            "all Custom Tags not ending with a",
            [false, false, true, false],
        ),
    ] {
        let text = format!("Get Computer Name from all machines with {condition}");
        let question = parse(&text, &catalogue).unwrap();
        for (tags, wanted) in endpoints.iter().zip(wanted) {
            let rows = tags.iter().map(|t| row(&[t])).collect();
            let got = matches(
                question.filter.as_ref().unwrap(),
                &mut Fixed(vec![("Custom Tags", rows)]),
                &catalogue,
            );
            assert_eq!(got, Ok(wanted), "{condition} of {tags:?}");
        }
    }
    // On rows, both ways are the same.
    let rows: Vec<Row> = ["a", "b", "ab"].iter().map(|t| row(&[t])).collect();
    for condition in [
        "does not contain a",
        "having not Custom Tags:Tag contains a",
    ] {
        let text = format!("Get Custom Tags {condition} from all machines");
        let question = parse(&text, &catalogue).unwrap();
        assert_eq!(
            keep(&question.selects[0], &rows, &catalogue),
            [row(&["b"])],
            "{text}"
        );
    }
}

#[test]
fn an_unavailable_sensor_decides_only_where_it_must() {
    let unknown = Err(Unavailable("timed out".into()));
    for (filter, wanted) in [
        ("Is Mac = True", unknown.clone()),
        ("not Is Mac = True", unknown.clone()),
        ("Is Mac = True and Is Linux = False", Ok(false)),
        ("Is Linux = False and Is Mac = True", Ok(false)),
        ("Is Mac = True or Is Linux = True", Ok(true)),
        ("Is Mac = True or Is Linux = False", unknown.clone()),
        ("Is Mac = True and Is Linux = True", unknown.clone()),
        ("not (Is Mac = True and Is Linux = False)", Ok(true)),
        (
            "(Is Mac = True or Is Linux = False) and Is Windows = True",
            Ok(false),
        ),
    ] {
        assert_eq!(holds(filter), wanted, "{filter}");
    }
}

fn tables(text: &str, per_select: &[Vec<Row>]) -> Vec<Vec<Vec<String>>> {
    let catalogue = catalogue();
    let question = parse(text, &catalogue).unwrap();
    let kept: Vec<Vec<Row>> = question
        .selects
        .iter()
        .zip(per_select)
        .map(|(s, rows)| keep(s, rows, &catalogue))
        .collect();
    join(&plan(&question, &catalogue), &kept)
        .into_iter()
        .map(|t| {
            t.into_iter()
                .map(|r| {
                    r.iter()
                        .map(|c| question::cell::text(c).into_owned())
                        .collect()
                })
                .collect()
        })
        .collect()
}

fn columns(text: &str) -> Vec<Vec<String>> {
    let catalogue = catalogue();
    plan(&parse(text, &catalogue).unwrap(), &catalogue)
        .tables
        .into_iter()
        .map(|t| t.columns.into_iter().map(|c| c.name).collect())
        .collect()
}

#[test]
fn one_row_sensors_join_each_row_of_many() {
    let name = vec![row(&["web-01"])];
    let ports = vec![row(&["sshd", "tcp", "22"]), row(&["dns", "udp", "53"])];
    let users = vec![row(&["root", "pts/0"])];
    assert_eq!(
        tables(
            "Get Listen Ports and Computer Name and Logged In Users from all machines",
            &[ports.clone(), name.clone(), users]
        ),
        vec![
            vec![
                vec!["sshd", "tcp", "22", "web-01"],
                vec!["dns", "udp", "53", "web-01"]
            ],
            vec![vec!["web-01", "root", "pts/0"]],
        ]
    );
    assert_eq!(
        tables(
            "Get Computer Name and Listen Ports having Listen Ports:Local Port < 50 from all machines",
            &[name.clone(), ports.clone()]
        ),
        vec![vec![vec!["web-01", "sshd", "tcp", "22"]]]
    );
    assert_eq!(
        tables(
            "Get Computer Name contains db and Listen Ports from all machines",
            &[name, ports]
        ),
        vec![Vec::<Vec<String>>::new()]
    );
}

#[test]
fn counting_gives_one_empty_row() {
    assert_eq!(
        tables("Get number of machines from all machines", &[]),
        vec![vec![Vec::<String>::new()]]
    );
    assert_eq!(
        columns("Get number of machines from all machines"),
        vec![Vec::<String>::new()]
    );
}

#[test]
fn rows_of_the_wrong_width_do_not_shift_their_neighbours() {
    assert_eq!(
        tables(
            "Get Listen Ports and Computer Name from all machines",
            &[
                vec![row(&["sshd"]), row(&["a", "b", "c", "d"])],
                vec![row(&["web"])]
            ]
        ),
        vec![vec![
            vec!["sshd", "", "", "web"],
            vec!["a", "b", "c", "web"]
        ]]
    );
}

#[test]
fn column_names_are_unique() {
    assert_eq!(
        columns("Get Computer Name and Listen Ports from all machines"),
        vec![vec!["Computer Name", "Process", "Protocol", "Local Port"]]
    );
    assert_eq!(
        columns(
            "Get File Exists[\"/a\"] and File Exists[\"/b\"] and Computer Name from all machines"
        ),
        vec![vec![
            "File Exists[\"/a\"]: File Exists",
            "File Exists[\"/b\"]: File Exists",
            "Computer Name"
        ]]
    );
    assert_eq!(
        columns("Get Uptime and Uptime from all machines"),
        vec![vec!["Uptime: Uptime", "Uptime: Uptime (2)"]]
    );
}
