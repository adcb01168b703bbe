//! Letting machines in: a token's secret and a key go in, a certificate and an ordinal come out.
//!
//! The store decides in one transaction, so a single-use token lets one machine in however many ask at once. A machine whose
//! connection broke before it had its certificate asks again with the same key and gets one, without using the token again.

use super::Identity;
use super::authority::{CertificateError, RequestedKey};
use crate::model::endpoint::{Endpoint, Refusal, Standing};
use crate::store::endpoints::{Applicant, Enrolment};
use jiff::Timestamp;
use protocol::message::{Credentials, Enrol, Enrolled};
use rcgen::PublicKeyData;
use sha2::{Digest as _, Sha256};

/// How long a machine that waits for approval should wait before it asks again.
const ASK_AGAIN_SECONDS: u32 = 15;

/// A text that an endpoint gave, short and without control characters.
pub(crate) fn tame(text: &str, longest: usize) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(longest)
        .collect()
}

impl Identity {
    /// Decides about a machine that wants in. Refusals are answers too.
    pub(crate) async fn enrol(&self, request: Enrol) -> Enrolled {
        match self.try_enrol(request).await {
            Ok(enrolled) => enrolled,
            Err(refusal) => Enrolled {
                credentials: None,
                waiting: false,
                refused: refusal.to_string(),
                retry_after_seconds: if refusal == Refusal::Unavailable {
                    ASK_AGAIN_SECONDS
                } else {
                    0
                },
            },
        }
    }

    async fn try_enrol(&self, request: Enrol) -> Result<Enrolled, Refusal> {
        let key = RequestedKey::read(&request.csr).map_err(|error| {
            tracing::info!(%error, "a signing request was refused");
            Refusal::Request
        })?;
        let applicant = Applicant {
            id: key.id(),
            hostname: tame(&request.hostname, 255),
            platform: tame(&request.platform, 32),
            machine: request.machine.into_iter().take(64).collect(),
            secret: Sha256::digest(&request.secret).into(),
            now: self.clock.now(),
        };
        let enrolment = self.store.enrol(applicant).await.map_err(|error| {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "an enrolment could not be stored"
            );
            Refusal::Unavailable
        })?;
        let endpoint = match enrolment {
            Enrolment::Refused(refusal) => return Err(refusal),
            Enrolment::Known { endpoint, added } => {
                if added {
                    tracing::info!(ordinal = endpoint.ordinal, id = %endpoint.id, hostname = endpoint.hostname, standing = ?endpoint.standing, "an endpoint enrolled");
                    self.admit(endpoint.clone());
                }
                endpoint
            }
        };
        match endpoint.standing {
            Standing::Revoked => Err(Refusal::Revoked),
            Standing::Waiting => Ok(Enrolled {
                credentials: None,
                waiting: true,
                refused: String::new(),
                retry_after_seconds: ASK_AGAIN_SECONDS,
            }),
            Standing::Approved => {
                let credentials = self.issue(&endpoint, key.key()).await.map_err(|error| {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "a certificate could not be issued"
                    );
                    Refusal::Unavailable
                })?;
                self.trust_sent(endpoint.ordinal, self.trust_version());
                Ok(Enrolled {
                    credentials: Some(credentials),
                    waiting: false,
                    refused: String::new(),
                    retry_after_seconds: 0,
                })
            }
        }
    }

    /// A new certificate for a connected endpoint: for the key of this request, or none when the request is bad.
    pub(crate) async fn renew(
        &self,
        ordinal: u32,
        request: &[u8],
    ) -> Result<Credentials, CertificateError> {
        let key = RequestedKey::read(request)?;
        let endpoint = self
            .by_ordinal(ordinal)
            .ok_or(CertificateError::NoEndpoint)?;
        self.issue(&endpoint, key.key()).await
    }

    /// A new certificate for the key a connected endpoint has already.
    pub(crate) async fn reissue(
        &self,
        ordinal: u32,
        key: &[u8],
    ) -> Result<Credentials, CertificateError> {
        let key = rcgen::SubjectPublicKeyInfo::from_der(key).map_err(CertificateError::Request)?;
        let endpoint = self
            .by_ordinal(ordinal)
            .ok_or(CertificateError::NoEndpoint)?;
        self.issue(&endpoint, &key).await
    }

    async fn issue(
        &self,
        endpoint: &Endpoint,
        key: &impl PublicKeyData,
    ) -> Result<Credentials, CertificateError> {
        let (issued, issuer, bundle) = {
            let trust = self.trust.load();
            let authority = trust.issuing().ok_or(CertificateError::NoEndpoint)?;
            let issued =
                authority.issue_endpoint(endpoint.id, key, self.clock.now().as_second())?;
            (issued, trust.issuer(), trust.bundle.clone())
        };
        let until = Timestamp::from_second(issued.not_after).unwrap_or(Timestamp::MAX);
        let ordinal = endpoint.ordinal;
        let noted = vec![(ordinal, issuer.clone(), until)];
        // The note serves people and the end of a change of authority; the certificate is good without it.
        if let Err(error) = self.store.certificates_issued(noted).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                ordinal,
                "a new certificate could not be noted"
            );
        }
        self.amend(ordinal, |e| {
            e.issuer = issuer;
            e.certificate_until = Some(until);
        });
        Ok(Credentials {
            certificate: issued.certificate.as_ref().to_vec(),
            ordinal,
            trust: Some(bundle),
        })
    }
}
