//! TLS from an identity: version 1.3 only ([RFC 8446]), ALPN `cordon/1`, client certificate, the server verified by the
//! authorities that the endpoint trusts under the name [`SERVER_NAME`].
//!
//! A machine that enrols has no authorities yet. Its token carries the fingerprint of one, and [`PinnedAuthority`]
//! believes exactly the chains that end there.
//!
//! [RFC 8446]: https://www.rfc-editor.org/rfc/rfc8446

use super::{Identity, IdentityError};
use protocol::{ALPN, SERVER_NAME};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    Resumption, WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor, verify_server_name,
};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// For the channel of an enrolled endpoint.
///
/// # Errors
/// When the identity has no certificate, or its parts do not fit.
pub fn for_channel(identity: &Identity) -> Result<Arc<ClientConfig>, IdentityError> {
    let certificate = identity
        .certificate()
        .ok_or(IdentityError::Credentials("there is no certificate yet"))?;
    let mut roots = RootCertStore::empty();
    for authority in &identity.trust.authorities {
        roots
            .add(CertificateDer::from(authority.as_slice()).into_owned())
            .map_err(IdentityError::Tls)?;
    }
    let provider = provider();
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|error| IdentityError::Tls(Error::General(error.to_string())))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(IdentityError::Tls)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_auth_cert(
            vec![CertificateDer::from(certificate).into_owned()],
            identity.key_der().into(),
        )
        .map_err(IdentityError::Tls)?;
    Ok(finish(config))
}

/// Checks that one of these authorities issued a client certificate, as of the moment when its life begins: this
/// machine's clock may be wrong.
///
/// # Errors
/// When none did.
pub fn check_issued(
    certificate: &[u8],
    not_before: i64,
    authorities: &[Vec<u8>],
) -> Result<(), IdentityError> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots
            .add(CertificateDer::from(authority.as_slice()).into_owned())
            .map_err(IdentityError::Tls)?;
    }
    let begin = Duration::from_secs(u64::try_from(not_before).unwrap_or(0));
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| IdentityError::Tls(Error::General(error.to_string())))?
        .verify_client_cert(
            &CertificateDer::from(certificate),
            &[],
            UnixTime::since_unix_epoch(begin),
        )
        .map(drop)
        .map_err(IdentityError::Issuer)
}

/// For a machine that enrols and knows only the authority's fingerprint.
///
/// # Errors
/// When TLS cannot be set up.
pub fn for_enrolment(fingerprint: [u8; 32]) -> Result<Arc<ClientConfig>, IdentityError> {
    let provider = provider();
    let verifier = PinnedAuthority {
        fingerprint,
        algorithms: provider.signature_verification_algorithms,
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(IdentityError::Tls)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(finish(config))
}

fn finish(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.alpn_protocols = vec![ALPN.to_vec()];
    // One connection that lives for days gains nothing from tickets, and a revoked identity must not resume.
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

/// The name to ask for in the handshake.
///
/// # Errors
/// Never in practice; the name is a constant.
pub fn server_name() -> Result<ServerName<'static>, IdentityError> {
    ServerName::try_from(SERVER_NAME)
        .map_err(|_| IdentityError::Tls(Error::General("server name".into())))
}

/// Believes a server whose chain ends in the authority with this fingerprint.
#[derive(Debug)]
struct PinnedAuthority {
    fingerprint: [u8; 32],
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for PinnedAuthority {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let authority = intermediates
            .iter()
            .find(|der| Sha256::digest(der.as_ref()).as_slice() == self.fingerprint)
            .ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let certificate = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &roots,
            intermediates,
            now,
            self.algorithms.all,
        )?;
        verify_server_name(&certificate, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken here".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
