//! Values at and beyond the edges of what the document allows: every operation answers them with a documented reply, never with a
//! failure of its own. The document says what there is to try, so a new operation is tried too.

use super::Web;
use super::contract::Contract;
use crate::support::World;
use reqwest::Method;
use serde_json::{Map, Value, json};

/// Around the largest numbers that stores, clients and the protocol hold.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "1.5",
    "1e400",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
    "",
    "null",
];

/// Encoded as they stand in an address.
const TEXTS: &[&str] = &[
    "",
    "%00",
    "%E2%80%AE",
    "%F0%9F%A6%80",
    "..%2F..",
    "%25",
    "%22%27%3B--",
    "9223372036854775808",
];

fn values(kind: &Value) -> &'static [&'static str] {
    let integer = *kind == "integer"
        || kind
            .as_array()
            .is_some_and(|kinds| kinds.contains(&json!("integer")));
    if integer { NUMBERS } else { TEXTS }
}

/// A value that the schema allows.
fn sample(contract: &Contract, schema: &Value) -> Value {
    let schema = contract.resolve(schema);
    if let Some(allowed) = schema["enum"].as_array() {
        return allowed.first().cloned().unwrap_or_default();
    }
    if let Some(choice) = schema["oneOf"].as_array().and_then(|c| c.last()) {
        return sample(contract, choice);
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => &kinds[0],
        one => one,
    };
    match kind.as_str().unwrap_or_default() {
        "integer" => schema["minimum"].clone(),
        "number" => json!(0.5),
        "boolean" => json!(false),
        "array" => json!([sample(contract, &schema["items"])]),
        "object" => {
            let properties = schema["properties"].as_object().expect("members");
            let all = properties.iter();
            Value::Object(
                all.map(|(name, schema)| (name.clone(), sample(contract, schema)))
                    .collect(),
            )
        }
        _ if schema["pattern"] == "^[0-9a-f]{64}$" => json!("ab".repeat(32)),
        _ => json!("text"),
    }
}

/// Bodies that differ from a good one in one member.
fn bodies(good: &Map<String, Value>) -> Vec<Value> {
    let odd = [
        json!(null),
        json!(""),
        json!("\u{0}"),
        json!("\u{202E}"),
        json!("x".repeat(40_000)),
        json!([]),
        json!([null]),
        json!(vec!["ab".repeat(32); 3_001]),
        json!({}),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(i64::MAX),
        json!(9_223_372_036_854_775_808_u64),
        json!(u64::MAX),
        json!(1e300),
    ];
    let mut all = vec![json!(null), json!([]), json!({}), json!("text"), json!(7)];
    for name in good.keys() {
        let mut without = good.clone();
        without.remove(name);
        all.push(without.into());
        for value in &odd {
            let mut other = good.clone();
            other.insert(name.clone(), value.clone());
            all.push(other.into());
        }
    }
    all
}

/// Numbers that no number of this program holds, which a JSON value cannot hold either.
const RAW: &[&str] = &[
    r#"{"text":"Get Computer Name from all machines","expires_seconds":99999999999999999999999}"#,
    r#"{"text":"Get Computer Name from all machines","expires_seconds":1e400}"#,
    r#"{"text":"a","text":"b"}"#,
    "{",
    "\u{0}",
];

#[tokio::test(flavor = "multi_thread")]
async fn values_at_and_beyond_the_edges_are_answered_as_documented() {
    let world = World::new().await;
    let web = Web::admin(&world).await;
    let contract = Contract::new();
    let mut tried = 0_u32;
    for (method, path, operation) in contract.operations() {
        let template = path.strip_prefix("/api/v1").expect("the API's").to_owned();
        // These two would end the session that tries all this.
        if ["/logout", "/me/password"].contains(&template.as_str()) {
            continue;
        }
        let none = Vec::new();
        let parameters = operation["parameters"].as_array().unwrap_or(&none);
        let body = operation["requestBody"]["content"]["application/json"].get("schema");
        let good = body.map(|schema| sample(&contract, schema));
        let named = |name: &str, value: &str| template.replace(&format!("{{{name}}}"), value);
        let some = |text: String| {
            let parts = text.split('/').map(|part| match part {
                "{name}" => "nobody".to_owned(),
                "{id}" if text.starts_with("/endpoints") => "ab".repeat(32),
                part if part.starts_with('{') => "999999".to_owned(),
                part => part.to_owned(),
            });
            parts.collect::<Vec<_>>().join("/")
        };
        let mut requests: Vec<(String, Option<Value>)> = Vec::new();
        for parameter in parameters {
            let name = parameter["name"].as_str().expect("a name");
            let schema = contract.resolve(&parameter["schema"]);
            for value in values(&schema["type"]) {
                match parameter["in"].as_str() {
                    // Without a segment it is another path.
                    Some("path") if !value.is_empty() => {
                        requests.push((some(named(name, value)), good.clone()));
                    }
                    Some("query") => {
                        let path = some(template.clone());
                        requests.push((format!("{path}?{name}={value}"), good.clone()));
                        requests.push((format!("{path}?{name}={value}&{name}={value}"), None));
                    }
                    _ => {}
                }
            }
        }
        if let Some(Value::Object(good)) = &good {
            let path = some(template.clone());
            requests.extend(bodies(good).into_iter().map(|b| (path.clone(), Some(b))));
        }
        for (path, body) in requests {
            let shown = body.as_ref().map(ToString::to_string).unwrap_or_default();
            let shown: String = shown.chars().take(200).collect();
            let (status, value) = web.call(method.clone(), &path, body).await;
            assert!(
                !status.is_server_error(),
                "{method} {path} {shown}: {status} {value}"
            );
            tried += 1;
        }
    }
    for raw in RAW {
        let request = web.request(Method::POST, "/api/v1/questions");
        let request = request
            .header("content-type", "application/json")
            .body(*raw);
        let reply = request.send().await.expect("a reply");
        assert!(
            reply.status().is_client_error(),
            "{raw}: {}",
            reply.status()
        );
    }
    assert!(
        tried > 1_000,
        "{tried} requests are too few: is the document empty?"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sends_a_large_body_in_vain_is_told_why() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    let forged = admin.with_bearer(&format!("cordon_{}", "A".repeat(43)));
    let large = json!({"text": "x".repeat(4 << 20)});
    for (web, path, status) in [
        (&forged, "/questions/interpret", 401),
        (&admin, "/questions/interpret", 413),
        (&admin, "/nothing", 404),
        (&admin, "/sensors", 405),
    ] {
        // Often enough for some of it to be under way when the reply is ready.
        for _ in 0..10 {
            let reply = web.send(Method::POST, path, Some(large.clone())).await;
            assert_eq!(reply.status().as_u16(), status, "{path}");
            reply.bytes().await.expect("a whole reply");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_longer_than_any_question_gets_no_help() {
    let world = World::new().await;
    let web = Web::admin(&world).await;
    for path in ["parse", "interpret", "complete"] {
        let path = format!("/questions/{path}");
        let body = |length: usize| Some(json!({"text": "x".repeat(length), "cursor": 0}));
        let (status, value) = web.call(Method::POST, &path, body(32_001)).await;
        assert_eq!(status.as_u16(), 422, "{path}: {value}");
        let (status, value) = web.call(Method::POST, &path, body(32_000)).await;
        assert!(!status.is_server_error(), "{path}: {value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_without_a_place_says_so_and_an_empty_list_is_no_question_to_everybody() {
    let world = World::new().await;
    let web = Web::admin(&world).await;
    let text = "Get Computer Name from all machines";
    let nobody = json!({"text": text, "targets": []});
    let error = web
        .refused(Method::POST, "/questions", Some(nobody), 422, "invalid")
        .await;
    assert_eq!(error["error"].get("details"), Some(&Value::Null));
    let everybody = json!({"text": text, "targets": null, "expires_seconds": null});
    web.ok(Method::POST, "/questions", Some(everybody)).await;
    for beyond in ["9223372036854775808", "18446744073709551615"] {
        let path = format!("/questions/{beyond}");
        web.refused(Method::GET, &path, None, 404, "not_found")
            .await;
    }
}
