//! Which machines, and how many: counting by columns, bounds on the count, names of machines; in a question's tail and as parameters.

use super::Web;
use super::answers::{Events, PROCESSES, asked};
use crate::support::{World, number};
use prost::Message as _;
use protocol::message::{Order, SignedOrder, payload::Payload};
use reqwest::Method;
use serde_json::{Value, json};

const BOUND: &str = "on fewer than 2 machines";

/// What endpoints are asked by an order.
fn text(signed: &SignedOrder) -> String {
    let order = Order::decode(signed.body.as_slice()).expect("an order");
    match order.payload {
        Some(Payload::Question(question)) => question.text,
        other => panic!("{other:?} is no question"),
    }
}

/// Rows as (cells, count), in the order of the reply.
fn rows(page: &Value) -> Vec<(Vec<&str>, u64)> {
    let rows = page["rows"].as_array().expect("rows").iter();
    rows.map(|row| {
        let cells = row["cells"].as_array().expect("cells").iter();
        let cells = cells.map(|cell| cell.as_str().expect("text")).collect();
        (cells, row["count"].as_u64().expect("a count"))
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_are_counted_by_columns_bounded_and_named() {
    let world = World::new().await;
    let web = Web::admin(&world).await;
    let (question, mut agents) = asked(&world, &web, PROCESSES).await;
    let id = &question["id"];
    assert_eq!(question["tail"], json!({"by": [], "count": null}));
    let given: [&[&[&str]]; 2] = [
        &[&["sh", "root"], &["sh", "ada"], &["cron", "root"]],
        &[&["sh", "eve"]],
    ];
    for ((_, channel, order), given) in agents.iter_mut().zip(given) {
        channel.answer(*order, given).await;
        channel.stored().await;
    }
    let get = async |query: &str| web.get(&format!("/questions/{id}/rows?{query}")).await;

    let page = get("by=name").await;
    assert_eq!(page["columns"].as_array().map(Vec::len), Some(1));
    assert_eq!(page["columns"][0]["name"], "Name");
    // Three rows of one machine and one of the other are two machines.
    assert_eq!(rows(&page), [(vec!["sh"], 2), (vec!["cron"], 1)]);
    assert_eq!(page["total_rows"], 2);
    assert_eq!(rows(&get("by=Name&count=%3C2").await), [(vec!["cron"], 1)]);
    assert_eq!(rows(&get("by=Name&count=%3E%3D2").await), [(vec!["sh"], 2)]);
    assert_eq!(rows(&get("by=Name&sort=Name").await)[0].0, ["cron"]);
    assert_eq!(
        rows(&get("by=User,+Name&contains=EVE").await),
        [(vec!["eve", "sh"], 1)]
    );
    assert_eq!(get("count=1..1").await["total_rows"], 4);

    let named = get("by=Name&machines=1").await;
    let machine = &named["rows"][0]["machines"];
    assert_eq!(
        machine.as_array().map(Vec::len),
        Some(1),
        "the first of two"
    );
    assert_eq!(machine[0]["id"], json!(world.endpoint(&agents[0].0).id));
    assert_eq!(
        machine[0]["hostname"],
        format!("box-{}", agents[0].0.ordinal)
    );
    assert_eq!(
        get("").await["rows"][0].get("machines"),
        None,
        "unless asked for"
    );

    let export = async |query: &str| {
        let path = format!("/api/v1/questions/{id}/export?{query}");
        let reply = web.request(Method::GET, &path).send().await;
        reply.expect("a reply").text().await.expect("a whole file")
    };
    let lines = export("format=jsonl&sort=-count&by=Name&machines=1").await;
    let line: Value = serde_json::from_str(lines.lines().next().expect("a line")).expect("JSON");
    assert_eq!(line["values"], json!({"Name": "sh"}));
    let machines = &line["machines"];
    assert_eq!(
        (&machines["count"], &machines["endpoints"]),
        (&json!(2), machine)
    );
    let host = format!("box-{}", agents[0].0.ordinal);
    assert_eq!(
        export("format=csv&by=Name&count=1&machines=9").await,
        format!("Name,Machines,Endpoints\r\ncron,1,{host}\r\n")
    );
    assert_eq!(
        export("format=csv&by=Name&count=%3E9").await,
        "Name,Machines\r\n"
    );
    // Only so many rows, in whatever order, and how many were left out.
    for (query, left) in [
        ("sort=-count&rows=1", 3),
        ("rows=3", 1),
        ("rows=0", 4),
        ("by=Name&rows=1", 1),
    ] {
        let lines = export(&format!("format=jsonl&{query}")).await;
        let lines: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line"))
            .collect();
        assert_eq!(
            lines.last().map(|end| &end["rows_left"]),
            Some(&json!(left)),
            "{query}"
        );
        let all = if query.contains("by") { 2 } else { 4 };
        assert_eq!(lines.len() - 1, all - left, "{query}");
    }
    let all = export("format=jsonl&rows=4").await;
    assert!(!all.contains("rows_left"), "{all}");
    let whole = export("format=csv&sort=count&machines=1").await;
    assert_eq!(whole.lines().count(), 5, "{whole}");
    assert_eq!(whole.matches(&host).count(), 3, "{whole}");

    // The machines of a row are those of all rows that it stands for.
    let row = &named["rows"][0]["row"];
    let path = format!("/questions/{id}/rows/0/{row}/endpoints");
    assert_eq!(web.get(&path).await.as_array().map(Vec::len), Some(1));
    let all = web.get(&format!("{path}?by=Name")).await;
    assert_eq!(all.as_array().map(Vec::len), Some(2));

    for (bad, told) in [
        ("by=Nme", "Name, User"),
        ("by=Name,Name", "twice"),
        ("count=few", "2..5"),
        ("count=%3C1", "at least"),
        ("machines=1001&limit=100", "export"),
        ("by=Name&sort=User", "count, Name"),
    ] {
        let path = format!("/questions/{id}/rows?{bad}");
        let error = web.refused(Method::GET, &path, None, 422, "invalid").await;
        let message = error["error"]["message"].as_str().expect("a message");
        assert!(message.contains(told), "{bad}: {message}");
    }
    for path in [
        "export?by=Nme",
        "events?count=few",
        "rows/0/0/endpoints?by=Nme",
    ] {
        let path = format!("/questions/{id}/{path}");
        web.refused(Method::GET, &path, None, 422, "invalid").await;
    }
    // Names of machines are part of the answer: who may not read it is not told them.
    let asks = web.token(&["ask"]).await;
    let path = format!("/questions/{id}/rows?by=Name&machines=1");
    asks.refused(Method::GET, &path, None, 403, "forbidden")
        .await;
    let reads = web.token(&["read"]).await;
    assert_eq!(reads.get(&path).await["rows"], named["rows"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_is_kept_and_shown_and_endpoints_are_not_asked_it() {
    let world = World::new().await;
    let web = Web::admin(&world).await;
    let asked_text = format!("{PROCESSES} by Name {BOUND}");
    let mut agents = Vec::new();
    for _ in 0..2 {
        let agent = world.agent().await;
        let channel = agent.connect(&world).await;
        agents.push((agent, channel));
    }
    let parsed = web
        .ok(
            Method::POST,
            "/questions/parse",
            Some(json!({"text": asked_text})),
        )
        .await;
    assert_eq!(
        (&parsed["canonical"], &parsed["asked"]),
        (&json!(asked_text), &json!(PROCESSES))
    );
    let tail = json!({"by": [{"table": null, "column": "Name"}], "count": "<2"});
    assert_eq!(parsed["question"]["tail"], tail);
    let question = web
        .ok(
            Method::POST,
            "/questions",
            Some(json!({"text": asked_text})),
        )
        .await;
    assert_eq!(
        (&question["text"], &question["tail"]),
        (&json!(asked_text), &tail)
    );
    let id = &question["id"];
    for (at, (_, channel)) in agents.iter_mut().enumerate() {
        let order = channel.order().await;
        assert_eq!(text(&order), PROCESSES, "what was signed has no tail");
        let own = format!("own-{at}");
        let given: &[&[&str]] = &[&["sh", "root"], &["sh", &own], &[&own, "root"]];
        channel.answer(number(&order), given).await;
        channel.stored().await;
    }
    let page = web.get(&format!("/questions/{id}/rows")).await;
    assert_eq!(rows(&page), [(vec!["own-0"], 1), (vec!["own-1"], 1)]);
    assert_eq!(page["unanswered"], 0);
    let whole = web.get(&format!("/questions/{id}/rows?by=&count=")).await;
    assert_eq!(whole["total_rows"], 5, "a reader may see all of it");
    let by_user = web
        .get(&format!("/questions/{id}/rows?by=User&count=2"))
        .await;
    assert_eq!(rows(&by_user), [(vec!["root"], 2)]);
    let audited = web.get("/audit?limit=10").await.to_string();
    assert!(audited.contains(BOUND), "{audited}");

    // A group is a filter: how an answer is shown is no part of it.
    let group = json!({"name": "Odd", "filter": format!("Computer Name contains web {BOUND}")});
    web.refused(Method::POST, "/groups", Some(group), 422, "invalid")
        .await;

    // What was signed is still what its question says after a restart.
    let late = world.agent().await;
    let world = world.restart().await;
    let mut channel = late.connect(&world).await;
    assert_eq!(text(&channel.order().await), PROCESSES);
    let id: u64 = id.as_u64().expect("a number");
    assert_eq!(
        world.info(server::model::ids::QuestionId(id)).await.text,
        asked_text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_of_few_machines_is_told_what_is_on_too_many_by_now() {
    let world = World::new().await;
    let web = Web::admin(&world).await;
    let (question, mut agents) = asked(&world, &web, &format!("{PROCESSES} by Name {BOUND}")).await;
    let id = &question["id"];
    let mut few = Events::of(&web, id, None).await;
    let mut bounded = Events::with(&web, id, "?by=&count=%3C2").await;
    for events in [&mut few, &mut bounded] {
        events.next().await.expect("an event");
    }
    let (_, channel, order) = &mut agents[0];
    channel
        .answer(
            *order,
            &[&["sh", "root"], &["sh", "ada"], &["cron", "root"]],
        )
        .await;
    let (seen, event) = few.next().await.expect("an event");
    let table = &event["tables"][0];
    assert_eq!(rows(table), [(vec!["sh"], 1), (vec!["cron"], 1)]);
    assert_eq!(
        (table.get("gone"), &event["complete"]),
        (None, &json!(true))
    );
    let sh = table["rows"][0]["row"].clone();
    let (_, event) = bounded.next().await.expect("an event");
    assert_eq!(event["tables"][0]["rows"].as_array().map(Vec::len), Some(3));

    let (_, channel, order) = &mut agents[1];
    channel
        .answer(
            *order,
            &[&["sh", "eve"], &["cron", "root"], &["top", "eve"]],
        )
        .await;
    let (_, event) = few.next().await.expect("an event");
    let table = &event["tables"][0];
    assert_eq!(
        rows(table),
        [(vec!["top"], 1)],
        "only what changed and is on few"
    );
    assert_eq!(table["gone"].as_array().map(Vec::len), Some(2));
    assert!(table["gone"].as_array().expect("a list").contains(&sh));
    let (_, event) = bounded.next().await.expect("an event");
    let table = &event["tables"][0];
    assert_eq!(rows(table).len(), 2, "two rows of this machine alone");
    assert_eq!(table["gone"].as_array().map(Vec::len), Some(1));

    // Who comes back is told no less.
    let mut resumed = Events::of(&web, id, Some(&seen)).await;
    let (_, rest) = resumed.next().await.expect("an event");
    assert_eq!(rows(&rest["tables"][0]), [(vec!["top"], 1)]);
    assert_eq!(rest["tables"][0]["gone"].as_array().map(Vec::len), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_compared_by_columns_with_the_size_of_each_side() {
    let world = World::new().await;
    let web = Web::admin(&world).await;
    let (left, mut agents) = asked(&world, &web, &format!("{PROCESSES} by Name {BOUND}")).await;
    for (at, (_, channel, order)) in agents.iter_mut().enumerate() {
        let own = format!("user-{at}");
        channel
            .answer(*order, &[&["sh", &own], &["old", &own]])
            .await;
        channel.stored().await;
    }
    let with_name = "Get Computer Name and Running Processes from all machines";
    let right = web
        .ok(Method::POST, "/questions", Some(json!({"text": with_name})))
        .await;
    let (_, channel, _) = &mut agents[0];
    let order = number(&channel.order().await);
    channel
        .answer(order, &[&["box", "sh", "user-0"], &["box", "new", "root"]])
        .await;
    channel.stored().await;
    let path = format!("/questions/{}/compare/{}", left["id"], right["id"]);
    // Different tables compare by columns that both have, and by nothing else.
    let error = web.refused(Method::GET, &path, None, 422, "invalid").await;
    assert!(error.to_string().contains("by"), "{error}");
    let found = web.get(&format!("{path}?by=Name")).await;
    assert_eq!(found["columns"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        found["only_left"],
        json!([{"cells": ["old"], "left": 2, "right": 0}])
    );
    assert_eq!(
        found["only_right"],
        json!([{"cells": ["new"], "left": 0, "right": 1}])
    );
    assert_eq!(
        found["both"],
        json!([{"cells": ["sh"], "left": 2, "right": 1}])
    );
    assert_eq!(
        (&found["left"]["id"], &found["left"]["question"]),
        (&left["id"], &left["text"])
    );
    assert_eq!(
        (
            &found["left"]["endpoints"],
            &found["left"]["unanswered"],
            &found["left"]["rows"]
        ),
        (&json!(2), &json!(0), &json!(2))
    );
    assert_eq!(
        (
            &found["right"]["endpoints"],
            &found["right"]["unanswered"],
            &found["right"]["rows"]
        ),
        (&json!(2), &json!(1), &json!(2))
    );
    web.refused(
        Method::GET,
        &format!("{path}?by=User,Nope"),
        None,
        422,
        "invalid",
    )
    .await;
    // With itself it compares by its own tail, and without the bound that would leave rows out.
    let itself = web
        .get(&format!("/questions/{0}/compare/{0}", left["id"]))
        .await;
    assert_eq!(
        (
            &itself["both_total"],
            itself["columns"].as_array().map(Vec::len)
        ),
        (&json!(2), Some(1))
    );
    let whole = web
        .get(&format!("/questions/{0}/compare/{0}?by=", left["id"]))
        .await;
    assert_eq!(whole["both_total"], 4);
    let asks = web.token(&["ask"]).await;
    asks.refused(Method::GET, &path, None, 403, "forbidden")
        .await;
}
