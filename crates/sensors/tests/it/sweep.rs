//! What every sensor says where it cannot look: a table, kept beside this file, that a prepared machine must give again.
//!
//! The machine is a root folder of its own, with processes and a network of its own, so that the table is the same
//! everywhere. Each sensor runs in it as the superuser, as a user without rights, as such a user where processes are
//! hidden, and without a process file system; then once for each file that sensors read, with that file closed. Whoever
//! then gives other rows than before has to say what it could not look at. The table is made anew by running the test
//! with `SWEEP=write`.
#![cfg(target_os = "linux")]

use crate::ask::text;
use crate::sight::{as_nobody, expected, run, steady, words};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change, unmount,
};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use sensors::framework::Run;
use std::fmt::Write as _;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Below the folder of the crate, in which tests run: clones may share what was built in one of them.
const TABLE: &str = "tests/it/sweep.txt";
const STATE: &str = "/var/lib/cordon";
/// Run programs of the machine, which are not the same everywhere; what they say is for the tests of [`crate::script`].
const SCRIPTS: [&str; 1] = ["Mandatory Access Control"];

/// Files of the prepared machine: path, rights, text.
const FILES: &[(&str, u32, &str)] = &[
    (
        "/etc/passwd",
        0o644,
        "root:x:0:0:root:/root:/bin/sh\nana:x:1000:1000:Ana:/home/ana:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
    ),
    (
        "/etc/group",
        0o644,
        "root:x:0:\nsudo:x:27:ana\nana:x:1000:\n",
    ),
    (
        "/etc/shadow",
        0o640,
        "root:!:19000:0:99999:7:::\nana:$6$a$b:19000:0:99999:7:::\n",
    ),
    (
        "/etc/sudoers",
        0o440,
        "root ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n",
    ),
    (
        "/etc/sudoers.d/ops",
        0o440,
        "%sudo ALL=(ALL) NOPASSWD: ALL\n",
    ),
    ("/etc/hosts", 0o644, "127.0.0.1 localhost\n"),
    ("/etc/resolv.conf", 0o644, "nameserver 127.0.0.53\n"),
    (
        "/run/systemd/resolve/resolv.conf",
        0o644,
        "nameserver 192.0.2.53\n",
    ),
    (
        "/etc/os-release",
        0o644,
        "NAME=Prepared\nID=prepared\nVERSION_ID=1\nPRETTY_NAME=\"Prepared 1\"\n",
    ),
    (
        "/etc/machine-id",
        0o444,
        "0123456789abcdef0123456789abcdef\n",
    ),
    (
        "/etc/crontab",
        0o644,
        "SHELL=/bin/sh\n1 * * * * root run-parts /etc/cron.hourly\n",
    ),
    ("/etc/cron.d/job", 0o644, "1 2 * * * root /bin/job\n"),
    ("/etc/cron.hourly/script", 0o755, "#!/bin/sh\n"),
    ("/etc/anacrontab", 0o644, "1 5 daily /bin/daily\n"),
    (
        "/var/spool/cron/crontabs/ana",
        0o600,
        "1 1 * * * /bin/mine\n",
    ),
    (
        "/var/spool/cron/atjobs/a0000101b3a2f1",
        0o700,
        "#!/bin/sh\n# atrun uid=1000 gid=1000\n/bin/later\n",
    ),
    (
        "/etc/init.d/old",
        0o755,
        "#!/bin/sh\n### BEGIN INIT INFO\n# Short-Description: An old one\n### END INIT INFO\n",
    ),
    (
        "/etc/systemd/system/own.service",
        0o644,
        "[Service]\nExecStart=/bin/own\nEnvironmentFile=/etc/default/own\n",
    ),
    (
        "/etc/systemd/system/own.service.d/more.conf",
        0o644,
        "[Service]\nExecStartPre=/bin/more\n",
    ),
    (
        "/etc/systemd/system/own.timer",
        0o644,
        "[Timer]\nOnCalendar=daily\n",
    ),
    ("/etc/default/own", 0o644, "LD_PRELOAD=/x.so\n"),
    (
        "/home/ana/.config/systemd/user/hers.service",
        0o644,
        "[Service]\nExecStart=/bin/hers\n",
    ),
    (
        "/etc/ssh/sshd_config",
        0o600,
        "Port 22\nInclude sshd_config.d/*.conf\n",
    ),
    (
        "/etc/ssh/sshd_config.d/one.conf",
        0o600,
        "PermitRootLogin no\n",
    ),
    (
        "/home/ana/.ssh/authorized_keys",
        0o600,
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGE5YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIz ana\n",
    ),
    (
        "/root/.ssh/authorized_keys",
        0o600,
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGE5YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTI0 root\n",
    ),
    (
        "/var/lib/dpkg/status",
        0o644,
        "Package: one\nStatus: install ok installed\nVersion: 1.0\nArchitecture: all\n\n",
    ),
    (
        "/var/lib/docker/containers/abc/config.v2.json",
        0o600,
        "{\"ID\":\"abc\",\"Path\":\"sh\",\"State\":{}}",
    ),
    (
        "/var/lib/docker/containers/abc/hostconfig.json",
        0o600,
        "{\"Privileged\":true}",
    ),
    (
        "/run/containerd/io.containerd.runtime.v2.task/k8s.io/t1/config.json",
        0o600,
        "{\"process\":{\"args\":[\"x\"]}}",
    ),
    (
        "/var/lib/containers/storage/overlay-containers/containers.json",
        0o600,
        "[{\"id\":\"p1\",\"metadata\":\"{}\"}]",
    ),
    ("/var/lib/cordon/tags.txt", 0o600, "tag\n"),
    ("/var/log/wtmp", 0o664, ""),
    ("/var/log/btmp", 0o660, ""),
    ("/run/utmp", 0o664, ""),
    ("/sys/class/net/lo/address", 0o444, "00:00:00:00:00:00\n"),
    ("/sys/class/net/lo/operstate", 0o444, "unknown\n"),
    ("/sys/class/net/lo/mtu", 0o444, "65536\n"),
    ("/sys/class/net/lo/statistics/rx_bytes", 0o444, "0\n"),
    ("/sys/class/net/lo/statistics/tx_bytes", 0o444, "0\n"),
    (
        "/sys/class/dmi/id/product_uuid",
        0o400,
        "01234567-89ab-cdef-0123-456789abcdef\n",
    ),
    ("/sys/class/dmi/id/sys_vendor", 0o444, "Vendor\n"),
    ("/sys/class/dmi/id/product_name", 0o444, "Name\n"),
    ("/closed/file", 0o644, "needle\n"),
    ("/unreadable", 0o600, "needle\n"),
];
/// Folders that are closed to others from the beginning.
const CLOSED: [&str; 6] = [
    "/root",
    "/home/ana",
    "/var/lib/cordon",
    "/var/lib/docker",
    "/var/spool/cron/crontabs",
    "/closed",
];
/// Folders that are closed one by one, as files are.
const FOLDERS: [&str; 15] = [
    "/etc/cron.d",
    "/etc/cron.hourly",
    "/etc/sudoers.d",
    "/etc/init.d",
    "/etc/ssh/sshd_config.d",
    "/etc/systemd/system",
    "/etc/systemd/system/own.service.d",
    "/home",
    "/home/ana",
    "/home/ana/.ssh",
    "/var/spool/cron/crontabs",
    "/var/spool/cron/atjobs",
    "/var/lib/docker/containers",
    "/sys/class/net",
    "/var/lib/cordon",
];

/// Words of a problem that are the same on every machine: numbers and lists of processes are not.
fn plain(word: &str) -> String {
    let mut plain = String::new();
    let mut chars = word.chars().peekable();
    while let Some(c) = chars.next() {
        let after_letter = plain
            .chars()
            .last()
            .is_some_and(|c| c.is_ascii_alphabetic());
        if c.is_ascii_digit() && !after_letter {
            while chars.next_if(char::is_ascii_digit).is_some() {}
            plain.push('N');
        } else {
            plain.push(c);
        }
    }
    while plain.contains("N, N") {
        plain = plain.replace("N, N", "N");
    }
    plain.replace("(N, …)", "(N)")
}

fn said(run: &Run) -> String {
    let said: Vec<String> = words(run).iter().map(|word| plain(word)).collect();
    said.join("; ")
}

/// Rows that are the same at each look.
fn rows(name: &str, run: &Run) -> Option<Vec<Vec<String>>> {
    steady(name).then(|| {
        let mut rows = text(&run.rows);
        rows.sort();
        rows
    })
}

/// What a sensor says; that its rows are others without a word is not to be.
fn cell(name: &str, run: &Run, full: &Run) -> String {
    match said(run) {
        words if !words.is_empty() => words,
        _ if rows(name, run) != rows(name, full) => "SILENT".into(),
        _ => "all".into(),
    }
}

/// Makes the machine in an empty folder.
fn prepare(root: &Path) {
    mount(
        "none",
        root,
        "tmpfs",
        MountFlags::empty(),
        Some(c"mode=755"),
    )
    .unwrap();
    let at = |path: &str| root.join(path.trim_start_matches('/'));
    for name in ["usr", "bin", "sbin", "lib", "lib64"] {
        let real = Path::new("/").join(name);
        match std::fs::read_link(&real) {
            Ok(target) => symlink(target, at(name)).unwrap(),
            Err(_) if real.is_dir() => {
                std::fs::create_dir(at(name)).unwrap();
                mount_bind(&real, at(name)).unwrap();
            }
            Err(_) => {}
        }
    }
    // What the machine that runs the test has there is its own.
    for own in [
        "usr/lib/systemd",
        "usr/local",
        "usr/share/rpm",
        "usr/lib/sysimage",
        "usr/lib/os-release",
    ] {
        if at(own).is_dir() {
            mount(
                "none",
                at(own),
                "tmpfs",
                MountFlags::empty(),
                Some(c"mode=755"),
            )
            .unwrap();
        }
    }
    for folder in ["proc", "dev", "tmp", "run", "sys/module"] {
        std::fs::create_dir_all(at(folder)).unwrap();
    }
    mount_bind("/dev", at("dev")).unwrap();
    mount("proc", at("proc"), "proc", MountFlags::empty(), None).unwrap();
    for (path, mode, text) in FILES {
        std::fs::create_dir_all(at(path).parent().unwrap()).unwrap();
        std::fs::write(at(path), text).unwrap();
        rights(&at(path), *mode);
    }
    for folder in CLOSED {
        rights(&at(folder), 0o700);
    }
}

fn rights(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

/// Runs `f` on a thread of the superuser for whom rights of files count as for everybody.
fn without_override<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    let apart = || {
        let mut held = capabilities(None).unwrap();
        held.effective -= CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH;
        set_capabilities(None, held).unwrap();
        f()
    };
    std::thread::scope(|scope| scope.spawn(apart).join().unwrap())
}

/// Sensors with their parameters, but for those that run programs.
fn all() -> Vec<(&'static str, Vec<String>)> {
    let fill = |text: &str| {
        text.replace("{closed}", "/closed")
            .replace("{unreadable}", "/unreadable")
    };
    let listed = expected().into_iter();
    listed
        .filter(|(name, ..)| !SCRIPTS.contains(name))
        .map(|(name, parameters, _)| (name, parameters.iter().map(|p| fill(p)).collect()))
        .collect()
}

fn ask(name: &str, parameters: &[String]) -> Run {
    let parameters: Vec<&str> = parameters.iter().map(String::as_str).collect();
    run(name, &parameters, Path::new(STATE))
}

#[test]
#[ignore = "run by the test below, as the first process of a machine of its own"]
fn in_a_prepared_machine() {
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )
    .unwrap();
    let root = PathBuf::from(std::env::var("SWEEP_ROOT").unwrap());
    prepare(&root);
    std::os::unix::fs::chroot(&root).unwrap();
    std::env::set_current_dir("/").unwrap();
    // Somebody else's process, with a socket that others may not look for.
    let listener = TcpListener::bind("0.0.0.0:4321").unwrap();
    let mut cat = Command::new("tail")
        .args(["-f", "/dev/null"])
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .spawn()
        .unwrap();
    let mut table =
        String::from("sensor | superuser | without rights | processes hidden | no /proc\n");
    let sensors = all();
    let mut lines: Vec<Vec<String>> = Vec::new();
    let mut full = Vec::new();
    for (name, parameters) in &sensors {
        let whole = ask(name, parameters);
        let denied = as_nobody(|| ask(name, parameters));
        lines.push(vec![
            (*name).to_owned(),
            cell(name, &whole, &whole),
            cell(name, &denied, &whole),
        ]);
        full.push(whole);
    }
    let each = |lines: &mut Vec<Vec<String>>, ask: &dyn Fn(&str, &[String]) -> Run| {
        for (at, (name, parameters)) in sensors.iter().enumerate() {
            lines[at].push(cell(name, &ask(name, parameters), &full[at]));
        }
    };
    mount(
        "proc",
        "/proc",
        "proc",
        MountFlags::empty(),
        Some(c"hidepid=2"),
    )
    .unwrap();
    each(&mut lines, &|name, parameters| {
        as_nobody(|| ask(name, parameters))
    });
    unmount("/proc", UnmountFlags::DETACH).unwrap();
    unmount("/proc", UnmountFlags::DETACH).unwrap();
    each(&mut lines, &ask);
    mount("proc", "/proc", "proc", MountFlags::empty(), None).unwrap();
    for line in lines {
        writeln!(table, "{}", line.join(" | ")).unwrap();
    }
    table.push_str("\nclosed file or folder | who says so\n");
    // Those that read executables take their time, and read none of these files.
    let sensors: Vec<_> = sensors
        .into_iter()
        .filter(|(name, _)| !name.contains("with Hash") && !name.starts_with("Index Query"))
        .map(|(name, parameters)| match name {
            "Process Details" => (name, vec!["None".to_owned()]),
            _ => (name, parameters),
        })
        .collect();
    let open: Vec<Run> = without_override(|| sensors.iter().map(|(n, p)| ask(n, p)).collect());
    let files = FILES.iter().map(|(path, ..)| *path).chain(FOLDERS);
    for path in files {
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        // What may be run stays so: that is another thing than what can be read.
        let closed = if Path::new(path).is_dir() {
            0
        } else {
            mode & 0o111
        };
        rights(Path::new(path), closed);
        let closed_runs: Vec<Run> =
            without_override(|| sensors.iter().map(|(n, p)| ask(n, p)).collect());
        rights(Path::new(path), mode);
        let mut told = Vec::new();
        for (((name, parameters), open), closed_run) in sensors.iter().zip(&open).zip(&closed_runs)
        {
            let words = said(closed_run);
            if words != said(open) {
                told.push(format!("{name}: {words}"));
                continue;
            }
            // File Details tells the rights themselves.
            if *name == "File Details" || rows(name, closed_run) == rows(name, open) {
                continue;
            }
            // The kernel lets go of sockets when it likes: what differs has to do so again, against what is there by now.
            let now = without_override(|| ask(name, parameters));
            rights(Path::new(path), closed);
            let again = without_override(|| ask(name, parameters));
            rights(Path::new(path), mode);
            if rows(name, &again) != rows(name, &now) {
                told.push(format!("{name}: SILENT"));
            }
        }
        writeln!(table, "{path} | {}", told.join(" | ")).unwrap();
    }
    cat.kill().unwrap();
    cat.wait().unwrap();
    for line in table.lines() {
        println!("told: {line}");
    }
}

#[test]
fn what_each_sensor_says_where_it_cannot_look() {
    let root = tempfile::tempdir().unwrap();
    let output = Command::new("unshare")
        .args([
            "--mount", "--pid", "--fork", "--net", "--uts", "--ipc", "--",
        ])
        .arg(std::env::current_exe().unwrap())
        .args(["sweep::in_a_prepared_machine", "--exact", "--ignored"])
        .args(["--nocapture", "--test-threads=1"])
        .env("SWEEP_ROOT", root.path())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed} {output:?}");
    let mut table = String::new();
    for line in printed.lines() {
        if let Some((_, told)) = line.split_once("told: ") {
            table.push_str(told);
            table.push('\n');
        }
    }
    let silent: Vec<&str> = table.lines().filter(|l| l.contains("SILENT")).collect();
    assert!(silent.is_empty(), "{silent:#?}");
    if std::env::var("SWEEP").as_deref() == Ok("write") {
        std::fs::write(TABLE, &table).unwrap();
    }
    let kept = std::fs::read_to_string(TABLE).unwrap();
    for (now, then) in table.lines().zip(kept.lines()) {
        assert_eq!(
            now, then,
            "make the table anew when this is meant (SWEEP=write)"
        );
    }
    assert_eq!(table.lines().count(), kept.lines().count());
}
