//! Questions and answers through the API: asking, following, paging, exporting, comparing.

use super::Web;
use crate::support::{Agent, Channel, World, number, soon, whole, wire};
use futures_util::StreamExt as _;
use protocol::message::agent_says;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

pub const PROCESSES: &str = "Get Running Processes from all machines";

/// Follows events of one question.
pub struct Events {
    body: std::pin::Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    held: Vec<u8>,
}

impl Events {
    pub async fn of(web: &Web, id: &Value, after: Option<&str>) -> Self {
        let mut request = web.request(Method::GET, &format!("/api/v1/questions/{id}/events"));
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        let response = request.send().await.expect("a reply");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            body: Box::pin(response.bytes_stream()),
            held: Vec::new(),
        }
    }

    /// With parameters.
    pub async fn with(web: &Web, id: &Value, query: &str) -> Self {
        let path = format!("/api/v1/questions/{id}/events{query}");
        let response = web.request(Method::GET, &path).send().await;
        Self {
            body: Box::pin(response.expect("a reply").bytes_stream()),
            held: Vec::new(),
        }
    }

    /// The next event, with its id; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some(end) = self.held.windows(2).position(|w| w == b"\n\n") {
                let event: Vec<u8> = self.held.drain(..end + 2).collect();
                let text = String::from_utf8(event).expect("text");
                let field = |name: &str| {
                    text.lines()
                        .find_map(|l| l.strip_prefix(name))
                        .map(|v| v.trim().to_owned())
                };
                if field("event:").as_deref() == Some("changes") {
                    let data = field("data:").expect("data");
                    return Some((
                        field("id:").expect("an id"),
                        serde_json::from_str(&data).expect("JSON"),
                    ));
                }
                continue;
            }
            let chunk = soon("an event", self.body.next()).await?;
            self.held
                .extend_from_slice(&chunk.expect("an unbroken stream"));
        }
    }
}

/// Two connected agents and a question they got.
pub async fn asked(world: &World, web: &Web, text: &str) -> (Value, Vec<(Agent, Channel, u64)>) {
    let mut channels = Vec::new();
    for _ in 0..2 {
        let agent = world.agent().await;
        let channel = agent.connect(world).await;
        channels.push((agent, channel));
    }
    let question = web
        .ok(Method::POST, "/questions", Some(json!({"text": text})))
        .await;
    let mut agents = Vec::new();
    for (agent, mut channel) in channels {
        let order = number(&channel.order().await);
        agents.push((agent, channel, order));
    }
    (question, agents)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_sees_differences_and_then_the_end() {
    let world = World::new().await;
    let web = Web::admin(&world).await;
    let (question, mut agents) = asked(&world, &web, PROCESSES).await;
    let id = &question["id"];
    let mut events = Events::of(&web, id, None).await;
    let (_, first) = events.next().await.expect("an event");
    assert_eq!(first["tables"], json!([]));
    assert_eq!(
        (&first["coverage"]["pending"], &first["done"]),
        (&json!(2), &json!(false))
    );

    let (_, channel, order) = &mut agents[0];
    channel
        .answer(*order, &[&["init", "root"], &["evil", "root"]])
        .await;
    let (seen, second) = events.next().await.expect("an event");
    assert_eq!(
        second["tables"][0]["rows"].as_array().map(Vec::len),
        Some(2)
    );

    let (_, channel, order) = &mut agents[1];
    channel.answer(*order, &[&["init", "root"]]).await;
    let (_, third) = events.next().await.expect("an event");
    let rows = &third["tables"][0]["rows"];
    assert_eq!(
        rows,
        &json!([{"row": 0, "cells": ["init", "root"], "count": 2}]),
        "only what changed"
    );
    assert_eq!(
        (&third["coverage"], &third["done"]),
        (&json!({"answered": 2}), &json!(true))
    );
    assert!(events.next().await.is_none());

    let mut resumed = Events::of(&web, id, Some(&seen)).await;
    let (_, rest) = resumed.next().await.expect("an event");
    assert_eq!(
        &rest["tables"][0]["rows"], rows,
        "a follower that comes back goes on where it was"
    );
    let mut foreign = Events::of(&web, id, Some("0-1")).await;
    let (_, all) = foreign.next().await.expect("an event");
    assert_eq!(all["tables"][0]["rows"].as_array().map(Vec::len), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_sorted_filtered_paged_and_traced_to_their_endpoints() {
    let world = World::new().await;
    let web = Web::admin(&world).await;
    let (question, mut agents) = asked(&world, &web, PROCESSES).await;
    let id = &question["id"];
    for (at, (_, channel, order)) in agents.iter_mut().enumerate() {
        let own = format!("own-{at}");
        channel
            .answer(*order, &[&["bash", "ada"], &[own.as_str(), "root"]])
            .await;
        channel.stored().await;
    }
    let names = async |query: &str| {
        let page = web.get(&format!("/questions/{id}/rows?{query}")).await;
        let rows = page["rows"].as_array().expect("rows").clone();
        let names: Vec<_> = rows
            .iter()
            .map(|r| r["cells"][0].as_str().expect("text").to_owned())
            .collect();
        (names, page)
    };
    let (all, page) = names("").await;
    assert_eq!((all[0].as_str(), &page["total_rows"]), ("bash", &json!(3)));
    assert_eq!(page["columns"][0]["name"], "Name");
    assert_eq!(page["rows"][0]["count"], 2);
    assert_eq!(page["coverage"], json!({"answered": 2}));
    assert_eq!(names("sort=count").await.0[2], "bash");
    assert_eq!(names("sort=Name").await.0, ["bash", "own-0", "own-1"]);
    assert_eq!(names("sort=-name&limit=1&offset=1").await.0, ["own-0"]);
    assert_eq!(names("contains=OWN").await.1["total_rows"], 2);
    assert_eq!(names("state=offline").await.1["total_rows"], 0);
    for bad in ["sort=Nope", "state=nope"] {
        web.refused(
            Method::GET,
            &format!("/questions/{id}/rows?{bad}"),
            None,
            422,
            "invalid",
        )
        .await;
    }
    web.refused(
        Method::GET,
        &format!("/questions/{id}/rows?table=9"),
        None,
        404,
        "not_found",
    )
    .await;

    let own = page["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .find(|r| r["cells"][0] == "own-1")
        .expect("there");
    let who = web
        .get(&format!("/questions/{id}/rows/0/{}/endpoints", own["row"]))
        .await;
    assert_eq!(who[0]["ordinal"], agents[1].0.ordinal);
    assert_eq!(who[0]["id"], json!(world.endpoint(&agents[1].0).id));
    assert_eq!(who.as_array().map(Vec::len), Some(1));
    let answered = web
        .get(&format!("/questions/{id}/endpoints?state=answered"))
        .await;
    assert_eq!(answered.as_array().map(Vec::len), Some(2));
    assert_eq!(
        web.get(&format!("/questions/{id}/problems")).await,
        json!([])
    );
    let listed = web.get("/questions").await;
    assert_eq!(listed[0]["id"], *id);
    assert_eq!(listed[0]["asked_by"], "admin");
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_hold_every_row_and_disarm_hostile_cells() {
    let world = World::new().await;
    let web = Web::admin(&world).await;
    let (question, mut agents) = asked(&world, &web, PROCESSES).await;
    let id = &question["id"];
    let (_, channel, order) = &mut agents[0];
    let names: Vec<_> = (0..1500).map(|n| format!("name {n}")).collect();
    let mut part = whole(*order, 1, &[]);
    part.rows = names.iter().map(|name| wire(0, &[name, "u"])).collect();
    part.rows
        .push(wire(0, &["=cmd|'/C calc'!A0", "<script>alert(1)</script>"]));
    let mut bytes = wire(0, &["", "\u{202e}\u{1b}[2J"]);
    bytes.cells[0] = b"\xff\xfe".to_vec();
    part.rows.push(bytes);
    part.total_rows = part.rows.len() as u64;
    channel.say(agent_says::Body::Answer(part)).await;
    channel.stored().await;
    let export = async |format: &str| {
        let path = format!("/api/v1/questions/{id}/export?format={format}");
        let response = web
            .request(Method::GET, &path)
            .send()
            .await
            .expect("a reply");
        assert!(response.status().is_success());
        let named = response.headers()["content-disposition"]
            .to_str()
            .expect("text")
            .to_owned();
        assert!(
            named.starts_with("attachment; filename=\"question-"),
            "{named}"
        );
        response.text().await.expect("a whole file")
    };
    let csv = export("csv").await;
    assert_eq!(csv.matches("\r\n").count(), 1503);
    assert!(csv.starts_with("Name,User,Machines\r\nname 0,u,1\r\n"));
    assert!(csv.contains("\"'=cmd|'/C calc'!A0\",<script>alert(1)</script>,1\r\n"));
    assert!(
        csv.contains("\r\n\\xFF\\xFE,\\u{202E}\\x1B[2J,1\r\n"),
        "nothing hides"
    );
    let lines = export("jsonl").await;
    assert!(!lines.contains('\u{202e}'), "nothing hides");
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 1503);
    assert_eq!(
        lines[1501],
        json!({
            "table": "Running Processes",
            "values": {"Name": "\\xFF\\xFE", "User": "\u{202e}\u{1b}[2J"},
            "machines": {"count": 1},
        })
    );
    assert_eq!(
        lines[1502]["coverage"],
        json!({"answered": 1, "pending": 1})
    );
    let whole: Value = serde_json::from_str(&export("json").await).expect("JSON");
    let path = format!("/questions/{id}/export");
    web.contract
        .check(&Method::GET, &path, StatusCode::OK, &whole);
    let table = &whole["tables"][0];
    assert_eq!(table["rows"].as_array().map(Vec::len), Some(1502));
    assert_eq!(table["rows"][1501], lines[1501]["values"]);
    assert_eq!(whole["question"]["id"], *id);
    assert_eq!(whole["coverage"], json!({"answered": 1, "pending": 1}));
    // A row of both endpoints comes first or last, where rows are sorted by their counts.
    let (_, channel, order) = &mut agents[1];
    channel.answer(*order, &[&["name 7", "u"]]).await;
    channel.stored().await;
    let common = export("jsonl&sort=-count").await;
    let first = "\"values\":{\"Name\":\"name 7\",\"User\":\"u\"},\"machines\":{\"count\":2}}";
    assert!(common.lines().next().is_some_and(|l| l.ends_with(first)));
    assert_eq!(common.lines().count(), 1503);
    let rare = export("csv&sort=count").await;
    assert!(rare.ends_with("name 7,u,2\r\n"));
    web.refused(
        Method::GET,
        &format!("/questions/{id}/export?format=xls"),
        None,
        422,
        "invalid",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_tables_are_one_document_and_as_csv_one_is_named() {
    let world = World::new().await;
    let web = Web::admin(&world).await;
    let text = "Get Running Processes and Running Processes from all machines";
    let (question, mut agents) = asked(&world, &web, text).await;
    let path = format!("/questions/{}/export", question["id"]);
    let (_, channel, order) = &mut agents[0];
    let mut part = whole(*order, 1, &[]);
    part.rows = vec![wire(0, &["a", "u"]), wire(1, &["b", "v"])];
    part.total_rows = 2;
    channel.say(agent_says::Body::Answer(part)).await;
    channel.stored().await;
    let document = web.get(&path).await;
    let tables = document["tables"].as_array().expect("tables");
    let names: Vec<_> = tables.iter().map(|table| &table["table"]).collect();
    assert_eq!(names, ["Running Processes", "Running Processes (2)"]);
    assert_eq!(tables[1]["rows"].as_array().map(Vec::len), Some(1));
    let one = web.get(&format!("{path}?table=1")).await;
    assert_eq!(one["tables"], json!([tables[1]]));
    let csv = format!("{path}?format=csv");
    web.refused(Method::GET, &csv, None, 422, "invalid").await;
    let one = web.send(Method::GET, &format!("{csv}&table=1"), None).await;
    let one = one.text().await.expect("a file");
    assert!(one.ends_with(",Machines\r\nb,v,1\r\n"), "{one}");
    let beyond = format!("{path}?table=2");
    web.refused(Method::GET, &beyond, None, 404, "not_found")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_answers_are_compared() {
    let world = World::new().await;
    let web = Web::admin(&world).await;
    let (left, mut agents) = asked(&world, &web, PROCESSES).await;
    for (_, channel, order) in &mut agents {
        channel
            .answer(*order, &[&["old", "u"], &["same", "u"]])
            .await;
        channel.stored().await;
    }
    let right = web
        .ok(Method::POST, "/questions", Some(json!({"text": PROCESSES})))
        .await;
    let (_, channel, _) = &mut agents[0];
    let order = number(&channel.order().await);
    channel
        .answer(order, &[&["new", "u"], &["same", "u"]])
        .await;
    channel.stored().await;
    let found = web
        .get(&format!(
            "/questions/{}/compare/{}",
            left["id"], right["id"]
        ))
        .await;
    assert_eq!(
        found["only_left"],
        json!([{"cells": ["old", "u"], "left": 2, "right": 0}])
    );
    assert_eq!(
        found["only_right"],
        json!([{"cells": ["new", "u"], "left": 0, "right": 1}])
    );
    assert_eq!(
        found["both"],
        json!([{"cells": ["same", "u"], "left": 2, "right": 1}])
    );
    let itself = web
        .get(&format!("/questions/{0}/compare/{0}", left["id"]))
        .await;
    assert_eq!(
        (&itself["both_total"], &itself["only_left_total"]),
        (&json!(2), &json!(0))
    );
    let name = json!({"text": "Get Computer Name from all machines"});
    let other = web.ok(Method::POST, "/questions", Some(name)).await;
    let path = format!("/questions/{}/compare/{}", left["id"], other["id"]);
    web.refused(Method::GET, &path, None, 422, "invalid").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_cancelled_by_who_asked_it_or_an_administrator() {
    let world = World::new().await;
    let web = Web::admin(&world).await;
    let user = json!({"name": "olga", "role": "operator", "password": "olga's first one"});
    web.ok(Method::POST, "/users", Some(user)).await;
    let mut olga = web.stranger(&world);
    olga.arrive("olga", "olga's first one").await;
    let ask = || Some(json!({"text": PROCESSES, "expires_seconds": 60}));
    let ours = web.ok(Method::POST, "/questions", ask()).await;
    let hers = olga
        .token(&["ask"])
        .await
        .ok(Method::POST, "/questions", ask())
        .await;
    let path = |q: &Value| format!("/questions/{}", q["id"]);
    olga.refused(Method::DELETE, &path(&ours), None, 403, "forbidden")
        .await;
    let mut events = Events::of(&olga, &hers["id"], None).await;
    events.next().await.expect("an event");
    olga.ok(Method::DELETE, &path(&hers), None).await;
    let mut done = false;
    while let Some((_, event)) = events.next().await {
        done = event["done"] == true;
    }
    assert!(done, "the stream says that it ends");
    assert_eq!(olga.get(&path(&hers)).await["cancelled"], true);
    web.ok(Method::DELETE, &path(&ours), None).await;
    web.refused(Method::DELETE, &path(&ours), None, 409, "conflict")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_are_read_completed_and_refused_with_their_place() {
    let world = World::new().await;
    let web = Web::admin(&world).await;
    let post = async |path: &str, body: Value| web.ok(Method::POST, path, Some(body)).await;
    let parsed = post(
        "/questions/parse",
        json!({"text": "get running processes from all machines"}),
    )
    .await;
    assert_eq!(parsed["canonical"], PROCESSES);
    assert_eq!(parsed["warnings"], json!([]));
    assert_eq!(parsed["plan"]["tables"][0]["columns"][0]["name"], "Name");
    let apart = "Get Computer Name from all machines with Running Processes:Name = sh and Running Processes:User = root";
    let parsed = post("/questions/parse", json!({"text": apart})).await;
    assert_eq!(
        parsed["warnings"][0]["instead"],
        "Get Computer Name from all machines with Running Processes having (Running Processes:Name = sh and Running Processes:User = root)"
    );
    let readings = post("/questions/interpret", json!({"text": "running processes"})).await;
    assert_eq!(readings[0]["canonical"], PROCESSES);
    let offers = post(
        "/questions/complete",
        json!({"text": "Get Runn", "cursor": 8}),
    )
    .await;
    assert!(
        offers["items"]
            .as_array()
            .expect("items")
            .iter()
            .any(|i| i["text"] == "Running Processes")
    );
    let bad = json!({"text": "Get Runing Processes from all machines"});
    for path in ["/questions/parse", "/questions"] {
        let error = web
            .refused(Method::POST, path, Some(bad.clone()), 422, "parse")
            .await;
        let details = &error["error"]["details"];
        assert_eq!(details["nearest"][0], "Running Processes");
        assert_eq!(details["start"], 4);
    }
    let long = json!({"text": PROCESSES, "expires_seconds": 31 * 86_400});
    web.refused(Method::POST, "/questions", Some(long), 422, "invalid")
        .await;
    let nobody = json!({"text": PROCESSES, "targets": ["ab".repeat(32)]});
    web.refused(Method::POST, "/questions", Some(nobody), 422, "invalid")
        .await;

    let group = json!({"name": "Servers", "filter": "Computer Name starts with \"srv\""});
    web.ok(Method::POST, "/groups", Some(group.clone())).await;
    web.refused(Method::POST, "/groups", Some(group), 409, "conflict")
        .await;
    let odd = json!({"name": "Odd", "filter": "nonsense"});
    web.refused(Method::POST, "/groups", Some(odd), 422, "parse")
        .await;
    post(
        "/questions/parse",
        json!({"text": "Get Computer Name from Servers"}),
    )
    .await;
    web.ok(Method::DELETE, "/groups/servers", None).await;
    assert_eq!(web.get("/groups").await, json!([]));
    let sensors = web.get("/sensors").await;
    assert_eq!(sensors.as_array().map(Vec::len), Some(2));
    assert_eq!(web.get("/sensors/computer%20name").await["rows"], "one");
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_tokens_and_trust_are_managed() {
    let world = World::new().await;
    let web = Web::admin(&world).await;
    let wanted = json!({"uses": 2, "expires_seconds": 600, "approve": true});
    let made = web
        .ok(Method::POST, "/enrolment-tokens", Some(wanted))
        .await;
    let token: protocol::token::EnrolmentToken = made["token"]
        .as_str()
        .expect("text")
        .parse()
        .expect("a token");
    let mut agent = Agent::new();
    let waiting = agent.enrol(&world, &token.secret).await;
    assert!(waiting.waiting, "{waiting:?}");
    let listed = web.get("/enrolment-tokens").await;
    assert_eq!(
        (&listed[0]["uses_left"], &listed[0]["id"]),
        (&json!(1), &made["id"])
    );
    let endpoints = web.get("/endpoints?state=waiting").await;
    let id = endpoints[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(endpoints[0]["online"], false);
    let approved = web
        .ok(Method::POST, &format!("/endpoints/{id}/approve"), None)
        .await;
    assert_eq!(approved["state"], "approved");
    agent.enrol(&world, &token.secret).await;
    let mut channel = agent.connect(&world).await;
    assert_eq!(web.get("/endpoints?online=true").await[0]["id"], *id);
    assert_eq!(
        web.get(&format!("/endpoints/{id}")).await["hostname"],
        format!("box-{}", agent.ordinal)
    );
    let asked = json!({"text": PROCESSES, "targets": [id]});
    let question = web.ok(Method::POST, "/questions", Some(asked)).await;
    assert_eq!(question["coverage"], json!({"pending": 1}));
    let revoked = web
        .ok(Method::POST, &format!("/endpoints/{id}/revoke"), None)
        .await;
    assert_eq!(revoked["state"], "revoked");
    soon("the connection to close", channel.closed()).await;
    web.refused(
        Method::POST,
        &format!("/endpoints/{id}/approve"),
        None,
        409,
        "conflict",
    )
    .await;
    web.ok(
        Method::DELETE,
        &format!("/enrolment-tokens/{}", made["id"]),
        None,
    )
    .await;
    web.refused(
        Method::DELETE,
        "/enrolment-tokens/999",
        None,
        404,
        "not_found",
    )
    .await;

    let before = web.get("/trust").await;
    let what = || Some(json!({"what": "order-key"}));
    let after = web.ok(Method::POST, "/trust/rotate", what()).await;
    assert!(after["version"].as_u64() > before["version"].as_u64());
    assert_eq!(after["order_keys"].as_array().map(Vec::len), Some(2));
    web.ok(Method::POST, "/trust/drop-old", what()).await;
    web.refused(Method::POST, "/trust/drop-old", what(), 409, "conflict")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_server_ends_streams_and_lets_nobody_wait() {
    let world = World::new().await;
    let web = Web::admin(&world).await;
    let (question, _agents) = asked(&world, &web, PROCESSES).await;
    let mut events = Events::of(&web, &question["id"], None).await;
    events.next().await.expect("an event");
    let World {
        running,
        folder: _folder,
        ..
    } = world;
    soon("the drain", running.drain()).await;
    assert!(
        events.next().await.is_none(),
        "the stream ended, it was not cut off"
    );
}
