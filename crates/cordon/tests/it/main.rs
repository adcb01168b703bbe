//! End to end through the real binary: what a person types, what comes back, and what survives a kill.

mod accounts;
#[cfg(unix)]
mod asking;
mod audit;
mod command_line;
mod content;
mod content_crash;
#[cfg(unix)]
mod content_server;
mod crash_walk;
mod data_folder;
mod docs;
mod errors;
mod first_start;
mod fixed;
mod fleet;
#[cfg(target_os = "linux")]
mod full_disk;
#[cfg(target_os = "linux")]
mod golden;
#[cfg(target_os = "linux")]
mod index_bench;
mod index_crash;
mod index_image;
mod index_service;
mod index_walk;
mod keys;
mod mistakes;
mod moment;
mod operations;
#[cfg(unix)]
mod outlives;
mod pinning;
#[cfg(unix)]
mod profiles;
#[cfg(target_os = "linux")]
mod sensor_process;
mod stand_in;
mod support;
#[cfg(unix)]
mod terminal;
#[cfg(unix)]
mod torrent;
mod up;
mod which;
