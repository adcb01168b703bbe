//! Sudoers policy (sudoers(5)): rules, aliases and defaults, with what included files add, in the order of reading.
//!
//! This is a reader for people who look for who may do what, not a judge: it splits statements into their parts,
//! keeps aliases as they are named and says from which file and line each comes. [`Reader`] follows includes with a
//! bound on their depth and number, so files that include each other end.

use crate::disk;
use crate::framework::{Notes, SensorError};
use crate::text;
use std::path::{Path, PathBuf};

/// Includes inside includes; sudo itself stops at 128.
const DEPTH_MAX: usize = 32;
/// Files read in all.
const FILES_MAX: usize = 1_000;

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Statement {
    /// What kind of statement.
    pub kind: Kind,
    /// Who: users, `%groups`, aliases; for an alias its name; for defaults what they are bound to.
    pub who: Vec<u8>,
    /// Hosts of a rule.
    pub hosts: Vec<u8>,
    /// As whom, the text between the brackets; empty means root.
    pub run_as: Vec<u8>,
    /// Tags such as `NOPASSWD`, separated by commas.
    pub tags: Vec<u8>,
    /// Commands of a rule, members of an alias, settings of defaults.
    pub what: Vec<u8>,
    /// File.
    pub path: PathBuf,
    /// Line on which the statement begins.
    pub line: usize,
}

/// Kinds of statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Kind {
    /// Lets somebody run something.
    #[default]
    Rule,
    /// Names a list of users.
    UserAlias,
    /// Names a list of users to run as.
    RunasAlias,
    /// Names a list of hosts.
    HostAlias,
    /// Names a list of commands.
    CommandAlias,
    /// Sets options.
    Defaults,
    /// Names a file or folder to read.
    Include,
    /// Not understood; kept as it is.
    Unknown,
}

impl Kind {
    /// As a cell shows it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::UserAlias => "user alias",
            Self::RunasAlias => "run-as alias",
            Self::HostAlias => "host alias",
            Self::CommandAlias => "command alias",
            Self::Defaults => "defaults",
            Self::Include => "include",
            Self::Unknown => "unknown",
        }
    }
}

/// Statements of one file; a rule with several host parts gives one statement for each.
#[must_use]
pub fn parse(bytes: &[u8], path: &Path) -> Vec<Statement> {
    logical_lines(bytes)
        .into_iter()
        .flat_map(|(line, text)| {
            let mut statements = statement(&text);
            for s in &mut statements {
                s.path = path.to_path_buf();
                s.line = line;
            }
            statements
        })
        .collect()
}

/// Lines with continuations joined and comments gone, with the number of the first physical line of each.
fn logical_lines(bytes: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let mut made = Vec::new();
    let mut open: Option<(usize, Vec<u8>)> = None;
    for (at, line) in text::lines(bytes).enumerate() {
        let (first, mut whole) = open.take().unwrap_or((at + 1, Vec::new()));
        if let Some(part) = line.strip_suffix(b"\\") {
            whole.extend_from_slice(part);
            open = Some((first, whole));
        } else {
            whole.extend_from_slice(line);
            made.push((first, whole));
        }
    }
    made.extend(open);
    made.into_iter()
        .map(|(at, line)| (at, without_comment(&line).trim_ascii().to_vec()))
        .filter(|(_, line)| !line.is_empty())
        .collect()
}

/// Cuts at `#`, unless it is quoted, begins an include or a numeric id (`#1000`).
fn without_comment(line: &[u8]) -> &[u8] {
    let start = line.trim_ascii_start();
    if start.starts_with(b"#include") {
        return line;
    }
    let mut quoted = false;
    let mut before = b' ';
    for (at, byte) in line.iter().enumerate() {
        match byte {
            b'"' if before != b'\\' => quoted = !quoted,
            b'#' if !quoted && before != b'\\' => {
                let is_id = line.get(at + 1).is_some_and(u8::is_ascii_digit)
                    && matches!(
                        before,
                        b' ' | b'\t' | b',' | b'%' | b'(' | b':' | b'=' | b'!'
                    );
                if !is_id {
                    return line.get(..at).unwrap_or_default();
                }
            }
            _ => {}
        }
        before = *byte;
    }
    line
}

fn statement(line: &[u8]) -> Vec<Statement> {
    let (first, rest) = text::word(line);
    let aliases = [
        (&b"User_Alias"[..], Kind::UserAlias),
        (b"Runas_Alias", Kind::RunasAlias),
        (b"Host_Alias", Kind::HostAlias),
        (b"Cmnd_Alias", Kind::CommandAlias),
        (b"Cmd_Alias", Kind::CommandAlias),
    ];
    if let Some((_, kind)) = aliases.iter().find(|(word, _)| *word == first) {
        return split(rest, b':')
            .into_iter()
            .map(|part| {
                let (name, members) = text::split_once(part, b'=').unwrap_or((part, b""));
                Statement {
                    kind: *kind,
                    who: name.trim_ascii().to_vec(),
                    what: tidy(members),
                    ..Statement::default()
                }
            })
            .collect();
    }
    if matches!(
        first,
        b"@include" | b"#include" | b"@includedir" | b"#includedir"
    ) {
        return vec![Statement {
            kind: Kind::Include,
            who: first.get(1..).unwrap_or_default().to_vec(),
            what: unquote(rest),
            ..Statement::default()
        }];
    }
    if let Some(bound) = first.strip_prefix(b"Defaults")
        && (bound.is_empty() || matches!(bound.first(), Some(b'@' | b':' | b'>' | b'!')))
    {
        return vec![Statement {
            kind: Kind::Defaults,
            who: bound.to_vec(),
            what: tidy(rest),
            ..Statement::default()
        }];
    }
    rules(line).unwrap_or_else(|| {
        vec![Statement {
            kind: Kind::Unknown,
            what: line.to_vec(),
            ..Statement::default()
        }]
    })
}

/// `users hosts = (run as) TAG: commands : hosts = …`
fn rules(line: &[u8]) -> Option<Vec<Statement>> {
    let (who, rest) = user_list(line);
    if who.is_empty() || rest.is_empty() {
        return None;
    }
    let mut made = Vec::new();
    for part in host_parts(rest) {
        let (hosts, spec) = text::split_once(part, b'=')?;
        let mut spec = spec.trim_ascii();
        let mut run_as = Vec::new();
        if let Some(inner) = spec.strip_prefix(b"(") {
            let (inside, after) = text::split_once(inner, b')')?;
            run_as = tidy(inside);
            spec = after.trim_ascii();
        }
        let mut tags: Vec<&[u8]> = Vec::new();
        // `NOPASSWD: SETENV: /bin/ls`: upper-case words that end with a colon.
        while let Some((tag, after)) = text::split_once(spec, b':') {
            let tag = tag.trim_ascii();
            if tag.is_empty() || !tag.iter().all(|b| b.is_ascii_uppercase() || *b == b'_') {
                break;
            }
            tags.push(tag);
            spec = after.trim_ascii();
        }
        made.push(Statement {
            kind: Kind::Rule,
            who: who.clone(),
            hosts: tidy(hosts),
            run_as,
            tags: text::join(&tags, b","),
            what: tidy(spec),
            ..Statement::default()
        });
    }
    Some(made)
}

/// A comma list of users ends at the first white space that no comma stands beside.
fn user_list(line: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut quoted = false;
    let mut at = 0;
    while let Some(byte) = line.get(at) {
        match byte {
            b'"' => quoted = !quoted,
            b'\\' => at += 1,
            b' ' | b'\t' if !quoted => {
                let rest = line.get(at..).unwrap_or_default().trim_ascii_start();
                let before = line.get(..at).unwrap_or_default().trim_ascii_end();
                if !rest.starts_with(b",") && !before.ends_with(b",") && !before.ends_with(b"!") {
                    return (tidy(before), rest);
                }
            }
            _ => {}
        }
        at += 1;
    }
    (tidy(line), b"")
}

/// Splits `host = commands : host = commands` at the colons that stand between parts: those followed by a host list
/// and an equals sign, outside brackets and quotes, and not the colon of a tag.
fn host_parts(rest: &[u8]) -> Vec<&[u8]> {
    let pieces = split(rest, b':');
    let mut parts: Vec<&[u8]> = Vec::new();
    let mut start = 0;
    let mut end = 0;
    for (n, piece) in pieces.iter().enumerate() {
        let piece_start = if n == 0 { 0 } else { end + 1 };
        if n > 0 && starts_host_part(piece) {
            parts.push(rest.get(start..end).unwrap_or_default());
            start = piece_start;
        }
        end = piece_start + piece.len();
    }
    parts.push(rest.get(start..).unwrap_or_default());
    parts
}

/// A host list: words without a slash before an equals sign.
fn starts_host_part(piece: &[u8]) -> bool {
    text::split_once(piece, b'=').is_some_and(|(hosts, _)| {
        let hosts = hosts.trim_ascii();
        !hosts.is_empty()
            && !hosts.contains(&b'(')
            && hosts
                .split(|b| *b == b',')
                .all(|h| text::word(h).1.is_empty() && !h.trim_ascii().starts_with(b"/"))
    })
}

/// Splits at a byte outside brackets and quotes and not after a backslash.
fn split(text: &[u8], at: u8) -> Vec<&[u8]> {
    let (mut depth, mut quoted, mut escaped) = (0_i32, false, false);
    text.split(|byte| {
        let literal = std::mem::take(&mut escaped);
        match byte {
            b'\\' if !literal => escaped = true,
            b'"' if !literal => quoted = !quoted,
            b'(' if !quoted => depth += 1,
            b')' if !quoted => depth -= 1,
            _ => return *byte == at && !quoted && depth <= 0 && !literal,
        }
        false
    })
    .collect()
}

/// One blank where there was any white space, none before commas.
fn tidy(text: &[u8]) -> Vec<u8> {
    let mut tidy: Vec<u8> = Vec::with_capacity(text.len());
    for byte in text.trim_ascii() {
        let byte = if byte.is_ascii_whitespace() {
            b' '
        } else {
            *byte
        };
        if byte == b' ' && tidy.last() == Some(&b' ') {
            continue;
        }
        if byte == b',' && tidy.last() == Some(&b' ') {
            tidy.pop();
        }
        tidy.push(byte);
    }
    tidy
}

fn unquote(text: &[u8]) -> Vec<u8> {
    let text = text.trim_ascii();
    if let Some(inner) = text.strip_prefix(b"\"").and_then(|t| t.strip_suffix(b"\"")) {
        return inner.to_vec();
    }
    let mut made = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        if *byte == b'\\' {
            made.extend(bytes.next());
        } else {
            made.push(*byte);
        }
    }
    made
}

/// Reads a policy with its includes.
pub struct Reader<'a> {
    root: &'a Path,
    host: String,
    files: usize,
    /// Every statement, in the order of reading.
    pub statements: Vec<Statement>,
    notes: &'a Notes,
}

impl<'a> Reader<'a> {
    /// A reader below this root; `host` stands for `%h` in the names of included files. Those that cannot be read are noted.
    #[must_use]
    pub fn new(root: &'a Path, host: &str, notes: &'a Notes) -> Self {
        Self {
            root,
            host: host.into(),
            files: 0,
            statements: Vec::new(),
            notes,
        }
    }

    /// Reads a file (path as the system sees it) and what it includes.
    ///
    /// # Errors
    /// [`SensorError::Form`] when includes are too deep or too many.
    pub fn read(&mut self, path: &Path) -> Result<(), SensorError> {
        self.read_at(path, 0)
    }

    fn read_at(&mut self, path: &Path, depth: usize) -> Result<(), SensorError> {
        self.files += 1;
        if depth > DEPTH_MAX || self.files > FILES_MAX {
            return Err(SensorError::Form {
                what: path.display().to_string(),
                problem: format!(
                    "files include each other more than {DEPTH_MAX} deep or {FILES_MAX} in all"
                ),
            });
        }
        let full = disk::below(self.root, path);
        let Some(bytes) = disk::read_if_there(&full, disk::CONFIG_MAX, self.notes) else {
            return Ok(());
        };
        for statement in parse(&bytes, path) {
            let target = (statement.kind == Kind::Include).then(|| {
                let named = String::from_utf8_lossy(&statement.what).replace("%h", &self.host);
                let folder = path.parent().unwrap_or(Path::new("/"));
                (folder.join(named), statement.who == b"includedir")
            });
            self.statements.push(statement);
            match target {
                Some((folder, true)) => {
                    for found in disk::list(&disk::below(self.root, &folder), self.notes) {
                        let name = disk::name(&found);
                        // Names that packagers and editors leave behind are not read, as in sudo.
                        if !name.is_empty() && !name.contains('.') && !name.ends_with('~') {
                            self.read_at(&folder.join(name), depth + 1)?;
                        }
                    }
                }
                Some((file, false)) => self.read_at(&file, depth + 1)?,
                None => {}
            }
        }
        Ok(())
    }
}
