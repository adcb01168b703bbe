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
use serde_json::Value;
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
                if let Some(known) = states.get(&container.id) {
                    known.tell(&mut container);
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
    // CRI-O keeps one beside what is lost at a restart, too.
    let run = seen
        .at("/run/containers/storage/overlay-containers")
        .join(&container.id)
        .join("userdata/config.json");
    if let Some(config) = json("config.json").or_else(|| seen.json(&run)) {
        super::oci::take(&config, container);
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

/// What Podman's database says of a container.
#[derive(Default)]
struct Known {
    state: i64,
    pid: Option<i64>,
    started: String,
    ports: Vec<String>,
}

impl Known {
    fn tell(&self, container: &mut Container) {
        container.state = state_name(self.state).into();
        if container.pid.is_none() {
            container.pid = self.pid.filter(|pid| *pid > 0);
        }
        if container.started.is_empty() {
            container.started.clone_from(&self.started);
        }
        if container.ports.is_empty() {
            container.ports.clone_from(&self.ports);
        }
    }
}

/// Containers by id from Podman's database; none when there is no such file. One that cannot be read is noted.
fn podman_states(seen: &Seen<'_>, path: &Path) -> HashMap<String, Known> {
    if !disk::is_file(path, seen.notes) {
        return HashMap::new();
    }
    let known = open(path).and_then(|connection| known(&connection).map_err(|e| damaged(path, &e)));
    known.unwrap_or_else(|error| {
        seen.notes.add(error);
        HashMap::new()
    })
}

fn known(connection: &rusqlite::Connection) -> rusqlite::Result<HashMap<String, Known>> {
    let json = |text: String| serde_json::from_str::<Value>(&text).unwrap_or_default();
    let mut all = HashMap::new();
    let mut statement = connection.prepare("SELECT ID, State, JSON FROM ContainerState")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let more = json(row.get(2)?);
        let known = Known {
            state: row.get(1)?,
            pid: more.get("pid").and_then(Value::as_i64),
            started: more
                .get("startedTime")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            ports: Vec::new(),
        };
        all.insert(row.get::<_, String>(0)?, known);
    }
    let tables = "SELECT count(*) FROM sqlite_master WHERE name = 'ContainerConfig'";
    if connection.query_row(tables, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(all);
    }
    let mut statement = connection.prepare("SELECT ID, JSON FROM ContainerConfig")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let more = json(row.get(1)?);
        let ports = ["newPortMappings", "portMappings"]
            .iter()
            .find_map(|key| more.get(key));
        if let (Some(known), Some(ports)) = (all.get_mut(&row.get::<_, String>(0)?), ports) {
            known.ports = super::ports::of_list(ports);
        }
    }
    Ok(all)
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
