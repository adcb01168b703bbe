//! What every thread of this process is doing, as text for the log.
//!
//! On Linux from `/proc/self/task`: name, state, processor time, the system call it is in and, for the administrator,
//! its stack in the kernel ([proc(5)](https://man7.org/linux/man-pages/man5/proc.5.html)); the calling thread adds its
//! own stack in the program. Other threads are not stopped for it: interrupting a thread anywhere, as a debugger does,
//! could break what the sample is to explain.

use std::backtrace::Backtrace;
use std::fmt::Write as _;

/// Threads that are listed.
#[cfg(target_os = "linux")]
const MOST: usize = 64;

/// Characters of the own stack.
const LONGEST: usize = 16 << 10;

/// A sample of all threads, bounded in length.
#[must_use]
pub fn threads() -> String {
    let mut out = String::new();
    #[cfg(target_os = "linux")]
    linux(&mut out);
    let own = Backtrace::force_capture().to_string();
    let end = own
        .char_indices()
        .nth(LONGEST)
        .map_or(own.len(), |(at, _)| at);
    let _written = write!(
        out,
        "stack of the thread that takes this sample:\n{}",
        own.get(..end).unwrap_or_default()
    );
    out
}

#[cfg(target_os = "linux")]
fn linux(out: &mut String) {
    let mut numbers: Vec<u32> = std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    numbers.sort_unstable();
    for number in numbers.iter().take(MOST) {
        let read = |name: &str| {
            std::fs::read_to_string(format!("/proc/self/task/{number}/{name}")).unwrap_or_default()
        };
        let stat = read("stat");
        // The name is in brackets and may hold any character, so what follows counts from the last one.
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let ticks = |at: usize| {
            fields
                .get(at)
                .and_then(|text| text.parse::<u64>().ok())
                .unwrap_or(0)
        };
        let state = fields.first().copied().unwrap_or("?");
        let _written = writeln!(
            out,
            "thread {number} {:?}: state {state}, {} ticks in the program, {} in the kernel, waits in {}, call {}",
            read("comm").trim_end(),
            ticks(11),
            ticks(12),
            or_dash(read("wchan").trim()),
            or_dash(read("syscall").trim()),
        );
        for frame in read("stack").lines().take(32) {
            let _written = writeln!(out, "  {frame}");
        }
    }
    if numbers.len() > MOST {
        let _written = writeln!(out, "and {} more threads", numbers.len() - MOST);
    }
}

#[cfg(target_os = "linux")]
fn or_dash(text: &str) -> &str {
    if text.is_empty() || text == "0" {
        "-"
    } else {
        text
    }
}
