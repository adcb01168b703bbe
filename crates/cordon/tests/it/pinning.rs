//! The command line believes the authority of its profile, and nobody else.

use crate::support::Server;
use cordon::api::Client;

fn authority(server: &Server) -> String {
    std::fs::read_to_string(server.data.join("authority.pem")).expect("an authority")
}

#[test]
fn only_the_servers_own_authority_is_believed() {
    let folder = tempfile::tempdir().expect("a folder");
    let one = Server::start(&folder.path().join("one"));
    let other = Server::start(&folder.path().join("other"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let greet = |url: &str, authority: &str| {
        let client = Client::new(url, authority).expect("a client");
        let reply: anyhow::Result<serde_json::Value> = runtime.block_on(client.get("/sensors"));
        format!("{:#}", reply.expect_err("nobody signed in"))
    };
    let known = greet(&one.http, &authority(&one));
    assert!(known.contains("cordon login"), "{known}");
    let both = authority(&other) + &authority(&one);
    assert_eq!(greet(&one.http, &both), known);
    let stranger = greet(&one.http, &authority(&other));
    assert!(
        stranger.contains("cannot reach the server") && stranger.contains("certificate"),
        "{stranger}"
    );
    // The certificate names where the server is; another name of the same place is another server.
    let port = one.http.rsplit(':').next().expect("a port");
    let elsewhere = greet(&format!("https://127.0.0.2:{port}"), &authority(&one));
    assert!(elsewhere.contains("cannot reach the server"), "{elsewhere}");
}

#[test]
fn an_address_without_tls_is_refused_before_anything_is_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path());
    let plain = server.http.replace("https:", "http:");
    let error = Client::new(&plain, &authority(&server))
        .err()
        .expect("an error");
    assert!(format!("{error:#}").contains("https://HOST"), "{error:#}");
}
