//! Docker: `containers/ID/config.v2.json` below its data folder, `hostconfig.json` beside it.

use super::{Container, Seen};
use crate::disk;
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
/// When one of them is not the JSON it should be.
pub fn parse(config: &[u8], host: Option<&[u8]>) -> Result<Container, serde_json::Error> {
    let config: Config = serde_json::from_slice(config)?;
    let host: Option<HostConfig> = host.map(serde_json::from_slice).transpose()?;
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

/// Containers of a root.
pub(super) fn containers(
    seen: &Seen<'_>,
    each: &mut dyn FnMut(Container) -> Result<(), SensorError>,
) -> Result<(), SensorError> {
    let mut places = vec![
        "/var/lib/docker".to_owned(),
        "/var/snap/docker/common/var-lib-docker".to_owned(),
    ];
    // The administrator may have moved the folder.
    let daemon: Option<serde_json::Value> = seen.json(&seen.at("/etc/docker/daemon.json"));
    if let Some(json) = daemon {
        for key in ["data-root", "graph"] {
            places.extend(json.get(key).and_then(|v| v.as_str()).map(String::from));
        }
    }
    // Docker without root keeps its folder in the home of its user.
    let homes = seen.list(&seen.at("/home"));
    places.extend(
        homes
            .iter()
            .map(|h| format!("/home/{}/.local/share/docker", disk::name(h))),
    );
    for place in places {
        let folder = Path::new(&place).join("containers");
        for found in seen.list(&seen.at(&folder)) {
            let path = found.join("config.v2.json");
            let Some(bytes) = seen.read(&path) else {
                continue;
            };
            let beside = found.join("hostconfig.json");
            let host = seen.read(&beside);
            let parsed = match parse(&bytes, host.as_deref()) {
                // Without the other one it may still be read.
                Err(error) if host.is_some() => match parse(&bytes, None) {
                    Ok(container) => {
                        seen.parsed::<()>(&beside, Err(error));
                        Ok(container)
                    }
                    Err(error) => Err(error),
                },
                other => other,
            };
            if let Some(mut container) = seen.parsed(&path, parsed) {
                container.path = folder.join(disk::name(&found)).join("config.v2.json");
                each(container)?;
            }
        }
    }
    Ok(())
}
