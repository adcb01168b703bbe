//! One session of the indexing process: from one configuration to the next.
//!
//! The watcher starts before the walk, so that no change falls between the two; what it reports during a walk is held
//! and examined after it. A pass over what waits goes on beside the watching; a file that changed is hashed within
//! seconds, ahead of the rest.

mod told;

use super::bell::Bell;
use super::watching::{NotWatched, no_answer, watcher};
use super::{BEAT, End, ServiceError, ended};
use crate::changes::Waker;
use crate::config::{Config, ConfigStore, Current};
use crate::engine::{Engine, EngineError, Teller};
use crate::ground::Ground;
use crate::home::Home;
use crate::lists::Which;
use crate::log::Log;
use crate::matching;
use crate::principals;
use crate::query;
use crate::round::{self, Round, RoundError};
use crate::scan::{self, ScanError};
use crate::status::{self, State, Status};
use crate::stop::Stop;
use crate::store::{self, StoreError};
use crate::stuck::Patience;
use crate::throttle::{self, Hold, Room, SpaceGuard, Throttle};
use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What the threads of a session share.
pub(super) struct Session<'a> {
    home: &'a Home,
    stop: &'a AtomicBool,
    pub(super) log: &'a Log,
    pub(super) round: Round,
    throttle: Arc<Throttle>,
    /// What is indexed.
    pub(super) ground: Mutex<Arc<Ground>>,
    /// Set when places are others than those that were walked: those that are to be walked for it.
    pub(super) to_walk: Mutex<Option<HashSet<Vec<u8>>>>,
    /// Those of them that are walked now.
    pub(super) walked_now: Mutex<HashSet<Vec<u8>>>,
    /// Whether somebody watches, who also sees to it that new places are.
    pub(super) watched: AtomicBool,
    /// Set when the watching thread is to look around.
    pub(super) around: AtomicBool,
    waker: Option<Waker>,
    doing: Mutex<Doing>,
    /// Rings when there is something to do, and when this session is to end.
    pub(super) bell: Bell,
    /// Set while a walk is under way.
    pub(super) walking: AtomicBool,
    /// Set until the first inventory is done: before, there is nothing to apply a change to.
    pub(super) first: AtomicBool,
    /// Set when notices were lost: a walk has to find what they would have told.
    pub(super) lost: AtomicBool,
    /// Files that changed and are to be hashed soon.
    pub(super) fresh: Mutex<Vec<i64>>,
    /// Files that changed and are being hashed.
    pub(super) in_hand: AtomicU64,
    /// Files that could not be read when that was tried, and are tried again.
    pub(super) again: AtomicU64,
    /// How often was looked at what is mounted.
    pub(super) looks: AtomicU64,
    /// Set when files that were not found, or were others, are to be tried again: what was mounted over them may be gone.
    pub(super) retry: AtomicBool,
}

#[derive(Clone, Debug)]
struct Doing {
    state: State,
    not_watched: NotWatched,
    /// What did not answer at the last walk.
    unanswered: Vec<String>,
    list_problems: [Option<String>; 2],
    problem: Option<String>,
}

/// The status is written again after this time though it is the same.
const SAME_STATUS: Duration = Duration::from_secs(10);
/// Every so many beats, what rarely changes is looked at, too.
const LOOK_AT_ALL: u32 = 4;
/// Between two looks whether a list is another.
const LISTS: Duration = Duration::from_millis(500);

/// What [`Session::beat`] looks at.
struct Look {
    room: SpaceGuard,
    /// The configuration file when it was read last.
    config: Option<Option<Stamp>>,
    beats: u32,
}

/// What tells one version of a file from another.
type Stamp = (std::time::SystemTime, u64);

fn stamp(path: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len()))
}

pub(super) fn run(
    home: &Home,
    stop: &Arc<AtomicBool>,
    log: &Log,
    config: Arc<Config>,
    anew: bool,
) -> Result<End, ServiceError> {
    let database = home.database();
    let connection = match store::open(&database) {
        Ok(connection) => connection,
        Err(error) => return Ok(after(home, &error)),
    };
    let first = match store::inventoried(&connection) {
        Ok(inventoried) => !inventoried,
        Err(error) => return Ok(after(home, &error)),
    };
    let engine =
        Engine::start(connection, &database).map_err(|e| RoundError::Scan(ScanError::Engine(e)))?;
    let quit = Arc::new(AtomicBool::new(false));
    let throttle = Arc::new(Throttle::from_config(&config));
    let pacer = {
        let (throttle, stop, quit) = (Arc::clone(&throttle), Arc::clone(stop), Arc::clone(&quit));
        let go_on = move || !stop.load(Ordering::Relaxed) && !quit.load(Ordering::Relaxed);
        Arc::new(move || throttle.pace_while(&go_on))
    };
    let round = Round {
        threads: if config.cpu_usage_limit.is_some() {
            1
        } else {
            round::threads()
        },
        pacer,
        database,
        home: Some(home.folder().to_owned()),
        roots: config.index_only.clone(),
        config,
        numbers: Arc::default(),
        met: Arc::default(),
        surprises: Arc::default(),
        progress: Arc::default(),
    };
    let ground = round.ground()?;
    let (answer, silent) = scan::answering(Patience::default(), ground.places.clone(), |p| &p.path);
    let (watcher, mut not_watched) = watcher(&round, &answer, home.folder().to_owned());
    not_watched.extend(silent.iter().map(no_answer));
    for place in &ground.places {
        log.information(
            "places",
            format_args!("{} ({})", crate::text::readable(&place.path), place.kind),
        );
    }
    for missing in ground.missing() {
        log.warning("places", missing);
    }
    for what in not_watched.values() {
        log.warning("changes", what);
    }
    let session = Session {
        home,
        stop,
        log,
        round,
        throttle,
        ground: Mutex::new(Arc::new(ground)),
        to_walk: Mutex::default(),
        walked_now: Mutex::default(),
        watched: AtomicBool::new(watcher.is_some()),
        // Something may have been mounted before the watcher looked at the table first.
        around: AtomicBool::new(true),
        waker: watcher.as_ref().map(crate::changes::Watcher::waker),
        doing: Mutex::new(Doing {
            state: match (first, anew) {
                (true, true) => State::Reindexing,
                (true, false) => State::Indexing,
                (false, _) => State::Checking,
            },
            not_watched,
            unanswered: Vec::new(),
            list_problems: [None, None],
            problem: None,
        }),
        bell: Bell::default(),
        walking: AtomicBool::new(true),
        first: AtomicBool::new(first),
        lost: AtomicBool::new(false),
        fresh: Mutex::default(),
        in_hand: AtomicU64::new(0),
        again: AtomicU64::new(0),
        looks: AtomicU64::new(0),
        retry: AtomicBool::new(false),
    };
    let teller = engine.teller();
    // Before the first change is applied. An engine that ended by it tells why when it is finished.
    let permissions = session.round.config.scan_file_permissions;
    teller
        .call(move |writer| writer.record_permissions(permissions))
        .ok();
    let outcome = std::thread::scope(|scope| {
        // Whatever way this is left, no thread waits for another for ever.
        let _over = Over(&session.bell);
        let beat = std::thread::Builder::new()
            .name("index-status".into())
            .spawn_scoped(scope, || session.beat(&quit))
            .map_err(ServiceError::Thread)?;
        let lists = std::thread::Builder::new()
            .name("index-lists".into())
            .spawn_scoped(scope, || session.lists(&teller))
            .map_err(ServiceError::Thread)?;
        let mut helpers = vec![lists];
        if let Some(watcher) = watcher {
            let waker = watcher.waker();
            session.bell.at_end(move || waker.wake());
            let watch = std::thread::Builder::new()
                .name("index-watch".into())
                .spawn_scoped(scope, || session.watch(watcher, &teller))
                .map_err(ServiceError::Thread)?;
            let fresh = std::thread::Builder::new()
                .name("index-fresh".into())
                .spawn_scoped(scope, || session.hash_fresh(&teller))
                .map_err(ServiceError::Thread)?;
            helpers.extend([watch, fresh]);
        }
        let outcome = session.work(&teller);
        session.bell.end();
        let end = beat.join().unwrap_or(None);
        for helper in helpers {
            // A panic there is in the dumps; the session ends either way.
            helper.join().ok();
        }
        Ok::<_, ServiceError>((outcome, end))
    });
    drop(teller);
    let failed = engine.finish().err();
    let (outcome, end) = outcome?;
    if let Some(EngineError::Store(error)) = failed {
        return Ok(after(home, &error));
    }
    match outcome {
        Err(RoundError::Store(error) | RoundError::Scan(ScanError::Store(error))) => {
            Ok(after(home, &error))
        }
        Err(error) => Err(error.into()),
        Ok(()) => Ok(end.unwrap_or(End::Stop)),
    }
}

/// Ends a session's threads when dropped.
struct Over<'a>(&'a Bell);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// What to do after the database failed.
fn after(home: &Home, error: &StoreError) -> End {
    let text = question::chain(error);
    // A full disk shows as a failure to read and write, too.
    let low = || matches!(SpaceGuard::new(home.folder()).room(), Room::Low(_));
    if error.disk_full() || low() {
        End::Limit(State::LowDiskSpace, text)
    } else if error.damaged() {
        End::Anew(text)
    } else {
        End::Limit(State::DatabaseError, text)
    }
}

impl Session<'_> {
    fn over(&self) -> bool {
        self.bell.over() || ended(self.home, self.stop)
    }

    fn set(&self, state: State) {
        self.log.set_state(state.name());
        self.doing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .state = state;
    }

    /// Inventory, hashes, and again at each rescan.
    fn work(&self, teller: &Teller) -> Result<(), RoundError> {
        let text = std::fs::read_to_string(ConfigStore::new(self.home.folder()).path())
            .unwrap_or_default();
        let home = self.home.folder().to_string_lossy().into_owned();
        let kept = teller.call(move |writer| store::set_fact(writer.connection(), "home", home));
        if kept.is_err() || self.round.keep_configuration(text, teller).is_err() {
            return Ok(());
        }
        let mut only = None;
        while !self.over() {
            self.walking.store(true, Ordering::Release);
            let began = Instant::now();
            let part = only.is_some();
            if let Some(only) = &only {
                let only = crate::text::list(only);
                self.log
                    .debug("inventory", format_args!("begins in {only}"));
            }
            let ended = self.round.inventory(&self.ground(), only, teller)?;
            if part {
                self.count(teller);
            }
            self.walked_now
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clear();
            self.first.store(false, Ordering::Release);
            self.walking.store(false, Ordering::Release);
            if self.round.surprises.any() {
                self.waker.iter().for_each(Waker::wake);
            }
            self.log.information(
                "inventory",
                format_args!(
                    "{} entries{} in {:.1} s{}",
                    self.round.entries(),
                    if part {
                        " with those of new places"
                    } else {
                        ""
                    },
                    began.elapsed().as_secs_f64(),
                    if ended { "" } else { ", not to its end" }
                ),
            );
            if !ended {
                return Ok(());
            }
            self.keep_unanswered()?;
            self.set(State::Hashing);
            let began = Instant::now();
            let looks = self.looks.load(Ordering::Acquire);
            let ended = self.round.hash(teller)?;
            self.log.information(
                "hashing",
                format_args!(
                    "{} files, {} bytes in {:.1} s{}",
                    self.round.progress.done.load(Ordering::Relaxed),
                    self.round.progress.read.load(Ordering::Relaxed),
                    began.elapsed().as_secs_f64(),
                    if ended { "" } else { ", not to its end" }
                ),
            );
            if !ended {
                return Ok(());
            }
            self.count_again()?;
            self.try_again_since(looks);
            if self.give_back(teller).is_err() {
                return Ok(());
            }
            // Or another state of rest, as long as not every place is watched.
            self.set(State::Monitoring);
            // Each rescan walks, watched or not: it costs little where nothing changed, and finds what no notice tells, such
            // as an access time that was set.
            only = self.wait();
            self.set(State::Checking);
        }
        Ok(())
    }

    /// Counts the entries anew, when other places than before are indexed.
    fn count(&self, teller: &Teller) {
        let all = teller.call(|writer| {
            let count = "SELECT count(*) FROM entry";
            let all = writer
                .connection()
                .query_row(count, [], |row| row.get::<_, i64>(0));
            all.map_err(store::doing("count its entries"))
        });
        if let Ok(all) = all {
            self.round.met.store(all.cast_unsigned(), Ordering::Relaxed);
        }
    }

    /// Keeps what did not answer, for the status.
    fn keep_unanswered(&self) -> Result<(), RoundError> {
        let connection = store::open_to_read(&self.round.database)?;
        let unanswered: Vec<String> = query::unanswered(&connection)?
            .iter()
            .map(|path| {
                format!(
                    "{} does not answer; what is known of it is as it was",
                    crate::text::readable(path)
                )
            })
            .collect();
        for problem in &unanswered {
            self.log.warning("inventory", problem);
        }
        self.doing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .unanswered = unanswered;
        Ok(())
    }

    fn has_to_walk(&self) -> bool {
        self.watched.load(Ordering::Relaxed)
            && (self.around.load(Ordering::Relaxed) || self.round.surprises.any())
            || self
                .to_walk
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .is_some()
    }

    /// What is not watched, and why.
    pub(super) fn not_watched(&self) -> NotWatched {
        let doing = self.doing.lock().unwrap_or_else(PoisonError::into_inner);
        doing.not_watched.clone()
    }

    pub(super) fn set_not_watched(&self, not_watched: NotWatched) {
        let mut doing = self.doing.lock().unwrap_or_else(PoisonError::into_inner);
        doing.not_watched = not_watched;
    }

    /// Keeps what went wrong, for the status.
    pub(super) fn problem(&self, what: &str) {
        self.log.error("service", what);
        self.doing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .problem = Some(what.to_owned());
    }

    /// Puts lists in force when they appear or change, and the names of users likewise, until the session is over.
    fn lists(&self, teller: &Teller) {
        let mut seen: [Option<Option<Stamp>>; 2] = [None, None];
        let mut accounts = None;
        loop {
            let now = principals::stamp();
            if accounts.replace(now) != Some(now) {
                // An engine that ended ends the session.
                teller
                    .call(|writer| writer.principals_of(Path::new("/")))
                    .ok();
            }
            for (which, seen) in Which::ALL.into_iter().zip(&mut seen) {
                let path = which.path(self.home);
                let now = stamp(&path);
                if *seen == Some(now) {
                    continue;
                }
                // A list that cannot be used is tried again when it changes.
                *seen = Some(now);
                let put = matching::put_in_force(&self.round.database, teller, which, &path);
                match &put {
                    Ok(Some(count)) => self.log.notice(
                        "lists",
                        format_args!("{}: {count} files match", path.display()),
                    ),
                    Ok(None) => {}
                    Err(error) => self.log.error("lists", error),
                }
                let mut doing = self.doing.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(problem) = doing.list_problems.get_mut(which as usize) {
                    *problem = put.err().map(|e| e.to_string());
                }
            }
            if !self.bell.sleep(LISTS) {
                return;
            }
        }
    }

    /// Gives back for a long rest what work took.
    pub(super) fn give_back(&self, teller: &Teller) -> Result<(), Stop> {
        teller.call(|writer| store::shrink(writer.connection()))?;
        throttle::give_back_memory();
        Ok(())
    }

    /// Waits for the next rescan, until notices were lost, or until there are other places: those are to be walked then, and
    /// else all of them.
    fn wait(&self) -> Option<HashSet<Vec<u8>>> {
        let until = Instant::now() + self.round.config.rescan_interval;
        loop {
            let mark = self.bell.mark();
            let left = until.saturating_duration_since(Instant::now());
            let all = self.lost.swap(false, Ordering::Relaxed) || left.is_zero();
            let places = {
                let mut to_walk = self.to_walk.lock().unwrap_or_else(PoisonError::into_inner);
                let places = to_walk.take();
                // Before anybody finds them in neither.
                *self
                    .walked_now
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = places.clone().unwrap_or_default();
                places
            };
            if all {
                return None;
            }
            if places.is_some() || !self.bell.wait(mark, left) {
                return places;
            }
        }
    }

    /// Writes the status and looks for reasons to end the session, until it is over.
    fn beat(&self, quit: &AtomicBool) -> Option<End> {
        let mut end = None;
        let mut look = Look {
            room: SpaceGuard::new(self.home.folder()),
            config: None,
            beats: 0,
        };
        let mut told: Option<(Status, Instant)> = None;
        loop {
            let over = self.bell.over();
            let status = self.status();
            let known = told
                .as_ref()
                .is_some_and(|(before, at)| *before == status && at.elapsed() < SAME_STATUS);
            // A status that cannot be written is no reason to stop indexing; the next beat tries again.
            if !known && status::write(self.home, &status).is_ok() {
                told = Some((status, Instant::now()));
            }
            if over {
                return end;
            }
            end = self.reason_to_end(&mut look);
            self.throttle.observe();
            for violation in self.throttle.take_violations() {
                self.log.warning("service", &violation);
                if let Some(sample) = &violation.sample {
                    self.log.warning("service", sample);
                }
            }
            if end.is_some() {
                quit.store(true, Ordering::Relaxed);
                self.bell.end();
            }
            self.bell.sleep(BEAT);
        }
    }

    fn reason_to_end(&self, look: &mut Look) -> Option<End> {
        if ended(self.home, self.stop) {
            return Some(End::Stop);
        }
        let all = look.beats.is_multiple_of(LOOK_AT_ALL);
        look.beats = look.beats.wrapping_add(1);
        let config = stamp(&ConfigStore::new(self.home.folder()).path());
        let written = look.config.replace(config) != Some(config);
        if (written || all) && self.reconfigured() {
            return Some(End::Reconfigured);
        }
        if all && self.moved() {
            match &self.waker {
                Some(waker) if self.watched.load(Ordering::Relaxed) => {
                    self.around.store(true, Ordering::Relaxed);
                    waker.wake();
                }
                _ => return Some(End::Reconfigured),
            }
        }
        if !self.home.database().exists() {
            return Some(End::Anew("it was deleted".into()));
        }
        if let Room::Low(free) = look.room.room() {
            return Some(End::Limit(
                State::LowDiskSpace,
                format!("{free} bytes free"),
            ));
        }
        (self.throttle.hold() == Some(Hold::Violations)).then(|| {
            let count = self.throttle.violations();
            End::Limit(State::CpuViolations, format!("{count} violations"))
        })
    }

    fn reconfigured(&self) -> bool {
        match ConfigStore::new(self.home.folder()).current() {
            Ok(Current::Config(config, _)) => !config.changes(&self.round.config).is_empty(),
            Ok(Current::Missing | Current::Sample) => true,
            // Half of an edit: the next look sees the whole.
            Err(_) => false,
        }
    }
}
