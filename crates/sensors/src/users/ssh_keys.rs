//! Public keys that may log in over SSH: the `authorized_keys` format (sshd(8)) and where the server looks for it.

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

/// The blob begins with its own type as a string of 32-bit length; without that it is no key. Of a certificate the key in
/// it is what counts: signed again, it is another certificate of the same key.
fn fingerprint(blob: &[u8], kind: &[u8]) -> Option<String> {
    let blob = BASE64.decode(blob).ok()?;
    let (own, rest) = string(&blob)?;
    if own != kind {
        return None;
    }
    match plain(kind) {
        Some((plain, fields)) => {
            let (_nonce, rest) = string(rest)?;
            let mut end = rest;
            for _ in 0..fields {
                end = string(end)?.1;
            }
            let key = rest.get(..rest.len() - end.len())?;
            let length = u32::try_from(plain.len()).ok()?.to_be_bytes();
            Some(digest(&[&length[..], plain, key].concat()))
        }
        None => Some(digest(&blob)),
    }
}

/// `SHA256:` and the digest of a key as it is sent.
#[must_use]
pub fn digest(key: &[u8]) -> String {
    format!("SHA256:{}", BASE64.encode(Sha256::digest(key)))
}

/// A string of 32-bit length, and what follows it.
#[must_use]
pub fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(4)?;
    let length = usize::try_from(u32::from_be_bytes(length.try_into().ok()?)).ok()?;
    rest.split_at_checked(length)
}

/// The type of the key in a certificate, and how many strings the key is.
fn plain(kind: &[u8]) -> Option<(&[u8], usize)> {
    const CERTIFICATE: &[u8] = b"-cert-v01@openssh.com";
    let bare = kind.strip_suffix(CERTIFICATE)?;
    Some(match bare {
        b"sk-ssh-ed25519" => (b"sk-ssh-ed25519@openssh.com", 2),
        b"sk-ecdsa-sha2-nistp256" => (b"sk-ecdsa-sha2-nistp256@openssh.com", 3),
        b"ssh-ed25519" => (bare, 1),
        b"ssh-rsa" | b"rsa-sha2-256" | b"rsa-sha2-512" => (b"ssh-rsa", 2),
        b"ssh-dss" => (bare, 4),
        _ if bare.starts_with(b"ecdsa-sha2-") => (bare, 2),
        _ => return None,
    })
}

/// Lines of a file of known hosts; the names of the hosts, with the mark before them, are its options.
pub fn known_hosts(bytes: &[u8]) -> impl Iterator<Item = Key> {
    text::lines(bytes).enumerate().filter_map(|(at, line)| {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            return None;
        }
        let (mark, rest) = if line.starts_with(b"@") {
            text::word(line)
        } else {
            (&b""[..], line)
        };
        let (hosts, rest) = text::word(rest);
        let (kind, rest) = text::word(rest);
        if !is_type(kind) {
            return None;
        }
        let (blob, comment) = text::word(rest);
        let parts = [mark, hosts].into_iter().filter(|part| !part.is_empty());
        Some(Key {
            options: text::join(parts, b" "),
            kind: kind.to_vec(),
            fingerprint: fingerprint(blob, kind).unwrap_or_default(),
            comment: comment.to_vec(),
            line: at + 1,
        })
    })
}

/// A private key, as far as it tells without its passphrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateKey {
    /// Type; of older forms what their first line says.
    pub kind: Vec<u8>,
    /// Fingerprint of its public key, where the form has that.
    pub fingerprint: String,
    /// Whether a passphrase is needed.
    pub protected: bool,
}

impl PrivateKey {
    /// Reads the forms of OpenSSH, PEM, PKCS#8 and PuTTY; `None` when it is none of them.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut lines = text::lines(bytes).map(<[u8]>::trim_ascii);
        let first = lines.find(|line| !line.is_empty())?;
        if let Some(rest) = first.strip_prefix(b"PuTTY-User-Key-File-") {
            let cipher = lines.find_map(|line| line.strip_prefix(b"Encryption:"));
            let (_, kind) = text::split_once(rest, b':')?;
            return Some(Self {
                kind: kind.trim_ascii().to_vec(),
                fingerprint: String::new(),
                protected: cipher.is_none_or(|cipher| cipher.trim_ascii() != b"none"),
            });
        }
        let name = first.strip_prefix(b"-----BEGIN ")?.strip_suffix(b"-----")?;
        let name = name.strip_suffix(b"PRIVATE KEY")?.trim_ascii_end();
        let body: Vec<&[u8]> = lines
            .take_while(|line| !line.starts_with(b"-----END"))
            .collect();
        if name == b"OPENSSH" {
            return Self::of_openssh(&body.concat());
        }
        let encrypted =
            |line: &&[u8]| line.starts_with(b"Proc-Type:") && line.ends_with(b"ENCRYPTED");
        Some(Self {
            kind: name.to_vec(),
            fingerprint: String::new(),
            protected: name == b"ENCRYPTED" || body.iter().any(encrypted),
        })
    }

    /// A magic word, cipher, derivation and its options, the number of keys, the public key.
    fn of_openssh(body: &[u8]) -> Option<Self> {
        let bytes = BASE64.decode(body).ok()?;
        let rest = bytes.strip_prefix(b"openssh-key-v1\0")?;
        let (cipher, rest) = string(rest)?;
        let (_derivation, rest) = string(rest)?;
        let (_options, rest) = string(rest)?;
        let (public, _) = string(rest.get(4..)?)?;
        let (kind, _) = string(public)?;
        Some(Self {
            kind: kind.to_vec(),
            fingerprint: digest(public),
            protected: cipher != b"none",
        })
    }
}

/// Puts a user's values for `%h`, `%u`, `%U` and `%%`; a relative path is below the home folder.
#[must_use]
pub fn expand(pattern: &[u8], user: &[u8], uid: Option<u32>, home: &[u8]) -> Vec<u8> {
    let mut made = Vec::new();
    let mut bytes = pattern.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            made.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'h') => made.extend_from_slice(home),
            Some(b'u') => made.extend_from_slice(user),
            Some(b'U') => {
                made.extend(uid.map(|uid| uid.to_string()).unwrap_or_default().bytes());
            }
            Some(other) => made.push(other),
            None => made.push(b'%'),
        }
    }
    if made.starts_with(b"/") {
        return made;
    }
    let end = home.iter().rposition(|b| *b != b'/').map_or(0, |at| at + 1);
    [home.get(..end).unwrap_or_default(), b"/", &made].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_keys() {
        let place = |pattern: &[u8]| expand(pattern, b"u\xff", Some(7), b"/h\xfe/");
        assert_eq!(place(b"/k/%u-%U%%"), b"/k/u\xff-7%");
        assert_eq!(place(b".ssh/k"), b"/h\xfe/.ssh/k");
        assert_eq!(expand(b"k", b"u", None, b""), b"/k");
    }
}
