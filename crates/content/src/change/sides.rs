//! What becomes of each object, by what was shipped before, what is here, and what is shipped now.

use super::content::Content;
use super::merge::{FieldStep, Outcome, Side, Sides, merge};
use super::preview::{ContentSets, Options, Refusal, Step, StepKind};
use super::refers::Names;
use super::state::{Installed, Item, State};
use crate::name::Key;
use crate::objects::Object;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Holds the sides of each object against each other.
pub(super) struct Maker<'s> {
    pub(super) state: &'s State,
    pub(super) name: &'s str,
    pub(super) held: &'s Installed,
    pub(super) options: &'s Options,
    pub(super) steps: Vec<Step>,
    pub(super) objects: BTreeMap<Key, Option<Item>>,
    /// Objects of one's own that become the pack's, as they were.
    pub(super) adopted: BTreeMap<Key, Item>,
}

impl Maker<'_> {
    fn step(&mut self, key: &Key, step: StepKind, reason: Option<&str>, fields: Vec<FieldStep>) {
        let conflict = fields.iter().any(|f| f.outcome.is_conflict());
        self.steps.push(Step {
            key: key.clone(),
            step,
            conflict,
            reason: reason.map(str::to_owned),
            fields,
        });
    }

    fn put(&mut self, key: &Key, content: Content) {
        let item = Item {
            content,
            pack: Some(self.name.to_owned()),
        };
        self.objects.insert(key.clone(), Some(item));
    }

    fn winner(&self, key: &Key) -> Side {
        self.options
            .decided
            .get(key)
            .copied()
            .unwrap_or(self.options.winner)
    }

    /// An object that the pack brings.
    pub(super) fn shipped(&mut self, key: &Key, now: &Content) -> Result<(), Refusal> {
        let before = self.held.shipped.get(key);
        let Some(local) = self.state.objects.get(key) else {
            match before {
                None => {
                    self.step(key, StepKind::Added, None, Vec::new());
                    self.put(key, now.clone());
                }
                Some(before) => {
                    let same = before == now;
                    if !same && self.winner(key) == Side::Shipped {
                        self.step(
                            key,
                            StepKind::Added,
                            Some("it was deleted here"),
                            Vec::new(),
                        );
                        self.put(key, now.clone());
                    } else {
                        self.step(
                            key,
                            StepKind::StaysDeleted,
                            Some("it was deleted here"),
                            Vec::new(),
                        );
                        if let (false, Some(step)) = (same, self.steps.last_mut()) {
                            step.conflict = true;
                        }
                    }
                }
            }
            return Ok(());
        };
        if let Some(owner) = local.pack.as_deref().filter(|owner| *owner != self.name) {
            return Err(Refusal::Taken {
                key: key.clone(),
                owner: owner.into(),
            });
        }
        let adopted = local.pack.is_none();
        let (content, fields) = self.merged(key, before, &local.content, now);
        let changed = content != local.content;
        let kept = fields
            .iter()
            .any(|f| matches!(f.outcome, Outcome::Kept | Outcome::ConflictKept));
        if adopted {
            self.adopted.insert(key.clone(), local.clone());
            self.step(
                key,
                StepKind::Adopted,
                Some("an object of this name was made here"),
                fields,
            );
        } else if changed {
            self.step(key, StepKind::Changed, None, fields);
        } else if kept {
            self.step(key, StepKind::Kept, None, fields);
        }
        if changed || adopted {
            self.put(key, content);
        }
        Ok(())
    }

    fn merged(
        &self,
        key: &Key,
        before: Option<&Content>,
        local: &Content,
        now: &Content,
    ) -> (Content, Vec<FieldStep>) {
        let mut fields = Vec::new();
        let mut here = local.value().clone();
        if self.options.content_sets == ContentSets::Overwrite {
            let wanted = now.value().get("content_set");
            if let (Value::Object(map), Some(wanted)) = (&mut here, wanted)
                && map.get("content_set") != Some(wanted)
            {
                let was = map.insert("content_set".into(), wanted.clone());
                let path = "content_set";
                let before = before.and_then(|b| b.value().get(path));
                // Where nobody changed it here it is an upgrade as any other.
                let outcome = if before == was.as_ref() {
                    Outcome::Taken
                } else {
                    Outcome::Overwritten
                };
                fields.push(FieldStep {
                    path: path.into(),
                    outcome,
                    before: before.cloned(),
                    local: was,
                    shipped: Some(wanted.clone()),
                });
            }
        }
        let sides = Sides {
            before: before.map(Content::value),
            local: Some(&here),
            shipped: Some(now.value()),
        };
        let winner = self.winner(key);
        let overwritten = fields.clone();
        let made = merge(sides, winner, &mut fields).unwrap_or(Value::Null);
        // Two sound sides need not make a sound object; then one of them is it, and the whole is the conflict.
        if Object::from_value(key.kind, &made).is_ok() {
            return (Content::new(made), fields);
        }
        let mut fields = overwritten;
        let (outcome, made) = match winner {
            Side::Local => (Outcome::ConflictKept, here.clone()),
            Side::Shipped => (Outcome::ConflictTaken, now.value().clone()),
        };
        fields.push(FieldStep {
            path: String::new(),
            outcome,
            before: before.map(|b| b.value().clone()),
            local: Some(here),
            shipped: Some(now.value().clone()),
        });
        (Content::new(made), fields)
    }

    /// Objects that the pack brought and brings no more.
    pub(super) fn gone(&mut self, gone: &[&Key]) {
        // What is referred to from outside of what goes stays; so does what that refers to.
        let going: BTreeSet<&Key> = gone
            .iter()
            .copied()
            .filter(|key| {
                self.state
                    .objects
                    .get(*key)
                    .is_some_and(|i| i.pack.as_deref() == Some(self.name))
            })
            .collect();
        if going.is_empty() {
            return;
        }
        let mut stay: BTreeMap<Key, String> = BTreeMap::new();
        for key in &going {
            let local = self.state.objects.get(*key).map(|i| &i.content);
            if local != self.held.shipped.get(*key) && self.winner(key) == Side::Local {
                stay.insert((*key).clone(), "it was changed here".into());
            }
        }
        let mut look: Vec<(Key, Item)> = self
            .state
            .objects
            .iter()
            .filter(|(key, _)| !going.contains(key))
            .map(|(key, item)| {
                let next = self.objects.get(key).cloned().flatten();
                (key.clone(), next.unwrap_or_else(|| item.clone()))
            })
            .collect();
        look.extend(
            stay.keys()
                .filter_map(|k| Some((k.clone(), self.state.objects.get(k)?.clone()))),
        );
        let names = Names::new(self.state);
        while let Some((key, item)) = look.pop() {
            for to in names.mentions(&key, &item) {
                if going.contains(&to) && !stay.contains_key(&to) {
                    if let Some(next) = self.state.objects.get(&to) {
                        look.push((to.clone(), next.clone()));
                    }
                    stay.insert(to, format!("{key} refers to it"));
                }
            }
        }
        for key in going {
            match stay.get(key) {
                Some(reason) => {
                    let edited = reason == "it was changed here";
                    self.step(key, StepKind::LetGo, Some(reason), Vec::new());
                    if let (true, Some(step)) = (edited, self.steps.last_mut()) {
                        step.conflict = true;
                    }
                    if let Some(item) = self.state.objects.get(key) {
                        let item = Item {
                            content: item.content.clone(),
                            pack: None,
                        };
                        self.objects.insert(key.clone(), Some(item));
                    }
                }
                None => {
                    self.step(key, StepKind::Removed, None, Vec::new());
                    self.objects.insert(key.clone(), None);
                }
            }
        }
    }
}
