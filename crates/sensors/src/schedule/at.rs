//! Jobs of at and batch: a file for each, whose name holds the queue, the number and the minute it is due, and whose
//! text is a script that first restores the environment.

use crate::text;

/// One job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Queue letter; `=` marks a job that runs.
    pub queue: char,
    /// When it is due, seconds since 1970.
    pub due: i64,
    /// User id in the file's header.
    pub uid: Option<u32>,
    /// The commands, without the environment.
    pub command: Vec<u8>,
}

/// Reads a job from its file's name and text; `None` when the name is not one of a job.
#[must_use]
pub fn parse(name: &str, bytes: &[u8]) -> Option<Job> {
    let mut chars = name.chars();
    let queue = chars
        .next()
        .filter(|c| c.is_ascii_alphabetic() || *c == '=')?;
    let digits = chars.as_str();
    if digits.len() != 13 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let minutes = i64::from_str_radix(digits.get(5..)?, 16).ok()?;
    Some(Job {
        queue,
        due: minutes.checked_mul(60)?,
        uid: uid(bytes),
        command: command(bytes),
    })
}

/// `# atrun uid=1000 gid=1000`
fn uid(bytes: &[u8]) -> Option<u32> {
    text::lines(bytes).take(8).find_map(|line| {
        let rest = line.strip_prefix(b"# atrun uid=")?;
        text::number(text::word(rest).0)
    })
}

/// What follows the change of folder: `cd … || {`, an error message, `}`. Some versions then hand the commands to a
/// shell in a document whose end mark is random.
fn command(bytes: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = text::lines(bytes).collect();
    let after = lines
        .iter()
        .position(|l| l.starts_with(b"cd ") && l.ends_with(b"|| {"))
        .and_then(|cd| {
            let rest = lines.get(cd..)?;
            Some(cd + rest.iter().position(|l| *l == b"}")? + 1)
        });
    lines.drain(..after.unwrap_or(0));
    if let Some(first) = lines.first()
        && let Some((_, mark)) = split_document(first)
    {
        let mark = mark.to_vec();
        lines.remove(0);
        if let Some(end) = lines.iter().position(|l| *l == mark) {
            lines.truncate(end);
        }
    }
    text::join(lines, b"\n").trim_ascii().to_vec()
}

/// `${SHELL:-/bin/sh} << 'mark'`
fn split_document(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = line.windows(2).position(|w| w == b"<<")?;
    let (shell, mark) = line.split_at(at);
    let mark = mark.get(2..)?.trim_ascii();
    let mark = mark.strip_prefix(b"'")?.strip_suffix(b"'")?;
    (shell.starts_with(b"${SHELL") || shell.starts_with(b"/bin/")).then_some((shell, mark))
}
