//! Every documented operation and what it takes to use it. An operation that is not in this table fails the first test; so none can be
//! added without the tests of its authorisation.

use super::Web;
use super::contract::Contract;
use crate::support::World;
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::collections::BTreeSet;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    Nothing,
    SignIn,
    /// Signed in with a password; no token will do.
    Session,
    Scope(&'static str),
}

const READ: Needs = Needs::Scope("read");
const ASK: Needs = Needs::Scope("ask");
const ADMIN: Needs = Needs::Scope("admin");

const TABLE: &[(&str, &str, Needs)] = &[
    ("POST", "/login", Needs::Nothing),
    ("POST", "/logout", Needs::Session),
    ("GET", "/me", Needs::SignIn),
    ("POST", "/me/password", Needs::Session),
    ("GET", "/users", ADMIN),
    ("POST", "/users", ADMIN),
    ("PUT", "/users/{name}", ADMIN),
    ("DELETE", "/users/{name}", ADMIN),
    ("POST", "/users/{name}/password", ADMIN),
    ("DELETE", "/users/{name}/sessions", ADMIN),
    ("POST", "/users/{name}/disable", ADMIN),
    ("POST", "/users/{name}/enable", ADMIN),
    ("GET", "/users/{name}/rights", Needs::SignIn),
    ("PUT", "/users/{name}/rights", ADMIN),
    ("GET", "/permissions", Needs::SignIn),
    ("GET", "/roles", ADMIN),
    ("POST", "/roles", ADMIN),
    ("PUT", "/roles/{name}", ADMIN),
    ("DELETE", "/roles/{name}", ADMIN),
    ("GET", "/user-groups", ADMIN),
    ("POST", "/user-groups", ADMIN),
    ("PUT", "/user-groups/{name}", ADMIN),
    ("DELETE", "/user-groups/{name}", ADMIN),
    ("GET", "/sessions", Needs::SignIn),
    ("DELETE", "/sessions", Needs::SignIn),
    ("DELETE", "/sessions/{id}", Needs::SignIn),
    ("GET", "/api-tokens", Needs::SignIn),
    ("POST", "/api-tokens", Needs::SignIn),
    ("DELETE", "/api-tokens/{id}", Needs::SignIn),
    ("POST", "/questions/parse", READ),
    ("POST", "/questions/interpret", READ),
    ("POST", "/questions/complete", READ),
    ("GET", "/sensors", READ),
    ("GET", "/sensors/{name}", READ),
    ("GET", "/groups", READ),
    ("POST", "/groups", ASK),
    ("PUT", "/groups/{name}", ASK),
    ("DELETE", "/groups/{name}", ASK),
    ("PUT", "/groups/{name}/owner", ASK),
    ("GET", "/questions", READ),
    ("POST", "/questions", ASK),
    ("GET", "/questions/{id}", READ),
    ("DELETE", "/questions/{id}", ASK),
    ("POST", "/questions/{id}/keep", ASK),
    ("POST", "/questions/{id}/delete", ASK),
    ("GET", "/questions/{id}/rows", READ),
    ("GET", "/questions/{id}/rows/{table}/{row}/endpoints", READ),
    ("GET", "/questions/{id}/endpoints", READ),
    ("GET", "/questions/{id}/problems", READ),
    ("GET", "/questions/{id}/compare/{other}", READ),
    ("GET", "/questions/{id}/events", READ),
    ("GET", "/questions/{id}/export", READ),
    ("GET", "/endpoints", READ),
    ("GET", "/endpoints/{id}", READ),
    ("POST", "/endpoints/{id}/approve", ADMIN),
    ("POST", "/endpoints/{id}/revoke", ADMIN),
    ("GET", "/enrolment-tokens", ADMIN),
    ("POST", "/enrolment-tokens", ADMIN),
    ("DELETE", "/enrolment-tokens/{id}", ADMIN),
    ("GET", "/content/packs", READ),
    ("GET", "/content/packs/{name}", READ),
    ("GET", "/content/packs/{name}/edits", READ),
    ("GET", "/content/packs/{name}/export", READ),
    ("GET", "/content/packs/{name}/history", READ),
    ("POST", "/content/packs/{name}/plan", ADMIN),
    ("POST", "/content/packs/{name}/apply", ADMIN),
    ("PUT", "/content/packs/{name}/supplied/{file}", ADMIN),
    ("DELETE", "/content/packs/{name}/supplied/{file}", ADMIN),
    ("POST", "/content/plan", ADMIN),
    ("POST", "/content/import", ADMIN),
    ("GET", "/content/objects", READ),
    ("GET", "/content/objects/{kind}/{name}", READ),
    ("PUT", "/content/objects/{kind}/{name}", ADMIN),
    ("DELETE", "/content/objects/{kind}/{name}", ADMIN),
    ("GET", "/content/objects/{kind}/{name}/history", READ),
    ("GET", "/content/history", READ),
    ("POST", "/content/files", ADMIN),
    ("GET", "/content/files/{sha256}", READ),
    ("PUT", "/content/packages/{name}/files/{file}", ADMIN),
    ("DELETE", "/content/packages/{name}/files/{file}", ADMIN),
    ("GET", "/audit", ADMIN),
    ("GET", "/audit/verify", ADMIN),
    ("GET", "/trust", ADMIN),
    ("POST", "/trust/rotate", ADMIN),
    ("POST", "/trust/drop-old", ADMIN),
    ("GET", "/authorities", Needs::SignIn),
];

/// The permission that an operation with a scope needs, by the beginning of its path: the first that fits.
const PERMISSIONS: &[(&str, &str, &str)] = &[
    ("DELETE", "/users/{name}/sessions", "manage-sessions"),
    ("", "/users", "manage-users"),
    ("", "/roles", "manage-users"),
    ("", "/user-groups", "manage-users"),
    ("", "/questions/parse", "use-ask"),
    ("", "/questions/interpret", "use-ask"),
    ("", "/questions/complete", "use-ask"),
    ("GET", "/questions", "use-ask"),
    ("", "/questions", "ask-dynamic-questions"),
    ("GET", "/sensors", "use-ask"),
    ("GET", "/groups", "use-ask"),
    ("", "/groups", "ask-dynamic-questions"),
    ("GET", "/endpoints", "use-ask"),
    ("", "/endpoints", "manage-endpoints"),
    ("", "/enrolment-tokens", "manage-endpoints"),
    ("", "/audit", "read-audit"),
    ("", "/trust", "manage-trust"),
    ("GET", "/content", ALL_CONTENT),
    ("", "/content", "manage-content"),
];

/// What no role that people make can grant: its rules name content sets.
const ALL_CONTENT: &str = "all content";

fn permission(method: &Method, template: &str) -> &'static str {
    let found = PERMISSIONS.iter().find(|(m, beginning, _)| {
        (m.is_empty() || method == *m) && template.starts_with(beginning)
    });
    found
        .expect("each operation with a scope needs a permission")
        .2
}

/// A path of this template that names nothing there is.
fn filled(template: &str) -> String {
    let parts: Vec<_> = template
        .split('/')
        .map(|part| match part {
            // One's own are everybody's to read.
            "{name}" if template == "/users/{name}/rights" => "admin".to_owned(),
            "{name}" => "nobody".to_owned(),
            _ if template.starts_with("/endpoints/{id}") && part == "{id}" => "ab".repeat(32),
            _ if part.starts_with('{') => "999999".to_owned(),
            other => other.to_owned(),
        })
        .collect();
    parts.join("/")
}

fn methods() -> impl Iterator<Item = (Method, String, &'static str, Needs)> {
    TABLE.iter().map(|(method, template, needs)| {
        let method = method.parse().expect("a method");
        (method, filled(template), *template, *needs)
    })
}

#[test]
fn the_table_names_every_documented_operation_and_its_needs() {
    let contract = Contract::new();
    let documented: BTreeSet<_> = contract
        .operations()
        .into_iter()
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect();
    let listed: BTreeSet<_> = TABLE
        .iter()
        .map(|(method, path, _)| format!("{method} /api/v1{path}"))
        .collect();
    assert_eq!(documented, listed);
    for (method, path, operation) in contract.operations() {
        let (_, _, needs) = TABLE
            .iter()
            .find(|(m, p, _)| method == *m && path == format!("/api/v1{p}"))
            .expect("listed");
        let expected = match needs {
            Needs::Nothing => json!(null),
            Needs::Session => json!([{"session": []}]),
            Needs::SignIn => json!([{"session": []}, {"token": []}]),
            Needs::Scope(scope) => json!([{"session": []}, {"token": [scope]}]),
        };
        assert_eq!(operation["security"], expected, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_credential_or_with_a_wrong_one_nothing_works_but_signing_in() {
    let world = World::new().await;
    let stranger = Web::new(&world);
    let forged = stranger.with_bearer(&format!("cordon_{}", "A".repeat(43)));
    for (method, path, template, needs) in methods() {
        if needs == Needs::Nothing {
            continue;
        }
        for web in [&stranger, &forged] {
            let (status, value) = web.call(method.clone(), &path, None).await;
            assert_eq!(
                status,
                StatusCode::UNAUTHORIZED,
                "{method} {template}: {value}"
            );
        }
        let broken = stranger
            .request(method.clone(), &format!("/api/v1{path}"))
            .header("cookie", "__Host-cordon=forged")
            .header("x-csrf-token", "forged")
            .send()
            .await
            .expect("a reply");
        assert_eq!(
            broken.status(),
            StatusCode::UNAUTHORIZED,
            "{method} {template}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_refuses_a_smaller_permission_and_takes_its_own() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    let reads = admin.token(&["read"]).await;
    let asks = admin.token(&["ask"]).await;
    let both = admin.token(&["read", "ask"]).await;
    let administers = admin.token(&["admin"]).await;
    for (method, path, template, needs) in methods() {
        let (small, enough) = match needs {
            Needs::Nothing => continue,
            Needs::Session => (vec![&administers, &both], None),
            Needs::SignIn => (vec![], Some(&reads)),
            Needs::Scope("read") => (vec![&asks, &administers], Some(&reads)),
            Needs::Scope("ask") => (vec![&reads, &administers], Some(&asks)),
            Needs::Scope(_) => (vec![&reads, &asks, &both], Some(&administers)),
        };
        for web in small {
            // The body matters to two operations only after the caller was judged.
            let body = (template == "/me/password")
                .then(|| json!({"current": "x", "new": "long enough, this one"}));
            let (status, value) = web.call(method.clone(), &path, body).await;
            assert_eq!(
                status,
                StatusCode::FORBIDDEN,
                "{method} {template}: {value}"
            );
            assert_eq!(value["error"]["code"], "forbidden");
        }
        if let Some(web) = enough {
            let (status, value) = web.call(method.clone(), &path, None).await;
            let judged = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
            assert!(!judged.contains(&status), "{method} {template}: {value}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_one_time_password_nothing_works_but_changing_it() {
    let world = World::new().await;
    let mut admin = Web::new(&world);
    admin.sign_in("admin", &world.one_time_password()).await;
    for (method, path, template, needs) in methods() {
        if needs == Needs::Nothing || needs == Needs::Session || template == "/me" {
            continue;
        }
        admin
            .refused(method, &path, None, 403, "password_change_required")
            .await;
    }
    let metrics = admin.request(Method::GET, "/metrics").send().await;
    assert_eq!(metrics.expect("a reply").status(), StatusCode::FORBIDDEN);
    let me = admin.get("/me").await;
    assert_eq!(
        (&me["one_time_password"], &me["permissions"]),
        (&json!(true), &json!([]))
    );
    admin.ok(Method::POST, "/logout", None).await;

    let admin = Web::admin(&world).await;
    admin.get("/users").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_bind_people_as_scopes_bind_tokens() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    for (role, may) in [("reader", &["read"][..]), ("operator", &["read", "ask"])] {
        let body = json!({"name": role, "role": role});
        let made = admin.ok(Method::POST, "/users", Some(body)).await;
        let mut web = admin.stranger(&world);
        web.arrive(role, made["password"].as_str().expect("told once"))
            .await;
        for (method, path, template, needs) in methods() {
            let Needs::Scope(scope) = needs else { continue };
            let (status, value) = web.call(method.clone(), &path, None).await;
            assert_eq!(
                status == StatusCode::FORBIDDEN,
                !may.contains(&scope),
                "{role}: {method} {template}: {value}"
            );
        }
    }
}

/// For each operation: who has every permission but its own is refused, and who has no other is not.
#[tokio::test(flavor = "multi_thread")]
async fn every_operation_needs_its_own_permission_and_no_other() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    let all: Vec<String> = admin
        .get("/permissions")
        .await
        .as_array()
        .expect("a list")
        .iter()
        .filter(|p| p["about"] == "cordon")
        .map(|p| p["name"].as_str().expect("a name").to_owned())
        .collect();
    let used: BTreeSet<&str> = methods()
        .filter(|(.., needs)| matches!(needs, Needs::Scope(_)))
        .map(|(method, _, template, _)| permission(&method, template))
        .filter(|name| *name != ALL_CONTENT)
        .collect();
    for name in used {
        let but = format!("all but {name}");
        for (role, grants) in [
            (name, vec![name.to_owned()]),
            (
                but.as_str(),
                all.iter().filter(|p| *p != name).cloned().collect(),
            ),
        ] {
            let grants: Vec<_> = grants.iter().map(|p| json!({"permission": p})).collect();
            let body = json!({"name": role, "grants": grants});
            admin.ok(Method::POST, "/roles", Some(body)).await;
        }
        let mut people = Vec::new();
        for (at, role) in [name, but.as_str()].into_iter().enumerate() {
            let user = format!("{name}.{at}");
            let body = json!({"name": user, "role": "member"});
            let made = admin.ok(Method::POST, "/users", Some(body)).await;
            let path = format!("/users/{user}/rights");
            let body = json!({"roles": [role]});
            admin.ok(Method::PUT, &path, Some(body)).await;
            let mut web = admin.stranger(&world);
            web.arrive(&user, made["password"].as_str().expect("told once"))
                .await;
            people.push(web);
        }
        for (method, path, template, needs) in methods() {
            if !matches!(needs, Needs::Scope(_)) || permission(&method, template) != name {
                continue;
            }
            let (status, value) = people[0].call(method.clone(), &path, None).await;
            assert_ne!(
                status,
                StatusCode::FORBIDDEN,
                "{method} {template} with {name}: {value}"
            );
            let (status, value) = people[1].call(method.clone(), &path, None).await;
            assert_eq!(
                status,
                StatusCode::FORBIDDEN,
                "{method} {template} without {name}: {value}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_must_show_its_token_to_change_anything() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    let foreign = Web {
        csrf: None,
        ..admin.clone()
    };
    let wrong = Web {
        csrf: Some("guess".into()),
        ..admin.clone()
    };
    for (method, path, _, needs) in methods() {
        if method == Method::GET || needs == Needs::Nothing {
            continue;
        }
        for web in [&foreign, &wrong] {
            web.refused(method.clone(), &path, None, 403, "csrf").await;
        }
    }
    // Reading takes no token, and nothing above signed anybody out.
    assert_eq!(foreign.get("/me").await["name"], "admin");
}
