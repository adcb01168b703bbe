//! The sudo policy against sudo: what `cvtsudoers` reads in a file, and what `sudo -l -U` lets somebody do, on files that are
//! made up. They are put in the place of the system's own in private mounts, on a host of another name (superuser).
#![cfg(target_os = "linux")]

use crate::support::{Tree, collect, output};
use proptest::prelude::*;
use sensors::framework::Notes;
use sensors::users::sudoers::grammar::{Element, Name, Spec};
use sensors::users::sudoers::judge::{Machine, Policy, Subject};
use sensors::users::sudoers::{Entry, parse};
use sensors::users::{administrators, sources};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const PASSWD: &str = "root:*:0:0::/root:/bin/sh\nalice:*:1001:1001::/:/bin/sh\nbob:*:1002:100::/:/bin/sh\ncarol:*:1003:1003::/:/bin/sh\nDave:*:1004:50::/:/bin/sh\n";
const GROUP: &str = "root:x:0:\nwheel:x:50:alice\nops:x:60:bob,carol\nusers:x:100:\nadm:x:4:\n";
const USERS: [&str; 5] = ["root", "alice", "bob", "carol", "Dave"];
/// Their primary groups.
const GIDS: [u32; 5] = [0, 1001, 100, 1003, 50];
const HOST: &str = "box";

/// One thing in one text, whoever says it.
fn plain(element: &Element) -> String {
    let mark = if element.not { "!" } else { "" };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (digests, name) = match &element.name {
        Name::All(digests) => (digests.clone(), "ALL".to_owned()),
        Name::Alias(name) | Name::Word(name) => (Vec::new(), text(name)),
        Name::Command(digests, command) => {
            let mut bare = String::new();
            let command = text(command);
            let mut letters = command.chars().peekable();
            while let Some(letter) = letters.next() {
                if letter == '\\' && letters.peek().is_some_and(|c| ",:= #\t".contains(*c)) {
                    bare.extend(letters.next());
                } else {
                    bare.push(letter);
                }
            }
            (digests.clone(), bare)
        }
    };
    let mut digests: Vec<String> = digests.iter().map(|d| text(d)).collect();
    digests.sort();
    format!("{}{mark}{name}", digests.join(" "))
}

fn of_json(value: &Value) -> String {
    let mut digests = Vec::new();
    let mut name = String::new();
    let mut mark = "";
    for (key, value) in value.as_object().unwrap() {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        match key.as_str() {
            "negated" => mark = "!",
            "usergroup" => name = format!("%{text}"),
            "usergid" => name = format!("%#{text}"),
            "userid" => name = format!("#{text}"),
            "nonunixgroup" => name = format!("%:{text}"),
            "netgroup" => name = format!("+{text}"),
            digest if digest.starts_with("sha") => digests.push(format!("{digest}:{text}")),
            _ => name = text,
        }
    }
    digests.sort();
    format!("{}{mark}{name}", digests.join(" "))
}

fn list(value: &Value) -> Vec<String> {
    value
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .map(of_json)
        .collect()
}

/// Users, hosts, and for each command: run-as users and groups, whether a password is asked, whether programs may be
/// started, the command.
type Told = (
    Vec<String>,
    Vec<String>,
    Vec<(Vec<String>, Vec<String>, Option<bool>, Option<bool>, String)>,
);

fn ours(text: &str) -> Vec<Told> {
    let plain_list = |list: &[Element]| list.iter().map(plain).collect::<Vec<_>>();
    let tag = |spec: &Spec, yes: &str, no: &str| {
        let has = |name: &str| spec.tags.iter().any(|t| t == name.as_bytes());
        if has(yes) {
            Some(true)
        } else {
            has(no).then_some(false)
        }
    };
    let mut told = Vec::new();
    for placed in parse(text.as_bytes(), Path::new("/x")) {
        let Entry::Rule(rule) = &placed.entry else {
            assert!(
                !matches!(placed.entry, Entry::Unknown),
                "{placed:?}\n{text}"
            );
            continue;
        };
        for privilege in &rule.privileges {
            let specs = privilege.specs.iter().map(|spec| {
                let run_as = spec.run_as.clone().unwrap_or_default();
                (
                    plain_list(&run_as.users),
                    plain_list(&run_as.groups),
                    tag(spec, "PASSWD", "NOPASSWD"),
                    tag(spec, "NOEXEC", "EXEC"),
                    plain(&spec.command),
                )
            });
            told.push((
                plain_list(&rule.users),
                plain_list(&privilege.hosts),
                specs.collect(),
            ));
        }
    }
    told
}

fn theirs(json: &str) -> Vec<Told> {
    let json: Value = serde_json::from_str(json).unwrap_or_else(|e| panic!("{e}: {json}"));
    let specs = json["User_Specs"].as_array().cloned().unwrap_or_default();
    specs
        .iter()
        .map(|spec| {
            let mut commands = Vec::new();
            for part in spec["Cmnd_Specs"].as_array().unwrap() {
                let option = |key: &str| {
                    let options = part["Options"].as_array().into_iter().flatten();
                    options.filter_map(|o| o[key].as_bool()).next_back()
                };
                // Empty brackets are told as a user without a name.
                let mut users = list(&part["runasusers"]);
                users.retain(|u| !u.is_empty());
                let groups: Vec<String> = list(&part["runasgroups"])
                    .iter()
                    .map(|g| g.replacen('%', "", 1))
                    .collect();
                for command in list(&part["Commands"]) {
                    commands.push((
                        users.clone(),
                        groups.clone(),
                        option("authenticate"),
                        option("noexec"),
                        command,
                    ));
                }
            }
            (list(&spec["User_List"]), list(&spec["Host_List"]), commands)
        })
        .collect()
}

fn agree_on_reading(text: &str) {
    let tree = Tree::new();
    tree.file("/sudoers", text);
    let file = tree.at("/sudoers");
    let json = output("cvtsudoers", &["-f", "json", file.to_str().unwrap()]);
    assert_eq!(ours(text), theirs(&json), "{text}\n{json}");
}

/// For each user, whether sudo lets it run a command that no rule names, as the superuser.
fn allowed(text: &str) -> (Vec<bool>, Vec<bool>) {
    let tree = Tree::new();
    // Asked by the users themselves, for asked on behalf of another sudo takes the caller for the one who calls.
    tree.file("/etc/sudoers", format!("Defaults listpw=never\n{text}"))
        .file("/etc/hosts", format!("127.0.0.1 {HOST}\n"))
        .file("/etc/passwd", PASSWD)
        .file("/etc/group", GROUP);
    let mut script = format!(
        "set -e; hostname {HOST}; for f in sudoers hosts passwd group; do mount --bind \"$1/etc/$f\" /etc/$f; done; set +e\n"
    );
    for (user, gid) in USERS.iter().zip(GIDS) {
        script.push_str(&format!(
            "setpriv --reuid {user} --regid {gid} --init-groups sudo -n -l -u root /usr/bin/true >/dev/null 2>&1; echo $?\n"
        ));
    }
    let output = Command::new("unshare")
        .args([
            "--mount",
            "--uts",
            "--net",
            "--propagation",
            "private",
            "sh",
            "-c",
            &script,
            "sh",
        ])
        .arg(tree.root())
        .output()
        .expect("unshare can be run");
    let theirs: Vec<bool> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| line == "0")
        .collect();
    assert_eq!(theirs.len(), USERS.len(), "{output:?}");
    let directory = sources::directory(tree.root(), &Notes::default()).unwrap();
    let entries = parse(text.as_bytes(), Path::new("/etc/sudoers"));
    let accounts = directory.accounts().collect();
    let machine = Machine::new(HOST.into(), accounts, &directory.groups);
    let policy = Policy::of(&entries);
    let ours = USERS.map(|user| {
        let subject = Subject::User(user.as_bytes().to_vec());
        policy.decide(&subject, &machine) == Some(true)
    });
    (ours.to_vec(), theirs)
}

fn pick(from: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(from).prop_map(str::to_owned)
}

fn joined(
    one: impl Strategy<Value = String>,
    most: usize,
    separator: &'static [&'static str],
) -> impl Strategy<Value = String> {
    (prop::collection::vec(one, 1..=most), pick(separator))
        .prop_map(|(parts, separator)| parts.join(&separator))
}

const COMMAS: &[&str] = &[",", ", ", " , ", ",\\\n   "];

fn users() -> impl Strategy<Value = String> {
    joined(
        pick(&[
            "alice",
            "bob",
            "carol",
            "dave",
            "root",
            "ALL",
            "%wheel",
            "%ops",
            "%#60",
            "#1003",
            "!bob",
            "!ALL",
            "!%ops",
            "OPS",
            "!OPS",
            "LOOP",
            "\"alice\"",
            "NOBODY",
            "+net",
            "%:other",
            "a\\ b",
            "!!carol",
        ]),
        3,
        COMMAS,
    )
}

fn spec() -> impl Strategy<Value = String> {
    let run_as = pick(&[
        "",
        "",
        "(root)",
        "(ALL)",
        "(ALL:ALL)",
        "(bob)",
        "(#0)",
        "(:adm)",
        "()",
        "(ALL, !root)",
        "(DB)",
        "(!ALL, root)",
        "(%wheel)",
        "( root : adm , users )",
        "(ROOTS)",
        "(!ROOTS)",
    ]);
    let tags = joined(
        pick(&[
            "",
            "",
            "NOPASSWD:",
            "PASSWD:",
            "NOEXEC: ",
            "EXEC :",
            "SETENV:",
            "NOMAIL:",
            "TIMEOUT=5m",
            "LOG_INPUT:",
        ]),
        2,
        &[" "],
    );
    let command = pick(&[
        "ALL",
        "ALL",
        "!ALL",
        "/bin/ls",
        "!/bin/sh",
        "/usr/bin/id -u *",
        "EVERYTHING",
        "!EVERYTHING",
        "SHELLS",
        "sha224:0GomF8mNN3wlDt1HD9XldjJ3SNgpFdbjO1+NsQ== /bin/ls",
        "/bin/a\\,b c\\:d",
        "/usr/sbin/",
        "sudoedit /etc/x",
        "/bin/x \"\"",
        "/bin/q \"a b\" c=d",
        "NONE",
        "!!ALL",
        "sha224:0GomF8mNN3wlDt1HD9XldjJ3SNgpFdbjO1+NsQ== , sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 ! /bin/ls",
    ]);
    (run_as, tags, command).prop_map(|(run_as, tags, command)| {
        // A setting stands before tags.
        let (settings, tags): (Vec<&str>, Vec<&str>) = tags
            .split_whitespace()
            .filter(|t| *t != ":")
            .partition(|t| t.contains('='));
        let tags: Vec<String> = tags
            .iter()
            .map(|t| {
                if t.ends_with(':') {
                    (*t).to_owned()
                } else {
                    format!("{t} :")
                }
            })
            .collect();
        format!(
            "{run_as}{} {} {command}",
            settings.first().copied().unwrap_or_default(),
            tags.join(" ")
        )
    })
}

fn rule() -> impl Strategy<Value = String> {
    let hosts = joined(
        pick(&[
            "ALL",
            "ALL",
            "box",
            "BOX",
            "b*",
            "elsewhere",
            "!box",
            "10.0.0.0/8",
            "HERE",
            "THERE",
            "fe80::1",
            "bo[w-y]",
        ]),
        2,
        COMMAS,
    );
    let privilege = (hosts, joined(spec(), 3, COMMAS), pick(&["=", " = "]))
        .prop_map(|(hosts, specs, equals)| format!("{hosts}{equals}{specs}"));
    let privileges = joined(privilege, 2, &[" : ", " :\\\n "]);
    let end = pick(&["", "", " # with (ALL) ALL", "\t"]);
    (users(), privileges, end)
        .prop_map(|(users, privileges, end)| format!("{users} {privileges}{end}"))
}

const ALIASES: &str = "User_Alias OPS = alice, %ops, !carol : LOOP = LOOP, bob\nRunas_Alias DB = bob : ROOTS = root, bob\nHost_Alias HERE = box\nHost_Alias THERE = elsewhere, other\nCmnd_Alias EVERYTHING = ALL : SHELLS = /bin/sh, /bin/bash\n";

fn policy() -> impl Strategy<Value = String> {
    let between = pick(&[
        "",
        "# a comment that ends with a backslash \\\n",
        "\n",
        "Defaults env_reset\n",
    ]);
    prop::collection::vec((rule(), between), 1..5).prop_map(|rules| {
        let mut text = ALIASES.to_owned();
        for (rule, between) in rules {
            text.push_str(&between);
            text.push_str(&rule);
            text.push('\n');
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_shrink_iters: 200, ..ProptestConfig::default() })]
    #[test]
    fn made_up_policies_are_read_and_judged_as_by_sudo(text in policy()) {
        agree_on_reading(&text);
        let (ours, theirs) = allowed(&text);
        prop_assert_eq!(ours, theirs, "{:?}\n{}", USERS, text);
    }
}

#[test]
fn odd_but_valid_policies_are_read_as_by_sudo() {
    for text in [
        "# not joined \\\nd ALL=ALL\n",
        "a ::1, 2001:db8::/32=/bin/ls\n",
        "a ALL=/bin/x --y=1 \"q r\"\n",
        "\"q u\", \"%g r\", %:non, +net, #12, %#13 fe80::1,10.0.0.0/255.0.0.0 = (:adm) NOPASSWD:NOEXEC: ALL , PASSWD: /bin/ls : h2 = ALL\n",
        "DOM\\\\us\\ er ALL = (root) ALL, (root) /bin/ls, /bin/x a\\:b\\,c *\n",
        "f ALL = () ALL, (root, !bin : adm) /bin/\\#x # cc\n",
        "g ALL = ^/usr/bin/[a-z]+$ ^-l [0-9]+$, /bin/\n",
        "User_Alias\\\n X = a,\\\n b\nX ALL\\\n = ALL\n",
        "Defaults:a !authenticate\nDefaults secure_path=\"/a:/b#c\" # d\nDefaults@box x\na ALL=ALL\r\nb ALL = ALL",
        "e ALL=NOPASSWD : SETENV: /bin/ls, !/bin/cat, EXEC: NOEXEC: ALL\n",
        "#1000 ALL = ALL # x\n#x\n#-1 ALL = /bin/ls\n",
    ] {
        // The setting that cannot be told apart is of no matter here.
        agree_on_reading(&text.replace("Defaults@box x\n", ""));
    }
}

#[test]
fn what_sudo_refuses_is_unknown_and_harms_no_other_line() {
    for odd in [
        "a ALL",
        "a ALL = ",
        "ALL = ALL",
        "a ALL = (root ALL",
        "a ALL = /bin/ls #5",
        "User_Alias lower = a",
        "User_Alias X",
        "a ALL = sha224:0GomF8mNN3wlDt1HD9XldjJ3SNgpFdbjO1+NsQ==, /bin/ls",
        "a ALL = relative",
        "\"open ALL = ALL",
        "a,, b ALL = ALL",
    ] {
        let text = format!("{odd}\nz ALL = (ALL) ALL\n");
        let tree = Tree::new();
        tree.file("/sudoers", &text);
        let judged = Command::new("visudo")
            .args(["-c", "-f"])
            .arg(tree.at("/sudoers"))
            .output()
            .unwrap();
        assert!(!judged.status.success(), "{odd}");
        let entries = parse(text.as_bytes(), Path::new("/x"));
        assert!(matches!(entries[0].entry, Entry::Unknown), "{entries:?}");
        assert!(matches!(entries[1].entry, Entry::Rule(_)), "{entries:?}");
    }
}

fn found(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let tree = Tree::new();
    tree.file("/etc/passwd", PASSWD)
        .file("/etc/group", GROUP)
        .file("/proc/sys/kernel/hostname", "box.example\n")
        .file("/proc/net/fib_trie", "Local:\n  +-- 10.0.0.0/8 2 0 2\n     |-- 10.1.2.3\n        /32 host LOCAL\n     |-- 10.255.255.255\n        /32 link BROADCAST\n");
    for (path, text) in files {
        tree.file(path, text);
    }
    let (rows, outcome) = collect(|s| administrators::local_administrators(tree.root(), s));
    outcome.unwrap();
    rows
}

#[test]
fn administrators_are_those_whom_sudo_lets() {
    let by_sudo = |policy: &str| -> Vec<(String, String)> {
        found(&[("/etc/sudoers", policy)])
            .into_iter()
            .filter(|r| r[1].starts_with("sudo rule"))
            .map(|r| (r[0].clone(), r[1].clone()))
            .collect()
    };
    let one = |name: &str, reason: &str| vec![(name.to_owned(), reason.to_owned())];
    for (policy, expected) in [
        (
            "person ALL = (nobody) /bin/ls, (root) ALL",
            one("person", "sudo rule"),
        ),
        ("person ALL = (ALL) !ALL", vec![]),
        ("person ALL = (ALL) ALL\nperson ALL = (ALL) !ALL", vec![]),
        ("person ALL = (ALL, !root) ALL", vec![]),
        ("person other = (ALL) ALL", vec![]),
        ("person box.example = ALL", one("person", "sudo rule")),
        ("person 10.0.0.0/8 = ALL", one("person", "sudo rule")),
        ("person 10.1.2.3 = ALL", one("person", "sudo rule")),
        ("person 10.9.0.0/16, 192.168.0.1 = ALL", vec![]),
        ("#1001 ALL = NOPASSWD: ALL", one("alice", "sudo rule")),
        (
            "%#50 ALL = ALL",
            [
                one("Dave", "sudo rule for %wheel"),
                one("alice", "sudo rule for %wheel"),
            ]
            .concat(),
        ),
        ("%gone ALL = ALL", one("%gone", "sudo rule")),
        ("person ALL = () ALL", vec![]),
        ("person ALL = (:adm) ALL", vec![]),
        ("Defaults runas_default=bob\nperson ALL = ALL", vec![]),
        ("person ALL = NOTAFTER=20200101000000Z ALL", vec![]),
        (
            "person ALL = NOTBEFORE=20200101000000Z ALL",
            one("person", "sudo rule"),
        ),
        ("# \\\nperson ALL = ALL", one("person", "sudo rule")),
    ] {
        assert_eq!(by_sudo(policy), expected, "{policy}");
    }
    let all = by_sudo("ALL, !bob ALL = (ALL) ALL");
    assert!(all.contains(&("ALL".into(), "sudo rule".into())), "{all:?}");
    assert!(
        all.contains(&("carol".into(), "sudo rule for ALL".into())),
        "{all:?}"
    );
    assert!(!all.iter().any(|(name, _)| name == "bob"), "{all:?}");
    let elsewhere = found(&[("/usr/etc/sudoers", "person ALL = ALL\n")]);
    assert!(
        elsewhere.iter().any(|r| r[2] == "/usr/etc/sudoers:1"),
        "{elsewhere:?}"
    );
}

#[test]
fn aliases_of_aliases_end() {
    let mut policy = String::from("User_Alias A0 = nobody, nobody\n");
    for n in 1..60 {
        policy.push_str(&format!("User_Alias A{n} = A{0}, A{0}\n", n - 1));
    }
    policy.push_str("User_Alias X = Y : Y = X\nX, A59 ALL = ALL\nalice ALL = ALL\n");
    let rows = found(&[("/etc/sudoers", &policy)]);
    assert!(
        rows.iter().any(|r| r[0] == "alice" && r[1] == "sudo rule"),
        "{rows:?}"
    );
}
