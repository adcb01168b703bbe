//! The server is killed fifty times while packs are imported, upgraded, rolled back and removed. Afterwards there is what was before or what
//! should be after, never anything between.

use crate::support::{Server, client, runtime};
use ::content::digest::Digest;
use ::content::pack::archive;
use ::content::pack::tree::Tree;
use cordon::api::Client;
use hyper::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const KILLS: u32 = 50;
const SENSORS: u32 = 200;

fn pack(version: &str) -> Vec<u8> {
    let mut tree = Tree::default();
    let mut add = |path: &str, text: String| tree.add(path, text.into_bytes()).expect("a file");
    add(
        "pack.yaml",
        format!(
            "name: many\ntitle: Many\nversion: {version}\npublisher: Us\ncontent_sets: [Many]\n\
             changelog: [{{version: {version}, changes: [Things.]}}]\n"
        ),
    );
    add("content-sets/many.yaml", "name: Many\n".into());
    for number in 0..SENSORS {
        add(
            &format!("files/s{number}.sh"),
            format!("echo {number} {version}\n"),
        );
        add(
            &format!("sensors/s{number}.yaml"),
            format!(
                "name: Many Words {number}\ncolumns: [{{name: Many Words {number}}}]\n\
                 platforms: {{linux: {{interpreter: sh, file: files/s{number}.sh, output: {{delimited: \"|\"}}}}}}\n"
            ),
        );
    }
    archive::write(&tree).expect("an archive")
}

/// Version in force, and digests of all objects.
type State = (Option<String>, BTreeMap<String, String>);

async fn state(client: &Client) -> State {
    let packs: Vec<Value> = client.get("/content/packs").await.expect("packs");
    let many = packs.iter().find(|pack| pack["name"] == "many");
    let version = many.and_then(|pack| pack["imported"].as_str().map(str::to_owned));
    let page: Value = client
        .get("/content/objects?limit=20000")
        .await
        .expect("objects");
    let objects = page["objects"].as_array().expect("a list").iter();
    let objects = objects.map(|object| {
        let text = |field: &str| object[field].as_str().expect("a text").to_owned();
        (text("name"), text("sha256"))
    });
    (version, objects.collect())
}

/// Every file that an object names is there as it should be.
async fn files(client: &Client) {
    for number in [0, SENSORS / 2, SENSORS - 1] {
        let path = format!("/content/objects/sensor/many%20words%20{number}");
        let object: Value = client.get(&path).await.expect("an object");
        let sha256 = object["files"][0]["file"]["sha256"]
            .as_str()
            .expect("a digest");
        let bytes = client
            .file(&format!("/content/files/{sha256}"))
            .await
            .expect("a file");
        assert_eq!(Digest::of(&bytes).to_hex(), sha256);
    }
}

/// What is done next from a version.
async fn step(
    client: &Client,
    from: Option<&str>,
    turn: u32,
    packs: &[Vec<u8>; 2],
) -> anyhow::Result<()> {
    let known = |change: Value| async move {
        let plan: Value = client.post("/content/packs/many/plan", &change).await?;
        let apply = json!({"change": change, "plan": plan["digest"]});
        let _: Value = client.post("/content/packs/many/apply", apply).await?;
        Ok(())
    };
    match from {
        Some("1.0.0") if turn % 5 == 4 => known(json!({"action": "remove"})).await,
        Some("2.0.0") => known(json!({"action": "rollback", "version": "1.0.0"})).await,
        _ => {
            let bytes = &packs[usize::from(from.is_some())];
            let plan: Value = client
                .send_file(Method::POST, "/content/plan", bytes.clone())
                .await?;
            let digest = plan["digest"].as_str().expect("a digest");
            let path = format!("/content/import?plan={digest}");
            let done: anyhow::Result<Value> =
                client.send_file(Method::POST, &path, bytes.clone()).await;
            done.map(drop)
        }
    }
}

#[test]
fn content_is_as_before_or_as_after_whenever_the_server_dies() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(&folder.path().join("server"));
    let profile = server.profile();
    let client = client(&profile);
    let packs = [pack("1.0.0"), pack("2.0.0")];
    runtime().block_on(async {
        // What there is in each version, and how long a step takes here.
        let mut wanted: BTreeMap<Option<String>, State> = BTreeMap::new();
        let mut longest = Duration::ZERO;
        let nothing = state(&client).await;
        wanted.insert(None, nothing);
        for from in [None, Some("1.0.0"), Some("2.0.0")] {
            let started = Instant::now();
            step(&client, from, 0, &packs).await.expect("a step");
            longest = longest.max(started.elapsed());
            let now = state(&client).await;
            match wanted.get(&now.0) {
                Some(was) => assert_eq!(was.1, now.1, "a roll-back gives back what was"),
                None => drop(wanted.insert(now.0.clone(), now)),
            }
        }
        assert_eq!(wanted.len(), 3);
        let (mut stayed, mut went) = (0, 0);
        for kill in 0..KILLS {
            let from = state(&client).await.0;
            // Each kill comes at another moment of its step; whatever was done by then, no outcome depends on it.
            let moment = longest * kill / KILLS;
            let under_way = step(&client, from.as_deref(), kill, &packs);
            drop(tokio::time::timeout(moment, under_way).await);
            server.restart();
            let now = state(&client).await;
            let is = wanted.get(&now.0);
            assert_eq!(
                is.map(|is| &is.1),
                Some(&now.1),
                "kill {kill}: between versions"
            );
            if now.0.is_some() {
                files(&client).await;
            }
            if now.0 == from {
                stayed += 1;
            } else {
                went += 1;
            }
        }
        assert_eq!(stayed + went, KILLS);
    });
    // Files that nothing names went with the restarts: what is left is named by what is, was, or can come back.
    let left = std::fs::read_dir(server.data.join("content"))
        .expect("a folder")
        .count();
    assert!(left <= 2 * SENSORS as usize, "{left}");
}
