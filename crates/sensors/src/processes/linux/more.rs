//! What `Process Details` tells when it is asked for all: where a process is and what it may.

use super::container;
use super::walk::{self, Running, part};
use crate::framework::Notes;
use crate::text;
use procfs::process::{Process, Status};
use std::collections::BTreeMap;

/// Namespaces by their names in `/proc/PID/ns`.
const NAMESPACES: [&str; 8] = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];
/// Names of rights (capabilities(7)), by their numbers.
const RIGHTS: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// Cells beside those that are always told.
pub const CELLS: usize = 10;

/// Namespaces of the machine's first process, by kind: those of most processes.
pub struct Usual(BTreeMap<&'static str, Vec<u8>>);

impl Usual {
    /// Looks at the first process; at this one where we may not. A service may have some of its own.
    #[must_use]
    pub fn look() -> Self {
        let link = |kind: &&'static str| {
            let link = std::fs::read_link(format!("/proc/1/ns/{kind}"))
                .or_else(|_| std::fs::read_link(format!("/proc/self/ns/{kind}")))
                .ok()?;
            Some((*kind, link.into_os_string().into_encoded_bytes()))
        };
        Self(NAMESPACES.iter().filter_map(link).collect())
    }
}

/// State, threads, terminal, folders, namespaces, group, container, rights, tracer.
pub fn cells(
    seen: &Running,
    process: &Process,
    status: Option<&Status>,
    usual: &Usual,
    notes: &Notes,
) -> [Vec<u8>; CELLS] {
    // Of a thread of the kernel there is no more to know.
    let link = |name: &'static str| {
        let path = if seen.kernel {
            None
        } else {
            part(notes, process, name, linked(process, name))
        };
        path.unwrap_or_default()
    };
    let groups = part(notes, process, "cgroup", walk::bytes(process, "cgroup"));
    let tracer = status.map_or(0, |s| s.tracerpid);
    [
        state(seen.state).into(),
        seen.threads.to_string().into(),
        terminal(seen.terminal).into(),
        link("cwd"),
        link("root"),
        namespaces(seen, process, usual, notes),
        group(&groups.unwrap_or_default()),
        container::of(process, notes),
        status.map_or_else(Vec::new, |s| rights(s.capeff).into()),
        if tracer == 0 {
            Vec::new()
        } else {
            tracer.to_string().into()
        },
    ]
}

fn linked(process: &Process, name: &str) -> procfs::ProcResult<Vec<u8>> {
    let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC;
    let handle = process.open_relative_flags(name, flags)?;
    crate::handle::path(&handle).map_err(procfs::ProcError::from)
}

/// Those that are not the usual ones.
fn namespaces(seen: &Running, process: &Process, usual: &Usual, notes: &Notes) -> Vec<u8> {
    let folder = format!("/proc/{}/ns", process.pid());
    let mut others = Vec::new();
    for kind in NAMESPACES {
        match std::fs::read_link(format!("{folder}/{kind}")) {
            Ok(link) => {
                let link = link.into_os_string().into_encoded_bytes();
                if usual.0.get(kind) != Some(&link) {
                    others.push(link);
                }
            }
            // A kernel may have fewer kinds, and a process may have ended.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(_) if seen.kernel => {}
            Err(e) => {
                part::<()>(notes, process, "ns", Err(e.into()));
                break;
            }
        }
    }
    text::join(others, b" ")
}

/// The group in the unified hierarchy, or in that of systemd among the old ones.
fn group(lines: &[u8]) -> Vec<u8> {
    let group = |mark: &[u8]| {
        text::lines(lines).find_map(|line| {
            let (_, rest) = text::split_once(line, b':')?;
            let (kind, path) = text::split_once(rest, b':')?;
            (kind == mark && !path.is_empty()).then(|| path.to_vec())
        })
    };
    let unified = group(b"");
    match unified {
        Some(path) if path != b"/" => path,
        _ => group(b"name=systemd").or(unified).unwrap_or_default(),
    }
}

fn state(code: char) -> &'static str {
    match code {
        'R' => "running",
        'S' => "sleeping",
        'D' => "waiting",
        'Z' => "zombie",
        'T' => "stopped",
        't' => "traced",
        'X' | 'x' => "dead",
        'I' => "idle",
        'P' => "parked",
        _ => "",
    }
}

/// The name of a terminal by its device number; the numbers themselves for kinds without a rule.
fn terminal(device: i32) -> String {
    let device = u32::from_ne_bytes(device.to_ne_bytes());
    let (major, minor) = (device >> 8 & 0xFFF, device & 0xFF | device >> 12 & 0xF_FF00);
    match (major, minor) {
        (0, 0) => String::new(),
        (4, minor @ 0..=63) => format!("tty{minor}"),
        (4, minor) => format!("ttyS{}", minor - 64),
        (5, 1) => "console".into(),
        (major @ 136..=143, minor) => format!("pts/{}", (major - 136) * 256 + minor),
        (major, minor) => format!("{major}:{minor}"),
    }
}

/// Names of rights; `all` for the superuser's.
fn rights(mask: u64) -> String {
    let all = (1_u64 << RIGHTS.len()) - 1;
    if mask & all == all {
        return "all".into();
    }
    let named = RIGHTS
        .iter()
        .enumerate()
        .filter(|(at, _)| mask >> at & 1 == 1)
        .map(|(_, name)| *name);
    named.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_words() {
        assert_eq!(terminal(0), "");
        assert_eq!(terminal(34_816), "pts/0");
        assert_eq!(terminal(34_816 + 5), "pts/5");
        assert_eq!(terminal(4 << 8 | 1), "tty1");
        assert_eq!(terminal(4 << 8 | 64), "ttyS0");
        assert_eq!(rights(0), "");
        assert_eq!(rights(1 << 21 | 1), "CHOWN SYS_ADMIN");
        assert_eq!(rights(u64::MAX), "all");
        assert_eq!(group(b"1:name=systemd:/a\n0::/\n"), b"/a");
        assert_eq!(group(b"0::/b\n"), b"/b");
    }
}
