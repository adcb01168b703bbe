//! What waits is what was asked for, and looking at it in order ends with the truth.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};

/// A handle of a file system and a directory in it.
fn handle(file_system: u8, directory: u8) -> Vec<u8> {
    let mut bytes = vec![file_system; 8];
    bytes.extend(1_u32.to_ne_bytes());
    bytes.extend(1_i32.to_ne_bytes());
    bytes.push(directory);
    bytes
}

fn place<'a>(directory: &'a [u8], name: &'a [u8]) -> Option<Place<'a>> {
    Some(Place {
        directory: Handle::new(directory).unwrap(),
        name,
    })
}

fn event<'a>(mask: u64, at: Option<Place<'a>>, to: Option<Place<'a>>) -> Event<'a> {
    Event {
        mask,
        pid: 1,
        at,
        to,
        file: None,
    }
}

/// Everything that waits, as lines: directory and name; `*` for written, `own` at the end.
fn lines(pending: &Pending) -> Vec<String> {
    let spot = |spot: Spot<'_>| {
        let directory = pending.handle(spot.directory).unwrap().last().unwrap();
        let written = if spot.written { "*" } else { "" };
        format!("{directory}/{}{written}", spot.name.escape_ascii())
    };
    (0..pending.len())
        .map(|at| {
            let waiting = pending.get(at).unwrap();
            let own = if waiting.own { " own" } else { "" };
            match waiting.to {
                Some(to) => format!("{} > {}{own}", spot(waiting.at), spot(to)),
                None => format!("{}{own}", spot(waiting.at)),
            }
        })
        .collect()
}

#[test]
fn one_name_waits_once() {
    let (a, b) = (handle(1, 1), handle(1, 2));
    let mut pending = Pending::new(1 << 20);
    assert!(pending.is_empty());
    pending.record(&event(mask::ATTRIB, place(&a, b"x"), None), true);
    pending.record(&event(mask::CREATE, place(&b, b"x"), None), true);
    pending.record(&event(mask::MODIFY, place(&a, b"x"), None), true);
    pending.record(&event(mask::DELETE, place(&a, b"y"), None), false);
    pending.record(&event(mask::DELETE, place(&b, b"x"), None), false);
    assert_eq!(lines(&pending), ["1/x* own", "2/x*", "1/y"]);
    assert!(pending.get(3).is_none());
}

#[test]
fn a_rename_takes_along_what_waits_for_its_names() {
    let a = handle(1, 1);
    let mut pending = Pending::new(1 << 20);
    let rename = |pending: &mut Pending, from: &[u8], to: &[u8]| {
        pending.record(&event(mask::RENAME, place(&a, from), place(&a, to)), false);
    };
    rename(&mut pending, b"p", b"q");
    pending.record(&event(mask::CLOSE_WRITE, place(&a, b"x"), None), false);
    rename(&mut pending, b"x", b"y");
    rename(&mut pending, b"y", b"z");
    pending.record(&event(mask::ATTRIB, place(&a, b"z"), None), false);
    pending.record(&event(mask::MODIFY, place(&a, b"q"), None), false);
    let expected = ["1/p > 1/q*", "1/x*", "1/x* > 1/y*", "1/y* > 1/z*"];
    assert_eq!(lines(&pending), expected);
}

#[test]
fn a_rename_of_one_known_side_asks_for_that() {
    let a = handle(1, 1);
    let mut pending = Pending::new(1 << 20);
    pending.record(&event(mask::MOVED_FROM, place(&a, b"x"), None), false);
    pending.record(&event(mask::MOVED_TO, place(&a, b"y"), None), false);
    pending.record(&event(mask::RENAME, None, place(&a, b"z")), false);
    pending.record(&event(mask::ATTRIB, None, None), false);
    assert_eq!(lines(&pending), ["1/x", "1/y*", "1/z*"]);
}

#[test]
fn attributes_are_those_of_every_name_of_a_file() {
    let (a, file) = (handle(1, 1), handle(1, 9));
    let mut pending = Pending::new(1 << 20);
    for mask in [mask::ATTRIB, mask::DELETE] {
        let mut event = event(mask, place(&a, b"x"), None);
        event.file = Some(Handle::new(&file).unwrap());
        pending.record(&event, false);
        assert_eq!(pending.files(), 1);
    }
    let waiting = pending.file(0).unwrap();
    assert!(waiting.handle.bytes() == file && !waiting.written);
}

#[test]
fn what_does_not_fit_is_lost_and_said_so() {
    let (a, b) = (handle(1, 1), handle(2, 1));
    let mut pending = Pending::new(4_000);
    pending.record(&event(mask::CREATE, place(&b, b"x"), None), false);
    for number in 0..1000_u32 {
        let name = number.to_string();
        pending.record(
            &event(mask::CREATE, place(&a, name.as_bytes()), None),
            false,
        );
        assert!(pending.weight() <= 4_000);
    }
    assert!(!pending.is_empty());
    let (all, some) = pending.take_lost();
    assert!(!all);
    assert_eq!(some, BTreeSet::from([[1; 8], [2; 8]]));
    assert_eq!(pending.take_lost(), (false, BTreeSet::new()));
    pending.record(&event(mask::OVERFLOW, None, None), false);
    assert!(pending.take_lost().0);
}

/// A file system of few names, the kernel's queue, and somebody who keeps a table of files with the version whose
/// content was hashed: never to look but where told.
#[derive(Default)]
struct World {
    clock: u32,
    names: BTreeMap<u8, u32>,
    versions: BTreeMap<u32, u32>,
    queue: VecDeque<Queued>,
    rows: BTreeMap<u8, (u32, Option<u32>)>,
    asked: VecDeque<Ask>,
}

/// An event: mask, name, new name, file.
type Queued = (u64, u8, Option<u8>, u32);

enum Ask {
    Look(u8, bool),
    Move(u8, u8),
    File(u32, bool),
}

#[derive(Clone, Debug)]
enum Step {
    Create(u8),
    Write(u8),
    Change(u8),
    Rename(u8, u8),
    Remove(u8),
    /// The thread reads all events.
    Read,
    /// The other takes all that waits.
    Take,
    /// And looks at some of it.
    Look(usize),
    /// And hashes what waits for it.
    Hash,
}

impl World {
    fn tick(&mut self) -> u32 {
        self.clock += 1;
        self.clock
    }

    /// The kernel joins an event with any of the same names and the same file that still waits.
    fn queue(&mut self, mask: u64, name: u8, to: Option<u8>, inode: u32) {
        let same = |e: &&mut Queued| (e.1, e.2, e.3) == (name, to, inode);
        let waiting = self.queue.iter_mut().find(same);
        match waiting {
            Some(waiting) => waiting.0 |= mask,
            None => self.queue.push_back((mask, name, to, inode)),
        }
    }

    fn step(&mut self, step: &Step, pending: &mut Pending) {
        match *step {
            Step::Create(name) => {
                if !self.names.contains_key(&name) {
                    // Told from an earlier one of the same number by its birth.
                    let inode = self.tick();
                    self.names.insert(name, inode);
                    self.versions.insert(inode, inode);
                    self.queue(mask::CREATE, name, None, inode);
                }
            }
            Step::Write(name) => {
                if let Some(inode) = self.names.get(&name).copied() {
                    let version = self.tick();
                    self.versions.insert(inode, version);
                    self.queue(mask::MODIFY, name, None, inode);
                }
            }
            Step::Change(name) => {
                if let Some(inode) = self.names.get(&name).copied() {
                    self.queue(mask::ATTRIB, name, None, inode);
                }
            }
            Step::Rename(from, to) => {
                if from != to
                    && let Some(inode) = self.names.remove(&from)
                {
                    self.names.insert(to, inode);
                    self.queue(mask::RENAME, from, Some(to), inode);
                }
            }
            Step::Remove(name) => {
                if let Some(inode) = self.names.remove(&name) {
                    self.queue(mask::DELETE, name, None, inode);
                }
            }
            Step::Read => {
                let directory = handle(1, 1);
                while let Some((mask, name, to, inode)) = self.queue.pop_front() {
                    let (name, to) = ([name], to.map(|to| [to]));
                    let to = to.as_ref().and_then(|to| place(&directory, to));
                    let file = handle(1, u8::try_from(inode).unwrap());
                    let mut event = event(mask, place(&directory, &name), to);
                    event.file = Some(Handle::new(&file).unwrap());
                    pending.record(&event, false);
                }
            }
            Step::Take => {
                let taken = std::mem::replace(pending, Pending::new(1 << 20));
                for at in 0..taken.len() {
                    let waiting = taken.get(at).unwrap();
                    let (from, to) = (waiting.at, waiting.to);
                    if let Some(to) = to {
                        self.asked.push_back(Ask::Move(from.name[0], to.name[0]));
                    }
                    for spot in std::iter::once(from).chain(to) {
                        if to.is_none() || spot.written {
                            self.asked.push_back(Ask::Look(spot.name[0], spot.written));
                        }
                    }
                }
                for at in 0..taken.files() {
                    let file = taken.file(at).unwrap();
                    let inode = *file.handle.bytes().last().unwrap();
                    self.asked.push_back(Ask::File(inode.into(), file.written));
                }
            }
            Step::Look(count) => {
                for _ in 0..count {
                    match self.asked.pop_front() {
                        Some(Ask::Look(name, written)) => self.look(name, written),
                        Some(Ask::Move(from, to)) => {
                            self.move_row(from, to);
                            self.look(to, false);
                            self.look(from, false);
                        }
                        Some(Ask::File(inode, written)) => {
                            for row in self.rows.values_mut() {
                                if row.0 == inode && written {
                                    row.1 = None;
                                }
                            }
                        }
                        None => break,
                    }
                }
            }
            Step::Hash => {
                for (name, (inode, hashed)) in &mut self.rows {
                    if hashed.is_none() && self.names.get(name) == Some(inode) {
                        *hashed = self.versions.get(inode).copied();
                    }
                }
            }
        }
    }

    /// What is known goes along if it is there, and if it was not taken in there already: what is known then is newer.
    fn move_row(&mut self, from: u8, to: u8) {
        if let Some(row) = self.rows.get(&from).copied()
            && self.names.get(&to) == Some(&row.0)
            && self.rows.get(&to).is_none_or(|there| there.0 != row.0)
        {
            self.rows.remove(&from);
            self.rows.insert(to, row);
        }
    }

    fn look(&mut self, name: u8, written: bool) {
        match (self.names.get(&name), self.rows.get_mut(&name)) {
            (None, _) => {
                self.rows.remove(&name);
            }
            (Some(inode), Some(row)) if *inode == row.0 => {
                if written {
                    row.1 = None;
                }
            }
            (Some(inode), _) => {
                self.rows.insert(name, (*inode, None));
            }
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let name = || 0_u8..4;
    prop_oneof![
        3 => name().prop_map(Step::Create),
        4 => name().prop_map(Step::Write),
        1 => name().prop_map(Step::Change),
        5 => (name(), name()).prop_map(|(from, to)| Step::Rename(from, to)),
        2 => name().prop_map(Step::Remove),
        2 => Just(Step::Read),
        1 => Just(Step::Take),
        1 => (1_usize..6).prop_map(Step::Look),
        1 => Just(Step::Hash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn looking_where_asked_leaves_no_wrong_file_and_no_stale_hash(
        steps in proptest::collection::vec(step(), 0..60),
    ) {
        ends_with_the_truth(&steps);
    }
}

#[test]
fn what_was_looked_at_early_is_not_forgotten_for_what_moves_there() {
    use Step::{Read, Rename, Take, Write};
    let renames = [Rename(1, 2), Rename(0, 1), Rename(1, 2)];
    let rest = [Write(2), Read, Take, Rename(2, 1)];
    ends_with_the_truth(&[&renames[..], &rest].concat());
}

fn ends_with_the_truth(steps: &[Step]) {
    let mut world = World::default();
    for name in 0..3 {
        let inode = world.tick();
        world.names.insert(name, inode);
        world.versions.insert(inode, inode);
        world.rows.insert(name, (inode, Some(inode)));
    }
    let mut pending = Pending::new(1 << 20);
    for step in steps {
        world.step(step, &mut pending);
    }
    let all = usize::MAX;
    for step in [Step::Look(all), Step::Read, Step::Take, Step::Look(all)] {
        world.step(&step, &mut pending);
    }
    let known: Vec<_> = world
        .rows
        .iter()
        .map(|(name, row)| (*name, row.0))
        .collect();
    let there = world.names.iter().map(|(name, inode)| (*name, *inode));
    assert_eq!(known, there.collect::<Vec<_>>());
    for (name, (inode, hashed)) in &world.rows {
        if let Some(hashed) = hashed {
            assert_eq!(*hashed, world.versions[inode], "a stale hash at {name}");
        }
    }
}
