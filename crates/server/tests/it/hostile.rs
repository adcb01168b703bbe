//! Peers that break the rules lose their own connection and nothing else.

use crate::support::{Agent, Channel, World, ada, count, soon, whole, wire};
use answer::{EndpointSet, State};
use protocol::message::{AnswerPart, Refusal, agent_says, server_says};
use server::Timing;
use server::access::Reader;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;

const PROCESSES: &str = "Get Running Processes from all machines";

/// An agent that must go on undisturbed.
async fn honest(world: &World) -> (Agent, Channel) {
    let agent = world.agent().await;
    let channel = agent.connect(world).await;
    (agent, channel)
}

async fn alive(channel: &mut Channel) {
    channel.say(agent_says::Body::Ping(41)).await;
    loop {
        match channel.next().await {
            Some(server_says::Body::Pong(41)) => return,
            Some(_) => {}
            None => panic!("an honest agent lost its connection"),
        }
    }
}

#[tokio::test]
async fn garbage_and_oversized_frames_close_their_connection_only() {
    let world = World::new().await;
    let (_, mut bystander) = honest(&world).await;
    let bad: [&[u8]; 3] = [
        // A length of 4 GiB, one just above the bound, and a frame that is no message.
        &[0xff, 0xff, 0xff, 0xff, 1, 2, 3],
        &[0x00, 0x10, 0x00, 0x01],
        &[0, 0, 0, 3, 0xff, 0xff, 0xff],
    ];
    for bytes in bad {
        let agent = world.agent().await;
        let mut channel = agent.connect(&world).await;
        channel.raw(bytes).await;
        assert!(!channel.goodbye().await.revoked);
        channel.closed().await;
        alive(&mut bystander).await;
        // It may come back.
        agent.connect(&world).await;
    }
}

#[tokio::test]
async fn strangers_get_one_small_frame_and_little_time() {
    let timing = Timing {
        introduction: Duration::from_millis(1500),
        ..Timing::default()
    };
    let world = World::with(timing).await;
    // Says nothing.
    let mut silent = Channel::tls(&world, None).await.unwrap();
    silent.closed().await;
    // Says too much.
    let mut large = Channel::tls(&world, None).await.unwrap();
    large.raw(&(64_u32 << 10).to_be_bytes()).await;
    large.closed().await;
    // Says something that only an endpoint may.
    let mut wrong = Channel::tls(&world, None).await.unwrap();
    wrong
        .say(agent_says::Body::Answer(whole(1, 1, &[&["x", "y"]])))
        .await;
    let reply = wrong.next().await;
    assert!(
        matches!(reply, Some(server_says::Body::Enrolled(ref e)) if !e.refused.is_empty()),
        "{reply:?}"
    );
    wrong.closed().await;
    // An endpoint that does not say hello first.
    let agent = world.agent().await;
    let mut rude = agent.mute(&world).await.unwrap();
    rude.say(agent_says::Body::Ping(1)).await;
    rude.closed().await;
    // A certificate of somebody else's authority.
    let other = World::new().await;
    let foreign = other.agent().await;
    let refused = match foreign.mute(&world).await {
        Err(_) => true,
        Ok(mut channel) => channel.next().await.is_none(),
    };
    assert!(refused);
}

#[tokio::test]
async fn rows_that_do_not_fit_the_question_make_an_error_and_no_rows() {
    let world = World::new().await;
    let (_, mut good) = honest(&world).await;
    let asked = world.ask(PROCESSES).await;
    let mut bad = Vec::new();
    for _ in 0..4 {
        let agent = world.agent().await;
        let mut channel = agent.connect(&world).await;
        channel.order().await;
        bad.push((agent, channel));
    }
    let mut columns = whole(asked.order, 1, &[&["sshd", "root"]]);
    columns.rows.push(wire(0, &["one", "two", "three"]));
    columns.total_rows = 2;
    let mut table = whole(asked.order, 1, &[&["sshd", "root"]]);
    table.rows[0].table = 9;
    let mut total = whole(asked.order, 1, &[&["sshd", "root"]]);
    total.total_rows = 5;
    let mut state = whole(asked.order, 1, &[&["sshd", "root"]]);
    state.state_number = 99;
    for ((_, channel), part) in bad.iter_mut().zip([columns, table, total, state]) {
        channel.say(agent_says::Body::Answer(part)).await;
        // It is taken note of, so that an honest agent with a defect does not send it for ever.
        assert_eq!(channel.stored().await, (asked.order, 1));
    }
    good.order().await;
    good.answer(asked.order, &[&["sshd", "root"]]).await;
    let info = world
        .until(asked.id, "five states", |i| {
            count(i, State::Error) == 4 && count(i, State::Answered) == 1
        })
        .await;
    assert_eq!(info.rows, 1);
    assert_eq!(
        world.rows(asked.id).await,
        [(vec!["sshd".to_owned(), "root".to_owned()], 1)]
    );
    let problems = world
        .running
        .services
        .questions
        .with_answer(asked.id, &Reader::server(), |a, _| a.problems())
        .await
        .unwrap();
    assert_eq!(problems.len(), 4);
}

#[tokio::test]
async fn an_endpoint_speaks_for_itself_only_and_once() {
    let world = World::new().await;
    let (target, mut channel) = honest(&world).await;
    let (_, mut other) = honest(&world).await;
    let only: EndpointSet = [target.ordinal].into_iter().collect();
    let asked = world
        .running
        .services
        .questions
        .ask(PROCESSES, &ada(), &Reader::server(), None, Some(only))
        .await
        .unwrap();
    // Not asked, but it answers.
    other.answer(asked.order, &[&["evil", "root"]]).await;
    alive(&mut other).await;
    channel.order().await;
    channel.answer(asked.order, &[&["sshd", "root"]]).await;
    channel.stored().await;
    // A second answer changes nothing; it still gets a receipt.
    channel
        .say(agent_says::Body::Answer(whole(
            asked.order,
            8,
            &[&["more", "root"]],
        )))
        .await;
    assert_eq!(channel.stored().await, (asked.order, 8));
    let info = world.info(asked.id).await;
    assert_eq!(info.coverage.values().sum::<u64>(), 1);
    assert_eq!(
        world.rows(asked.id).await,
        [(vec!["sshd".to_owned(), "root".to_owned()], 1)]
    );
}

#[tokio::test]
async fn parts_must_come_in_order_and_a_new_attempt_begins_anew() {
    let world = World::new().await;
    let (_, mut channel) = honest(&world).await;
    let asked = world.ask(PROCESSES).await;
    channel.order().await;
    let part = |attempt, part, last, rows: &[&[&str]], total| AnswerPart {
        part,
        last,
        total_rows: total,
        ..whole(asked.order, attempt, rows)
    };
    let steps = [
        // A broken attempt, then one that skips a part, then a whole one with parts of the first in between.
        part(1, 0, false, &[&["lost", "x"]], 0),
        part(2, 0, false, &[&["lost too", "x"]], 0),
        part(2, 2, true, &[], 1),
        part(3, 0, false, &[&["a", "x"], &["b", "x"]], 0),
        part(3, 1, true, &[&["c", "x"]], 3),
    ];
    for step in steps {
        channel.say(agent_says::Body::Answer(step)).await;
    }
    assert_eq!(channel.stored().await, (asked.order, 3));
    let rows: Vec<String> = world
        .rows(asked.id)
        .await
        .into_iter()
        .map(|(cells, _)| cells[0].clone())
        .collect();
    assert_eq!(rows, ["a", "b", "c"]);
}

#[tokio::test]
async fn a_flood_of_useless_messages_is_cut_off() {
    let world = World::new().await;
    let (_, mut bystander) = honest(&world).await;
    let flooder = world.agent().await;
    let channel = flooder.connect(&world).await;
    let (mut reading, mut writing) = tokio::io::split(channel.stream);
    let message = protocol::message::ToServer {
        body: Some(agent_says::Body::Answer(AnswerPart {
            order: 999_999,
            part: 7,
            ..Default::default()
        })),
    };
    let flood = protocol::frame::encode(&message).repeat(1000);
    let write = async {
        // Ends when the server closes.
        while writing.write_all(&flood).await.is_ok() && writing.flush().await.is_ok() {}
    };
    let read = async {
        while protocol::frame::read::<protocol::message::ToAgent, _>(
            &mut reading,
            protocol::frame::MAX,
        )
        .await
        .is_ok()
        {}
    };
    soon("the end of the flood", async { tokio::join!(write, read) }).await;
    alive(&mut bystander).await;
}

#[tokio::test]
async fn more_unfinished_answers_than_allowed_close_the_connection() {
    let world = World::new().await;
    let agent = world.agent().await;
    let mut channel = agent.connect(&world).await;
    for _ in 0..9 {
        let asked = world.ask("Get Computer Name from all machines").await;
        channel.order().await;
        channel
            .say(agent_says::Body::Answer(AnswerPart {
                last: false,
                ..whole(asked.order, 1, &[&["box"]])
            }))
            .await;
    }
    assert!(channel.goodbye().await.reason.contains("too many"));
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_closed() {
    let timing = Timing {
        write: Duration::from_millis(300),
        ..Timing::default()
    };
    let world = World::with(timing).await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let agent = world.agent().await;
        let mut channel = agent.mute(&world).await.unwrap();
        let mut hello = agent.hello();
        // As much as is given at all: with less, orders would wait for answers instead of filling buffers.
        hello.credit = u32::MAX;
        channel.say(agent_says::Body::Hello(hello)).await;
        let welcome = channel.next().await;
        assert!(matches!(welcome, Some(server_says::Body::Welcome(_))));
        open.push((agent, channel));
    }
    let (deaf, channel) = open.remove(0);
    let (_, mut bystander) = open.remove(0);
    let ordinal = deaf.ordinal;
    // Orders with long texts, until the buffers between us are full.
    let value = "x".repeat(20_000);
    let text = format!(
        "Get Running Processes having Running Processes:Name = \"{value}\" from all machines"
    );
    let mut changes = world.running.services.fleet.changes();
    soon("the end of the deaf connection", async {
        while world.running.services.fleet.is_online(ordinal) {
            world.ask(&text).await;
            // The bystander reads, and must stay.
            bystander.order().await;
            changes.mark_unchanged();
        }
    })
    .await;
    alive(&mut bystander).await;
    drop(channel);
}

#[tokio::test]
async fn a_silent_peer_is_asked_and_then_closed() {
    let timing = Timing {
        ping_after: Duration::from_millis(200),
        dead_after: Duration::from_millis(600),
        ..Timing::default()
    };
    let world = World::with(timing).await;
    let agent = world.agent().await;
    let mut channel = agent.connect(&world).await;
    assert!(matches!(
        channel.next().await,
        Some(server_says::Body::Ping(_))
    ));
    channel.closed().await;
    let mut changes = world.running.services.fleet.changes();
    soon("it to be missed", async {
        while world.running.services.fleet.is_online(agent.ordinal) {
            changes.changed().await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_refused_order_is_reported_in_the_answer() {
    let world = World::new().await;
    let (_, mut channel) = honest(&world).await;
    let asked = world.ask(PROCESSES).await;
    channel.order().await;
    channel
        .say(agent_says::Body::Refusal(Refusal {
            order: asked.order,
            code: "unknown-key".into(),
            detail: "\u{1b}[31mforged\u{202e}".into(),
        }))
        .await;
    world
        .until(asked.id, "the refusal", |i| count(i, State::Refused) == 1)
        .await;
    let problems = world
        .running
        .services
        .questions
        .with_answer(asked.id, &Reader::server(), |a, _| a.problems())
        .await
        .unwrap();
    assert_eq!(problems[0].1, State::Refused);
    assert!(problems[0].2.starts_with("unknown-key: "));
    assert!(!problems[0].2.contains('\u{1b}'));
    // It thinks better of it.
    channel.answer(asked.order, &[&["sshd", "root"]]).await;
    world
        .until(asked.id, "the answer", |i| count(i, State::Answered) == 1)
        .await;
}
