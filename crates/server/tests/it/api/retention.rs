//! Keeping and deleting questions, and who may.

use super::Web;
use crate::support::World;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const TEXT: &str = "Get Running Processes from all machines";

async fn ask(web: &Web) -> u64 {
    let asked = web
        .ok(Method::POST, "/questions", Some(json!({ "text": TEXT })))
        .await;
    asked["id"].as_u64().unwrap()
}

/// Signed in as somebody new with this role.
async fn user(world: &World, admin: &Web, name: &str, role: &str) -> Web {
    let body = json!({"name": name, "role": role});
    let made = admin.ok(Method::POST, "/users", Some(body)).await;
    let mut web = admin.stranger(world);
    web.arrive(name, made["password"].as_str().unwrap()).await;
    web
}

async fn close(web: &Web, id: u64) {
    web.ok(Method::DELETE, &format!("/questions/{id}"), None)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_decide_about_their_own_questions_and_administrators_about_any() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    let ada = user(&world, &admin, "ada", "operator").await;
    let bob = user(&world, &admin, "bob", "operator").await;
    let (mine, other) = (ask(&ada).await, ask(&ada).await);
    let keep = |id| format!("/questions/{id}/keep");
    let delete = |id| format!("/questions/{id}/delete");
    let yes = || Some(json!({ "keep": true }));

    bob.refused(Method::POST, &keep(mine), yes(), 403, "forbidden")
        .await;
    bob.refused(Method::POST, &delete(mine), None, 403, "forbidden")
        .await;
    ada.ok(Method::POST, &keep(mine), yes()).await;
    assert_eq!(ada.get(&format!("/questions/{mine}")).await["kept"], true);
    admin
        .ok(Method::POST, &keep(mine), Some(json!({ "keep": false })))
        .await;
    let listed = ada.get("/questions").await;
    assert!(
        listed
            .as_array()
            .unwrap()
            .iter()
            .all(|q| q["kept"] == false),
        "{listed}"
    );

    // An open question is not deleted under those who answer.
    ada.refused(Method::POST, &delete(mine), None, 409, "conflict")
        .await;
    for id in [mine, other] {
        close(&ada, id).await;
    }
    ada.ok(Method::POST, &delete(mine), None).await;
    admin.ok(Method::POST, &delete(other), None).await;
    for id in [mine, other] {
        for path in ["", "/rows", "/endpoints", "/problems"] {
            let path = format!("/questions/{id}{path}");
            ada.refused(Method::GET, &path, None, 404, "not_found")
                .await;
        }
        ada.refused(Method::POST, &delete(id), None, 404, "not_found")
            .await;
        ada.refused(Method::POST, &keep(id), yes(), 404, "not_found")
            .await;
    }
    assert_eq!(ada.get("/questions").await, json!([]));

    // Who did it is in the log.
    let entries = admin.get("/audit?action=question.").await;
    let told: Vec<(&str, &str, &str)> = entries
        .as_array()
        .unwrap()
        .iter()
        .map(|e| {
            let text = |key: &str| e[key].as_str().unwrap();
            (text("who"), text("action"), text("object"))
        })
        .collect();
    let (mine, other) = (format!("question {mine}"), format!("question {other}"));
    for entry in [
        ("ada", "question.keep", mine.as_str()),
        ("admin", "question.keep", &mine),
        ("ada", "question.delete", &mine),
        ("admin", "question.delete", &other),
    ] {
        assert!(told.contains(&entry), "{entry:?} is missing in {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_question_stays_deleted_after_a_restart_and_its_number_is_not_given_again() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    let token = admin.token(&["read", "ask"]).await;
    let id = ask(&token).await;
    let order = token.get(&format!("/questions/{id}")).await["order"].clone();
    close(&token, id).await;
    token
        .ok(Method::POST, &format!("/questions/{id}/delete"), None)
        .await;
    let world = world.restart().await;
    let web = Web::new(&world).with_bearer(token.bearer.as_deref().unwrap());
    let (status, _) = web
        .call(Method::GET, &format!("/questions/{id}"), None)
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let next: Value = web
        .ok(Method::POST, "/questions", Some(json!({ "text": TEXT })))
        .await;
    assert!(next["id"].as_u64() > Some(id));
    assert!(next["order"].as_u64() > order.as_u64());
}
