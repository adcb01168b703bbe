//! What the Index says of itself.

use super::{CONFIG, Machine, usual};
use index::status::State;
use index::store;

#[test]
fn no_index_is_never_an_empty_answer() {
    let machine = Machine::new();
    let queries: Vec<String> = sensors::catalogue()
        .sensors()
        .iter()
        .filter(|s| s.name.starts_with("Index Query"))
        .map(|s| {
            let needed = s.parameters.iter().any(|p| p.default.is_none());
            let parameters = if needed { r#"["2026-01-01"]"# } else { "" };
            format!("{}{parameters}", s.name)
        })
        .collect();
    assert_eq!(queries.len(), 15);
    let all = |word: &str, advice: &str| {
        for query in &queries {
            let error = machine.error(query);
            assert!(
                error.starts_with(word) && error.contains(advice),
                "{query}: {error}"
            );
        }
    };
    assert_eq!(machine.row("Index Status"), ["Missing Config File"]);
    all("Missing Config File: ", "cordon index config FILE");
    machine.home().make().unwrap();
    assert_eq!(machine.row("Index Status"), ["Missing Config File"]);
    all("Missing Config File: ", "cordon index config FILE");
    machine.configure(CONFIG);
    assert_eq!(machine.row("Index Status"), ["Not Running"]);
    all("Not Running: ", "cordon index start");
    // A database that was begun.
    drop(store::open(&machine.home().database()).unwrap());
    all("Not Running: ", "no inventory");
    let lock = machine.home().lock().unwrap();
    all("Starting: ", "not finished");
    drop(lock);
    std::fs::write(
        machine.home().database(),
        b"no database at all, but long enough for a header",
    )
    .unwrap();
    all("Database Error: ", "cannot be asked");
}

#[test]
fn status_words_are_a_closed_list() {
    let catalogue = sensors::catalogue();
    let declared = catalogue.sensor("Index Status").unwrap();
    assert_eq!(declared.columns.len(), 1);
    let words = &declared.columns[0].description;
    for state in State::ALL {
        // An agent that answers has the Index in it.
        let possible = state != State::NotInstalled;
        assert_eq!(words.contains(state.name()), possible, "{state:?}");
    }
}

#[test]
fn details_of_the_status() {
    let machine = usual();
    machine.configure(CONFIG);
    let row = machine.row("Index Status Details");
    assert_eq!((row[0].as_str(), row[7].as_str()), ("Not Running", ""));
    let mut status = index::status::Status::of(State::Hashing, "on it");
    status.percent = Some(41.6);
    status.entries = 12;
    status.not_watched = vec!["/a: why".into(), "/b: why".into()];
    let _lock = machine.home().lock().unwrap();
    index::status::write(&machine.home(), &status).unwrap();
    let row = machine.row("Index Status Details");
    assert_eq!(row[..4], ["Hashing", "on it", "42", "12"]);
    assert_eq!(row[6], env!("CARGO_PKG_VERSION"));
    assert_eq!(row[7], std::process::id().to_string());
    assert_eq!(row[9], "/a: why; /b: why");
    assert_eq!(machine.row("Index Status"), ["Hashing"]);
}

#[test]
fn latest_tools() {
    let machine = usual();
    let own = env!("CARGO_PKG_VERSION");
    assert_eq!(machine.row("Index Has Latest Tools"), [own, "No"]);
    machine.index();
    assert_eq!(machine.row("Index Has Latest Tools"), [own, "No"]);
    let connection = store::open(&machine.home().database()).unwrap();
    store::set_fact(&connection, "tool", "0.0.1").unwrap();
    let row = machine.row("Index Has Latest Tools");
    assert_eq!(row, ["0.0.1", "Distribute Endpoint Index Tools For Linux"]);
    // What a process says counts before what the database says.
    index::status::write(
        &machine.home(),
        &index::status::Status::of(State::Hashing, ""),
    )
    .unwrap();
    assert_eq!(machine.row("Index Has Latest Tools"), [own, "No"]);
}
