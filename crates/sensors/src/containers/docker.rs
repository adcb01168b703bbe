//! Docker: `containers/ID/config.v2.json` below its data folder, `hostconfig.json` beside it.

use super::{Container, Seen};
use crate::disk;
use crate::framework::SensorError;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
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
    /// By where it is mounted.
    mount_points: Option<HashMap<String, MountPoint>>,
    network_settings: Option<Network>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct MountPoint {
    source: String,
    destination: String,
    #[serde(rename = "Type")]
    kind: String,
    #[serde(rename = "RW")]
    writable: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Network {
    ports: Option<Value>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Inner {
    image: String,
    user: String,
    env: Option<Vec<String>>,
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
    binds: Option<Vec<String>>,
    mounts: Option<Vec<Mount>>,
    pid_mode: String,
    network_mode: String,
    ipc_mode: String,
    #[serde(rename = "UTSMode")]
    uts_mode: String,
    userns_mode: String,
    cap_add: Option<Vec<String>>,
    port_bindings: Option<Value>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Mount {
    #[serde(rename = "Type")]
    kind: String,
    source: String,
    target: String,
    read_only: bool,
}

impl HostConfig {
    fn namespaces(&self) -> Vec<&'static str> {
        [
            ("pid", &self.pid_mode),
            ("network", &self.network_mode),
            ("ipc", &self.ipc_mode),
            ("uts", &self.uts_mode),
            ("user", &self.userns_mode),
        ]
        .into_iter()
        .filter(|(_, mode)| *mode == "host")
        .map(|(name, _)| name)
        .collect()
    }

    /// What was asked for, whether it is mounted now or not. A name in the place of a source is a volume.
    fn mounts(&self) -> impl Iterator<Item = String> {
        let binds = self.binds.iter().flatten();
        let binds = binds.filter(|b| b.starts_with('/')).cloned();
        let mounts = self.mounts.iter().flatten();
        let mounts = mounts
            .filter(|mount| mount.kind == "bind")
            .map(|mount| place(&mount.source, &mount.target, !mount.read_only));
        binds.chain(mounts)
    }
}

fn place(source: &str, target: &str, writable: bool) -> String {
    format!("{source}:{target}{}", if writable { "" } else { ":ro" })
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
    let mounted = config.mount_points.unwrap_or_default();
    let mut mounts: Vec<String> = mounted
        .values()
        .filter(|point| point.kind == "bind" && !point.source.is_empty())
        .map(|point| {
            let writable = point.writable.unwrap_or(true);
            place(&point.source, &point.destination, writable)
        })
        .collect();
    let known: Vec<String> = mounts.iter().map(|m| ends(m).to_owned()).collect();
    let asked = host.iter().flat_map(HostConfig::mounts);
    mounts.extend(asked.filter(|m| !known.iter().any(|known| known == ends(m))));
    mounts.sort();
    mounts.dedup();
    let open = config.network_settings.and_then(|network| network.ports);
    let mut ports = super::ports::of_map(open.as_ref());
    if ports.is_empty() {
        let asked = host.as_ref().and_then(|h| h.port_bindings.as_ref());
        ports = super::ports::of_map(asked);
    }
    let added = host.as_ref().and_then(|h| h.cap_add.clone());
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
        mounts,
        host: host.as_ref().map_or_else(Vec::new, HostConfig::namespaces),
        capabilities: super::oci::beyond_ordinary(added.unwrap_or_default()),
        environment: config.config.env.unwrap_or_default(),
        ports,
        privileged: host.map(|h| h.privileged),
        ..Container::default()
    })
}

/// Source and destination of a mount, without what may follow.
fn ends(mount: &str) -> &str {
    let second = mount.match_indices(':').nth(1);
    second.and_then(|(at, _)| mount.get(..at)).unwrap_or(mount)
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
