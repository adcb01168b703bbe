//! The server's private keys: encrypted at rest, the authority's kept away, recovery after a theft.

use crate::support::{Agent, World, ada, count, soon};
use answer::State;
use protocol::message::{SignedTrust, agent_says, server_says};
use protocol::order::{Refused, check_trust, sign_trust};
use server::Config;
use server::identity::offline::Offline;
use server::identity::{IdentityError, Passphrase, VaultError};
use server::model::clock::Clock;
use server::model::trust::TrustPart;
use server::start::StartError;
use server::store::audit::AuditQuery;
use std::path::Path;

fn passphrase() -> Passphrase {
    Passphrase::new("correct horse battery staple").unwrap()
}

async fn offline(folder: &Path, passphrase: Option<Passphrase>) -> Offline {
    Offline::open(folder, passphrase, Clock::system())
        .await
        .unwrap()
}

/// Actions of this kind in the log, oldest first.
async fn actions(world: &World, kind: &str) -> Vec<String> {
    let query = AuditQuery {
        action: Some(kind.into()),
        limit: 1000,
        ..AuditQuery::default()
    };
    let store = &world.running.services.store;
    let entries = store.audit_entries(query).await.unwrap();
    entries.into_iter().rev().map(|e| e.action).collect()
}

#[tokio::test]
async fn keys_are_encrypted_from_the_first_start_with_a_passphrase() {
    let world = World::new().await;
    let agent = world.agent().await;
    let text = |world: &World| {
        let file = world.folder.path().join("identity/keys.json");
        std::fs::read_to_string(file).unwrap()
    };
    assert!(text(&world).contains("PRIVATE KEY"));
    let world = world
        .restart_with(
            async |_| {},
            |config| config.key_passphrase = Some(passphrase()),
        )
        .await;
    assert!(!text(&world).contains("PRIVATE KEY") && text(&world).contains("argon2id"));
    // They are the same keys, and changes stay encrypted.
    agent.connect(&world).await;
    world
        .identity()
        .rotate(TrustPart::OrderKey, &ada())
        .await
        .unwrap();
    assert!(!text(&world).contains("PRIVATE KEY"));

    let folder = std::sync::Arc::clone(&world.folder);
    let refused = async |given: Option<&str>| {
        let config = Config {
            key_passphrase: given.map(|text| Passphrase::new(text).unwrap()),
            ..Config::local(folder.path().to_owned(), crate::support::catalogue())
        };
        match server::start(config).await.err() {
            Some(StartError::Identity(IdentityError::Vault(error))) => error,
            other => panic!("{other:?}"),
        }
    };
    let between = async |folder: &Path| {
        assert!(matches!(
            refused(None).await,
            VaultError::NoPassphrase { .. }
        ));
        let wrong = refused(Some("a wrong passphrase")).await;
        assert!(matches!(wrong, VaultError::Sealed { .. }));
        offline(folder, Some(passphrase()))
            .await
            .set_passphrase(None)
            .await
            .unwrap();
    };
    let world = world
        .restart_with(between, |config| config.key_passphrase = None)
        .await;
    assert!(text(&world).contains("PRIVATE KEY"));
    agent.connect(&world).await;
    assert_eq!(
        actions(&world, "trust.").await,
        [
            "trust.create",
            "trust.encrypt",
            "trust.rotate",
            "trust.decrypt"
        ]
    );
}

#[tokio::test]
async fn without_the_authoritys_key_all_but_new_certificates_works() {
    let world = World::new().await;
    let mut agent = world.agent().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let medium = elsewhere.path().join("authority.key");
    let plugged = elsewhere.path().join("plugged");
    let world = world
        .restart_with(
            async |folder| {
                let mut keys = offline(folder, None).await;
                keys.take_authority_key(&medium).await.unwrap();
                let again = elsewhere.path().join("again");
                assert!(keys.take_authority_key(&again).await.is_err());
                assert!(!again.exists());
            },
            |config| config.authority_key = Some(plugged.clone()),
        )
        .await;
    let file = world.folder.path().join("identity/keys.json");
    let kept = std::fs::read_to_string(file).unwrap();
    let key = std::fs::read_to_string(&medium).unwrap();
    assert!(key.contains("PRIVATE KEY"));
    assert!(!kept.contains(key.lines().nth(1).unwrap()));

    // Who is enrolled works.
    let mut channel = agent.connect(&world).await;
    let asked = world.ask("Get Computer Name from all machines").await;
    let order = channel.order().await;
    assert_eq!(agent.check(&order).unwrap().number, asked.order);
    channel.answer(asked.order, &[&["box"]]).await;
    world
        .until(asked.id, "the answer", |i| count(i, State::Answered) == 1)
        .await;
    // Who is new waits, and has used the token up nevertheless.
    let secret = world.token(Some(1), false).await;
    let mut new = Agent::new();
    let enrolled = new.enrol(&world, &secret).await;
    assert!(enrolled.waiting && enrolled.credentials.is_none());
    assert!(!Agent::new().enrol(&world, &secret).await.waiting);

    // Another key helps nobody; the right one does, while it is there.
    std::fs::write(
        &plugged,
        rcgen::KeyPair::generate().unwrap().serialize_pem(),
    )
    .unwrap();
    assert!(new.enrol(&world, &secret).await.waiting);
    std::fs::copy(&medium, &plugged).unwrap();
    assert!(new.enrol(&world, &secret).await.credentials.is_some());
    new.connect(&world).await;
    channel.say(agent_says::Body::Renew(agent.request())).await;
    let renewed = loop {
        match channel.next().await {
            Some(server_says::Body::Renewed(credentials)) => break credentials,
            Some(_) => {}
            None => panic!("no new certificate"),
        }
    };
    agent.take(&renewed);
    std::fs::remove_file(&plugged).unwrap();
    agent.connect(&world).await;

    let world = world
        .restart_with(
            async |folder| {
                let mut keys = offline(folder, None).await;
                let other = folder.join("other");
                std::fs::write(&other, "nothing").unwrap();
                assert!(keys.put_authority_key(&other).await.is_err());
                keys.put_authority_key(&medium).await.unwrap();
            },
            |config| config.authority_key = None,
        )
        .await;
    world.agent().await;
    assert_eq!(
        actions(&world, "trust.").await,
        [
            "trust.create",
            "trust.authority-key-out",
            "trust.authority-key-in"
        ]
    );
}

/// Trust that comes on this channel, taken by the agent.
async fn next_trust(channel: &mut crate::support::Channel, agent: &mut Agent) -> SignedTrust {
    loop {
        match channel.next().await {
            Some(server_says::Body::Trust(signed)) => {
                agent.trust = check_trust(&signed, &agent.trust).unwrap();
                return signed;
            }
            Some(_) => {}
            None => panic!("no trust"),
        }
    }
}

#[tokio::test]
async fn after_a_theft_agents_believe_the_recovery_key_and_drop_what_was_stolen() {
    let world = World::new().await;
    let mut early = world.agent().await;
    let safe = tempfile::tempdir().unwrap();
    let key = safe.path().join("recovery.key");
    let foreign = safe.path().join("foreign.key");
    let world = world
        .restart_with(
            async |folder| {
                let mut keys = offline(folder, None).await;
                assert!(keys.recover(&key).await.is_err(), "there is none yet");
                keys.make_recovery_key(&key, None).await.unwrap();
                let unsigned = keys.make_recovery_key(&foreign, None).await;
                assert!(unsigned.is_err(), "only the old one can be replaced by it");
            },
            |_| {},
        )
        .await;
    // Who enrolled before gets it with the next trust, who enrols now with the first.
    let mut channel = early.connect(&world).await;
    next_trust(&mut channel, &mut early).await;
    let mut late = world.agent().await;
    assert_eq!(early.trust.recovery_keys, late.trust.recovery_keys);
    assert_eq!(early.trust.recovery_keys.len(), 1);
    assert_eq!(world.identity().trust_status().recovery_keys.len(), 1);
    let token = world.token(None, false).await;

    // The theft: everything the server has. The thief signs a trust of their own, of a version beyond all others, and reaches one agent.
    let stolen = {
        let file = world.folder.path().join("identity/keys.json");
        let text = std::fs::read_to_string(file).unwrap();
        let held: serde_json::Value = serde_json::from_str(&text).unwrap();
        let seed = held["secrets"]["order_keys"][0].as_str().unwrap();
        let seed: [u8; 32] = hex_bytes(seed).try_into().unwrap();
        ed25519_dalek::SigningKey::from_bytes(&seed)
    };
    let mut thiefs = late.trust.clone();
    thiefs.version = u64::from(u32::MAX) - 5;
    late.trust = check_trust(&sign_trust(&thiefs, &stolen), &late.trust).unwrap();
    // It can neither take the recovery key away nor jump beyond its reach.
    for change in [
        |t: &mut protocol::message::Trust| t.recovery_keys.clear(),
        |t: &mut protocol::message::Trust| t.version = u64::MAX,
    ] {
        let mut worse = late.trust.clone();
        worse.version += 1;
        change(&mut worse);
        assert_eq!(
            check_trust(&sign_trust(&worse, &stolen), &late.trust),
            Err(Refused::NotByRecovery)
        );
    }

    let world = world
        .restart_with(
            async |folder| {
                let mut keys = offline(folder, None).await;
                std::fs::write(&foreign, std::fs::read(&key).unwrap().repeat(2)).unwrap();
                assert!(keys.recover(folder).await.is_err());
                keys.recover(&key).await.unwrap();
            },
            |_| {},
        )
        .await;
    let mut heard = Vec::new();
    for agent in [&mut early, &mut late] {
        let mut channel = agent.connect(&world).await;
        let signed = next_trust(&mut channel, agent).await;
        assert_eq!(signed.key, agent.trust.recovery_keys[0]);
        let stolen = stolen.verifying_key().to_bytes().to_vec();
        assert!(!agent.trust.order_keys.contains(&stolen));
        // The new authority's certificate comes with it.
        let renewed = loop {
            match channel.next().await {
                Some(server_says::Body::Renewed(credentials)) => break credentials,
                Some(_) => {}
                None => panic!("no new certificate"),
            }
        };
        let trust = agent.trust.clone();
        agent.take(&renewed);
        agent.trust = trust;
        channel.say(agent.holds()).await;
        heard.push(channel);
    }
    // What the thief signs is worth nothing now, and the enrolment tokens they may have are withdrawn.
    let mut again = early.trust.clone();
    again.version += 1;
    assert!(check_trust(&sign_trust(&again, &stolen), &early.trust).is_err());
    let refused = Agent::new().enrol(&world, &token).await.refused;
    assert!(refused.contains("withdrawn"), "{refused}");
    let status = world.identity().trust_status();
    assert_eq!((status.authorities.len(), status.order_keys.len()), (2, 1));
    soon("all have heard", async {
        while world.identity().trust_status().behind > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    world
        .identity()
        .drop_old(TrustPart::Authority, false, &ada())
        .await
        .unwrap();
    let mut channel = early.connect(&world).await;
    let asked = world.ask("Get Computer Name from all machines").await;
    loop {
        match channel.next().await {
            Some(server_says::Body::Trust(signed)) => {
                early.trust = check_trust(&signed, &early.trust).unwrap();
            }
            Some(server_says::Body::Order(order)) => {
                assert_eq!(early.check(&order).unwrap().number, asked.order);
                break;
            }
            Some(_) => {}
            None => panic!("no order"),
        }
    }
    let told = actions(&world, "trust.").await;
    assert!(told.contains(&"trust.recover".to_owned()), "{told:?}");
    assert_eq!(actions(&world, "access.").await, ["access.end-all"]);
    let verdict = world.running.services.store.audit_verify(Vec::new()).await;
    assert!(verdict.unwrap().is_intact());
}

#[tokio::test]
async fn a_recovery_key_is_replaced_by_itself_only() {
    let world = World::new().await;
    let safe = tempfile::tempdir().unwrap();
    let (first, second) = (safe.path().join("first"), safe.path().join("second"));
    let world = world
        .restart_with(
            async |folder| {
                let mut keys = offline(folder, None).await;
                keys.make_recovery_key(&first, None).await.unwrap();
            },
            |_| {},
        )
        .await;
    let mut agent = world.agent().await;
    let held = agent.trust.recovery_keys.clone();
    let world = world
        .restart_with(
            async |folder| {
                let mut keys = offline(folder, None).await;
                keys.make_recovery_key(&second, Some(&first)).await.unwrap();
                assert!(keys.recover(&first).await.is_err());
                keys.recover(&second).await.unwrap();
            },
            |_| {},
        )
        .await;
    let mut channel = agent.connect(&world).await;
    next_trust(&mut channel, &mut agent).await;
    assert_ne!(agent.trust.recovery_keys, held);
    next_trust(&mut channel, &mut agent).await;
    assert_eq!(agent.trust.version, 2 << 32);
}

fn hex_bytes(text: &str) -> Vec<u8> {
    let digit = |c: u8| (c as char).to_digit(16).unwrap() as u8;
    text.as_bytes()
        .chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}
