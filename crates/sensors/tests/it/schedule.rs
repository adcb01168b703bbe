//! Scheduled tasks, against `crontab` and `at`, and from trees of files.

use crate::support::{Tree, live, output, rows};
use proptest::prelude::*;
use sensors::schedule::{at, cron, scheduled_tasks};

#[test]
fn entries_of_the_system_tables() {
    let tree = Tree::new();
    tree.file(
        "/etc/crontab",
        "SHELL=/bin/sh\n# m h dom mon dow user command\n17 *\t* * *\troot    cd / && run-parts /etc/cron.hourly\n@reboot svc /bin/start # c\n5 4 * * mon\n1x\n-*/15 * * * * root /bin/quiet\n",
    )
    .file("/etc/cron.d/job", "*/5 1-3 1,15 jan * www-data /usr/bin/php x.php\n")
    .file("/etc/cron.d/.placeholder", "* * * * * root no\n")
    .file("/etc/cron.d/old.dpkg-dist", "* * * * * root no\n")
    .file("/var/spool/cron/crontabs/alice", "0 2 * * * /home/alice/backup --all\n")
    .file("/etc/cron.daily/logrotate", "#!/bin/sh\n")
    .file("/etc/anacrontab", "SHELL=/bin/sh\n1\t5\tcron.daily\trun-parts /etc/cron.daily\n@monthly 15 m run\n");
    output(
        "chmod",
        &[
            "755",
            tree.at("/etc/cron.daily/logrotate").to_str().unwrap(),
        ],
    );
    let found = rows(|s| scheduled_tasks_or_fail(&tree, s));
    let expected = [
        [
            "cron",
            "root",
            "17 * * * *",
            "cd / && run-parts /etc/cron.hourly",
            "yes",
            "/etc/crontab",
            "SHELL=/bin/sh",
        ],
        [
            "cron",
            "svc",
            "@reboot",
            "/bin/start # c",
            "yes",
            "/etc/crontab",
            "SHELL=/bin/sh",
        ],
        [
            "cron",
            "root",
            "-*/15 * * * *",
            "/bin/quiet",
            "yes",
            "/etc/crontab",
            "SHELL=/bin/sh",
        ],
        [
            "cron",
            "www-data",
            "*/5 1-3 1,15 jan *",
            "/usr/bin/php x.php",
            "yes",
            "/etc/cron.d/job",
            "",
        ],
        [
            "cron",
            "alice",
            "0 2 * * *",
            "/home/alice/backup --all",
            "yes",
            "/var/spool/cron/crontabs/alice",
            "",
        ],
        [
            "anacron",
            "root",
            "every 1 days",
            "run-parts /etc/cron.daily",
            "yes",
            "/etc/anacrontab",
            "SHELL=/bin/sh",
        ],
        [
            "anacron",
            "root",
            "every @monthly",
            "run",
            "yes",
            "/etc/anacrontab",
            "SHELL=/bin/sh",
        ],
        [
            "cron folder",
            "root",
            "daily",
            "/etc/cron.daily/logrotate",
            "yes",
            "/etc/cron.daily/logrotate",
            "SHELL=/bin/sh",
        ],
    ];
    assert_eq!(found, expected);
}

fn scheduled_tasks_or_fail(
    tree: &Tree,
    sink: &mut sensors::framework::Sink,
) -> Result<(), sensors::framework::SensorError> {
    tree.file(
        "/etc/passwd",
        "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n",
    );
    scheduled_tasks(tree.root(), sink)
}

/// The sensor on this machine, with a table and a job made by the system's own programs.
#[test]
fn tables_and_jobs_of_this_machine() {
    let tree = Tree::new();
    let before = std::process::Command::new("crontab")
        .arg("-l")
        .output()
        .expect("cron is not installed");
    tree.file("/table", "11 3 29 2 * /bin/true cordon-test-entry\n");
    output("crontab", &[tree.at("/table").to_str().unwrap()]);
    tree.file("/job", "echo cordon-test-job\necho second\n");
    output(
        "at",
        &[
            "-f",
            tree.at("/job").to_str().unwrap(),
            "23:59",
            "2099-12-30",
        ],
    );
    let found = live("Scheduled Tasks");
    // Put things back before anything can fail.
    if before.status.success() {
        tree.file("/before", &before.stdout);
        output("crontab", &[tree.at("/before").to_str().unwrap()]);
    } else {
        output("crontab", &["-r"]);
    }
    for line in output("atq", &[]).lines().filter(|l| l.contains("2099")) {
        output("atrm", &[line.split_whitespace().next().unwrap()]);
    }
    let me = output("id", &["-un"]);
    let entry = found
        .iter()
        .find(|r| r[3].contains("cordon-test-entry"))
        .expect("table entry");
    assert_eq!(
        entry[..4],
        [
            "cron",
            me.trim(),
            "11 3 29 2 *",
            "/bin/true cordon-test-entry"
        ]
        .map(String::from)
    );
    let job = found
        .iter()
        .find(|r| r[3].contains("cordon-test-job"))
        .expect("at job");
    assert_eq!(job[0..2], ["at", me.trim()].map(String::from));
    assert_eq!(job[3], "echo cordon-test-job\necho second");
    assert_eq!(
        job[2]
            .parse::<jiff::Timestamp>()
            .unwrap()
            .strftime("%F")
            .to_string(),
        "2099-12-30"
    );
    let of_users = ["/systemd/user/", "/systemd/user."];
    let timers: Vec<&Vec<String>> = found
        .iter()
        .filter(|r| r[0] == "timer" && !of_users.iter().any(|part| r[5].contains(part)))
        .collect();
    let states = output(
        "systemctl",
        &[
            "--root",
            "/",
            "list-unit-files",
            "--type=timer",
            "--no-legend",
            "--no-pager",
            "--plain",
        ],
    );
    assert_eq!(timers.len(), states.lines().count());
    for line in states.lines() {
        let mut words = line.split_whitespace();
        let (name, state) = (words.next().unwrap(), words.next().unwrap());
        let timer = timers
            .iter()
            .find(|t| t[5].ends_with(&format!("/{name}")))
            .unwrap();
        assert_eq!(timer[4], state, "{timer:?}");
    }
}

#[test]
fn a_timer_shows_the_command_of_its_unit() {
    let tree = Tree::new();
    tree.file("/usr/lib/systemd/system/a.timer", "[Timer]\nOnCalendar=daily\nOnBootSec=5min\nPersistent=true\nUnit=b.service\n[Install]\nWantedBy=timers.target\n")
        .file("/usr/lib/systemd/system/b.service", "[Service]\nUser=backup\nExecStart=/bin/b %n\n")
        .link("/etc/systemd/system/timers.target.wants/a.timer", "/usr/lib/systemd/system/a.timer");
    let found = rows(|s| scheduled_tasks_or_fail(&tree, s));
    assert_eq!(
        found,
        [[
            "timer",
            "backup",
            "OnBootSec=5min; OnCalendar=daily",
            "/bin/b b.service",
            "enabled",
            "/usr/lib/systemd/system/a.timer",
            ""
        ]]
    );
}

/// Names and rights of scripts against the program that starts them.
#[test]
fn scripts_agree_with_run_parts() {
    let tree = Tree::new();
    tree.file(
        "/etc/crontab",
        "PATH=/x\n1 2 * * * root cd / && run-parts --report /etc/parts\n",
    );
    let names = [
        "plain",
        "with-dash",
        "with_underscore",
        "UPPER",
        "9",
        "with.dot",
        "script.sh",
        "copy~",
        "a,b",
        "x.dpkg-old",
        "closed",
        "blank name",
    ];
    for name in names {
        tree.file(&format!("/etc/parts/{name}"), "#!/bin/sh\n");
        let mode = if name == "closed" { "644" } else { "755" };
        output(
            "chmod",
            &[
                mode,
                tree.at(&format!("/etc/parts/{name}")).to_str().unwrap(),
            ],
        );
    }
    std::fs::create_dir(tree.at("/etc/parts/folder")).unwrap();
    let told = output(
        "run-parts",
        &["--test", tree.at("/etc/parts").to_str().unwrap()],
    );
    let expected: std::collections::BTreeSet<&str> = told
        .lines()
        .map(|l| l.rsplit('/').next().unwrap())
        .collect();
    assert!(expected.len() == 5, "{expected:?}");
    let found = rows(|s| scheduled_tasks_or_fail(&tree, s));
    let scripts: Vec<&Vec<String>> = found.iter().filter(|r| r[0] == "cron folder").collect();
    assert_eq!(scripts.len(), names.len());
    let runs: std::collections::BTreeSet<&str> = scripts
        .iter()
        .filter(|r| r[4] == "yes")
        .map(|r| r[5].rsplit('/').next().unwrap())
        .collect();
    assert_eq!(runs, expected);
    assert!(
        scripts
            .iter()
            .all(|r| r[2] == "1 2 * * *" && r[6] == "PATH=/x"),
        "{scripts:?}"
    );
}

#[test]
fn settings_of_a_table_belong_to_what_follows_them() {
    let table = "* * * * * root /bin/first\nSHELL = /tmp/x\n\"LD_PRELOAD\"='/tmp/x.so'\n#A=1\n* * * * * root A=1 /bin/second\nSHELL=/bin/sh\n@daily root /bin/third\n";
    let found: Vec<(String, String)> = cron::parse(table.as_bytes(), true)
        .map(|e| [e.command, e.environment].map(|b| String::from_utf8(b).unwrap()))
        .map(|[command, environment]| (command, environment))
        .collect();
    let expected = [
        ("/bin/first", ""),
        ("A=1 /bin/second", "SHELL=/tmp/x; LD_PRELOAD=/tmp/x.so"),
        ("/bin/third", "SHELL=/bin/sh; LD_PRELOAD=/tmp/x.so"),
    ];
    assert_eq!(found, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
}

#[test]
fn a_job_in_a_document() {
    let text = "#!/bin/sh\n# atrun uid=1000 gid=1000\n# mail alice 0\numask 22\nHOME=/home/alice; export HOME\ncd /home/alice || {\n\t echo 'Execution directory inaccessible' >&2\n\t exit 1\n}\n${SHELL:-/bin/sh} << 'marcinDELIMITER51b'\nwhoami\n\nmarcinDELIMITER51b\n";
    let job = at::parse("a0000101b3a2f1", text.as_bytes()).unwrap();
    assert_eq!(job.command, b"whoami");
    assert_eq!((job.queue, job.uid), ('a', Some(1000)));
    assert_eq!(job.due, 0x01b3_a2f1 * 60);
    for bad in [
        "",
        "a",
        ".SEQ",
        "a0000101b3a2fg",
        "a0000101b3a2f11",
        "ä000101b3a2f1",
    ] {
        assert!(at::parse(bad, b"").is_none(), "{bad}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..2_000), name in ".{0,16}") {
        cron::parse(&bytes, true).count();
        cron::parse(&bytes, false).count();
        cron::parse_anacron(&bytes).count();
        std::hint::black_box(at::parse(&name, &bytes));
        prop_assert!(at::parse("a0000101b3a2f1", &bytes).is_some());
    }
}
