//! Containers from the files of each runtime.

use crate::support::{Tree, collect, rows};
use sensors::containers::{docker, rows as containers};
use sensors::framework::SensorError;

const DOCKER: &str = r#"{"State":{"Running":true,"Paused":false,"Pid":4242,"StartedAt":"2024-02-03T04:05:06.7Z"},"ID":"abc","Created":"2024-02-03T04:05:00+02:00","Path":"nginx","Args":["-g","daemon off;"],"Config":{"Image":"nginx:1.25","User":"101"},"Image":"sha256:00","Name":"/web"}"#;

#[test]
fn docker_with_a_moved_folder() {
    let tree = Tree::new();
    tree.file("/etc/docker/daemon.json", r#"{"data-root":"/srv/docker"}"#)
        .file("/srv/docker/containers/abc/config.v2.json", DOCKER)
        .file(
            "/srv/docker/containers/abc/hostconfig.json",
            r#"{"Privileged":true}"#,
        );
    let found = rows(|s| containers(tree.root(), s));
    assert_eq!(
        found,
        [[
            "docker",
            "abc",
            "web",
            "nginx:1.25",
            "running",
            "2024-02-03T02:05:00Z",
            "2024-02-03T04:05:06Z",
            "4242",
            "nginx -g daemon off;",
            "101",
            "True",
            "/srv/docker/containers/abc/config.v2.json"
        ]]
    );
}

#[test]
fn docker_states() {
    let of = |state: &str| {
        let json = format!(r#"{{"ID":"x","State":{state}}}"#);
        docker::parse(json.as_bytes(), None).unwrap().state
    };
    assert_eq!(of(r#"{"Running":true,"Paused":true}"#), "paused");
    assert_eq!(of(r#"{"StartedAt":"0001-01-01T00:00:00Z"}"#), "created");
    assert_eq!(of(r#"{"StartedAt":"2024-01-01T00:00:00Z"}"#), "exited");
    assert_eq!(of(r#"{"Running":true,"Restarting":true}"#), "restarting");
}

#[test]
fn a_broken_file_hides_no_other() {
    let tree = Tree::new();
    tree.file(
        "/var/lib/docker/containers/a/config.v2.json",
        "{\"State\":[1,2",
    )
    .file("/var/lib/docker/containers/b/config.v2.json", DOCKER)
    .file(
        "/var/lib/docker/containers/c/config.v2.json",
        "[".repeat(1 << 20),
    );
    let (found, outcome) = collect(|s| containers(tree.root(), s));
    assert_eq!(found.len(), 1);
    assert!(
        matches!(outcome, Err(SensorError::Form { .. })),
        "{outcome:?}"
    );
}

#[test]
fn podman_with_its_database() {
    let tree = Tree::new();
    let storage = "/var/lib/containers/storage";
    tree.file(
        &format!("{storage}/overlay-containers/containers.json"),
        r#"[{"id":"p1","names":["db"],"image":"i","layer":"l","metadata":"{\"image-name\":\"docker.io/library/postgres:16\",\"image-id\":\"i\",\"name\":\"db\",\"created-at\":1700000000}","created":"2023-11-14T22:13:20.5Z"}]"#,
    )
    .file(
        &format!("{storage}/overlay-containers/p1/userdata/config.json"),
        r#"{"process":{"args":["postgres","-c","x"],"user":{"uid":999}}}"#,
    );
    let database = rusqlite::Connection::open(tree.at(&format!("{storage}/db.sql"))).unwrap();
    database
        .execute_batch("CREATE TABLE ContainerState(ID TEXT PRIMARY KEY, State INTEGER, JSON TEXT); INSERT INTO ContainerState VALUES('p1', 6, '{}')")
        .unwrap();
    drop(database);
    let found = rows(|s| containers(tree.root(), s));
    assert_eq!(
        found[0][..10],
        [
            "podman",
            "p1",
            "db",
            "docker.io/library/postgres:16",
            "exited",
            "2023-11-14T22:13:20Z",
            "",
            "",
            "postgres -c x",
            "999"
        ]
        .map(String::from)
    );
    std::fs::write(tree.at(&format!("{storage}/db.sql")), "no database").unwrap();
    let (found, outcome) = collect(|s| containers(tree.root(), s));
    assert_eq!(found[0][4], "unknown", "the state is not guessed");
    assert!(outcome.is_err());
}

#[test]
fn pods_and_tasks() {
    let tree = Tree::new();
    tree.file(
        "/var/lib/containers/storage/overlay-containers/containers.json",
        r#"[{"id":"k1","names":["k8s_c"],"metadata":"{\"pod-name\":\"web-0\",\"container-name\":\"c\",\"image-name\":\"img\",\"privileged\":true}"}]"#,
    )
    .file(
        "/var/lib/containers/storage/overlay-containers/k1/userdata/state.json",
        r#"{"status":"running","pid":77,"started":"2024-01-01T00:00:00Z"}"#,
    )
    .file(
        "/run/containerd/io.containerd.runtime.v2.task/k8s.io/t1/config.json",
        r#"{"process":{"args":["/pause"]},"annotations":{"io.kubernetes.cri.container-name":"app","io.kubernetes.cri.image-name":"reg/app:1"}}"#,
    )
    .file("/run/containerd/io.containerd.runtime.v2.task/k8s.io/t1/init.pid", "88\n")
    .file("/run/containerd/io.containerd.runtime.v2.task/moby/d/config.json", "{}")
    .file("/proc/88/stat", "");
    let found = rows(|s| containers(tree.root(), s));
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(
        found[0][..5],
        ["cri-o", "k1", "c", "img", "running"].map(String::from)
    );
    assert_eq!(
        (found[0][7].as_str(), found[0][10].as_str()),
        ("77", "True")
    );
    assert_eq!(
        found[1][..5],
        ["containerd", "t1", "app", "reg/app:1", "running"].map(String::from)
    );
    assert_eq!(
        (found[1][7].as_str(), found[1][8].as_str()),
        ("88", "/pause")
    );
}
