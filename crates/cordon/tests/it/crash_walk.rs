//! Server and agent are killed fifty times while questions are asked. What was acknowledged is there afterwards, once.

use crate::support::{Server, agent, answered, client, connected, enrol, rows, runtime, simulate};
use ::api::EndpointState;
use cordon::api::ApiQuestion;
use serde_json::json;

const KILLS: usize = 50;
const SIMULATED: u32 = 20;

#[test]
fn what_was_acknowledged_survives_fifty_kills_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(&folder.path().join("server"));
    let profile = server.profile();
    let place = folder.path().join("agent");
    enrol(&server.token(&profile, 1), &place);
    let mut real = agent(&place);
    let _fleet = simulate(SIMULATED, &server.token(&profile, SIMULATED), &[]);
    let client = client(&profile);
    let all = u64::from(SIMULATED) + 1;
    runtime().block_on(async {
        connected(&client, all).await;
        let mut asked: Vec<ApiQuestion> = Vec::new();
        for kill in 0..KILLS {
            // Asking is acknowledged by the reply; the kill comes while answers are on their way.
            let question = client
                .post(
                    "/questions",
                    json!({"text": "Get Computer Name from all machines", "expires_seconds": 3600}),
                )
                .await;
            asked.push(question.expect("the server is up and takes a question"));
            // Lets a different part of the work be done before each kill; no outcome depends on it.
            for _ in 0..kill * 37 % 500 {
                tokio::task::yield_now().await;
            }
            if kill % 2 == 0 {
                server.restart();
            } else {
                real.kill();
                real = agent(&place);
            }
        }
        for question in &asked {
            let coverage = answered(&client, question).await;
            // A question at which the real agent was killed twice is answered with that.
            let told = coverage
                .get(&EndpointState::EndedAgent)
                .copied()
                .unwrap_or(0);
            assert!(told <= 1, "question {}: {coverage:?}", question.id);
            assert_eq!(
                coverage.get(&EndpointState::Answered).map(|n| n + told),
                Some(all),
                "question {}: {coverage:?}",
                question.id
            );
            let rows = rows(&client, question, 0).await;
            assert_eq!(
                rows.iter().map(|(_, count)| count).sum::<u64>() + told,
                all,
                "each endpoint counts once: {rows:?}"
            );
        }
        let mut numbers: Vec<_> = asked.iter().map(|question| question.id).collect();
        numbers.sort();
        numbers.dedup();
        assert_eq!(numbers.len(), KILLS);
    });
}
