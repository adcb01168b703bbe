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
            "/srv/docker/containers/abc/config.v2.json",
            "",
            "",
            "",
            "",
            ""
        ]]
    );
}

/// What a container has of the machine, in the files of each runtime: the same things, told alike.
#[test]
fn what_of_the_machine_is_in_a_container_is_told_alike() {
    let tree = Tree::new();
    let oci = r#"{"process":{"args":["sh"],"env":["A=b"],"capabilities":{"bounding":["CAP_CHOWN","CAP_SYS_ADMIN"]}},
        "mounts":[{"destination":"/proc","type":"proc","source":"proc"},
            {"destination":"/host","type":"bind","source":"/","options":["rbind","ro"]},
            {"destination":"/etc/hosts","type":"bind","source":"/var/lib/containers/storage/x/hosts","options":["rbind"]}],
        "linux":{"namespaces":[{"type":"network"},{"type":"ipc"},{"type":"uts","path":"/proc/1/ns/uts"},{"type":"mount"}]},
        "annotations":{"nerdctl/ports":"[{\"HostPort\":8080,\"ContainerPort\":80,\"Protocol\":\"tcp\",\"HostIP\":\"\"}]"}}"#;
    let storage = "/var/lib/containers/storage/overlay-containers";
    tree.file("/run/containerd/io.containerd.runtime.v2.task/k8s.io/t1/config.json", oci)
        .file(&format!("{storage}/containers.json"), r#"[{"id":"p1","names":["db"],"metadata":"{}"}]"#)
        .file(&format!("{storage}/p1/userdata/config.json"), oci)
        .file(
            "/var/lib/docker/containers/abc/config.v2.json",
            r#"{"ID":"abc","Path":"sh","Config":{"Env":["A=b"]},"State":{},
               "MountPoints":{"/host":{"Source":"/","Destination":"/host","Type":"bind","RW":false},"/v":{"Source":"","Name":"v","Destination":"/v","Type":"volume"}},
               "NetworkSettings":{"Ports":{"80/tcp":[{"HostIp":"","HostPort":"8080"}],"81/tcp":null}}}"#,
        )
        .file(
            "/var/lib/docker/containers/abc/hostconfig.json",
            r#"{"Binds":["/:/host:ro","vol:/v"],"PidMode":"host","UTSMode":"host","NetworkMode":"default","CapAdd":["SYS_ADMIN"],"Mounts":null}"#,
        );
    let found = rows(|s| containers(tree.root(), s));
    let told: Vec<(&str, &[String])> = found.iter().map(|r| (r[0].as_str(), &r[12..])).collect();
    let same = [
        "/:/host:ro",
        "pid uts",
        "CAP_SYS_ADMIN",
        "A=b",
        "0.0.0.0:8080->80/tcp",
    ]
    .map(String::from);
    assert_eq!(
        told,
        [
            ("docker", &same[..]),
            ("podman", &same[..]),
            ("containerd", &same[..])
        ]
    );
    assert!(found.iter().all(|r| r[10] == "False"), "{found:?}");
}

#[test]
fn everything_of_the_machine_is_privileged() {
    let tree = Tree::new();
    tree.file(
        "/run/containerd/io.containerd.runtime.v2.task/k8s.io/t1/config.json",
        r#"{"process":{"capabilities":{"bounding":["CAP_SYS_ADMIN","CAP_SYS_MODULE","CAP_SYS_RAWIO","CAP_SYS_PTRACE"]}},
            "linux":{"resources":{"devices":[{"allow":true,"access":"rwm"}]}}}"#,
    );
    assert_eq!(rows(|s| containers(tree.root(), s))[0][10], "True");
}

/// A runtime that ended with the machine left its files saying that all runs.
#[test]
fn a_state_is_checked_against_the_process() {
    let tree = Tree::new();
    let (id, began) = ("abc".repeat(21), "2026-01-01T00:00:00Z");
    let docker = |name: &str, pid: u32| {
        let state = format!(r#"{{"Running":true,"Pid":{pid},"StartedAt":"{began}"}}"#);
        tree.file(
            &format!("/var/lib/docker/containers/{name}/config.v2.json"),
            format!(r#"{{"ID":"{id}{name}","State":{state}}}"#),
        );
    };
    docker("0", 5);
    docker("1", 6);
    docker("2", 7);
    docker("3", 8);
    // 2026-01-01 is 1767225600.
    let stat = |ticks: u32| format!("7 (a) b) S {} {ticks} 0", "0 ".repeat(18).trim());
    tree.file("/proc/self/stat", "")
        .file("/proc/1/stat", "")
        .file("/proc/stat", "cpu 1\nbtime 1767225500\n")
        // The one that it was.
        .file("/proc/6/stat", stat(10_000))
        .file("/proc/6/cgroup", "0::/\n")
        // Another, much later.
        .file("/proc/7/stat", stat(100_000))
        .file("/proc/7/cgroup", "0::/system.slice/ssh.service\n")
        // Its clock was wrong, but its group has its name.
        .file("/proc/8/stat", stat(100_000))
        .file("/proc/8/cgroup", format!("0::/docker/{id}3\n"));
    let podman = rusqlite::Connection::open({
        tree.file("/var/lib/containers/storage/x", "");
        tree.at("/var/lib/containers/storage/db.sql")
    })
    .unwrap();
    podman
        .execute_batch(
            r#"CREATE TABLE ContainerState(ID TEXT PRIMARY KEY, State INTEGER, JSON TEXT);
               CREATE TABLE ContainerConfig(ID TEXT PRIMARY KEY, JSON TEXT);
               INSERT INTO ContainerState VALUES('p1', 3, '{"pid":9,"startedTime":"2026-01-01T00:00:00Z"}');
               INSERT INTO ContainerConfig VALUES('p1', '{"newPortMappings":[{"host_ip":"127.0.0.1","host_port":8000,"container_port":80,"range":3,"protocol":"udp"}]}')"#,
        )
        .unwrap();
    tree.file(
        "/var/lib/containers/storage/overlay-containers/containers.json",
        r#"[{"id":"p1","metadata":"{}"}]"#,
    );
    let found = rows(|s| containers(tree.root(), s));
    let told: Vec<(&str, &str)> = found
        .iter()
        .map(|r| (r[4].as_str(), r[7].as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("gone", ""),
            ("running", "6"),
            ("gone", ""),
            ("running", "8"),
            ("gone", "")
        ]
    );
    assert_eq!(found[4][16], "127.0.0.1:8000-8002->80-82/udp");
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
