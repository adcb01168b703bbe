//! Sockets of every kind and of every network namespace, against `ss`, in namespaces that the tests make.
#![cfg(target_os = "linux")]

use crate::ask::{Running, rows, tool};
use crate::support::in_own_network;
use rustix::net::{AddressFamily, Protocol, SocketAddrUnix, SocketType, bind, listen, socket};
use std::collections::BTreeSet;
use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

fn port(listener: &TcpListener) -> String {
    listener.local_addr().unwrap().port().to_string()
}

fn here() -> String {
    let link = std::fs::read_link("/proc/thread-self/ns/net").unwrap();
    link.to_str().unwrap().to_owned()
}

fn own_path() -> String {
    std::env::current_exe().unwrap().display().to_string()
}

/// The row of Listen Ports with this port and namespace.
fn listening(port: &str, namespace: &str) -> Vec<Vec<String>> {
    let mut found = rows("Listen Ports", &[]);
    found.retain(|r| r[4] == port && r[5] == namespace);
    found
}

#[test]
fn a_listener_in_the_namespace_of_another_thread() {
    let (tell, told) = channel();
    let (end, ended) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            in_own_network(move || {
                let listener = TcpListener::bind("0.0.0.0:0").unwrap();
                tell.send((port(&listener), here())).unwrap();
                // Until the other side is done.
                ended.recv().unwrap_err();
            });
        });
        let (port, namespace) = told.recv().unwrap();
        let found = listening(&port, &namespace);
        drop(end);
        assert_eq!(found.len(), 1, "{port} {namespace} {found:?}");
        assert_eq!(found[0][1], own_path());
    });
}

#[test]
fn a_namespace_without_processes_is_found_by_its_mount_and_by_its_descriptor() {
    let name = format!("cordon-test-{}", std::process::id());
    tool("ip", &["netns", "add", &name]);
    let mounted = std::thread::scope(|scope| {
        let inside = scope.spawn(|| {
            let space = File::open(format!("/run/netns/{name}")).unwrap();
            let network = rustix::thread::LinkNameSpaceType::Network;
            rustix::thread::move_into_link_name_space(
                std::os::fd::AsFd::as_fd(&space),
                Some(network),
            )
            .unwrap();
            TcpListener::bind("0.0.0.0:0").unwrap()
        });
        inside.join().unwrap()
    });
    let by_mount = listening(&port(&mounted), &name);
    tool("ip", &["netns", "del", &name]);
    assert_eq!(by_mount.len(), 1);
    assert_eq!(by_mount[0][1], own_path());
    // The thread that was in it is gone; only a descriptor holds it.
    let (held, listener, namespace) = in_own_network(|| {
        let held = File::open("/proc/thread-self/ns/net").unwrap();
        (held, TcpListener::bind("0.0.0.0:0").unwrap(), here())
    });
    let by_descriptor = listening(&port(&listener), &namespace);
    drop(held);
    assert_eq!(by_descriptor.len(), 1);
}

#[test]
fn every_holder_of_a_socket_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut child = Command::new("tail")
        .args(["-f", "/dev/null"])
        .stdin(Stdio::from(OwnedFd::from(listener.try_clone().unwrap())))
        .spawn()
        .unwrap();
    let port = port(&listener);
    let found = rows("IP Connections", &[]);
    let names: BTreeSet<String> = listening(&port, "").iter().map(|r| r[0].clone()).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    let holders: BTreeSet<&str> = found
        .iter()
        .filter(|r| r[2] == port && r[5] == "LISTEN" && r[11].is_empty())
        .map(|r| r[6].as_str())
        .collect();
    let (own, its) = (std::process::id().to_string(), child.id().to_string());
    assert_eq!(holders, BTreeSet::from([own.as_str(), its.as_str()]));
    assert!(names.contains("tail") && names.len() == 2, "{names:?}");
}

/// `ss` in this thread's namespace: one word of each line.
fn ss(arguments: &[&str], word: usize) -> Vec<String> {
    let output = tool("ss", &[&["-H", "-a", "-n"], arguments].concat());
    let text = String::from_utf8(output).unwrap();
    let mut words: Vec<String> = text
        .lines()
        .filter_map(|l| l.split_whitespace().nth(word).map(str::to_owned))
        .collect();
    words.sort();
    words
}

#[test]
fn kinds_of_sockets_agree_with_ss() {
    in_own_network(|| {
        tool("ip", &["link", "set", "lo", "up"]);
        let protocol = |n: u32| Some(Protocol::from_raw(n.try_into().unwrap()));
        let make = |family, kind, of| socket(family, kind, of).unwrap();
        let _raw = make(AddressFamily::INET, SocketType::RAW, protocol(1));
        let _raw6 = make(AddressFamily::INET6, SocketType::RAW, protocol(58));
        let everything = u32::from(3_u16.to_be());
        let _sniffer = make(AddressFamily::PACKET, SocketType::RAW, protocol(everything));
        let light = make(AddressFamily::INET, SocketType::DGRAM, protocol(136));
        let own: std::net::SocketAddr = "127.0.0.1:38994".parse().unwrap();
        bind(&light, &own).unwrap();
        let paths = make(AddressFamily::INET, SocketType::STREAM, protocol(262));
        let own: std::net::SocketAddr = "127.0.0.1:38995".parse().unwrap();
        bind(&paths, &own).unwrap();
        listen(&paths, 1).unwrap();
        let local = make(AddressFamily::UNIX, SocketType::STREAM, None);
        let name = SocketAddrUnix::new_abstract_name(b"a b\nc").unwrap();
        bind(&local, &name).unwrap();
        listen(&local, 1).unwrap();
        let _uevents = make(AddressFamily::NETLINK, SocketType::RAW, protocol(15));

        let mut all = rows("IP Connections", &[]);
        all.retain(|r| r[11].is_empty());
        let of =
            |kind: &str| -> Vec<&Vec<String>> { all.iter().filter(|r| r[0] == kind).collect() };
        let me = std::process::id().to_string();
        for (kind, name) in [
            ("raw", "icmp"),
            ("raw", "ipv6-icmp"),
            ("packet", "everything on every adapter"),
            ("unix", "@a b\nc"),
        ] {
            let found = of(kind);
            let one = found.iter().find(|r| r[10] == name);
            let one = one.unwrap_or_else(|| panic!("{kind} {name}: {found:?}"));
            assert_eq!((&one[6], &one[8]), (&me, &own_path()), "{one:?}");
        }
        // What the kernel makes in a namespace for itself, it holds itself.
        assert_eq!(of("raw").len(), ss(&["--raw"], 0).len());
        assert_eq!(of("packet").len(), ss(&["--packet"], 0).len());
        let mut paths: Vec<String> = of("mptcp")
            .iter()
            .map(|r| format!("{}:{}", r[1], r[2]))
            .collect();
        paths.sort();
        assert_eq!(paths, ss(&["--mptcp"], 3));
        assert_eq!(paths, ["127.0.0.1:38995"]);
        let light = of("udplite");
        assert_eq!(light.len(), 1);
        assert_eq!((light[0][2].as_str(), &light[0][6]), ("38994", &me));
        let listening = rows("Listen Ports", &[]);
        for (kind, port) in [("udplite", "38994"), ("mptcp", "38995"), ("tcp", "38995")] {
            let is = |r: &Vec<String>| r[2] == kind && r[4] == port && r[5].is_empty();
            assert!(listening.iter().any(is), "{kind}: {listening:?}");
        }
    });
}

#[test]
fn nobody_owns_what_is_closed() {
    in_own_network(|| {
        tool("ip", &["link", "set", "lo", "up"]);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        // The side that closes first keeps the connection in mind.
        drop(client);
        let mut buffer = [0];
        assert_eq!(std::io::Read::read(&mut &server, &mut buffer).unwrap(), 0);
        drop(server);
        let port = port(&listener);
        let all = rows("IP Connections", &[]);
        let closed: Vec<_> = all
            .iter()
            .filter(|r| r[4] == port && r[11].is_empty())
            .collect();
        assert_eq!(closed.len(), 1, "{all:?}");
        assert_eq!(closed[0][5], "TIME_WAIT");
        assert_eq!(closed[0][6..10], [const { String::new() }; 4]);
        let waiting = all.iter().find(|r| r[2] == port && r[5] == "LISTEN");
        assert_eq!(waiting.unwrap()[9], "root");
    });
}

/// A process in a control group that is named as a runtime names it.
#[test]
fn a_container_is_told_by_its_control_group() {
    let id = "5eed".repeat(16);
    let groups = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let unified = groups
        .lines()
        .find(|l| l.contains(" - cgroup2 "))
        .and_then(|l| l.split(' ').nth(4))
        .expect("a hierarchy of control groups");
    let group = format!("{unified}/docker-{id}.scope");
    std::fs::create_dir(&group).unwrap();
    let mut listening = Running::start(Command::new("python3").args([
        "-c",
        "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); sys.stdin.read()",
    ]));
    let mut port = String::new();
    let out = listening.0.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut port).unwrap();
    std::fs::write(format!("{group}/cgroup.procs"), listening.id().to_string()).unwrap();
    let found = self::listening(port.trim(), "");
    drop(listening);
    std::fs::remove_dir(&group).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0][6], id);
}
