//! Which container a process belongs to, by the name of its control group (`/proc/PID/cgroup`).
//!
//! Runtimes put the id of a container into that name, each in its own way; with the file of any process readable to
//! everybody, no runtime is asked. A process in no such group is the machine's own.

use super::walk::{self, part};
use crate::framework::Notes;
use crate::text;
use procfs::process::Process;

/// Id of the container that a process is in, or its name where the runtime has no ids; empty for none.
pub fn of(process: &Process, notes: &Notes) -> Vec<u8> {
    let groups = part(notes, process, "cgroup", walk::bytes(process, "cgroup"));
    named(&groups.unwrap_or_default())
}

/// What the lines of a cgroup file say. The innermost name counts, for a container may hold others.
fn named(groups: &[u8]) -> Vec<u8> {
    text::lines(groups)
        .filter_map(|line| line.splitn(3, |b| *b == b':').nth(2))
        .find_map(innermost)
        .unwrap_or_default()
}

fn innermost(group: &[u8]) -> Option<Vec<u8>> {
    let parts: Vec<&[u8]> = group.split(|b| *b == b'/').collect();
    let before = |at: usize| at.checked_sub(1).and_then(|at| parts.get(at)).copied();
    parts
        .iter()
        .enumerate()
        .rev()
        .find_map(|(at, part)| name(part, before(at)))
}

/// The id or name in one part of a group's path.
fn name(part: &[u8], before: Option<&[u8]>) -> Option<Vec<u8>> {
    let bare = part
        .strip_suffix(b".scope")
        .or_else(|| part.strip_suffix(b".service"))
        .unwrap_or(part);
    // What watches over a container is not in it.
    if [b"libpod-conmon-".as_slice(), b"crio-conmon-"]
        .iter()
        .any(|watcher| bare.starts_with(watcher))
    {
        return None;
    }
    // `docker-ID`, `cri-containerd-ID`, `crio-ID`, `libpod-ID`, or the id alone.
    let last = bare.rsplit(|b| matches!(b, b'-' | b':')).next()?;
    if last.len() == 64 && last.iter().all(u8::is_ascii_hexdigit) {
        return Some(last.to_vec());
    }
    // Containers with names: `lxc.payload.NAME`, `lxc/NAME`, `systemd-nspawn@NAME`, `machine-NAME`.
    if let Some(name) = part.strip_prefix(b"lxc.payload.") {
        return Some(name.to_vec());
    }
    if matches!(before, Some(b"lxc" | b"lxc.payload")) {
        return Some(part.to_vec());
    }
    let name = bare
        .strip_prefix(b"systemd-nspawn@")
        .or_else(|| bare.strip_prefix(b"machine-"))
        .filter(|_| before == Some(b"machine.slice"))?;
    Some(unescaped(name))
}

/// `\x2d` is how systemd writes a character that separates parts of a name.
fn unescaped(name: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((first, after)) = rest.split_first() {
        let escaped = rest
            .strip_prefix(br"\x")
            .and_then(|r| std::str::from_utf8(r.get(..2)?).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escaped {
            Some(byte) => {
                plain.push(byte);
                rest = rest.get(4..).unwrap_or_default();
            }
            None => {
                plain.push(*first);
                rest = after;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_each_runtime() {
        let id = "0123456789abcdef".repeat(4);
        for group in [
            format!("0::/docker/{id}"),
            format!("0::/system.slice/docker-{id}.scope"),
            format!("12:pids:/docker/{}/docker/{id}", "f".repeat(64)),
            format!("0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-{id}.scope/init"),
            format!("0::/kubepods/burstable/pod1/{id}"),
            format!("0::/kubepods.slice/x.slice/crio-{id}.scope"),
            format!("0::/machine.slice/libpod-{id}.scope/container"),
            format!("0::/default/kubepods-besteffort-pod1.slice:cri-containerd:{id}"),
        ] {
            assert_eq!(named(group.as_bytes()), id.as_bytes(), "{group}");
        }
        for (group, name) in [
            ("0::/lxc.payload.web/system.slice", "web"),
            ("9:cpu:/lxc/db", "db"),
            ("0::/machine.slice/systemd-nspawn@a.service/payload", "a"),
            (r"0::/machine.slice/machine-a\x2db.scope", "a-b"),
            ("0::/system.slice/ssh.service", ""),
            ("0::/", ""),
            ("odd", ""),
        ] {
            assert_eq!(named(group.as_bytes()), name.as_bytes(), "{group}");
        }
        let watcher = format!("0::/machine.slice/libpod-conmon-{id}.scope");
        assert!(named(watcher.as_bytes()).is_empty());
    }
}
