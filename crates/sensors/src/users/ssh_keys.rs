//! Public keys that may log in over SSH: the `authorized_keys` format (sshd(8)) and where `sshd_config` looks for it.

use crate::text;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest, Sha256};

/// Padding may be missing in keys, and is missing in fingerprints.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Options before the key, as written.
    pub options: Vec<u8>,
    /// Type, such as `ssh-ed25519`.
    pub kind: Vec<u8>,
    /// `SHA256:` and the digest in base64, as `ssh-keygen -l` prints it; empty when the key cannot be decoded.
    pub fingerprint: String,
    /// What follows the key.
    pub comment: Vec<u8>,
    /// Number of its line.
    pub line: usize,
}

/// Keys of a file. A line of another form is left out, as `sshd` passes over it.
pub fn keys(bytes: &[u8]) -> impl Iterator<Item = Key> {
    text::lines(bytes)
        .enumerate()
        .filter_map(|(at, line)| key(line.trim_ascii(), at + 1))
}

fn key(line: &[u8], number: usize) -> Option<Key> {
    if line.is_empty() || line.starts_with(b"#") {
        return None;
    }
    let (first, _) = text::word(line);
    let (options, rest) = if is_type(first) {
        (&b""[..], line)
    } else {
        let end = options_end(line);
        let (options, rest) = line.split_at(end);
        (options, rest.trim_ascii_start())
    };
    let (kind, rest) = text::word(rest);
    if !is_type(kind) {
        return None;
    }
    let (blob, comment) = text::word(rest);
    Some(Key {
        options: options.to_vec(),
        kind: kind.to_vec(),
        fingerprint: fingerprint(blob, kind).unwrap_or_default(),
        comment: comment.to_vec(),
        line: number,
    })
}

fn is_type(word: &[u8]) -> bool {
    [
        &b"ssh-"[..],
        b"ecdsa-sha2-",
        b"sk-ssh-",
        b"sk-ecdsa-",
        b"webauthn-",
    ]
    .iter()
    .any(|start| word.starts_with(start))
}

/// Options end at the first blank outside quotes.
fn options_end(line: &[u8]) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    line.iter()
        .position(|byte| {
            if std::mem::take(&mut escaped) {
                return false;
            }
            match byte {
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b' ' | b'\t' => return !quoted,
                _ => {}
            }
            false
        })
        .unwrap_or(line.len())
}

/// The blob begins with its own type as a string of 32-bit length; without that it is no key.
fn fingerprint(blob: &[u8], kind: &[u8]) -> Option<String> {
    let key = BASE64.decode(blob).ok()?;
    let size = usize::try_from(u32::from_be_bytes(key.get(..4)?.try_into().ok()?)).ok()?;
    if key.get(4..4 + size)? != kind {
        return None;
    }
    Some(format!("SHA256:{}", BASE64.encode(Sha256::digest(&key))))
}

/// Values of `AuthorizedKeysFile` in an `sshd_config`, as written; `Match` blocks count too, because a key that works
/// for one user only is still a key.
pub fn key_file_settings(bytes: &[u8]) -> impl Iterator<Item = String> {
    settings(bytes, b"authorizedkeysfile")
}

/// Patterns of `Include` lines.
pub fn includes(bytes: &[u8]) -> impl Iterator<Item = String> {
    settings(bytes, b"include")
}

fn settings<'a>(bytes: &'a [u8], key: &'static [u8]) -> impl Iterator<Item = String> + 'a {
    text::lines(bytes)
        .filter_map(move |line| {
            let line = line.trim_ascii();
            // `Key value` and `Key=value` are both allowed.
            let end = line
                .iter()
                .position(|b| b.is_ascii_whitespace() || *b == b'=')?;
            let (name, rest) = line.split_at(end);
            name.eq_ignore_ascii_case(key)
                .then(|| String::from_utf8_lossy(rest).into_owned())
        })
        .flat_map(|rest| {
            rest.trim_start_matches(|c: char| c.is_whitespace() || c == '=')
                .split_whitespace()
                .map(|w| w.trim_matches('"').to_owned())
                .collect::<Vec<_>>()
        })
}

/// Puts a user's values for `%h`, `%u`, `%U` and `%%`; a relative path is below the home folder.
#[must_use]
pub fn expand(pattern: &str, user: &str, uid: u32, home: &str) -> String {
    let mut made = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            made.push(c);
            continue;
        }
        match chars.next() {
            Some('h') => made.push_str(home),
            Some('u') => made.push_str(user),
            Some('U') => made.push_str(&uid.to_string()),
            Some(other) => made.push(other),
            None => made.push('%'),
        }
    }
    if made.starts_with('/') {
        made
    } else {
        format!("{}/{made}", home.trim_end_matches('/'))
    }
}
