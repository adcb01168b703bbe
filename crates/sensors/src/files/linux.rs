//! Files by the system calls of Linux, through the crate `rustix`.

mod contents;
mod details;
mod folder;
mod paths;

use super::Kind;
use crate::framework::{Request, SensorError, Sink};

pub fn collect(kind: Kind, request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    match kind {
        Kind::Exists => details::file_exists(request, sink),
        Kind::Details => details::file_details(request, sink),
        Kind::Hash => contents::file_hash(request, sink),
        Kind::Folder => folder::folder_contents(request, sink),
        Kind::Search => contents::file_contents_search(request, sink),
    }
}
