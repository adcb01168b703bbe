//! TLS on the endpoints' side: whom to believe before and after enrolment.
//!
//! Before, the endpoint knows only the fingerprint of the authority's certificate, from its token: the server's chain must hold a
//! certificate with that fingerprint, and that certificate must have signed the server's for the name [`SERVER_NAME`]. After, the trust
//! it got with its certificate holds the authorities themselves.

use protocol::message::Trust;
use protocol::{ALPN, SERVER_NAME};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    Resumption, WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor, verify_server_name,
};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use sha2::{Digest, Sha256};
use std::sync::{Arc, LazyLock};

static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The library refuses its settings.
    #[error("the TLS library does not take its settings")]
    Settings(#[source] rustls::Error),
    /// An authority's certificate cannot be used.
    #[error("an authority's certificate cannot be used")]
    Authority(#[source] rustls::Error),
    /// The check of servers cannot be built.
    #[error("the check of servers' certificates cannot be built")]
    Verifier(#[source] rustls::client::VerifierBuilderError),
    /// The endpoint's key cannot be used.
    #[error("the endpoint's key cannot be used")]
    Key(#[source] rustls::Error),
}

/// The name to connect by, whatever the address.
pub(crate) fn server_name() -> ServerName<'static> {
    static NAME: LazyLock<Option<ServerName<'static>>> =
        LazyLock::new(|| ServerName::try_from(SERVER_NAME).ok());
    // The name is a constant and a valid one; the address is only there to have no way to panic.
    NAME.clone()
        .unwrap_or(ServerName::IpAddress(std::net::Ipv4Addr::LOCALHOST.into()))
}

/// Settings for a machine that enrols.
pub(crate) fn before_enrolment(fingerprint: [u8; 32]) -> Result<Arc<ClientConfig>, TlsError> {
    Ok(Arc::new(settings(Arc::new(Fingerprint(fingerprint)))?))
}

/// Settings that all endpoints with the same trust share; each adds its own certificate by [`with_identity`].
pub(crate) fn after_enrolment(trust: &Trust) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in &trust.authorities {
        roots
            .add(CertificateDer::from(authority.as_slice()).into_owned())
            .map_err(TlsError::Authority)?;
    }
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&PROVIDER))
            .build()
            .map_err(TlsError::Verifier)?;
    settings(verifier)
}

/// Adds an endpoint's certificate and key.
pub(crate) fn with_identity(
    shared: &ClientConfig,
    certificate: &[u8],
    key: &[u8],
) -> Result<Arc<ClientConfig>, TlsError> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key));
    let chain = vec![CertificateDer::from(certificate).into_owned()];
    let certified =
        CertifiedKey::from_der(chain, key.clone_key(), &PROVIDER).map_err(TlsError::Key)?;
    let mut config = shared.clone();
    config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(certified));
    Ok(Arc::new(config))
}

fn settings(verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, TlsError> {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&PROVIDER))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(TlsError::Settings)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    // Connections live long; a store of sessions for each of thousands of endpoints would only cost memory.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Believes a server whose chain leads to the certificate with this fingerprint.
#[derive(Debug)]
struct Fingerprint([u8; 32]);

impl ServerCertVerifier for Fingerprint {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let authority = intermediates
            .iter()
            .find(|c| Sha256::digest(c.as_ref())[..] == self.0)
            .ok_or(rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer,
            ))?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = PROVIDER.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&certificate, &roots, &[], now, algorithms)?;
        verify_server_name(&certificate, &server_name())?;
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General(
            "the channel speaks TLS 1.3 only".into(),
        ))
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            dss,
            &PROVIDER.signature_verification_algorithms,
        )
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        PROVIDER
            .signature_verification_algorithms
            .supported_schemes()
    }
}
