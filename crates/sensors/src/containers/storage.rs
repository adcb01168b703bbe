//! Podman and CRI-O: both keep containers in the library `containers/storage`, whose `overlay-containers` folder has
//! an index `containers.json`; the state is in files of the runtime beside it.
//!
//! Podman's index says nothing of the state. Its database (SQLite since version 4.8, `db.sql`) does; where only the
//! older BoltDB form is there, the process file under `/run` tells whether the container runs.

use super::{Container, Seen};
use crate::disk;
use crate::framework::SensorError;
use crate::software::rpm::{damaged, open};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;

#[derive(Deserialize)]
struct Indexed {
    id: String,
    #[serde(default)]
    names: Option<Vec<String>>,
    #[serde(default)]
    metadata: String,
    #[serde(default)]
    created: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metadata {
    #[serde(rename = "image-name")]
    image_name: String,
    #[serde(rename = "image-id")]
    image_id: String,
    name: String,
    #[serde(rename = "container-name")]
    container_name: String,
    #[serde(rename = "pod-name")]
    pod_name: String,
    privileged: bool,
}

/// Containers of an index. Those that CRI-O made name their pod.
///
/// # Errors
/// When the index is not the JSON it should be.
pub fn parse(index: &[u8]) -> Result<Vec<Container>, serde_json::Error> {
    let indexed: Vec<Indexed> = serde_json::from_slice(index)?;
    Ok(indexed
        .into_iter()
        .map(|c| {
            let meta: Metadata = serde_json::from_str(&c.metadata).unwrap_or_default();
            let is_crio = !meta.pod_name.is_empty();
            let name = [meta.container_name, meta.name]
                .into_iter()
                .chain(c.names.unwrap_or_default())
                .find(|n| !n.is_empty());
            Container {
                runtime: if is_crio { "cri-o" } else { "podman" },
                id: c.id,
                name: name.unwrap_or_default(),
                image: if meta.image_name.is_empty() {
                    meta.image_id
                } else {
                    meta.image_name
                },
                created: c.created,
                privileged: is_crio.then_some(meta.privileged),
                ..Container::default()
            }
        })
        .collect())
}

/// Containers of a root, of the system and of each home.
pub(super) fn containers(
    seen: &Seen<'_>,
    each: &mut dyn FnMut(Container) -> Result<(), SensorError>,
) -> Result<(), SensorError> {
    let mut places = vec!["/var/lib/containers/storage".to_owned()];
    let homes = seen.list(&seen.at("/home"));
    places.extend(
        homes
            .iter()
            .map(|h| format!("/home/{}/.local/share/containers/storage", disk::name(h))),
    );
    for place in places {
        let storage = seen.at(&place);
        let mut states = None;
        for driver in ["overlay-containers", "vfs-containers", "btrfs-containers"] {
            let path = Path::new(&place).join(driver).join("containers.json");
            let full = seen.at(&path);
            let Some(bytes) = disk::read_if_there(&full, 64 << 20, seen.notes) else {
                continue;
            };
            let states = states.get_or_insert_with(|| podman_states(seen, &storage.join("db.sql")));
            let userdata = storage.join(driver);
            for mut container in seen.parsed(&full, parse(&bytes)).unwrap_or_default() {
                let folder = userdata.join(&container.id).join("userdata");
                from_userdata(seen, &folder, &mut container);
                if let Some(state) = states.get(&container.id) {
                    container.state.clone_from(state);
                }
                container.path.clone_from(&path);
                each(container)?;
            }
        }
    }
    Ok(())
}

/// What the runtime's own configuration and state beside the container say.
fn from_userdata(seen: &Seen<'_>, folder: &Path, container: &mut Container) {
    let json = |name: &str| -> Option<serde_json::Value> { seen.json(&folder.join(name)) };
    if let Some(config) = json("config.json") {
        super::from_oci(&config, container);
    }
    if let Some(state) = json("state.json") {
        let text = |key: &str| state.get(key).and_then(|v| v.as_str()).unwrap_or_default();
        container.state = match text("status") {
            "stopped" => "exited".into(),
            other => other.into(),
        };
        container.started = text("started").into();
        container.pid = state
            .get("pid")
            .and_then(serde_json::Value::as_i64)
            .filter(|p| *p > 0);
        return;
    }
    // The system's own place, and one for each user who runs containers without root.
    let mut places = vec![seen.at("/run/containers/storage")];
    let users = seen.list(&seen.at("/run/user"));
    places.extend(users.iter().map(|u| u.join("containers")));
    for place in places {
        let pidfile = place
            .join("overlay-containers")
            .join(&container.id)
            .join("userdata/pidfile");
        let pid = seen.pid(&pidfile);
        if let Some(pid) = pid.filter(|pid| seen.live(*pid) == Some(true)) {
            container.pid = Some(pid);
            container.state = "running".into();
            return;
        }
    }
    container.state = "unknown".into();
}

/// States by container id from Podman's database; none when there is no such file. One that cannot be read is noted.
fn podman_states(seen: &Seen<'_>, path: &Path) -> HashMap<String, String> {
    if !disk::is_file(path, seen.notes) {
        return HashMap::new();
    }
    let read = |connection: rusqlite::Connection| -> rusqlite::Result<HashMap<String, String>> {
        let mut statement = connection.prepare("SELECT ID, State FROM ContainerState")?;
        let rows = statement.query_map([], |row| {
            let state: i64 = row.get(1)?;
            Ok((row.get(0)?, state_name(state).to_owned()))
        })?;
        rows.collect()
    };
    let states = open(path).and_then(|connection| read(connection).map_err(|e| damaged(path, &e)));
    states.unwrap_or_else(|error| {
        seen.notes.add(error);
        HashMap::new()
    })
}

fn state_name(state: i64) -> &'static str {
    match state {
        1 => "configured",
        2 => "created",
        3 => "running",
        4 => "stopped",
        5 => "paused",
        6 => "exited",
        7 => "removing",
        8 => "stopping",
        _ => "unknown",
    }
}
