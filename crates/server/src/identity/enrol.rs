//! Letting machines in: a token's secret and a key go in, a certificate and an ordinal come out.
//!
//! The store decides in one transaction, so a single-use token lets one machine in however many ask at once. A machine whose
//! connection broke before it had its certificate asks again with the same key and gets one, without using the token again.

use super::Identity;
use super::authority::{CertificateError, RequestedKey};
use crate::audit::Refused;
use crate::model::actor::Actor;
use crate::model::endpoint::{Refusal, Standing};
use crate::store::StoreError;
use crate::store::endpoints::{Applicant, Enrolment};
use protocol::message::{Enrol, Enrolled};
use sha2::{Digest as _, Sha256};
use std::net::IpAddr;

/// How long a machine that waits for approval should wait before it asks again.
const ASK_AGAIN_SECONDS: u32 = 15;

/// A text that an endpoint gave, short and without control characters.
pub(crate) fn tame(text: &str, longest: usize) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(longest)
        .collect()
}

fn waiting() -> Enrolled {
    Enrolled {
        credentials: None,
        waiting: true,
        refused: String::new(),
        retry_after_seconds: ASK_AGAIN_SECONDS,
    }
}

impl Identity {
    /// Decides about a machine that wants in. Refusals are answers too, and in the audit log.
    pub(crate) async fn enrol(&self, request: Enrol, address: IpAddr) -> Enrolled {
        let now = self.clock.moment();
        let refused = |hostname: &str, reason: &str| {
            self.tally.refused(Refused {
                action: "enrolment.refused",
                who: Actor::Unknown,
                address,
                object: String::new(),
                detail: serde_json::json!({"hostname": tame(hostname, 255), "reason": reason}),
            });
        };
        if let Err(wait) = self.guesses.admit(address, now) {
            let seconds = wait.as_secs() + 1;
            let reason = format!(
                "too many wrong enrolment tokens came from this address; try again in {seconds} seconds"
            );
            refused(&request.hostname, "too many wrong tokens");
            return Enrolled {
                refused: reason,
                retry_after_seconds: u32::try_from(seconds).unwrap_or(ASK_AGAIN_SECONDS),
                ..Enrolled::default()
            };
        }
        let hostname = request.hostname.clone();
        let outcome = self.try_enrol(request).await;
        if let Err(refusal) = &outcome
            && !refusal.is_passing()
        {
            self.guesses.wrong(address, now);
            refused(&hostname, &refusal.to_string());
        }
        match outcome {
            Ok(enrolled) => enrolled,
            Err(refusal) => Enrolled {
                credentials: None,
                waiting: false,
                refused: refusal.to_string(),
                retry_after_seconds: if refusal.is_passing() {
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
            sealing: key.sealing().map(|sealing| *sealing.as_bytes()),
            secret: Sha256::digest(&request.secret).into(),
            now: self.clock.now(),
        };
        let enrolment = self.store.enrol(applicant).await.map_err(|error| {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "an enrolment could not be stored"
            );
            match error {
                StoreError::Full { .. } => Refusal::Full,
                _ => Refusal::Unavailable,
            }
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
            Standing::Waiting => Ok(waiting()),
            Standing::Approved => {
                self.amend(endpoint.ordinal, |e| e.keys = endpoint.keys);
                let issued = self.issue(&endpoint, key.key(), endpoint.sealing());
                let (credentials, certified) = match issued {
                    Ok(issued) => issued,
                    Err(CertificateError::Away) => {
                        tracing::warn!(ordinal = endpoint.ordinal, id = %endpoint.id, "an endpoint waits for its certificate: the authority's key is not at hand");
                        return Ok(waiting());
                    }
                    Err(error) => {
                        tracing::error!(
                            error = &error as &dyn std::error::Error,
                            "a certificate could not be issued"
                        );
                        return Err(Refusal::Unavailable);
                    }
                };
                // It is not enrolled before it has written all of this down.
                self.trust_held(endpoint.ordinal, self.trust_version());
                self.certificate_held(endpoint.ordinal, &certified).await;
                Ok(Enrolled {
                    credentials: Some(credentials),
                    waiting: false,
                    refused: String::new(),
                    retry_after_seconds: 0,
                })
            }
        }
    }
}
