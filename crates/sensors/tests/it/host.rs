//! The machine itself, against `uname`, `os-release`, `free`, `df`, `findmnt` and the kernel's own clock.

use crate::ask::{rows, tool};
use std::collections::BTreeMap;

fn line(program: &str, arguments: &[&str]) -> String {
    String::from_utf8(tool(program, arguments))
        .expect("text")
        .trim()
        .to_owned()
}

fn only(sensor: &str) -> Vec<String> {
    let mut rows = rows(sensor, &[]);
    assert_eq!(rows.len(), 1, "{sensor} gives one row: {rows:?}");
    rows.remove(0)
}

#[test]
fn name_and_system_agree_with_uname() {
    assert_eq!(only("Computer Name"), [line("uname", &["-n"])]);
    assert_eq!(only("OS Version")[1], line("uname", &["-r"]));
    assert_eq!(only("Is Linux"), ["True"]);
    assert_eq!(
        (only("Is Windows"), only("Is Mac")),
        (vec!["False".to_owned()], vec!["False".to_owned()])
    );
}

#[test]
fn system_and_version_agree_with_os_release() {
    let of = |name: &str| {
        line(
            "sh",
            &["-c", &format!(". /etc/os-release; printf %s \"${name}\"")],
        )
    };
    assert_eq!(only("Operating System"), [of("PRETTY_NAME")]);
    assert_eq!(only("OS Version")[0], of("VERSION_ID"));
}

#[test]
fn an_endpoint_without_a_server_is_known_by_its_machine_id() {
    let expected = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    assert_eq!(only("Computer ID"), [expected.trim()]);
}

#[test]
fn uptime_and_boot_agree_with_the_kernel() {
    let before: f64 = line("cut", &["-d ", "-f1", "/proc/uptime"])
        .parse()
        .expect("seconds");
    let up: f64 = only("Uptime")[0]
        .strip_suffix('s')
        .expect("seconds")
        .parse()
        .expect("a number");
    let after: f64 = line("cut", &["-d ", "-f1", "/proc/uptime"])
        .parse()
        .expect("seconds");
    assert!(up + 1.0 > before && up <= after, "{before} {up} {after}");
    let boot: i64 = line("awk", &["/^btime/ {print $2}", "/proc/stat"])
        .parse()
        .expect("seconds");
    assert_eq!(
        line("date", &["-u", "-d", &only("Last Reboot")[0], "+%s"]),
        boot.to_string()
    );
}

#[test]
fn processor_and_memory_agree_with_the_tools() {
    let cpu = only("CPU");
    assert_eq!(cpu[1], line("getconf", &["_NPROCESSORS_ONLN"]));
    assert!(cpu[2].parse::<f64>().is_ok(), "{cpu:?}");
    let ram = only("RAM");
    let free = line("free", &["-b"]);
    let total = |name: &str| {
        free.lines()
            .find_map(|l| l.strip_prefix(name))
            .and_then(|l| l.split_whitespace().next())
            .expect("a total")
    };
    assert_eq!(ram[0], total("Mem:"));
    assert_eq!(ram[2], total("Swap:"));
    assert!(ram[1].parse::<u64>().expect("bytes") <= ram[0].parse().expect("bytes"));
}

#[test]
fn space_agrees_with_df() {
    let found: BTreeMap<String, Vec<String>> = rows("Disk Free", &[])
        .into_iter()
        .map(|r| (r[0].clone(), r))
        .collect();
    let root = found.get("/").expect("the root file system");
    let df = line("df", &["-B1", "--output=fstype,size", "/"]);
    let expected: Vec<&str> = df
        .lines()
        .nth(1)
        .expect("a line")
        .split_whitespace()
        .collect();
    assert_eq!([root[1].as_str(), root[2].as_str()], expected[..]);
    assert!(root[3].parse::<u64>().expect("bytes") < root[2].parse().expect("bytes"));
}

#[test]
fn mounts_agree_with_findmnt() {
    let mut found: Vec<(String, String)> = rows("Mounts", &[])
        .into_iter()
        .map(|r| (r[0].clone(), r[2].clone()))
        .collect();
    let list = line(
        "findmnt",
        &[
            "--kernel",
            "--raw",
            "--noheadings",
            "--output",
            "TARGET,FSTYPE",
        ],
    );
    let mut expected: Vec<(String, String)> = list
        .lines()
        .filter_map(|l| l.rsplit_once(' '))
        .map(|(target, kind)| (target.to_owned(), kind.to_owned()))
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn names_of_any_bytes_cost_no_mount_its_row() {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &[u8]| folder.path().join(std::ffi::OsStr::from_bytes(name));
    let names = [
        &b"usb stick"[..],
        b"tab\there",
        b"line\nfeed",
        b"back\\slash \\040",
        b"x\xff",
        "h\u{fc}tte#1".as_bytes(),
    ];
    let (mounts, disks, count) = crate::sight::with_own_mounts(|| {
        for (number, name) in names.into_iter().enumerate() {
            std::fs::create_dir(at(name)).expect("a folder");
            // The names of its parts are plain: the file system has an escape of its own for them.
            let part = |letter: char| format!("{}/{letter}{number}", folder.path().display());
            let (lower, upper, work) = (part('l'), part('u'), part('w'));
            for part in [&lower, &upper, &work] {
                std::fs::create_dir(part).expect("a folder");
            }
            let options = format!("lowerdir={lower},upperdir={upper},workdir={work}");
            let mounted = std::process::Command::new("mount")
                .args(["-t", "overlay", "a source", "-o", &options])
                .arg(at(name))
                .status()
                .expect("mount can be run");
            assert!(mounted.success());
        }
        // Twice the same at one place is two mounts.
        for _ in 0..2 {
            let mounted = std::process::Command::new("mount")
                .args(["-t", "tmpfs", "none"])
                .arg(folder.path().join("l0"))
                .status()
                .expect("mount can be run");
            assert!(mounted.success());
        }
        let table = std::fs::read("/proc/thread-self/mountinfo").expect("the table");
        let count = table.iter().filter(|b| **b == b'\n').count();
        let run = |sensor: &str| {
            let limits = question::catalogue::Limits::default();
            crate::ask::run_with(sensor, &[], limits, std::sync::Arc::default()).0
        };
        (run("Mounts"), run("Disk Free"), count)
    });
    assert_eq!(mounts.len(), count, "a row for each");
    let distinct: std::collections::BTreeSet<_> = mounts.iter().collect();
    assert_eq!(
        distinct.len(),
        count,
        "rows that are alike would be one in an answer"
    );
    for name in names {
        let path = at(name).into_os_string().into_vec();
        let mount = mounts
            .iter()
            .find(|r| *r[0] == path[..])
            .expect("the mount is told");
        assert_eq!(&mount[1][..], b"a source");
        assert!(
            disks.iter().any(|r| *r[0] == path[..]),
            "Disk Free leaves {name:?} out"
        );
    }
}

/// Mounts that only another namespace has, by parameter, with its number.
#[cfg(target_os = "linux")]
#[test]
fn mounts_of_other_namespaces_by_parameter() {
    let (tell, told) = std::sync::mpsc::channel();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_owned();
    let apart = std::thread::spawn(move || {
        crate::sight::with_own_mounts(move || {
            let flags = rustix::mount::MountFlags::empty();
            rustix::mount::mount("hidden", &place, "tmpfs", flags, None).unwrap();
            tell.send(std::fs::read_link("/proc/thread-self/ns/mnt").unwrap())
                .unwrap();
            // Until the other side is done.
            ended.recv().unwrap_err();
        });
    });
    let namespace = told.recv().unwrap().display().to_string();
    let [one, all] = ["One", "All"].map(|which| rows("Mounts", &[which]));
    drop(end);
    apart.join().unwrap();
    let hidden = |rows: &[Vec<String>]| -> Vec<Vec<String>> {
        let at = folder.path().display().to_string();
        rows.iter().filter(|r| r[0] == at).cloned().collect()
    };
    assert!(hidden(&one).is_empty() && one.iter().all(|r| r[4].is_empty()));
    let found = hidden(&all);
    assert_eq!(found.len(), 1, "{all:?}");
    assert_eq!((found[0][1].as_str(), &found[0][4]), ("hidden", &namespace));
    assert!(all.iter().filter(|r| r[4].is_empty()).count() == one.len());
}
