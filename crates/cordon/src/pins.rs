//! The authorities that a profile believes, kept current.
//!
//! A server replaces its authority in two steps: it adds a new one, and later drops the old one. Every reply names the version of its
//! trust; when that is another than the profile's, the authorities are asked for and taken over. The question goes over a connection that an
//! authority of the profile vouches for, so nobody can slip in one of their own; and at least one must stay from before.

use crate::output::shown;
use crate::profile::Profile;
use ::api::fleet::Authorities;
use ::api::ids::Fingerprint;
use anyhow::{Context, Result, bail};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha256};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// The pins of a profile.
pub struct Pins {
    path: PathBuf,
    held: Mutex<Held>,
}

struct Held {
    profile: Profile,
    /// The version that is asked for, or was in vain.
    asked: Option<u64>,
}

impl Pins {
    /// Of this profile.
    pub fn new(profile: Profile, path: PathBuf) -> Self {
        let asked = None;
        Self {
            path,
            held: Mutex::new(Held { profile, asked }),
        }
    }

    /// Whether the authorities of this version have to be asked for; says so once for each version.
    pub fn begin(&self, version: u64) -> bool {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let news = held.profile.trust != Some(version) && held.asked != Some(version);
        held.asked = Some(version);
        news
    }

    /// Takes over what the server told, and says what changed. That it could not does not stop the command that is under way.
    pub fn take(&self, told: Result<Authorities>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = told.and_then(|told| {
            let profile = renewed(&held.profile, &told)?;
            profile.save(&self.path)?;
            Ok(profile)
        });
        match taken {
            Ok(profile) => {
                let (before, now) = (pins(&held.profile.authority), pins(&profile.authority));
                if let (Ok(before), Ok(now)) = (before, now)
                    && before != now
                {
                    anstream::eprintln!(
                        "cordon: the server's authorities changed: {} now holds {} instead of {}",
                        self.path.display(),
                        list(&now),
                        list(&before)
                    );
                }
                held.profile = profile;
            }
            Err(error) => anstream::eprintln!(
                "cordon: warning: the server's authorities changed, and the profile {} does not follow: {}",
                self.path.display(),
                shown(&format!("{error:#}"))
            ),
        }
    }
}

/// The profile with these authorities.
fn renewed(profile: &Profile, told: &Authorities) -> Result<Profile> {
    let before = pins(&profile.authority)?;
    let authority: String = told
        .authorities
        .iter()
        .map(|authority| authority.certificate.as_str())
        .collect();
    let now = pins(&authority)?;
    let named: Vec<_> = told.authorities.iter().map(|a| a.fingerprint).collect();
    if now != named {
        bail!("the certificates it told are not those it named");
    }
    if !now.iter().any(|pin| before.contains(pin)) {
        bail!("none of those it told is one that the profile holds");
    }
    Ok(Profile {
        authority,
        trust: Some(told.version),
        ..profile.clone()
    })
}

/// Fingerprints of certificates, PEM.
fn pins(pem: &str) -> Result<Vec<Fingerprint>> {
    let certificates = CertificateDer::pem_slice_iter(pem.as_bytes());
    certificates
        .map(|certificate| {
            let certificate =
                certificate.context("an authority certificate is not readable PEM")?;
            Ok(Fingerprint(Sha256::digest(&certificate).into()))
        })
        .collect()
}

fn list(pins: &[Fingerprint]) -> String {
    let short = |pin: &Fingerprint| pin.to_string().chars().take(16).collect();
    let short: Vec<String> = pins.iter().map(short).collect();
    short.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::api::fleet::Authority;

    /// Any bytes will do: nothing here reads into a certificate.
    fn pem(byte: u8) -> String {
        let letter = char::from(b'A' + byte);
        let body: String = std::iter::repeat_n(letter, 8).collect();
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    }

    fn told(version: u64, bytes: &[u8]) -> Authorities {
        let authorities = bytes.iter().map(|byte| Authority {
            fingerprint: pins(&pem(*byte)).expect("a certificate")[0],
            certificate: pem(*byte),
        });
        Authorities {
            version,
            authorities: authorities.collect(),
        }
    }

    fn profile(bytes: &[u8]) -> Profile {
        Profile {
            url: "https://a".into(),
            authority: bytes.iter().map(|byte| pem(*byte)).collect(),
            token: "cordon_x".into(),
            trust: None,
        }
    }

    #[test]
    fn a_profile_follows_from_one_to_two_to_the_other() {
        let both = renewed(&profile(&[1]), &told(2, &[1, 2])).expect("one stays");
        assert_eq!((both.authority, both.trust), (pem(1) + &pem(2), Some(2)));
        let other = renewed(&profile(&[1, 2]), &told(3, &[2])).expect("one stays");
        assert_eq!(other.authority, pem(2));
    }

    #[test]
    fn a_profile_never_follows_to_strangers_alone_nor_to_what_was_not_named() {
        assert!(renewed(&profile(&[1]), &told(2, &[2])).is_err());
        assert!(renewed(&profile(&[1]), &told(2, &[])).is_err());
        let mut other = told(2, &[1, 2]);
        other.authorities[1].certificate = pem(3);
        assert!(renewed(&profile(&[1]), &other).is_err());
    }

    #[test]
    fn each_version_is_asked_for_once() {
        let pins = Pins::new(profile(&[1]), "nowhere/profile.json".into());
        assert!(pins.begin(5));
        assert!(!pins.begin(5));
        assert!(pins.begin(6));
    }
}
