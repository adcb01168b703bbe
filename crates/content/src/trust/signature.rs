//! Signatures and signed bytes.

use super::refused::Refused;
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use std::fmt;

/// The file of a pack that holds its signatures.
pub const SIGNATURES: &str = "pack.sig";
/// Most signatures on one thing.
pub const MAX_SIGNATURES: usize = 16;
/// Longest signed body, in bytes.
const MAX_BODY: usize = 8 << 20;

/// An Ed25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The public half of a key.
    #[must_use]
    pub fn of(key: &SigningKey) -> Self {
        Self(key.verifying_key().to_bytes())
    }

    /// A key of its hexadecimal text.
    #[must_use]
    pub fn of_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// It in hexadecimal.
    #[must_use]
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::of_hex(&text).ok_or_else(|| serde::de::Error::custom("not an Ed25519 public key"))
    }
}

/// A signature with the key that made it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature {
    /// The key.
    pub key: PublicKey,
    bytes: [u8; 64],
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by {:?}", self.key)
    }
}

impl Signature {
    /// Signs bytes under a domain.
    #[must_use]
    pub fn make(domain: &[u8], body: &[u8], key: &SigningKey) -> Self {
        Self {
            key: PublicKey::of(key),
            bytes: key.sign(&prefixed(domain, body)).to_bytes(),
        }
    }

    /// Whether it fits bytes under a domain.
    #[must_use]
    pub fn fits(&self, domain: &[u8], body: &[u8]) -> bool {
        VerifyingKey::from_bytes(&self.key.0).is_ok_and(|key| {
            let signature = ed25519_dalek::Signature::from_bytes(&self.bytes);
            key.verify_strict(&prefixed(domain, body), &signature)
                .is_ok()
        })
    }

    fn to_value(self) -> Value {
        json!({ "key": self.key.to_hex(), "signature": hex::encode(self.bytes) })
    }

    fn of_value(value: &Value) -> Option<Self> {
        let map = value.as_object().filter(|map| map.len() == 2)?;
        let mut bytes = [0; 64];
        hex::decode_to_slice(map.get("signature")?.as_str()?, &mut bytes).ok()?;
        Some(Self {
            key: PublicKey::of_hex(map.get("key")?.as_str()?)?,
            bytes,
        })
    }
}

fn prefixed(domain: &[u8], body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(domain.len() + body.len());
    bytes.extend_from_slice(domain);
    bytes.extend_from_slice(body);
    bytes
}

/// Bytes with signatures on them. The bytes are JSON text in canonical form, kept as they were signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// What was signed.
    pub body: String,
    /// By whom.
    pub signatures: Vec<Signature>,
}

impl Signed {
    /// A value's canonical bytes, signed.
    #[must_use]
    pub(super) fn make(domain: &[u8], value: &Value, keys: &[&SigningKey]) -> Self {
        let body = String::from_utf8(crate::digest::canonical(value)).unwrap_or_default();
        let signatures = keys
            .iter()
            .map(|key| Signature::make(domain, body.as_bytes(), key))
            .collect();
        Self { body, signatures }
    }

    /// It as JSON, to be kept and sent.
    #[must_use]
    pub fn to_json(&self) -> String {
        let signatures: Vec<Value> = self.signatures.iter().map(|s| s.to_value()).collect();
        json!({ "body": self.body, "signatures": signatures }).to_string()
    }

    /// Reads what [`Signed::to_json`] wrote. Nothing is verified by that.
    ///
    /// # Errors
    /// [`Refused::NotUnderstood`].
    pub fn from_json(bytes: &[u8]) -> Result<Self, Refused> {
        let wrong = Refused::NotUnderstood {
            what: "something signed",
        };
        if bytes.len() > MAX_BODY {
            return Err(wrong);
        }
        let read = || {
            let value: Value = serde_json::from_slice(bytes).ok()?;
            let map = value.as_object().filter(|map| map.len() == 2)?;
            Some(Self {
                body: map.get("body")?.as_str()?.to_owned(),
                signatures: list(map.get("signatures")?)?,
            })
        };
        read().ok_or(wrong)
    }

    /// The value that was signed. Whoever calls this has verified first.
    pub(super) fn value(&self, what: &'static str) -> Result<Value, Refused> {
        let value: Value =
            serde_json::from_str(&self.body).map_err(|_| Refused::NotUnderstood { what })?;
        // Bytes that are not canonical could be read in two ways, by readers that differ over doubled keys.
        if crate::digest::canonical(&value) != self.body.as_bytes() {
            return Err(Refused::NotUnderstood { what });
        }
        Ok(value)
    }
}

fn list(value: &Value) -> Option<Vec<Signature>> {
    let list = value.as_array().filter(|l| l.len() <= MAX_SIGNATURES)?;
    list.iter().map(Signature::of_value).collect()
}

/// Signatures of a pack as the text of [`SIGNATURES`].
#[must_use]
pub fn print_signatures(signatures: &[Signature]) -> String {
    let list: Vec<Value> = signatures.iter().map(|s| s.to_value()).collect();
    let mut text = serde_json::to_string_pretty(&json!({ "signatures": list })).unwrap_or_default();
    text.push('\n');
    text
}

/// Reads what [`print_signatures`] wrote.
///
/// # Errors
/// A sentence.
pub fn read_signatures(bytes: &[u8]) -> Result<Vec<Signature>, String> {
    let read = || {
        let value: Value = serde_json::from_slice(bytes.get(..bytes.len().min(64 << 10))?).ok()?;
        let map = value.as_object().filter(|map| map.len() == 1)?;
        list(map.get("signatures")?)
    };
    read().ok_or_else(|| {
        format!(
            "not a list of at most {MAX_SIGNATURES} signatures, as `cordon content sign` writes it"
        )
    })
}
