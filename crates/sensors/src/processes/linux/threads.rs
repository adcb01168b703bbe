//! Threads of a process (`/proc/PID/task`), where one of them knows what the process does not tell.
//!
//! The kernel answers for a process out of its main thread. When that has ended and others go on, the folder of the
//! process has no executable, no arguments and no descriptors: then a living thread is asked instead. And a thread may
//! have a table of descriptors of its own (unshare(2)), which the folder of the process does not show.
#![expect(
    unsafe_code,
    reason = "only kcmp(2) tells whether two threads share a table, and no crate wraps it"
)]

use procfs::ProcResult;
use procfs::process::{Process, Stat};
use rustix::fs::{Dir, OFlags, readlinkat};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Handles on all threads of a process, the main one among them. One that ends meanwhile is left out.
pub fn all(pid: i32) -> ProcResult<impl Iterator<Item = Process>> {
    let folder = PathBuf::from(format!("/proc/{pid}/task"));
    let names = std::fs::read_dir(&folder)?;
    let names: Vec<_> = names.flatten().map(|entry| entry.file_name()).collect();
    Ok(names
        .into_iter()
        .filter_map(move |name| Process::new_with_root(folder.join(name)).ok()))
}

/// The handle to ask for what belongs to the whole process: that of a living thread where the main one has ended.
pub fn living(process: Process, stat: &Stat) -> Process {
    if !ended(stat) || stat.num_threads < 2 {
        return process;
    }
    let Ok(mut threads) = all(stat.pid) else {
        return process;
    };
    threads
        .find(|thread| thread.stat().is_ok_and(|stat| !ended(&stat)))
        .unwrap_or(process)
}

fn ended(stat: &Stat) -> bool {
    matches!(stat.state, 'Z' | 'X' | 'x')
}

/// Threads of a process with so many of them whose table of descriptors is neither that of `process` nor that of one before them.
pub fn with_own_descriptors(pid: i32, count: i64, process: &Process) -> Vec<Process> {
    let mut apart: Vec<Process> = Vec::new();
    if count < 2 {
        return apart;
    }
    // A process that does not let us look was noted when its own folder did not.
    let Ok(threads) = all(pid) else {
        return apart;
    };
    for thread in threads {
        let known = std::iter::once(process).chain(&apart);
        if thread.pid() != process.pid() && !known.into_iter().any(|other| same(&thread, other)) {
            apart.push(thread);
        }
    }
    apart
}

/// Whether two threads share their table. Tables that cannot be read show nothing, and count as one.
fn same(one: &Process, other: &Process) -> bool {
    const KCMP_FILES: libc::c_long = 2;
    let id = |process: &Process| libc::c_long::from(process.pid());
    // SAFETY: the call reads its five numbers and no memory.
    let told = unsafe {
        libc::syscall(
            libc::SYS_kcmp,
            id(one),
            id(other),
            KCMP_FILES,
            0 as libc::c_long,
            0 as libc::c_long,
        )
    };
    if told == -1 {
        // Without the call, or the right to it: tables that show the same are taken for one.
        return shown(one) == shown(other);
    }
    told == 0
}

/// What a table shows: numbers, and what is open under them.
fn shown(process: &Process) -> BTreeSet<(Vec<u8>, Vec<u8>)> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = process.open_relative_flags("fd", flags).ok();
    let Some(mut folder) = folder.and_then(|folder| Dir::new(folder).ok()) else {
        return BTreeSet::new();
    };
    let mut shown = BTreeSet::new();
    while let Some(Ok(entry)) = folder.next() {
        let Ok(within) = folder.fd() else { break };
        if let Ok(link) = readlinkat(within, entry.file_name(), Vec::new()) {
            shown.insert((entry.file_name().to_bytes().to_vec(), link.into_bytes()));
        }
    }
    shown
}
