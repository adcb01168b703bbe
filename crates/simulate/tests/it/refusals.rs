//! Orders that an endpoint must not obey, each with the reason it gives.

use crate::harness::{Event, Server, connected, now, options, server, until};
use answer::EndpointSet;
use ed25519_dalek::SigningKey;
use prost::Message;
use protocol::message::{Order, SignedOrder, server_says};
use protocol::order::sign;
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread")]
async fn bad_orders_are_refused_and_reported() {
    let (server, mut events) = server().await;
    let stop = CancellationToken::new();
    let task = tokio::spawn(simulate::run(options(&server, 1), stop.clone()));
    connected(&mut events, 1).await;
    let text = "Get Computer Name from all machines";

    // One that is obeyed, to be replayed and changed afterwards.
    let good = server.ask(1, text);
    until(&mut events, |event| {
        matches!(event, Event::Part(_, part) if part.last).then_some(())
    })
    .await;
    server.say(server_says::Body::Ping(1));
    until(&mut events, |e| matches!(e, Event::Pong(1)).then_some(())).await;

    let signed = |change: fn(&mut Order), server: &Server| {
        let mut order = server.order(2, text);
        change(&mut order);
        sign(order, &server.order_key)
    };
    let other: EndpointSet = [77].into_iter().collect();
    let mut misdirected = server.order(2, text);
    misdirected.targets = other.to_bytes();
    let mut changed = good.clone();
    let last = changed.body.len() - 1;
    changed.body[last] ^= 1;
    let garbage = SignedOrder {
        body: b"nothing".to_vec(),
        ..good.clone()
    };
    let cases = [
        (good, "replayed"),
        (changed, "bad-signature"),
        (garbage, "bad-signature"),
        (
            sign(server.order(2, text), &SigningKey::from_bytes(&[8; 32])),
            "unknown-key",
        ),
        (signed(|o| o.expires = now() - 1, &server), "expired"),
        (signed(|o| o.issued = now() + 4000, &server), "bad-times"),
        (sign(misdirected, &server.order_key), "not-for-me"),
        (
            signed(|o| o.targets = b"no set".to_vec(), &server),
            "not-for-me",
        ),
        (signed(|o| o.payload = None, &server), "not-understood"),
    ];
    let wanted = cases.len() as u64;
    for (order, code) in cases {
        let number = Order::decode(order.body.as_slice()).map_or(0, |o| o.number);
        server.say(server_says::Body::Order(order));
        let refusal = until(&mut events, |event| match event {
            Event::Refused(refusal) => Some(refusal),
            Event::Part(..) => panic!("an order was obeyed that is {code}"),
            _ => None,
        })
        .await;
        assert_eq!((refusal.code.as_str(), refusal.order), (code, number));
        assert!(!refusal.detail.is_empty());
    }
    stop.cancel();
    let report = task.await.unwrap().unwrap();
    assert_eq!((report.orders, report.orders_refused), (1, wanted));
}
