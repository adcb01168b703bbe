//! Tables of cron (crontab(5)) and anacron (anacrontab(5)).

use crate::text;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The five time fields with one blank between, `@daily` and the like, or the period of anacron.
    pub schedule: Vec<u8>,
    /// User the command runs as, where the table has that field.
    pub user: Option<Vec<u8>>,
    /// The command with what follows it.
    pub command: Vec<u8>,
    /// What the table sets before the entry: `SHELL=/bin/sh; PATH=/bin`.
    pub environment: Vec<u8>,
    /// Line in the table.
    pub line: usize,
}

/// Variables that a table has set so far. A later setting of the same one wins.
#[derive(Default)]
struct Environment(Vec<(Vec<u8>, Vec<u8>)>);

impl Environment {
    /// Takes a line in, when it is a setting: `NAME = VALUE`, each with or without quotes.
    fn take(&mut self, line: &[u8]) -> bool {
        let Some((name, value)) = setting(line) else {
            return false;
        };
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name, value)),
        }
        true
    }

    fn text(&self) -> Vec<u8> {
        let each = |(name, value): &(Vec<u8>, Vec<u8>)| [name, &b"="[..], value].concat();
        text::join(self.0.iter().map(each), b"; ")
    }
}

fn setting(line: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (name, rest) = match line.first()? {
        quote @ (b'"' | b'\'') => text::split_once(line.get(1..)?, *quote)?,
        _ => {
            let end = line
                .iter()
                .position(|b| *b == b'=' || b.is_ascii_whitespace())?;
            line.split_at(end)
        }
    };
    let value = rest.trim_ascii_start().strip_prefix(b"=")?.trim_ascii();
    let value = match value.first() {
        Some(quote @ (b'"' | b'\'')) => value
            .strip_prefix(&[*quote])
            .and_then(|v| v.strip_suffix(&[*quote]))
            .unwrap_or(value),
        _ => value,
    };
    (!name.is_empty()).then(|| (name.to_vec(), value.to_vec()))
}

/// Entries of a table; `with_user` for the system's tables, which have a user field. Comments and lines that lack fields
/// are left out, as cron leaves them out.
pub fn parse(bytes: &[u8], with_user: bool) -> impl Iterator<Item = Entry> {
    let mut environment = Environment::default();
    text::lines(bytes)
        .enumerate()
        .filter_map(move |(at, line)| {
            let line = line.trim_ascii();
            let first = line.first()?;
            if *first == b'#' || environment.take(line) {
                return None;
            }
            let (schedule, rest) = match first {
                b'@' => {
                    let (word, rest) = text::word(line);
                    (word.to_vec(), rest)
                }
                b'0'..=b'9' | b'*' | b'-' | b'~' => five(line)?,
                _ => return None,
            };
            let (user, command) = if with_user {
                let (user, command) = text::word(rest);
                (Some(user.to_vec()), command)
            } else {
                (None, rest)
            };
            (!command.is_empty()).then(|| Entry {
                schedule,
                user,
                command: command.to_vec(),
                environment: environment.text(),
                line: at + 1,
            })
        })
}

fn five(line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut rest = line;
    let mut fields = Vec::with_capacity(5);
    for _ in 0..5 {
        let (field, after) = text::word(rest);
        // A minus before the minutes (as one distribution has it) suppresses logging.
        let allowed = |b: &u8| b.is_ascii_alphanumeric() || b"*,/-~?#".contains(b);
        if field.is_empty() || !field.iter().all(allowed) {
            return None;
        }
        fields.push(field);
        rest = after;
    }
    Some((text::join(fields, b" "), rest))
}

/// Jobs of an anacron table: period, delay, identifier, command.
pub fn parse_anacron(bytes: &[u8]) -> impl Iterator<Item = Entry> {
    let mut environment = Environment::default();
    text::lines(bytes)
        .enumerate()
        .filter_map(move |(at, line)| {
            let line = line.trim_ascii();
            if *line.first()? == b'#' || environment.take(line) {
                return None;
            }
            if !matches!(line.first()?, b'0'..=b'9' | b'@') {
                return None;
            }
            let (period, rest) = text::word(line);
            let (delay, rest) = text::word(rest);
            let (_identifier, command) = text::word(rest);
            let days = if period.starts_with(b"@") {
                &b""[..]
            } else {
                b" days"
            };
            (!command.is_empty() && text::number::<u32>(delay).is_some()).then(|| Entry {
                schedule: [b"every ", period, days].concat(),
                user: None,
                command: command.to_vec(),
                environment: environment.text(),
                line: at + 1,
            })
        })
}
