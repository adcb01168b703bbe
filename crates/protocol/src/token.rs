//! Enrolment tokens as text: where the servers are, which authority to believe, and the secret that lets a machine in.
//!
//! `cordon1.` followed by base64url (no padding) of a small JSON object. One string carries all that a new machine needs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

const PREFIX: &str = "cordon1.";

/// What an enrolment token says. `Debug` and errors never show the secret; `Display` is the token itself.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrolmentToken {
    /// Servers in the order to try them, `host:port`.
    pub servers: Vec<String>,
    /// SHA-256 of the authority's certificate (DER).
    pub authority_fingerprint: [u8; 32],
    /// The secret, 16 to 64 bytes.
    pub secret: Vec<u8>,
}

/// Why a text is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Wrong beginning.
    #[error(
        "an enrolment token starts with `cordon1.`; copy the whole line that `cordon token create` printed"
    )]
    Prefix,
    /// Not base64url.
    #[error("the enrolment token is damaged: characters are missing or were changed")]
    Encoding(#[source] base64::DecodeError),
    /// Not the expected object.
    #[error("the enrolment token is damaged: its content is not readable")]
    Content(#[source] serde_json::Error),
    /// A field has the wrong size.
    #[error("the enrolment token is damaged: {0} has the wrong length")]
    Length(&'static str),
}

#[derive(Serialize, Deserialize)]
struct Content {
    s: Vec<String>,
    f: String,
    k: String,
}

impl fmt::Display for EnrolmentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content = Content {
            s: self.servers.clone(),
            f: self
                .authority_fingerprint
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect(),
            k: BASE64.encode(&self.secret),
        };
        let json = serde_json::to_vec(&content).map_err(|_| fmt::Error)?;
        write!(f, "{PREFIX}{}", BASE64.encode(json))
    }
}

impl fmt::Debug for EnrolmentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrolmentToken")
            .field("servers", &self.servers)
            .finish_non_exhaustive()
    }
}

impl FromStr for EnrolmentToken {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let encoded = text.trim().strip_prefix(PREFIX).ok_or(TokenError::Prefix)?;
        let json = BASE64.decode(encoded).map_err(TokenError::Encoding)?;
        let content: Content = serde_json::from_slice(&json).map_err(TokenError::Content)?;
        let secret = BASE64.decode(&content.k).map_err(TokenError::Encoding)?;
        if !(16..=64).contains(&secret.len()) {
            return Err(TokenError::Length("the secret"));
        }
        let mut authority_fingerprint = [0_u8; 32];
        if content.f.len() != 64 || !content.f.is_ascii() {
            return Err(TokenError::Length("the fingerprint"));
        }
        for (at, byte) in authority_fingerprint.iter_mut().enumerate() {
            let digits = content.f.get(2 * at..2 * at + 2).unwrap_or_default();
            *byte = u8::from_str_radix(digits, 16)
                .map_err(|_| TokenError::Length("the fingerprint"))?;
        }
        Ok(Self {
            servers: content.s,
            authority_fingerprint,
            secret,
        })
    }
}
