//! The life of a question: asked, answered, interrupted, ended.

use crate::support::{World, ada, count, number, soon, whole};
use answer::State;
use protocol::message::{Order, agent_says, payload::Payload, server_says};
use server::access::Reader;
use server::questions::{AskError, QuestionError};
use std::time::Duration;

const PROCESSES: &str = "Get Running Processes from all machines";

#[tokio::test]
async fn rows_of_several_endpoints_merge_and_their_counts_are_exact() {
    let world = World::new().await;
    let asked_of_nobody = world.ask(PROCESSES).await;
    assert!(asked_of_nobody.coverage.is_empty());
    let mut channels = Vec::new();
    for _ in 0..3 {
        let agent = world.agent().await;
        channels.push((agent.connect(&world).await, agent));
    }
    // The earlier question reaches those who came later.
    for (channel, agent) in &mut channels {
        let order = agent.check(&channel.order().await).unwrap();
        assert_eq!(order.number, asked_of_nobody.order);
    }
    let asked = world.ask(PROCESSES).await;
    assert!(asked.order > asked_of_nobody.order);
    assert_eq!(count(&asked, State::Pending), 3);
    for (at, (channel, agent)) in channels.iter_mut().enumerate() {
        let order = agent.check(&channel.order().await).unwrap();
        let Some(Payload::Question(question)) = order.payload else {
            panic!("no question");
        };
        assert_eq!(question.text, asked.text);
        assert_eq!(order.asked_by, "ada");
        let own = format!("own-{at}");
        channel
            .answer(order.number, &[&["sshd", "root"], &[&own, "root"]])
            .await;
        assert_eq!(channel.stored().await, (order.number, 7));
    }
    let info = world
        .until(asked.id, "all answers", |i| count(i, State::Answered) == 3)
        .await;
    assert_eq!(info.rows, 4);
    let rows = world.rows(asked.id).await;
    assert_eq!(rows[3], (vec!["sshd".to_owned(), "root".to_owned()], 3));
    assert_eq!(rows[0].1, 1);
}

#[tokio::test]
async fn an_endpoint_without_rows_is_empty_and_one_not_concerned_says_so() {
    let world = World::new().await;
    let (one, other) = (world.agent().await, world.agent().await);
    let (mut one, mut other) = (one.connect(&world).await, other.connect(&world).await);
    let asked = world.ask(PROCESSES).await;
    one.order().await;
    other.order().await;
    one.answer(asked.order, &[]).await;
    let mut part = whole(asked.order, 1, &[]);
    part.set_state(State::NotConcerned);
    other.say(agent_says::Body::Answer(part)).await;
    let info = world
        .until(asked.id, "two states", |i| {
            count(i, State::Empty) == 1 && count(i, State::NotConcerned) == 1
        })
        .await;
    assert_eq!((info.rows, info.coverage.values().sum()), (0, 2_u64));
}

#[tokio::test]
async fn a_revoked_endpoint_is_said_to_be_and_holds_nothing_up() {
    let world = World::new().await;
    let agent = world.agent().await;
    let answered = world.agent().await;
    let mut first = agent.connect(&world).await;
    let mut second = answered.connect(&world).await;
    let asked = world.ask(PROCESSES).await;
    assert_eq!(count(&asked, State::Pending), 2);
    first.order().await;
    second.order().await;
    second.answer(asked.order, &[&["sshd", "root"]]).await;
    second.stored().await;
    for id in [&agent, &answered].map(|agent| world.endpoint(agent).id) {
        world.identity().revoke(id, &ada()).await.unwrap();
    }
    let info = world
        .until(asked.id, "one revoked", |i| count(i, State::Revoked) == 1)
        .await;
    // What had answered has; and nobody is waited for.
    assert_eq!(count(&info, State::Answered), 1, "{:?}", info.coverage);
    assert_eq!(info.coverage.values().sum::<u64>(), 2);
    // One that was revoked before is no part of a question to everybody.
    let again = world.ask(PROCESSES).await;
    assert_eq!(again.coverage.values().sum::<u64>(), 0);
}

#[tokio::test]
async fn an_endpoint_that_leaves_is_offline_and_joins_when_it_comes_back() {
    let world = World::new().await;
    let agent = world.agent().await;
    let away = world.agent().await;
    let mut channel = agent.connect(&world).await;
    let asked = world.ask(PROCESSES).await;
    assert_eq!(count(&asked, State::Pending), 1);
    assert_eq!(count(&asked, State::Offline), 1);
    channel.order().await;
    drop(channel);
    world
        .until(asked.id, "both offline", |i| count(i, State::Offline) == 2)
        .await;
    for agent in [&agent, &away] {
        let mut channel = agent.connect(&world).await;
        assert_eq!(number(&channel.order().await), asked.order);
        channel.answer(asked.order, &[&["sshd", "root"]]).await;
        channel.stored().await;
    }
    // One that enrols while the question lives is expected too.
    let late = world.agent().await;
    world
        .until(asked.id, "the newcomer", |i| {
            i.coverage.values().sum::<u64>() == 3
        })
        .await;
    let mut channel = late.connect(&world).await;
    channel.order().await;
    channel.answer(asked.order, &[&["sshd", "root"]]).await;
    world
        .until(asked.id, "all answers", |i| count(i, State::Answered) == 3)
        .await;
    // Who has answered does not get the order again.
    let again = world.ask(PROCESSES).await;
    let mut channel = agent.connect(&world).await;
    assert_eq!(number(&channel.order().await), again.order);
}

#[tokio::test]
async fn a_question_and_its_answer_survive_a_restart() {
    let world = World::new().await;
    let agents = [
        world.agent().await,
        world.agent().await,
        world.agent().await,
    ];
    let mut first = agents[0].connect(&world).await;
    let asked = world.ask(PROCESSES).await;
    let closed = world.ask("Get Computer Name from all machines").await;
    first.order().await;
    first.order().await;
    first
        .answer(
            asked.order,
            &[&["sshd", "root"], &["\u{202e}<b>", "\u{1b}[2J"]],
        )
        .await;
    first.stored().await;
    first.answer(closed.order, &[&["box"]]).await;
    first.stored().await;
    let questions = &world.running.services.questions;
    questions.cancel(closed.id, &ada()).await.unwrap();
    let before = (world.rows(asked.id).await, world.rows(closed.id).await);

    let world = world.restart().await;
    // What was stored is there, once; the rest is open.
    let info = world.info(asked.id).await;
    assert!(!info.closed);
    assert_eq!(info.text, asked.text);
    assert_eq!(count(&info, State::Answered), 1);
    assert_eq!(count(&info, State::Offline), 2);
    let done = world.info(closed.id).await;
    assert!(done.closed && done.cancelled);
    assert_eq!(count(&done, State::Cancelled), 2);
    assert_eq!(
        (world.rows(asked.id).await, world.rows(closed.id).await),
        before
    );
    // Loaded from the store, it still tells who was cancelled.
    let info = world.until(closed.id, "the closed one", |i| i.closed).await;
    assert_eq!(count(&info, State::Cancelled), 2);

    // The one that answered hears nothing of it, the second joins, a copy of a stored answer changes nothing.
    let mut second = agents[1].connect(&world).await;
    // It was away when the other question was cancelled: it hears of that first.
    let cancel = agents[1].check(&second.order().await).unwrap();
    assert!(matches!(cancel.payload, Some(Payload::Cancel(c)) if c.order == closed.order));
    assert_eq!(number(&second.order().await), asked.order);
    second.answer(asked.order, &[&["sshd", "root"]]).await;
    second.stored().await;
    let mut first = agents[0].connect(&world).await;
    first
        .say(agent_says::Body::Answer(whole(
            asked.order,
            9,
            &[&["sshd", "root"], &["\u{202e}<b>", "\u{1b}[2J"]],
        )))
        .await;
    assert_eq!(first.stored().await, (asked.order, 9));
    let rows = world.rows(asked.id).await;
    assert_eq!(rows.len(), 2);
    assert!(rows.contains(&(vec!["sshd".to_owned(), "root".to_owned()], 2)));
    let list = world
        .running
        .services
        .questions
        .list(None, None, 10, &Reader::server())
        .await
        .unwrap();
    assert_eq!(list.len(), 2);
    assert!(list[0].id > list[1].id);
    // Numbers go on.
    let next = world.ask(PROCESSES).await;
    assert!(next.order > closed.order && next.id > closed.id);
}

#[tokio::test]
async fn a_question_expires_and_takes_nothing_more() {
    let world = World::new().await;
    let agent = world.agent().await;
    let mut channel = agent.connect(&world).await;
    let asked = world
        .running
        .services
        .questions
        .ask(
            PROCESSES,
            &ada(),
            &Reader::server(),
            Some(Duration::from_secs(1)),
            None,
        )
        .await
        .unwrap();
    channel.order().await;
    let info = world.until(asked.id, "the end", |i| i.closed).await;
    assert!(!info.cancelled);
    assert_eq!(count(&info, State::Pending), 1);
    // Too late, but the agent may forget it.
    channel.answer(asked.order, &[&["sshd", "root"]]).await;
    assert_eq!(channel.stored().await, (asked.order, 7));
    assert_eq!(world.info(asked.id).await.rows, 0);
    assert!(world.rows(asked.id).await.is_empty());
    // And it is not pushed to anybody again.
    let late = world.agent().await;
    let mut late = late.connect(&world).await;
    let next = world.ask(PROCESSES).await;
    assert_eq!(number(&late.order().await), next.order);
}

#[tokio::test]
async fn cancelling_tells_those_who_work_on_it() {
    let world = World::new().await;
    let (agent, done) = (world.agent().await, world.agent().await);
    let mut channel = agent.connect(&world).await;
    let mut answered = done.connect(&world).await;
    let asked = world.ask(PROCESSES).await;
    channel.order().await;
    answered.order().await;
    answered.answer(asked.order, &[&["sshd", "root"]]).await;
    answered.stored().await;
    let questions = &world.running.services.questions;
    questions.cancel(asked.id, &ada()).await.unwrap();
    let order: Order = agent.check(&channel.order().await).unwrap();
    assert!(order.number > asked.order);
    assert!(
        matches!(order.payload, Some(Payload::Cancel(c)) if c.order == asked.order),
        "{order:?}"
    );
    let info = world.info(asked.id).await;
    assert!(info.closed && info.cancelled);
    assert_eq!(count(&info, State::Cancelled), 1);
    assert_eq!(count(&info, State::Answered), 1);
    assert!(matches!(
        questions.cancel(asked.id, &ada()).await,
        Err(QuestionError::Closed(_))
    ));
    // Who has answered is not told.
    answered.say(agent_says::Body::Ping(1)).await;
    assert!(matches!(
        answered.next().await,
        Some(server_says::Body::Pong(1))
    ));
}

#[tokio::test]
async fn bad_questions_are_refused_before_anything_is_kept() {
    let world = World::new().await;
    let questions = &world.running.services.questions;
    let who = ada();
    let reader = Reader::server();
    let bad = questions.ask("Get Nonsense from all machines", &who, &reader, None, None);
    assert!(matches!(bad.await, Err(AskError::Parse(_))));
    for life in [0, 31 * 86_400] {
        let life = Some(Duration::from_secs(life));
        assert!(matches!(
            questions
                .ask(PROCESSES, &ada(), &Reader::server(), life, None)
                .await,
            Err(AskError::Expiry)
        ));
    }
    let nobody = Some(answer::EndpointSet::default());
    assert!(matches!(
        questions
            .ask(PROCESSES, &ada(), &Reader::server(), None, nobody)
            .await,
        Err(AskError::NoTargets)
    ));
    assert!(
        questions
            .list(None, None, 10, &Reader::server())
            .await
            .unwrap()
            .is_empty()
    );
    let id = server::model::ids::QuestionId(77);
    assert!(matches!(
        questions.info(id, &Reader::server()).await,
        Err(QuestionError::Unknown(_))
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_questions_to_many_endpoints_at_once_lose_nothing() {
    let world = World::new().await;
    let mut agents = Vec::new();
    for _ in 0..20 {
        agents.push(world.agent().await);
    }
    const QUESTIONS: u64 = 40;
    let mut workers = tokio::task::JoinSet::new();
    for agent in agents {
        let mut channel = agent.connect(&world).await;
        workers.spawn(async move {
            let own = format!("own-{}", agent.ordinal);
            let mut stored = 0;
            while stored < QUESTIONS {
                match channel.next().await {
                    Some(server_says::Body::Order(order)) => {
                        let order = agent.check(&order).unwrap();
                        channel
                            .answer(order.number, &[&["sshd", "root"], &[&own, "root"]])
                            .await;
                    }
                    Some(server_says::Body::Stored(_)) => stored += 1,
                    other => panic!("unexpected {other:?}"),
                }
            }
        });
    }
    let asks = (0..QUESTIONS).map(|_| world.ask(PROCESSES));
    let asked = futures_util::future::join_all(asks).await;
    soon("all receipts", async {
        while let Some(worker) = workers.join_next().await {
            worker.unwrap();
        }
    })
    .await;
    let mut orders: Vec<u64> = asked.iter().map(|q| q.order).collect();
    orders.sort_unstable();
    orders.dedup();
    assert_eq!(orders.len() as u64, QUESTIONS);
    let world = world.restart().await;
    for question in asked {
        let info = world.info(question.id).await;
        assert_eq!(count(&info, State::Answered), 20);
        let rows = world.rows(question.id).await;
        assert_eq!(rows.len(), 21);
        assert!(rows.contains(&(vec!["sshd".to_owned(), "root".to_owned()], 20)));
    }
}
