//! Kernel modules on Linux.

use crate::disk;
use crate::framework::{SensorError, Sink};
use crate::text;
use procfs::FromBufRead;
use std::collections::HashMap;
use std::path::Path;

/// Rows of Kernel Modules on the running system.
///
/// # Errors
/// When a file cannot be read or a limit is reached.
pub fn kernel_modules(sink: &mut Sink) -> Result<(), SensorError> {
    let release = disk::read(Path::new("/proc/sys/kernel/osrelease"), 4096)?;
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
    let Some(bytes) = disk::read_if_there(&path, disk::CONFIG_MAX)? else {
        return Ok(());
    };
    let modules =
        procfs::KernelModules::from_buf_read(bytes.as_slice()).map_err(|e| SensorError::Form {
            what: path.display().to_string(),
            problem: e.to_string(),
        })?;
    let files = files(root, release)?;
    let mut modules: Vec<_> = modules.0.into_values().collect();
    modules.sort_by(|a, b| a.name.cmp(&b.name));
    for module in modules {
        let folder = disk::below(root, format!("/sys/module/{}", module.name));
        let attribute = |name: &str| {
            let bytes = disk::read_if_there(&folder.join(name), 4096).ok().flatten();
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
fn files(root: &Path, release: &str) -> Result<HashMap<String, Vec<u8>>, SensorError> {
    let folder = format!("/lib/modules/{release}");
    let path = disk::below(root, format!("{folder}/modules.dep"));
    let bytes = disk::read_if_there(&path, 64 << 20)?.unwrap_or_default();
    Ok(text::lines(&bytes)
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
        .collect())
}
