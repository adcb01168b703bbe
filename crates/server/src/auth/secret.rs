//! Random secrets: session cookies, API tokens, one-time passwords. 256 bits from the system, kept as SHA-256 only.
//!
//! A secret of 256 random bits needs no slow hash: nobody can try them all. Looking one up by its digest leaks
//! nothing useful through timing, because an attacker cannot choose digests byte by byte.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// How every API token begins, so that scanners for leaked secrets find them.
pub const TOKEN_PREFIX: &str = "cordon_";

/// The system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the system gave no random bytes")]
pub struct NoRandomness(#[source] getrandom::Error);

/// 32 random bytes as text.
pub fn random() -> Result<Zeroizing<String>, NoRandomness> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(NoRandomness)?;
    Ok(Zeroizing::new(BASE64.encode(bytes.as_slice())))
}

/// A new API token's text.
pub fn token() -> Result<Zeroizing<String>, NoRandomness> {
    Ok(Zeroizing::new(format!("{TOKEN_PREFIX}{}", *random()?)))
}

/// A password to be typed once: 20 letters and digits in groups, without those that look alike; 98 bits and more.
pub fn password() -> Result<Zeroizing<String>, NoRandomness> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = Zeroizing::new([0_u8; 20]);
    getrandom::fill(bytes.as_mut_slice()).map_err(NoRandomness)?;
    let mut text = Zeroizing::new(String::with_capacity(24));
    for (at, byte) in bytes.iter().enumerate() {
        if at > 0 && at % 5 == 0 {
            text.push('-');
        }
        // 32 letters: the low five bits choose one without bias.
        let letter = LETTERS.get(usize::from(byte & 31));
        text.extend(letter.copied().map(char::from));
    }
    Ok(text)
}

/// What the store keeps of a secret.
#[must_use]
pub fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// The token that unsafe requests of a session must show in a header. It follows from the cookie, which scripts
/// cannot read, and the cookie does not follow from it.
#[must_use]
pub fn csrf(session: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(b"cordon csrf 1\0");
    hasher.update(session.as_bytes());
    BASE64.encode(hasher.finalize())
}

/// Compares two texts in a time that depends on their lengths only.
#[must_use]
pub fn same(left: &str, right: &str) -> bool {
    left.as_bytes().ct_eq(right.as_bytes()).into()
}
