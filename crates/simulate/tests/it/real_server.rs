//! The fleet against the server that ships: enrolment, a question, a restart of the server under a running fleet.

use crate::harness::catalogue;
use answer::State;
use server::access::Reader;
use server::model::actor::Actor;
use server::model::endpoint::TokenRequest;
use server::{Config, Running, start};
use simulate::{Options, Progress, run_observed};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const AGENTS: u32 = 120;

async fn all_online(running: &Running) {
    let fleet = &running.services.fleet;
    let mut changes = fleet.changes();
    let waiting = async {
        while fleet.count() < AGENTS as usize {
            changes.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .expect("not all endpoints connected");
}

/// Asks, waits for the last word of every endpoint, and gives coverage and the number of rows.
async fn asked(running: &Running, text: &str) -> (BTreeMap<State, u64>, u64) {
    let questions = &running.services.questions;
    let info = questions
        .ask(text, &Actor::Server, &Reader::server(), None, None)
        .await
        .unwrap();
    let mut version = questions.follow(info.id, &Reader::server()).await.unwrap();
    let waiting = async {
        loop {
            let (complete, counts, rows) = questions
                .with_answer(info.id, &Reader::server(), |answer, _| {
                    let coverage = answer.coverage();
                    (coverage.is_complete(), coverage.counts(), answer.rows())
                })
                .await
                .unwrap();
            if complete {
                return (counts, rows);
            }
            version.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .expect("not all endpoints answered")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_server_takes_the_fleet_and_gets_it_back_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::local(folder.path().join("server"), catalogue());
    let running = start(config.clone()).await.unwrap();
    config.agents = running.agents;
    let request = TokenRequest {
        uses: Some(AGENTS),
        life: Duration::from_secs(600),
        approve: false,
    };
    let identity = &running.services.identity;
    let (_, token) = identity
        .create_token(request, &Actor::Server)
        .await
        .unwrap();
    let (stop, progress) = (CancellationToken::new(), Arc::new(Progress::default()));
    let options = Options {
        server: running.agents.to_string(),
        token: Some(token.to_string()),
        agents: AGENTS,
        seed: 42,
        state_dir: None,
        late: 0.0,
        drop_out: 0.0,
        errors: 0.0,
        catalogue: Arc::new(catalogue()),
    };
    let fleet = tokio::spawn(run_observed(options, stop.clone(), Arc::clone(&progress)));
    all_online(&running).await;
    let text = "Get Running Processes with Hash from all machines with Is Linux = True";
    let (counts, rows) = asked(&running, text).await;
    let linux = counts[&State::Answered];
    assert_eq!(
        linux + counts[&State::NotConcerned],
        u64::from(AGENTS),
        "{counts:?}"
    );
    assert!(rows > 50, "{rows}");
    assert_eq!(
        asked(&running, "Get Computer Name from all machines")
            .await
            .1,
        u64::from(AGENTS)
    );

    running.drain().await;
    let running = start(config).await.unwrap();
    all_online(&running).await;
    let (again, same_rows) = asked(&running, text).await;
    assert_eq!((again, same_rows), (counts, rows));
    // An answer is visible before it is confirmed; each must be confirmed in the end, those from before the restart too.
    let confirmed = async {
        let mut look = tokio::time::interval(Duration::from_millis(20));
        while progress.report().answers_stored < 3 * u64::from(AGENTS) {
            look.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), confirmed)
        .await
        .unwrap_or_else(|_| panic!("not all answers were confirmed: {:?}", progress.report()));
    stop.cancel();
    let report = fleet.await.unwrap().unwrap();
    assert_eq!(report.enrolled, u64::from(AGENTS));
    assert_eq!(report.orders_refused, 0);
    assert_eq!(report.answers_stored, 3 * u64::from(AGENTS), "{report:?}");
    running.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_fewer_machines_is_told_with_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::local(folder.path().join("server"), catalogue());
    let running = start(config).await.unwrap();
    let state = folder.path().join("fleet");
    let fleet = async |uses: u32, state: Option<&std::path::Path>, stop: CancellationToken| {
        let request = TokenRequest {
            uses: Some(uses),
            life: Duration::from_secs(600),
            approve: false,
        };
        let identity = &running.services.identity;
        let made = identity.create_token(request, &Actor::Server).await;
        let options = Options {
            server: running.agents.to_string(),
            token: Some(made.unwrap().1.to_string()),
            agents: 5,
            seed: 42,
            state_dir: state.map(std::path::Path::to_owned),
            late: 0.0,
            drop_out: 0.0,
            errors: 0.0,
            catalogue: Arc::new(catalogue()),
        };
        simulate::run(options, stop).await
    };
    let none = CancellationToken::new();
    let error = fleet(3, Some(&state), none.clone()).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("the enrolment token allows 3 more enrolments, 5 are wanted: "),
        "{text}"
    );
    assert!(text.ends_with("`cordon token create --uses 2`"), "{text}");
    // Those that are in came back with the identities that were kept; one more is in then, and one is missing.
    let error = fleet(1, Some(&state), none.clone()).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("1 more enrolment, 2 are wanted"), "{text}");
    let stop = CancellationToken::new();
    let whole = async {
        let mut changes = running.services.fleet.changes();
        while running.services.fleet.count() < 5 {
            changes.changed().await.unwrap();
        }
        stop.cancel();
    };
    let (report, ()) = tokio::join!(fleet(1, Some(&state), stop.clone()), whole);
    let report = report.unwrap();
    assert_eq!((report.reused, report.enrolled), (4, 1));
    // Without a folder nothing of it is left.
    let text = fleet(2, None, none).await.unwrap_err().to_string();
    assert!(
        text.contains("`cordon token create --uses 5`; `--state FOLDER`"),
        "{text}"
    );
    running.drain().await;
}
