//! How a simulated machine gets its identity.

use crate::connection::{Connection, Lost};
use crate::identity::Identity;
use crate::machine::Machine;
use crate::world::{Believed, World};
use protocol::message::{Enrol, agent_says, server_says};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;

/// What became of one try.
pub(crate) enum Entry {
    In(Identity, Arc<Believed>),
    Wait(Duration),
    Refused(String),
}

/// Why a try failed without an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnrolError {
    #[error("the key or the request could not be made")]
    Key(#[source] rcgen::Error),
    #[error(transparent)]
    Lost(#[from] Lost),
    #[error("the server answered something else than an enrolment")]
    Protocol,
    #[error("the trust that came with the certificate is not usable")]
    Trust(#[source] crate::tls::TlsError),
}

/// Facts that differ between machines.
pub(crate) fn fingerprint(machine: &Machine) -> Vec<u8> {
    Sha256::digest(machine.own(90).to_be_bytes()).to_vec()
}

/// A key for a machine, and its signing request.
pub(crate) fn key_and_request(machine: &Machine) -> Result<(KeyPair, Vec<u8>), EnrolError> {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(EnrolError::Key)?;
    let request = request(machine, &key)?;
    Ok((key, request))
}

/// A signing request for a key.
pub(crate) fn request(machine: &Machine, key: &KeyPair) -> Result<Vec<u8>, EnrolError> {
    let mut wanted = CertificateParams::default();
    wanted.distinguished_name = DistinguishedName::new();
    wanted
        .distinguished_name
        .push(DnType::CommonName, machine.hostname());
    let request = wanted.serialize_request(key).map_err(EnrolError::Key)?;
    Ok(request.der().to_vec())
}

/// Asks a server to let the machine in. The same key may ask again.
pub(crate) async fn enrol(
    machine: &Machine,
    key: &KeyPair,
    request: &[u8],
    server: &str,
    world: &World,
) -> Result<Entry, EnrolError> {
    let Some(entrance) = &world.entrance else {
        return Ok(Entry::Refused("there is no enrolment token".to_owned()));
    };
    let mut connection = Connection::open(server, Arc::clone(&entrance.tls)).await?;
    connection
        .say(agent_says::Body::Enrol(Enrol {
            protocol: protocol::VERSION,
            secret: entrance.token.secret.clone(),
            csr: request.to_vec(),
            hostname: machine.hostname(),
            platform: machine.platform().to_owned(),
            machine: fingerprint(machine),
        }))
        .await?;
    let answer = tokio::time::timeout(Duration::from_secs(60), connection.next())
        .await
        .map_err(|_| Lost::Slow)?
        .map_err(Lost::Frame)?;
    let enrolled = match answer.body {
        Some(server_says::Body::Enrolled(enrolled)) => enrolled,
        Some(server_says::Body::Goodbye(goodbye)) => {
            let wait = Duration::from_millis(u64::from(goodbye.retry_after_ms));
            return Ok(Entry::Wait(wait.max(Duration::from_secs(1))));
        }
        _ => return Err(EnrolError::Protocol),
    };
    connection.close().await;
    let again = Duration::from_secs(u64::from(enrolled.retry_after_seconds));
    match enrolled.credentials {
        Some(credentials) => {
            let trust = credentials.trust.ok_or(EnrolError::Protocol)?;
            let believed = world.believe(trust).map_err(EnrolError::Trust)?;
            let identity = Identity {
                key: key.serialized_der().into(),
                certificate: credentials.certificate.into(),
                ordinal: credentials.ordinal,
            };
            Ok(Entry::In(identity, believed))
        }
        None if enrolled.waiting => Ok(Entry::Wait(again.max(Duration::from_secs(1)))),
        None if again.is_zero() => Ok(Entry::Refused(enrolled.refused)),
        None => Ok(Entry::Wait(again)),
    }
}
