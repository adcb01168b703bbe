//! The signed catalogue: which definitions are in force.

use super::refused::Refused;
use super::root::{Root, Use};
use super::signature::Signed;
use crate::digest::Digest;
use crate::name::Key;
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const DOMAIN: &[u8] = b"cordon content catalogue v1\0";
const WHAT: &str = "a catalogue";
/// How far the clock of whoever verifies may be behind, in seconds.
const CLOCK_SLACK: i64 = 300;

/// The definitions in force, under a serial that only grows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// Serial. A roll-back has a new one, too.
    pub serial: u64,
    /// When it was issued, in seconds since 1970.
    pub issued: i64,
    /// Until when it is to be believed, so that nobody can be kept on an old one for ever.
    pub expires: i64,
    /// Digest of the definition of each object.
    pub definitions: BTreeMap<Key, Digest>,
}

/// The newest catalogue that somebody has seen. It must survive a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Its serial.
    pub serial: u64,
    /// Digest of its bytes.
    pub digest: Digest,
}

impl Catalogue {
    /// Signs it with content keys.
    #[must_use]
    pub fn sign(&self, keys: &[&SigningKey]) -> Signed {
        Signed::make(
            DOMAIN,
            &serde_json::to_value(self).unwrap_or_default(),
            keys,
        )
    }

    /// Verifies a catalogue against the newest one seen, and says what is seen now.
    ///
    /// # Errors
    /// [`Refused`]; the one seen before stays in force, as long as its time is not over.
    pub fn verify(
        signed: &Signed,
        root: &Root,
        seen: Option<Seen>,
        now: i64,
    ) -> Result<(Self, Seen), Refused> {
        root.verify(DOMAIN, signed, &[Use::Content], now)?;
        let made: Self = serde_json::from_value(signed.value(WHAT)?)
            .map_err(|_| Refused::NotUnderstood { what: WHAT })?;
        let digest = Digest::of(signed.body.as_bytes());
        if let Some(seen) = seen {
            if made.serial < seen.serial {
                return Err(Refused::OldCatalogue {
                    serial: made.serial,
                    seen: seen.serial,
                });
            }
            if made.serial == seen.serial && digest != seen.digest {
                return Err(Refused::TwoCatalogues {
                    serial: made.serial,
                });
            }
        }
        if made.issued > now.saturating_add(CLOCK_SLACK) {
            return Err(Refused::CatalogueNotYet {
                issued: made.issued,
                now,
            });
        }
        if made.expires <= now {
            return Err(Refused::CatalogueOver {
                expires: made.expires,
                now,
            });
        }
        let serial = made.serial;
        Ok((made, Seen { serial, digest }))
    }

    /// Whether a definition is in force.
    ///
    /// # Errors
    /// [`Refused::NotListed`], [`Refused::OtherVersion`].
    pub fn holds(&self, key: &Key, digest: Digest) -> Result<(), Refused> {
        let serial = self.serial;
        match self.definitions.get(key) {
            Some(listed) if *listed == digest => Ok(()),
            Some(_) => Err(Refused::OtherVersion {
                key: key.to_string(),
                serial,
            }),
            None => Err(Refused::NotListed {
                key: key.to_string(),
                serial,
            }),
        }
    }
}
