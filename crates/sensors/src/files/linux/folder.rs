//! `Folder Contents`.

use super::paths::{self, Trouble, native};
use crate::disk;
use crate::files::FOLDER;
use crate::framework::{Request, SensorError, Sink};
use crate::handle;
use rustix::fs::{AtFlags, Dir, FileType, statat};
use std::os::fd::OwnedFd;

pub fn folder_contents(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    paths::each(FOLDER, request.parameter(0), sink, |path, sink| {
        each_name(path, sink, |_, name, kind, sink| {
            sink.push([path, name, handle::kind_name(kind).as_bytes()])?;
            Ok(())
        })
    })
}

/// Calls `f` for every name in a folder, with the open folder, in the order in which the file system tells them: a
/// folder may hold more names than fit into memory.
pub fn each_name(
    path: &[u8],
    sink: &mut Sink,
    mut f: impl FnMut(&OwnedFd, &[u8], FileType, &mut Sink) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let folder = handle::folder(handle::at(path, true)?)?;
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        sink.check()?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let mut kind = entry.file_type();
        if kind == FileType::Unknown {
            // Not every file system tells kinds with the names.
            let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
            match statat(&folder, name, flags) {
                Ok(stat) => kind = FileType::from_raw_mode(stat.st_mode),
                Err(e) => {
                    let full = [path, b"/", name.to_bytes()].concat();
                    let said = Err::<(), _>(e.into());
                    disk::look(said, native(&full), &sink.notes());
                }
            }
        }
        f(&folder, name.to_bytes(), kind, sink)?;
    }
    Ok(())
}
