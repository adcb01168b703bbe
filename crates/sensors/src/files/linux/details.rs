//! `File Exists` and `File Details`.

use super::paths::{self, Trouble, native};
use crate::files::FILE;
use crate::framework::{Request, SensorError, Sink};
use crate::handle;
use crate::owners::Owners;
use jiff::Timestamp;
use rustix::fs::{AtFlags, CWD, FileType, Statx, StatxFlags, StatxTimestamp, readlink, statx};

pub fn file_exists(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    paths::each(FILE, request.parameter(0), sink, |path, sink| {
        look(path)?;
        Ok(sink.push([path])?)
    })
}

pub fn file_details(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let owners = Owners::read(&sink.notes());
    paths::each(FILE, request.parameter(0), sink, |path, sink| {
        let s = look(path)?;
        let kind = FileType::from_raw_mode(s.stx_mode.into());
        let target = match kind {
            FileType::Symlink => readlink(native(path), Vec::new())?.into_bytes(),
            _ => Vec::new(),
        };
        let created = created(&s);
        sink.push([
            path,
            handle::kind_name(kind).as_bytes(),
            s.stx_size.to_string().as_bytes(),
            moment(&s.stx_mtime).as_bytes(),
            moment(&s.stx_ctime).as_bytes(),
            moment(&s.stx_atime).as_bytes(),
            created.as_bytes(),
            format!("{:04o}", s.stx_mode & 0o7777).as_bytes(),
            &owners.user(s.stx_uid),
            &owners.group(s.stx_gid),
            s.stx_ino.to_string().as_bytes(),
            s.stx_nlink.to_string().as_bytes(),
            &target,
        ])?;
        Ok(())
    })
}

fn look(path: &[u8]) -> Result<Statx, Trouble> {
    Ok(statx(
        CWD,
        native(path),
        AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT,
        StatxFlags::BASIC_STATS | StatxFlags::BTIME,
    )?)
}

/// When the file came into being. Files made before their file system kept that time have a zero there.
fn created(s: &Statx) -> String {
    let known = StatxFlags::from_bits_retain(s.stx_mask).contains(StatxFlags::BTIME);
    if known && (s.stx_btime.tv_sec, s.stx_btime.tv_nsec) != (0, 0) {
        moment(&s.stx_btime)
    } else {
        String::new()
    }
}

/// All digits of a time: a file whose time was set by hand often has none after the point. Empty when out of range.
fn moment(t: &StatxTimestamp) -> String {
    i32::try_from(t.tv_nsec)
        .ok()
        .and_then(|nanoseconds| Timestamp::new(t.tv_sec, nanoseconds).ok())
        .map_or_else(String::new, |t| t.to_string())
}
