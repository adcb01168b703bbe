//! `/api/docs`: what the API can do, to read, from the server itself.

use super::Web;
use super::contract::Contract;
use crate::support::World;
use reqwest::{Method, StatusCode};

#[tokio::test(flavor = "multi_thread")]
async fn everybody_may_read_what_the_api_can_do_and_nothing_comes_from_elsewhere() {
    let world = World::new().await;
    let stranger = Web::new(&world);
    let response = stranger.request(Method::GET, "/api/docs").send().await;
    let response = response.expect("a reply");
    assert_eq!(response.status(), StatusCode::OK);
    let header = |name: &str| {
        let value = response.headers().get(name).expect(name);
        value.to_str().expect("text").to_owned()
    };
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    let policy = header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert!(!policy.contains("http"), "no foreign origin: {policy}");
    let page = response.text().await.expect("text");
    for (method, path, operation) in Contract::new().operations() {
        let head = format!("<b>{method}</b> <code>{path}</code></h3>");
        assert!(page.contains(&head), "{method} {path}");
        let name = operation["operationId"].as_str().expect("a name");
        assert!(page.contains(&format!("<code>{name}</code>")), "{name}");
    }
    // What the page loads is the server's own and is there.
    let mut loaded = 0;
    for link in page.split(" href=\"").skip(1) {
        let link = link.split('"').next().expect("its end");
        if link.starts_with('#') {
            continue;
        }
        assert!(link.starts_with('/') && !link.starts_with("//"), "{link}");
        let reply = stranger
            .request(Method::GET, link)
            .send()
            .await
            .expect("a reply");
        assert_eq!(reply.status(), StatusCode::OK, "{link}");
        loaded += 1;
    }
    assert_eq!(loaded, 4);
    assert!(!page.contains("<script") && !page.contains(" src="));
    // It tells of the program and nothing of this server: with and without a sign-in it is the same.
    let admin = Web::admin(&world).await;
    let again = admin.request(Method::GET, "/api/docs").send().await;
    assert_eq!(again.expect("a reply").text().await.expect("text"), page);
    let wrong = stranger.request(Method::POST, "/api/docs").send().await;
    assert_eq!(
        wrong.expect("a reply").status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
}
