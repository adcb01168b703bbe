//! Secrets sealed to one endpoint: HPKE in base mode ([RFC 9180]) with X25519, HKDF-SHA256 and ChaCha20-Poly1305, by the
//! library that also does the channel's TLS. The endpoint's key pair is made by the agent beside its TLS key; its public
//! half stands in the certificate as a URI among the alternative names ([`SealingPublic`] as text), so that whoever
//! believes the certificate knows whom it seals to.
//!
//! What is sealed is bound to a [`Context`]: opened as anything else, it does not open. Sealing says nothing about who
//! sealed; what needs that is sealed inside a signed order.
//!
//! [RFC 9180]: https://www.rfc-editor.org/rfc/rfc9180

use aws_lc_rs::agreement;
use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_CHACHA20_POLY1305 as SUITE;
use rustls::crypto::hpke::{EncapsulatedSecret, Hpke as _, HpkePrivateKey, HpkePublicKey};
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

const DOMAIN: &[u8] = b"cordon seal v1\0";
/// First byte of everything sealed: the way it was.
const FORM: u8 = 1;
/// Length of both halves of a key and of the encapsulated secret.
const KEY: usize = 32;
/// What sealing adds to a secret.
pub const OVERHEAD: usize = 1 + KEY + 16;
/// How a sealing key begins as text.
pub const URI: &str = "cordon:sealing:x25519:";

/// What a sealed secret is for. All of it has to be the same when it is opened.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Endpoint id of the receiver.
    pub endpoint: &'a [u8; 32],
    /// Kind of secret, a constant of the code.
    pub purpose: &'a str,
    /// What it belongs to, such as the digest of an order.
    pub about: &'a [u8],
}

impl Context<'_> {
    /// Each part with its length before it, so that no two contexts have one encoding.
    fn info(&self) -> Vec<u8> {
        let mut info = DOMAIN.to_vec();
        for part in [&self.endpoint[..], self.purpose.as_bytes()] {
            info.extend((part.len() as u64).to_be_bytes());
            info.extend(part);
        }
        info
    }
}

/// Why something was not sealed or not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No key pair could be made.
    #[error("no sealing key could be made")]
    Generate,
    /// The bytes are not a key.
    #[error("these bytes are not a sealing key")]
    Key,
    /// Sealing failed.
    #[error("the secret could not be sealed")]
    Seal,
    /// Too short, or of a later form.
    #[error("this is not a sealed secret that this program knows")]
    Form,
    /// Sealed to another key, for another purpose, or changed.
    #[error(
        "the sealed secret does not open: it is for another endpoint or purpose, or was changed"
    )]
    Open,
}

/// The private half. Wiped from memory when dropped.
#[derive(Clone)]
pub struct SealingKey {
    secret: Zeroizing<[u8; KEY]>,
    public: SealingPublic,
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SealingKey").field(&self.public).finish()
    }
}

/// The public half, known to be usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealingPublic([u8; KEY]);

impl SealingKey {
    /// A new pair.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate() -> Result<Self, SealError> {
        let (_, secret) = SUITE.generate_key_pair().map_err(|_| SealError::Generate)?;
        Self::from_secret(secret.secret_bytes())
    }

    /// The pair of this private half.
    ///
    /// # Errors
    /// When it is not one.
    pub fn from_secret(secret: &[u8]) -> Result<Self, SealError> {
        let held = Zeroizing::new(<[u8; KEY]>::try_from(secret).map_err(|_| SealError::Key)?);
        let public = agreement::PrivateKey::from_private_key(&agreement::X25519, secret)
            .map_err(|_| SealError::Key)?
            .compute_public_key()
            .map_err(|_| SealError::Key)?;
        Ok(Self {
            secret: held,
            public: SealingPublic::from_bytes(public.as_ref())?,
        })
    }

    /// The private half, to be kept where only its owner reads.
    #[must_use]
    pub fn secret(&self) -> &[u8] {
        &*self.secret
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> SealingPublic {
        self.public
    }

    /// Opens what was sealed to this key in this context.
    ///
    /// # Errors
    /// [`SealError::Form`] or [`SealError::Open`].
    pub fn open(
        &self,
        context: Context<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (form, rest) = sealed.split_first().ok_or(SealError::Form)?;
        let (encapsulated, ciphertext) = rest.split_at_checked(KEY).ok_or(SealError::Form)?;
        if *form != FORM {
            return Err(SealError::Form);
        }
        SUITE
            .open(
                &EncapsulatedSecret(encapsulated.to_vec()),
                &context.info(),
                context.about,
                ciphertext,
                &HpkePrivateKey::from(self.secret.to_vec()),
            )
            .map(Zeroizing::new)
            .map_err(|_| SealError::Open)
    }
}

impl SealingPublic {
    /// Reads a public half and tries it: there are points that nothing can be sealed to.
    ///
    /// # Errors
    /// [`SealError::Key`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SealError> {
        let key = Self(bytes.try_into().map_err(|_| SealError::Key)?);
        SUITE
            .setup_sealer(DOMAIN, &HpkePublicKey(bytes.to_vec()))
            .map_err(|_| SealError::Key)?;
        Ok(key)
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; KEY] {
        &self.0
    }

    /// Seals a secret so that only the owner of this key opens it, in this context only.
    ///
    /// # Errors
    /// [`SealError::Seal`].
    pub fn seal(&self, context: Context<'_>, secret: &[u8]) -> Result<Vec<u8>, SealError> {
        let (encapsulated, ciphertext) = SUITE
            .seal(
                &context.info(),
                context.about,
                secret,
                &HpkePublicKey(self.0.to_vec()),
            )
            .map_err(|_| SealError::Seal)?;
        let mut sealed = Vec::with_capacity(secret.len() + OVERHEAD);
        sealed.push(FORM);
        sealed.extend(encapsulated.0);
        sealed.extend(ciphertext);
        Ok(sealed)
    }
}

/// As it stands in signing requests and certificates.
impl fmt::Display for SealingPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{URI}{}", hex::encode(self.0))
    }
}

impl FromStr for SealingPublic {
    type Err = SealError;

    fn from_str(text: &str) -> Result<Self, SealError> {
        let digits = text.strip_prefix(URI).ok_or(SealError::Key)?;
        let bytes = hex::decode(digits).map_err(|_| SealError::Key)?;
        Self::from_bytes(&bytes)
    }
}
