//! Endpoints called by host name, ordinal or the beginning of their identifier: what is one endpoint's alone names it, and what several go
//! by names none of them.

use super::Web;
use crate::support::{Agent, World};
use protocol::message::{Hello, agent_says, server_says};
use reqwest::Method;
use serde_json::json;

/// Connects as a machine that calls itself so.
async fn called(world: &World, agent: &Agent, hostname: &str) -> crate::support::Channel {
    let mut channel = agent.mute(world).await.expect("a connection");
    let hello = Hello {
        hostname: hostname.to_owned(),
        ..agent.hello()
    };
    channel.say(agent_says::Body::Hello(hello)).await;
    let reply = channel.next().await;
    assert!(
        matches!(reply, Some(server_says::Body::Welcome(_))),
        "{reply:?}"
    );
    channel
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_one_endpoints_alone_names_it() {
    let world = World::new().await;
    let web = Web::admin(&world).await;
    let (one, two) = (world.agent().await, world.agent().await);
    let _one = called(&world, &one, "Web-01.example").await;
    let id = world.endpoint(&one).id.to_string();
    for name in [
        "web-01.EXAMPLE".to_owned(),
        one.ordinal.to_string(),
        id.clone(),
        id.to_uppercase(),
        id[..12].to_owned(),
        id[..12].to_uppercase(),
    ] {
        let found = web.get(&format!("/endpoints/{name}")).await;
        assert_eq!(found["id"], *id, "{name}");
    }
    let unknown = web
        .refused(
            Method::GET,
            "/endpoints/web-1.example",
            None,
            404,
            "not_found",
        )
        .await;
    let said = unknown["error"]["message"].as_str().expect("text");
    assert!(said.contains("near: Web-01.example"), "{said}");
    // `box` is what the other one said when it enrolled.
    let revoked = web.ok(Method::POST, "/endpoints/box/revoke", None).await;
    assert_eq!(revoked["ordinal"], two.ordinal);
    for nobody in ["999999", "ab", "%20", "web"] {
        web.refused(
            Method::GET,
            &format!("/endpoints/{nobody}"),
            None,
            404,
            "not_found",
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_several_go_by_names_none_and_changes_nothing() {
    let world = World::new().await;
    let web = Web::admin(&world).await;
    let (one, two) = (world.agent().await, world.agent().await);
    for method in [Method::POST, Method::GET] {
        let path = match method {
            Method::POST => "/endpoints/box/revoke",
            _ => "/endpoints/box",
        };
        let refused = web.refused(method, path, None, 409, "conflict").await;
        let said = refused["error"]["message"].as_str().expect("text");
        for agent in [&one, &two] {
            let endpoint = world.endpoint(agent);
            let id = endpoint.id.to_string();
            let told = format!("{} (box, {}…, approved)", endpoint.ordinal, &id[..8]);
            assert!(said.contains(&told), "{said}");
        }
    }
    assert_eq!(
        web.get("/endpoints?state=revoked").await,
        json!([]),
        "a name that may be either is neither's"
    );
    // A machine that was enrolled anew: what was revoked does not stand in its way.
    let path = format!("/endpoints/{}/revoke", one.ordinal);
    web.ok(Method::POST, &path, None).await;
    assert_eq!(web.get("/endpoints/box").await["ordinal"], two.ordinal);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_name_takes_nobody_elses_place() {
    let world = World::new().await;
    let web = Web::admin(&world).await;
    let (honest, other) = (world.agent().await, world.agent().await);
    let _honest = called(&world, &honest, "web-01").await;
    let id = world.endpoint(&honest).id.to_string();
    for name in [id[..12].to_owned(), honest.ordinal.to_string(), id.clone()] {
        let _other = called(&world, &other, &name).await;
        let path = format!("/endpoints/{name}");
        if name == id {
            assert_eq!(web.get(&path).await["ordinal"], honest.ordinal);
        } else {
            web.refused(Method::GET, &path, None, 409, "conflict").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn free_words_mean_a_machine_by_its_host_name() {
    let world = World::new().await;
    let web = Web::admin(&world).await;
    let agent = world.agent().await;
    let _channel = called(&world, &agent, "Web-01").await;
    let words = Some(json!({"text": "running processes on web-01"}));
    let read = web
        .ok(Method::POST, "/questions/interpret", words.clone())
        .await;
    assert_eq!(
        read[0]["canonical"],
        "Get Running Processes from all machines with Computer Name = Web-01"
    );
    web.ok(Method::POST, "/endpoints/web-01/revoke", None).await;
    let read = web.ok(Method::POST, "/questions/interpret", words).await;
    let readings = read.to_string();
    assert!(
        !readings.contains("Computer Name = Web-01"),
        "what is shut out is not asked: {readings}"
    );
}
