//! The settings of the SSH server in the order in which it reads them, with the files that it includes (sshd_config(5)).
//!
//! The first value of a setting is the one that counts, so the order is part of the answer. A file is read as often as it is included, as
//! the server does: it may stand under several conditions. All paths are below a given root.

use super::glob;
use super::includes::{FILES_MAX, Files, path_of};
use crate::disk;
use crate::framework::{Notes, SensorError, Sink};
use crate::text;
use std::path::{Component, Path, PathBuf};

const MAIN: &str = "/etc/ssh/sshd_config";
/// Relative names of included files are below this folder.
const FOLDER: &str = "/etc/ssh";
/// The server itself goes no deeper.
const DEPTH_MAX: usize = 16;

/// One setting.
pub(super) struct Setting<'a> {
    /// In lower case.
    pub name: Vec<u8>,
    /// As written, without the blanks around it.
    pub value: &'a [u8],
    /// Condition of the `Match` block it stands in; empty when it holds for all.
    condition: &'a [u8],
    path: &'a Path,
}

/// Rows of SSH Server Settings: all, or those of one name.
///
/// # Errors
/// When a limit is reached, or files include each other without end.
pub fn ssh_server_settings(root: &Path, wanted: &str, sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    each(root, &notes, &mut |setting| {
        if !wanted.is_empty() && !setting.name.eq_ignore_ascii_case(wanted.as_bytes()) {
            return Ok(());
        }
        sink.push([
            &setting.name[..],
            setting.value,
            setting.condition,
            &disk::cell(setting.path),
        ])?;
        Ok(())
    })
}

/// The words of every value of a setting, wherever it stands: a key that works for one user only is still a key.
///
/// # Errors
/// When a limit is reached.
pub(super) fn words_of(
    root: &Path,
    name: &[u8],
    notes: &Notes,
) -> Result<Vec<Vec<u8>>, SensorError> {
    let mut found = Vec::new();
    let all = each(root, notes, &mut |setting| {
        if setting.name == name {
            found.extend(words(setting.value));
        }
        Ok(())
    });
    // What was found before a failure counts.
    notes.note(all)?;
    Ok(found)
}

type Told<'t> = &'t mut dyn FnMut(&Setting) -> Result<(), SensorError>;

/// Tells each setting.
fn each(root: &Path, notes: &Notes, told: Told) -> Result<(), SensorError> {
    let files = Files::new(root, DEPTH_MAX, notes);
    Reader(files).read(Path::new(MAIN), Vec::new(), 0, told)
}

struct Reader<'r>(Files<'r>);

impl Reader<'_> {
    /// A `Match` in an included file ends with it.
    fn read(
        &mut self,
        path: &Path,
        mut condition: Vec<u8>,
        depth: usize,
        told: Told,
    ) -> Result<(), SensorError> {
        let Some(bytes) = self.0.read(path, depth)? else {
            return Ok(());
        };
        for (name, value) in text::lines(&bytes).filter_map(cut) {
            match &name[..] {
                b"include" => {
                    for pattern in words(value) {
                        for found in self.fitting(&Path::new(FOLDER).join(path_of(pattern))) {
                            self.read(&found, condition.clone(), depth + 1, told)?;
                        }
                    }
                }
                b"match" if value.eq_ignore_ascii_case(b"all") => condition.clear(),
                b"match" => condition = value.to_vec(),
                _ => told(&Setting {
                    name,
                    value,
                    condition: &condition,
                    path,
                })?,
            }
        }
        Ok(())
    }

    /// The files that a pattern means, in the order of their names. A name with a dot at its front has to be asked for with one, as in
    /// glob(7).
    fn fitting(&self, pattern: &Path) -> Vec<PathBuf> {
        let mut found = vec![PathBuf::from("/")];
        for part in pattern.components() {
            let part = match part {
                Component::Normal(part) => part,
                Component::ParentDir => "..".as_ref(),
                Component::Prefix(_) | Component::RootDir | Component::CurDir => continue,
            };
            let wanted = part.as_encoded_bytes();
            if !wanted.iter().any(|b| b"*?[".contains(b)) {
                found.iter_mut().for_each(|path| path.push(part));
                continue;
            }
            let fits = |name: &[u8]| {
                (wanted.starts_with(b".") || !name.starts_with(b".")) && glob::exactly(wanted, name)
            };
            let mut next = Vec::new();
            for folder in found {
                for entry in disk::list(&disk::below(self.0.root, &folder), self.0.notes) {
                    let name = entry.file_name().unwrap_or_default();
                    if fits(name.as_encoded_bytes()) {
                        next.push(folder.join(name));
                    }
                    if next.len() > FILES_MAX {
                        break;
                    }
                }
            }
            next.sort();
            found = next;
        }
        found
    }
}

/// Name and value of a line: `Name value`, `Name=value` and `"Name" value` are all allowed.
fn cut(line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(b"#") {
        return None;
    }
    let between = |b: &u8| b.is_ascii_whitespace() || *b == b'=';
    let end = line.iter().position(between).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let value = rest.iter().position(|b| !between(b));
    let value = value.and_then(|at| rest.get(at..)).unwrap_or_default();
    let bare = name
        .strip_prefix(b"\"")
        .and_then(|n| n.strip_suffix(b"\""))
        .unwrap_or(name);
    Some((bare.to_ascii_lowercase(), value))
}

/// Words as the server cuts them: quotes of both kinds, backslashes before quotes, backslashes and blanks, and a comment
/// at the end.
fn words(line: &[u8]) -> Vec<Vec<u8>> {
    let mut made = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut bytes = line.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let blank = matches!(byte, b' ' | b'\t');
        if word.is_none() && byte == b'#' {
            break;
        }
        if blank && quote.is_none() {
            made.extend(word.take());
            continue;
        }
        let open = word.get_or_insert_default();
        match byte {
            b'\\' => {
                let escaped = bytes.next_if(|next| {
                    matches!(next, b'\'' | b'"' | b'\\') || (quote.is_none() && *next == b' ')
                });
                open.push(escaped.unwrap_or(b'\\'));
            }
            b'"' | b'\'' if quote.is_none() => quote = Some(byte),
            _ if quote == Some(byte) => quote = None,
            _ => open.push(byte),
        }
    }
    made.extend(word);
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_configuration() {
        for (line, cut) in [
            (
                &br#"a "b c" 'd "e' f#g #h"#[..],
                &["a", "b c", "d \"e", "f#g"][..],
            ),
            (br#"a\ b "c\"d" e\f"#, &["a b", "c\"d", "e\\f"]),
            (br#""open end"#, &["open end"]),
            (br#""" x"#, &["", "x"]),
        ] {
            let cut: Vec<Vec<u8>> = cut.iter().map(|w| w.as_bytes().to_vec()).collect();
            assert_eq!(words(line), cut, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn names_and_values() {
        for (line, name, value) in [
            (&b"Port 22"[..], &b"port"[..], &b"22"[..]),
            (b" \"Port\" = 22 ", b"port", b"22"),
            (b"port=22", b"port", b"22"),
            (b"Banner", b"banner", b""),
            (
                b"AuthorizedKeysFile = \"/a b/%u\" c",
                b"authorizedkeysfile",
                b"\"/a b/%u\" c",
            ),
        ] {
            assert_eq!(cut(line), Some((name.to_vec(), value)));
        }
        assert_eq!(cut(b"  # Port 22"), None);
        assert_eq!(cut(b"  "), None);
    }
}
