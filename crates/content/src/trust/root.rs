//! The content trust root: which keys vouch for content, and how that changes.

use super::refused::Refused;
use super::signature::{PublicKey, Signature, Signed};
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

const DOMAIN: &[u8] = b"cordon content trust v1\0";
const WHAT: &str = "a trust root";
/// Most keys of one sort.
const MAX_KEYS: usize = 32;

/// What a key is trusted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Definitions, catalogues and the next trust root.
    Content,
    /// Packs.
    Publisher,
}

/// A key with the time in which it is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedKey {
    /// The key.
    pub key: PublicKey,
    /// Whose it is, for people.
    pub name: String,
    /// From when on, in seconds since 1970.
    pub from: i64,
    /// Until when; without end where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

impl TrustedKey {
    /// Whether it is in force.
    ///
    /// # Errors
    /// Why it is not.
    fn in_force(&self, now: i64) -> Result<(), Refused> {
        let key = self.key.to_hex();
        if now < self.from {
            return Err(Refused::KeyNotYet {
                key,
                from: self.from,
                now,
            });
        }
        match self.until {
            Some(until) if now >= until => Err(Refused::KeyOver { key, until, now }),
            _ => Ok(()),
        }
    }
}

/// The keys that an endpoint or server has pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// Grows with every change.
    pub version: u64,
    /// Keys that vouch for content.
    pub content: Vec<TrustedKey>,
    /// Keys of publishers of packs.
    pub publishers: Vec<TrustedKey>,
    /// Keys kept off line that may change everything here.
    pub recovery: Vec<PublicKey>,
}

impl Root {
    /// Signs it, as the one that follows another.
    #[must_use]
    pub fn sign(&self, keys: &[&SigningKey]) -> Signed {
        Signed::make(
            DOMAIN,
            &serde_json::to_value(self).unwrap_or_default(),
            keys,
        )
    }

    /// The root that follows, if it may.
    ///
    /// A content key that is in force may change content keys and publishers; only a recovery key may change recovery keys. The version
    /// must grow, at least one content key must be in force, and no other key of any kind counts: the server's order keys least of all.
    ///
    /// # Errors
    /// [`Refused`]; the root that is held stays.
    pub fn succeed(&self, signed: &Signed, now: i64) -> Result<Self, Refused> {
        let recovery = signed
            .signatures
            .iter()
            .find(|s| self.recovery.contains(&s.key));
        let by_recovery = match recovery {
            Some(signature) => {
                fits(signature, DOMAIN, signed)?;
                true
            }
            None => {
                self.verify(DOMAIN, signed, &[Use::Content], now)?;
                false
            }
        };
        let next: Self = serde_json::from_value(signed.value(WHAT)?)
            .map_err(|_| Refused::NotUnderstood { what: WHAT })?;
        if next.version <= self.version {
            return Err(Refused::OldRoot {
                version: next.version,
                held: self.version,
            });
        }
        if !by_recovery && next.recovery != self.recovery {
            return Err(Refused::NotByRecovery);
        }
        next.sound(now)?;
        Ok(next)
    }

    /// Follows a chain of roots, for an endpoint that was away while keys changed more than once. Roots that are held already are
    /// passed over.
    ///
    /// # Errors
    /// [`Refused`] at the first one that may not follow.
    pub fn follow(&self, chain: &[Signed], now: i64) -> Result<Self, Refused> {
        let mut held = self.clone();
        for signed in chain {
            match held.succeed(signed, now) {
                Ok(next) => held = next,
                Err(Refused::OldRoot { .. }) => {}
                Err(refused) => return Err(refused),
            }
        }
        Ok(held)
    }

    /// Whether it can be used at all.
    ///
    /// # Errors
    /// [`Refused::NoContentKey`], [`Refused::UnsoundRoot`].
    pub fn sound(&self, now: i64) -> Result<(), Refused> {
        let unsound = |problem: &str| {
            Err(Refused::UnsoundRoot {
                problem: problem.into(),
            })
        };
        let lists = [
            self.content.len(),
            self.publishers.len(),
            self.recovery.len(),
        ];
        if lists.iter().any(|n| *n > MAX_KEYS) {
            return unsound("it has more keys than anybody needs");
        }
        let mut seen = BTreeSet::new();
        let all = self.content.iter().chain(&self.publishers).map(|k| k.key);
        if !all
            .chain(self.recovery.iter().copied())
            .all(|k| seen.insert(k))
        {
            return unsound("a key stands in it twice");
        }
        if !self.content.iter().any(|k| k.in_force(now).is_ok()) {
            return Err(Refused::NoContentKey { now });
        }
        Ok(())
    }

    /// The root in which a new content key takes over: the ones before stay in force for the overlap, so that what they signed is taken
    /// until it is signed anew.
    #[must_use]
    pub fn rotate(&self, new: TrustedKey, overlap: u64, now: i64) -> Self {
        let end = now.saturating_add(i64::try_from(overlap).unwrap_or(i64::MAX));
        let mut next = self.clone();
        next.version = self.version.saturating_add(1);
        next.content
            .retain(|k| k.until.is_none_or(|until| until > now));
        for key in &mut next.content {
            key.until = Some(key.until.map_or(end, |until| until.min(end)));
        }
        next.content.push(new);
        next
    }

    /// Verifies signed bytes with the keys of some uses.
    ///
    /// A signature that does not fit is a refusal even beside one that does: somebody changed what was signed.
    pub(super) fn verify(
        &self,
        domain: &[u8],
        signed: &Signed,
        uses: &[Use],
        now: i64,
    ) -> Result<(), Refused> {
        if signed.signatures.is_empty() {
            return Err(Refused::Unsigned);
        }
        let mut trusted = Vec::new();
        for signature in &signed.signatures {
            let known = uses
                .iter()
                .flat_map(|u| match u {
                    Use::Content => &self.content,
                    Use::Publisher => &self.publishers,
                })
                .find(|k| k.key == signature.key);
            if let Some(key) = known {
                fits(signature, domain, signed)?;
                trusted.push(key);
            }
        }
        let mut last = None;
        for key in trusted {
            match key.in_force(now) {
                Ok(()) => return Ok(()),
                Err(refused) => last = Some(refused),
            }
        }
        Err(last.unwrap_or_else(|| Refused::UnknownKey {
            keys: signed
                .signatures
                .iter()
                .map(|s| s.key.to_hex())
                .collect::<Vec<_>>()
                .join(", "),
        }))
    }
}

fn fits(signature: &Signature, domain: &[u8], signed: &Signed) -> Result<(), Refused> {
    if signature.fits(domain, signed.body.as_bytes()) {
        Ok(())
    } else {
        Err(Refused::BadSignature {
            key: signature.key.to_hex(),
        })
    }
}
