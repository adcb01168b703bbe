//! The lowest priority for processor and disk, asked of the system, and memory given back to it.
//!
//! Linux keeps both for each thread ([`setpriority(2)`](https://man7.org/linux/man-pages/man2/setpriority.2.html),
//! [`ioprio_set(2)`](https://man7.org/linux/man-pages/man2/ioprio_set.2.html)); a new thread has those of the one that
//! made it. Other Unixes have the processor's only, for the process.

// Neither the class of disk access nor the trimming of the heap has a call in the libraries used here; both take numbers
// alone.
#![cfg_attr(
    target_os = "linux",
    expect(
        unsafe_code,
        reason = "these calls have no safe wrapper; they take numbers alone"
    )
)]

use std::io;

/// Why the priority is not as low as wanted. Work goes on as it is.
#[derive(Debug, thiserror::Error)]
pub enum MannersError {
    /// The threads cannot be listed.
    #[error("cannot list the threads of this process")]
    Threads {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The system refuses the priority for the processor.
    #[error("cannot lower the priority for the processor")]
    Processor {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The system refuses the class for the disk.
    #[error("cannot set the idle class for the disk")]
    Disk {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is no such thing on this system, or it is not made use of yet.
    #[error("priorities are not set on this system")]
    Unsupported,
}

/// Nice 19 for all threads of this process and for those that they start.
#[cfg(unix)]
const NICE: i32 = 19;

/// Makes this whole process, all threads that it has and will have, the last in line for processor and disk.
///
/// # Errors
/// When the system refuses; what could be set stays set.
#[cfg(target_os = "linux")]
pub fn background() -> Result<(), MannersError> {
    /// A thread by its number, as `ioprio_set` counts.
    const ONE_THREAD: libc::c_int = 1;
    /// The class in the upper three of sixteen bits; within the idle class there is no order.
    const IDLE: libc::c_int = 3 << 13;
    let failed = |source| MannersError::Threads { source };
    let mut outcome = Ok(());
    for thread in std::fs::read_dir("/proc/self/task").map_err(failed)? {
        let name = thread.map_err(failed)?.file_name();
        let Some(number) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let gone = |error: &io::Error| error.raw_os_error() == Some(libc::ESRCH);
        let nice =
            rustix::process::setpriority_process(rustix::process::Pid::from_raw(number), NICE);
        if let Err(source) = nice.map_err(io::Error::from)
            && !gone(&source)
        {
            outcome = Err(MannersError::Processor { source });
        }
        // SAFETY: the call takes three numbers and touches no memory of this process.
        let answer = unsafe { libc::syscall(libc::SYS_ioprio_set, ONE_THREAD, number, IDLE) };
        let source = io::Error::last_os_error();
        if answer != 0 && !gone(&source) {
            outcome = Err(MannersError::Disk { source });
        }
    }
    outcome
}

/// Makes this process the last in line for the processor.
///
/// # Errors
/// When the system refuses.
#[cfg(all(unix, not(target_os = "linux")))]
pub fn background() -> Result<(), MannersError> {
    rustix::process::setpriority_process(None, NICE).map_err(|error| MannersError::Processor {
        source: error.into(),
    })
}

/// Not made use of here yet.
///
/// # Errors
/// Always.
#[cfg(not(unix))]
pub fn background() -> Result<(), MannersError> {
    Err(MannersError::Unsupported)
}

/// Gives back the memory that was freed but is kept for later use. The allocator of glibc keeps much, once for each thread.
pub fn give_back_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it locks what it works on, may be called from any thread at any time, and takes a number.
    unsafe {
        libc::malloc_trim(0);
    }
}
