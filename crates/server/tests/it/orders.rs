//! The order machine from outside: what goes out, to whom, how much at once, and what is never sent.

use crate::support::{Channel, World, ada, count, number, soon, whole, wire};
use answer::{EndpointSet, State};
use jiff::{SignedDuration, Timestamp};
use prost::Message as _;
use protocol::message::{Accepted, AnswerPart, Order, agent_says, payload::Payload, server_says};
use server::model::clock::Clock;
use server::{Limits, Timing};
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpStream;

const PROCESSES: &str = "Get Running Processes from all machines";

/// What an attacker with the database, but not the keys, does to it.
fn in_database(folder: &Path, sql: &str) {
    let database = rusqlite::Connection::open(folder.join("cordon.db")).unwrap();
    assert!(database.execute(sql, []).unwrap() > 0, "{sql}");
}

/// An order of the store with other words in it and no signature, as in the attack that once made the server sign it.
fn forge(folder: &Path) {
    let database = rusqlite::Connection::open(folder.join("cordon.db")).unwrap();
    let body: Vec<u8> = database
        .query_row("SELECT body FROM orders", [], |row| row.get(0))
        .unwrap();
    let mut order = Order::decode(body.as_slice()).unwrap();
    let Some(Payload::Question(question)) = &mut order.payload else {
        panic!("a question");
    };
    question.text = "Get Computer Name from all machines".into();
    order.digest = protocol::order::digest(order.payload.as_ref().unwrap());
    database
        .execute(
            "UPDATE orders SET body = ?1, key = zeroblob(32), signature = zeroblob(64)",
            [order.encode_to_vec()],
        )
        .unwrap();
}

#[tokio::test]
async fn what_somebody_wrote_into_the_store_is_neither_signed_nor_sent() {
    let changes: [fn(&Path); 4] = [
        forge,
        |folder| in_database(folder, "UPDATE orders SET signature = zeroblob(64)"),
        // A signature that is right, over something else than what the store says was asked.
        |folder| {
            in_database(
                folder,
                "UPDATE questions SET text = 'Get Computer Name from all machines'",
            )
        },
        |folder| in_database(folder, "UPDATE orders SET number = number + 1"),
    ];
    for change in changes {
        let world = World::new().await;
        let agent = world.agent().await;
        let asked = world.ask(PROCESSES).await;
        let world = world.restart_after(change).await;
        let mut channel = agent.connect(&world).await;
        // The question that is asked next is the first that arrives.
        let next = world.ask("Get Computer Name from all machines").await;
        let order = channel.order().await;
        assert_eq!(number(&order), next.order);
        agent.check(&order).unwrap();
        let info = world
            .until(asked.id, "the end of what cannot be trusted", |i| i.closed)
            .await;
        // Not as if somebody had cancelled it.
        assert!(!info.cancelled);
        assert_eq!(count(&info, State::Error), 1);
        let query = server::store::audit::AuditQuery {
            action: Some("order.distrust".into()),
            limit: 10,
            ..Default::default()
        };
        let alarms = world.running.services.store.audit_entries(query).await;
        assert_eq!(alarms.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn numbers_follow_the_clock_and_never_go_back() {
    let start = Timestamp::from_second(1_900_000_000).unwrap();
    let clock = Clock::set_to(start);
    let world = World::configured(|config| config.clock = clock.clone()).await;
    let first = world.ask(PROCESSES).await.order;
    assert_eq!(i64::try_from(first).unwrap(), start.as_millisecond());
    assert_eq!(world.ask(PROCESSES).await.order, first + 1);
    clock.jump(start - SignedDuration::from_hours(10));
    assert_eq!(world.ask(PROCESSES).await.order, first + 2);
    clock.jump(start + SignedDuration::from_secs(5));
    assert_eq!(world.ask(PROCESSES).await.order, first + 5000);
    let last = world.ask(PROCESSES).await.order;
    // The orders are gone, as after a clean-up: their numbers are not given again.
    let world = world
        .restart_after(|folder| in_database(folder, "DELETE FROM orders"))
        .await;
    clock.jump(start);
    assert_eq!(world.ask(PROCESSES).await.order, last + 1);
}

#[tokio::test]
async fn a_cancellation_names_its_endpoints_and_the_orders_who_asked() {
    let world = World::new().await;
    let agent = world.agent().await;
    let mut channel = agent.connect(&world).await;
    let asked = world.ask(PROCESSES).await;
    let order = agent.check(&channel.order().await).unwrap();
    assert_eq!((order.asked_by_user, order.asked_by_token), (1, 0));
    let questions = &world.running.services.questions;
    questions.cancel(asked.id, &ada()).await.unwrap();
    let cancel = agent.check(&channel.order().await).unwrap();
    let targets = EndpointSet::from_bytes(&cancel.targets).unwrap();
    assert_eq!(targets.iter().collect::<Vec<_>>(), [agent.ordinal]);
}

#[tokio::test]
async fn an_endpoint_gets_as_much_as_it_takes_and_what_stops_work_at_once() {
    let world = World::new().await;
    let agent = world.agent().await;
    let mut channel = agent.mute(&world).await.unwrap();
    let mut hello = agent.hello();
    hello.credit = 2;
    channel.say(agent_says::Body::Hello(hello)).await;
    assert!(matches!(
        channel.next().await,
        Some(server_says::Body::Welcome(_))
    ));
    let mut asked = Vec::new();
    for _ in 0..4 {
        asked.push(world.ask(PROCESSES).await);
    }
    for question in &asked[..2] {
        assert_eq!(number(&channel.order().await), question.order);
    }
    // Two are under way and two wait: yet a cancellation comes through.
    let questions = &world.running.services.questions;
    questions.cancel(asked[1].id, &ada()).await.unwrap();
    let cancel = agent.check(&channel.order().await).unwrap();
    assert!(matches!(cancel.payload, Some(Payload::Cancel(c)) if c.order == asked[1].order));
    // It made room for one more, and an answer for the next.
    assert_eq!(number(&channel.order().await), asked[2].order);
    channel.answer(asked[0].order, &[&["sshd", "root"]]).await;
    assert_eq!(channel.stored().await.0, asked[0].order);
    assert_eq!(number(&channel.order().await), asked[3].order);
}

fn patient(acknowledge: Duration) -> Timing {
    Timing {
        acknowledge,
        ..Timing::default()
    }
}

#[tokio::test]
async fn who_says_nothing_is_not_reached_and_is_connected_anew() {
    let world = World::with(patient(Duration::from_millis(300))).await;
    let agent = world.agent().await;
    let mut silent = agent.connect(&world).await;
    let asked = world.ask(PROCESSES).await;
    world
        .until(asked.id, "not reached", |i| {
            count(i, State::NotReached) == 1
        })
        .await;
    silent.closed().await;
    let info = world
        .until(asked.id, "offline", |i| count(i, State::Offline) == 1)
        .await;
    assert_eq!(count(&info, State::NotReached), 0);
    // On the new connection it gets the order anew, and its answer counts.
    let mut channel = agent.connect(&world).await;
    channel.order().await;
    channel.answer(asked.order, &[&["sshd", "root"]]).await;
    world
        .until(asked.id, "the answer", |i| count(i, State::Answered) == 1)
        .await;
}

#[tokio::test]
async fn who_says_that_an_order_arrived_is_waited_for() {
    let world = World::with(patient(Duration::from_millis(300))).await;
    let agent = world.agent().await;
    let mut channel = agent.connect(&world).await;
    let asked = world.ask(PROCESSES).await;
    channel.order().await;
    world
        .until(asked.id, "not reached", |i| {
            count(i, State::NotReached) == 1
        })
        .await;
    let accepted = Accepted { order: asked.order };
    channel.say(agent_says::Body::Accepted(accepted)).await;
    world
        .until(asked.id, "pending again", |i| count(i, State::Pending) == 1)
        .await;
    // Nothing closes it now: it works.
    channel.say(agent_says::Body::Ping(7)).await;
    loop {
        match channel.next().await {
            Some(server_says::Body::Pong(7)) => break,
            Some(_) => {}
            None => panic!("an endpoint at work lost its connection"),
        }
    }
}

/// A part with a megabyte of rows that fit the question, and no end.
fn endless(order: u64, attempt: u64, part: u32) -> AnswerPart {
    let cell = "x".repeat(60_000);
    AnswerPart {
        part,
        last: false,
        rows: (0..15).map(|_| wire(0, &[&cell, "root"])).collect(),
        ..whole(order, attempt, &[])
    }
}

#[tokio::test]
async fn an_answer_without_end_takes_nothing_from_the_others() {
    let world = World::configured(|config| {
        config.limits = Limits {
            answers: 4 << 20,
            ..Limits::default()
        };
    })
    .await;
    let hog = world.agent().await;
    let mut flood = hog.connect(&world).await;
    let mut honest = Vec::new();
    for _ in 0..3 {
        let agent = world.agent().await;
        let channel = agent.connect(&world).await;
        honest.push((agent, channel));
    }
    let asked = world.ask(PROCESSES).await;
    let order = asked.order;
    flood.order().await;
    for part in 0..4 {
        flood
            .say(agent_says::Body::Answer(endless(order, 1, part)))
            .await;
    }
    for (_, channel) in &mut honest {
        channel.order().await;
        // In two parts, so that each needs some of the memory that the other has filled.
        channel
            .say(agent_says::Body::Answer(endless(order, 2, 0)))
            .await;
        let end = AnswerPart {
            part: 1,
            total_rows: 15,
            ..whole(order, 2, &[])
        };
        channel.say(agent_says::Body::Answer(end)).await;
        assert_eq!(channel.stored().await, (order, 2));
    }
    assert!(!flood.goodbye().await.revoked, "it may come back");
    world
        .until(asked.id, "the honest answers", |i| {
            count(i, State::Answered) == 3
        })
        .await;
}

#[tokio::test]
async fn an_answer_that_is_not_finished_in_time_is_given_up() {
    let timing = Timing {
        unfinished: Duration::from_millis(300),
        ..Timing::default()
    };
    let world = World::with(timing).await;
    let agent = world.agent().await;
    let mut channel = agent.connect(&world).await;
    let asked = world.ask(PROCESSES).await;
    channel.order().await;
    channel
        .say(agent_says::Body::Answer(endless(asked.order, 1, 0)))
        .await;
    assert!(!channel.goodbye().await.revoked);
}

#[tokio::test]
async fn open_sockets_that_say_nothing_delay_nobody() {
    let world = World::configured(|config| {
        config.limits = Limits {
            strangers: 64,
            ..Limits::default()
        };
    })
    .await;
    let agent = world.agent().await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        let socket = TcpStream::connect(world.running.agents).await.unwrap();
        idle.push(socket);
    }
    // The places of the idle ones end after ten seconds; this is done long before, or `soon` gives up.
    let introduced = async {
        let mut channel: Channel = agent.connect(&world).await;
        channel.say(agent_says::Body::Ping(3)).await;
        channel.next().await
    };
    let hurry = tokio::time::timeout(Timing::default().introduction, introduced);
    let reply = soon("an introduction", hurry).await;
    assert!(
        matches!(reply, Ok(Some(server_says::Body::Pong(3)))),
        "{reply:?}"
    );
    // The oldest gave way.
    let mut first = [0_u8; 1];
    let read = tokio::io::AsyncReadExt::read(&mut idle[0], &mut first);
    assert!(matches!(
        soon("the end of the oldest", read).await,
        Ok(0) | Err(_)
    ));
}
