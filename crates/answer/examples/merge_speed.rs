//! Measures merging on this machine: `cargo run --release -p answer --example merge_speed [ENDPOINTS [ROWS]]`.

use answer::{Answer, Budget, Contribution, State};
use std::time::Instant;

#[expect(clippy::print_stdout, reason = "printing is what it is for")]
fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|a| a.parse().ok());
    let endpoints: u32 = arguments.next().unwrap_or(10_000);
    let rows: u32 = arguments.next().unwrap_or(150);
    // One row in 50 is the endpoint's own, the others are common.
    let contributions: Vec<Contribution> = (0..endpoints)
        .map(|i| Contribution {
            // Out of order, as they come from a network.
            ordinal: i.wrapping_mul(7919) % endpoints,
            state: State::Answered,
            rows: (0..rows)
                .map(|row| {
                    let own = if row % 50 == 0 { i } else { 0 };
                    let cells = [
                        format!("/usr/lib/process-{row}"),
                        format!("{:064x}", u64::from(row) << 32 | u64::from(own)),
                        format!("{own}"),
                    ];
                    (0, cells.map(|c| c.into_bytes().into()).into())
                })
                .collect(),
            problems: vec![],
            rows_cut: 0,
        })
        .collect();
    let mut answer = Answer::new(1, Budget::unlimited());
    let start = Instant::now();
    for contribution in contributions {
        if let Err(error) = answer.add(contribution) {
            println!("{error}");
        }
    }
    println!(
        "{endpoints} endpoints x {rows} rows -> {} distinct rows in {:?}",
        answer.rows(),
        start.elapsed()
    );
}
