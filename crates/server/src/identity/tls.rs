//! TLS settings of both ports, exchangeable while the server runs.
//!
//! The agent channel speaks TLS 1.3 only, asks for a client certificate and takes a connection without one too (a machine that
//! wants to enrol). Authorities and the server's certificate sit behind an [`ArcSwap`]: after a change of the authority, new
//! handshakes use the new set, open connections stay.

use super::vault::ServerSecret;
use arc_swap::ArcSwap;
use protocol::ALPN;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject as _};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
};
use std::sync::Arc;

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A stored certificate or key is unreadable.
    #[error("cannot read {what}")]
    Stored {
        /// What was read.
        what: &'static str,
        /// Library's error.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// An authority cannot be used as a root.
    #[error("an authority's certificate is not usable as a root")]
    Root(#[source] rustls::Error),
    /// The verifier cannot be built.
    #[error("cannot build the check of client certificates")]
    Verifier(#[source] rustls::server::VerifierBuilderError),
    /// Key and certificate do not work together.
    #[error("the server's certificate and key do not fit")]
    Key(#[source] rustls::Error),
    /// TLS library's settings.
    #[error("cannot set up TLS")]
    Settings(#[source] rustls::Error),
}

/// The process-wide cryptography.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: std::sync::OnceLock<Arc<CryptoProvider>> = std::sync::OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider())))
}

/// The certificate shown, whichever it is at the moment.
#[derive(Debug)]
pub(crate) struct ShownCertificate(ArcSwap<CertifiedKey>);

impl ShownCertificate {
    /// Starts with this certificate; `authority` is sent along, so that an enrolling machine can compare its fingerprint.
    pub fn new(
        secret: &ServerSecret,
        authority: &CertificateDer<'static>,
    ) -> Result<Self, TlsError> {
        Ok(Self(ArcSwap::from_pointee(certified(secret, authority)?)))
    }
    /// Shows another one from now on.
    pub fn replace(&self, other: Self) {
        self.0.store(other.0.into_inner());
    }
}

impl ResolvesServerCert for ShownCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

fn certified(
    secret: &ServerSecret,
    authority: &CertificateDer<'static>,
) -> Result<CertifiedKey, TlsError> {
    let stored = |what| move |source| TlsError::Stored { what, source };
    let certificate = CertificateDer::from_pem_slice(secret.certificate.as_bytes())
        .map_err(stored("the server's certificate"))?;
    let key =
        PrivateKeyDer::from_pem_slice(secret.key.as_bytes()).map_err(stored("the server's key"))?;
    CertifiedKey::from_der(vec![certificate, authority.clone()], key, &provider())
        .map_err(TlsError::Key)
}

/// Checks client certificates against the authorities of the moment.
#[derive(Debug)]
pub(crate) struct ClientCheck(ArcSwap<Inner>);

#[derive(Debug)]
struct Inner(Arc<dyn ClientCertVerifier>);

impl ClientCheck {
    /// Starts with these authorities.
    pub fn new(authorities: &[CertificateDer<'static>]) -> Result<Self, TlsError> {
        Ok(Self(ArcSwap::from_pointee(verifier(authorities)?)))
    }
    /// Believes the authorities of another one from now on.
    pub fn replace(&self, other: Self) {
        self.0.store(other.0.into_inner());
    }
}

fn verifier(authorities: &[CertificateDer<'static>]) -> Result<Inner, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone()).map_err(TlsError::Root)?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
        .allow_unauthenticated()
        .build()
        .map(Inner)
        .map_err(TlsError::Verifier)
}

impl ClientCertVerifier for ClientCheck {
    fn client_auth_mandatory(&self) -> bool {
        false
    }
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // Agents hold one certificate; a hint would only cost bytes in every handshake.
        &[]
    }
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.0
            .load()
            .0
            .verify_client_cert(end_entity, intermediates, now)
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.load().0.verify_tls12_signature(message, cert, dss)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.load().0.verify_tls13_signature(message, cert, dss)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.load().0.supported_verify_schemes()
    }
}

/// Settings of the agent channel.
pub(crate) fn agent_channel(
    shown: Arc<ShownCertificate>,
    check: Arc<ClientCheck>,
) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(TlsError::Settings)?
        .with_client_cert_verifier(check)
        .with_cert_resolver(shown);
    config.alpn_protocols = vec![ALPN.to_vec()];
    // A connection lives for weeks and identity is checked on each: resumption would only cost memory and a second way in.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    Ok(config)
}

/// Settings of the HTTPS port: TLS 1.3, HTTP/1.1, the same certificate.
pub(crate) fn https(shown: Arc<ShownCertificate>) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(TlsError::Settings)?
        .with_no_client_auth()
        .with_cert_resolver(shown);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
