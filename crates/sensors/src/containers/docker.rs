//! Docker: `containers/ID/config.v2.json` below its data folder, `hostconfig.json` beside it.

use super::Container;
use crate::disk::{self, FirstProblem};
use crate::framework::SensorError;
use serde::Deserialize;
use std::path::Path;

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Config {
    #[serde(alias = "ID")]
    id: String,
    name: String,
    created: String,
    path: String,
    args: Option<Vec<String>>,
    config: Inner,
    state: State,
    image: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Inner {
    image: String,
    user: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct State {
    running: bool,
    paused: bool,
    restarting: bool,
    dead: bool,
    pid: i64,
    started_at: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig {
    privileged: bool,
}

/// A container from its configuration and, where there is one, its host configuration.
///
/// # Errors
/// When the configuration is not the JSON it should be.
pub fn parse(config: &[u8], host: Option<&[u8]>) -> Result<Container, serde_json::Error> {
    let config: Config = serde_json::from_slice(config)?;
    let host = host.and_then(|h| serde_json::from_slice::<HostConfig>(h).ok());
    let s = &config.state;
    let state = match () {
        () if s.paused => "paused",
        () if s.restarting => "restarting",
        () if s.running => "running",
        () if s.dead => "dead",
        () if never(&s.started_at) => "created",
        () => "exited",
    };
    let mut command = vec![config.path];
    command.extend(config.args.unwrap_or_default());
    Ok(Container {
        runtime: "docker",
        id: config.id,
        name: config.name.trim_start_matches('/').into(),
        image: if config.config.image.is_empty() {
            config.image
        } else {
            config.config.image
        },
        state: state.into(),
        created: config.created,
        started: s.started_at.clone(),
        pid: (s.pid > 0).then_some(s.pid),
        command: command.join(" "),
        user: config.config.user,
        privileged: host.map(|h| h.privileged),
        ..Container::default()
    })
}

/// The runtime writes the first day of year one for "never".
fn never(moment: &str) -> bool {
    moment.is_empty() || moment.starts_with("0001-")
}

/// Containers below a root.
///
/// # Errors
/// When a folder or file cannot be read, or the first error of `each`.
pub fn containers(
    root: &Path,
    each: &mut dyn FnMut(Container) -> Result<(), SensorError>,
) -> Result<(), SensorError> {
    let mut problems = FirstProblem::default();
    let mut places = vec![
        "/var/lib/docker".to_owned(),
        "/var/snap/docker/common/var-lib-docker".to_owned(),
    ];
    // The administrator may have moved the folder.
    let daemon = disk::read_if_there(
        &disk::below(root, "/etc/docker/daemon.json"),
        disk::CONFIG_MAX,
    );
    if let Some(Some(bytes)) = problems.note(daemon)?
        && let Ok(json) = serde_json::from_slice::<serde_json::Value>(&bytes)
    {
        for key in ["data-root", "graph"] {
            places.extend(json.get(key).and_then(|v| v.as_str()).map(String::from));
        }
    }
    // Docker without root keeps its folder in the home of its user.
    let homes = problems
        .note(disk::list(&disk::below(root, "/home")))?
        .unwrap_or_default();
    places.extend(
        homes
            .iter()
            .map(|h| format!("/home/{}/.local/share/docker", disk::name(h))),
    );
    for place in places {
        let folder = Path::new(&place).join("containers");
        let listed = disk::list(&disk::below(root, &folder));
        for found in problems.note(listed)?.unwrap_or_default() {
            let path = found.join("config.v2.json");
            let Some(Some(bytes)) = problems.note(disk::read_if_there(&path, disk::CONFIG_MAX))?
            else {
                continue;
            };
            let host = disk::read_if_there(&found.join("hostconfig.json"), disk::CONFIG_MAX);
            let host = problems.note(host)?.flatten();
            let parsed = parse(&bytes, host.as_deref()).map_err(|e| SensorError::Form {
                what: path.display().to_string(),
                problem: e.to_string(),
            });
            if let Some(mut container) = problems.note(parsed)? {
                container.path = folder.join(disk::name(&found)).join("config.v2.json");
                each(container)?;
            }
        }
    }
    problems.outcome()
}
