//! Going through all processes, each by a handle on its folder.

use crate::framework::{SensorError, Sink};
use procfs::process::{Process, StatFlags};
use procfs::{ProcError, ProcResult};
use std::io::{ErrorKind, Read};

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
    for (seen, _) in processes()? {
        sink.check()?;
        all.push(seen);
    }
    all.sort_by_key(|r| r.pid);
    Ok(all)
}

/// Every process with a handle on its folder. One that ends meanwhile is left out.
pub fn processes() -> Result<impl Iterator<Item = (Running, Process)>, SensorError> {
    let all = procfs::process::all_processes().map_err(|e| failed("/proc", e))?;
    Ok(all.filter_map(|process| {
        let process = process.ok()?;
        Some((seen(&process).ok()?, process))
    }))
}

fn seen(process: &Process) -> ProcResult<Running> {
    let stat = process.stat()?;
    let kernel = StatFlags::from_bits_retain(stat.flags).contains(StatFlags::PF_KTHREAD);
    let mut comm = bytes(process, "comm")?;
    if comm.last() == Some(&b'\n') {
        comm.pop();
    }
    let name = if kernel {
        [b"[", comm.as_slice(), b"]"].concat()
    } else {
        whole_name(process, comm)
    };
    Ok(Running {
        pid: stat.pid,
        parent: stat.ppid,
        name,
        kernel,
        start_ticks: stat.starttime,
    })
}

/// The kernel cuts names; where the file or an argument begins with the cut name, its name is the whole one.
fn whole_name(process: &Process, comm: Vec<u8>) -> Vec<u8> {
    if comm.len() < COMM_MAX {
        return comm;
    }
    let exe = process
        .exe()
        .map(|p| p.into_os_string().into_encoded_bytes())
        .unwrap_or_default();
    let exe = exe.strip_suffix(super::executable::DELETED).unwrap_or(&exe);
    let line = bytes(process, "cmdline").unwrap_or_default();
    // A script is the second argument, after its interpreter.
    std::iter::once(exe)
        .chain(line.split(|b| *b == 0).take(2))
        .filter_map(|path| path.rsplit(|b| *b == b'/').next())
        .find(|name| name.starts_with(&comm))
        .map_or_else(|| comm.clone(), <[u8]>::to_vec)
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
pub fn command_line(process: &Process) -> Vec<u8> {
    let mut line = bytes(process, "cmdline").unwrap_or_default();
    while line.last() == Some(&0) {
        line.pop();
    }
    for byte in &mut line {
        if *byte == 0 {
            *byte = b' ';
        }
    }
    line
}

/// Counts who let us look, so that "nobody" is told as a refusal and not as an empty table.
#[derive(Default)]
pub struct Access {
    read: u64,
    denied: u64,
}

impl Access {
    /// Passes on what was read; `None` when the process is gone or closed to us.
    pub fn note<T>(&mut self, result: ProcResult<T>) -> Option<T> {
        match result {
            Ok(value) => {
                self.read += 1;
                Some(value)
            }
            Err(e) => {
                if is_denied(&e) {
                    self.denied += 1;
                }
                None
            }
        }
    }

    /// The outcome of the run.
    pub fn outcome(&self, what: &str) -> Result<(), SensorError> {
        if self.read == 0 && self.denied > 0 {
            return Err(SensorError::Denied { what: what.into() });
        }
        Ok(())
    }
}

fn is_denied(error: &ProcError) -> bool {
    match error {
        ProcError::PermissionDenied(_) => true,
        ProcError::Io(e, _) => e.kind() == ErrorKind::PermissionDenied,
        _ => false,
    }
}

/// The sensor's error for what `procfs` says.
pub fn failed(what: &str, error: ProcError) -> SensorError {
    if is_denied(&error) {
        return SensorError::Denied { what: what.into() };
    }
    let source = match error {
        ProcError::Io(e, _) => e,
        ProcError::NotFound(_) => ErrorKind::NotFound.into(),
        other => std::io::Error::other(other.to_string()),
    };
    SensorError::Read {
        what: what.into(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denied_only_when_nobody_lets_us_look() {
        let mut access = Access::default();
        assert!(access.outcome("it").is_ok());
        assert_eq!(access.note::<()>(Err(ProcError::NotFound(None))), None);
        assert!(access.outcome("it").is_ok());
        assert_eq!(
            access.note::<()>(Err(ProcError::PermissionDenied(None))),
            None
        );
        assert!(matches!(
            access.outcome("it"),
            Err(SensorError::Denied { .. })
        ));
        assert_eq!(access.note(Ok(7)), Some(7));
        assert!(access.outcome("it").is_ok());
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
            }
            .common_name()
        };
        assert_eq!(name(b"[kworker/0:1-events]", true), b"[kworker]");
        assert_eq!(name(b"[kthreadd]", true), b"[kthreadd]");
        assert_eq!(name(b"[kworker/0:1]", false), b"[kworker/0:1]");
    }
}
