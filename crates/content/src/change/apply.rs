//! Changes, each as a whole or not at all.

use super::content::Content;
use super::preview::{Plan, What};
use super::refers::Names;
use super::state::{Cause, Item, ObjectChange, State, Who, asked};
use crate::digest::Digest;
use crate::fault::Fault;
use crate::name::Key;
use crate::objects::Object;

/// Why a plan is not applied. The state is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotApplied {
    /// The state is another one.
    #[error("content changed between preview and apply; look at the preview again")]
    Changed {
        /// Digest of the state that the plan was made from.
        planned: Digest,
        /// Digest of the state that is there.
        there: Digest,
    },
    /// Something would refer to what is gone.
    #[error("{from} refers to {to}, which would be gone")]
    Broken {
        /// Who refers.
        from: Key,
        /// To what.
        to: Key,
    },
}

/// Applies a plan to the state that it was made from.
///
/// # Errors
/// [`NotApplied`]; nothing is changed then.
pub fn apply(state: &mut State, plan: &Plan, who: &Who) -> Result<(), NotApplied> {
    let there = state.digest();
    if there != plan.state {
        return Err(NotApplied::Changed {
            planned: plan.state,
            there,
        });
    }
    if let Some((from, to)) = plan.broken.first() {
        return Err(NotApplied::Broken {
            from: from.clone(),
            to: to.clone(),
        });
    }
    let mut changes = Vec::new();
    for (key, item) in &plan.objects {
        let before = match item {
            Some(item) => state.objects.insert(key.clone(), item.clone()),
            None => state.objects.remove(key),
        };
        let change = ObjectChange {
            key: key.clone(),
            before: before.map(|i| i.content),
            after: item.as_ref().map(|i| i.content.clone()),
        };
        if change.before != change.after {
            changes.push(change);
        }
    }
    state
        .packs
        .insert(plan.pack.clone(), plan.installed.clone());
    let cause = Cause::Pack {
        pack: plan.pack.clone(),
        from: plan.from.clone(),
        to: plan.to.clone(),
        back: plan.what == What::Rollback,
    };
    state.record(who, cause, changes);
    Ok(())
}

/// Why an edit is refused. The state is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditRefused {
    /// Somebody else was quicker.
    #[error("{key} was changed by somebody else meanwhile; look at it again, nothing is lost")]
    Changed {
        /// The object.
        key: Key,
        /// What is there now; none when it was deleted.
        there: Option<Digest>,
    },
    /// Another object than the one to be edited.
    #[error("{given} is not {key}; a name is not changed by an edit")]
    OtherKey {
        /// The object.
        key: Key,
        /// What was given.
        given: Key,
    },
    /// It is not sound.
    #[error("{key} is not sound: {}", faults.first().map_or("", |f| f.message.as_str()))]
    Unsound {
        /// The object.
        key: Key,
        /// What is wrong.
        faults: Vec<Fault>,
    },
    /// Others refer to it.
    #[error("{from} refers to {key}")]
    Referred {
        /// The object.
        key: Key,
        /// Who refers to it.
        from: Key,
    },
}

/// Makes, changes or deletes an object. `expected` is the digest of the object that the editor looked at, none for a new one: who comes
/// second is told.
///
/// # Errors
/// [`EditRefused`].
pub fn edit(
    state: &mut State,
    key: &Key,
    expected: Option<Digest>,
    object: Option<&Object>,
    who: &Who,
) -> Result<(), EditRefused> {
    let there = state.objects.get(key);
    let digest = there.map(|item| item.content.digest());
    if digest != expected {
        return Err(EditRefused::Changed {
            key: key.clone(),
            there: digest,
        });
    }
    let after = match object {
        Some(object) => {
            if object.key() != *key {
                return Err(EditRefused::OtherKey {
                    key: key.clone(),
                    given: object.key(),
                });
            }
            let value = object.write();
            Object::from_value(key.kind, &value).map_err(|faults| EditRefused::Unsound {
                key: key.clone(),
                faults,
            })?;
            Some(Content::new(value))
        }
        None => {
            let names = Names::new(state);
            let from = state
                .objects
                .iter()
                .find(|(other, item)| *other != key && names.mentions(other, item).contains(key));
            if let Some((from, _)) = from {
                return Err(EditRefused::Referred {
                    key: key.clone(),
                    from: from.clone(),
                });
            }
            None
        }
    };
    let pack = there.and_then(|item| item.pack.clone());
    let before = match &after {
        Some(content) => state.objects.insert(
            key.clone(),
            Item {
                content: content.clone(),
                pack,
            },
        ),
        None => state.objects.remove(key),
    };
    let change = ObjectChange {
        key: key.clone(),
        before: before.map(|i| i.content),
        after,
    };
    state.record(who, Cause::Edit, vec![change]);
    Ok(())
}

/// Why a file is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SupplyRefused {
    /// The pack does not ask for it.
    #[error("the pack `{pack}` asks for no file `{name}`")]
    NotAsked {
        /// The pack.
        pack: String,
        /// The file.
        name: String,
    },
    /// It must have another content.
    #[error("`{name}` must have the SHA-256 digest {wanted}; this one has {given}")]
    OtherContent {
        /// The file.
        name: String,
        /// The digest it must have.
        wanted: Digest,
        /// The one it has.
        given: Digest,
    },
}

/// Supplies a file that a pack asks for, or with `None` takes it away.
///
/// # Errors
/// [`SupplyRefused`].
pub fn supply(
    state: &mut State,
    pack: &str,
    name: &str,
    file: Option<Digest>,
    who: &Who,
) -> Result<(), SupplyRefused> {
    let refuse = || SupplyRefused::NotAsked {
        pack: pack.into(),
        name: name.into(),
    };
    let installed = state.packs.get_mut(pack).ok_or_else(refuse)?;
    if !asked(installed.manifest.as_ref())
        .iter()
        .any(|asked| asked == name)
    {
        return Err(refuse());
    }
    let wanted = installed
        .manifest
        .as_ref()
        .and_then(|m| m.value().get("supplied")?.as_array())
        .into_iter()
        .flatten()
        .find(|s| s.get("name").and_then(|n| n.as_str()) == Some(name))
        .and_then(|s| Digest::of_hex(s.get("sha256")?.as_str()?));
    if let (Some(wanted), Some(given)) = (wanted, file)
        && wanted != given
    {
        return Err(SupplyRefused::OtherContent {
            name: name.into(),
            wanted,
            given,
        });
    }
    let before = match file {
        Some(digest) => installed.supplied.insert(name.to_owned(), digest),
        None => installed.supplied.remove(name),
    };
    let cause = Cause::Supply {
        pack: pack.into(),
        name: name.into(),
        before,
        after: file,
    };
    state.record(who, cause, Vec::new());
    Ok(())
}
