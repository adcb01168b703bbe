//! What the audit log holds of those who were refused and those who read; who is believed about where they come from.

use super::Web;
use crate::support::{Agent, World};
use reqwest::Method;
use serde_json::{Value, json};
use server::http::client::Proxies;
use server::store::audit::AuditQuery;

impl World {
    /// Entries of these actions, oldest first. Ends the server: by then all that happened is in the log.
    async fn log(self, actions: &[&str]) -> Vec<(String, String, String, Value)> {
        let store = self.running.services.store.clone();
        self.running.drain().await;
        let query = AuditQuery {
            limit: 1000,
            ..AuditQuery::default()
        };
        let mut entries = store.audit_entries(query).await.expect("readable");
        entries.reverse();
        entries
            .into_iter()
            .filter(|e| actions.contains(&e.action.as_str()))
            .map(|e| {
                let detail = serde_json::from_str(&e.detail).expect("JSON");
                (e.who, e.action, e.object, detail)
            })
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_in_the_audit_log_with_who_and_where() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    let reader = admin.token(&["read"]).await;
    for _ in 0..3 {
        reader
            .refused(Method::GET, "/users", None, 403, "forbidden")
            .await;
    }
    let foreign = Web {
        csrf: None,
        ..admin.clone()
    };
    foreign
        .refused(Method::DELETE, "/users/nobody", None, 403, "csrf")
        .await;
    let question = json!({"text": "Get Computer Name from all machines"});
    let asked = admin.ok(Method::POST, "/questions", Some(question)).await;
    let made = json!({"name": "olga", "role": "operator", "password": "olga's first one"});
    admin.ok(Method::POST, "/users", Some(made)).await;
    let mut olga = admin.stranger(&world);
    olga.arrive("olga", "olga's first one").await;
    let path = format!("/questions/{}", asked["id"]);
    olga.refused(Method::DELETE, &path, None, 403, "forbidden")
        .await;
    drop(
        olga.send(
            Method::POST,
            "/login",
            Some(json!({"name": "admin", "password": "guess"})),
        )
        .await,
    );
    let told = world
        .log(&["api.refused", "login.failed", "refusals.counted"])
        .await;
    let short: Vec<_> = told
        .iter()
        .map(|(who, action, object, detail)| {
            let code = detail["code"].as_str().unwrap_or_default();
            format!("{who}|{action}|{object}|{code}")
        })
        .collect();
    assert_eq!(
        short,
        [
            "admin (token 1)|api.refused|GET /api/v1/users|forbidden",
            "admin|api.refused|DELETE /api/v1/users/{name}|csrf",
            "olga|api.refused|DELETE /api/v1/questions/{id}|forbidden",
            "unknown|login.failed|admin|",
            "server|refusals.counted||",
        ]
    );
    assert_eq!(told[0].3["address"], "127.0.0.1");
    assert_eq!(told[4].3["repeated"][0]["count"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_and_exports_answers_is_in_the_audit_log() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    let question = json!({"text": "Get Computer Name from all machines"});
    let asked = admin.ok(Method::POST, "/questions", Some(question)).await;
    let path = |rest: &str| format!("/questions/{}{rest}", asked["id"]);
    let reader = admin.token(&["read"]).await;
    for rest in ["/rows", "/endpoints", "/rows", "/problems"] {
        reader.get(&path(rest)).await;
    }
    // To know of a question is not to read its answer; nor is a refusal.
    admin.get(&path("")).await;
    admin
        .refused(Method::GET, &path("/rows?sort=x"), None, 422, "invalid")
        .await;
    for _ in 0..2 {
        let file = admin.request(
            Method::GET,
            &format!("/api/v1{}", path("/export?format=csv")),
        );
        assert!(file.send().await.expect("a reply").status().is_success());
    }
    let told = world.log(&["answer.read", "answer.export"]).await;
    let short: Vec<_> = told
        .iter()
        .map(|(who, action, object, _)| format!("{who}|{action}|{object}"))
        .collect();
    assert_eq!(
        short,
        [
            "admin (token 1)|answer.read|question 1",
            "admin|answer.export|question 1",
            "admin|answer.export|question 1",
        ]
    );
    assert_eq!(told[1].3["format"], "csv");
}

#[tokio::test(flavor = "multi_thread")]
async fn enrolment_guesses_are_limited_counted_and_told() {
    let world = World::new().await;
    let mut refused = Vec::new();
    for n in 0..12 {
        refused.push(Agent::new().enrol(&world, &[n; 32]).await.refused);
    }
    assert!(refused[..10].iter().all(|r| r.contains("not known")));
    assert!(
        refused[10..].iter().all(|r| r.contains("try again in")),
        "{refused:?}"
    );
    let told = world.log(&["enrolment.refused", "refusals.counted"]).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0].3["address"], "127.0.0.1");
    assert_eq!(told[1].3["repeated"][0]["count"], 11);
}

/// A server with this configuration, and what the log says of a failed sign-in with this header.
async fn address_told(proxies: &[&str], forwarded: &str) -> Value {
    let proxies: Vec<String> = proxies.iter().map(|p| (*p).to_owned()).collect();
    let proxies = Proxies::read(&proxies).expect("networks");
    let world = World::configured(|config| config.proxies = proxies).await;
    let web = Web::new(&world);
    let guess = web
        .request(Method::POST, "/api/v1/login")
        .header("x-forwarded-for", forwarded)
        .header("forwarded", "for=203.0.113.77")
        .json(&json!({"name": "admin", "password": "guess"}));
    assert_eq!(guess.send().await.expect("a reply").status(), 401);
    let mut told = world.log(&["login.failed"]).await;
    told.remove(0).3["address"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_named_proxy_says_where_a_request_comes_from() {
    let forged = "203.0.113.9, 198.51.100.7";
    assert_eq!(address_told(&[], forged).await, "127.0.0.1");
    assert_eq!(address_told(&["192.0.2.1"], forged).await, "127.0.0.1");
    assert_eq!(address_told(&["127.0.0.0/8"], forged).await, "198.51.100.7");
    assert!(Proxies::read(&["everybody".into()]).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_need_a_right_or_have_an_address_of_their_own() {
    let world = World::configured(|config| config.metrics = Some(([127, 0, 0, 1], 0).into())).await;
    let stranger = Web::new(&world);
    let status = async |web: &Web| {
        let reply = web.request(Method::GET, "/metrics").send().await;
        reply.expect("a reply").status().as_u16()
    };
    assert_eq!(status(&stranger).await, 401);
    let admin = Web::admin(&world).await;
    assert_eq!(status(&admin.token(&["ask"]).await).await, 403);
    assert_eq!(status(&admin.token(&["read"]).await).await, 200);
    let own = world.running.metrics.expect("an address");
    let get = async |path: &str| {
        let reply = reqwest::get(format!("http://{own}{path}"))
            .await
            .expect("a reply");
        (reply.status().as_u16(), reply.text().await.expect("text"))
    };
    let (code, text) = get("/metrics").await;
    assert!(code == 200 && text.contains("cordon_endpoints 0"), "{text}");
    assert_eq!(get("/healthz").await.0, 200);
    assert_eq!(get("/api/v1/me").await.0, 404, "nothing else is there");
}
