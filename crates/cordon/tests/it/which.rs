//! Which machines, and how many, as a person asks it: a hash on fewer than three machines and which these are, a rare port and its
//! machine, the listeners of two groups. Over a simulated fleet, against what a simple program makes of the whole answer.

use crate::support::{Server, client, connected, json_of, runtime, simulate, with};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Output;

const HASHES: &str = "Get Running Processes with Hash from all machines";
const PORTS: &str = "Get Listen Ports from all machines";
const SIMULATED: u32 = 200;

/// What a simple program holds: which machines gave these cells.
type Model = BTreeMap<Vec<String>, BTreeSet<String>>;

/// Rows of a comparison: side, cells, how many machines left and right.
type Compared = BTreeSet<(String, Vec<String>, u64, u64)>;

struct Fleet {
    _folder: tempfile::TempDir,
    _server: Server,
    _endpoints: crate::support::Process,
    profile: PathBuf,
}

impl Fleet {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::start(&folder.path().join("server"));
        let profile = server.profile();
        let endpoints = simulate(SIMULATED, &server.token(&profile, SIMULATED), &[]);
        runtime().block_on(connected(&client(&profile), u64::from(SIMULATED)));
        Self {
            _folder: folder,
            _server: server,
            _endpoints: endpoints,
            profile,
        }
    }

    fn run(&self, args: &[&str]) -> Output {
        with(&self.profile, args)
    }

    /// As a document, with all machines of each row.
    fn asked(&self, args: &[&str]) -> Value {
        let output = self.run(&[args, &["--machines", "--output", "json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        json_of(&output)
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// The first table of a document: for each row the cells of these columns, or of all, with the identifiers of its machines.
fn model(document: &Value, columns: Option<&[&str]>) -> Model {
    let table = &document["tables"][0];
    let all = table["columns"].as_array().expect("columns").iter();
    let all: Vec<String> = all.map(text).collect();
    let columns: Vec<&str> = match columns {
        Some(columns) => columns.to_vec(),
        None => all.iter().map(String::as_str).collect(),
    };
    let mut found = Model::new();
    for (at, row) in table["rows"].as_array().expect("rows").iter().enumerate() {
        let cells = columns.iter().map(|column| text(&row[column])).collect();
        let machines = table["endpoints"][at].as_array().expect("machines").iter();
        let machines: BTreeSet<String> = machines.map(|machine| text(&machine["id"])).collect();
        assert_eq!(table["machines"][at], machines.len());
        let held: &mut BTreeSet<String> = found.entry(cells).or_default();
        held.extend(machines);
    }
    found
}

fn few(mut model: Model, most: usize) -> Model {
    model.retain(|_, machines| machines.len() <= most);
    model
}

#[test]
fn a_hash_on_fewer_than_three_machines_and_which() {
    let fleet = Fleet::start();
    let whole = fleet.asked(&["ask", HASHES]);
    let rare = few(model(&whole, None), 2);
    assert!(!rare.is_empty(), "the fleet has something rare");
    let id = text(&whole["question"]["id"]);

    // In the question, in words or in signs, beside the question, and of an answer that is there.
    let words = format!("{HASHES} on fewer than three machines");
    let asked = fleet.asked(&["ask", &words]);
    assert_eq!(
        asked["question"]["text"],
        format!("{HASHES} on fewer than 3 machines")
    );
    assert_eq!(model(&asked, None), rare);
    assert_eq!(
        model(&fleet.asked(&["ask", HASHES, "--count", "<3"]), None),
        rare
    );
    assert_eq!(
        model(
            &fleet.asked(&["questions", "show", &id, "--count", "1..2"]),
            None
        ),
        rare
    );
    // Its own tail holds when it is shown later, and what is given beside it wins.
    let again = text(&asked["question"]["id"]);
    assert_eq!(
        model(&fleet.asked(&["questions", "show", &again]), None),
        rare
    );
    let all = fleet.asked(&["questions", "show", &again, "--count", "any"]);
    assert_eq!(model(&all, None), model(&whole, None));

    // People read host names, the first few of them, and how many more there are.
    let output = fleet.run(&["questions", "show", &id, "--machines=2"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let most = model(&whole, None)
        .values()
        .map(BTreeSet::len)
        .max()
        .expect("a row");
    assert!(told.contains(&format!("… and {} more", most - 2)), "{told}");
    let document =
        json_of(&fleet.run(&["questions", "show", &id, "--machines=2", "--output", "json"]));
    let table = &document["tables"][0];
    let (count, first) = (&table["machines"][0], &table["endpoints"][0]);
    assert_eq!(
        (count, first.as_array().map(Vec::len)),
        (&json!(most), Some(2))
    );
    assert!(first[0]["hostname"].is_string() && told.contains(&text(&first[0]["hostname"])));
    // Nobody who did not ask for them is given names.
    let without = json_of(&fleet.run(&["questions", "show", &id, "--output", "json"]));
    assert!(
        without["tables"][0]["rows"][0]["machines"]
            .get("endpoints")
            .is_none()
    );
}

#[test]
fn a_rare_port_and_its_machine() {
    let fleet = Fleet::start();
    let whole = fleet.asked(&["ask", PORTS]);
    let id = text(&whole["question"]["id"]);
    let by_port = model(&whole, Some(&["Local Port"]));
    let rare = few(by_port.clone(), 2);
    assert!(!rare.is_empty(), "the fleet has a rare port");
    let asked = fleet.asked(&["ask", &format!("{PORTS} by Local Port")]);
    assert_eq!(
        model(&asked, None),
        by_port,
        "different machines, not a sum of rows"
    );
    let asked = fleet.asked(&[
        "questions",
        "show",
        &id,
        "--by",
        "local port",
        "--count",
        "<=2",
        "--rare",
    ]);
    assert_eq!(model(&asked, None), rare);
    let columns = asked["tables"][0]["columns"].as_array().map(Vec::len);
    assert_eq!(columns, Some(1));
    let two = fleet.asked(&[
        "questions",
        "show",
        &id,
        "--by",
        "Protocol",
        "--by",
        "Local Port",
    ]);
    assert_eq!(
        model(&two, None),
        model(&whole, Some(&["Protocol", "Local Port"]))
    );
    for form in ["csv", "jsonl", "table"] {
        let output = fleet.run(&[
            "questions",
            "show",
            &id,
            "--by",
            "Local Port",
            "--output",
            form,
        ]);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!told.contains("Protocol"), "{form}: {told}");
        for port in by_port.keys() {
            assert!(told.contains(&port[0]), "{form}: {told}");
        }
    }
    let wrong = fleet.run(&["questions", "show", &id, "--by", "Port"]);
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
    let told = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(
        told.contains("Local Port") && told.contains("Protocol"),
        "{told}"
    );
    let wrong = fleet.run(&["questions", "show", &id, "--count", "few"]);
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
}

#[test]
fn the_listeners_of_two_groups_are_compared() {
    let fleet = Fleet::start();
    let groups = [
        ("Penguins", "Is Linux = True"),
        ("Panes", "Is Windows = True"),
    ];
    runtime().block_on(async {
        let client = client(&fleet.profile);
        for (name, filter) in groups {
            let group = json!({"name": name, "filter": filter});
            let _made: Value = client.post("/groups", group).await.expect("a group");
        }
    });
    let of = |filter: &str, by: Option<&[&str]>| {
        model(
            &fleet.asked(&["ask", &format!("{PORTS} with {filter}")]),
            by,
        )
    };
    let expected = |by: Option<&[&str]>| -> Compared {
        let (left, right) = (of(groups[0].1, by), of(groups[1].1, by));
        let cells: BTreeSet<_> = left.keys().chain(right.keys()).cloned().collect();
        let count = |of: &Model, cells: &Vec<String>| of.get(cells).map_or(0, |m| m.len() as u64);
        let rows = cells.into_iter().map(|cells| {
            let (l, r) = (count(&left, &cells), count(&right, &cells));
            let side = match (l, r) {
                (_, 0) => "only left",
                (0, _) => "only right",
                _ => "both",
            };
            (side.to_owned(), cells, l, r)
        });
        rows.collect()
    };
    let compared = |args: &[&str]| -> (Value, Compared) {
        let output = fleet.run(&[args, &["--output", "json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let document = json_of(&output);
        let table = &document["tables"][0];
        let names: Vec<String> = table["columns"]
            .as_array()
            .expect("columns")
            .iter()
            .map(text)
            .collect();
        let cells = &names[1..names.len() - 2];
        let rows = table["rows"].as_array().expect("rows").iter().map(|row| {
            let values = row;
            let cells = cells.iter().map(|name| text(&values[name])).collect();
            let count = |name: &str| values[name].as_u64().expect("a number");
            (text(&values["Side"]), cells, count("Left"), count("Right"))
        });
        let rows = rows.collect();
        (document, rows)
    };
    let ports: &[&str] = &["Local Port"];
    let (document, rows) = compared(&[
        "compare",
        "--question",
        "Get Listen Ports",
        "penguins",
        "Panes",
        "--by",
        "Local Port",
    ]);
    assert_eq!(rows, expected(Some(ports)));
    let left = text(&document["left"]["id"]);
    let right = text(&document["right"]["id"]);
    for side in ["left", "right"] {
        assert_eq!(document[side]["endpoints"], SIMULATED);
        assert!(
            text(&document[side]["question"]).starts_with(PORTS),
            "{document}"
        );
    }
    // Both are questions like any other, and compare later too: whole rows, by what they are asked to, one part alone.
    let (_, whole) = compared(&["compare", &left, &right]);
    assert_eq!(whole, expected(None));
    let (_, only) = compared(&[
        "compare",
        &left,
        &right,
        "--only",
        "right",
        "--by",
        "Local Port",
    ]);
    let wanted: BTreeSet<_> = rows
        .iter()
        .filter(|row| row.0 == "only right")
        .cloned()
        .collect();
    assert_eq!(only, wanted);
    for form in ["csv", "jsonl", "table"] {
        let output = fleet.run(&[
            "compare",
            &left,
            &right,
            "--by",
            "Local Port",
            "--output",
            form,
        ]);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        for (side, cells, ..) in &rows {
            assert!(
                told.contains(side.as_str()) && told.contains(&cells[0]),
                "{form}: {told}"
            );
        }
    }
    // Nothing differs from itself.
    let itself = fleet.run(&[
        "compare", &left, &left, "--only", "left", "--output", "json",
    ]);
    assert_eq!(itself.status.code(), Some(1), "{itself:?}");

    for (wrong, told) in [
        (
            vec![
                "compare",
                "--question",
                "Get Listen Ports",
                "Penguins",
                "Nobody",
            ],
            "Panes",
        ),
        (
            vec![
                "compare",
                "--question",
                "Get Lissen Ports",
                "Penguins",
                "Panes",
            ],
            "Lissen",
        ),
        (vec!["compare", "Penguins", "Panes"], "--question"),
        (
            vec!["compare", left.as_str(), right.as_str(), "--by", "Port"],
            "Local Port",
        ),
    ] {
        let output = fleet.run(&wrong);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(told), "{wrong:?}: {said}");
    }
}
