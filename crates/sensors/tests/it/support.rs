//! What the tests of several families share.

use question::ast::Row;
use question::catalogue::Limits;
use sensors::framework::{Request, SensorError, Sink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A sink with the limits of sensors that read much.
pub fn sink() -> Sink {
    let limits = Limits {
        memory: sensors::framework::LARGE,
        ..Limits::default()
    };
    Sink::new(limits, Arc::new(AtomicBool::new(false)))
}

/// Runs a function that collects, and gives its rows as text, and its outcome: an error where these are not all rows.
pub fn collect(
    f: impl FnOnce(&mut Sink) -> Result<(), SensorError>,
) -> (Vec<Vec<String>>, Result<(), SensorError>) {
    let mut sink = sink();
    let outcome = f(&mut sink);
    let (rows, outcome) = sink.finish(outcome).whole();
    (text(rows), outcome)
}

/// As [`collect`], for what must succeed.
pub fn rows(f: impl FnOnce(&mut Sink) -> Result<(), SensorError>) -> Vec<Vec<String>> {
    let (rows, outcome) = collect(f);
    outcome.expect("the sensor failed");
    rows
}

/// Runs a sensor on this machine.
pub fn live(sensor: &str) -> Vec<Vec<String>> {
    let stop = Arc::new(AtomicBool::new(false));
    let catalogue = sensors::catalogue();
    let limits = catalogue.sensor(sensor).expect("it is declared").limits;
    let run = sensors::run(sensor, &Request::default(), limits, stop);
    run.outcome.unwrap_or_else(|e| panic!("{sensor}: {e}"));
    text(run.rows)
}

pub fn text(rows: Vec<Row>) -> Vec<Vec<String>> {
    rows.iter()
        .map(|row| {
            row.iter()
                .map(|cell| String::from_utf8_lossy(cell).into_owned())
                .collect()
        })
        .collect()
}

/// Output of a program of this machine; the test fails when the program is missing or fails.
pub fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .env("TZ", "UTC")
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap_or_else(|e| panic!("cannot run {program} (see xtask/packages.txt): {e}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A folder tree for a test, removed at its end.
pub struct Tree(tempfile::TempDir);

impl Tree {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn root(&self) -> &Path {
        self.0.path()
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    /// Writes a file with all folders above it.
    pub fn file(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let full = self.at(path);
        std::fs::create_dir_all(full.parent().unwrap()).unwrap();
        std::fs::write(full, content).unwrap();
        self
    }

    pub fn link(&self, path: &str, target: &str) -> &Self {
        let full = self.at(path);
        std::fs::create_dir_all(full.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, full).unwrap();
        self
    }
}

/// Runs `f` on a thread with a network of its own, which has nothing in it but a loopback adapter that is down.
#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "the kernel's call for it can also take more away"
)]
pub fn in_own_network<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    use rustix::thread::{UnshareFlags, unshare_unsafe};
    let apart = || {
        // SAFETY: the network is what this thread alone gets; it shares its descriptors as before.
        unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.unwrap();
        f()
    };
    std::thread::scope(|scope| scope.spawn(apart).join().unwrap())
}

/// Runs `f` on a thread with mounts of its own.
#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "the kernel's call for it can also take more away"
)]
pub fn with_own_mounts<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    use rustix::mount::{MountPropagationFlags, mount_change};
    use rustix::thread::{UnshareFlags, unshare_unsafe};
    let apart = || {
        // SAFETY: mounts are what this thread alone gets; it shares its descriptors as before.
        unsafe { unshare_unsafe(UnshareFlags::NEWNS) }.unwrap();
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", private).unwrap();
        f()
    };
    std::thread::scope(|scope| scope.spawn(apart).join().unwrap())
}
