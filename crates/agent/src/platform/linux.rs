//! Linux: `/proc/self/status` for memory ([proc(5)]), `/etc/machine-id` and `/sys/class/net` for the fingerprint.
//!
//! [proc(5)]: https://man7.org/linux/man-pages/man5/proc_pid_status.5.html

use super::Usage;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

pub const NAME: &str = "linux";

pub fn hostname() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

pub fn machine_facts() -> Vec<Vec<u8>> {
    let id = ["/etc/machine-id", "/var/lib/dbus/machine-id"]
        .iter()
        .find_map(|path| fs::read(path).ok())
        .unwrap_or_default();
    vec![
        id.trim_ascii().to_vec(),
        first_hardware_address().unwrap_or_default(),
    ]
}

/// Address of the first real network adapter by name. Bridges and tunnels come and go, so they only count on a machine
/// (a container, mostly) that has nothing else.
fn first_hardware_address() -> Option<Vec<u8>> {
    let mut found: Vec<(bool, String, Vec<u8>)> = fs::read_dir("/sys/class/net")
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let address = fs::read(entry.path().join("address")).ok()?;
            let address = address.trim_ascii().to_vec();
            let says_something = address.iter().any(|b| !matches!(b, b'0' | b':'));
            let is_virtual = !entry.path().join("device").exists();
            let name = entry.file_name().to_string_lossy().into_owned();
            says_something.then_some((is_virtual, name, address))
        })
        .collect();
    found.sort();
    found.into_iter().next().map(|(_, _, address)| address)
}

pub fn usage() -> Usage {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Usage {
        memory: resident(),
        cpu: Some(Duration::new(
            u64::try_from(spent.tv_sec).unwrap_or(0),
            u32::try_from(spent.tv_nsec).unwrap_or(0),
        )),
    }
}

fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

pub fn private_file() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.mode(0o600);
    options
}

pub fn make_private_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

pub fn sync_folder(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

/// The C library keeps what was freed, for each thread's arena; an agent that answered one large question would look
/// large for ever.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "malloc_trim has no safe wrapper")]
pub fn release_memory() {
    // SAFETY: malloc_trim takes no pointer, may be called from any thread at any time, and only returns unused pages.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(not(target_env = "gnu"))]
pub fn release_memory() {}
