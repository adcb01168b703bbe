//! Who is signed in, and who is shut out.

use super::{OWN_PASSWORD, Web};
use crate::support::World;
use reqwest::Method;
use serde_json::{Value, json};

/// Somebody with a role, signed in with a password of their own.
async fn arrived(world: &World, admin: &Web, name: &str, role: &str) -> Web {
    let body = json!({"name": name, "role": role});
    let made = admin.ok(Method::POST, "/users", Some(body)).await;
    let mut web = admin.stranger(world);
    web.arrive(name, made["password"].as_str().expect("told once"))
        .await;
    web
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().expect("a list")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_disabled_is_out_at_once_and_comes_back_with_the_same_password() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    let olga = arrived(&world, &admin, "olga", "operator").await;
    let token = olga.token(&["read"]).await;
    let own = list(&olga.get("/sessions").await).len();
    let done = admin.ok(Method::POST, "/users/Olga/disable", None).await;
    assert_eq!(
        (&done["sessions_ended"], &done["tokens_ended"]),
        (&json!(own), &json!(1))
    );
    assert!(done["user"]["disabled_at"].is_string(), "{done}");
    for web in [&olga, &token] {
        web.refused(Method::GET, "/sensors", None, 401, "unauthenticated")
            .await;
    }
    let mut back = admin.stranger(&world);
    let login = |password: &str| Some(json!({"name": "olga", "password": password}));
    // Only who knows the password learns that the account is there and disabled.
    back.refused(
        Method::POST,
        "/login",
        login("a guess of mine"),
        401,
        "unauthenticated",
    )
    .await;
    back.refused(Method::POST, "/login", login(OWN_PASSWORD), 403, "disabled")
        .await;
    let users = admin.get("/users").await;
    let told = list(&users).iter().find(|user| user["name"] == "olga");
    assert_eq!(
        told.expect("there")["disabled_at"],
        done["user"]["disabled_at"]
    );

    let user = admin.ok(Method::POST, "/users/olga/enable", None).await;
    assert_eq!(user["disabled_at"], Value::Null);
    back.sign_in("olga", OWN_PASSWORD).await;
    back.get("/sensors").await;
    token
        .refused(Method::GET, "/sensors", None, 401, "unauthenticated")
        .await;

    for name in ["admin", "Admin"] {
        let path = format!("/users/{name}/disable");
        admin
            .refused(Method::POST, &path, None, 409, "conflict")
            .await;
    }
    admin
        .refused(
            Method::POST,
            "/users/nobody/disable",
            None,
            404,
            "not_found",
        )
        .await;
    let told = admin.get("/audit?object=olga&limit=20").await;
    let actions: Vec<&str> = list(&told)
        .iter()
        .filter_map(|entry| entry["action"].as_str())
        .collect();
    for action in ["user.disable", "user.enable", "login.failed"] {
        assert!(actions.contains(&action), "{action}: {actions:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_seen_and_ended_by_their_owner_and_by_administrators() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    let olga = arrived(&world, &admin, "olga", "reader").await;
    let mut second = admin.stranger(&world);
    second.sign_in("olga", OWN_PASSWORD).await;
    let own = olga.get("/sessions").await;
    assert_eq!(list(&own).len(), 2, "{own}");
    assert!(
        list(&own)
            .iter()
            .all(|s| s["user"] == "olga" && s["address"] == "127.0.0.1")
    );
    let current: Vec<bool> = list(&own).iter().map(|s| s["current"] == true).collect();
    assert_eq!(current, [true, false]);
    let all = admin.get("/sessions").await;
    assert_eq!(list(&all).len(), 3, "{all}");
    let id = |value: &Value| value["id"].as_u64().expect("a number");
    let of_admin = list(&all).iter().find(|s| s["user"] == "admin");
    let of_admin = format!("/sessions/{}", id(of_admin.expect("there")));

    // Nobody ends what is not theirs, nor learns that it is there.
    olga.refused(Method::DELETE, &of_admin, None, 404, "not_found")
        .await;
    let other = format!("/sessions/{}", id(&list(&own)[1]));
    let reads = olga.token(&["read"]).await;
    assert_eq!(list(&reads.get("/sessions").await).len(), 2);
    olga.ok(Method::DELETE, &other, None).await;
    second
        .refused(Method::GET, "/me", None, 401, "unauthenticated")
        .await;
    olga.refused(Method::DELETE, &other, None, 404, "not_found")
        .await;
    // All of one's own but the one that asks.
    second.sign_in("olga", OWN_PASSWORD).await;
    let ended = olga.ok(Method::DELETE, "/sessions", None).await;
    assert_eq!(ended["sessions_ended"], 1);
    olga.get("/me").await;
    second
        .refused(Method::GET, "/me", None, 401, "unauthenticated")
        .await;
    // A token has no session of its own to keep.
    let ended = reads.ok(Method::DELETE, "/sessions", None).await;
    assert_eq!(ended["sessions_ended"], 1);
    olga.refused(Method::GET, "/me", None, 401, "unauthenticated")
        .await;
    second.sign_in("olga", OWN_PASSWORD).await;
    let all = admin.get("/sessions").await;
    let hers = list(&all)
        .iter()
        .find(|s| s["user"] == "olga")
        .expect("there");
    admin
        .ok(Method::DELETE, &format!("/sessions/{}", id(hers)), None)
        .await;
    second
        .refused(Method::GET, "/me", None, 401, "unauthenticated")
        .await;
    for action in ["session.end", "sessions.end"] {
        let told = admin.get(&format!("/audit?action={action}&limit=20")).await;
        assert_eq!(list(&told).len(), 2, "{action}: {told}");
    }
}
