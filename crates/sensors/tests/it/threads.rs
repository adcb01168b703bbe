//! Processes of which a thread knows more than the process tells.
#![cfg(target_os = "linux")]

use crate::ask::{Running, rows};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc::channel;

/// Ends the main thread of a process, and leaves another one with a listener.
const HALF_DEAD: &str = "
import ctypes, platform, socket, sys, threading
server = socket.create_server(('127.0.0.1', 0))
exit = 60 if platform.machine() == 'x86_64' else 93
def wait():
    # The main thread is gone when the kernel says so.
    while open('/proc/self/stat').read().rsplit(')', 1)[1].split()[0] != 'Z': pass
    print(server.getsockname()[1], flush=True)
    sys.stdin.buffer.raw.read()
threading.Thread(target=wait).start()
ctypes.CDLL(None).syscall(exit, 0)
";

#[test]
fn a_process_whose_main_thread_has_ended_is_told_by_a_living_one() {
    let mut process =
        Running::start(Command::new("python3").args(["-c", HALF_DEAD, "marker-of-ours"]));
    let mut port = String::new();
    let out = process.0.stdout.take().unwrap();
    BufReader::new(out).read_line(&mut port).unwrap();
    let pid = process.id().to_string();
    let details = rows("Process Details", &["SHA256", "All"]);
    let details = details.iter().find(|r| r[0] == pid).unwrap();
    assert!(details[5].contains("marker-of-ours"), "{details:?}");
    assert!(details[6].contains("python3"), "{details:?}");
    assert_eq!(details[8].len(), 64, "{details:?}");
    assert_eq!((details[9].as_str(), details[10].as_str()), ("zombie", "2"));
    let here = std::env::current_dir().unwrap().display().to_string();
    assert_eq!([&details[12], &details[13]], [&here, "/"]);
    let hashes = rows("Running Processes with Hash", &[]);
    assert!(
        hashes
            .iter()
            .any(|r| r[0] == details[6] && r[1] == details[8])
    );
    let port = port.trim();
    let listening = rows("Listen Ports", &[]);
    let listening = listening.iter().find(|r| r[4] == port).unwrap();
    assert_eq!((&listening[0], &listening[1]), (&details[2], &details[6]));
    let files = rows("Open Files", &[&details[2]]);
    let own = |r: &&Vec<String>| r[0] == pid && r[2].starts_with("socket:");
    assert!(files.iter().any(|r| own(&r)), "{files:?}");
    let modules = rows("Loaded Modules", &["None", &details[2]]);
    assert!(modules.iter().any(|r| r[1] == details[6]), "{modules:?}");
}

#[test]
#[expect(
    unsafe_code,
    reason = "the kernel's call for it can also take more away"
)]
fn a_thread_with_descriptors_of_its_own_is_looked_at() {
    let (tell, told) = channel();
    let (end, ended) = channel::<()>();
    let apart = std::thread::spawn(move || {
        // SAFETY: what this thread opens from here on is its own, and it hands none of it to others.
        unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::FILES) }.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        tell.send(listener.local_addr().unwrap().port().to_string())
            .unwrap();
        // Until the other side is done.
        ended.recv().unwrap_err();
    });
    let port = told.recv().unwrap();
    let found = rows("Listen Ports", &[]).into_iter().find(|r| r[4] == port);
    drop(end);
    apart.join().unwrap();
    let path = std::env::current_exe().unwrap().display().to_string();
    assert_eq!(found.unwrap()[1], path);
}

/// Where a process is and what it may, against `/proc` and what the test made of it.
#[test]
fn details_of_a_process_by_parameter() {
    let mut child = Running::start(Command::new("unshare").args([
        "--uts",
        "setpriv",
        "--bounding-set",
        "-all,+net_raw",
        "cat",
    ]));
    let pid = child.id().to_string();
    // What it says comes back when it is the last of these programs.
    use std::io::{Read, Write};
    child.0.stdin.as_mut().unwrap().write_all(b"x").unwrap();
    let mut said = [0];
    child
        .0
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut said)
        .unwrap();
    let found = rows("Process Details", &["None", "All"]);
    let row = found.iter().find(|r| r[0] == pid).unwrap();
    let link = |name: &str| {
        let link = std::fs::read_link(format!("/proc/{pid}/{name}")).unwrap();
        link.display().to_string()
    };
    assert_eq!(row[12], link("cwd"));
    assert_eq!(row[13], link("root"));
    assert_eq!(row[14], link("ns/uts"));
    let group = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    assert!(
        group.lines().any(|l| l.ends_with(&format!(":{}", row[15]))),
        "{row:?}"
    );
    assert_eq!(
        (row[10].as_str(), row[11].as_str(), row[18].as_str()),
        ("1", "", "")
    );
    assert_eq!(row[17], "NET_RAW");
    let usual = rows("Process Details", &["None"]);
    let row = usual.iter().find(|r| r[0] == pid).unwrap();
    assert!(row[9..].iter().all(String::is_empty), "{row:?}");
}
