//! What the agent asks the system about itself and its machine, one file for each system beside each other.
//!
//! Everything else in this crate compiles everywhere. A fact that a system does not give (yet) is `None` and shown as
//! absent, never as zero.

use sha2::{Digest, Sha256};
use std::time::Duration;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(target_os = "macos")]
use macos as system;
#[cfg(windows)]
use windows as system;

/// Name of this system as the channel's messages spell it.
pub const NAME: &str = system::NAME;

const MACHINE_DOMAIN: &[u8] = b"cordon machine v1\0";

/// What the running process uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Resident memory in bytes.
    pub memory: Option<u64>,
    /// Processor time since the start, user and system together.
    pub cpu: Option<Duration>,
}

/// Name of this machine; empty when the system does not tell.
#[must_use]
pub fn hostname() -> String {
    system::hostname()
}

/// SHA-256 over facts that differ between machines, so that two machines with one identity are noticed.
#[must_use]
pub fn machine_fingerprint() -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(MACHINE_DOMAIN);
    for fact in system::machine_facts() {
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        hash.update((fact.len() as u64).to_be_bytes());
        hash.update(&fact);
    }
    hash.finalize().to_vec()
}

/// What this process uses now.
#[must_use]
pub fn usage() -> Usage {
    system::usage()
}

/// Options for a file that only the agent's own account may read.
#[must_use]
pub fn private_file() -> std::fs::OpenOptions {
    system::private_file()
}

/// Makes a folder, with those above it, that only the agent's own account may enter.
///
/// # Errors
/// The system's.
pub fn make_private_folder(path: &std::path::Path) -> std::io::Result<()> {
    system::make_private_folder(path)
}

/// Makes a rename in this folder survive a power cut, where the system has a way to say so.
///
/// # Errors
/// The system's.
pub fn sync_folder(path: &std::path::Path) -> std::io::Result<()> {
    system::sync_folder(path)
}

/// Gives freed memory back to the system after a large answer.
pub fn release_memory() {
    system::release_memory();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_stable() {
        assert_eq!(machine_fingerprint(), machine_fingerprint());
        assert_eq!(machine_fingerprint().len(), 32);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn usage_is_measured() {
        let usage = usage();
        assert!(usage.memory.is_some_and(|m| m > 1 << 20), "{usage:?}");
        assert!(usage.cpu.is_some());
    }

    #[test]
    fn the_machine_has_a_name() {
        assert!(!hostname().is_empty());
    }
}
