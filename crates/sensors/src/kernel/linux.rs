//! Kernel modules on Linux.

use crate::disk;
use crate::framework::{Notes, SensorError, Sink};
use crate::text;
use procfs::FromBufRead;
use std::collections::HashMap;
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
    let modules =
        procfs::KernelModules::from_buf_read(bytes.as_slice()).map_err(|e| SensorError::Form {
            what: path.display().to_string(),
            problem: e.to_string(),
        })?;
    let files = files(root, release, &notes);
    let attributes = disk::below(root, "/sys/module");
    if !modules.0.is_empty() && std::fs::symlink_metadata(&attributes).is_err() {
        notes.missed(&attributes, std::io::ErrorKind::NotFound.into());
    }
    let mut modules: Vec<_> = modules.0.into_values().collect();
    modules.sort_by(|a, b| a.name.cmp(&b.name));
    for module in modules {
        let folder = disk::below(root, format!("/sys/module/{}", module.name));
        let attribute = |name: &str| {
            let bytes = disk::start_of(&folder.join(name), 4096, &notes);
            bytes.unwrap_or_default().trim_ascii().to_vec()
        };
        // The kernel writes `-` for none and a comma after each name; marks such as `[permanent]` are no modules.
        let users = module
            .used_by
            .iter()
            .filter(|u| !u.is_empty() && *u != "-" && !u.starts_with('['));
        let references = (module.refcount >= 0).then(|| module.refcount.to_string());
        sink.push([
            module.name.as_bytes(),
            module.size.to_string().as_bytes(),
            references.unwrap_or_default().as_bytes(),
            &text::join(users, b","),
            module.state.as_bytes(),
            &attribute("taint"),
            &attribute("version"),
            files.get(&module.name).map_or(&b""[..], Vec::as_slice),
        ])?;
    }
    Ok(())
}

/// Files of modules by name: `modules.dep` has `path: dependencies`, paths below its own folder.
fn files(root: &Path, release: &str, notes: &Notes) -> HashMap<String, Vec<u8>> {
    let folder = format!("/lib/modules/{release}");
    let path = disk::below(root, format!("{folder}/modules.dep"));
    let bytes = disk::read_if_there(&path, 16 << 20, notes).unwrap_or_default();
    text::lines(&bytes)
        .filter_map(|line| {
            let (file, _) = text::split_once(line, b':')?;
            let base = file.rsplit(|b| *b == b'/').next()?;
            let stem = base.split(|b| *b == b'.').next()?;
            // In file names dashes may stand where the kernel writes underscores.
            let name = String::from_utf8(stem.to_vec()).ok()?.replace('-', "_");
            let full = if file.starts_with(b"/") {
                file.to_vec()
            } else {
                [folder.as_bytes(), b"/", file].concat()
            };
            Some((name, full))
        })
        .collect()
}
