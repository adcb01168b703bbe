//! Who this endpoint is: its key pair, its certificate, its ordinal, and whom it believes.
//!
//! All of it lies in one file, `identity.json`, that only the agent's account may read and that is replaced as a whole
//! (module `files`): after a crash there is one consistent identity, never a certificate without its key. The key is
//! ECDSA P-256 and stays the same when the certificate is renewed; it never leaves this file, so a fresh one would not
//! be safer, and a crash between "issued" and "written" would lock the endpoint out. Beside it lies the private half of
//! the sealing key ([`protocol::sealing`]); the certificate names the public one.
//!
//! [`enrol`] gets the first certificate, [`tls`] makes connections from an identity, [`revocation`] ends one and brings it
//! back.

pub mod enrol;
pub mod revocation;
pub mod tls;

use crate::files;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use protocol::message::{Credentials, Holds, Trust};
use protocol::sealing::{SealError, SealingKey, SealingPublic};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, SanType,
};
use revocation::Lifted;
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::io;
use std::path::{Path, PathBuf};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use zeroize::{Zeroize as _, Zeroizing};

const FILE: &str = "identity.json";

/// What went wrong with the identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Reading the file failed.
    #[error("cannot read the identity in {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// System's error.
        #[source]
        source: io::Error,
    },
    /// Writing the file failed.
    #[error("cannot write the identity to {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// System's error.
        #[source]
        source: io::Error,
    },
    /// There is no room for the file.
    #[error("the disk with the identity {path} is full; free some space")]
    Full {
        /// The file.
        path: PathBuf,
        /// System's error.
        #[source]
        source: io::Error,
    },
    /// The file does not hold an identity.
    #[error(
        "{path} does not hold an identity; restore it, or remove it and enrol this machine again"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Reader's error.
        #[source]
        source: serde_json::Error,
    },
    /// A field of the file is not what it should be.
    #[error(
        "{path} does not hold a usable {field}; restore the file, or remove it and enrol this machine again"
    )]
    Field {
        /// The file.
        path: PathBuf,
        /// Name of the field.
        field: &'static str,
    },
    /// The key pair could not be made or used.
    #[error("cannot make or use the key pair")]
    Key(#[source] rcgen::Error),
    /// No sealing key could be made.
    #[error("cannot make the sealing key")]
    Sealing(#[source] SealError),
    /// The certificate cannot be read.
    #[error("the certificate is not readable")]
    Certificate,
    /// The server gave a certificate that does not belong to this endpoint.
    #[error("the server's reply is not usable: {0}")]
    Credentials(&'static str),
    /// The certificate was issued by somebody else.
    #[error("no authority that this endpoint trusts issued the certificate")]
    Issuer(#[source] rustls::Error),
    /// A TLS configuration could not be made of it.
    #[error("cannot set up TLS from the identity")]
    Tls(#[source] rustls::Error),
}

/// As the file spells it; byte strings in base64.
#[derive(Serialize, Deserialize)]
struct Stored {
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealing_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
    #[serde(default)]
    ordinal: u32,
    #[serde(default)]
    trust_version: u64,
    #[serde(default)]
    authorities: Vec<String>,
    #[serde(default)]
    order_keys: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    recovery_keys: Vec<String>,
    #[serde(default)]
    servers: Vec<String>,
    #[serde(default)]
    token_servers: Vec<String>,
    #[serde(default)]
    revoked: bool,
    #[serde(default)]
    revoked_issued: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lifted: Option<Lifted>,
    #[serde(default)]
    renew: bool,
}

/// What the certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Hexadecimal endpoint id: the subject's common name.
    pub endpoint_id: String,
    /// Start of its life, seconds since 1970.
    pub not_before: i64,
    /// End of its life.
    pub not_after: i64,
    /// The sealing key it names.
    pub sealing: Option<SealingPublic>,
}

/// An endpoint's identity, or the beginning of one: a key without a certificate waits for approval.
#[derive(Clone)]
pub struct Identity {
    path: PathBuf,
    key: Zeroizing<Vec<u8>>,
    sealing: Option<SealingKey>,
    /// A server that was asked gave a certificate without the sealing key: it knows nothing of them.
    unsealed: bool,
    certificate: Option<(Vec<u8>, Named)>,
    /// Number of this endpoint on its server.
    pub ordinal: u32,
    /// Whom it believes.
    pub trust: Trust,
    /// Servers of the token it enrolled with, used when neither configuration nor trust names any.
    pub token_servers: Vec<String>,
    /// Set when the server revoked it.
    pub revoked: bool,
    /// When the revocation was signed, by the server's clock.
    revoked_issued: i64,
    /// The last revocation that was lifted on this machine.
    pub lifted: Option<Lifted>,
    /// A new certificate is due whatever the age of this one: the authorities changed.
    pub renew: bool,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("path", &self.path)
            .field("ordinal", &self.ordinal)
            .field("named", &self.named())
            .finish_non_exhaustive()
    }
}

impl Identity {
    /// A new key in this folder; nothing is written yet.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn generate(state_dir: &Path) -> Result<Self, IdentityError> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(IdentityError::Key)?;
        Ok(Self {
            path: state_dir.join(FILE),
            key: Zeroizing::new(pair.serialize_der()),
            sealing: Some(SealingKey::generate().map_err(IdentityError::Sealing)?),
            unsealed: false,
            certificate: None,
            ordinal: 0,
            trust: Trust::default(),
            token_servers: Vec::new(),
            revoked: false,
            revoked_issued: 0,
            lifted: None,
            renew: false,
        })
    }

    /// Reads the identity of this folder; `None` when there is none.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn load(state_dir: &Path) -> Result<Option<Self>, IdentityError> {
        let path = state_dir.join(FILE);
        let content = files::read(&path).map_err(|source| IdentityError::Read {
            path: path.clone(),
            source,
        })?;
        let Some(content) = content.map(Zeroizing::new) else {
            return Ok(None);
        };
        guard(state_dir, &path);
        let mut stored: Stored =
            serde_json::from_slice(&content).map_err(|source| IdentityError::Damaged {
                path: path.clone(),
                source,
            })?;
        let field = |field| {
            let path = path.clone();
            move || IdentityError::Field { path, field }
        };
        let key = Zeroizing::new(BASE64.decode(&stored.key).map_err(|_| field("key")())?);
        stored.key.zeroize();
        let sealing = match stored.sealing_key.take().map(Zeroizing::new) {
            None => None,
            Some(text) => {
                let secret = BASE64.decode(&*text).map(Zeroizing::new);
                let secret = secret.map_err(|_| field("sealing_key")())?;
                Some(SealingKey::from_secret(&secret).map_err(|_| field("sealing_key")())?)
            }
        };
        let certificate = match &stored.certificate {
            None => None,
            Some(text) => {
                let der = BASE64.decode(text).map_err(|_| field("certificate")())?;
                let named = named(&der).map_err(|_| field("certificate")())?;
                Some((der, named))
            }
        };
        let identity = Self {
            key,
            sealing,
            unsealed: false,
            certificate,
            ordinal: stored.ordinal,
            trust: Trust {
                version: stored.trust_version,
                authorities: decode_all(&stored.authorities).ok_or_else(field("authorities"))?,
                order_keys: decode_all(&stored.order_keys).ok_or_else(field("order_keys"))?,
                recovery_keys: decode_all(&stored.recovery_keys)
                    .ok_or_else(field("recovery_keys"))?,
                servers: stored.servers,
            },
            token_servers: stored.token_servers,
            revoked: stored.revoked,
            revoked_issued: stored.revoked_issued,
            lifted: stored.lifted,
            renew: stored.renew,
            path: path.clone(),
        };
        identity.pair().map_err(|_| field("key")())?;
        Ok(Some(identity))
    }

    /// Writes the identity so that a crash leaves this one or the one before.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self) -> Result<(), IdentityError> {
        let encode_all = |all: &[Vec<u8>]| all.iter().map(|b| BASE64.encode(b)).collect();
        let mut stored = Stored {
            key: BASE64.encode(&*self.key),
            sealing_key: self.sealing.as_ref().map(|key| BASE64.encode(key.secret())),
            certificate: self.certificate.as_ref().map(|(der, _)| BASE64.encode(der)),
            ordinal: self.ordinal,
            trust_version: self.trust.version,
            authorities: encode_all(&self.trust.authorities),
            order_keys: encode_all(&self.trust.order_keys),
            recovery_keys: encode_all(&self.trust.recovery_keys),
            servers: self.trust.servers.clone(),
            token_servers: self.token_servers.clone(),
            revoked: self.revoked,
            revoked_issued: self.revoked_issued,
            lifted: self.lifted.clone(),
            renew: self.renew,
        };
        let written = serde_json::to_vec_pretty(&stored)
            .map_err(io::Error::from)
            .map(Zeroizing::new)
            .and_then(|content| files::write_private(&self.path, &content));
        stored.key.zeroize();
        stored.sealing_key.zeroize();
        let path = || self.path.clone();
        written.map_err(|source| {
            if files::is_full(&source) {
                IdentityError::Full {
                    path: path(),
                    source,
                }
            } else {
                IdentityError::Write {
                    path: path(),
                    source,
                }
            }
        })
    }

    /// What the certificate says; `None` while there is none.
    #[must_use]
    pub fn named(&self) -> Option<&Named> {
        self.certificate.as_ref().map(|(_, named)| named)
    }

    /// The certificate, DER; `None` while there is none.
    #[must_use]
    pub fn certificate(&self) -> Option<&[u8]> {
        self.certificate.as_ref().map(|(der, _)| der.as_slice())
    }

    /// What the server may count on after a restart, when this is on disk.
    #[must_use]
    pub fn holds(&self) -> Holds {
        Holds {
            trust_version: self.trust.version,
            certificate: Sha256::digest(self.certificate().unwrap_or_default()).to_vec(),
        }
    }

    /// The key that opens what was sealed to this endpoint; `None` in an identity of before there were any.
    #[must_use]
    pub fn sealing(&self) -> Option<&SealingKey> {
        self.sealing.as_ref()
    }

    /// Gives an identity of before there were sealing keys one, on disk before anybody hears of it. True when it did.
    ///
    /// # Errors
    /// When none can be made or written; the identity goes on without.
    pub fn complete(&mut self) -> Result<bool, IdentityError> {
        if self.sealing.is_some() {
            return Ok(false);
        }
        let mut completed = self.clone();
        completed.sealing = Some(SealingKey::generate().map_err(IdentityError::Sealing)?);
        completed.save()?;
        *self = completed;
        Ok(true)
    }

    /// Whether it is time for a new certificate: two thirds of this one's life are over, the authorities changed, or it
    /// does not name the sealing key.
    #[must_use]
    pub fn renewal_due(&self, now: i64) -> bool {
        self.named().is_some_and(|named| {
            let life = named.not_after.saturating_sub(named.not_before);
            let unnamed = named.sealing.is_none() && self.sealing.is_some() && !self.unsealed;
            self.renew || unnamed || now >= named.not_before.saturating_add(life / 3 * 2)
        })
    }

    /// A certificate signing request (PKCS #10, DER) for this key. It names the sealing key, so that the TLS key signs
    /// for it.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn signing_request(&self) -> Result<Vec<u8>, IdentityError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        // The server names the subject itself and only takes the keys; a request without any subject is odd to tools.
        params
            .distinguished_name
            .push(DnType::CommonName, "cordon-agent");
        if let Some(sealing) = &self.sealing {
            let uri = sealing.public().to_string();
            let uri = uri.try_into().map_err(IdentityError::Key)?;
            params.subject_alt_names.push(SanType::URI(uri));
        }
        let request = params
            .serialize_request(&self.pair()?)
            .map_err(IdentityError::Key)?;
        Ok(request.der().to_vec())
    }

    /// Takes what an enrolment gave.
    ///
    /// # Errors
    /// When it does not fit this key, or names nobody to trust.
    pub fn adopt(&mut self, credentials: Credentials) -> Result<(), IdentityError> {
        let refuse = IdentityError::Credentials;
        let trust = credentials
            .trust
            .ok_or(refuse("it names nobody to trust"))?;
        check_trust_content(&trust).map_err(refuse)?;
        let checked = self.check_certificate(&credentials.certificate, &trust)?;
        self.certificate = Some((credentials.certificate, checked));
        self.ordinal = credentials.ordinal;
        self.trust = trust;
        self.revoked = false;
        self.renew = false;
        Ok(())
    }

    /// Takes a renewed certificate. Trust inside it is not taken: changes of trust come signed by an order key.
    ///
    /// # Errors
    /// When it does not fit this key and this endpoint, or no trusted authority issued it: with such a one the endpoint
    /// could not connect any more, and whoever holds only the server's TLS key could bring that about.
    pub fn adopt_renewed(&mut self, credentials: Credentials) -> Result<(), IdentityError> {
        let refuse = |reason| Err(IdentityError::Credentials(reason));
        let checked = self.check_certificate(&credentials.certificate, &self.trust)?;
        if let Some(held) = self.named() {
            if held.endpoint_id != checked.endpoint_id {
                return refuse("the renewed certificate is for another endpoint");
            }
            // A copy of an earlier one would shorten its life.
            if checked.not_after < held.not_after && !self.renew {
                return refuse("the renewed certificate ends before the one it should replace");
            }
        }
        self.unsealed = checked.sealing.is_none();
        self.certificate = Some((credentials.certificate, checked));
        self.renew = false;
        Ok(())
    }

    /// Takes a checked change of trust; a change of authorities makes a new certificate due.
    ///
    /// # Errors
    /// When an authority or a key in it is not one.
    pub fn adopt_trust(&mut self, trust: Trust) -> Result<(), IdentityError> {
        check_trust_content(&trust).map_err(IdentityError::Credentials)?;
        if trust.authorities != self.trust.authorities {
            self.renew = true;
        }
        self.trust = trust;
        Ok(())
    }

    fn check_certificate(&self, der: &[u8], trust: &Trust) -> Result<Named, IdentityError> {
        let refuse = |reason| Err(IdentityError::Credentials(reason));
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|_| IdentityError::Certificate)?;
        if certificate.public_key().subject_public_key.data.as_ref()
            != self.pair()?.public_key_raw()
        {
            return refuse("the certificate is for another key");
        }
        let named = named(der)?;
        let own = self.sealing.as_ref().map(SealingKey::public);
        if named.sealing.is_some() && named.sealing != own {
            return refuse("the certificate names another sealing key");
        }
        tls::check_issued(der, named.not_before, &trust.authorities)?;
        Ok(named)
    }

    fn pair(&self) -> Result<KeyPair, IdentityError> {
        KeyPair::from_pkcs8_der_and_sign_algo(
            &PrivatePkcs8KeyDer::from(self.key.as_slice()),
            &PKCS_ECDSA_P256_SHA256,
        )
        .map_err(IdentityError::Key)
    }

    fn key_der(&self) -> PrivatePkcs8KeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.to_vec())
    }
}

fn decode_all(texts: &[String]) -> Option<Vec<Vec<u8>>> {
    texts.iter().map(|t| BASE64.decode(t).ok()).collect()
}

fn named(der: &[u8]) -> Result<Named, IdentityError> {
    let (_, certificate) =
        X509Certificate::from_der(der).map_err(|_| IdentityError::Certificate)?;
    let name = certificate
        .subject()
        .iter_common_name()
        .next()
        .and_then(|name| name.as_str().ok())
        .ok_or(IdentityError::Certificate)?;
    Ok(Named {
        endpoint_id: name.to_owned(),
        not_before: certificate.validity().not_before.timestamp(),
        not_after: certificate.validity().not_after.timestamp(),
        sealing: sealing_of(&certificate),
    })
}

/// The sealing key that a certificate names.
fn sealing_of(certificate: &X509Certificate<'_>) -> Option<SealingPublic> {
    let names = certificate.subject_alternative_name().ok()??;
    names
        .value
        .general_names
        .iter()
        .find_map(|name| match name {
            GeneralName::URI(uri) => uri.parse().ok(),
            _ => None,
        })
}

fn check_trust_content(trust: &Trust) -> Result<(), &'static str> {
    if trust.authorities.is_empty() || trust.order_keys.is_empty() {
        return Err("it names no authority or no order key");
    }
    if trust.order_keys.iter().any(|key| key.len() != 32) {
        return Err("an order key in it is not 32 bytes long");
    }
    if trust
        .authorities
        .iter()
        .any(|der| X509Certificate::from_der(der).is_err())
    {
        return Err("an authority in it is not a certificate");
    }
    Ok(())
}

/// Closes to others what is the agent's alone, and says what they may have done until now.
fn guard(folder: &Path, keys: &Path) {
    let told = [
        (
            folder,
            "others could write in the agent's folder and may have changed what lies in it; they cannot any more",
        ),
        (
            keys,
            "others could read the keys of this endpoint and may go by them; they cannot any more. Revoke it and enrol it anew if \
             somebody did",
        ),
    ];
    for (path, harm) in told {
        match files::keep_private(path) {
            Ok(None) => {}
            Ok(Some(mode)) => {
                tracing::warn!(path = %path.display(), mode = format!("{mode:o}"), "{harm}");
            }
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "it could not be made sure that this is closed to others");
            }
        }
    }
}
