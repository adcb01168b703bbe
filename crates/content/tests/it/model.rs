//! Random packs, edits, upgrades and roll-backs against a plain model, which knows only numbers.

use crate::help::{manifest, tree, who};
use content::change::{Options, State, apply, edit, plan, rollback};
use content::name::{Key, Kind};
use content::objects::Object;
use content::pack::{Pack, read};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// An object: a field that may be left out, which is 0 then, and one that may not.
type Plain = [u8; 2];
type Shipped = BTreeMap<u8, Plain>;
/// Each object, and whether it is the pack's.
type Objects = BTreeMap<u8, (Plain, bool)>;

#[derive(Clone, Debug)]
enum Step {
    Upgrade(Shipped),
    Put(u8, Plain),
    Delete(u8),
    /// To one of the versions that were left.
    Back(prop::sample::Index),
}

fn object(n: u8, plain: Plain) -> Object {
    let filter = format!("Computer Name contains F{}", plain[1]);
    let mut value = serde_json::json!({ "name": format!("O{n}"), "filter": filter });
    if plain[0] > 0 {
        value["description"] = format!("D{}", plain[0]).into();
    }
    Object::from_value(Kind::ComputerGroup, &value).unwrap()
}

fn key(n: u8) -> Key {
    Key::new(Kind::ComputerGroup, &format!("O{n}"))
}

fn plain(object: &Object) -> Plain {
    let Object::ComputerGroup(group) = object else {
        panic!("no group")
    };
    let number = |text: &str, mark: char| text.rsplit(mark).next().and_then(|n| n.parse().ok());
    let filter = group.filter.as_ref().unwrap();
    [
        number(group.description.as_str(), 'D').unwrap_or(0),
        number(filter.as_str(), 'F').unwrap(),
    ]
}

fn pack(version: u64, shipped: &Shipped) -> Pack {
    let version = format!("{version}.0.0");
    let mut files = vec![
        ("pack.yaml".to_owned(), manifest("test", &version)),
        ("content-sets/set.yaml".to_owned(), "name: Set\n".to_owned()),
    ];
    for (n, plain) in shipped {
        let text = content::yaml::print(&object(*n, *plain).write(), &[]);
        files.push((format!("computer-groups/o{n}.yaml"), text));
    }
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(p, t)| (p.as_str(), t.as_str()))
        .collect();
    read(&tree(&files), &crate::help::around()).unwrap()
}

#[derive(Clone, Debug, Default)]
struct Model {
    version: u64,
    objects: Objects,
    shipped: Shipped,
    left: BTreeMap<u64, (Shipped, Objects)>,
}

impl Model {
    fn leave(&mut self, also: impl Iterator<Item = u8>) {
        let also: Vec<u8> = also.collect();
        let objects = self
            .objects
            .iter()
            .filter(|(n, (_, own))| *own || also.contains(n))
            .map(|(n, o)| (*n, *o))
            .collect();
        self.left
            .insert(self.version, (self.shipped.clone(), objects));
    }

    fn upgrade(&mut self, version: u64, now: &Shipped) {
        self.leave(now.keys().copied());
        let mut next = self.objects.clone();
        for (n, shipped) in now {
            match (self.objects.get(n), self.shipped.get(n)) {
                (None, None) => {
                    next.insert(*n, (*shipped, true));
                }
                // Deleted here: it stays so.
                (None, Some(_)) => {}
                (Some((local, _)), before) => {
                    let pick = |at: usize, same: bool| if same { shipped[at] } else { local[at] };
                    let first = local[0] == before.map_or(0, |b| b[0]);
                    let second = before.is_some_and(|b| local[1] == b[1]);
                    next.insert(*n, ([pick(0, first), pick(1, second)], true));
                }
            }
        }
        for (n, before) in self.shipped.iter().filter(|(n, _)| !now.contains_key(n)) {
            match self.objects.get(n) {
                Some((local, true)) if local == before => {
                    next.remove(n);
                }
                Some((local, true)) => {
                    next.insert(*n, (*local, false));
                }
                _ => {}
            }
        }
        self.objects = next;
        self.shipped = now.clone();
        self.version = version;
    }

    fn back(&mut self, to: u64) {
        let (shipped, objects) = self.left[&to].clone();
        self.leave(objects.keys().copied());
        self.objects.retain(|_, (_, own)| !*own);
        self.objects.extend(objects);
        self.shipped = shipped;
        self.version = to;
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let plain = || [0_u8..4, 0_u8..4];
    let shipped = proptest::collection::btree_map(0_u8..6, plain(), 0..6);
    let step = prop_oneof![
        3 => shipped.prop_map(Step::Upgrade),
        4 => (0_u8..6, plain()).prop_map(|(n, p)| Step::Put(n, p)),
        1 => (0_u8..6).prop_map(Step::Delete),
        2 => any::<prop::sample::Index>().prop_map(Step::Back),
    ];
    proptest::collection::vec(step, 1..14)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn state_and_model_agree(steps in steps()) {
        let mut state = State::default();
        let mut model = Model::default();
        let mut newest = 0;
        for step in steps {
            match step {
                Step::Upgrade(shipped) => {
                    // A version is always newer than the one in force and has content of its own.
                    newest += 1;
                    let plan = plan(&state, &pack(newest, &shipped), &Options::default()).unwrap();
                    apply(&mut state, &plan, &who("upgrade")).unwrap();
                    model.upgrade(newest, &shipped);
                }
                Step::Put(n, plain) => {
                    let there = state.objects.get(&key(n)).map(|i| i.content.digest());
                    edit(&mut state, &key(n), there, Some(&object(n, plain)), &who("edit")).unwrap();
                    let own = model.objects.get(&n).is_some_and(|(_, own)| *own);
                    model.objects.insert(n, (plain, own));
                }
                Step::Delete(n) => {
                    if let Some(item) = state.objects.get(&key(n)) {
                        let digest = item.content.digest();
                        edit(&mut state, &key(n), Some(digest), None, &who("delete")).unwrap();
                        model.objects.remove(&n);
                    }
                }
                Step::Back(index) => {
                    let versions: Vec<u64> = model.left.keys().copied().collect();
                    if versions.is_empty() {
                        continue;
                    }
                    let to = *index.get(&versions);
                    if to == model.version {
                        continue;
                    }
                    let wanted = (to > 0).then(|| format!("{to}.0.0").parse().unwrap());
                    let plan = rollback(&state, "test", wanted.as_ref()).unwrap();
                    apply(&mut state, &plan, &who("back")).unwrap();
                    model.back(to);
                }
            }
            let objects: BTreeMap<u8, (Plain, bool)> = (0..6)
                .filter_map(|n| {
                    let item = state.objects.get(&key(n))?;
                    Some((n, (plain(&state.object(&key(n))?), item.pack.is_some())))
                })
                .collect();
            prop_assert_eq!(&objects, &model.objects);
        }
        // The history tells all of it: from nothing, change by change, it gives what is there.
        let mut told = BTreeMap::new();
        for change in state.history.iter().flat_map(|deed| &deed.changes) {
            prop_assert_eq!(told.get(&change.key), change.before.as_ref());
            match &change.after {
                Some(after) => told.insert(change.key.clone(), after.clone()),
                None => told.remove(&change.key),
            };
        }
        let there: BTreeMap<_, _> = state.objects.iter().map(|(k, i)| (k.clone(), i.content.clone())).collect();
        prop_assert_eq!(told, there);
    }

    /// To a version and back to the one before: exactly what was.
    #[test]
    fn a_roll_back_gives_back_what_was(before in steps(), shipped in proptest::collection::btree_map(0_u8..6, [0_u8..4, 0_u8..4], 0..6)) {
        let mut state = State::default();
        let mut newest = 0;
        for step in before {
            match step {
                Step::Upgrade(shipped) => {
                    newest += 1;
                    let plan = plan(&state, &pack(newest, &shipped), &Options::default()).unwrap();
                    apply(&mut state, &plan, &who("upgrade")).unwrap();
                }
                Step::Put(n, plain) => {
                    let there = state.objects.get(&key(n)).map(|i| i.content.digest());
                    edit(&mut state, &key(n), there, Some(&object(n, plain)), &who("edit")).unwrap();
                }
                Step::Delete(_) | Step::Back(_) => {}
            }
        }
        let was = state.clone();
        let upgrade = plan(&state, &pack(newest + 1, &shipped), &Options::default()).unwrap();
        apply(&mut state, &upgrade, &who("upgrade")).unwrap();
        let version = (newest > 0).then(|| format!("{newest}.0.0").parse().unwrap());
        let back = rollback(&state, "test", version.as_ref()).unwrap();
        apply(&mut state, &back, &who("back")).unwrap();
        // Objects of one's own that were let go and not touched since come back into the pack; nothing else differs.
        prop_assert_eq!(&state.objects, &was.objects);
        if let Some(pack) = was.packs.get("test") {
            prop_assert_eq!(&state.packs["test"].shipped, &pack.shipped);
            prop_assert_eq!(&state.packs["test"].supplied, &pack.supplied);
        }
    }
}
