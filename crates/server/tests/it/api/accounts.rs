//! Signing in and out, limits of requests, headers, and what lies outside the API.

use super::{OWN_PASSWORD, Web};
use crate::support::World;
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn the_one_time_password_signs_in_until_it_is_changed() {
    let world = World::new().await;
    let first = world.one_time_password();
    let stranger = Web::new(&world);
    let login = |password: &str| json!({"name": "admin", "password": password});
    let response = stranger
        .send(Method::POST, "/login", Some(login(&first)))
        .await;
    let cookies: Vec<_> = response
        .headers()
        .get_all("set-cookie")
        .iter()
        .map(|c| c.to_str().expect("text").to_owned())
        .collect();
    assert!(
        cookies.len() == 2 && cookies[1].starts_with("__Host-cordon-device="),
        "{cookies:?}"
    );
    assert!(cookies[1].contains("; Secure; HttpOnly; SameSite=Strict"));
    let cookie = &cookies[0];
    for part in [
        "__Host-cordon=",
        "; Path=/",
        "; Secure",
        "; HttpOnly",
        "; SameSite=Strict",
        "; Max-Age=",
    ] {
        assert!(cookie.contains(part), "{part} is missing in {cookie}");
    }
    assert!(!cookie.contains("Domain"));

    let mut admin = Web::new(&world);
    admin.sign_in("admin", &first).await;
    let me = admin.get("/me").await;
    assert_eq!(me["one_time_password"], true);
    assert_eq!(
        me["csrf"].as_str(),
        admin.csrf.as_deref(),
        "a reloaded page finds its token again"
    );
    let change = |new: &str| Some(json!({"current": first, "new": new}));
    for unfit in ["short", &first] {
        admin
            .refused(Method::POST, "/me/password", change(unfit), 422, "invalid")
            .await;
    }
    let own = change("a password of my own");
    admin.ok(Method::POST, "/me/password", own).await;
    assert_eq!(admin.get("/me").await["one_time_password"], false);
    stranger
        .refused(
            Method::POST,
            "/login",
            Some(login(&first)),
            401,
            "unauthenticated",
        )
        .await;

    let file = world.folder.path().join("one-time-password");
    assert!(!file.exists(), "what is over is not kept");
    let world = world.restart().await;
    assert!(world.running.first_password.is_none());
    let mut again = Web::new(&world);
    again.sign_in("admin", "a password of my own").await;
    again.ok(Method::POST, "/logout", None).await;
    again
        .refused(Method::GET, "/me", None, 401, "unauthenticated")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_slowed_down() {
    let world = World::new().await;
    let stranger = Web::new(&world);
    let guess = || Some(json!({"name": "admin", "password": "guess"}));
    for _ in 0..5 {
        stranger
            .refused(Method::POST, "/login", guess(), 401, "unauthenticated")
            .await;
    }
    let response = stranger.send(Method::POST, "/login", guess()).await;
    assert_eq!(response.status(), 429);
    assert!(response.headers().contains_key("retry-after"));
}

#[tokio::test(flavor = "multi_thread")]
async fn users_and_tokens_come_and_go() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    let user = json!({"name": "olga", "role": "operator", "password": "olga's first one"});
    admin.ok(Method::POST, "/users", Some(user.clone())).await;
    admin
        .refused(Method::POST, "/users", Some(user), 409, "conflict")
        .await;
    // The audit log calls somebody else by the last four.
    for odd in ["o<b>", "server", "Unknown", "SYSTEM", "local"] {
        let odd = json!({"name": odd, "role": "operator"});
        admin
            .refused(Method::POST, "/users", Some(odd), 422, "invalid")
            .await;
    }
    let names: Vec<_> = admin
        .get("/users")
        .await
        .as_array()
        .expect("a list")
        .iter()
        .map(|u| u["name"].clone())
        .collect();
    assert_eq!(names, ["admin", "olga"]);

    let mut olga = admin.stranger(&world);
    olga.arrive("olga", "olga's first one").await;
    let wanted =
        json!({"name": "command line", "scopes": ["read", "ask", "admin"], "expires_seconds": 60});
    let made = olga.ok(Method::POST, "/api-tokens", Some(wanted)).await;
    assert_eq!(
        made["scopes"],
        json!(["read", "ask"]),
        "what she may not do is left out"
    );
    let token = olga.with_bearer(made["token"].as_str().expect("a token"));
    assert_eq!(token.get("/me").await["name"], "olga");
    let admins = admin.token(&["read"]).await;
    assert_eq!(
        olga.get("/api-tokens").await.as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(
        admin.get("/api-tokens").await.as_array().map(Vec::len),
        Some(2)
    );
    olga.refused(Method::DELETE, "/api-tokens/2", None, 404, "not_found")
        .await;
    admins.get("/sensors").await;
    olga.ok(Method::DELETE, &format!("/api-tokens/{}", made["id"]), None)
        .await;
    token
        .refused(Method::GET, "/me", None, 401, "unauthenticated")
        .await;

    admin.ok(Method::DELETE, "/users/olga", None).await;
    olga.refused(Method::GET, "/me", None, 401, "unauthenticated")
        .await;
    admin
        .refused(Method::DELETE, "/users/admin", None, 409, "conflict")
        .await;

    let actions: Vec<_> = admin
        .get("/audit?limit=50")
        .await
        .as_array()
        .expect("a list")
        .iter()
        .map(|e| e["action"].as_str().expect("text").to_owned())
        .collect();
    for action in [
        "user.create",
        "user.delete",
        "login",
        "api-token.create",
        "api-token.delete",
    ] {
        assert!(
            actions.iter().any(|a| a == action),
            "{action} is not in the audit log"
        );
    }
    let verdict = admin.get("/audit/verify").await;
    assert_eq!(verdict["fault"], json!(null));
    assert_eq!(verdict["good"].as_u64(), Some(actions.len() as u64));
    let noted = format!("/audit/verify?number=1&hash={}", "00".repeat(32));
    assert_eq!(admin.get(&noted).await["fault"]["problem"], "rewritten");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_the_api_tokens_but_those_that_are_named() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    let (ends, stays) = (admin.token(&["read"]).await, admin.token(&["read"]).await);
    let other = {
        let made = json!({"name": "olga", "role": "reader", "password": "olga's first one"});
        admin.ok(Method::POST, "/users", Some(made)).await;
        let mut olga = admin.stranger(&world);
        olga.arrive("olga", "olga's first one").await;
        olga.token(&["read"]).await
    };
    let stays_id = &admin.get("/api-tokens").await[1]["id"];
    let change =
        json!({"current": OWN_PASSWORD, "new": "another of my own", "keep_tokens": [stays_id]});
    admin.ok(Method::POST, "/me/password", Some(change)).await;
    ends.refused(Method::GET, "/sensors", None, 401, "unauthenticated")
        .await;
    stays.get("/sensors").await;
    other.get("/sensors").await;
    admin.get("/sensors").await;
    let entry = &admin.get("/audit?action=password.change&limit=1").await[0];
    assert_eq!(entry["detail"]["tokens_ended"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_requests_get_an_error_in_the_usual_form() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    let post = |path: &str| admin.request(Method::POST, &format!("/api/v1{path}"));
    let code = async |request: reqwest::RequestBuilder| {
        let response = request.send().await.expect("a reply");
        let status = response.status().as_u16();
        let body: serde_json::Value = response.json().await.expect("JSON");
        (
            status,
            body["error"]["code"].as_str().expect("a code").to_owned(),
        )
    };
    let text = |s: &str| s.to_owned();
    let json_type = ("content-type", "application/json");
    let with_type = |body: String| {
        post("/questions/parse")
            .header(json_type.0, json_type.1)
            .body(body)
    };
    assert_eq!(code(with_type(text("{"))).await, (400, text("invalid")));
    assert_eq!(code(with_type(text("{}"))).await, (422, text("invalid")));
    assert_eq!(
        code(with_type(" ".repeat(1 << 20))).await,
        (413, text("too_large"))
    );
    assert_eq!(
        code(post("/questions/parse").body("{\"text\":\"\"}")).await,
        (415, text("invalid"))
    );
    assert_eq!(code(post("/nothing")).await, (404, text("not_found")));
    assert_eq!(code(post("/sensors")).await, (405, text("invalid")));
    assert_eq!(
        code(admin.request(Method::GET, "/api/v1/questions/x")).await,
        (404, text("not_found"))
    );
    assert_eq!(
        code(admin.request(Method::GET, "/api/v1/audit?limit=x")).await,
        (422, text("invalid"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reply_keeps_browsers_careful() {
    let world = World::new().await;
    let web = Web::new(&world);
    for path in [
        "/",
        "/app.js",
        "/healthz",
        "/api/v1/me",
        "/api/v1/openapi.json",
        "/nothing",
    ] {
        let response = web
            .request(Method::GET, path)
            .send()
            .await
            .expect("a reply");
        let header = |name: &str| {
            response
                .headers()
                .get(name)
                .map(|v| v.to_str().expect("text").to_owned())
        };
        let policy = header("content-security-policy").expect("a policy");
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
            "{path}: {policy}"
        );
        assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"));
        assert_eq!(header("x-frame-options").as_deref(), Some("DENY"));
        assert_eq!(header("referrer-policy").as_deref(), Some("no-referrer"));
        assert!(header("strict-transport-security").is_some());
        assert!(header("x-request-id").is_some());
        assert!(header("cache-control").is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_has_no_inline_code_and_its_files_are_there() {
    let world = World::new().await;
    let web = Web::new(&world);
    let text = async |path: &str| {
        let response = web
            .request(Method::GET, path)
            .send()
            .await
            .expect("a reply");
        assert!(response.status().is_success(), "{path}");
        response.text().await.expect("text")
    };
    let page = text("/").await;
    assert!(page.contains("src=\"/app.js\"") && page.contains("href=\"/app.css\""));
    assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains(" onclick"));
    let script = text("/app.js").await;
    for sink in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
    ] {
        assert!(!script.contains(sink), "{sink}");
    }
    text("/app.css").await;
    let icon = text("/favicon.svg").await;
    assert!(page.contains("href=\"/favicon.svg\"") && icon.starts_with("<svg"));
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_metrics_tell_how_the_server_is() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    let reader = admin.token(&["read"]).await;
    let text = async |path: &str| {
        let response = reader
            .request(Method::GET, path)
            .send()
            .await
            .expect("a reply");
        assert!(response.status().is_success(), "{path}");
        response.text().await.expect("text")
    };
    assert_eq!(text("/healthz").await, "ok\n");
    let _agent = world.agent().await.connect(&world).await;
    let question = json!({"text": "Get Computer Name from all machines"});
    admin.ok(Method::POST, "/questions", Some(question)).await;
    let metrics = text("/metrics").await;
    for line in [
        "cordon_http_requests_total{method=\"POST\",route=\"/api/v1/questions\",status=\"201\"} 1",
        "cordon_agents_connected 1",
        "cordon_endpoints 1",
        "cordon_questions_total 1",
        "cordon_questions_open 1",
    ] {
        assert!(metrics.contains(line), "{line} is missing in\n{metrics}");
    }
    assert!(!metrics.contains("cordon_store_commits_total 0\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_change_roles_passwords_and_sessions_of_others() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    let made = json!({"name": "olga", "role": "reader", "password": "olga's first one"});
    admin.ok(Method::POST, "/users", Some(made)).await;
    let mut olga = admin.stranger(&world);
    olga.arrive("olga", "olga's first one").await;
    let wanted = json!({"name": "all", "scopes": ["read", "ask", "admin"], "expires_seconds": 60});
    let token = olga.ok(Method::POST, "/api-tokens", Some(wanted)).await;
    assert_eq!(token["scopes"], json!(["read"]));

    let role = |role: &str| Some(json!({"role": role}));
    let changed = admin
        .ok(Method::PUT, "/users/Olga", role("administrator"))
        .await;
    assert_eq!(
        (&changed["name"], &changed["role"]),
        (&json!("olga"), &json!("administrator"))
    );
    olga.get("/users").await;
    // Her token stays as narrow as it was made.
    let token = olga.with_bearer(token["token"].as_str().expect("a token"));
    token
        .refused(Method::GET, "/users", None, 403, "forbidden")
        .await;
    olga.ok(Method::PUT, "/users/admin", role("reader")).await;
    admin
        .refused(Method::GET, "/users", None, 403, "forbidden")
        .await;
    olga.refused(Method::PUT, "/users/olga", role("reader"), 409, "conflict")
        .await;
    olga.refused(
        Method::PUT,
        "/users/nobody",
        role("reader"),
        404,
        "not_found",
    )
    .await;
    olga.refused(Method::PUT, "/users/admin", role("king"), 422, "invalid")
        .await;

    let ended = olga.ok(Method::DELETE, "/users/admin/sessions", None).await;
    assert_eq!(ended["sessions_ended"], 1);
    admin
        .refused(Method::GET, "/me", None, 401, "unauthenticated")
        .await;
    token.get("/sensors").await;

    let reset = olga.ok(Method::POST, "/users/admin/password", None).await;
    let one_time = reset["password"].as_str().expect("told once").to_owned();
    let mut back = olga.stranger(&world);
    back.refused(
        Method::POST,
        "/login",
        Some(json!({"name": "admin", "password": OWN_PASSWORD})),
        401,
        "unauthenticated",
    )
    .await;
    back.arrive("admin", &one_time).await;
    let told = olga.get("/audit?object=admin&limit=20").await;
    let actions: Vec<_> = told
        .as_array()
        .expect("a list")
        .iter()
        .map(|e| e["action"].as_str().expect("text"))
        .collect();
    assert!(
        ["user.role", "sessions.end", "password.reset"]
            .iter()
            .all(|a| actions.contains(a)),
        "{actions:?}"
    );
    assert!(!told.to_string().contains(&one_time), "never in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_is_read_by_who_what_when_and_endpoint() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    let agent = world.agent().await;
    admin.ok(Method::POST, "/endpoints/box/revoke", None).await;
    let token = admin.token(&["admin"]).await;
    token
        .ok(
            Method::POST,
            "/users",
            Some(json!({"name": "olga", "role": "reader"})),
        )
        .await;
    let find = async |query: &str| -> Vec<Value> {
        let found = admin.get(&format!("/audit?{query}")).await;
        found.as_array().expect("a list").clone()
    };
    let of_endpoint = find("endpoint=box").await;
    assert!(!of_endpoint.is_empty());
    let id = world.endpoint(&agent).id.to_string();
    for entry in &of_endpoint {
        assert_eq!(entry["endpoint"]["id"], *id, "{entry}");
        assert_eq!(entry["endpoint"]["hostname"], "box");
    }
    for name in [agent.ordinal.to_string(), id[..10].to_owned()] {
        assert_eq!(find(&format!("endpoint={name}")).await, of_endpoint);
    }
    // What is nowhere is told with what comes near; what could be and is not is an empty list.
    for (query, near) in [
        ("endpoint=nobody", "no endpoint"),
        ("who=amdin", "admin"),
        ("action=user.crate", "user.create"),
        ("object=ogla", "olga"),
        ("from=2999-01-01T00:00:00Z", "clock"),
        (
            "from=2020-01-02T00:00:00Z&to=2020-01-01T00:00:00Z",
            "before",
        ),
        ("limit=10001", "10000 is the most"),
    ] {
        let path = format!("/audit?{query}");
        let refused = admin
            .refused(Method::GET, &path, None, 422, "invalid")
            .await;
        let told = refused["error"]["message"].as_str().expect("a message");
        assert!(told.contains(near), "{query}: {told}");
    }
    for query in [
        "who=unknown",
        "action=trust.recover",
        "object=olga&action=group.",
    ] {
        assert!(find(query).await.is_empty(), "{query}");
    }
    // In person and by a token.
    let by_admin = find("who=admin&action=user.create").await;
    assert_eq!(by_admin.len(), 1, "{by_admin:?}");
    assert_eq!(by_admin[0]["object"], "olga");
    let all = find("limit=1000").await;
    let newest = all[0]["at"].as_str().expect("a time").to_owned();
    assert_eq!(find(&format!("from={newest}&limit=1")).await[0], all[0]);
    assert_eq!(find("limit=1000&to=2000-01-01T00:00:00Z").await.len(), 0);
    assert_eq!(
        find("limit=1000&from=2000-01-01T00:00:00Z").await.len(),
        find("limit=1000").await.len()
    );
    admin
        .refused(Method::GET, "/audit?from=yesterday", None, 422, "invalid")
        .await;
}
