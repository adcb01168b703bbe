//! Endpoints by the names that people use: host name, ordinal, identifier, or the beginning of one.
//!
//! A host name is what an endpoint says of itself. So nothing here ranks one kind of name above another: whatever fits is a candidate,
//! and more than one is told, never chosen from. Else a machine that calls itself by another's ordinal or by the beginning of its
//! identifier would be approved or revoked in its place. Only a whole identifier names its endpoint whatever others call themselves.

use super::{Identity, Registry};
use crate::model::endpoint::{Endpoint, Standing};
use crate::model::ids::EndpointId;

/// Digits of an identifier that may stand for it.
const LEAST_DIGITS: usize = 4;
/// A text of so many digits or fewer is an ordinal and no beginning of an identifier.
const ORDINAL_DIGITS: usize = 9;
/// Candidates that a message names.
const NAMED: usize = 8;
/// Longer texts are no host name.
const LONGEST: usize = 255;

/// Why a text names no endpoint.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// Nothing goes by it.
    #[error(
        "no endpoint goes by `{name}` as host name, ordinal, identifier or its beginning{}",
        nearby(.near)
    )]
    Unknown {
        /// The beginning of the text.
        name: String,
        /// Host names that come near.
        near: Vec<String>,
    },
    /// Several do.
    #[error(
        "`{name}` may be any of {all} endpoints: {}; give the ordinal, or more of the identifier",
        listed(.candidates, *.all)
    )]
    Several {
        /// The beginning of the text.
        name: String,
        /// The first of them, told apart.
        candidates: Vec<String>,
        /// How many.
        all: usize,
    },
}

fn nearby(names: &[String]) -> String {
    match names {
        [] => String::new(),
        names => format!("; near: {}", names.join(", ")),
    }
}

fn listed(candidates: &[String], all: usize) -> String {
    let more = if all > candidates.len() { ", …" } else { "" };
    candidates.join(", ") + more
}

/// How an endpoint fits a text.
struct Fit {
    ordinal: u32,
    /// By its host name alone, not by a number that is never given twice.
    by_host: bool,
    revoked: bool,
}

/// A text, read as each kind of name that it may be.
struct Wanted {
    host: String,
    ordinal: Option<u32>,
    beginning: Option<String>,
}

impl Wanted {
    fn read(text: &str) -> Self {
        let digits = text.bytes().all(|b| b.is_ascii_digit()) && text.len() <= ORDINAL_DIGITS;
        let lower = text.to_lowercase();
        let hex = (LEAST_DIGITS..64).contains(&lower.len())
            && lower.bytes().all(|b| b.is_ascii_hexdigit())
            && !digits;
        Self {
            ordinal: digits.then(|| text.parse().ok()).flatten(),
            beginning: hex.then(|| lower.clone()),
            host: lower,
        }
    }

    fn fits(&self, endpoint: &Endpoint) -> Option<Fit> {
        let by_number = self.ordinal == Some(endpoint.ordinal)
            || self
                .beginning
                .as_ref()
                .is_some_and(|digits| endpoint.id.to_string().starts_with(digits));
        let by_host = endpoint.hostname.to_lowercase() == self.host;
        (by_number || by_host).then_some(Fit {
            ordinal: endpoint.ordinal,
            by_host: !by_number,
            revoked: endpoint.standing == Standing::Revoked,
        })
    }
}

impl Identity {
    /// The one endpoint that goes by this name, among those that `seen` holds for: of others not even the names are told. A machine that was enrolled anew keeps its host name: an endpoint that was revoked does
    /// not stand in the way of one that was not.
    ///
    /// # Errors
    /// [`NameError`]
    pub fn named(&self, text: &str, seen: impl Fn(u32) -> bool) -> Result<Endpoint, NameError> {
        let registry = self.registry();
        let name = || text.chars().take(LONGEST).collect::<String>();
        let mut fits = fitting(&registry, text);
        fits.retain(|fit| seen(fit.ordinal));
        if fits.iter().any(|fit| !fit.revoked) {
            fits.retain(|fit| !(fit.revoked && fit.by_host));
        }
        let mut found = fits
            .iter()
            .filter_map(|fit| registry.by_ordinal.get(&fit.ordinal));
        match (found.next(), fits.len()) {
            (Some(one), 1) => Ok(one.clone()),
            (Some(first), all) => Err(NameError::Several {
                name: name(),
                candidates: std::iter::once(first)
                    .chain(found)
                    .take(NAMED)
                    .map(told)
                    .collect(),
                all,
            }),
            (None, _) => {
                let living = registry
                    .by_ordinal
                    .values()
                    .filter(|e| e.standing != Standing::Revoked && seen(e.ordinal));
                let near = question::nearest(text, living.map(|e| e.hostname.as_str()));
                Err(NameError::Unknown { name: name(), near })
            }
        }
    }

    /// Every endpoint that goes by this name or once did, revoked ones too: for looking back.
    #[must_use]
    pub fn all_named(&self, text: &str) -> Vec<EndpointId> {
        let registry = self.registry();
        fitting(&registry, text)
            .iter()
            .filter_map(|fit| registry.by_ordinal.get(&fit.ordinal))
            .map(|endpoint| endpoint.id)
            .collect()
    }

    /// Host names of approved endpoints that stand somewhere in this text, of those that `seen` holds for.
    #[must_use]
    pub fn hosts_in(&self, text: &str, seen: impl Fn(u32) -> bool) -> Vec<String> {
        let lower = text.to_lowercase();
        let registry = self.registry();
        let mut found: Vec<String> = registry
            .by_ordinal
            .values()
            .filter(|e| e.standing == Standing::Approved && !e.hostname.is_empty())
            .filter(|e| seen(e.ordinal))
            .filter(|e| lower.contains(&e.hostname.to_lowercase()))
            .map(|e| e.hostname.clone())
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn fitting(registry: &Registry, text: &str) -> Vec<Fit> {
    let mut whole = [0; 32];
    if hex::decode_to_slice(text, &mut whole).is_ok()
        && let Some(ordinal) = registry.ordinals.get(&EndpointId(whole))
    {
        return vec![Fit {
            ordinal: *ordinal,
            by_host: false,
            revoked: false,
        }];
    }
    if text.is_empty() || text.len() > LONGEST {
        return Vec::new();
    }
    let wanted = Wanted::read(text);
    let endpoints = registry.by_ordinal.values();
    endpoints.filter_map(|e| wanted.fits(e)).collect()
}

/// What tells an endpoint apart from others of its name.
fn told(endpoint: &Endpoint) -> String {
    let id = endpoint.id.to_string();
    let standing = match endpoint.standing {
        Standing::Waiting => "waiting",
        Standing::Approved => "approved",
        Standing::Revoked => "revoked",
    };
    format!(
        "{} ({}, {}…, {standing})",
        endpoint.ordinal,
        endpoint.hostname,
        id.get(..8).unwrap_or(&id)
    )
}
