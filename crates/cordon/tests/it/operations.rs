//! Everything that the API can do, the command line can do: each operation of the OpenAPI document is reached by a verb, which a real server's
//! own counts show; or it stands here with the reason why none does.

use crate::support::{OWN_PASSWORD, Server, client, connected, cordon, finish, runtime, simulate};
use cordon::api::Client;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Output;

/// What the administrator changes the password to.
const NEW_PASSWORD: &str = "another password of mine";

const DOCUMENT: &str = include_str!("../../../../docs/openapi.json");

/// Command lines in an order in which they can be run, each with the operations that it reaches. `{…}` stands for what [`Place`] fills in;
/// `<` begins a line of standard input.
const VERBS: &[(&str, &[&str])] = &[
    (
        "login {url} --admin --authority {authority} --profile {other} <{password}",
        &["sign_in", "sign_out"],
    ),
    ("whoami", &["get_me"]),
    ("password <{password}<{new}", &["change_password"]),
    (
        "users create olga --role operator --to {folder}/olga",
        &["create_user"],
    ),
    ("users", &["list_users"]),
    ("users role olga reader", &["change_user"]),
    ("users reset-password olga --to -", &["reset_password"]),
    ("users end-sessions olga", &["end_sessions"]),
    ("users disable olga", &["disable_user"]),
    ("users enable olga", &["enable_user"]),
    ("roles permissions", &["list_permissions"]),
    (
        "roles create Triage --grant use-ask --grant 'read-sensor:Core' --deny 'read-sensor:Index'",
        &["create_role"],
    ),
    ("roles", &["list_roles"]),
    ("roles change triage --grant use-ask", &["change_role"]),
    ("users give olga --everywhere", &["set_rights"]),
    (
        "user-groups create Night --member olga --role triage",
        &["create_user_group"],
    ),
    ("user-groups", &["list_user_groups"]),
    (
        "user-groups change night --member olga",
        &["change_user_group"],
    ),
    ("rights olga", &["get_rights"]),
    ("user-groups delete night", &["delete_user_group"]),
    ("roles delete triage", &["delete_role"]),
    ("sessions", &["list_sessions"]),
    ("sessions end {session}", &["end_session"]),
    ("sessions end --all", &["end_own_sessions"]),
    ("users delete olga", &["delete_user"]),
    (
        "api-tokens create script --scope read,ask --to {folder}/token",
        &["create_api_token"],
    ),
    ("api-tokens", &["list_api_tokens"]),
    ("api-tokens revoke {token}", &["delete_api_token"]),
    ("token create", &["create_enrolment_token"]),
    ("token list", &["list_enrolment_tokens"]),
    ("token revoke {enrolment}", &["withdraw_enrolment_token"]),
    ("endpoints --online", &["list_endpoints"]),
    ("endpoints show {host}", &["get_endpoint"]),
    ("endpoints approve {host}", &["approve_endpoint"]),
    (
        "ask --explain 'Get Uptime from all machines'",
        &["parse_question"],
    ),
    ("ask --explain 'uptime of {host}'", &["interpret_words"]),
    (
        "ask 'Get Computer Name from all machines'",
        &[
            "ask_question",
            "follow_answer",
            "export_answer",
            "list_problems",
        ],
    ),
    ("questions", &["list_questions"]),
    ("questions show {question}", &["get_question"]),
    ("questions keep {question}", &["keep_question"]),
    ("groups create linux Is Linux = True", &["create_group"]),
    ("groups", &["list_groups"]),
    ("groups show linux", &["list_answer_endpoints"]),
    ("groups change linux --endpoint {host}", &["change_group"]),
    ("groups owner linux admin", &["give_group"]),
    ("groups delete linux", &["delete_group"]),
    ("compare {question} {question}", &["compare_answers"]),
    ("questions cancel {question}", &["cancel_question"]),
    ("questions delete {question}", &["delete_question"]),
    ("content list", &["list_packs"]),
    (
        "content import core --why first",
        &["plan_pack_change", "apply_pack_change"],
    ),
    (
        "content import ../../content/index",
        &["plan_import", "import_pack"],
    ),
    ("content show index", &["get_pack"]),
    ("content find status", &["list_objects"]),
    ("content show 'sensor/Index Status'", &["get_object"]),
    ("content diff index", &["list_pack_edits"]),
    (
        "content file add index {folder}/config.ini",
        &["supply_file"],
    ),
    (
        "content file get index config.ini --out {folder}/back.ini",
        &["get_file"],
    ),
    ("content file remove index config.ini", &["withdraw_file"]),
    (
        "packages file add 'Distribute Endpoint Index Config' {folder}/config.ini --name own.ini",
        &["put_package_file"],
    ),
    (
        "packages file remove 'Distribute Endpoint Index Config' own.ini",
        &["remove_package_file"],
    ),
    (
        "content edit computer-group/lab --new --file {folder}/lab.yaml",
        &["edit_object"],
    ),
    ("content history computer-group/lab", &["object_history"]),
    ("content history index", &["pack_history"]),
    ("content history", &["content_history"]),
    ("content remove computer-group/lab", &["delete_object"]),
    (
        "content export index --out {folder}/index.cordonpack",
        &["export_pack"],
    ),
    ("content sync {folder}/repository", &["send_file"]),
    ("endpoints revoke {host}", &["revoke_endpoint"]),
    ("audit --since 24h", &["list_audit_entries"]),
    ("audit verify", &["verify_audit_log"]),
    ("trust status", &["get_trust"]),
    ("trust rotate authority", &["rotate_trust"]),
    // The first to hear of the new authority.
    (
        "trust drop authority --force",
        &["drop_old_trust", "list_authorities"],
    ),
];

/// Operations that no command line reaches, and why none does.
const UNREACHED: &[(&str, &str)] = &[
    (
        "complete_question",
        "it completes while somebody types, which is a page's work; a shell has `cordon completions`",
    ),
    (
        "list_sensors",
        "`cordon sensors` tells the same declarations from the program itself, without a server",
    ),
    (
        "get_sensor",
        "`cordon sensors NAME` tells the same declaration from the program itself, without a server",
    ),
    (
        "list_rows",
        "a page of rows is for a screen: `cordon ask` at a terminal takes it, and else the whole table by export_answer",
    ),
    (
        "list_row_endpoints",
        "`--machines` has the rows themselves name their machines",
    ),
];

/// Operations of the document by name: method and path.
fn documented() -> BTreeMap<String, (String, String)> {
    let document: Value = serde_json::from_str(DOCUMENT).expect("a document");
    let mut found = BTreeMap::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            if let Some(name) = operation["operationId"].as_str() {
                found.insert(name.to_owned(), (method.to_uppercase(), path.clone()));
            }
        }
    }
    found
}

#[test]
fn every_operation_of_the_document_has_its_verb_or_its_reason() {
    let reached = VERBS.iter().flat_map(|(_, operations)| *operations);
    let unreached = UNREACHED.iter().map(|(operation, _)| operation);
    let mut listed: Vec<&str> = reached.chain(unreached).copied().collect();
    listed.sort_unstable();
    let documented = documented();
    let documented: Vec<&str> = documented.keys().map(String::as_str).collect();
    assert_eq!(listed, documented, "each operation of the document, once");
}

/// What command lines are filled in with.
struct Place {
    folder: String,
    url: String,
    authority: String,
    host: String,
    token: u64,
    enrolment: u64,
    question: u64,
    session: u64,
}

impl Place {
    fn fill(&self, word: &str) -> String {
        word.replace("{folder}", &self.folder)
            .replace("{other}", &format!("{}/other.json", self.folder))
            .replace("{url}", &self.url)
            .replace("{authority}", &self.authority)
            .replace("{host}", &self.host)
            .replace("{password}", OWN_PASSWORD)
            .replace("{new}", NEW_PASSWORD)
            .replace("{token}", &self.token.to_string())
            .replace("{enrolment}", &self.enrolment.to_string())
            .replace("{question}", &self.question.to_string())
            .replace("{session}", &self.session.to_string())
    }

    /// Runs a command line; its words are those of a shell with single quotes.
    fn run(&self, line: &str, profile: &Path) -> Output {
        let mut parts = line.split('<');
        let command = parts.next().expect("a command");
        let input: String = parts.map(|line| self.fill(line.trim()) + "\n").collect();
        let words = command.split('\'').enumerate().flat_map(|(at, part)| {
            if at % 2 == 1 {
                vec![part.to_owned()]
            } else {
                part.split_whitespace().map(str::to_owned).collect()
            }
        });
        let mut command = cordon();
        let words = words.map(|word| self.fill(&word));
        command.args(words).env("CORDON_PROFILE", profile);
        finish(command, &input)
    }
}

/// What the server counted: requests that it granted, by method and route.
fn counted(metrics: &str) -> BTreeMap<(String, String), u64> {
    let address = metrics
        .trim_start_matches("http://")
        .trim_end_matches("/metrics");
    let mut stream = TcpStream::connect(address).expect("metrics");
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )
    .expect("asked");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("a reply");
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("cordon_http_requests_total{") else {
            continue;
        };
        let (labels, count) = rest.split_once("} ").expect("a count");
        let label = |name: &str| {
            let (_, rest) = labels
                .split_once(&format!("{name}=\""))
                .expect("its labels");
            rest.split('"').next().expect("a value").to_owned()
        };
        if label("status").starts_with('2') {
            *found.entry((label("method"), label("route"))).or_default() +=
                count.trim().parse::<u64>().expect("a number");
        }
    }
    found
}

#[test]
fn the_verbs_reach_their_operations() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = metrics.local_addr().expect("an address").to_string();
    drop(metrics);
    let server = Server::start_with(&folder.path().join("server"), &["--metrics", &at]);
    let profile = server.profile();
    let _fleet = simulate(2, &server.token(&profile, 2), &[]);
    let client = client(&profile);
    let runtime = runtime();
    let get = |path: &str| -> Value { runtime.block_on(client.get(path)).expect("a reply") };
    runtime.block_on(connected(&client, 2));
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    };
    file("config.ini", "; ours\n");
    file("lab.yaml", "name: lab\nmembers: [\"1\"]\n");
    file("repository/own/files/words.sh", "echo word\n");
    file(
        "repository/own/sensors/words.yaml",
        "name: Own Words\ncontent_set: Core\ncolumns: [{name: Own Words}]\nplatforms: {linux: {interpreter: sh, file: files/words.sh, output: {delimited: \"|\"}}}\n",
    );
    let mut place = Place {
        folder: folder.path().display().to_string(),
        url: server.http.clone(),
        authority: server.data.join("authority.pem").display().to_string(),
        host: get("/endpoints")[0]["hostname"]
            .as_str()
            .expect("a name")
            .to_owned(),
        token: 0,
        enrolment: 0,
        question: 0,
        session: 0,
    };
    let documented = documented();
    for (line, operations) in VERBS {
        let before = counted(&at);
        let output = place.run(line, &profile);
        assert!(output.status.success(), "`cordon {line}`: {output:?}");
        let after = counted(&at);
        for operation in *operations {
            let key = &documented[*operation];
            assert!(
                after.get(key) > before.get(key),
                "`cordon {line}` did not reach {operation}: {output:?}"
            );
        }
        let number = |value: &Value| value.as_u64().expect("a number");
        match operations[0] {
            "create_api_token" => {
                let tokens = get("/api-tokens");
                let tokens = tokens.as_array().expect("a list");
                let made = tokens.iter().find(|t| t["name"] == "script");
                place.token = number(&made.expect("made")["id"]);
            }
            "create_enrolment_token" => {
                place.enrolment = number(&get("/enrolment-tokens")[0]["id"]);
            }
            "enable_user" => {
                // Somebody at the console.
                let authority = std::fs::read_to_string(&place.authority).expect("there");
                let mut console = Client::new(&place.url, &authority).expect("a client");
                let signed = console.sign_in("admin", NEW_PASSWORD);
                assert!(!runtime.block_on(signed).expect("signed in"));
                place.session = number(&get("/sessions")[0]["id"]);
            }
            "ask_question" => place.question = number(&get("/questions")[0]["id"]),
            _ => {}
        }
    }
}
