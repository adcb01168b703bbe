//! containerd: bundles of running tasks under `/run/containerd/io.containerd.runtime.v2.task/NAMESPACE/ID`.
//!
//! Only what runs has a bundle; what containerd knows of stopped containers is in its own database, which is not
//! read. The namespace `moby` is left out: its containers are Docker's, which says more about them.

use super::Container;
use crate::disk::{self, FirstProblem};
use crate::framework::SensorError;
use crate::text;
use std::path::Path;

/// Containers below a root.
///
/// # Errors
/// When a folder or file cannot be read, or the first error of `each`.
pub fn containers(
    root: &Path,
    each: &mut dyn FnMut(Container) -> Result<(), SensorError>,
) -> Result<(), SensorError> {
    let mut problems = FirstProblem::default();
    for place in [
        "/run/containerd/io.containerd.runtime.v2.task",
        "/run/k3s/containerd/io.containerd.runtime.v2.task",
        "/var/snap/microk8s/common/run/containerd/io.containerd.runtime.v2.task",
    ] {
        let listed = disk::list(&disk::below(root, place));
        for namespace in problems.note(listed)?.unwrap_or_default() {
            let name = disk::name(&namespace).to_owned();
            if name == "moby" {
                continue;
            }
            for bundle in problems.note(disk::list(&namespace))?.unwrap_or_default() {
                let read = disk::read_if_there(&bundle.join("config.json"), disk::CONFIG_MAX);
                let Some(Some(bytes)) = problems.note(read)? else {
                    continue;
                };
                let id = disk::name(&bundle);
                let path = Path::new(place).join(&name).join(id).join("config.json");
                let parsed = serde_json::from_slice(&bytes).map_err(|e| SensorError::Form {
                    what: path.display().to_string(),
                    problem: e.to_string(),
                });
                let Some(config) = problems.note(parsed)? else {
                    continue;
                };
                let pid = disk::read_if_there(&bundle.join("init.pid"), 64);
                let pid: Option<i64> = problems
                    .note(pid)?
                    .flatten()
                    .and_then(|b| text::number(b.trim_ascii()));
                let alive = pid.is_some_and(|p| disk::below(root, format!("/proc/{p}")).exists());
                let mut container = Container {
                    runtime: "containerd",
                    id: id.into(),
                    state: if alive { "running" } else { "exited" }.into(),
                    pid,
                    path,
                    ..Container::default()
                };
                super::from_oci(&config, &mut container);
                each(container)?;
            }
        }
    }
    problems.outcome()
}
