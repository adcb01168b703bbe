//! The API over real TLS: every reply in these tests is checked against the OpenAPI document as it comes in.

mod accounts;
mod answers;
mod boundaries;
mod bounds;
mod content;
mod content_files;
mod content_hostile;
mod contract;
mod damage;
mod groups;
mod named;
mod noted;
mod operations;
mod reference;
mod retention;
mod sessions;
mod which;

use crate::support::World;
use contract::Contract;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;

/// What everybody in these tests changes their one-time password to.
pub const OWN_PASSWORD: &str = "a password of my own";

/// Somebody who uses the API.
#[derive(Clone)]
pub struct Web {
    http: reqwest::Client,
    base: String,
    contract: Arc<Contract>,
    bearer: Option<String>,
    csrf: Option<String>,
}

/// Words of the program's, which say nothing to those who use it.
const FOREIGN: [&str; 18] = [
    "eserialize",
    "invalid type",
    "invalid value",
    "missing field",
    "unknown field",
    "unknown variant",
    "expected struct",
    "untagged",
    "target type",
    "invalid digit",
    "Cannot parse",
    "Failed to",
    "u32",
    "u64",
    "i64",
    "EOF while",
    "Some(",
    "Error {",
];

impl Web {
    /// A stranger.
    pub fn new(world: &World) -> Self {
        let authority = reqwest::Certificate::from_pem(world.running.authority_pem.as_bytes())
            .expect("the server's authority");
        let http = reqwest::Client::builder()
            .tls_certs_only([authority])
            .https_only(true)
            .no_proxy()
            .cookie_store(true)
            .build()
            .expect("a client");
        Self {
            http,
            base: format!("https://{}", world.running.http),
            contract: Arc::new(Contract::new()),
            bearer: None,
            csrf: None,
        }
    }

    /// The first administrator, signed in, with a password of their own.
    pub async fn admin(world: &World) -> Self {
        let mut web = Self::new(world);
        web.arrive("admin", &world.one_time_password()).await;
        web
    }

    /// Signs in with a one-time password and changes it to [`OWN_PASSWORD`].
    pub async fn arrive(&mut self, name: &str, one_time: &str) {
        self.sign_in(name, one_time).await;
        let change = json!({"current": one_time, "new": OWN_PASSWORD});
        self.ok(Method::POST, "/me/password", Some(change)).await;
    }

    pub async fn sign_in(&mut self, name: &str, password: &str) {
        let body = json!({"name": name, "password": password});
        let signed = self.ok(Method::POST, "/login", Some(body)).await;
        self.csrf = Some(signed["csrf"].as_str().expect("a token").to_owned());
    }

    /// The same client with this bearer token and without a session.
    pub fn with_bearer(&self, token: &str) -> Self {
        Self {
            bearer: Some(token.to_owned()),
            csrf: None,
            ..self.clone()
        }
    }

    /// A stranger at the same server.
    pub fn stranger(&self, world: &World) -> Self {
        Self {
            contract: Arc::clone(&self.contract),
            ..Self::new(world)
        }
    }

    /// A token of this caller with these scopes.
    pub async fn token(&self, scopes: &[&str]) -> Self {
        let body = json!({"name": "a test", "scopes": scopes, "expires_seconds": 600});
        let made = self.ok(Method::POST, "/api-tokens", Some(body)).await;
        self.with_bearer(made["token"].as_str().expect("a token"))
    }

    /// Any path of the server.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.bearer {
            request = request.bearer_auth(token);
        }
        if let Some(csrf) = &self.csrf {
            request = request.header("x-csrf-token", csrf);
        }
        request
    }

    /// Sends to the API.
    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let mut request = self.request(method, &format!("/api/v1{path}"));
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.expect("a reply")
    }

    /// Sends to the API and reads the reply, which must be as documented.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let response = self.send(method.clone(), path, body).await;
        let status = response.status();
        let bytes = response.bytes().await.expect("a whole reply");
        let value = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).expect("JSON")
        };
        self.contract.check(&method, path, status, &value);
        if let Some(message) = value.pointer("/error/message").and_then(Value::as_str) {
            for word in FOREIGN {
                assert!(
                    !message.contains(word),
                    "`{word}` to {method} {path}: {message}"
                );
            }
        }
        (status, value)
    }

    /// As [`Self::call`], for what must succeed.
    pub async fn ok(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let (status, value) = self.call(method, path, body).await;
        assert!(status.is_success(), "{path}: {status} {value}");
        value
    }

    /// A reply as it came, whatever its form.
    pub async fn text(&self, path: &str) -> (StatusCode, String) {
        let response = self.send(Method::GET, path, None).await;
        let status = response.status();
        (status, response.text().await.expect("text"))
    }

    pub async fn get(&self, path: &str) -> Value {
        self.ok(Method::GET, path, None).await
    }

    /// As [`Self::call`], for what must fail with this status and code.
    pub async fn refused(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        status: u16,
        code: &str,
    ) -> Value {
        let (got, value) = self.call(method, path, body).await;
        assert_eq!(
            (got.as_u16(), value["error"]["code"].as_str()),
            (status, Some(code)),
            "{path}: {value}"
        );
        value
    }
}
