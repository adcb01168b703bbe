//! Sudoers policy (sudoers(5)): rules, aliases and defaults, with what included files add, in the order of reading.
//!
//! [`lex`] cuts words, [`grammar`] puts them together, as sudo does; here are the statements that people read, with the
//! file and line each comes from, and [`Reader`], which follows includes with a bound on their depth and number, so that
//! files that include each other end. What the policy comes to for an account is told by [`judge`].

pub mod grammar;
pub mod judge;
pub mod lex;

use super::includes::{Files, path_of};
use crate::disk;
use crate::framework::{Notes, SensorError};
use crate::text;
use grammar::{Element, Rule, RunAs, Spec};
use lex::{Content, Line, Token};
use std::path::{Path, PathBuf};

/// Includes inside includes; sudo itself stops at 128.
const DEPTH_MAX: usize = 32;

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
    /// Tags such as `NOPASSWD` and settings such as `CWD=/`, those carried on from a command before too.
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
    /// Not understood, and by sudo neither; kept as it is.
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

/// A line of a file, understood.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A rule.
    Rule(Rule),
    /// Aliases of one kind.
    Aliases(Kind, Vec<(Vec<u8>, Vec<Element>)>),
    /// What defaults are bound to (`@host`, `:user`, …), and the settings.
    Defaults(Vec<u8>, Vec<u8>),
    /// A file or folder (when true) to read.
    Include(bool, Vec<u8>),
    /// Not understood.
    Unknown,
}

/// An entry and where it stands.
#[derive(Clone, Debug)]
pub struct Placed {
    /// What it says.
    pub entry: Entry,
    /// Its text.
    pub text: Vec<u8>,
    /// File.
    pub path: PathBuf,
    /// Line on which it begins.
    pub line: usize,
}

/// Entries of one file.
#[must_use]
pub fn parse(bytes: &[u8], path: &Path) -> Vec<Placed> {
    let lines = lex::lines(bytes).into_iter();
    lines
        .map(|line| Placed {
            entry: entry(&line),
            text: line.text,
            path: path.to_owned(),
            line: line.number,
        })
        .collect()
}

fn entry(line: &Line) -> Entry {
    match &line.content {
        Content::Odd => Entry::Unknown,
        Content::Include { folder, path } => Entry::Include(*folder, path.clone()),
        Content::Defaults => {
            let rest = line.text.strip_prefix(b"Defaults").unwrap_or_default();
            let (bound, settings) = bound(rest);
            Entry::Defaults(bound.to_vec(), tidy(settings))
        }
        Content::Tokens(tokens) => match tokens.split_first() {
            Some((Token::Word(word), rest)) if alias_kind(word).is_some() => {
                let kind = alias_kind(word).unwrap_or_default();
                let made = grammar::aliases(rest, kind == Kind::CommandAlias);
                made.map_or(Entry::Unknown, |list| Entry::Aliases(kind, list))
            }
            _ => grammar::rule(tokens).map_or(Entry::Unknown, Entry::Rule),
        },
    }
}

fn alias_kind(word: &[u8]) -> Option<Kind> {
    match word {
        b"User_Alias" => Some(Kind::UserAlias),
        b"Runas_Alias" => Some(Kind::RunasAlias),
        b"Host_Alias" => Some(Kind::HostAlias),
        b"Cmnd_Alias" | b"Cmd_Alias" => Some(Kind::CommandAlias),
        _ => None,
    }
}

/// What defaults are bound to is a list: it ends at the first white space that no comma stands beside.
fn bound(rest: &[u8]) -> (&[u8], &[u8]) {
    if !matches!(rest.first(), Some(b'@' | b':' | b'>' | b'!')) {
        return (b"", rest);
    }
    let mut quoted = false;
    let mut before = b',';
    let end = rest.iter().enumerate().skip(1).position(|(at, byte)| {
        let ends = byte.is_ascii_whitespace()
            && !quoted
            && !matches!(before, b',' | b'!' | b'\\')
            && !rest
                .get(at..)
                .unwrap_or_default()
                .trim_ascii_start()
                .starts_with(b",");
        if *byte == b'"' {
            quoted = !quoted;
        }
        if !byte.is_ascii_whitespace() {
            before = *byte;
        }
        ends
    });
    rest.split_at(end.map_or(rest.len(), |at| at + 1))
}

impl Placed {
    /// The statements that people read: a rule is one for each group of commands that share hosts, run-as list and tags.
    #[must_use]
    pub fn statements(&self) -> Vec<Statement> {
        let one = |kind, who: &[u8], what: Vec<u8>| Statement {
            kind,
            who: who.to_vec(),
            what,
            path: self.path.clone(),
            line: self.line,
            ..Statement::default()
        };
        match &self.entry {
            Entry::Unknown => vec![one(Kind::Unknown, b"", self.text.clone())],
            Entry::Defaults(bound, settings) => {
                vec![one(Kind::Defaults, bound, settings.clone())]
            }
            Entry::Include(folder, path) => {
                let word: &[u8] = if *folder { b"includedir" } else { b"include" };
                vec![one(Kind::Include, word, path.clone())]
            }
            Entry::Aliases(kind, list) => list
                .iter()
                .map(|(name, members)| one(*kind, name, listed(members)))
                .collect(),
            Entry::Rule(rule) => {
                let who = listed(&rule.users);
                let parts = rule.privileges.iter().flat_map(|privilege| {
                    let alike = |a: &Spec, b: &Spec| a.run_as == b.run_as && a.tags == b.tags;
                    let groups = privilege.specs.chunk_by(alike);
                    groups.map(|specs| (listed(&privilege.hosts), specs))
                });
                parts
                    .map(|(hosts, specs)| {
                        let first = specs.first();
                        Statement {
                            hosts,
                            run_as: first
                                .and_then(|s| s.run_as.as_ref())
                                .map_or_else(Vec::new, run_as_text),
                            tags: first.map_or_else(Vec::new, |s| text::join(&s.tags, b",")),
                            ..one(
                                Kind::Rule,
                                &who,
                                text::join(specs.iter().map(|s| s.command.text()), b", "),
                            )
                        }
                    })
                    .collect()
            }
        }
    }
}

fn listed(elements: &[Element]) -> Vec<u8> {
    text::join(elements.iter().map(Element::text), b", ")
}

/// The text between the brackets; empty brackets are shown, for they mean the caller and not the superuser.
fn run_as_text(run_as: &RunAs) -> Vec<u8> {
    let users = listed(&run_as.users);
    if run_as.groups.is_empty() {
        return if users.is_empty() {
            b"()".to_vec()
        } else {
            users
        };
    }
    [&users[..], b":", &listed(&run_as.groups)].concat()
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

/// Reads a policy with its includes.
pub struct Reader<'a> {
    files: Files<'a>,
    host: Vec<u8>,
    /// Every entry, in the order of reading.
    pub entries: Vec<Placed>,
}

impl<'a> Reader<'a> {
    /// A reader below this root; `host` stands for `%h` in the names of included files. Those that cannot be read are noted.
    #[must_use]
    pub fn new(root: &'a Path, host: &[u8], notes: &'a Notes) -> Self {
        Self {
            files: Files::new(root, DEPTH_MAX, notes),
            host: host.into(),
            entries: Vec::new(),
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
        let Some(bytes) = self.files.read(path, depth)? else {
            return Ok(());
        };
        for placed in parse(&bytes, path) {
            let target = match &placed.entry {
                Entry::Include(folder, named) => {
                    let beside = path.parent().unwrap_or(Path::new("/"));
                    Some((*folder, beside.join(named_path(named, &self.host))))
                }
                _ => None,
            };
            self.entries.push(placed);
            match target {
                Some((true, folder)) => self.read_folder(&folder, depth)?,
                Some((false, file)) => self.read_at(&file, depth + 1)?,
                None => {}
            }
        }
        Ok(())
    }

    fn read_folder(&mut self, folder: &Path, depth: usize) -> Result<(), SensorError> {
        for found in disk::list(&disk::below(self.files.root, folder), self.files.notes) {
            let name = found.file_name().unwrap_or_default();
            let bytes = name.as_encoded_bytes();
            // Names that packagers and editors leave behind are not read, as in sudo.
            if !bytes.contains(&b'.') && !bytes.ends_with(b"~") {
                self.read_at(&folder.join(name), depth + 1)?;
            }
        }
        Ok(())
    }
}

/// A path with the host's name for `%h`.
fn named_path(named: &[u8], host: &[u8]) -> PathBuf {
    let mut made = Vec::with_capacity(named.len());
    let mut rest = named;
    while let Some((first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(b"%h") {
            made.extend_from_slice(host);
            rest = after;
        } else {
            made.push(*first);
            rest = after;
        }
    }
    path_of(made)
}
