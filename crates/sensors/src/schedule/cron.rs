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
    /// Line in the table.
    pub line: usize,
}

/// Entries of a table; `with_user` for the system's tables, which have a user field. Settings of variables, comments
/// and lines that lack fields are left out, as cron leaves them out.
pub fn parse(bytes: &[u8], with_user: bool) -> impl Iterator<Item = Entry> {
    text::lines(bytes)
        .enumerate()
        .filter_map(move |(at, line)| {
            let line = line.trim_ascii();
            // Only the first character can tell an entry: variables begin with a letter, quote or underscore.
            let first = line.first()?;
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
    text::lines(bytes).enumerate().filter_map(|(at, line)| {
        let line = line.trim_ascii();
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
            line: at + 1,
        })
    })
}
