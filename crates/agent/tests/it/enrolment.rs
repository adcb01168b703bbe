//! Getting an identity, renewing it, losing it.

use crate::fake::Fake;
use crate::server::{Authority, ORDINAL, Server, run, run_in};
use agent::identity::Identity;
use agent::outside::{Outside, Patience};
use agent::{AgentError, EnrolError, EnrolOutcome, LiftError, LinkError};
use ed25519_dalek::SigningKey;
use protocol::message::{Enrolled, Goodbye, Revoked, agent_says, server_says};
use protocol::order::{sign, sign_trust};
use protocol::sealing::Context;
use sha2::{Digest, Sha256};
use std::time::Duration;

#[tokio::test]
async fn enrols_once_and_keeps_its_identity() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    assert!(!agent::is_enrolled(folder.path()));
    server.enrol(folder.path()).await;
    assert!(agent::is_enrolled(folder.path()));
    let identity = Identity::load(folder.path()).unwrap().unwrap();
    assert_eq!(identity.ordinal, ORDINAL);
    assert_eq!(identity.trust, server.trust());
    let again = agent::enrol(&server.token(), folder.path()).await;
    assert!(
        matches!(again, Err(EnrolError::AlreadyEnrolled { .. })),
        "{again:?}"
    );
}

#[tokio::test]
async fn another_authority_is_not_believed() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut token = server.token();
    token.authority_fingerprint = Sha256::digest(&Authority::new("other").der).into();
    let (outcome, ()) = tokio::join!(agent::enrol(&token, folder.path()), server.accept_failure());
    assert!(
        matches!(outcome, Err(EnrolError::Server { .. })),
        "{outcome:?}"
    );
    assert!(!agent::is_enrolled(folder.path()));
}

#[tokio::test]
async fn waits_for_approval_with_the_same_key() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    let token = server.token();
    let mut keys = Vec::new();
    for _ in 0..2 {
        let serve = async {
            let mut peer = server.accept().await;
            let agent_says::Body::Enrol(enrol) = peer.hear().await else {
                panic!("no enrolment");
            };
            let waiting = Enrolled {
                waiting: true,
                retry_after_seconds: 30,
                ..Enrolled::default()
            };
            peer.say(server_says::Body::Enrolled(waiting)).await;
            enrol.csr
        };
        let (outcome, csr) = tokio::join!(agent::enrol(&token, folder.path()), serve);
        let retry_after = Duration::from_secs(30);
        assert_eq!(outcome.unwrap(), EnrolOutcome::Waiting { retry_after });
        let request = rcgen::CertificateSigningRequestParams::from_der(&csr.into()).unwrap();
        keys.push(rcgen::PublicKeyData::subject_public_key_info(
            &request.public_key,
        ));
    }
    assert_eq!(keys[0], keys[1]);
    let ended = run(folder.path(), &Fake::new(), &[]).ended().await;
    assert!(matches!(ended, Err(AgentError::NotApproved)), "{ended:?}");
    server.enrol(folder.path()).await;
    assert!(agent::is_enrolled(folder.path()));
}

#[tokio::test]
async fn a_refusal_names_its_reason() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    let token = server.token();
    let serve = async {
        let mut peer = server.accept().await;
        peer.hear().await;
        let refused = Enrolled {
            refused: "the token was used up".into(),
            ..Enrolled::default()
        };
        peer.say(server_says::Body::Enrolled(refused)).await;
        peer
    };
    let (outcome, _peer) = tokio::join!(agent::enrol(&token, folder.path()), serve);
    let words = outcome.unwrap_err().to_string();
    assert!(words.contains("the token was used up"), "{words}");
}

#[tokio::test]
async fn renews_after_two_thirds_of_its_life() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol_with_life(folder.path(), 61, 29).await;
    let running = run(folder.path(), &Fake::new(), &[]);
    let (mut peer, _) = server.greet().await;
    let old = peer.certificate().unwrap();
    let agent_says::Body::Renew(csr) = peer.hear().await else {
        panic!("no renewal");
    };
    let credentials = server.credentials(&csr, 0, 90);
    let digest = Sha256::digest(&credentials.certificate).to_vec();
    peer.say(server_says::Body::Renewed(credentials)).await;
    peer.settle().await;
    let holds = peer.holds.take().unwrap();
    assert_eq!((holds.trust_version, holds.certificate), (1, digest));
    drop(peer);
    let (mut peer, _) = server.greet().await;
    assert_ne!(
        peer.certificate().unwrap(),
        old,
        "the next connection shows the new one"
    );
    peer.settle().await;
    running.stop().await;
}

/// A certificate that no trusted authority issued, one for somebody else, or an old one, would keep the endpoint away from
/// every server for good. Whoever holds only a server's TLS key could send them.
#[tokio::test]
async fn a_certificate_that_would_lock_it_out_is_not_taken() {
    let server = Server::start().await;
    let stranger = Authority::new("test authority");
    let folder = tempfile::tempdir().unwrap();
    server.enrol_with_life(folder.path(), 61, 29).await;
    let running = run(folder.path(), &Fake::new(), &[]);
    let (mut peer, _) = server.greet().await;
    let before = Identity::load(folder.path()).unwrap().unwrap();
    let agent_says::Body::Renew(csr) = peer.hear().await else {
        panic!("no renewal");
    };
    let endpoint = hex::encode([0xAB; 32]);
    let good = server.credentials(&csr, 0, 90);
    let certificates = [
        stranger.certify(&csr, &endpoint, 0, 90),
        server.authority.certify(&csr, &hex::encode([1; 32]), 0, 90),
        server.authority.certify(&csr, &endpoint, 61, 1),
        vec![1, 2, 3],
    ];
    for certificate in certificates {
        let mut bad = good.clone();
        bad.certificate = certificate;
        peer.say(server_says::Body::Renewed(bad)).await;
        peer.settle().await;
        assert_eq!(peer.holds, None);
    }
    let after = Identity::load(folder.path()).unwrap().unwrap();
    assert_eq!(after.certificate(), before.certificate());
    peer.say(server_says::Body::Renewed(good.clone())).await;
    peer.settle().await;
    let after = Identity::load(folder.path()).unwrap().unwrap();
    assert_eq!(after.certificate(), Some(&good.certificate[..]));
    running.stop().await;
}

#[tokio::test]
async fn the_sealing_key_is_made_kept_and_named_by_the_certificate() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol(folder.path()).await;
    let identity = Identity::load(folder.path()).unwrap().unwrap();
    let own = identity.sealing().unwrap().public();
    assert_eq!(identity.named().unwrap().sealing, Some(own));
    let context = Context {
        endpoint: &[0xAB; 32],
        purpose: "a test",
        about: b"",
    };
    let sealed = own.seal(context, b"for you only").unwrap();
    let opened = identity.sealing().unwrap().open(context, &sealed).unwrap();
    assert_eq!(&**opened, b"for you only");
}

/// An identity of before there were sealing keys: its folder, and its certificate.
#[tokio::test]
async fn an_old_identity_gains_a_sealing_key() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol_unsealed(folder.path()).await;
    let running = run(folder.path(), &Fake::new(), &[]);
    let (mut peer, _) = server.greet().await;
    let agent_says::Body::Renew(csr) = peer.hear().await else {
        panic!("no renewal");
    };
    // A server that knows nothing of sealing keys is asked once, not for ever.
    let mut unsealed = server.credentials(&csr, 0, 90);
    unsealed.certificate = server.authority.certify_unsealed(&csr, 0, 90);
    peer.say(server_says::Body::Renewed(unsealed)).await;
    peer.settle().await;
    running.stop().await;
    drop(peer);

    let running = run(folder.path(), &Fake::new(), &[]);
    let (mut peer, _) = server.greet().await;
    let agent_says::Body::Renew(again) = peer.hear().await else {
        panic!("no renewal after a new start");
    };
    let mut foreign = server.credentials(&again, 0, 90);
    foreign.certificate = server.authority.certify_other_sealing(&again, 0, 90);
    peer.say(server_says::Body::Renewed(foreign)).await;
    peer.settle().await;
    let kept = Identity::load(folder.path()).unwrap().unwrap();
    assert_eq!(kept.named().unwrap().sealing, None, "not its own key");
    peer.say(server_says::Body::Renewed(
        server.credentials(&again, 0, 91),
    ))
    .await;
    peer.settle().await;
    running.stop().await;
    let kept = Identity::load(folder.path()).unwrap().unwrap();
    let own = kept.sealing().map(|key| key.public());
    assert_eq!(kept.named().unwrap().sealing, own);
    assert!(own.is_some());
}

#[tokio::test]
async fn a_change_of_trust_is_checked_taken_and_followed_by_a_renewal() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol(folder.path()).await;
    let running = run(folder.path(), &Fake::new(), &[]);
    let (mut peer, hello) = server.greet().await;
    assert_eq!(hello.trust_version, 1);

    let new_key = SigningKey::from_bytes(&[8; 32]);
    let mut trust = server.trust();
    trust.version = 2;
    trust
        .order_keys
        .push(new_key.verifying_key().to_bytes().to_vec());
    trust.authorities.push(Authority::new("next").der);

    peer.say(server_says::Body::Trust(sign_trust(&trust, &new_key)))
        .await;
    assert_eq!(peer.refusal().await.code, "unknown-key");
    let order = server.question(1, "Get Word from all machines");
    peer.order(sign(order.clone(), &new_key)).await;
    assert_eq!(peer.refusal().await.code, "unknown-key");

    peer.say(server_says::Body::Trust(sign_trust(&trust, &server.key)))
        .await;
    let agent_says::Body::Renew(csr) = peer.hear().await else {
        panic!("new authorities make a new certificate due");
    };
    assert_eq!(peer.holds.take().unwrap().trust_version, 2);
    peer.say(server_says::Body::Renewed(server.credentials(&csr, 0, 90)))
        .await;
    peer.order(sign(order, &new_key)).await;
    let parts = peer.answer().await;
    peer.stored(&parts).await;
    peer.say(server_says::Body::Trust(sign_trust(&trust, &server.key)))
        .await;
    assert_eq!(peer.refusal().await.code, "replayed");
    running.stop().await;
    assert_eq!(Identity::load(folder.path()).unwrap().unwrap().trust, trust);
}

#[tokio::test]
async fn a_revoked_endpoint_does_not_come_back() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol(folder.path()).await;
    let running = run(folder.path(), &Fake::new(), &[]);
    let (mut peer, _) = server.greet().await;
    peer.say(server_says::Body::Revoked(
        server.revocation(&server.key, 1_000),
    ))
    .await;
    let ended = running.ended().await;
    assert!(
        matches!(ended, Err(AgentError::Link(LinkError::Revoked(_)))),
        "{ended:?}"
    );
    assert!(!agent::is_enrolled(folder.path()));
    let ended = run(folder.path(), &Fake::new(), &[]).ended().await;
    assert!(matches!(ended, Err(AgentError::Revoked)), "{ended:?}");
    // A new token gives it a new key.
    let before = Identity::load(folder.path())
        .unwrap()
        .unwrap()
        .signing_request()
        .unwrap();
    server.enrol(folder.path()).await;
    let after = Identity::load(folder.path())
        .unwrap()
        .unwrap()
        .signing_request()
        .unwrap();
    let key = |csr: Vec<u8>| {
        let request = rcgen::CertificateSigningRequestParams::from_der(&csr.into()).unwrap();
        rcgen::PublicKeyData::subject_public_key_info(&request.public_key)
    };
    assert_ne!(key(before), key(after));
}

/// Whoever has only the server's TLS key says goodbye with "revoked", with and without a signature of its own: the
/// endpoint comes back, obeys, and stands in its folder as before.
#[tokio::test]
async fn nobody_without_an_order_key_ends_an_endpoint() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol(folder.path()).await;
    // Every greeting makes a good connection, so that the waits between them stay short.
    let outside = Outside {
        patience: Patience {
            held: Duration::ZERO,
            ..Patience::default()
        },
        ..Outside::default()
    };
    let running = run_in(folder.path(), &Fake::new(), &[], None, outside);
    let bye = || {
        server_says::Body::Goodbye(Goodbye {
            reason: "revoked by admin".into(),
            retry_after_ms: 0,
            revoked: true,
        })
    };
    let stranger = SigningKey::from_bytes(&[66; 32]);
    let mut forged = server.revocation(&stranger, 1_000);
    forged.statements[0].key = server.key.verifying_key().to_bytes().to_vec();
    let claims = [
        None,
        Some(server.revocation(&stranger, 1_000)),
        Some(forged),
        Some(Revoked::default()),
    ];
    for claim in claims {
        // In place of the greeting, and after it.
        for greeted in [false, true] {
            let mut peer = if greeted {
                server.greet().await.0
            } else {
                let mut peer = server.accept().await;
                peer.hear().await;
                peer
            };
            if let Some(revoked) = claim.clone() {
                peer.say(server_says::Body::Revoked(revoked)).await;
            }
            peer.say(bye()).await;
            assert!(peer.closed().await);
        }
    }
    let (mut peer, _) = server.greet().await;
    let order = server.question(1, "Get Word from all machines");
    peer.order(server.sign(order)).await;
    peer.answer().await;
    running.stop().await;
    assert!(agent::is_enrolled(folder.path()));
}

#[tokio::test]
async fn an_administrator_lifts_a_revocation_once() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol(folder.path()).await;
    let nothing = agent::lift(folder.path(), "ada");
    assert!(matches!(nothing, Err(LiftError::NotRevoked)), "{nothing:?}");

    let running = run(folder.path(), &Fake::new(), &[]);
    let (mut peer, _) = server.greet().await;
    let busy = agent::lift(folder.path(), "ada");
    assert!(matches!(busy, Err(LiftError::Lock(_))), "{busy:?}");
    let revoked = server.revocation(&server.key, 1_000);
    peer.say(server_says::Body::Revoked(revoked.clone())).await;
    running.ended().await.unwrap_err();
    let lifted = agent::lift(folder.path(), "ada").unwrap();
    assert_eq!((lifted.issued, lifted.by.as_str()), (1_000, "ada"));
    assert!(agent::is_enrolled(folder.path()));
    let kept = Identity::load(folder.path()).unwrap().unwrap();
    assert_eq!(kept.lifted, Some(lifted));

    // A copy of what was lifted does not count again; a newer one does.
    let running = run(folder.path(), &Fake::new(), &[]);
    let (mut peer, _) = server.greet().await;
    peer.say(server_says::Body::Revoked(revoked)).await;
    peer.settle().await;
    peer.say(server_says::Body::Revoked(
        server.revocation(&server.key, 1_001),
    ))
    .await;
    let ended = running.ended().await;
    assert!(
        matches!(ended, Err(AgentError::Link(LinkError::Revoked(_)))),
        "{ended:?}"
    );
}

#[tokio::test]
async fn one_agent_at_a_time_in_a_folder() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol(folder.path()).await;
    let first = run(folder.path(), &Fake::new(), &[]);
    let (_peer, _) = server.greet().await;
    let second = run(folder.path(), &Fake::new(), &[]).ended().await;
    assert!(matches!(second, Err(AgentError::Lock(_))), "{second:?}");
    first.stop().await;
}
