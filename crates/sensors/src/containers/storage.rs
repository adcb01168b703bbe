//! Podman and CRI-O: both keep containers in the library `containers/storage`, whose `overlay-containers` folder has
//! an index `containers.json`; the state is in files of the runtime beside it.
//!
//! Podman's index says nothing of the state. Its database (SQLite since version 4.8, `db.sql`) does; where only the
//! older BoltDB form is there, the process file under `/run` tells whether the container runs.

use super::Container;
use crate::disk::{self, FirstProblem};
use crate::framework::SensorError;
use crate::software::rpm::open;
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

/// Containers below a root, of the system and of each home.
///
/// # Errors
/// When a folder or file cannot be read, or the first error of `each`.
pub fn containers(
    root: &Path,
    each: &mut dyn FnMut(Container) -> Result<(), SensorError>,
) -> Result<(), SensorError> {
    let mut problems = FirstProblem::default();
    let mut places = vec!["/var/lib/containers/storage".to_owned()];
    let homes = problems
        .note(disk::list(&disk::below(root, "/home")))?
        .unwrap_or_default();
    places.extend(
        homes
            .iter()
            .map(|h| format!("/home/{}/.local/share/containers/storage", disk::name(h))),
    );
    for place in places {
        let storage = disk::below(root, &place);
        let states = podman_states(&storage.join("db.sql"));
        for driver in ["overlay-containers", "vfs-containers", "btrfs-containers"] {
            let path = Path::new(&place).join(driver).join("containers.json");
            let full = disk::below(root, &path);
            let Some(Some(bytes)) = problems.note(disk::read_if_there(&full, 64 << 20))? else {
                continue;
            };
            let parsed = parse(&bytes).map_err(|e| form(&path, &e.to_string()));
            let userdata = storage.join(driver);
            for mut container in problems.note(parsed)?.unwrap_or_default() {
                let folder = userdata.join(&container.id).join("userdata");
                from_userdata(root, &folder, &mut container);
                let known = problems.note(
                    states
                        .as_ref()
                        .map_err(|e| form(&storage.join("db.sql"), e)),
                )?;
                if let Some(state) = known.and_then(|s| s.get(&container.id)) {
                    container.state.clone_from(state);
                }
                container.path.clone_from(&path);
                each(container)?;
            }
        }
    }
    problems.outcome()
}

fn form(path: &Path, problem: &str) -> SensorError {
    SensorError::Form {
        what: path.display().to_string(),
        problem: problem.into(),
    }
}

/// What the runtime's own configuration and state beside the container say.
fn from_userdata(root: &Path, folder: &Path, container: &mut Container) {
    let json = |name: &str| -> Option<serde_json::Value> {
        let bytes = disk::read_if_there(&folder.join(name), disk::CONFIG_MAX).ok()??;
        serde_json::from_slice(&bytes).ok()
    };
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
    let mut places = vec![disk::below(root, "/run/containers/storage")];
    let users = disk::list(&disk::below(root, "/run/user")).unwrap_or_default();
    places.extend(users.iter().map(|u| u.join("containers")));
    for place in places {
        let pidfile = place
            .join("overlay-containers")
            .join(&container.id)
            .join("userdata/pidfile");
        let pid = disk::read_if_there(&pidfile, 64)
            .ok()
            .flatten()
            .and_then(|b| crate::text::number::<i64>(b.trim_ascii()));
        if let Some(pid) = pid.filter(|p| disk::below(root, format!("/proc/{p}")).exists()) {
            container.pid = Some(pid);
            container.state = "running".into();
            return;
        }
    }
    container.state = "unknown".into();
}

/// States by container id from Podman's database; none when there is no such file.
fn podman_states(path: &Path) -> Result<HashMap<String, String>, String> {
    if !path.is_file() {
        return Ok(HashMap::new());
    }
    let read = || -> rusqlite::Result<HashMap<String, String>> {
        let connection = open(path)?;
        let mut statement = connection.prepare("SELECT ID, State FROM ContainerState")?;
        let rows = statement.query_map([], |row| {
            let state: i64 = row.get(1)?;
            Ok((row.get(0)?, state_name(state).to_owned()))
        })?;
        rows.collect()
    };
    read().map_err(|e| e.to_string())
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
