//! `Open Files`.

use super::executable::without_mark;
use super::{descriptors, walk};
use crate::framework::{Request, SensorError, Sink};
use crate::{handle, text};
use rustix::fs::{AtFlags, statat};

pub fn open_files(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let wanted = request.parameter(0).trim();
    let notes = sink.notes();
    for (seen, process) in walk::processes(&notes)? {
        sink.check()?;
        if seen.kernel || !(wanted.is_empty() || seen.is_called(wanted)) {
            continue;
        }
        let pid = seen.pid.to_string();
        descriptors::each(&seen, &process, &notes, |folder, name, link| {
            let stat = statat(folder, name, AtFlags::NO_AUTOMOUNT)?;
            let has_path = link.first() == Some(&b'/');
            let kind = if link.starts_with(b"anon_inode:") {
                "Anonymous"
            } else {
                handle::kind(&stat)
            };
            let (path, deleted) = if has_path {
                without_mark(seen.pid, link, stat.st_ino)
            } else {
                (link, false)
            };
            sink.push([
                pid.as_bytes(),
                &seen.name,
                &path,
                kind.as_bytes(),
                text::boolean(deleted).as_bytes(),
            ])?;
            Ok(())
        })?;
    }
    Ok(())
}
