//! Kernel modules on Linux.

mod taint;

pub use taint::{kernel_taint, rows as taint_rows};

use crate::disk;
use crate::framework::{Notes, SensorError, Sink};
use crate::text;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Rows of Kernel Modules on the running system.
///
/// # Errors
/// When a file cannot be read or a limit is reached.
pub fn kernel_modules(sink: &mut Sink) -> Result<(), SensorError> {
    let release = disk::read(Path::new("/proc/sys/kernel/osrelease"), 4096, &sink.notes())?;
    rows(
        Path::new("/"),
        String::from_utf8_lossy(&release).trim(),
        sink,
    )
}

/// Rows below a root, for a kernel of this release.
///
/// # Errors
/// When a file cannot be read or a limit is reached.
pub fn rows(root: &Path, release: &str, sink: &mut Sink) -> Result<(), SensorError> {
    let path = disk::below(root, "/proc/modules");
    let notes = sink.notes();
    if !disk::exists(&path, &notes) {
        return Ok(());
    }
    let bytes = disk::read(&path, disk::CONFIG_MAX, &notes)?;
    let (mut modules, mut odd) = (Vec::new(), 0_usize);
    for line in text::lines(&bytes).filter(|line| !line.is_empty()) {
        match Module::read(line) {
            Some(module) => modules.push(module),
            None => odd += 1,
        }
    }
    if odd > 0 {
        notes.add(SensorError::Form {
            what: path.display().to_string(),
            problem: format!("{odd} of its rows are of another form and are left out"),
        });
    }
    let files = files(root, release, &notes);
    let attributes = disk::below(root, "/sys/module");
    if !modules.is_empty() && std::fs::symlink_metadata(&attributes).is_err() {
        notes.missed(&attributes, std::io::ErrorKind::NotFound.into());
    }
    modules.sort_by(|a, b| a.name.cmp(&b.name));
    for module in modules {
        let folder = attributes.join(OsStr::from_bytes(&module.name));
        let attribute = |name: &str| {
            let bytes = disk::start_of(&folder.join(name), 4096, &notes);
            bytes.unwrap_or_default().trim_ascii().to_vec()
        };
        let mut taint = attribute("taint");
        if taint.is_empty() {
            taint = module.taint;
        }
        sink.push([
            &module.name[..],
            &module.size,
            &module.references,
            &module.users,
            &module.state,
            &taint,
            &attribute("version"),
            files.get(&module.name).map_or(&b""[..], Vec::as_slice),
        ])?;
    }
    Ok(())
}

/// A row of the kernel's table.
pub(super) struct Module {
    pub name: Vec<u8>,
    size: Vec<u8>,
    references: Vec<u8>,
    users: Vec<u8>,
    state: Vec<u8>,
    pub taint: Vec<u8>,
}

impl Module {
    /// `name size references users state address (taint)`. Names may be any bytes but white space.
    pub fn read(line: &[u8]) -> Option<Self> {
        let mut fields = line.split(|b| *b == b' ');
        let mut next = || fields.next();
        let (name, size, references, users, state) = (next()?, next()?, next()?, next()?, next()?);
        text::number::<u64>(size)?;
        // Kernels that do not count write -1 or a dash.
        let counted = text::number::<u64>(references).is_some();
        // The kernel writes `-` for none and a comma after each name; marks such as `[permanent]` are no modules.
        let users = users
            .split(|b| *b == b',')
            .filter(|user| !user.is_empty() && *user != b"-" && !user.starts_with(b"["));
        let taint = fields.find_map(|f| f.strip_prefix(b"(")?.strip_suffix(b")"));
        Some(Self {
            name: name.to_vec(),
            size: size.to_vec(),
            references: if counted {
                references.to_vec()
            } else {
                Vec::new()
            },
            users: text::join(users, b","),
            state: state.to_vec(),
            // Signs for a module that comes or goes are no taint.
            taint: taint
                .unwrap_or_default()
                .iter()
                .copied()
                .filter(u8::is_ascii_uppercase)
                .collect(),
        })
    }
}

/// Files of modules by name: `modules.dep` has `path: dependencies`, paths below its own folder.
fn files(root: &Path, release: &str, notes: &Notes) -> HashMap<Vec<u8>, Vec<u8>> {
    let folder = format!("/lib/modules/{release}");
    let path = disk::below(root, format!("{folder}/modules.dep"));
    let bytes = disk::read_if_there(&path, 16 << 20, notes).unwrap_or_default();
    text::lines(&bytes)
        .filter_map(|line| {
            let (file, _) = text::split_once(line, b':')?;
            let base = file.rsplit(|b| *b == b'/').next()?;
            let stem = base.split(|b| *b == b'.').next()?;
            // In file names dashes may stand where the kernel writes underscores.
            let name = stem.iter().map(|b| if *b == b'-' { b'_' } else { *b });
            let full = if file.starts_with(b"/") {
                file.to_vec()
            } else {
                [folder.as_bytes(), b"/", file].concat()
            };
            Some((name.collect(), full))
        })
        .collect()
}
