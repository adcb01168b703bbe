//! Making and using certificate authorities: the authority itself, the server's certificate, endpoints' certificates.
//!
//! X.509 as in RFC 5280, ECDSA P-256. An endpoint's certificate says only which endpoint it is (common name = endpoint id);
//! everything else about the endpoint is in the server's store, where it can change.

use super::vault::{AuthoritySecret, ServerSecret};
use crate::model::ids::EndpointId;
use crate::store::StoreError;
use protocol::SERVER_NAME;
use protocol::sealing::{self, SealingPublic};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType,
    SerialNumber,
};
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, pem::PemObject as _};
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// Life of an endpoint's certificate.
pub const ENDPOINT_LIFE: Duration = Duration::from_secs(90 * 86_400);
const AUTHORITY_LIFE: Duration = Duration::from_secs(3650 * 86_400);
const SERVER_LIFE: Duration = Duration::from_secs(397 * 86_400);
/// Certificates begin a little in the past, because clocks differ.
const SLACK: Duration = Duration::from_secs(3600);

/// Why a certificate could not be made or a request not be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The random source failed.
    #[error("the system gave no random bytes")]
    Random(#[source] getrandom::Error),
    /// A key or certificate could not be made.
    #[error("cannot make {what}")]
    Make {
        /// What was made.
        what: &'static str,
        /// Library's error.
        #[source]
        source: rcgen::Error,
    },
    /// A stored certificate or key is unreadable.
    #[error("cannot read {what}")]
    Stored {
        /// What was read.
        what: &'static str,
        /// Library's error.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// The authority's own certificate.
    #[error("the authority's certificate is not readable")]
    Unreadable,
    /// A signing request that is damaged or not signed by its own key.
    #[error("the certificate signing request is not valid")]
    Request(#[source] rcgen::Error),
    /// A key of a kind that is not accepted.
    #[error("the key in the signing request is neither ECDSA P-256 nor Ed25519")]
    KeyKind,
    /// A sealing key that is none.
    #[error("the signing request names a sealing key that cannot be used, or several")]
    SealingKey,
    /// The store.
    #[error("the keys of the endpoint could not be stored")]
    Store(#[source] StoreError),
    /// The endpoint is gone.
    #[error("the endpoint is not known any more")]
    NoEndpoint,
    /// The private key is elsewhere.
    #[error(
        "the authority's private key is kept elsewhere and is not at hand; what needs it waits"
    )]
    Away,
}

/// An authority ready to sign.
pub(crate) struct Authority {
    /// Certificate.
    pub certificate: CertificateDer<'static>,
    /// The same as PEM.
    pub pem: String,
    /// Its name as it stands in what it issued, DER.
    pub subject: Vec<u8>,
    /// `None` while the private key is kept elsewhere.
    issuer: Option<Issuer<'static, KeyPair>>,
}

/// A key that asked for a certificate and showed, by its signature, that it is there.
pub(crate) struct RequestedKey {
    request: CertificateSigningRequestParams,
    sealing: Option<SealingPublic>,
}

/// A certificate as the server handed it out.
pub(crate) struct Issued {
    /// Certificate, DER.
    pub certificate: CertificateDer<'static>,
    /// End of its life, seconds since 1970.
    pub not_after: i64,
}

fn make(what: &'static str) -> impl Fn(rcgen::Error) -> CertificateError {
    move |source| CertificateError::Make { what, source }
}

fn serial() -> Result<SerialNumber, CertificateError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(CertificateError::Random)?;
    // Positive, and of full length.
    bytes[0] = (bytes[0] & 0x7f) | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn set_life(params: &mut CertificateParams, now: i64, life: Duration) -> i64 {
    let now_since = Duration::from_secs(u64::try_from(now).unwrap_or(0));
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + now_since.saturating_sub(SLACK);
    let end = now_since.saturating_add(life);
    params.not_after = epoch + end;
    i64::try_from(end.as_secs()).unwrap_or(i64::MAX)
}

/// SHA-256 of a certificate.
pub(crate) fn fingerprint(certificate: &CertificateDer<'_>) -> [u8; 32] {
    Sha256::digest(certificate.as_ref()).into()
}

impl Authority {
    /// Makes a new authority.
    pub fn create(now: i64) -> Result<AuthoritySecret, CertificateError> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)
            .map_err(make("the authority's key"))?;
        let mut params = CertificateParams::default();
        let serial = serial()?;
        // Authorities that replace one another must differ in name, or chains are built from the wrong one.
        let short: String = hex::encode(serial.to_bytes()).chars().take(8).collect();
        params.serial_number = Some(serial);
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, format!("Cordon authority {short}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        set_life(&mut params, now, AUTHORITY_LIFE);
        let certificate = params
            .self_signed(&key)
            .map_err(make("the authority's certificate"))?;
        Ok(AuthoritySecret {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }

    /// Reads an authority back.
    pub fn load(secret: &AuthoritySecret) -> Result<Self, CertificateError> {
        let certificate =
            CertificateDer::from_pem_slice(secret.certificate.as_bytes()).map_err(|source| {
                CertificateError::Stored {
                    what: "the authority's certificate",
                    source,
                }
            })?;
        let issuer = if secret.key.is_empty() {
            None
        } else {
            let key = KeyPair::from_pem(&secret.key).map_err(make("the authority's key"))?;
            let issuer = Issuer::from_ca_cert_der(&certificate, key)
                .map_err(make("an issuer from the authority's certificate"))?;
            Some(issuer)
        };
        let subject = x509_parser::parse_x509_certificate(&certificate)
            .map(|(_, parsed)| parsed.subject().as_raw().to_vec())
            .map_err(|_| CertificateError::Unreadable)?;
        Ok(Self {
            certificate,
            pem: secret.certificate.clone(),
            subject,
            issuer,
        })
    }

    /// Whether the private key is here.
    pub fn can_issue(&self) -> bool {
        self.issuer.is_some()
    }

    fn issuer(&self) -> Result<&Issuer<'static, KeyPair>, CertificateError> {
        self.issuer.as_ref().ok_or(CertificateError::Away)
    }

    /// The same authority with this private key (PKCS #8 PEM); `None` when it is another's.
    pub fn with_key(&self, pem: &str) -> Option<Self> {
        let key = KeyPair::from_pem(pem).ok()?;
        let (_, certificate) = x509_parser::parse_x509_certificate(&self.certificate).ok()?;
        if certificate.public_key().raw != key.subject_public_key_info().as_slice() {
            return None;
        }
        Some(Self {
            certificate: self.certificate.clone(),
            pem: self.pem.clone(),
            subject: self.subject.clone(),
            issuer: Some(Issuer::from_ca_cert_der(&self.certificate, key).ok()?),
        })
    }

    /// SHA-256 of the certificate.
    pub fn fingerprint(&self) -> [u8; 32] {
        fingerprint(&self.certificate)
    }

    /// Issues the certificate that the server shows.
    pub fn issue_server(
        &self,
        names: &[String],
        now: i64,
    ) -> Result<ServerSecret, CertificateError> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)
            .map_err(make("the server's key"))?;
        let mut params = CertificateParams::default();
        params.serial_number = Some(serial()?);
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, SERVER_NAME);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        for name in std::iter::once(SERVER_NAME).chain(names.iter().map(String::as_str)) {
            let san = match name.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(name.try_into().map_err(make("a name for the server"))?),
            };
            if !params.subject_alt_names.contains(&san) {
                params.subject_alt_names.push(san);
            }
        }
        let not_after = set_life(&mut params, now, SERVER_LIFE);
        let certificate = params
            .signed_by(&key, self.issuer()?)
            .map_err(make("the server's certificate"))?;
        Ok(ServerSecret {
            names: names.to_vec(),
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            not_after,
            issuer: hex::encode(self.fingerprint()),
        })
    }

    /// Issues an endpoint's certificate for this public key, naming its sealing key.
    pub fn issue_endpoint(
        &self,
        id: EndpointId,
        key: &impl PublicKeyData,
        sealing: Option<SealingPublic>,
        now: i64,
    ) -> Result<Issued, CertificateError> {
        let mut params = CertificateParams::default();
        params.serial_number = Some(serial()?);
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, id.to_string());
        if let Some(sealing) = sealing {
            let uri = sealing.to_string();
            let uri = uri.try_into().map_err(make("an endpoint's certificate"))?;
            params.subject_alt_names.push(SanType::URI(uri));
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let not_after = set_life(&mut params, now, ENDPOINT_LIFE);
        let certificate = params
            .signed_by(key, self.issuer()?)
            .map_err(make("an endpoint's certificate"))?;
        Ok(Issued {
            certificate: certificate.der().clone(),
            not_after,
        })
    }
}

impl RequestedKey {
    /// Reads a request and checks that its own key signed it. Of its content only the keys are used.
    pub fn read(request: &[u8]) -> Result<Self, CertificateError> {
        let request =
            CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(request))
                .map_err(CertificateError::Request)?;
        let kind = request.public_key.algorithm();
        if kind != &rcgen::PKCS_ECDSA_P256_SHA256 && kind != &rcgen::PKCS_ED25519 {
            return Err(CertificateError::KeyKind);
        }
        let sealing = named_sealing(&request.params.subject_alt_names)?;
        Ok(Self { request, sealing })
    }

    /// The sealing key that this key signed for.
    pub fn sealing(&self) -> Option<SealingPublic> {
        self.sealing
    }

    /// The endpoint that this key makes.
    pub fn id(&self) -> EndpointId {
        EndpointId(self.digest())
    }

    /// SHA-256 of the key.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.request.public_key.subject_public_key_info()).into()
    }

    /// The key itself.
    pub fn key(&self) -> &impl PublicKeyData {
        &self.request.public_key
    }
}

/// The sealing key among the names that a request asks for.
fn named_sealing(names: &[SanType]) -> Result<Option<SealingPublic>, CertificateError> {
    let mut named = names.iter().filter_map(|name| match name {
        SanType::URI(uri) if uri.as_str().starts_with(sealing::URI) => Some(uri.as_str()),
        _ => None,
    });
    let Some(first) = named.next() else {
        return Ok(None);
    };
    match (first.parse(), named.next()) {
        (Ok(key), None) => Ok(Some(key)),
        _ => Err(CertificateError::SealingKey),
    }
}
