//! Computer groups: whose they are, what they are called, and what a change of them does. Quotas of askers.

use super::Web;
use crate::support::World;
use reqwest::Method;
use serde_json::{Value, json};

const FILTER: &str = "Computer Name contains srv";

async fn operator(admin: &Web, world: &World, name: &str) -> Web {
    let user = json!({"name": name, "role": "operator", "password": "a first password"});
    admin.ok(Method::POST, "/users", Some(user)).await;
    let mut web = admin.stranger(world);
    web.arrive(name, "a first password").await;
    web
}

fn group(name: &str) -> Option<Value> {
    Some(json!({"name": name, "filter": FILTER}))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_its_owners_and_administrators() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    let olga = operator(&admin, &world, "olga").await;
    let otto = operator(&admin, &world, "otto").await;
    let made = olga.ok(Method::POST, "/groups", group("servers")).await;
    assert_eq!(
        (&made["owner"], &made["version"]),
        (&json!("olga"), &json!(1))
    );
    let change = |text: &str| Some(json!({"filter": text}));
    let other = "Computer Name contains web";
    otto.refused(
        Method::PUT,
        "/groups/servers",
        change(other),
        403,
        "forbidden",
    )
    .await;
    otto.refused(Method::DELETE, "/groups/Servers", None, 403, "forbidden")
        .await;
    assert_eq!(olga.get("/groups").await[0]["filter"], made["filter"]);
    // The rights of a token are its owner's.
    let token = olga.token(&["ask"]).await;
    let changed = token
        .ok(Method::PUT, "/groups/servers", change(other))
        .await;
    assert_eq!(changed["version"], 2);
    admin
        .refused(
            Method::PUT,
            "/groups/servers",
            change("nonsense"),
            422,
            "parse",
        )
        .await;
    admin
        .ok(Method::PUT, "/groups/servers", change(FILTER))
        .await;
    admin
        .refused(
            Method::PUT,
            "/groups/nobody",
            change(FILTER),
            404,
            "not_found",
        )
        .await;
    // Whose owner is gone is looked after by administrators.
    admin.ok(Method::DELETE, "/users/olga", None).await;
    assert_eq!(admin.get("/groups").await[0]["owner"], json!(null));
    otto.refused(Method::DELETE, "/groups/servers", None, 403, "forbidden")
        .await;
    admin.ok(Method::DELETE, "/groups/servers", None).await;
    // A name that meant something before goes on counting.
    let again = otto.ok(Method::POST, "/groups", group("SERVERS")).await;
    assert_eq!(
        (&again["owner"], &again["version"]),
        (&json!("otto"), &json!(4))
    );
    let told = admin.get("/audit?action=group.&limit=10").await;
    let versions: Vec<_> = told
        .as_array()
        .expect("a list")
        .iter()
        .rev()
        .map(|e| (e["action"].as_str().expect("text"), &e["detail"]["version"]))
        .collect();
    assert_eq!(
        versions,
        [
            ("group.create", &json!(1)),
            ("group.change", &json!(2)),
            ("group.change", &json!(3)),
            ("group.delete", &json!(3)),
            ("group.create", &json!(4))
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_deceive_are_refused() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    for odd in [
        "web\u{202e}servers",
        "web\u{200b}servers",
        "web\u{2066}servers\u{2069}",
        "w\u{0435}b servers",
        "a\nb",
        "",
        " ",
        "Web  Servers",
        "all machines",
        "ALL  computers",
    ] {
        admin
            .refused(Method::POST, "/groups", group(odd), 422, "invalid")
            .await;
    }
    admin.ok(Method::POST, "/groups", group("web-0")).await;
    for alike in [
        "web-O",
        "WEB-0",
        "Runn\u{0131}ng Processes",
        "computer name",
    ] {
        admin
            .refused(Method::POST, "/groups", group(alike), 409, "conflict")
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_in_use_keeps_its_meaning_and_stays() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    admin.ok(Method::POST, "/groups", group("servers")).await;
    let question = json!({"text": "Get Computer Name from servers"});
    let asked = admin.ok(Method::POST, "/questions", Some(question)).await;
    let text = asked["text"].as_str().expect("text");
    assert!(text.contains("srv") && !text.contains("servers"), "{text}");
    let told = admin.get("/audit?action=question.groups&limit=1").await;
    assert_eq!(told[0]["object"], format!("question {}", asked["id"]));
    assert_eq!(told[0]["detail"]["versions"], json!({"servers": 1}));

    let refused = admin
        .refused(Method::DELETE, "/groups/servers", None, 409, "conflict")
        .await;
    let message = refused["error"]["message"].as_str().expect("text");
    assert!(message.contains(&asked["id"].to_string()), "{message}");
    let other = json!({"filter": "Computer Name contains web"});
    admin.ok(Method::PUT, "/groups/servers", Some(other)).await;
    let path = format!("/questions/{}", asked["id"]);
    assert_eq!(
        admin.get(&path).await["text"],
        text,
        "what was asked stands"
    );

    admin.ok(Method::DELETE, &path, None).await;
    world
        .until(
            server::model::ids::QuestionId(asked["id"].as_u64().expect("a number")),
            "its end",
            |info| info.closed,
        )
        .await;
    admin.ok(Method::DELETE, "/groups/servers", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asker_keeps_open_what_the_quota_allows_and_no_more() {
    let quota = server::quota::Limits {
        questions: 2,
        endpoint_hours: 24,
    };
    let world = World::configured(|config| config.quota = quota).await;
    let _agent = world.agent().await;
    let admin = Web::admin(&world).await;
    let olga = operator(&admin, &world, "olga").await;
    let ask = |seconds: u64| {
        Some(json!({"text": "Get Computer Name from all machines", "expires_seconds": seconds}))
    };
    let hour = 3600;
    let first = olga.ok(Method::POST, "/questions", ask(20 * hour)).await;
    let long = olga
        .refused(Method::POST, "/questions", ask(5 * hour), 429, "quota")
        .await;
    assert!(
        long["error"]["message"]
            .as_str()
            .expect("text")
            .contains("24")
    );
    let token = olga.token(&["ask"]).await;
    token.ok(Method::POST, "/questions", ask(hour)).await;
    for web in [&olga, &token] {
        web.refused(Method::POST, "/questions", ask(hour), 429, "quota")
            .await;
    }
    // Others have their own, and who cancels has room again.
    admin.ok(Method::POST, "/questions", ask(hour)).await;
    let id = &first["id"];
    olga.ok(Method::DELETE, &format!("/questions/{id}"), None)
        .await;
    world
        .until(
            server::model::ids::QuestionId(id.as_u64().expect("a number")),
            "its end",
            |info| info.closed,
        )
        .await;
    olga.ok(Method::POST, "/questions", ask(hour)).await;
    // Many at once do not slip through together.
    let many = (0..8).map(|_| admin.call(Method::POST, "/questions", ask(hour)));
    let admitted = futures_util::future::join_all(many)
        .await
        .iter()
        .filter(|(status, _)| status.is_success())
        .count();
    assert!(admitted <= 1, "{admitted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_given_away_by_who_may_change_it() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    let olga = operator(&admin, &world, "olga").await;
    let otto = operator(&admin, &world, "otto").await;
    olga.ok(Method::POST, "/groups", group("servers")).await;
    let to = |name: &str| Some(json!({"owner": name}));
    let path = "/groups/servers/owner";
    otto.refused(Method::PUT, path, to("otto"), 403, "forbidden")
        .await;
    olga.refused(Method::PUT, path, to("nobody"), 404, "not_found")
        .await;
    let given = olga.ok(Method::PUT, path, to("Otto")).await;
    assert_eq!(
        (&given["owner"], &given["version"]),
        (&json!("otto"), &json!(1))
    );
    olga.refused(Method::DELETE, "/groups/servers", None, 403, "forbidden")
        .await;
    otto.ok(Method::DELETE, "/groups/servers", None).await;
}
