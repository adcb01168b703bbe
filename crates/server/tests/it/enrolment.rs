//! Letting machines in, keeping their identity, shutting them out.

use crate::support::{Agent, Channel, LONG, World, ada, count, soon};
use answer::State;
use protocol::message::{agent_says, server_says};
use protocol::sealing::SealingKey;
use server::Timing;
use server::model::endpoint::{Standing, TokenRequest};
use server::model::trust::TrustPart;
use std::time::Duration;

#[tokio::test]
async fn a_single_use_token_lets_one_machine_in() {
    let world = World::new().await;
    let secret = world.token(Some(1), false).await;
    let mut first = Agent::new();
    assert_eq!(first.enrol(&world, &secret).await.refused, "");
    let mut second = Agent::new();
    let refused = second.enrol(&world, &secret).await.refused;
    assert!(refused.contains("used already"), "{refused}");
    // The machine that was let in asks again, as after a broken connection: no second use, the same ordinal.
    let ordinal = first.ordinal;
    assert_eq!(first.enrol(&world, &secret).await.refused, "");
    assert_eq!(first.ordinal, ordinal);
    assert_eq!(world.identity().endpoints().len(), 1);
    first.connect(&world).await;
}

#[tokio::test]
async fn a_counted_token_lets_in_as_many_as_it_says_even_at_once() {
    let world = World::new().await;
    let secret = world.token(Some(3), false).await;
    let tries = (0..8).map(|_| async {
        let mut agent = Agent::new();
        let enrolled = agent.enrol(&world, &secret).await;
        (enrolled.refused, agent.ordinal)
    });
    let mut ordinals: Vec<u32> = futures_util::future::join_all(tries)
        .await
        .into_iter()
        .filter(|(refused, _)| refused.is_empty())
        .map(|(_, ordinal)| ordinal)
        .collect();
    ordinals.sort_unstable();
    ordinals.dedup();
    assert_eq!(ordinals.len(), 3);
    assert_eq!(world.identity().tokens().await.unwrap()[0].used, 3);
}

#[tokio::test]
async fn expired_withdrawn_and_foreign_tokens_let_nobody_in() {
    let world = World::new().await;
    let request = TokenRequest {
        uses: None,
        life: Duration::from_secs(1),
        approve: false,
    };
    let (info, token) = world
        .identity()
        .create_token(request, &ada())
        .await
        .unwrap();
    // The token's life is over when the clock says so; nothing else tells.
    soon("the token's end", async {
        while jiff::Timestamp::now() <= info.expires_at {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let refused = Agent::new().enrol(&world, &token.secret).await.refused;
    assert!(refused.contains("expired"), "{refused}");

    let secret = world.token(None, false).await;
    let id = world.identity().tokens().await.unwrap()[0].id;
    world.identity().revoke_token(id, &ada()).await.unwrap();
    let refused = Agent::new().enrol(&world, &secret).await.refused;
    assert!(refused.contains("withdrawn"), "{refused}");

    let refused = Agent::new().enrol(&world, &[9; 32]).await.refused;
    assert!(refused.contains("not known"), "{refused}");
    assert!(world.identity().endpoints().is_empty());
}

#[tokio::test]
async fn a_request_that_its_key_did_not_sign_is_refused() {
    let world = World::new().await;
    let secret = world.token(Some(1), false).await;
    let mut csr = Agent::new().request();
    let last = csr.len() - 1;
    csr[last] ^= 1;
    let mut channel = Channel::tls(&world, None).await.unwrap();
    channel
        .say(agent_says::Body::Enrol(protocol::message::Enrol {
            protocol: 1,
            secret,
            csr,
            ..Default::default()
        }))
        .await;
    let Some(server_says::Body::Enrolled(enrolled)) = channel.next().await else {
        panic!("no reply");
    };
    assert!(enrolled.refused.contains("signing request"));
    assert_eq!(world.identity().tokens().await.unwrap()[0].used, 0);
}

#[tokio::test]
async fn endpoints_wait_for_approval_and_keep_their_place_across_a_restart() {
    let world = World::new().await;
    let secret = world.token(Some(1), true).await;
    let mut agent = Agent::new();
    let enrolled = agent.enrol(&world, &secret).await;
    assert!(enrolled.waiting && enrolled.credentials.is_none());
    assert!(enrolled.retry_after_seconds > 0);
    let world = world.restart().await;
    assert!(agent.enrol(&world, &secret).await.waiting);
    let waiting = world.identity().endpoints().remove(0);
    assert_eq!(waiting.standing, Standing::Waiting);
    world.identity().approve(waiting.id, &ada()).await.unwrap();
    let enrolled = agent.enrol(&world, &secret).await;
    assert!(!enrolled.waiting && enrolled.credentials.is_some());
    assert_eq!(agent.ordinal, waiting.ordinal);
    agent.connect(&world).await;
}

#[tokio::test]
async fn revoking_closes_the_connection_and_ends_the_certificate() {
    let world = World::new().await;
    let agent = world.agent().await;
    let other = world.agent().await;
    let mut channel = agent.connect(&world).await;
    let mut untouched = other.connect(&world).await;
    let id = world.endpoint(&agent).id;
    world.identity().revoke(id, &ada()).await.unwrap();
    let told = channel.next().await;
    assert!(agent.ends_by(told.as_ref(), id), "{told:?}");
    assert!(!other.ends_by(told.as_ref(), world.endpoint(&other).id));
    assert!(channel.goodbye().await.revoked);
    channel.closed().await;
    let (mut channel, told) = agent.greet(&world).await;
    assert!(agent.ends_by(told.as_ref(), id), "{told:?}");
    assert!(channel.goodbye().await.revoked);
    // Neither its old certificate nor a new enrolment with its key helps, and it stays so.
    let world = world.restart().await;
    let (_, told) = agent.greet(&world).await;
    assert!(agent.ends_by(told.as_ref(), id), "{told:?}");
    let secret = world.token(None, false).await;
    let mut agent = agent;
    let refused = agent.enrol(&world, &secret).await.refused;
    assert!(refused.contains("revoked"), "{refused}");
    assert!(world.identity().approve(id, &ada()).await.is_err());
    // The other one only heard of the restart.
    assert!(!untouched.goodbye().await.revoked);
}

/// An agent that was away while the order key was replaced holds the old key only: it still has to believe its revocation.
#[tokio::test]
async fn a_revocation_is_signed_by_every_key_that_an_agent_may_hold() {
    let world = World::new().await;
    let agent = world.agent().await;
    world
        .identity()
        .rotate(TrustPart::OrderKey, &ada())
        .await
        .unwrap();
    let id = world.endpoint(&agent).id;
    world.identity().revoke(id, &ada()).await.unwrap();
    let (_, told) = agent.greet(&world).await;
    assert!(agent.ends_by(told.as_ref(), id), "{told:?}");
}

#[tokio::test]
async fn a_certificate_is_renewed_for_an_old_and_for_a_new_key() {
    let world = World::new().await;
    let mut agent = world.agent().await;
    let mut channel = agent.connect(&world).await;
    let id = world.endpoint(&agent).id;
    for new_key in [false, true] {
        let old = agent.certificate.clone();
        if new_key {
            agent.key = rcgen::KeyPair::generate().unwrap();
        }
        channel.say(agent_says::Body::Renew(agent.request())).await;
        let Some(server_says::Body::Renewed(credentials)) = channel.next().await else {
            panic!("no new certificate");
        };
        agent.take(&credentials);
        assert_ne!(agent.certificate, old);
        channel = agent.connect(&world).await;
        assert_eq!(world.endpoint(&agent).id, id);
    }
}

/// A server that waits for a challenged connection as long as it takes.
fn patient() -> Timing {
    Timing {
        introduction: LONG,
        challenge: LONG,
        ..Timing::default()
    }
}

async fn audited(world: &World, action: &str) -> Vec<server::model::audit::Entry> {
    let query = server::store::audit::AuditQuery {
        action: Some(action.into()),
        limit: 10,
        ..Default::default()
    };
    let store = &world.running.services.store;
    store.audit_entries(query).await.unwrap()
}

/// Whatever a copy says about its machine and its process: the key is in two places, and both are there.
#[tokio::test]
async fn two_processes_with_one_identity_are_noticed() {
    for (machine, instance) in [(9, 9), (0, 9), (9, 0), (0, 0)] {
        let world = World::with(patient()).await;
        let agent = world.agent().await;
        let mut real = agent.connect(&world).await;
        let mut copy = agent.copy();
        if machine > 0 {
            copy.machine = vec![machine; 32];
        }
        if instance > 0 {
            copy.instance = vec![instance; 16];
        }
        let refused = tokio::select! {
            (_, reply) = copy.greet(&world) => reply,
            () = real.stay() => panic!("the first one lost its connection"),
        };
        let Some(server_says::Body::Goodbye(goodbye)) = refused else {
            panic!("the copy was let in: {refused:?}");
        };
        assert!(!goodbye.revoked && goodbye.reason.contains("another process"));
        assert!(goodbye.retry_after_ms >= 10_000, "the newcomer waits");
        assert!(world.endpoint(&agent).doubled);
        let entries = audited(&world, "endpoint.doubled").await;
        assert_eq!(entries.len(), 1);
        let same = format!("\"same_process\":{}", instance == 0);
        assert!(entries[0].detail.contains(&same), "{}", entries[0].detail);
        // The first one goes on undisturbed.
        real.settle().await;
        let id = world.endpoint(&agent).id;
        world.identity().approve(id, &ada()).await.unwrap();
        assert!(!world.endpoint(&agent).doubled);
    }
}

/// A machine that restarted, or whose network went away, leaves a connection behind that nobody answers on.
#[tokio::test]
async fn a_connection_that_does_not_answer_gives_way() {
    let world = World::new().await;
    let mut agent = world.agent().await;
    let mut old = agent.connect(&world).await;
    // What was sent before it was asked does not count as an answer.
    old.say(agent_says::Body::Pong(1)).await;
    agent.instance = vec![2; 16];
    let mut new = agent.connect(&world).await;
    assert!(!old.goodbye().await.revoked);
    new.settle().await;
    assert!(!world.endpoint(&agent).doubled);
    // One that was closed in order is not waited for at all.
    let world = World::with(patient()).await;
    let agent = world.agent().await;
    drop(agent.connect(&world).await);
    agent.connect(&world).await;
}

#[tokio::test]
async fn an_identity_that_moves_to_another_machine_is_shown() {
    let world = World::new().await;
    let mut agent = world.agent().await;
    drop(agent.connect(&world).await);
    agent.machine = vec![7; 32];
    agent.connect(&world).await;
    assert!(world.endpoint(&agent).doubled);
}

#[tokio::test]
async fn a_renewal_with_another_key_is_audited_and_ends_the_old_one() {
    let world = World::new().await;
    let old = world.agent().await;
    let mut channel = old.connect(&world).await;
    assert!(audited(&world, "endpoint.renew-keys").await.is_empty());
    let mut new = old.copy();
    new.key = rcgen::KeyPair::generate().unwrap();
    channel.say(agent_says::Body::Renew(new.request())).await;
    let Some(server_says::Body::Renewed(credentials)) = channel.next().await else {
        panic!("no new certificate");
    };
    new.take(&credentials);
    let entries = audited(&world, "endpoint.renew-keys").await;
    assert_eq!(entries.len(), 1);
    assert!(entries[0].detail.contains("\"another_key\":true"));
    // Until the new one is shown the old one is good: the reply may have been lost.
    drop(channel);
    let world = world.restart().await;
    drop(old.connect(&world).await);
    new.connect(&world).await;
    assert_eq!(audited(&world, "endpoint.key-replaced").await.len(), 1);
    let (_, reply) = old.greet(&world).await;
    assert!(
        matches!(reply, Some(server_says::Body::Goodbye(ref g)) if g.reason.contains("replaced")),
        "{reply:?}"
    );
    let world = world.restart().await;
    let (_, reply) = old.greet(&world).await;
    assert!(matches!(reply, Some(server_says::Body::Goodbye(_))));
    new.connect(&world).await;
    // A new token for the machine with the first key brings that one back.
    let secret = world.token(Some(1), false).await;
    let mut again = old;
    assert_eq!(again.enrol(&world, &secret).await.refused, "");
    again.connect(&world).await;
    let (_, reply) = new.greet(&world).await;
    assert!(matches!(reply, Some(server_says::Body::Goodbye(_))));
}

#[tokio::test]
async fn the_sealing_key_is_registered_and_bound_by_the_certificate() {
    let world = World::new().await;
    let mut agent = world.agent().await;
    let own = agent.sealing.as_ref().map(|key| key.public());
    assert_eq!(agent.named_sealing(), own);
    assert_eq!(world.endpoint(&agent).sealing(), own);
    // Another one by renewal, and it is kept.
    let mut channel = agent.connect(&world).await;
    agent.sealing = Some(SealingKey::generate().unwrap());
    channel.say(agent_says::Body::Renew(agent.request())).await;
    let Some(server_says::Body::Renewed(credentials)) = channel.next().await else {
        panic!("no new certificate");
    };
    agent.take(&credentials);
    let own = agent.sealing.as_ref().map(|key| key.public());
    assert_eq!(agent.named_sealing(), own);
    let audit = audited(&world, "endpoint.renew-keys").await;
    assert!(audit[0].detail.contains("\"another_key\":false"));
    drop(channel);
    let world = world.restart().await;
    assert_eq!(world.endpoint(&agent).sealing(), own);
    // A certificate that the server makes of itself names it too.
    let mut channel = agent.connect(&world).await;
    world
        .identity()
        .rotate(TrustPart::Authority, &ada())
        .await
        .unwrap();
    loop {
        match channel.next().await {
            Some(server_says::Body::Renewed(credentials)) => {
                agent.certificate = None;
                agent.take(&credentials);
                break;
            }
            Some(_) => {}
            None => panic!("closed"),
        }
    }
    assert_eq!(agent.named_sealing(), own);
}

#[tokio::test]
async fn an_endpoint_without_a_sealing_key_gains_one_at_renewal() {
    let world = World::new().await;
    let mut agent = Agent::new();
    let key = agent.sealing.take();
    let secret = world.token(Some(1), false).await;
    agent.enrol(&world, &secret).await;
    assert_eq!(world.endpoint(&agent).sealing(), None);
    assert_eq!(agent.named_sealing(), None);
    let mut channel = agent.connect(&world).await;
    agent.sealing = key;
    channel.say(agent_says::Body::Renew(agent.request())).await;
    let Some(server_says::Body::Renewed(credentials)) = channel.next().await else {
        panic!("no new certificate");
    };
    agent.take(&credentials);
    let own = agent.sealing.as_ref().map(|key| key.public());
    assert_eq!(agent.named_sealing(), own);
    assert_eq!(world.endpoint(&agent).sealing(), own);
}

/// What was sent is not what is held: as long as an endpoint does not say that it wrote the new trust down, nobody drops the
/// old one under it by mistake.
#[tokio::test]
async fn trust_counts_as_known_when_it_is_held() {
    let world = World::new().await;
    let mut agent = world.agent().await;
    let mut channel = agent.connect(&world).await;
    let identity = world.identity();
    let rotated = identity.rotate(TrustPart::Authority, &ada()).await.unwrap();
    assert_eq!(rotated.behind, 1);
    channel.settle().await;
    assert_eq!(identity.trust_status().behind, 1, "sent, not held");
    assert!(
        identity
            .drop_old(TrustPart::Authority, false, &ada())
            .await
            .is_err()
    );
    // A new connection sends it again, whatever was sent before.
    drop(channel);
    let mut channel = agent.connect(&world).await;
    let Some(server_says::Body::Trust(signed)) = channel.next().await else {
        panic!("no trust");
    };
    agent.trust = protocol::order::check_trust(&signed, &agent.trust).unwrap();
    channel.say(agent.holds()).await;
    let Some(server_says::Body::Renewed(credentials)) = channel.next().await else {
        panic!("no certificate of the new authority");
    };
    channel.settle().await;
    assert_eq!(
        identity.trust_status().behind,
        1,
        "its certificate is of the old authority"
    );
    agent.take(&credentials);
    channel.say(agent.holds()).await;
    channel.settle().await;
    assert_eq!(identity.trust_status().behind, 0);
    world.token(None, false).await;
    identity
        .drop_old(TrustPart::Authority, false, &ada())
        .await
        .unwrap();
    agent.connect(&world).await;
    // A token names the authority that was shown when it was made: with a dropped one it lets nobody in, and says so.
    let tokens = identity.tokens().await.unwrap();
    assert!(tokens.iter().all(|token| token.revoked_at.is_some()));
    let mut late = Agent::new();
    let secret = world.token(Some(1), false).await;
    assert_eq!(late.enrol(&world, &secret).await.refused, "");
}

#[tokio::test]
async fn the_order_key_is_replaced_under_running_agents() {
    let world = World::new().await;
    let mut online = world.agent().await;
    let mut away = world.agent().await;
    let mut channel = online.connect(&world).await;
    let open = world.ask("Get Computer Name from all machines").await;
    assert!(online.check(&channel.order().await).is_ok());

    let status = world
        .identity()
        .rotate(TrustPart::OrderKey, &ada())
        .await
        .unwrap();
    assert_eq!(status.order_keys.len(), 2);
    assert_eq!(status.behind, 2, "nobody holds it yet");
    assert!(
        world
            .identity()
            .rotate(TrustPart::OrderKey, &ada())
            .await
            .is_err()
    );
    let Some(server_says::Body::Trust(signed)) = channel.next().await else {
        panic!("no trust");
    };
    online.trust = protocol::order::check_trust(&signed, &online.trust).unwrap();
    channel.say(online.holds()).await;
    channel.settle().await;
    let behind = world.identity().trust_status().behind;
    assert_eq!(behind, 1, "the one that is away has not heard");
    let next = world.ask("Get Running Processes from all machines").await;
    let order = channel.order().await;
    assert_eq!(online.check(&order).unwrap().number, next.order);
    assert_ne!(order.key, open_key(&away));

    // Dropping the old key now would lock the other one out.
    assert!(
        world
            .identity()
            .drop_old(TrustPart::OrderKey, false, &ada())
            .await
            .is_err()
    );
    world
        .identity()
        .drop_old(TrustPart::OrderKey, true, &ada())
        .await
        .unwrap();
    // The history leads it to the new key nevertheless, and the orders that wait for it are signed anew.
    let world = world.restart().await;
    let mut late = away.connect(&world).await;
    let mut orders = Vec::new();
    while orders.len() < 2 {
        match late.next().await {
            Some(server_says::Body::Trust(signed)) => {
                away.trust = protocol::order::check_trust(&signed, &away.trust).unwrap();
            }
            Some(server_says::Body::Order(order)) => orders.push(away.check(&order).unwrap()),
            other => panic!("unexpected {other:?}"),
        }
    }
    assert_eq!(away.trust.order_keys.len(), 1);
    assert_eq!(orders[0].number, open.order);
}

fn open_key(agent: &Agent) -> Vec<u8> {
    agent.trust.order_keys[0].clone()
}

#[tokio::test]
async fn the_authority_is_replaced_under_running_agents() {
    let world = World::new().await;
    let mut agent = world.agent().await;
    let stranded = world.agent().await;
    let mut channel = agent.connect(&world).await;
    let status = world
        .identity()
        .rotate(TrustPart::Authority, &ada())
        .await
        .unwrap();
    assert_eq!(status.authorities.len(), 2);
    let Some(server_says::Body::Trust(signed)) = channel.next().await else {
        panic!("no trust");
    };
    agent.trust = protocol::order::check_trust(&signed, &agent.trust).unwrap();
    assert_eq!(agent.trust.authorities.len(), 2);
    let Some(server_says::Body::Renewed(credentials)) = channel.next().await else {
        panic!("no certificate of the new authority");
    };
    // While both stand, the old certificate and the new one are good.
    let old = agent.connect(&world).await;
    drop(old);
    agent.take(&credentials);
    agent.connect(&world).await;
    world
        .identity()
        .drop_old(TrustPart::Authority, true, &ada())
        .await
        .unwrap();
    let world = world.restart().await;
    let mut channel = agent.connect(&world).await;
    // One that missed it all shows a certificate that is worth nothing now.
    let refused = match stranded.mute(&world).await {
        Err(_) => true,
        Ok(mut channel) => channel.next().await.is_none(),
    };
    assert!(refused);
    let asked = world.ask("Get Computer Name from all machines").await;
    let mut order = channel.next().await;
    if let Some(server_says::Body::Trust(signed)) = order {
        agent.trust = protocol::order::check_trust(&signed, &agent.trust).unwrap();
        order = channel.next().await;
    }
    let Some(server_says::Body::Order(order)) = order else {
        panic!("no order");
    };
    assert_eq!(agent.check(&order).unwrap().number, asked.order);
    channel.answer(asked.order, &[&["box"]]).await;
    world
        .until(asked.id, "the answer", |i| count(i, State::Answered) == 1)
        .await;
}
