//! The machine itself, on Linux: `/proc` (proc(5)), os-release(5), DMI, statvfs(3).

mod spaces;

use super::{Kind, View};
use crate::disk;
use crate::framework::{Notes, Request, SensorError, Sink};
use crate::mountinfo::{self, Mount};
use crate::processes::walk::failed as broken;
use crate::text::{self, boolean, moment};
use procfs::{Current, CurrentSI, FromBufRead};
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Looking at the first would mount what it stands for. The last two show files of others to one user alone; not even the
/// superuser may look at them.
const NO_DATA: [&str; 6] = [
    "autofs",
    "tmpfs",
    "devtmpfs",
    "ramfs",
    "fuse.portal",
    "fuse.gvfsd-fuse",
];
const REMOTE: [&str; 9] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "ceph",
    "9p",
    "afs",
    "fuse.sshfs",
    "glusterfs",
];

pub fn name() -> Vec<u8> {
    rustix::system::uname().nodename().to_bytes().to_vec()
}

/// The endpoint's identifier; without a server, machine-id(5).
pub fn id(request: &Request, notes: &Notes) -> Vec<u8> {
    if !request.host.endpoint_id.is_empty() {
        return request.host.endpoint_id.clone().into_bytes();
    }
    disk::read_if_there(Path::new("/etc/machine-id"), 1 << 10, notes)
        .map(|id| id.trim_ascii().to_vec())
        .unwrap_or_default()
}

pub fn operating_system(notes: &Notes) -> Vec<u8> {
    let release = release(notes);
    let name = release.get("PRETTY_NAME").or_else(|| release.get("NAME"));
    name.cloned().unwrap_or_else(|| "Linux".into()).into_bytes()
}

pub fn collect(kind: Kind, sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    match kind {
        Kind::Version => {
            let version = release(&notes)
                .get("VERSION_ID")
                .cloned()
                .unwrap_or_default();
            let kernel = rustix::system::uname().release().to_bytes().to_vec();
            sink.push([version.into_bytes(), kernel])?;
        }
        Kind::Virtual => {
            let platform = virtual_platform(&notes);
            sink.push([
                boolean(platform.is_some()),
                platform.as_deref().unwrap_or_default(),
            ])?;
        }
        Kind::Uptime => {
            let up = procfs::Uptime::current()
                .map_err(|e| broken("/proc/uptime", e))?
                .uptime_duration();
            sink.push([format!("{}s", up.as_secs())])?;
        }
        Kind::LastReboot => {
            let boot = procfs::KernelStats::current()
                .map_err(|e| broken("/proc/stat", e))?
                .btime;
            sink.push([moment(i64::try_from(boot).unwrap_or(0), 0)])?;
        }
        Kind::Cpu => {
            let info = cpu_info();
            let load = procfs::LoadAverage::current().map_err(|e| broken("/proc/loadavg", e));
            let (info, load) = (notes.note(info)?, notes.note(load)?);
            let model = info.as_ref().and_then(|info| {
                let named = info.model_name(0);
                named.or_else(|| info.fields.get("Model").map(String::as_str))
            });
            let cores = info.as_ref().map(|info| info.num_cores().to_string());
            sink.push([
                model.unwrap_or_default(),
                &cores.unwrap_or_default(),
                &load.map(|l| l.one.to_string()).unwrap_or_default(),
            ])?;
        }
        Kind::Ram => {
            let memory = procfs::Meminfo::current().map_err(|e| broken("/proc/meminfo", e))?;
            let available = memory.mem_available.unwrap_or(memory.mem_free);
            sink.push(
                [
                    memory.mem_total,
                    available,
                    memory.swap_total,
                    memory.swap_free,
                ]
                .map(|n| n.to_string()),
            )?;
        }
        Kind::DiskFree(view) => disk_free(view, sink)?,
        Kind::Mounts(view, all) => {
            let (path, mounts) = mounts(view, &notes)?;
            push_mounts(mounts, b"", b"", sink)?;
            let others = if all {
                spaces::others(path, sink)?
            } else {
                Vec::new()
            };
            for space in others {
                // The last process in it may have ended.
                let said = std::fs::read(&space.table);
                if let Some(table) = disk::look(said, &space.table, &notes) {
                    let mounts = parsed(&space.table, &table, &notes);
                    push_mounts(mounts, &space.name, &space.container, sink)?;
                }
            }
        }
    }
    Ok(())
}

/// What a virtual machine calls its processor is its owner's choice, in any bytes.
fn cpu_info() -> Result<procfs::CpuInfo, SensorError> {
    let path = Path::new("/proc/cpuinfo");
    let bytes = std::fs::read(path).map_err(|e| SensorError::reading(path, e))?;
    let text = String::from_utf8_lossy(&bytes);
    procfs::CpuInfo::from_buf_read(text.as_bytes()).map_err(|e| broken("/proc/cpuinfo", e))
}

/// The mounts as the machine's first process has them: a service's own are others where its unit makes the system read-only
/// to it. Where that one may not be looked at, and where nobody asks for a machine, they are our own.
fn mounts(view: View, notes: &Notes) -> Result<(&'static Path, Vec<Mount>), SensorError> {
    let own = Path::new("/proc/thread-self/mountinfo");
    let first = Path::new("/proc/1/mountinfo");
    let of_first = match view {
        View::Machine => std::fs::read(first).ok(),
        View::Own => None,
    };
    let (path, table) = match of_first {
        Some(table) => (first, table),
        None => (
            own,
            std::fs::read(own).map_err(|e| SensorError::reading(own, e))?,
        ),
    };
    Ok((path, parsed(path, &table, notes)))
}

fn push_mounts(
    mounts: Vec<Mount>,
    namespace: &[u8],
    container: &[u8],
    sink: &mut Sink,
) -> Result<(), SensorError> {
    for mount in mounts {
        let mut options = [mount.options, mount.super_options].concat();
        options.sort();
        options.dedup();
        sink.push([
            &mount.point[..],
            &mount.source,
            &mount.kind,
            &text::join(options, b","),
            namespace,
            container,
            mount.layer.to_string().as_bytes(),
        ])?;
    }
    Ok(())
}

fn parsed(path: &Path, table: &[u8], notes: &Notes) -> Vec<Mount> {
    let (mounts, odd) = mountinfo::parse(table);
    if odd > 0 {
        notes.add(SensorError::Form {
            what: path.display().to_string(),
            problem: format!("{odd} of its rows are of another form and are left out"),
        });
    }
    mounts
}

/// Each device once, at its first mount. Network file systems are left out: one that hangs would hang the sensor.
fn disk_free(view: View, sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    let mut seen = BTreeSet::new();
    for mount in mounts(view, &notes)?.1 {
        let is = |kinds: &[&str]| kinds.iter().any(|k| k.as_bytes() == mount.kind);
        if is(&NO_DATA) || is(&REMOTE) || !seen.insert(mount.device) {
            continue;
        }
        sink.check()?;
        let point = Path::new(OsStr::from_bytes(&mount.point));
        // A file system may go away between the list and the look.
        let said = rustix::fs::statvfs(point).map_err(std::io::Error::from);
        let Some(space) = disk::look(said, point, &notes) else {
            continue;
        };
        if space.f_blocks == 0 {
            continue;
        }
        let bytes = |blocks: u64| {
            blocks
                .saturating_mul(space.f_frsize)
                .to_string()
                .into_bytes()
        };
        sink.push([
            &mount.point,
            &mount.kind,
            &bytes(space.f_blocks),
            &bytes(space.f_bavail),
        ])?;
    }
    Ok(())
}

/// Assignments of os-release(5).
fn release(notes: &Notes) -> HashMap<String, String> {
    let read = |path: &str| disk::read_if_there(Path::new(path), 64 << 10, notes);
    let bytes = read("/etc/os-release")
        .or_else(|| read("/usr/lib/os-release"))
        .unwrap_or_default();
    assignments(&String::from_utf8_lossy(&bytes))
}

fn assignments(text: &str) -> HashMap<String, String> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| {
            let value = value.trim();
            let inner = ['"', '\'']
                .iter()
                .find_map(|q| value.strip_prefix(*q)?.strip_suffix(*q))
                .unwrap_or(value);
            let mut plain = String::new();
            let mut escaped = false;
            for c in inner.chars() {
                if c == '\\' && !escaped {
                    escaped = true;
                } else {
                    plain.push(c);
                    escaped = false;
                }
            }
            (name.trim().to_owned(), plain)
        })
        .collect()
}

/// What makes this machine a virtual one: a hypervisor that names itself, firmware known from hypervisors, or the processor's flag.
fn virtual_platform(notes: &Notes) -> Option<String> {
    const KNOWN: [&str; 12] = [
        "kvm",
        "qemu",
        "vmware",
        "virtualbox",
        "innotek",
        "xen",
        "bochs",
        "parallels",
        "bhyve",
        "hyper-v",
        "virtual machine",
        "amazon ec2",
    ];
    let read = |path: &str| {
        disk::start_of(Path::new(path), 4 << 10, notes)
            .map(|b| String::from_utf8_lossy(b.trim_ascii()).into_owned())
    };
    if let Some(hypervisor) = read("/sys/hypervisor/type").filter(|t| !t.is_empty()) {
        return Some(hypervisor);
    }
    for file in ["product_name", "sys_vendor", "board_vendor", "bios_vendor"] {
        let Some(text) = read(&format!("/sys/class/dmi/id/{file}")) else {
            continue;
        };
        let lower = text.to_lowercase();
        if KNOWN.iter().any(|known| lower.contains(known)) {
            return Some(text);
        }
    }
    let info = match cpu_info() {
        Ok(info) => info,
        Err(e) => {
            notes.add(e);
            return None;
        }
    };
    info.flags(0)?
        .contains(&"hypervisor")
        .then(|| "hypervisor".into())
}

#[cfg(test)]
mod tests {
    use super::assignments;

    #[test]
    fn release_files_are_read_with_quotes_and_escapes() {
        let read =
            assignments("# comment=1\nNAME=\"A \\\"B\\\"\"\nVERSION_ID='12'\nODD\nID=debian\n");
        assert_eq!(read["NAME"], "A \"B\"");
        assert_eq!(read["VERSION_ID"], "12");
        assert_eq!(read["ID"], "debian");
        assert_eq!(read.len(), 3);
    }
}
