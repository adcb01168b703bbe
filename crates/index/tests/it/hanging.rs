//! File systems that do not answer: the rest is indexed, what is known of them stays, and no thread more waits.

mod fuse;

use crate::support::Place;
use fuse::{Fuse, content_of};
use index::engine::Engine;
use index::hashpass::{self, Progress};
use index::query::{self, Record};
use index::round::Round;
use index::stuck::{self, Patience, TIMED_OUT};
use index::{scan, store};
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const SHORT: Patience = Patience {
    probe: Duration::from_millis(300),
    call: Duration::from_millis(300),
};
/// None of these tests may take as long as one that waits in earnest.
const FAR: Duration = Duration::from_secs(40);

/// Inventory and hashes, as a round makes them.
fn index(round: &Round, patience: Patience) {
    let began = Instant::now();
    let engine = Engine::start(store::open(&round.database).unwrap(), &round.database).unwrap();
    let teller = engine.teller();
    let mut survey = round.survey().unwrap();
    survey.patience = patience;
    assert!(scan::inventory(&survey, &teller).unwrap());
    let progress = Arc::<Progress>::default();
    let sink = hashpass::into_engine(&teller);
    let whole = round.with_plan(|plan| {
        let plan = hashpass::Plan {
            patience: patience.call,
            ..plan.clone()
        };
        hashpass::pass(&round.database, &sink, &plan, &progress).unwrap()
    });
    assert!(whole);
    // The tellers of threads that wait keep nothing from its end.
    drop(teller);
    engine.finish().unwrap();
    assert!(began.elapsed() < FAR, "{:?}", began.elapsed());
}

/// Every name below a root, with the state of its content.
fn states(place: &Place, root: &Path) -> BTreeMap<String, &'static str> {
    place
        .records()
        .into_iter()
        .filter_map(|(path, record)| {
            let name = path.strip_prefix(root.as_os_str().as_bytes())?;
            let name = String::from_utf8(name.get(1..)?.to_vec()).unwrap();
            Some((name, record.state.name()))
        })
        .collect()
}

/// What a healthy round finds.
fn healthy() -> BTreeMap<String, &'static str> {
    [
        ("bad", "hashed"),
        ("fine", "no content"),
        ("fine/inside", "hashed"),
        ("fine/last", "hashed"),
        ("good", "hashed"),
        ("hangs", "no content"),
        ("hangs/never seen", "hashed"),
    ]
    .map(|(name, state)| (name.to_owned(), state))
    .into()
}

fn problems(place: &Place) -> BTreeMap<String, i32> {
    let connection = store::open_to_read(&place.database()).unwrap();
    let mut statement = connection
        .prepare("SELECT path, problem FROM directory WHERE problem IS NOT NULL")
        .unwrap();
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    rows.map(Result::unwrap).collect()
}

fn walked(place: &Place, root: &Path) -> bool {
    let connection = store::open_to_read(&place.database()).unwrap();
    connection
        .query_row(
            "SELECT walked IS NOT NULL FROM volume WHERE point = ?1",
            [root.to_str().unwrap()],
            |row| row.get(0),
        )
        .unwrap()
}

/// Both the tree of the test and the file system that hangs.
fn both(place: &Place, fuse: &Fuse, threads: usize) -> Round {
    Round {
        roots: vec![place.tree(), fuse.root.clone()],
        threads,
        ..place.round()
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn until(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < FAR, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_healthy_one_is_indexed_whole() {
    let Some(fuse) = Fuse::new() else { return };
    let place = Place::new();
    index(&both(&place, &fuse, 2), Patience::default());
    assert_eq!(states(&place, &fuse.root), healthy());
    for (path, record) in place.records() {
        let path = index::text::native(&path);
        if let Some(content) = content_of(Path::new(&path)) {
            use sha2::Digest;
            let sum = sha2::Sha256::digest(content.as_bytes());
            assert_eq!(record.sha256.as_deref(), Some(sum.as_slice()));
        }
    }
}

#[test]
fn a_dead_one_keeps_its_rows_and_one_thread() {
    let Some(fuse) = Fuse::new() else { return };
    let place = Place::new();
    place.write("here", b"1");
    let round = both(&place, &fuse, 1);
    index(&round, SHORT);
    assert!(walked(&place, &fuse.root));
    // Found while it still answers: a path is as it was when nothing can be asked any more.
    let survey = round.survey().unwrap();
    fuse.dead.store(true, Ordering::SeqCst);
    place.write("later", b"2");
    let again = |patience| {
        inventory(&scan::Survey {
            patience,
            ..copy(&survey)
        });
    };
    again(SHORT);
    assert_eq!(states(&place, &fuse.root), healthy(), "what is known stays");
    assert_eq!(problems(&place), [(text(&fuse.root), TIMED_OUT)].into());
    assert!(
        place
            .records()
            .contains_key(place.tree().join("later").as_os_str().as_bytes())
    );
    // Nobody else waits for it, however patient.
    assert!(stuck::silent(fuse.root.as_os_str().as_bytes()));
    let began = Instant::now();
    for _ in 0..3 {
        again(Patience::default());
    }
    assert!(began.elapsed() < FAR / 2, "{:?}", began.elapsed());
    // Back again: the thread ends, and the place is walked.
    fuse.abort();
    until("the thread that waited is free", || {
        !stuck::silent(fuse.root.as_os_str().as_bytes())
    });
}

/// Walks once, to the end.
fn inventory(survey: &scan::Survey) {
    let engine = Engine::start(store::open(&survey.database).unwrap(), &survey.database).unwrap();
    let teller = engine.teller();
    assert!(scan::inventory(survey, &teller).unwrap());
    drop(teller);
    engine.finish().unwrap();
}

/// The same survey for another walk.
fn copy(survey: &scan::Survey) -> scan::Survey {
    scan::Survey {
        places: survey.places.clone(),
        only: None,
        mount_points: survey.mount_points.clone(),
        threads: survey.threads,
        excluded: Arc::clone(&survey.excluded),
        pacer: Arc::new(|| true),
        pace: Arc::clone(&survey.pace),
        database: survey.database.clone(),
        home: survey.home.clone(),
        numbers: Arc::clone(&survey.numbers),
        met: Arc::clone(&survey.met),
        surprises: Arc::default(),
        permissions: survey.permissions,
        patience: survey.patience,
    }
}

#[test]
fn one_that_is_dead_from_the_beginning_does_not_stop_the_first_inventory() {
    let Some(fuse) = Fuse::new() else { return };
    let place = Place::new();
    place.write("here", b"1");
    let round = both(&place, &fuse, 2);
    let mut survey = round.survey().unwrap();
    survey.patience = SHORT;
    fuse.dead.store(true, Ordering::SeqCst);
    inventory(&survey);
    assert_eq!(place.records().len(), 1);
    assert_eq!(problems(&place), [(text(&fuse.root), TIMED_OUT)].into());
    assert!(!walked(&place, &fuse.root) && walked(&place, &place.tree()));
}

#[test]
fn a_directory_and_a_file_that_hang_hold_nothing_else_up() {
    for threads in [1, 3] {
        let Some(fuse) = Fuse::new() else { return };
        let place = Place::new();
        place.write("here", b"1");
        let round = both(&place, &fuse, threads);
        fuse.hanging.store(true, Ordering::SeqCst);
        index(&round, SHORT);
        let mut wanted = healthy();
        wanted.remove("hangs/never seen");
        wanted.insert("bad".into(), "no answer");
        assert_eq!(states(&place, &fuse.root), wanted, "{threads} threads");
        let hangs = fuse.root.join("hangs");
        assert_eq!(problems(&place), [(text(&hangs), TIMED_OUT)].into());
        assert!(!walked(&place, &fuse.root) && walked(&place, &place.tree()));
        // Both are known: nobody else is sent there.
        let began = Instant::now();
        index(&round, Patience::default());
        assert!(began.elapsed() < FAR);
        assert_eq!(states(&place, &fuse.root), wanted);
        // It answers again, but those who asked before are still waiting for their answers.
        fuse.hanging.store(false, Ordering::SeqCst);
        index(&round, SHORT);
        assert_eq!(states(&place, &fuse.root), wanted);
        fuse.abort();
        let free = || !stuck::waits_for(hangs.as_os_str().as_bytes());
        until("the thread that waited is free", free);
    }
}

#[test]
fn what_was_found_before_a_hang_is_kept_and_told_once() {
    let Some(fuse) = Fuse::new() else { return };
    let place = Place::new();
    for number in 0..50 {
        place.write(&format!("folder {number}/file"), b"1");
    }
    let round = both(&place, &fuse, 1);
    fuse.hanging.store(true, Ordering::SeqCst);
    index(&round, SHORT);
    let before: Vec<Record> = place.records().into_values().collect();
    fuse.abort();
    let hangs = fuse.root.join("hangs");
    until("the thread that waited is free", || {
        !stuck::waits_for(hangs.as_os_str().as_bytes())
    });
    let after: Vec<Record> = place.records().into_values().collect();
    assert_eq!(before.len(), after.len());
    let connection = store::open_to_read(&place.database()).unwrap();
    let twice: i64 = connection
        .query_row(
            "SELECT count(*) FROM (SELECT 1 FROM entry GROUP BY dir, name HAVING count(*) > 1)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(twice, 0);
}

#[test]
fn a_search_and_a_check_say_what_they_do_not_know() {
    let Some(fuse) = Fuse::new() else { return };
    let place = Place::new();
    place.write("here", b"1");
    let round = both(&place, &fuse, 1);
    index(&round, SHORT);
    let connection = || store::open_to_read(&place.database()).unwrap();
    let unanswered = || query::unanswered(&connection()).unwrap();
    assert_eq!(unanswered(), Vec::<Vec<u8>>::new());
    let mut survey = round.survey().unwrap();
    survey.patience = SHORT;
    fuse.dead.store(true, Ordering::SeqCst);
    inventory(&survey);
    assert_eq!(unanswered(), [fuse.root.as_os_str().as_bytes()]);
    let told = std::sync::Mutex::new(Vec::new());
    let report = index::verify::verify(&survey, None, &Arc::default(), &|difference| {
        told.lock().unwrap().push(difference);
    });
    assert_eq!(report.unwrap().differences, 0, "{told:?}");
}

#[test]
fn a_folder_to_index_that_is_dead_is_still_that_folder() {
    let Some(fuse) = Fuse::new() else { return };
    let place = Place::new();
    let link = place.tree().join("link");
    std::os::unix::fs::symlink(fuse.root.join("fine"), &link).unwrap();
    let round = Round {
        roots: vec![link],
        ..place.round()
    };
    let before = round.ground().unwrap().places;
    assert!(before[0].path.ends_with(b"/mnt/fine"));
    fuse.dead.store(true, Ordering::SeqCst);
    assert_eq!(round.ground().unwrap().places, before);
    let began = Instant::now();
    assert_eq!(round.ground().unwrap().places, before);
    assert!(began.elapsed() < FAR / 4);
}

#[test]
fn the_service_goes_on_says_so_and_ends() {
    let Some(fuse) = Fuse::new() else { return };
    let place = Place::new();
    place.write("here", b"1");
    let home = index::home::Home::new(place.tree().parent().unwrap().join("home"));
    home.make().unwrap();
    let config = format!(
        "CPUUsageLimit=100\nIndexOnly={},{}\n",
        place.tree().display(),
        fuse.root.display()
    );
    std::fs::write(home.folder().join("config.ini"), config).unwrap();
    fuse.dead.store(true, Ordering::SeqCst);
    let stop = Arc::<std::sync::atomic::AtomicBool>::default();
    let (ended, end) = std::sync::mpsc::channel();
    let service = {
        let (home, stop) = (home.clone(), Arc::clone(&stop));
        std::thread::spawn(move || ended.send(index::service::run(&home, &stop)).unwrap())
    };
    let files = |name: &str| {
        let of = index::query::Filter {
            name: index::glob::Glob::read(name),
            ..index::query::Filter::default()
        };
        store::open_to_read(&home.database())
            .and_then(|connection| query::count(&connection, &of))
            .unwrap_or(0)
    };
    let status = || index::status::current(&home).unwrap();
    until("the inventory", || {
        files("here") == 1 && !status().detail.is_empty()
    });
    let said = status();
    let problem = format!("{} does not answer", fuse.root.display());
    assert!(said.detail.contains(&problem), "{said:?}");
    place.write("later", b"2");
    if said.not_watched.len() == 1 {
        until("a change elsewhere", || files("later") == 1);
    }
    stop.store(true, Ordering::SeqCst);
    let outcome = end.recv_timeout(FAR).expect("it ends");
    outcome.unwrap();
    service.join().unwrap();
}
