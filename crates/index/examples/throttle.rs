//! How well the limit holds: `cargo run --release -p index --example throttle [PERCENT [SECONDS [THREADS]]]` (5, 60, 4).
//!
//! Busy threads that pace themselves, one that never does and works now and then, as a database's writer would.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use index::throttle::{Clock, SystemClock, Throttle};
use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let percent: f64 = words.next().map_or(Ok(5.0), |word| word.parse())?;
    let seconds: u64 = words.next().map_or(Ok(60), |word| word.parse())?;
    let threads: usize = words.next().map_or(Ok(4), |word| word.parse())?;

    let (clock, throttle) = (SystemClock::default(), Throttle::new(Some(percent)));
    let end = clock.wall() + Duration::from_secs(seconds);
    let going = || clock.wall() < end;
    let start = clock.cpu();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while throttle.pace_while(&going) {
                    spin(200_000);
                }
            });
        }
        scope.spawn(|| {
            while going() {
                spin(2_000_000);
                std::thread::sleep(Duration::from_millis(500));
            }
        });
    });
    let used = (clock.cpu() - start).as_secs_f64() / seconds as f64 * 100.0;
    println!(
        "{percent} % asked, {used:.2} % had over {seconds} s by {threads} busy threads and one that is not paced"
    );
    Ok(())
}

fn spin(rounds: u64) {
    let mut state = 1_u64;
    for round in 0..rounds {
        state = black_box(state.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ round);
    }
    black_box(state);
}
