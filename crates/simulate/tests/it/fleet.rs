//! Fleets that enrol, answer, fail, vanish and come back.

use crate::harness::{Event, Server, catalogue, connected, options, server, until};
use answer::{Answer, Budget, Contribution, PageQuery, Show, Sort, State};
use protocol::message::{AnswerPart, server_says};
use simulate::{Options, Progress, Report, SimulateError, run_observed};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

struct Running {
    stop: CancellationToken,
    task: JoinHandle<Result<Report, SimulateError>>,
}

fn start(options: Options) -> Running {
    let stop = CancellationToken::new();
    Running {
        task: tokio::spawn(simulate::run(options, stop.clone())),
        stop,
    }
}

impl Running {
    async fn stop(self) -> Report {
        self.stop.cancel();
        self.task.await.unwrap().unwrap()
    }
}

fn state(part: &AnswerPart) -> State {
    part.state().expect("a state")
}

/// Merges what comes for an order until `agents` endpoints have said their last word.
async fn merged(
    events: &mut UnboundedReceiver<Event>,
    order: u64,
    tables: usize,
    agents: u32,
) -> Answer {
    let mut answer = Answer::new(tables, Budget::unlimited());
    type Rows = Vec<(u32, Vec<answer::Cell>)>;
    let mut rows: HashMap<(u32, u64), Rows> = HashMap::new();
    until(events, |event| {
        let Event::Part(ordinal, part) = event else {
            return None;
        };
        if part.order != order {
            return None;
        }
        let held = rows.entry((ordinal, part.attempt)).or_default();
        assert!(part.part == 0 || !held.is_empty());
        for row in &part.rows {
            let cells = row.cells.iter().map(|c| c.as_slice().into()).collect();
            held.push((row.table, cells));
        }
        if part.last {
            assert_eq!(part.total_rows, held.len() as u64);
            answer
                .add(Contribution {
                    ordinal,
                    state: state(&part),
                    rows: std::mem::take(held),
                    problems: part
                        .problems
                        .iter()
                        .map(|p| (p.sensor.clone(), State::Unsupported, p.message.clone()))
                        .collect(),
                    rows_cut: part.rows_cut,
                })
                .unwrap();
        }
        (answer.coverage().total() == u64::from(agents)).then_some(())
    })
    .await;
    answer
}

fn texts(cells: &[answer::Cell]) -> Vec<String> {
    cells
        .iter()
        .map(|c| String::from_utf8(c.to_vec()).unwrap())
        .collect()
}

fn cells(answer: &Answer, contains: &str) -> Vec<(Vec<String>, u64)> {
    let page = answer
        .whole()
        .page(
            0,
            &PageQuery {
                sort: Sort::CountAsc,
                contains: Some(contains.to_owned()),
                limit: 100,
                ..PageQuery::default()
            },
        )
        .unwrap();
    page.rows
        .iter()
        .map(|r| (texts(&r.cells), r.count))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_enrols_answers_and_comes_back_as_itself() {
    let (server, mut events) = server().await;
    let folder = tempfile::tempdir().unwrap();
    let agents = 60;
    let fleet = || Options {
        state_dir: Some(folder.path().join("fleet")),
        ..options(&server, agents)
    };
    let running = start(fleet());
    connected(&mut events, agents).await;

    server.ask(
        1,
        "Get Running Processes with Hash from all machines with Is Linux = True",
    );
    let answer = merged(&mut events, 1, 1, agents).await;
    let counts = answer.coverage().counts();
    let linux = counts[&State::Answered];
    assert!((20..55).contains(&linux), "{counts:?}");
    assert_eq!(counts[&State::NotConcerned], u64::from(agents) - linux);
    let rare = cells(&answer, "kworkerd-sync");
    assert_eq!(rare.len(), 1);
    assert_eq!(rare[0].1, 3, "planted on three machines");
    assert_eq!(rare[0].0[1].len(), 64);
    assert_eq!(
        cells(&answer, "systemd-journald")
            .iter()
            .map(|r| r.1)
            .sum::<u64>(),
        linux
    );
    assert_eq!(cells(&answer, "/usr/sbin/sshd")[0].1, 1, "altered on one");

    server.ask(2, "Get Computer Name from all machines");
    let names = merged(&mut events, 2, 1, agents).await;
    assert_eq!(names.rows(), u64::from(agents));
    server.ask(3, "Get number of machines");
    let number = merged(&mut events, 3, 1, agents).await;
    assert_eq!(
        number
            .whole()
            .page(
                0,
                &PageQuery {
                    limit: 2,
                    ..PageQuery::default()
                }
            )
            .unwrap()
            .rows[0]
            .count,
        u64::from(agents)
    );
    server.ask(4, "Get Tea Leaves from all machines");
    let unknown = merged(&mut events, 4, 1, agents).await;
    assert_eq!(
        unknown.coverage().counts()[&State::Unsupported],
        u64::from(agents)
    );
    assert_eq!(unknown.whole().problems().len(), 1);
    server.ask(
        5,
        "Get Computer Name and Tea Leaves and Running Processes from all machines",
    );
    let mixed = merged(&mut events, 5, 2, agents).await;
    assert!(
        mixed
            .whole()
            .piece(0, 0, 9, &Show::default())
            .unwrap()
            .is_empty()
    );
    assert!(
        mixed
            .whole()
            .piece(1, 0, 9, &Show::default())
            .unwrap()
            .len()
            == 9
    );

    let report = running.stop().await;
    assert_eq!((report.enrolled, report.reused), (u64::from(agents), 0));
    assert_eq!(report.orders, 5 * u64::from(agents));
    assert_eq!(report.connected, 0);

    let running = start(fleet());
    connected(&mut events, agents).await;
    server.ask(6, "Get Computer Name from all machines");
    let again = merged(&mut events, 6, 1, agents).await;
    let found = answer::compare(names.whole(), again.whole(), 0).unwrap();
    assert_eq!(found.both.len(), agents as usize);
    for row in found.both {
        assert_eq!(
            names.whole().endpoints(0, row.left).unwrap(),
            again.whole().endpoints(0, row.right).unwrap(),
            "the same machine has the same ordinal"
        );
    }
    let report = running.stop().await;
    assert_eq!((report.enrolled, report.reused), (0, u64::from(agents)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_kept_until_it_is_stored() {
    let (server, mut events) = server().await;
    server.confirm.store(false, Ordering::Relaxed);
    let running = start(options(&server, 1));
    connected(&mut events, 1).await;
    server.ask(1, "Get Computer Name from all machines");
    let last = |event| match event {
        Event::Part(_, part) if part.last => Some(part),
        _ => None,
    };
    let first = until(&mut events, last).await;
    server.hang();
    let second = until(&mut events, last).await;
    assert_eq!(first.rows, second.rows);
    assert_ne!(first.attempt, second.attempt);
    server.confirm.store(true, Ordering::Relaxed);
    server.hang();
    let third = until(&mut events, last).await;
    assert_eq!(third.rows, first.rows);
    // Pong comes after Stored was read, so the answer is forgotten by then.
    server.say(server_says::Body::Ping(5));
    until(&mut events, |e| matches!(e, Event::Pong(5)).then_some(())).await;
    server.hang();
    connected(&mut events, 1).await;
    server.say(server_says::Body::Ping(6));
    until(&mut events, |event| match event {
        Event::Part(..) => panic!("a stored answer came again"),
        Event::Pong(6) => Some(()),
        _ => None,
    })
    .await;
    let report = running.stop().await;
    assert_eq!((report.orders, report.answers_stored), (1, 1));
    assert_eq!(report.answers_sent, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_and_drop_outs_happen_and_still_everyone_answers() {
    let (server, mut events) = server().await;
    let running = start(Options {
        errors: 1.0,
        drop_out: 1.0,
        ..options(&server, 3)
    });
    connected(&mut events, 3).await;
    server.ask(1, "Get Computer Name from all machines");
    let answer = merged(&mut events, 1, 1, 3).await;
    assert_eq!(answer.coverage().counts()[&State::Error], 3);
    assert_eq!(answer.rows(), 0);
    let report = running.stop().await;
    assert_eq!((report.drop_outs, report.errors), (3, 3));
    assert_eq!(report.connections, 6);
}

/// Late answers come 2 to 30 seconds after their order. A connection lost meanwhile does not bring them sooner, and a
/// question that is cancelled meanwhile is never answered.
#[tokio::test(flavor = "multi_thread")]
async fn late_answers_are_late_and_come_all_the_same() {
    let (server, mut events) = server().await;
    let agents = 60;
    let progress = Arc::new(Progress::default());
    let stop = CancellationToken::new();
    let fleet = tokio::spawn(run_observed(
        Options {
            late: 1.0,
            ..options(&server, agents)
        },
        stop.clone(),
        Arc::clone(&progress),
    ));
    connected(&mut events, agents).await;
    let asked = Instant::now();
    server.ask(1, "Get Computer Name from all machines");
    server.ask(2, "Get Computer Name from all machines");
    server.cancel(3, 1);
    // A pong comes after what was said before it was taken.
    let mut heard = 0;
    server.say(server_says::Body::Ping(7));
    until(&mut events, |event| {
        assert!(!matches!(event, Event::Refused(_)), "{event:?}");
        heard += u32::from(matches!(event, Event::Pong(7)));
        (heard == agents).then_some(())
    })
    .await;
    assert_eq!(progress.report().late, 2 * u64::from(agents));
    server.hang();
    let first = until(&mut events, |event| match event {
        Event::Part(_, part) => Some(part.order),
        _ => None,
    })
    .await;
    assert!(asked.elapsed() >= Duration::from_secs(2));
    assert_eq!(first, 2, "the first question was cancelled");
    for _ in 0..3 {
        let next = until(&mut events, |event| match event {
            Event::Part(_, part) => Some(part.order),
            _ => None,
        })
        .await;
        assert_eq!(next, 2);
    }
    stop.cancel();
    assert_eq!(fleet.await.unwrap().unwrap().errors, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_wait_until_they_are_approved() {
    let (server, mut events) = server().await;
    server.hold_back.store(true, Ordering::Relaxed);
    let (stop, progress) = (CancellationToken::new(), Arc::new(Progress::default()));
    let fleet = tokio::spawn(run_observed(
        options(&server, 3),
        stop.clone(),
        Arc::clone(&progress),
    ));
    // Each asks at least twice.
    let mut asked = 0;
    until(&mut events, |event| match event {
        Event::Enrolled => {
            asked += 1;
            let keys = server.asked.lock().unwrap();
            let twice = |key| keys.iter().filter(|k| *k == key).count() >= 2;
            (asked >= 6 && keys.iter().all(twice)).then_some(())
        }
        Event::Connected(_) => panic!("one that was not approved is in"),
        _ => None,
    })
    .await;
    let report = progress.report();
    assert_eq!((report.waiting, report.enrolled), (3, 0));
    server.hold_back.store(false, Ordering::Relaxed);
    connected(&mut events, 3).await;
    let mut keys = server.asked.lock().unwrap().clone();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 3, "each asks again with its own key");
    server.ask(1, "Get Computer Name from all machines");
    assert_eq!(merged(&mut events, 1, 1, 3).await.rows(), 3);
    stop.cancel();
    let report = fleet.await.unwrap().unwrap();
    assert_eq!((report.waiting, report.enrolled), (0, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_lets_nobody_in() {
    let (server, _events) = server().await;
    let mut token = server.token();
    token.secret = vec![1; 32];
    let outcome = simulate::run(
        Options {
            token: Some(token.to_string()),
            ..options(&server, 4)
        },
        CancellationToken::new(),
    )
    .await;
    let error = outcome.unwrap_err();
    assert!(
        matches!(
            &error,
            SimulateError::TokenTooSmall { entered: 0, wanted: 4, missing: 4, reason, .. } if reason == "unknown token"
        ),
        "{error}"
    );
}

/// A server that does not hold the token's authority does not get to see the secret.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_another_authority_learns_nothing() {
    let (server, mut events) = server().await;
    let mut token = server.token();
    token.authority_fingerprint = [0; 32];
    let running = start(Options {
        token: Some(token.to_string()),
        ..options(&server, 1)
    });
    until(&mut events, |event| match event {
        Event::Lost => Some(()),
        other => panic!("{other:?}"),
    })
    .await;
    let report = running.stop().await;
    assert_eq!(report.enrolled, 0);
}

#[tokio::test]
async fn options_that_make_no_sense_are_refused() {
    let (server, _events) = server().await;
    let refused = |options: Options| async {
        simulate::run(options, CancellationToken::new())
            .await
            .unwrap_err()
    };
    let base = |server: &Server| options(server, 1);
    let error = refused(Options {
        late: 1.5,
        ..base(&server)
    })
    .await;
    assert!(matches!(error, SimulateError::Share { .. }), "{error}");
    let error = refused(Options {
        token: Some("cordon1.nonsense".into()),
        ..base(&server)
    })
    .await;
    assert!(matches!(error, SimulateError::Token(_)), "{error}");
    assert!(catalogue().sensor("Is Linux").is_some());
}
