//! Services, against `systemctl --root`, on this machine's files and on trees.

use crate::support::{Tree, live, output, rows};
use proptest::prelude::*;
use sensors::services::service_details;
use sensors::services::unit::Unit;
use std::collections::{BTreeMap, BTreeSet};

fn listed(root: &str) -> BTreeMap<String, String> {
    let text = output(
        "systemctl",
        &[
            "--root",
            root,
            "list-unit-files",
            "--type=service",
            "--no-legend",
            "--no-pager",
            "--plain",
        ],
    );
    text.lines()
        .map(|l| {
            let mut words = l.split_whitespace();
            let name = words.next().unwrap().trim_end_matches(".service");
            (name.to_owned(), words.next().unwrap().to_owned())
        })
        .collect()
}

fn modes(rows: &[Vec<String>]) -> BTreeMap<String, String> {
    rows.iter()
        .filter(|r| r[6] == "systemd" && r[11] == "system")
        // Instances have no unit file of their own, so the other tool does not list them.
        .filter(|r| {
            !r[0].contains('@')
                || r[0].ends_with('@')
                || r[7].ends_with(&format!("{}.service", r[0]))
        })
        .map(|r| (r[0].clone(), r[3].clone()))
        .collect()
}

#[test]
fn startup_modes_agree_with_systemctl_on_this_machine() {
    let expected = listed("/");
    assert!(expected.len() > 20);
    assert_eq!(modes(&live("Service Details")), expected);
}

fn tree() -> Tree {
    let tree = Tree::new();
    let unit = |name: &str, rest: &str| {
        format!(
            "[Unit]\nDescription=The {name}\n[Service]\nExecStart=/usr/sbin/{name} --flag\n{rest}"
        )
    };
    let install = "[Install]\nWantedBy=multi-user.target\n";
    tree.file("/usr/lib/systemd/system/on.service", unit("on", install))
        .file("/usr/lib/systemd/system/off.service", unit("off", install))
        .file("/usr/lib/systemd/system/plain.service", unit("plain", ""))
        .file(
            "/usr/lib/systemd/system/also.service",
            unit("also", "[Install]\nAlso=on.service\n"),
        )
        .file(
            "/usr/lib/systemd/system/gone.service",
            unit("gone", install),
        )
        .file(
            "/usr/lib/systemd/system/tty@.service",
            unit(
                "tty",
                "[Install]\nWantedBy=getty.target\nDefaultInstance=tty1\n",
            ),
        )
        .file(
            "/usr/lib/systemd/system/named.service",
            unit(
                "named",
                "[Install]\nWantedBy=multi-user.target\nAlias=bind.service\n",
            ),
        )
        .file(
            "/usr/lib/systemd/system/later.service",
            unit("later", install),
        )
        .file("/etc/systemd/system/own.service", unit("own", install))
        .file("/opt/app/app.service", unit("app", install))
        .link("/etc/systemd/system/app.service", "/opt/app/app.service")
        .link("/etc/systemd/system/gone.service", "/dev/null")
        .link(
            "/etc/systemd/system/bind.service",
            "/usr/lib/systemd/system/named.service",
        )
        .link(
            "/etc/systemd/system/multi-user.target.wants/on.service",
            "/usr/lib/systemd/system/on.service",
        )
        .link(
            "/etc/systemd/system/multi-user.target.wants/named.service",
            "/usr/lib/systemd/system/named.service",
        )
        .link(
            "/etc/systemd/system/getty.target.wants/tty@tty1.service",
            "/usr/lib/systemd/system/tty@.service",
        )
        .link(
            "/run/systemd/system/multi-user.target.wants/later.service",
            "/usr/lib/systemd/system/later.service",
        )
        .file(
            "/etc/systemd/system/off.service.d/override.conf",
            "[Service]\nExecStart=\nExecStart=/bin/evil %N %i\nUser=nobody\n",
        )
        .file(
            "/usr/lib/systemd/system/off.service.d/override.conf",
            "[Service]\nUser=masked-by-etc\n",
        );
    tree
}

#[test]
fn startup_modes_agree_with_systemctl_on_a_tree() {
    let tree = tree();
    let found = rows(|s| service_details(tree.root(), s));
    assert_eq!(modes(&found), listed(tree.root().to_str().unwrap()));
}

#[test]
fn drop_ins_change_the_command_and_groups_tell_what_runs() {
    let tree = tree();
    tree.file("/run/systemd/system/x", "")
        .file(
            "/sys/fs/cgroup/system.slice/on.service/sub/cgroup.procs",
            "4711\n",
        )
        .file("/sys/fs/cgroup/system.slice/plain.service/cgroup.procs", "")
        .link("/run/systemd/units/invocation:plain.service", "00ff");
    let found = rows(|s| service_details(tree.root(), s));
    let of = |name: &str| {
        found
            .iter()
            .find(|r| r[0] == name)
            .unwrap_or_else(|| panic!("{name}: {found:?}"))
    };
    assert_eq!(of("off")[4], "/bin/evil off ");
    assert_eq!(of("off")[5], "nobody");
    assert_eq!(of("on")[1], "The on");
    assert_eq!(of("on")[2], "running");
    assert_eq!(of("plain")[2], "active");
    assert_eq!(of("off")[2], "stopped");
    assert_eq!(of("gone")[3], "masked");
    assert_eq!(of("tty@tty1")[7], "/usr/lib/systemd/system/tty@.service");
}

#[test]
fn scripts_with_runlevels() {
    let tree = Tree::new();
    let script = "#!/bin/sh\n### BEGIN INIT INFO\n# Provides: old\n# Short-Description: An old one\n### END INIT INFO\n";
    tree.file("/etc/init.d/old", script)
        .file("/etc/init.d/new", script)
        .file("/etc/init.d/README", "x")
        .file(
            "/usr/lib/systemd/system/new.service",
            "[Service]\nExecStart=/bin/new\n",
        )
        .link("/etc/rc2.d/S01old", "../init.d/old")
        .link("/etc/rc0.d/K01old", "../init.d/old")
        .file("/run/old.pid", "12\n")
        .file("/proc/12/stat", "");
    for name in ["old", "new", "README"] {
        output(
            "chmod",
            &[
                "755",
                tree.at(&format!("/etc/init.d/{name}")).to_str().unwrap(),
            ],
        );
    }
    let found = rows(|s| service_details(tree.root(), s));
    // The one named README may be run, and what may be run is a script.
    let names: Vec<&str> = found.iter().map(|r| r[0].as_str()).collect();
    assert_eq!(names, ["new", "README", "old"]);
    assert_eq!(
        found[2],
        [
            "old",
            "An old one",
            "running",
            "enabled",
            "/etc/init.d/old",
            "",
            "sysv",
            "/etc/init.d/old",
            "",
            "",
            "",
            "system"
        ]
    );
}

/// Names of start scripts against the program that makes units of them.
#[cfg(target_os = "linux")]
#[test]
fn scripts_agree_with_the_generator_of_systemd() {
    use rustix::mount::{MountFlags, mount};
    let (made, found) = crate::support::with_own_mounts(|| {
        for place in ["/etc/init.d", "/etc/rc2.d", "/run/systemd"] {
            mount("none", place, "tmpfs", MountFlags::empty(), None).unwrap();
        }
        let names = [
            "alpha.sh",
            "beta",
            "functions",
            "rc",
            "README",
            "skeleton",
            "with.dot",
            ".hidden",
            "copy~",
            "old.dpkg-dist",
            "old.bak",
            "closed",
            "linked",
            "d@sh",
        ];
        for name in names {
            let path = format!("/etc/init.d/{name}");
            std::fs::write(&path, "#!/bin/sh\n").unwrap();
            output(
                "chmod",
                &[if name == "closed" { "644" } else { "755" }, &path],
            );
            let link = format!("/etc/rc2.d/S50{name}");
            std::os::unix::fs::symlink(format!("../init.d/{name}"), link).unwrap();
        }
        std::fs::copy("/etc/init.d/beta", "/etc/rc2.d/S99direct").unwrap();
        let places = tempfile::tempdir().unwrap();
        let place = |name: &str| {
            let path = places.path().join(name);
            std::fs::create_dir(&path).unwrap();
            path.display().to_string()
        };
        let late = place("late");
        output(
            "/usr/lib/systemd/system-generators/systemd-sysv-generator",
            &[&place("normal"), &place("early"), &late],
        );
        let made: BTreeSet<String> = std::fs::read_dir(late)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(".service").map(str::to_owned))
            .collect();
        (made, live("Service Details"))
    });
    assert!(
        made.contains("alpha") && made.contains("with.dot"),
        "{made:?}"
    );
    let scripts = |mode: &str| -> BTreeSet<String> {
        let those = found.iter().filter(|r| r[6] == "sysv" && r[3] == mode);
        those.map(|r| r[0].clone()).collect()
    };
    assert_eq!(scripts("enabled"), made);
    assert_eq!(scripts("ignored"), BTreeSet::from(["direct".to_owned()]));
}

#[test]
fn units_of_users() {
    let tree = Tree::new();
    let unit = "[Service]\nExecStart=%h/x %u\n[Install]\nWantedBy=default.target\n";
    tree.file("/etc/passwd", "root:x:0:0::/root:/bin/sh\nana:x:1000:1000::/srv/ana:/bin/sh\n")
        .file("/srv/ana/.config/systemd/user/own.service", unit)
        .link("/srv/ana/.config/systemd/user/default.target.wants/own.service", "../own.service")
        .file("/srv/ana/.config/systemd/user/all.service.d/x.conf", "[Service]\nExecStartPre=/tmp/x\n")
        .file("/home/nobodys/.local/share/systemd/user/left.service", unit)
        .file("/etc/systemd/user/all.service", unit)
        .file("/usr/lib/systemd/user/other.service", unit)
        .file("/run/systemd/system/x", "")
        .file(
            "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/own.service/cgroup.procs",
            "7\n",
        )
        .file("/sys/fs/cgroup/docker/0/system.slice/other.service/cgroup.procs", "8\n");
    let found = rows(|s| service_details(tree.root(), s));
    let told: Vec<[&str; 5]> = found
        .iter()
        .map(|r| [0, 11, 2, 3, 4].map(|at| r[at].as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ["all", "user", "unknown", "disabled", "%h/x %u"],
            ["other", "user", "unknown", "disabled", "%h/x %u"],
            [
                "left",
                "nobodys",
                "unknown",
                "disabled",
                "/home/nobodys/x nobodys"
            ],
            ["all", "ana", "stopped", "disabled", "/srv/ana/x ana"],
            ["own", "ana", "running", "enabled", "/srv/ana/x ana"],
        ]
    );
    assert_eq!(found[3][8], "ExecStartPre=/tmp/x");
}

proptest! {
    #[test]
    fn any_bytes_are_a_unit(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        Unit::default().add(&bytes);
    }
}

#[test]
fn unit_text_as_the_format_has_it() {
    let mut unit = Unit::default();
    unit.add(
        b"[Service]\n# c\nExecStart=/bin/a \\\n; between\n  b\nEnvironment=A=1\nEnvironment=B=2\n",
    );
    unit.add(b"[Service]\nEnvironment=\nEnvironment=C=3");
    assert_eq!(unit.last("Service", "ExecStart"), b"/bin/a    b");
    assert_eq!(unit.all("Service", "Environment"), [b"C=3".to_vec()]);
    let mut unit = Unit::default();
    unit.add(
        b"[Timer]\nOnCalendar=daily\nOnBootSec=5\nPersistent=yes\nOnCalendar=\nOnActiveSec=1\n",
    );
    let keys: Vec<&[u8]> = unit.keys("Timer").collect();
    assert_eq!(keys, [b"OnActiveSec".as_slice(), b"Persistent"]);
}
