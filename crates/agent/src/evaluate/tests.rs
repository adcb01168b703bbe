use super::gathered::Gathered;
use super::*;
use question::catalogue::{Limits, Platforms};
use question::{Catalogue, Sensor, ValueType};
use sensors::framework::{LimitHit, Request, SensorError, Sink};
use std::sync::atomic::AtomicU32;
use std::sync::{Condvar, Mutex};

/// A gate that sensors wait at until a test opens it.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    changed: Condvar,
    arrived: AtomicU32,
}

impl Gate {
    fn pass(&self) {
        self.arrived.fetch_add(1, Ordering::SeqCst);
        let open = self.open.lock().unwrap();
        drop(self.changed.wait_while(open, |open| !*open).unwrap());
    }
    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.changed.notify_all();
    }
}

struct Fake {
    catalogue: Catalogue,
    gate: Gate,
    runs: AtomicU32,
}

impl Fake {
    fn new() -> Arc<Self> {
        let sensor = |name: &str| {
            Sensor::new(name, "Test", "For tests.")
                .column(name, ValueType::Text, "A word.")
                .platforms(Platforms::ALL)
        };
        let short = Limits {
            wall: Duration::from_millis(50),
            ..Limits::default()
        };
        Arc::new(Self {
            catalogue: Catalogue::new([
                sensor("Name").one_row(),
                sensor("Words"),
                sensor("Hangs").limits(short),
                sensor("Waits"),
                sensor("Panics"),
                sensor("Slow").limits(short),
                sensor("Denied").one_row(),
                sensor("Fresh").max_age(0),
                sensor("Partial"),
                sensor("Echo")
                    .parameter("first", ValueType::Text, Some("one"), &[], "A word.")
                    .parameter("second", ValueType::Text, Some("two"), &[], "A word."),
            ]),
            gate: Gate::default(),
            runs: AtomicU32::new(0),
        })
    }
}

impl Sensors for Fake {
    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn run(
        &self,
        sensor: &str,
        request: &Request,
        limits: Limits,
        cancelled: Arc<AtomicBool>,
    ) -> Gathered {
        self.runs.fetch_add(1, Ordering::SeqCst);
        let mut sink = Sink::new(limits, cancelled);
        let mut collect = || -> Result<(), SensorError> {
            match sensor {
                "Name" | "Fresh" => sink.push(["host"])?,
                "Echo" => sink.push([request.parameters.join(", ")])?,
                "Words" => {
                    for word in ["one", "two", "three", "two"] {
                        sink.push([word])?;
                    }
                }
                "Partial" => {
                    for word in ["one", "two"] {
                        sink.push([word])?;
                    }
                    let refused = std::io::ErrorKind::PermissionDenied;
                    sink.notes().missed("/closed", refused.into());
                    sink.notes()
                        .missed("/broken", std::io::Error::from_raw_os_error(5));
                }
                "Hangs" | "Waits" => {
                    self.gate.pass();
                    sink.push(["late"])?;
                }
                "Slow" => {
                    sink.push(["found until then"])?;
                    // Reacts to its limits, as a sensor should.
                    loop {
                        sink.check()?;
                        std::thread::yield_now();
                    }
                }
                "Denied" => {
                    return Err(SensorError::Denied {
                        what: "/secret".into(),
                    });
                }
                _ => panic!("this sensor breaks"),
            }
            Ok(())
        };
        let ended = collect();
        sink.finish(ended).into()
    }
}

fn evaluator(fake: &Arc<Fake>) -> Evaluator {
    Evaluator::new(
        Arc::clone(fake) as Arc<dyn Sensors>,
        Arc::new(HostFacts::default),
    )
}

use sensors::framework::HostFacts;

fn ask(evaluator: &Evaluator, text: &str) -> Outcome {
    ask_within(evaluator, text, OrderLimits::default())
}

fn ask_within(evaluator: &Evaluator, text: &str, limits: OrderLimits) -> Outcome {
    evaluator.answer(text, limits, &AtomicBool::new(false))
}

fn words(outcome: &Outcome, table: usize) -> Vec<String> {
    outcome.tables[table]
        .iter()
        .map(|row| {
            let cells: Vec<_> = row
                .iter()
                .map(|c| String::from_utf8_lossy(c).into_owned())
                .collect();
            cells.join("|")
        })
        .collect()
}

#[test]
fn joins_filters_and_leaves_out_repeated_rows() {
    let fake = Fake::new();
    let outcome = ask(
        &evaluator(&fake),
        "Get Name and Words from all machines with Name = host",
    );
    assert_eq!(outcome.state, State::Answered);
    assert_eq!(words(&outcome, 0), ["host|one", "host|two", "host|three"]);
    let outcome = ask(&evaluator(&fake), "Get number of machines");
    assert_eq!(
        (outcome.state, outcome.tables[0].len()),
        (State::Answered, 1)
    );
    let outcome = ask(&evaluator(&fake), "Get Words = nothing from all machines");
    assert_eq!(outcome.state, State::Empty);
}

#[test]
fn an_endpoint_not_concerned_runs_nothing_more() {
    let fake = Fake::new();
    let outcome = ask(
        &evaluator(&fake),
        "Get Words from all machines with Name = other",
    );
    assert_eq!(outcome.state, State::NotConcerned);
    assert_eq!(
        fake.runs.load(Ordering::SeqCst),
        1,
        "only the filter's sensor ran"
    );
}

#[test]
fn a_filter_that_cannot_be_had_is_no_answer() {
    let outcome = ask(
        &evaluator(&Fake::new()),
        "Get Words from all machines with Denied = x",
    );
    assert_eq!(outcome.state, State::Denied);
    assert_eq!(outcome.problems[0].sensor, "Denied");
    let decided = ask(
        &evaluator(&Fake::new()),
        "Get Words from all machines with Denied = x or Name = host",
    );
    assert_eq!(decided.state, State::Answered);
}

#[test]
fn what_this_agent_does_not_know_is_unsupported() {
    let outcome = ask(
        &evaluator(&Fake::new()),
        "Get Invented Tomorrow from all machines",
    );
    assert_eq!(outcome.state, State::Unsupported);
    assert_eq!(outcome.problems.len(), 1);
}

#[test]
fn a_failed_sensor_leaves_the_others_rows() {
    let outcome = ask(
        &evaluator(&Fake::new()),
        "Get Denied and Words from all machines",
    );
    assert_eq!(outcome.state, State::Denied);
    assert_eq!(words(&outcome, 0), ["|one", "|two", "|three"]);
    let outcome = ask(&evaluator(&Fake::new()), "Get Panics from all machines");
    assert_eq!(outcome.state, State::Error);
}

/// "Answered, no problems" was said of whatever could be read.
#[test]
fn what_was_not_seen_is_a_problem_beside_the_rows() {
    let fake = Fake::new();
    let evaluator = evaluator(&fake);
    for runs in 1..=2 {
        let outcome = ask(&evaluator, "Get Partial and Name from all machines");
        assert_eq!(outcome.state, State::Denied);
        assert_eq!(words(&outcome, 0), ["one|host", "two|host"]);
        let told: Vec<_> = outcome
            .problems
            .iter()
            .map(|p| (p.sensor.as_str(), p.state(), p.message.as_str()))
            .collect();
        let broken = "cannot read /broken: Input/output error (os error 5)";
        assert_eq!(
            told,
            [
                (
                    "Partial",
                    Some(State::Denied),
                    "access to /closed was denied"
                ),
                ("Partial", Some(State::Error), broken),
            ]
        );
        // What was not seen may be seen the next time: nothing of it is kept.
        assert_eq!(fake.runs.load(Ordering::SeqCst), runs + 1);
    }
}

#[test]
fn some_rows_decide_a_filter_where_the_others_cannot() {
    for (filter, state) in [
        ("Partial = one", State::Answered),
        ("Partial = nine", State::Denied),
        ("not Partial = one", State::NotConcerned),
        ("not Partial = nine", State::Denied),
        ("all Partial = one", State::NotConcerned),
        ("all Partial contains o", State::Denied),
        ("Partial = nine or Name = host", State::Answered),
    ] {
        let text = format!("Get Words from all machines with {filter}");
        let outcome = ask(&evaluator(&Fake::new()), &text);
        assert_eq!(outcome.state, state, "{filter}");
        let unknown = state == State::Denied;
        assert_eq!(
            outcome.problems.len(),
            if unknown { 2 } else { 0 },
            "{filter}"
        );
    }
}

#[test]
fn a_limit_hit_has_its_own_state_and_keeps_what_was_found() {
    let evaluator = evaluator(&Fake::new());
    let outcome = ask(&evaluator, "Get Slow from all machines");
    assert_eq!(outcome.state, State::TimedOut);
    assert_eq!(words(&outcome, 0), ["found until then"]);
    let limits = OrderLimits {
        rows: 1,
        ..OrderLimits::default()
    };
    let outcome = ask_within(&evaluator, "Get Words from all machines", limits);
    assert_eq!(outcome.state, State::RowLimit);
    assert_eq!(words(&outcome, 0), ["one"]);
}

#[test]
fn rows_from_the_cache_are_cut_to_a_later_orders_limits() {
    let fake = Fake::new();
    let evaluator = evaluator(&fake);
    assert_eq!(
        ask(&evaluator, "Get Words from all machines").state,
        State::Answered
    );
    let limits = OrderLimits {
        rows: 2,
        ..OrderLimits::default()
    };
    let outcome = ask_within(&evaluator, "Get Words from all machines", limits);
    assert_eq!(
        (outcome.state, outcome.tables[0].len()),
        (State::RowLimit, 2)
    );
    assert_eq!(fake.runs.load(Ordering::SeqCst), 1);
}

#[test]
fn age_decides_whether_a_sensor_runs_again() {
    let fake = Fake::new();
    let evaluator = evaluator(&fake);
    for _ in 0..3 {
        ask(&evaluator, "Get Words from all machines");
    }
    assert_eq!(fake.runs.load(Ordering::SeqCst), 1);
    ask(&evaluator, "Get Words?maxAge=0 from all machines");
    assert_eq!(fake.runs.load(Ordering::SeqCst), 2);
    for _ in 0..2 {
        ask(&evaluator, "Get Fresh from all machines");
    }
    assert_eq!(fake.runs.load(Ordering::SeqCst), 4);
}

#[test]
fn a_default_said_or_left_out_runs_once_and_the_sensor_gets_it() {
    let fake = Fake::new();
    let evaluator = evaluator(&fake);
    for text in [
        "Get Echo from all machines",
        "Get Echo[one] from all machines",
        "Get Echo[one, two] from all machines with Echo[second=two] contains one",
    ] {
        let outcome = ask(&evaluator, text);
        assert_eq!(words(&outcome, 0), ["one, two"], "{text}");
    }
    assert_eq!(fake.runs.load(Ordering::SeqCst), 1);
    let outcome = ask(&evaluator, "Get Echo[second=three] from all machines");
    assert_eq!(words(&outcome, 0), ["one, three"]);
}

/// From the text of an order to the rows of the answer: both in the filter and on rows, for the sensor's own option and
/// for the question's.
#[test]
fn the_option_for_case_decides_in_filters_and_on_rows() {
    let evaluator = evaluator(&Fake::new());
    for (text, state) in [
        ("Get Words from all machines with Name = HOST", "answered"),
        (
            "Get Words from all machines with Name?ignoreCase=1 = HOST",
            "answered",
        ),
        (
            "Get Words from all machines with Name?ignoreCase=0 = HOST",
            "not concerned",
        ),
        (
            "Get Words from all machines with Name?ignoreCase=0 = host",
            "answered",
        ),
        (
            "Get Words from all machines with Name?ignoreCase=0 matches HOS.",
            "not concerned",
        ),
        (
            "Get Words from all machines with Name?ignoreCase=0 in (A, B, C, D, HOST)",
            "not concerned",
        ),
        (
            "Get Words from all machines with not Name?ignoreCase=0 contains HO",
            "answered",
        ),
        (
            "Get?ignoreCase=0 Words from all machines with Name starts with HO",
            "not concerned",
        ),
        (
            "Get?ignoreCase=0 Words from all machines with Name?ignoreCase=1 starts with HO",
            "answered",
        ),
        (
            "Get Words?ignoreCase=0 from all machines with Name starts with HO",
            "answered",
        ),
    ] {
        assert_eq!(ask(&evaluator, text).state.words(), state, "{text}");
    }
    for (text, rows) in [
        ("Get Words containing TW from all machines", vec!["two"]),
        (
            "Get Words?ignoreCase=1 containing TW from all machines",
            vec!["two"],
        ),
        (
            "Get Words?ignoreCase=0 containing TW from all machines",
            vec![],
        ),
        (
            "Get Words?ignoreCase=0 having Words:Words = TWO from all machines",
            vec![],
        ),
        (
            "Get Words?ignoreCase=0 having not Words:Words = TWO from all machines",
            vec!["one", "two", "three"],
        ),
        (
            "Get?ignoreCase=0 Words having Words:Words = two from all machines",
            vec!["two"],
        ),
        (
            "Get?ignoreCase=0 Words matching T.* from all machines",
            vec![],
        ),
    ] {
        assert_eq!(words(&ask(&evaluator, text), 0), rows, "{text}");
    }
}

#[test]
fn the_option_for_case_does_not_make_a_second_run() {
    let fake = Fake::new();
    let outcome = ask(
        &evaluator(&fake),
        "Get Fresh?ignoreCase=0 from all machines with Fresh = HOST",
    );
    assert_eq!(words(&outcome, 0), ["host"]);
    assert_eq!(fake.runs.load(Ordering::SeqCst), 1);
}

#[test]
fn one_hangs_and_the_other_answers() {
    let fake = Fake::new();
    let evaluator = evaluator(&fake);
    let outcome = ask(&evaluator, "Get Name and Hangs from all machines");
    assert_eq!(outcome.state, State::TimedOut);
    assert_eq!(evaluator.runner().hanging(), 1);
    assert_eq!(
        ask(&evaluator, "Get Name from all machines").state,
        State::Answered
    );
    let arrived = fake.gate.arrived.load(Ordering::SeqCst);
    let refused = ask(&evaluator, "Get Hangs from all machines");
    assert_eq!(refused.state, State::TimedOut);
    assert!(
        refused.problems[0].message.contains("still hangs"),
        "{refused:?}"
    );
    assert_eq!(
        fake.gate.arrived.load(Ordering::SeqCst),
        arrived,
        "it was not run again"
    );

    fake.gate.open();
    // The thread that hung comes back by itself; nothing but its return is waited for.
    while evaluator.runner().hanging() > 0 {
        std::thread::yield_now();
    }
    // It reached its own wall time meanwhile, so its rows are not in the cache; run anew it answers.
    assert_eq!(
        ask(&evaluator, "Get Hangs from all machines").state,
        State::Answered
    );
}

#[test]
fn equal_runs_are_shared() {
    let fake = Fake::new();
    let evaluator = evaluator(&fake);
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..20)
            .map(|_| scope.spawn(|| ask(&evaluator, "Get Waits from all machines").state))
            .collect();
        while fake.gate.arrived.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        fake.gate.open();
        for one in asked {
            assert_eq!(one.join().unwrap(), State::Answered);
        }
    });
    assert_eq!(fake.runs.load(Ordering::SeqCst), 1);
}

#[test]
fn a_cancelled_order_stops_waiting_and_its_sensor() {
    let fake = Fake::new();
    let evaluator = evaluator(&fake);
    let cancelled = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| {
            evaluator.answer(
                "Get Waits from all machines",
                OrderLimits::default(),
                &cancelled,
            )
        });
        while fake.gate.arrived.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        cancelled.store(true, Ordering::SeqCst);
        evaluator.runner().nudge();
        assert_eq!(asked.join().unwrap().state, State::Cancelled);
    });
    fake.gate.open();
}

#[test]
fn run_times_are_kept() {
    let evaluator = evaluator(&Fake::new());
    ask(&evaluator, "Get Name and Slow from all machines");
    let times = evaluator.runner().run_times().rows();
    let states: Vec<_> = times
        .iter()
        .map(|t| (t.0.as_str(), t.1, t.4.as_str()))
        .collect();
    assert_eq!(states, [("Name", 1, "answered"), ("Slow", 1, "timed out")]);
    assert!(times[1].3 >= 50.0);
    assert!(matches!(
        state::of(&LimitHit::Wall.into()).0,
        State::TimedOut
    ));
}
