//! Content through the API: what is looked at is what is done, nothing of an edit is lost, and a roll-back gives back what was.

use super::Web;
use crate::support::World;
use content::pack::archive;
use content::pack::tree::Tree;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A pack of these files, in this version, with a sensor for each name.
pub fn pack(version: &str, sensors: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::default();
    let mut add = |path: &str, text: String| tree.add(path, text.into_bytes()).expect("a file");
    add(
        "pack.yaml",
        format!(
            "name: own\ntitle: Our Own\nversion: {version}\npublisher: Us\ncontent_sets: [Own]\n\
             supplied: [{{name: tool.zip, help: A tool.}}]\nchangelog: [{{version: {version}, changes: [Things.]}}]\n"
        ),
    );
    add("content-sets/own.yaml", "name: Own\n".into());
    add(
        "packages/tools.yaml",
        "name: Distribute Tools\nplatforms: {linux: {command: {program: /bin/true}}}\n\
         files: [{file: files/config.ini}, {supplied: tool.zip}]\n"
            .into(),
    );
    add("files/config.ini", format!("[own]\nversion = {version}\n"));
    for (name, script) in sensors {
        add(
            &format!("sensors/{}.yaml", name.replace(' ', "-")),
            format!(
                "name: {name}\ndescription: Words of {name}.\ncolumns: [{{name: {name}}}]\n\
                 platforms: {{linux: {{interpreter: sh, text: \"{script}\", output: {{delimited: \"|\"}}}}}}\n"
            ),
        );
    }
    tree
}

pub fn bytes(tree: &Tree) -> Vec<u8> {
    archive::write(tree).expect("an archive")
}

impl Web {
    /// Sends a file; the reply must be as documented.
    pub async fn send_file(
        &self,
        method: Method,
        path: &str,
        bytes: Vec<u8>,
    ) -> (StatusCode, Value) {
        let response = self
            .request(method.clone(), &format!("/api/v1{path}"))
            .header("content-type", "application/octet-stream")
            .body(bytes)
            .send()
            .await
            .expect("a reply");
        let status = response.status();
        let text = response.bytes().await.expect("a whole reply");
        let value: Value = serde_json::from_slice(&text).expect("JSON");
        self.contract.check(&method, path, status, &value);
        (status, value)
    }

    /// What an import would do.
    pub async fn plan(&self, tree: &Tree) -> Value {
        let (status, plan) = self
            .send_file(Method::POST, "/content/plan", bytes(tree))
            .await;
        assert_eq!(status, StatusCode::OK, "{plan}");
        plan
    }

    /// Looks at an import and does it; gives what was looked at.
    pub async fn import(&self, tree: &Tree) -> Value {
        let plan = self.plan(tree).await;
        let digest = plan["digest"].as_str().expect("a digest");
        let path = format!("/content/import?plan={digest}&why=to%20try%20it");
        let (status, done) = self.send_file(Method::POST, &path, bytes(tree)).await;
        assert_eq!(status, StatusCode::OK, "{done}");
        plan
    }

    /// All objects, each with its text and files.
    pub async fn all(&self) -> Vec<Value> {
        let page = self.get("/content/objects").await;
        let mut all = Vec::new();
        for object in page["objects"].as_array().expect("a list") {
            let name = object["name"].as_str().expect("a name").replace(' ', "%20");
            let kind = object["kind"].as_str().expect("a kind");
            all.push(self.get(&format!("/content/objects/{kind}/{name}")).await);
        }
        all
    }
}

const UPTIME: &str = "/content/objects/sensor/own%20words";

async fn edit(web: &Web, from: &str, to: &str) -> Value {
    let there = web.get(UPTIME).await;
    let text = there["text"].as_str().expect("a text").replace(from, to);
    let edit =
        json!({"text": text, "expected": there["object"]["sha256"], "why": "it was too slow"});
    web.ok(Method::PUT, UPTIME, Some(edit)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_outlive_an_upgrade_and_a_roll_back_gives_back_what_was() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    let first = pack(
        "1.0.0",
        &[("Own Words", "echo one"), ("Own Numbers", "echo 1")],
    );
    let plan = admin.import(&first).await;
    assert_eq!(plan["what"], "import");
    assert!(
        plan["steps"]
            .as_array()
            .expect("steps")
            .iter()
            .all(|step| step["step"] == "added")
    );
    assert_eq!(plan["awaits"], json!(["tool.zip"]));
    let packs = admin.get("/content/packs").await;
    let own = packs.as_array().expect("a list").iter();
    let own = own.clone().find(|pack| pack["name"] == "own").expect("own");
    assert_eq!(
        (&own["imported"], &own["available"], &own["objects"]),
        (&json!("1.0.0"), &json!(null), &json!(4))
    );
    let ships = packs.as_array().expect("a list").iter();
    let ships: Vec<_> = ships
        .filter(|pack| !pack["available"].is_null())
        .map(|pack| pack["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(ships, ["core", "incident-response", "index", "quarantine"]);

    edit(&admin, "echo one", "echo mine").await;
    let (status, _) = admin
        .send_file(
            Method::PUT,
            "/content/packs/own/supplied/tool.zip",
            b"a tool".to_vec(),
        )
        .await;
    assert_eq!(status, StatusCode::OK);
    let before = admin.all().await;
    let edits = admin.get("/content/packs/own/edits").await;
    assert_eq!(edits[0]["fields"][0]["path"], "platforms.linux.text");
    assert_eq!(edits.as_array().map(Vec::len), Some(1));

    // The next version changes the same field, another object, and has a new one.
    let second = pack(
        "1.1.0",
        &[
            ("Own Words", "echo two"),
            ("Own Numbers", "echo 2"),
            ("Own Colours", "echo red"),
        ],
    );
    let plan = admin.import(&second).await;
    assert_eq!(
        (&plan["what"], &plan["conflicts"]),
        (&json!("upgrade"), &json!(true))
    );
    let steps = plan["steps"].as_array().expect("steps");
    let words = steps.iter().find(|step| step["name"] == "Own Words");
    let field = &words.expect("a step")["fields"][0];
    assert_eq!(
        [
            &field["before"],
            &field["local"],
            &field["shipped"],
            &field["outcome"]
        ],
        [
            &json!("echo one"),
            &json!("echo mine"),
            &json!("echo two"),
            &json!("conflict-kept")
        ]
    );
    let words = admin.get(UPTIME).await;
    assert!(
        words["text"]
            .as_str()
            .expect("a text")
            .contains("echo mine")
    );
    let package = admin
        .get("/content/objects/package/distribute%20tools")
        .await;
    assert_eq!(package["files"][1]["name"], "tool.zip");
    assert!(
        package["files"][1]["file"].is_object(),
        "it is kept: {package}"
    );

    let change = json!({"action": "rollback", "version": "1.0.0"});
    let plan = admin
        .ok(
            Method::POST,
            "/content/packs/own/plan",
            Some(change.clone()),
        )
        .await;
    let apply = json!({"change": change, "plan": plan["digest"], "why": "two was worse"});
    let done = admin
        .ok(Method::POST, "/content/packs/own/apply", Some(apply))
        .await;
    assert_eq!(
        (&done["from"], &done["to"]),
        (&json!("1.1.0"), &json!("1.0.0"))
    );
    assert_eq!(admin.all().await, before, "object by object");

    // After a restart it is all the same, and who did what when is told.
    let world = world.restart().await;
    let mut web = Web::new(&world);
    web.sign_in("admin", super::OWN_PASSWORD).await;
    assert_eq!(web.all().await, before);
    let history = web.get(&format!("{UPTIME}/history")).await;
    let told: Vec<_> = history
        .as_array()
        .expect("a list")
        .iter()
        .map(|deed| {
            (
                deed["what"].as_str(),
                deed["why"].as_str(),
                deed["who"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (Some("edit"), Some("it was too slow"), Some("admin")),
            (Some("pack"), Some("to try it"), Some("admin")),
        ]
    );
    let of_pack = web.get("/content/packs/own/history").await;
    let kinds = of_pack.as_array().expect("a list").iter();
    let kinds: Vec<_> = kinds.map(|deed| deed["what"].as_str()).collect();
    assert_eq!(
        kinds,
        [Some("rollback"), Some("pack"), Some("supply"), Some("pack")]
    );
    let audit = web.get("/audit?action=content.").await;
    let actions = audit.as_array().expect("a list").iter();
    let actions: Vec<_> = actions.map(|entry| entry["action"].as_str()).collect();
    assert_eq!(
        actions,
        [
            Some("content.rollback"),
            Some("content.upgrade"),
            Some("content.supply"),
            Some("content.edit"),
            Some("content.import"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_from_what_was_looked_at_is_not_done() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    let looked_at = pack("1.0.0", &[("Own Words", "echo one")]);
    let plan = admin.plan(&looked_at).await;
    let digest = plan["digest"].as_str().expect("a digest");
    let path = format!("/content/import?plan={digest}");
    // One byte of a file, which no object's text shows.
    let mut other = looked_at.clone();
    other.remove("files/config.ini");
    other
        .add("files/config.ini", b"[own]\nversion = x\n".to_vec())
        .expect("a file");
    let (status, refused) = admin.send_file(Method::POST, &path, bytes(&other)).await;
    assert_eq!(
        (status, refused["error"]["code"].as_str()),
        (StatusCode::CONFLICT, Some("changed")),
        "{refused}"
    );
    assert_eq!(admin.get("/content/objects").await["total"], 0);
    // Somebody makes an object in between.
    let made = json!({"text": "name: Lab\nmembers: [\"1\"]\n"});
    admin
        .ok(
            Method::PUT,
            "/content/objects/computer-group/lab",
            Some(made),
        )
        .await;
    let (status, refused) = admin
        .send_file(Method::POST, &path, bytes(&looked_at))
        .await;
    assert_eq!(
        (status, refused["error"]["code"].as_str()),
        (StatusCode::CONFLICT, Some("changed")),
        "{refused}"
    );
    assert_eq!(admin.get("/content/objects").await["total"], 1);
    admin.import(&looked_at).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_editors_the_second_is_told_and_nothing_is_lost() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    admin
        .import(&pack("1.0.0", &[("Own Words", "echo one")]))
        .await;
    let seen = admin.get(UPTIME).await;
    let text = seen["text"].as_str().expect("a text");
    let with = |script: &str| {
        Some(json!({
            "text": text.replace("echo one", script), "expected": seen["object"]["sha256"]
        }))
    };
    let (first, second) = tokio::join!(
        admin.call(Method::PUT, UPTIME, with("echo first")),
        admin.call(Method::PUT, UPTIME, with("echo second")),
    );
    let (done, told) = if first.0.is_success() {
        (first, second)
    } else {
        (second, first)
    };
    assert_eq!(done.0, StatusCode::OK, "{}", done.1);
    assert_eq!(
        (told.0, told.1["error"]["code"].as_str()),
        (StatusCode::CONFLICT, Some("changed"))
    );
    let now = admin.get(UPTIME).await;
    assert_eq!(now["text"], done.1["text"]);
    // Deleting what one did not see is the same; what others need stays.
    let stale = format!(
        "{UPTIME}?expected={}",
        seen["object"]["sha256"].as_str().expect("a digest")
    );
    admin
        .refused(Method::DELETE, &stale, None, 409, "changed")
        .await;
    let set = admin.get("/content/objects/content-set/own").await;
    let digest = set["object"]["sha256"].as_str().expect("a digest");
    let path = format!("/content/objects/content-set/own?expected={digest}");
    admin
        .refused(Method::DELETE, &path, None, 409, "conflict")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_with_faults_changes_nothing_and_all_of_them_are_told_by_place() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    admin
        .import(&pack("1.0.0", &[("Own Words", "echo one")]))
        .await;
    let seen = admin.get(UPTIME).await;
    let edit = json!({
        "text": "name: Own Words\ncolums: [{name: A}]\ncontent_set: Nowhere\nplatforms: {linux: {interpreter: bash, text: x}}\n",
        "expected": seen["object"]["sha256"],
    });
    let refused = admin
        .refused(Method::PUT, UPTIME, Some(edit), 422, "faults")
        .await;
    let faults = refused["error"]["faults"].as_array().expect("faults");
    assert!(faults.len() >= 3, "{refused}");
    let first = faults
        .iter()
        .find(|fault| fault["line"] == 2)
        .expect("a fault");
    assert!(
        first["message"]
            .as_str()
            .expect("words")
            .contains("did you mean `columns`"),
        "{first}"
    );
    assert_eq!(admin.get(UPTIME).await, seen);
    // Another name is another object.
    let other = json!({
        "text": seen["text"].as_str().expect("a text").replace("name: Own Words\n", "name: Other\n"),
        "expected": seen["object"]["sha256"],
    });
    admin
        .refused(Method::PUT, UPTIME, Some(other), 422, "invalid")
        .await;
    // A question about what is not there.
    let question =
        json!({"text": "name: Q\ntext: Get Nothing At All from all machines\ncontent_set: Own\n"});
    let refused = admin
        .refused(
            Method::PUT,
            "/content/objects/saved-question/q",
            Some(question),
            422,
            "faults",
        )
        .await;
    assert_eq!(refused["error"]["faults"][0]["line"], 2, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_goes_out_as_it_is_here_and_comes_in_elsewhere() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    admin
        .import(&pack("1.0.0", &[("Own Words", "echo one")]))
        .await;
    edit(&admin, "echo one", "echo mine").await;
    let export = |query: &'static str| {
        let path = format!("/content/packs/own/export{query}");
        let admin = admin.clone();
        async move {
            let response = admin.send(Method::GET, &path, None).await;
            assert_eq!(response.status(), StatusCode::OK);
            let bytes = response.bytes().await.expect("an archive");
            archive::read(&bytes).expect("a tree")
        }
    };
    let mine = export("").await;
    let text = |tree: &Tree| {
        let bytes = tree.get("sensors/own-words.yaml").expect("a sensor");
        String::from_utf8(bytes.to_vec()).expect("a text")
    };
    assert!(text(&mine).contains("echo mine"));
    assert!(text(&export("?shipped=true").await).contains("echo one"));
    let elsewhere = World::new().await;
    let other = Web::admin(&elsewhere).await;
    other.import(&mine).await;
    let digests = |all: Vec<Value>| -> Vec<Value> {
        all.iter()
            .map(|one| one["object"]["sha256"].clone())
            .collect()
    };
    assert_eq!(digests(other.all().await), digests(admin.all().await));
    admin
        .refused(
            Method::GET,
            "/content/packs/own/export?version=9.9.9",
            None,
            404,
            "not_found",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_pack_needs_cannot_go() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    admin
        .import(&pack("1.0.0", &[("Own Words", "echo one")]))
        .await;
    let mut needs = Tree::default();
    let manifest = "name: needs\ntitle: Needs\nversion: 1.0.0\npublisher: Us\nrequires: [{pack: own}]\ncontent_sets: [Needs]\n\
        changelog: [{version: 1.0.0, changes: [Things.]}]\n";
    needs.add("pack.yaml", manifest.into()).expect("a file");
    needs
        .add("content-sets/needs.yaml", "name: Needs\n".into())
        .expect("a file");
    needs
        .add(
            "saved-questions/words.yaml",
            "name: Words\ntext: Get Own Words from all machines\n".into(),
        )
        .expect("a file");
    admin.import(&needs).await;
    let remove = json!({"action": "remove"});
    admin
        .refused(
            Method::POST,
            "/content/packs/own/plan",
            Some(remove.clone()),
            409,
            "conflict",
        )
        .await;
    admin
        .refused(
            Method::POST,
            "/content/packs/nothing/plan",
            Some(remove),
            404,
            "not_found",
        )
        .await;
    let import = json!({"action": "import"});
    admin
        .refused(
            Method::POST,
            "/content/packs/nothing/plan",
            Some(import),
            404,
            "not_found",
        )
        .await;
}
