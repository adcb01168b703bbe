//! Roles, user groups and bounds: who is bounded sees, counts, exports, compares and completes nothing of others' endpoints, and nobody
//! gives more than they have.

use super::answers::{Events, PROCESSES};
use super::{OWN_PASSWORD, Web};
use crate::support::{Agent, Channel, World, number, soon, whole};
use answer::State;
use protocol::message::{agent_says, server_says};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use server::access::SensorSets;

/// Somebody with a built-in role and rights of their own, signed in.
async fn person(world: &World, admin: &Web, name: &str, role: &str, own: Value) -> Web {
    let body = json!({"name": name, "role": role});
    let made = admin.ok(Method::POST, "/users", Some(body)).await;
    let path = format!("/users/{name}/rights");
    admin.ok(Method::PUT, &path, Some(own)).await;
    let mut web = admin.stranger(world);
    web.arrive(name, made["password"].as_str().expect("told once"))
        .await;
    web
}

/// A machine that answers by itself: whether it is in the group `web`, and with one row of its own and one that all have.
async fn machine(world: &World, is_web: bool) -> Agent {
    let agent = world.agent().await;
    let mut channel = agent.connect(world).await;
    let key = agent.ordinal;
    tokio::spawn(async move {
        while let Some(said) = channel.next().await {
            match said {
                server_says::Body::Order(order) => answer(&mut channel, &order, key, is_web).await,
                server_says::Body::Ping(value) => {
                    channel.say(agent_says::Body::Pong(value)).await;
                }
                _ => {}
            }
        }
    });
    agent
}

async fn answer(
    channel: &mut Channel,
    order: &protocol::message::SignedOrder,
    ordinal: u32,
    is_web: bool,
) {
    use prost::Message as _;
    let body = protocol::message::Order::decode(order.body.as_slice()).expect("an order");
    let number = number(order);
    let Some(protocol::message::payload::Payload::Question(question)) = body.payload else {
        return;
    };
    let mut part = if question.text.contains("number of machines") {
        whole(number, 7, &[])
    } else {
        let own = format!("own-{ordinal}");
        whole(number, 7, &[&["common", "root"], &[&own, "root"]])
    };
    if question.text.contains("Computer Name contains web") && !is_web {
        part = whole(number, 7, &[]);
        part.set_state(State::NotConcerned);
    }
    channel.say(agent_says::Body::Answer(part)).await;
}

/// Until what is known of the groups that bound somebody is this.
async fn known(admin: &Web, name: &str, endpoints: u64, unknown: u64) {
    let path = format!("/users/{name}/rights");
    let reached = async {
        loop {
            let rights = admin.get(&path).await;
            let groups = rights["groups"].as_array().expect("a list");
            let evaluated = groups
                .iter()
                .all(|g| g["unknown"] == json!(unknown) && !g["evaluated_at"].is_null());
            if evaluated && rights["endpoints"] == json!(endpoints) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    soon("the evaluation of the groups", reached).await;
}

async fn done(web: &Web, id: &Value) -> Value {
    let mut events = Events::of(web, id, None).await;
    let mut last = Value::Null;
    while let Some((_, event)) = events.next().await {
        last = event;
    }
    last
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_bounded_sees_nothing_of_others_endpoints() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    let theirs = [machine(&world, true).await, machine(&world, true).await];
    let others = [machine(&world, false).await, machine(&world, false).await];
    let group = json!({"name": "web", "filter": "Computer Name contains web"});
    admin.ok(Method::POST, "/groups", Some(group)).await;
    let bounds = json!({"bounds": {"within": ["WEB"]}});
    let olga = person(&world, &admin, "olga", "operator", bounds).await;
    known(&admin, "olga", 2, 0).await;

    // Her own question goes to hers alone, and looks as if there were no others.
    let asked = olga
        .ok(Method::POST, "/questions", Some(json!({"text": PROCESSES})))
        .await;
    let own = &asked["id"];
    let last = done(&olga, own).await;
    assert_eq!(last["coverage"], json!({"answered": 2}));
    // An administrator's question to everybody is hers to read, as far as it is about hers.
    let whole = admin
        .ok(Method::POST, "/questions", Some(json!({"text": PROCESSES})))
        .await;
    let whole = &whole["id"];
    assert_eq!(
        done(&admin, whole).await["coverage"],
        json!({"answered": 4})
    );
    let last = done(&olga, whole).await;
    assert_eq!(last["coverage"], json!({"answered": 2}));
    let told = last.to_string();
    let hidden: Vec<String> = others
        .iter()
        .map(|a| format!("own-{}", a.ordinal))
        .collect();
    assert!(hidden.iter().all(|cell| !told.contains(cell)), "{told}");

    let rows = olga
        .get(&format!("/questions/{whole}/rows?machines=9"))
        .await;
    assert_eq!(
        (&rows["total_rows"], &rows["coverage"]),
        (&json!(3), &json!({"answered": 2}))
    );
    let common = rows["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .find(|r| r["cells"][0] == "common");
    let common = common.expect("the common row");
    assert_eq!(common["count"], 2);
    assert_eq!(common["machines"].as_array().map(Vec::len), Some(2));
    // By its number neither a row of others, nor its endpoints.
    let all = admin.get(&format!("/questions/{whole}/rows")).await;
    for row in all["rows"].as_array().expect("rows") {
        let path = format!("/questions/{whole}/rows/0/{}/endpoints", row["row"]);
        let (status, value) = olga.call(Method::GET, &path, None).await;
        let cell = row["cells"][0].as_str().expect("text").to_owned();
        if hidden.contains(&cell) {
            assert_eq!(status, StatusCode::NOT_FOUND, "{value}");
        } else {
            let members = value.as_array().expect("members");
            assert!(
                members
                    .iter()
                    .all(|m| theirs.iter().any(|a| m["ordinal"] == json!(a.ordinal))),
                "{value}"
            );
        }
    }
    for path in [
        "endpoints",
        "problems",
        "export?format=json",
        "export?format=csv&sort=count",
        "rows?by=User&machines=9",
    ] {
        let (status, text) = olga.text(&format!("/questions/{whole}/{path}")).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        assert!(
            hidden.iter().all(|cell| !text.contains(cell)),
            "{path}: {text}"
        );
        for agent in &others {
            let id = world.endpoint(agent).id.to_string();
            assert!(!text.contains(&id), "{path}: {text}");
        }
    }
    let compared = olga.get(&format!("/questions/{own}/compare/{whole}")).await;
    assert_eq!(
        (&compared["only_right_total"], &compared["both_total"]),
        (&json!(0), &json!(3))
    );
    assert_eq!(compared["right"]["endpoints"], 2);
    for info in [
        olga.get(&format!("/questions/{whole}")).await,
        olga.get("/questions").await[0].clone(),
    ] {
        assert_eq!(
            (&info["coverage"], &info["rows"]),
            (&json!({"answered": 2}), &json!(3)),
            "{info}"
        );
    }

    let metrics = olga.request(Method::GET, "/metrics").send().await;
    assert_eq!(metrics.expect("a reply").status(), StatusCode::FORBIDDEN);

    // Endpoints: hers, by whatever name.
    assert_eq!(
        olga.get("/endpoints").await.as_array().map(Vec::len),
        Some(2)
    );
    for agent in &others {
        let endpoint = world.endpoint(agent);
        for name in [
            endpoint.id.to_string(),
            endpoint.hostname.clone(),
            agent.ordinal.to_string(),
        ] {
            olga.refused(
                Method::GET,
                &format!("/endpoints/{name}"),
                None,
                404,
                "not_found",
            )
            .await;
        }
        let text = json!({"text": format!("processes on {}", endpoint.hostname)});
        let readings = olga
            .ok(Method::POST, "/questions/interpret", Some(text))
            .await;
        assert!(
            !readings.to_string().contains(&endpoint.id.to_string()),
            "{readings}"
        );
        let asked = json!({"text": PROCESSES, "targets": [endpoint.id.to_string()]});
        let (status, value) = olga.call(Method::POST, "/questions", Some(asked)).await;
        assert_eq!(
            status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "as if it were not there: {value}"
        );
    }
    // A question about others alone was never asked, as far as she can tell.
    let ids: Vec<String> = others
        .iter()
        .map(|a| world.endpoint(a).id.to_string())
        .collect();
    let asked = json!({"text": PROCESSES, "targets": ids});
    let foreign = admin.ok(Method::POST, "/questions", Some(asked)).await;
    let path = format!("/questions/{}", foreign["id"]);
    for path in [
        path.clone(),
        format!("{path}/rows"),
        format!("{path}/export?format=json"),
        format!("{path}/events"),
    ] {
        olga.refused(Method::GET, &path, None, 404, "not_found")
            .await;
    }
    let listed = olga.get("/questions").await;
    assert!(
        listed
            .as_array()
            .expect("a list")
            .iter()
            .all(|q| q["id"] != foreign["id"])
    );

    // Rights that are taken away take away what was seen by them.
    let nothing = json!({"bounds": {"everything": true, "without": ["web"]}});
    admin
        .ok(Method::PUT, "/users/olga/rights", Some(nothing))
        .await;
    known(&admin, "olga", 2, 0).await;
    let now = olga.get(&format!("/questions/{own}")).await;
    assert_eq!(
        now["coverage"],
        json!({}),
        "hers by question, not by endpoint: {now}"
    );
    let last = done(&olga, whole).await;
    assert_eq!(last["coverage"], json!({"answered": 2}));
    let told = last.to_string();
    assert!(hidden.iter().all(|cell| told.contains(cell)), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_whom_nothing_is_known_is_outside_of_within_and_inside_of_without() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    machine(&world, true).await;
    // Enrolled, and never here to say it.
    world.agent().await;
    let group = json!({"name": "web", "filter": "Computer Name contains web"});
    admin.ok(Method::POST, "/groups", Some(group)).await;
    person(
        &world,
        &admin,
        "ina",
        "operator",
        json!({"bounds": {"within": ["web"]}}),
    )
    .await;
    person(
        &world,
        &admin,
        "otto",
        "operator",
        json!({"bounds": {"everything": true, "without": ["web"]}}),
    )
    .await;
    known(&admin, "ina", 1, 1).await;
    known(&admin, "otto", 0, 1).await;
    // One that comes later is asked when it comes.
    machine(&world, false).await;
    known(&admin, "otto", 1, 1).await;
    known(&admin, "ina", 1, 1).await;
    // Whose filter is changed means something else, and nothing is known of that until it is asked.
    let filter = json!({"filter": "Computer Name contains nothing"});
    admin.ok(Method::PUT, "/groups/web", Some(filter)).await;
    known(&admin, "ina", 2, 1).await;
    // It bounds somebody: it stays, and is not everybody's to change.
    admin
        .refused(Method::DELETE, "/groups/web", None, 409, "conflict")
        .await;
    let bob = person(&world, &admin, "bob", "operator", json!({})).await;
    admin
        .ok(
            Method::PUT,
            "/groups/web/owner",
            Some(json!({"owner": "bob"})),
        )
        .await;
    let filter = json!({"filter": "Computer Name contains web"});
    bob.refused(Method::PUT, "/groups/web", Some(filter), 403, "forbidden")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sensor_that_is_not_theirs_to_read_is_not_there() {
    let sets = [(
        "Running Processes".to_owned(),
        "Incident Response".to_owned(),
    )];
    let world = World::configured(|config| config.sensor_sets = SensorSets::from_iter(sets)).await;
    let admin = Web::admin(&world).await;
    machine(&world, true).await;
    let rule = |permission: &str, set: &str| json!({"permission": permission, "content_set": set});
    let role = json!({"name": "Names only", "grants": [
        {"permission": "use-ask"}, {"permission": "ask-dynamic-questions"}, rule("read-sensor", "core"),
    ]});
    admin.ok(Method::POST, "/roles", Some(role)).await;
    let ina = person(
        &world,
        &admin,
        "ina",
        "member",
        json!({"roles": ["names ONLY"]}),
    )
    .await;
    let names = ina.get("/sensors").await;
    assert_eq!(names.as_array().map(Vec::len), Some(1), "{names}");
    ina.refused(
        Method::GET,
        "/sensors/Running%20Processes",
        None,
        404,
        "not_found",
    )
    .await;
    let completed = ina
        .ok(
            Method::POST,
            "/questions/complete",
            Some(json!({"text": "Get Run", "cursor": 7})),
        )
        .await;
    assert!(!completed.to_string().contains("Running"), "{completed}");
    // Neither for its rows nor in a filter.
    for text in [
        PROCESSES,
        "Get Computer Name from all machines with Running Processes contains x",
    ] {
        let refused = ina
            .refused(
                Method::POST,
                "/questions",
                Some(json!({"text": text})),
                403,
                "forbidden",
            )
            .await;
        let told = refused["error"]["message"].as_str().expect("a message");
        assert!(
            told.contains("Read Sensor") && told.contains("Incident Response"),
            "{told}"
        );
    }
    let asked = admin
        .ok(Method::POST, "/questions", Some(json!({"text": PROCESSES})))
        .await;
    ina.refused(
        Method::GET,
        &format!("/questions/{}", asked["id"]),
        None,
        404,
        "not_found",
    )
    .await;
    ina.ok(
        Method::POST,
        "/questions",
        Some(json!({"text": "Get Computer Name from all machines"})),
    )
    .await;

    // A denial wins, by whatever way it comes; an explanation names both.
    let denies = json!({"name": "No names", "denies": [rule("read-sensor", "Core")]});
    admin.ok(Method::POST, "/roles", Some(denies)).await;
    let group = json!({"name": "Guests", "members": ["ina"], "roles": ["No names"]});
    admin.ok(Method::POST, "/user-groups", Some(group)).await;
    assert_eq!(ina.get("/sensors").await, json!([]));
    let rights = ina
        .get("/users/ina/rights?permission=read-sensor&content_set=core")
        .await;
    assert_eq!(
        rights["rights"],
        json!([{
            "permission": "read-sensor", "content_set": "core", "verdict": "denied",
            "granted_by": [{"role": "Names only", "user_group": null}],
            "denied_by": [{"role": "No names", "user_group": "Guests"}],
        }])
    );
    ina.refused(Method::GET, "/users/admin/rights", None, 403, "forbidden")
        .await;
    // Who holds a role keeps it from being removed; a version that is gone is not changed.
    admin
        .refused(Method::DELETE, "/roles/No%20names", None, 409, "conflict")
        .await;
    let again = json!({"name": "No names", "version": 7});
    admin
        .refused(
            Method::PUT,
            "/roles/No%20names",
            Some(again),
            409,
            "conflict",
        )
        .await;
    admin.ok(Method::DELETE, "/user-groups/guests", None).await;
    admin.ok(Method::DELETE, "/roles/No%20names", None).await;
    assert_eq!(ina.get("/sensors").await.as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gives_more_than_they_have() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    let role = json!({"name": "Personnel", "grants": [{"permission": "manage-users"}]});
    admin.ok(Method::POST, "/roles", Some(role)).await;
    let role = json!({"name": "Keys", "grants": [{"permission": "manage-trust"}]});
    admin.ok(Method::POST, "/roles", Some(role)).await;
    let ina = person(
        &world,
        &admin,
        "ina",
        "member",
        json!({"roles": ["Personnel"]}),
    )
    .await;
    let refused = [
        (
            Method::POST,
            "/users",
            json!({"name": "eve", "role": "administrator"}),
        ),
        (
            Method::POST,
            "/users",
            json!({"name": "eve", "role": "operator"}),
        ),
        (Method::PUT, "/users/ina", json!({"role": "administrator"})),
        (Method::PUT, "/users/admin", json!({"role": "member"})),
        (Method::POST, "/users/admin/password", json!({})),
        (Method::POST, "/users/admin/disable", json!({})),
        (Method::DELETE, "/users/admin", Value::Null),
        (Method::PUT, "/users/ina/rights", json!({"roles": ["Keys"]})),
        (Method::PUT, "/users/admin/rights", json!({"bounds": {}})),
        (
            Method::POST,
            "/roles",
            json!({"name": "More", "grants": [{"permission": "manage-endpoints"}]}),
        ),
        (
            Method::PUT,
            "/roles/Personnel",
            json!({"name": "Personnel", "grants": [{"permission": "read-audit"}]}),
        ),
        (Method::PUT, "/roles/Keys", json!({"name": "Keys"})),
        (
            Method::POST,
            "/user-groups",
            json!({"name": "Us", "members": ["ina"], "roles": ["Keys"]}),
        ),
        (
            Method::POST,
            "/user-groups",
            json!({"name": "Them", "members": ["admin"]}),
        ),
    ];
    for (method, path, body) in refused {
        let body = (!body.is_null()).then_some(body);
        ina.refused(method, path, body, 403, "forbidden").await;
    }
    // What she has, she gives.
    ina.ok(
        Method::POST,
        "/users",
        Some(json!({"name": "eva", "role": "member"})),
    )
    .await;
    ina.ok(
        Method::PUT,
        "/users/eva/rights",
        Some(json!({"roles": ["personnel"]})),
    )
    .await;
    // A denial cannot shut the administrator out.
    let denies = json!({"name": "Nothing", "denies": [{"permission": "manage-users"}, {"permission": "use-ask"}]});
    admin.ok(Method::POST, "/roles", Some(denies)).await;
    admin
        .ok(
            Method::PUT,
            "/users/admin/rights",
            Some(json!({"roles": ["Nothing"], "bounds": {}})),
        )
        .await;
    admin.get("/users").await;
    assert_eq!(admin.get("/users/admin/rights").await["of_endpoints"], 0);
    // What is wrong with a role is said.
    for (body, word) in [
        (
            json!({"name": "x", "grants": [{"permission": "manage-users", "content_set": "Core"}]}),
            "no content set",
        ),
        (
            json!({"name": "x", "grants": [{"permission": "read-sensor"}]}),
            "say which",
        ),
        (
            json!({"name": "x", "grants": [{"permission": "use-ask"}], "denies": [{"permission": "use-ask"}]}),
            "twice",
        ),
        (json!({"name": "Administrator"}), "built in"),
        (json!({"name": "a\u{202e}b"}), "letter"),
    ] {
        let refused = admin
            .refused(Method::POST, "/roles", Some(body.clone()), 422, "invalid")
            .await;
        let told = refused["error"]["message"].as_str().expect("a message");
        assert!(word == "letter" || told.contains(word), "{body}: {told}");
    }
    let missing = json!({"bounds": {"within": ["nowhere"]}});
    admin
        .refused(
            Method::PUT,
            "/users/ina/rights",
            Some(missing),
            404,
            "not_found",
        )
        .await;
    let mut again = admin.stranger(&world);
    again.sign_in("ina", OWN_PASSWORD).await;
}
