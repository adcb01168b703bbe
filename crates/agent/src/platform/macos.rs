//! macOS: what POSIX gives. Memory and a hardware id come with the port.

use super::Usage;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

pub const NAME: &str = "macos";

pub fn hostname() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

pub fn machine_facts() -> Vec<Vec<u8>> {
    vec![hostname().into_bytes()]
}

pub fn usage() -> Usage {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Usage {
        memory: None,
        cpu: Some(Duration::new(
            u64::try_from(spent.tv_sec).unwrap_or(0),
            u32::try_from(spent.tv_nsec).unwrap_or(0),
        )),
    }
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

pub fn release_memory() {}
