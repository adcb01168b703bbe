//! Going through all processes, each by a handle on its folder, and telling those that cannot be looked at.

use super::threads;
use crate::alive;
use crate::framework::{Notes, SensorError, Sink};
use procfs::process::{Process, Stat, StatFlags};
use procfs::{ProcError, ProcResult};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// What notes call them.
pub const PROCESSES: &str = "processes";
/// Longest command line or environment taken. The kernel allows about 6 MB for both together.
const TEXT_MAX: u64 = 8 << 20;
/// The kernel keeps this many bytes of a name.
const COMM_MAX: usize = 15;

/// A process, as far as the kernel tells everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Its id.
    pub pid: i32,
    /// Id of its parent; 0 for the first process and the first thread of the kernel.
    pub parent: i32,
    /// Its name, any bytes. A thread of the kernel has its name in brackets.
    pub name: Vec<u8>,
    /// Whether it is a thread of the kernel.
    pub kernel: bool,
    /// When it started, in clock ticks since the machine did.
    pub start_ticks: u64,
    /// How many threads it has.
    pub threads: i64,
    /// What it does, as a letter.
    pub state: char,
    /// Number of its terminal; 0 for none.
    pub terminal: i32,
}

impl Running {
    /// Whether a name given in a question means this process.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
            || question::cell::text(&self.name).eq_ignore_ascii_case(name)
    }

    /// The name without what tells one thread of the kernel from its likes: `[kworker]` for `[kworker/0:1-events]`.
    #[must_use]
    pub fn common_name(&self) -> Vec<u8> {
        let cut = self.name.iter().position(|b| *b == b'/');
        match cut {
            Some(at) if self.kernel => {
                let mut name = self.name.get(..at).unwrap_or_default().to_vec();
                name.push(b']');
                name
            }
            _ => self.name.clone(),
        }
    }
}

/// All processes at this moment, in the order of their ids.
///
/// # Errors
/// [`SensorError::Denied`] or [`SensorError::Read`] when `/proc` cannot be listed, [`SensorError::Limit`].
pub fn running(sink: &Sink) -> Result<Vec<Running>, SensorError> {
    let mut all = Vec::new();
    for (seen, _) in processes(&sink.notes())? {
        sink.check()?;
        all.push(seen);
    }
    all.sort_by_key(|r| r.pid);
    Ok(all)
}

/// Every process with a handle on its folder, or on that of a living thread where the main one has ended. One that ends
/// meanwhile is left out; one that cannot be looked at is left out and noted.
pub fn processes(
    notes: &Notes,
) -> Result<impl Iterator<Item = (Running, Process)> + use<>, SensorError> {
    let notes = notes.clone();
    Ok(handles(&notes)?.filter_map(move |process| {
        let stat = part(&notes, &process, "stat", process.stat())?;
        // The name is that of the main thread also when it has ended.
        let comm = part(&notes, &process, "comm", bytes(&process, "comm"))?;
        let living = threads::living(process, &stat);
        Some((seen(&living, &stat, comm, &notes), living))
    }))
}

/// A handle on the folder of every process.
pub fn handles(notes: &Notes) -> Result<impl Iterator<Item = Process> + use<>, SensorError> {
    let notes = notes.clone();
    let all = procfs::process::all_processes().map_err(|e| failed("/proc", e))?;
    // At least we run. Without us it is another folder that happens to be there.
    std::fs::symlink_metadata("/proc/self").map_err(|e| SensorError::reading("/proc/self", e))?;
    if alive::hidden(Path::new("/")) {
        alive::note_hidden(&notes);
    }
    Ok(all.filter_map(move |process| match process {
        Ok(process) => {
            notes.met(PROCESSES);
            Some(process)
        }
        Err(error) if is_gone(&error) => None,
        Err(error) => {
            notes.met(PROCESSES);
            let (path, error) = told(error);
            let pid = path.as_deref().and_then(Path::file_name);
            notes.one_of(PROCESSES, "", pid.unwrap_or_default().display(), &error);
            None
        }
    }))
}

fn seen(process: &Process, stat: &Stat, mut comm: Vec<u8>, notes: &Notes) -> Running {
    let kernel = StatFlags::from_bits_retain(stat.flags).contains(StatFlags::PF_KTHREAD);
    if comm.last() == Some(&b'\n') {
        comm.pop();
    }
    let name = if kernel {
        [b"[", comm.as_slice(), b"]"].concat()
    } else {
        whole_name(process, comm, notes)
    };
    Running {
        pid: stat.pid,
        parent: stat.ppid,
        name,
        kernel,
        start_ticks: stat.starttime,
        threads: stat.num_threads,
        state: stat.state,
        terminal: stat.tty_nr,
    }
}

/// The kernel cuts names; where the file or an argument begins with the cut name, its name is the whole one.
fn whole_name(process: &Process, comm: Vec<u8>, notes: &Notes) -> Vec<u8> {
    if comm.len() < COMM_MAX {
        return comm;
    }
    let line = bytes(process, "cmdline");
    let exe = process
        .exe()
        .map(|p| p.into_os_string().into_encoded_bytes());
    let path = exe.as_deref().unwrap_or_default();
    let path = path
        .strip_suffix(super::executable::DELETED)
        .unwrap_or(path);
    // A script is the second argument, after its interpreter.
    let whole = std::iter::once(path)
        .chain(
            line.as_deref()
                .unwrap_or_default()
                .split(|b| *b == 0)
                .take(2),
        )
        .filter_map(|path| path.rsplit(|b| *b == b'/').next())
        .find(|name| name.starts_with(&comm))
        .map(<[u8]>::to_vec);
    if whole.is_none() {
        // What could not be read might have had the whole name.
        part(notes, process, "exe", exe);
        part(notes, process, "cmdline", line);
    }
    whole.unwrap_or(comm)
}

/// A file in the folder of a process, as its bytes.
pub fn bytes(process: &Process, name: &str) -> ProcResult<Vec<u8>> {
    let mut read = Vec::new();
    process
        .open_relative(name)?
        .take(TEXT_MAX)
        .read_to_end(&mut read)
        .map_err(ProcError::from)?;
    Ok(read)
}

/// The arguments of a process as one line: the zeros between them become spaces, those at the end go.
pub fn command_line(process: &Process, notes: &Notes) -> Option<Vec<u8>> {
    let mut line = part(notes, process, "cmdline", bytes(process, "cmdline"))?;
    while line.last() == Some(&0) {
        line.pop();
    }
    for byte in &mut line {
        if *byte == 0 {
            *byte = b' ';
        }
    }
    Some(line)
}

/// Passes on what was read of a process. `None` when the process is gone, or does not let us look, which is noted.
pub fn part<T>(
    notes: &Notes,
    process: &Process,
    part: &'static str,
    read: ProcResult<T>,
) -> Option<T> {
    match read {
        Ok(value) => Some(value),
        Err(error) => {
            if !is_gone(&error) {
                notes.one_of(PROCESSES, part, process.pid(), &told(error).1);
            }
            None
        }
    }
}

/// Notes when a process ended before all of its row could be read.
pub fn note_if_gone(notes: &Notes, process: &Process) {
    if process.stat().is_err_and(|e| is_gone(&e)) {
        notes.gone(PROCESSES);
    }
}

fn is_gone(error: &ProcError) -> bool {
    match error {
        ProcError::NotFound(_) => true,
        ProcError::Io(e, _) => {
            e.kind() == ErrorKind::NotFound || e.raw_os_error() == Some(libc::ESRCH)
        }
        _ => false,
    }
}

/// The path and the system's error in what `procfs` says.
fn told(error: ProcError) -> (Option<std::path::PathBuf>, io::Error) {
    match error {
        ProcError::PermissionDenied(path) => (path, ErrorKind::PermissionDenied.into()),
        ProcError::NotFound(path) => (path, ErrorKind::NotFound.into()),
        ProcError::Io(error, path) => (path, error),
        other => (None, io::Error::other(other.to_string())),
    }
}

/// The sensor's error for what `procfs` says.
pub fn failed(what: &str, error: ProcError) -> SensorError {
    SensorError::reading(what, told(error).1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn gone_is_no_problem_and_closed_is_one() {
        let notes = Notes::default();
        let me = Process::myself().unwrap();
        assert_eq!(part(&notes, &me, "exe", Ok(7)), Some(7));
        let ended = io::Error::from_raw_os_error(libc::ESRCH);
        assert_eq!(part::<()>(&notes, &me, "exe", Err(ended.into())), None);
        assert_eq!(
            part::<()>(&notes, &me, "exe", Err(ProcError::NotFound(None))),
            None
        );
        assert!(notes.problems().is_empty());
        let closed = ProcError::PermissionDenied(None);
        assert_eq!(part::<()>(&notes, &me, "exe", Err(closed)), None);
        let full = io::Error::from_raw_os_error(libc::EMFILE);
        assert_eq!(part::<()>(&notes, &me, "exe", Err(full.into())), None);
        let told = notes.problems();
        let denied: Vec<bool> = told.iter().map(SensorError::is_denied).collect();
        assert_eq!(denied, [true, false], "{told:?}");
    }

    #[test]
    fn a_process_that_ended_while_it_was_looked_at_is_counted() {
        let mut child = std::process::Command::new("/bin/cat")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // Whoever answers has got over the moment in which a new program has no command line yet.
        child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let process = Process::new(i32::try_from(child.id()).unwrap()).unwrap();
        let notes = Notes::default();
        assert_eq!(command_line(&process, &notes).unwrap(), b"/bin/cat");
        note_if_gone(&notes, &process);
        assert!(notes.problems().is_empty());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(command_line(&process, &notes), None);
        assert!(notes.problems().is_empty(), "gone is no problem by itself");
        note_if_gone(&notes, &process);
        let told = notes.problems();
        assert_eq!(told.len(), 1);
        assert!(
            told[0].to_string().contains("rows are not whole"),
            "{told:?}"
        );
    }

    #[test]
    fn threads_of_the_kernel_merge_and_others_keep_their_names() {
        let name = |name: &[u8], kernel| {
            Running {
                pid: 9,
                parent: 2,
                name: name.to_vec(),
                kernel,
                start_ticks: 0,
                threads: 1,
                state: 'S',
                terminal: 0,
            }
            .common_name()
        };
        assert_eq!(name(b"[kworker/0:1-events]", true), b"[kworker]");
        assert_eq!(name(b"[kthreadd]", true), b"[kthreadd]");
        assert_eq!(name(b"[kworker/0:1]", false), b"[kworker/0:1]");
    }
}
