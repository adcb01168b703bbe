//! containerd: bundles of running tasks under `/run/containerd/io.containerd.runtime.v2.task/NAMESPACE/ID`.
//!
//! Only what runs has a bundle; what containerd knows of stopped containers is in its own database, which is not
//! read. The namespace `moby` is left out: its containers are Docker's, which says more about them.

use super::{Container, Seen};
use crate::disk;
use crate::framework::SensorError;
use std::path::Path;

/// Containers of a root.
pub(super) fn containers(
    seen: &Seen<'_>,
    each: &mut dyn FnMut(Container) -> Result<(), SensorError>,
) -> Result<(), SensorError> {
    for place in [
        "/run/containerd/io.containerd.runtime.v2.task",
        "/run/k3s/containerd/io.containerd.runtime.v2.task",
        "/var/snap/microk8s/common/run/containerd/io.containerd.runtime.v2.task",
    ] {
        for namespace in seen.list(&seen.at(place)) {
            let name = disk::name(&namespace).to_owned();
            if name == "moby" {
                continue;
            }
            for bundle in seen.list(&namespace) {
                let Some(config) = seen.json(&bundle.join("config.json")) else {
                    continue;
                };
                let id = disk::name(&bundle);
                let pid = seen.pid(&bundle.join("init.pid"));
                let state = match pid.map(|pid| seen.live(pid)) {
                    Some(Some(true)) => "running",
                    // Nobody can tell here.
                    Some(None) => "unknown",
                    Some(Some(false)) | None => "exited",
                };
                let mut container = Container {
                    runtime: "containerd",
                    id: id.into(),
                    state: state.into(),
                    pid,
                    path: Path::new(place).join(&name).join(id).join("config.json"),
                    ..Container::default()
                };
                super::oci::take(&config, &mut container);
                each(container)?;
            }
        }
    }
    Ok(())
}
