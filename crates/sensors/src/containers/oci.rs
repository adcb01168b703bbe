//! Configurations of the Open Container Initiative (`config.json`), which podman, CRI-O and containerd all hand to what
//! starts a container: what it runs, and what of the machine it gets.

use super::Container;
use serde_json::Value;
use std::collections::BTreeSet;

/// Rights that runtimes give to every container.
const ORDINARY: [&str; 14] = [
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];
/// A container with these, and all devices, has what the machine has.
const GREAT: [&str; 4] = [
    "CAP_SYS_ADMIN",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_PTRACE",
];
/// Folders of the runtimes themselves, out of which they mount names of hosts and the like into every container.
const OF_RUNTIMES: [&str; 7] = [
    "/var/lib/containers/",
    "/run/containers/",
    "/var/run/containers/",
    "/var/lib/containerd/",
    "/run/containerd/",
    "/run/user/",
    "/var/lib/docker/",
];
/// Namespaces that a container has of its own, unless somebody wants it otherwise.
const NAMESPACES: [(&str, &str); 5] = [
    ("pid", "pid"),
    ("network", "network"),
    ("ipc", "ipc"),
    ("uts", "uts"),
    ("mount", "mount"),
];

/// Takes what is not known yet from a configuration.
pub(super) fn take(config: &Value, container: &mut Container) {
    let annotation = |keys: &[&str]| {
        keys.iter()
            .find_map(|k| config.pointer("/annotations")?.get(k)?.as_str())
            .unwrap_or_default()
            .to_owned()
    };
    if container.name.is_empty() {
        container.name = annotation(&[
            "io.kubernetes.cri.container-name",
            "io.kubernetes.container.name",
            "nerdctl/name",
            "io.kubernetes.cri.sandbox-name",
        ]);
    }
    if container.image.is_empty() {
        container.image = annotation(&[
            "io.kubernetes.cri.image-name",
            "io.kubernetes.cri-o.ImageName",
        ]);
    }
    if let Some(args) = config.pointer("/process/args").and_then(Value::as_array) {
        let args: Vec<&str> = args.iter().filter_map(Value::as_str).collect();
        container.command = args.join(" ");
    }
    if let Some(uid) = config.pointer("/process/user/uid").and_then(Value::as_u64)
        && uid > 0
    {
        container.user = uid.to_string();
    }
    container.environment = texts(config.pointer("/process/env"));
    container.mounts = mounts(config);
    container.host = host_namespaces(config);
    let held: BTreeSet<String> = texts(config.pointer("/process/capabilities/bounding"))
        .into_iter()
        .collect();
    let everything = GREAT.iter().all(|right| held.contains(*right)) && all_devices(config);
    let said = annotation(&[
        "io.podman.annotations.privileged",
        "io.kubernetes.cri-o.PrivilegedRuntime",
    ]);
    if container.privileged.is_none() {
        container.privileged = Some(everything || said.eq_ignore_ascii_case("true"));
    }
    container.capabilities = beyond_ordinary(held);
    let ports = annotation(&["nerdctl/ports", "io.kubernetes.cri-o.PortMappings"]);
    if let Ok(ports) = serde_json::from_str::<Value>(&ports) {
        container.ports = super::ports::of_list(&ports);
    }
}

/// Rights beyond those that every container gets.
pub(super) fn beyond_ordinary(held: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut beyond: Vec<String> = held
        .into_iter()
        .map(|right| right.to_ascii_uppercase())
        .map(|right| match right.as_str() {
            "ALL" | "CAP_ALL" => "ALL".to_owned(),
            other if other.starts_with("CAP_") => right,
            other => format!("CAP_{other}"),
        })
        .filter(|right| !ORDINARY.contains(&right.as_str()))
        .collect();
    beyond.sort();
    beyond.dedup();
    beyond
}

/// The texts in a list.
pub(super) fn texts(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What of the machine's files is mounted where.
fn mounts(config: &Value) -> Vec<String> {
    let all = config.pointer("/mounts").and_then(Value::as_array);
    all.into_iter()
        .flatten()
        .filter_map(|mount| {
            let text = |key: &str| mount.get(key).and_then(Value::as_str);
            let (source, destination) = (text("source")?, text("destination")?);
            let options = texts(mount.get("options"));
            let bound =
                text("type") == Some("bind") || options.iter().any(|o| o == "bind" || o == "rbind");
            let own = OF_RUNTIMES.iter().any(|place| source.starts_with(place));
            (bound && source.starts_with('/') && !own).then(|| {
                let read_only = options.iter().any(|o| o == "ro");
                format!(
                    "{source}:{destination}{}",
                    if read_only { ":ro" } else { "" }
                )
            })
        })
        .collect()
}

/// Namespaces of the machine that it is in. One that is given by path is that of another container, or of the machine's
/// first process.
fn host_namespaces(config: &Value) -> Vec<&'static str> {
    let Some(own) = config
        .pointer("/linux/namespaces")
        .and_then(Value::as_array)
    else {
        return Vec::new();
    };
    NAMESPACES
        .into_iter()
        .filter(|(kind, _)| {
            let own = own
                .iter()
                .find(|n| n.get("type").and_then(Value::as_str) == Some(kind));
            let path = own.and_then(|n| n.get("path")?.as_str());
            own.is_none() || path.is_some_and(|path| path.starts_with("/proc/1/"))
        })
        .map(|(_, name)| name)
        .collect()
}

fn all_devices(config: &Value) -> bool {
    let rules = config
        .pointer("/linux/resources/devices")
        .and_then(Value::as_array);
    let every = |rule: &Value| {
        let is = |key: &str| rule.get(key).is_some_and(|v| !v.is_null());
        rule.get("allow").and_then(Value::as_bool) == Some(true)
            && !is("major")
            && !is("minor")
            && rule
                .get("type")
                .and_then(Value::as_str)
                .is_none_or(|kind| kind == "a")
    };
    rules.is_some_and(|rules| rules.iter().any(every))
}
