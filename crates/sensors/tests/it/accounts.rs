//! Accounts, groups and passwords against the C library itself: whatever stands in the files, `getent` and the readers find
//! the same. The files are put in the place of the system's own in private mounts (superuser).
#![cfg(target_os = "linux")]

use crate::support::{Tree, rows};
use proptest::prelude::*;
use sensors::framework::Notes;
use sensors::users::{accounts, collect, password, sources};
use std::collections::BTreeMap;
use std::process::Command;

/// Puts files of a tree over the system's and runs a script there; what it prints, cut at lines of `=`.
fn with_files(tree: &Tree, files: &[&str], script: &str) -> Vec<Vec<u8>> {
    let mut whole = String::from("set -e\n");
    for file in files {
        whole.push_str(&format!("mount --bind \"$1{file}\" {file}\n"));
    }
    whole.push_str("set +e\n");
    whole.push_str(script);
    let output = Command::new("unshare")
        .args([
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            &whole,
            "sh",
        ])
        .arg(tree.root())
        .env("LC_ALL", "C.UTF-8")
        .output()
        .expect("unshare can be run");
    let problem = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !problem.contains("mount"),
        "this needs the superuser: {problem}"
    );
    let mut parts = vec![Vec::new()];
    for line in output.stdout.split_inclusive(|b| *b == b'\n') {
        if line == b"=\n" {
            parts.push(Vec::new());
        } else {
            parts.last_mut().unwrap().extend_from_slice(line);
        }
    }
    parts
}

/// Lines of `getent` in their fields. A last field may hold colons only where the library writes none.
fn fields(printed: &[u8], count: usize) -> Vec<Vec<Vec<u8>>> {
    printed
        .split(|b| *b == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| {
            line.splitn(count, |b| *b == b':')
                .map(<[u8]>::to_vec)
                .collect()
        })
        .collect()
}

fn number(field: &[u8]) -> Option<i64> {
    std::str::from_utf8(field).unwrap().parse().ok()
}

const LOOKED_UP: [&str; 4] = ["root", "a", "bob", "x"];

fn compare(tree: &Tree) {
    let names = LOOKED_UP.join(" ");
    let script = format!(
        "getent -s files passwd; echo =; getent -s files group; echo =; getent -s files shadow; echo =; \
         for n in {names}; do getent -s files passwd $n; done; echo =; for n in {names}; do getent -s files shadow $n; done"
    );
    let told = with_files(tree, &["/etc/passwd", "/etc/group", "/etc/shadow"], &script);
    let read = |path: &str| std::fs::read(tree.at(path)).unwrap();

    // The library does not write a field that holds a colon, though it reads one; only the last can.
    let mut ours: Vec<Vec<Vec<u8>>> = accounts::listed(&read("/etc/passwd"))
        .filter(|a| !a.shell.contains(&b':'))
        .map(|a| {
            let switch = accounts::is_switch(&a.name);
            let id = |id: u32| {
                if switch {
                    Vec::new()
                } else {
                    id.to_string().into_bytes()
                }
            };
            vec![a.name, id(a.uid), id(a.gid), a.gecos, a.home, a.shell]
        })
        .collect();
    let mut theirs = fields(&told[0], 7);
    for line in &mut theirs {
        line.remove(1);
    }
    assert_eq!(ours, theirs, "passwd");
    let shown = rows(|s| collect::local_users(tree.root(), s));
    assert!(shown.len() >= ours.len());

    ours = accounts::groups(&read("/etc/group"))
        .filter(|g| !g.members.iter().any(|m| m.contains(&b':')))
        .map(|g| {
            let members = g.members.join(&b","[..]);
            vec![g.name, g.gid.to_string().into_bytes(), members]
        })
        .collect();
    theirs = fields(&told[1], 4);
    theirs.retain(|line| !accounts::is_switch(&line[0]));
    for line in &mut theirs {
        line.remove(1);
    }
    assert_eq!(ours, theirs, "group");

    let bytes = read("/etc/shadow");
    let shadows: Vec<_> = password::shadow(&bytes).collect();
    let mut lines = fields(&told[2], 9);
    lines.retain(|line| !accounts::is_switch(&line[0]));
    assert_eq!(shadows.len(), lines.len(), "shadow {shadows:?}");
    for (ours, line) in shadows.iter().zip(&lines) {
        assert_eq!((ours.name, ours.hash), (&line[0][..], &line[1][..]));
        let numbers = [ours.changed, ours.most_days, ours.grace_days, ours.ends];
        assert_eq!(
            numbers,
            [2, 4, 6, 7].map(|at| number(&line[at])),
            "{line:?}"
        );
    }

    // Of several lines with one name the first is the account.
    let directory = sources::directory(tree.root(), &Notes::default()).unwrap();
    let by_name: BTreeMap<&[u8], u32> = directory
        .accounts()
        .map(|a| (a.name.as_slice(), a.uid))
        .collect();
    let found = fields(&told[3], 7);
    for name in LOOKED_UP {
        let theirs = found.iter().find(|line| line[0] == name.as_bytes());
        let ours = directory.accounts().find(|a| a.name == name.as_bytes());
        if ours.is_some_and(|a| a.shell.contains(&b':')) {
            continue;
        }
        assert_eq!(
            by_name.get(name.as_bytes()).copied().map(i64::from),
            theirs.and_then(|line| number(&line[2])),
            "{name}"
        );
    }
    let found = fields(&told[4], 9);
    for name in LOOKED_UP {
        let theirs = found.iter().find(|line| line[0] == name.as_bytes());
        let ours = shadows.iter().find(|s| s.name == name.as_bytes());
        assert_eq!(
            ours.map(|s| s.hash.to_vec()),
            theirs.map(|line| line[1].clone()),
            "{name}"
        );
    }
}

fn tree(passwd: &[u8], group: &[u8], shadow: &[u8]) -> Tree {
    let tree = Tree::new();
    tree.file("/etc/passwd", passwd)
        .file("/etc/group", group)
        .file("/etc/shadow", shadow);
    tree
}

const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\na:x:1000:1000:A,,:/home/a:/bin/sh\nbob::0:100::/:/bin/false\nx:$6$a$b:7:7::/:\n";
const GROUP: &[u8] = b"root:x:0:\nsudo:x:27:a,bob\nusers:x:100:x, a,\n";
const SHADOW: &[u8] =
    b"root:*:19000:0:99999:7:::\na:$y$j9T$x$y:19000:0:90:7:30:20000:\nbob::0:0:99999:7:::\n";

/// What is done to a file: a place, how many bytes go, and what comes.
type Change = (prop::sample::Index, usize, Vec<u8>);

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let piece = prop_oneof![
        prop::sample::select(
            &[
                ":",
                "::",
                "\n",
                " ",
                "\t",
                "\r",
                "\0",
                "\u{b}",
                "+",
                "-",
                "#",
                "-0",
                "-1",
                "+5",
                "4294967295",
                "4294967296",
                "18446744073709551615",
                "-18446744073709551615",
                "00",
                "0x1",
                ",",
                "\na:x:5:5\n",
                "\n+\n",
                "\n-x\n",
                "\n  bob:x:9:9:",
                "\nroot::0:0",
                "$1$",
                "!",
                "\\",
            ][..]
        )
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec((any::<prop::sample::Index>(), 0_usize..6, piece), 0..6)
}

fn changed(file: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut file = file.to_vec();
    for (place, gone, come) in changes {
        let at = place.index(file.len() + 1);
        let end = (at + gone).min(file.len());
        file.splice(at..end, come.iter().copied());
    }
    // Where blanks before a text are taken away the library repeats its end, unless a line feed stands there: a fault of its
    // own, and none to follow.
    let lines = file.split(|b| *b == b'\n').map(|line| {
        let blank = line
            .first()
            .is_some_and(|b| b.is_ascii_whitespace() || *b == 0x0b);
        let mut line = line.to_vec();
        line.retain(|b| !blank || *b != 0);
        line
    });
    file = lines.collect::<Vec<_>>().join(&b'\n');
    file.push(b'\n');
    file
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn any_files_are_read_as_the_library_reads_them(passwd in changes(), group in changes(), shadow in changes()) {
        compare(&tree(&changed(PASSWD, &passwd), &changed(GROUP, &group), &changed(SHADOW, &shadow)));
    }
}

#[test]
fn odd_lines_are_read_as_the_library_reads_them() {
    let passwd = b"short:x:0:0\nminus:x:-0:0::/:/bin/sh\n  lead:x: 5:+6::/h:/s\n:x:8:8::/:/\ncr:x:9:9\r\nnul:x:9:9:a\0b:c\n+\n+x:y\n-z:x:1:2:g\nbig:x:4294967296:1::\nneg:x:-1:1::\nwrap:x:-18446744073709551615:1::\nafter:x:5 :6:::\n#c:x:0:0::/:/\nroot:x:0:0:::\nroot:x:9:9:::\nx:x:7:7::/:a:b\n";
    let group = b"g:x:-0: a, b ,,c\n +n:x:1\n  h:x:5\ng2:x\ng3:x:7:a:b\n";
    let shadow = b"a:h\nb:h:1:2:3\nc:h:1:2:3:\nd:h:1:2:3:4:5:6:7\ne:h:::::::\nf:h:x::::::\nroot::1::::::\nroot:$6$a:1::::::\ng:h:4294967290:::::4294967295:\nh:h:1:2:3: :::\n";
    compare(&tree(passwd, group, shadow));
    let tree = tree(passwd, group, shadow);
    let found = rows(|s| collect::local_users(tree.root(), s));
    let root: Vec<_> = found.iter().filter(|r| r[0] == "root").collect();
    assert_eq!((root.len(), &root[0][7][..]), (2, "empty"), "{root:?}");
    assert!(
        found.iter().any(|r| r[0] == "+" && r[1].is_empty()),
        "{found:?}"
    );
}

#[test]
fn superusers_are_those_whom_the_library_knows() {
    let tree = tree(
        b"root:x:0:0::/root:/bin/sh\nshort:x:0:0\nminus:x:-0:0::/:/bin/sh\n+nis:x:0:0::/:/bin/sh\nme:x:7:7:::\nme:x:0:0:::\n",
        b"sudo:x:27:me\n",
        b"",
    );
    let found = rows(|s| sensors::users::administrators::local_administrators(tree.root(), s));
    let by_id: Vec<&str> = found
        .iter()
        .filter(|r| r[1] == "user ID 0")
        .map(|r| r[0].as_str())
        .collect();
    assert_eq!(by_id, ["root", "short", "minus"]);
    let told = with_files(
        &tree,
        &["/etc/passwd"],
        "for n in short minus +nis me; do id -u \"$n\" 2>/dev/null || echo none; done",
    );
    assert_eq!(told[0], b"0\n0\nnone\n7\n");
}

#[test]
fn accounts_of_the_user_database_are_found_as_the_library_finds_them() {
    let tree = Tree::new();
    tree.file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        .file("/etc/group", "sudo:x:27:\n")
        .file("/etc/shadow", "root:*:1::::::\n")
        .file("/etc/nsswitch.conf", "passwd: files systemd # local\ngroup: files [SUCCESS=merge] systemd\n")
        .file("/run/userdb/drop.user", r#"{"userName":"drop","uid":3001,"gid":3002,"realName":"Dr Op","homeDirectory":"/home/d","shell":"/bin/zsh","disposition":"regular"}"#)
        .link("/run/userdb/3001.user", "drop.user")
        .file("/run/userdb/drop.user-privileged", r#"{"privileged":{"hashedPassword":["$6$a$b"]}}"#)
        .file("/run/userdb/bare.user", r#"{"userName":"bare","uid":3005}"#)
        .file("/run/userdb/daem.user", r#"{"userName":"daem","uid":305,"disposition":"system"}"#)
        .file("/run/userdb/nouid.user", r#"{"userName":"nouid"}"#)
        .file("/run/userdb/grp.group", r#"{"groupName":"grp","gid":3002,"members":["bare"]}"#)
        .file("/run/userdb/drop:sudo.membership", "");
    let found = rows(|s| collect::local_users(tree.root(), s));
    let ours: Vec<String> = found
        .iter()
        .filter(|r| r[0] != "root")
        .map(|r| [&r[0], "x", &r[1], &r[2], &r[4], &r[5], &r[6]].join(":"))
        .collect();
    // The library looks for the same files below /run, which is the tree's own there.
    let script = "mount --bind \"$1/run\" /run; for n in bare daem drop; do getent -s systemd passwd $n; done; echo =; getent -s systemd shadow drop bare";
    let told = with_files(&tree, &["/etc/passwd"], script);
    let theirs = String::from_utf8(told[0].clone()).unwrap();
    assert_eq!(ours, theirs.lines().collect::<Vec<_>>());
    let drop = found.iter().find(|r| r[0] == "drop").unwrap();
    assert_eq!(
        (&drop[3][..], &drop[7][..], &drop[9][..]),
        ("grp,sudo", "set", "SHA-512")
    );
    assert_eq!(drop[13], "/run/userdb/drop.user");
    let bare = found.iter().find(|r| r[0] == "bare").unwrap();
    assert_eq!(bare[7], "locked");
    let hashes = String::from_utf8(told[1].clone()).unwrap();
    assert!(hashes.starts_with("drop:$6$a$b:"), "{hashes}");
    let found = rows(|s| sensors::users::administrators::local_administrators(tree.root(), s));
    assert!(
        found
            .iter()
            .any(|r| r[0] == "drop" && r[1] == "member of group sudo"),
        "{found:?}"
    );
}

#[test]
fn dates_of_passwords_agree_with_chage() {
    let tree = tree(
        b"root:x:0:0::/:/\nmust:x:5:5::/:/\nold:x:6:6::/:/\nnever:x:7:7::/:/\nends:x:8:8::/:/\n",
        b"",
        b"root:*:1::::::\nmust:$6$a$b:0:0:99999:7::18000:\nold:$1$a$b:18000:0:90:7:::\nnever:_J9..rasmBYk8r9AiWNc::0:90:7:::\nends:!$y$j9T$a$b:19000:0:99999:7::99000:\n",
    );
    let found = rows(|s| collect::local_users(tree.root(), s));
    let told = with_files(
        &tree,
        &["/etc/passwd", "/etc/shadow"],
        "for n in must old never ends; do LC_ALL=C TZ=UTC chage --iso8601 -l $n; echo =; done",
    );
    for (name, printed) in ["must", "old", "never", "ends"].iter().zip(told) {
        let printed = String::from_utf8(printed).unwrap();
        let said = |at: usize| {
            let line = printed.lines().nth(at).unwrap();
            line.split_once(": ").unwrap().1.trim().to_owned()
        };
        let row = found.iter().find(|r| r[0] == *name).unwrap();
        let day = |cell: &str| match cell.get(..10) {
            Some(day) => day.to_owned(),
            None => "never".to_owned(),
        };
        let must = row[12].contains("must change");
        assert_eq!(
            said(0) == "password must be changed",
            must,
            "{printed} {row:?}"
        );
        if !must {
            assert_eq!(said(1), day(&row[10]), "{printed} {row:?}");
        }
        assert_eq!(said(3), day(&row[11]), "{printed} {row:?}");
    }
    let standing = |name: &str| &found.iter().find(|r| r[0] == name).unwrap()[12];
    assert_eq!(standing("must"), "account expired, password must change");
    assert_eq!(standing("old"), "password expired");
    assert_eq!(standing("ends"), "");
    let algorithm = |name: &str| &found.iter().find(|r| r[0] == name).unwrap()[9];
    assert_eq!(
        ["old", "never", "ends"].map(|n| algorithm(n).as_str()),
        ["MD5", "BSDi DES", "yescrypt"]
    );
}
