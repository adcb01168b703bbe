//! What the documentation promises is there, and what is there is documented.

use crate::support::{run, text};
use ::api::EndpointState;

/// A page of `docs/`.
fn page(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    std::fs::read_to_string(path.join(name)).expect("a page")
}

#[test]
fn every_state_has_its_row_and_every_row_its_state() {
    let page = page("states.md");
    let rows: Vec<&str> = page
        .lines()
        .filter(|line| line.matches('|').count() == 5 && line.contains('`'))
        .collect();
    let wanted: Vec<String> = EndpointState::ALL
        .iter()
        .map(|state| format!("| {} | `{}` |", state.words(), state.name()))
        .collect();
    assert_eq!(rows.len(), wanted.len(), "{rows:?}");
    for (row, wanted) in rows.iter().zip(&wanted) {
        assert!(row.starts_with(wanted), "{row} instead of {wanted}");
    }
}

#[test]
fn help_tells_the_exit_status_of_an_answer() {
    for command in [&["ask", "--help"][..], &["questions", "show", "--help"]] {
        let help = text(&run(command));
        assert!(help.contains("Exit status: 0 there are rows"), "{help}");
    }
}
