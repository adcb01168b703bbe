//! Windows: what the standard library and the environment give. A folder under `ProgramData` inherits its access list;
//! a list of the agent's own, memory and a hardware id come with the port.

use super::Usage;
use std::fs;
use std::io;
use std::path::Path;

pub const NAME: &str = "windows";

pub fn hostname() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}

pub fn machine_facts() -> Vec<Vec<u8>> {
    vec![hostname().into_bytes()]
}

pub fn usage() -> Usage {
    Usage::default()
}

pub fn private_file() -> fs::OpenOptions {
    fs::OpenOptions::new()
}

pub fn make_private_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// A folder cannot be opened for flushing here; NTFS journals the rename itself.
pub fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

pub fn release_memory() {}
