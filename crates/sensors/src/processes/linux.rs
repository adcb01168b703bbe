//! Processes from `/proc` (proc(5)).
//!
//! The crate `procfs` walks the processes, keeps a handle on each folder (so that a reused id is never mistaken for the
//! process that had it before) and reads the numbers. It makes text of what it reads, and text loses bytes: names,
//! command lines, environments and the paths of mappings are therefore taken as the bytes they are.

pub mod container;
pub mod descriptors;
mod details;
mod environment;
pub mod executable;
mod family;
mod hash;
mod modules;
mod more;
mod names;
mod open_files;
pub mod threads;
pub mod walk;

pub use walk::{Running, running};

use super::Kind;
use crate::framework::{Request, SensorError, Sink};

pub fn collect(kind: Kind, request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    match kind {
        Kind::Running => names::running_processes(sink),
        Kind::RunningWithHash => hash::running_with_hash(request, sink),
        Kind::Details => details::process_details(request, sink),
        Kind::Tree => family::process_tree(request, sink),
        Kind::Children => family::child_processes(request, sink),
        Kind::Modules => modules::loaded_modules(request, sink),
        Kind::OpenFiles => open_files::open_files(request, sink),
        Kind::Environment => environment::process_environment(request, sink),
    }
}
