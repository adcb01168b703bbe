//! Back to what was, and away with a pack.

use super::plan::{leave, still_required};
use super::preview::{Plan, Refusal, Step, StepKind, What};
use super::refers::broken;
use super::state::{Installed, Item, State};
use super::{Content, FieldStep, Outcome, diff};
use crate::name::Key;
use semver::Version;
use std::collections::BTreeMap;

/// Plans to go back to a version of a pack, or with `None` to before its import: objects, supplied files and what was shipped become
/// exactly what they were when that version was left. What is there now is kept in turn, so that one can go forth again.
///
/// # Errors
/// [`Refusal`].
pub fn rollback(state: &State, pack: &str, to: Option<&Version>) -> Result<Plan, Refusal> {
    let held = there(state, pack)?;
    let Some(left) = held.earlier.iter().find(|l| l.version.as_ref() == to) else {
        let kept: Vec<String> = held
            .earlier
            .iter()
            .map(|l| {
                l.version
                    .as_ref()
                    .map_or_else(|| "none".into(), ToString::to_string)
            })
            .collect();
        return Err(Refusal::NothingKept {
            pack: pack.into(),
            kept: kept.join(", "),
        });
    };
    still_required(state, pack, to)?;
    if let Some(manifest) = &left.manifest {
        requirements(state, pack, manifest)?;
    }
    let mut objects: BTreeMap<Key, Option<Item>> = state
        .of_pack(pack)
        .map(|(key, _)| (key.clone(), None))
        .collect();
    for (key, item) in &left.objects {
        if let Some(other) = state.objects.get(key).and_then(|i| i.pack.as_deref())
            && other != pack
        {
            return Err(Refusal::Taken {
                key: key.clone(),
                owner: other.into(),
            });
        }
        objects.insert(key.clone(), Some(item.clone()));
    }
    let mut installed = held.clone();
    // What was let go to one's own objects and comes back is kept as it is, too.
    let taken_back = left
        .objects
        .keys()
        .filter_map(|key| Some((key.clone(), state.objects.get(key)?.clone())))
        .filter(|(_, item)| item.pack.is_none())
        .collect();
    leave(&mut installed, state, pack, taken_back);
    installed.version.clone_from(&left.version);
    installed.manifest.clone_from(&left.manifest);
    installed.shipped.clone_from(&left.shipped);
    installed.supplied.clone_from(&left.supplied);
    Ok(finish(
        state,
        pack,
        What::Rollback,
        held,
        objects,
        installed,
    ))
}

/// Plans to take a pack away with its objects. What is there now is kept, so that one can go back.
///
/// # Errors
/// [`Refusal::Requires`] when another pack needs it.
pub fn remove(state: &State, pack: &str) -> Result<Plan, Refusal> {
    let held = there(state, pack)?;
    if held.version.is_none() {
        return Err(Refusal::NotThere { pack: pack.into() });
    }
    still_required(state, pack, None)?;
    let objects = state
        .of_pack(pack)
        .map(|(key, _)| (key.clone(), None))
        .collect();
    let mut installed = held.clone();
    leave(&mut installed, state, pack, BTreeMap::new());
    installed.version = None;
    installed.manifest = None;
    installed.shipped = BTreeMap::new();
    Ok(finish(state, pack, What::Remove, held, objects, installed))
}

fn there<'s>(state: &'s State, pack: &str) -> Result<&'s Installed, Refusal> {
    state
        .packs
        .get(pack)
        .ok_or_else(|| Refusal::NotThere { pack: pack.into() })
}

/// Whether what an earlier version required is there now.
fn requirements(state: &State, pack: &str, manifest: &Content) -> Result<(), Refusal> {
    let list = manifest.value().get("requires").and_then(|r| r.as_array());
    for require in list.into_iter().flatten() {
        let text = |key: &str| require.get(key).and_then(|v| v.as_str());
        let (Some(name), wanted) = (text("pack"), text("version").unwrap_or("*")) else {
            continue;
        };
        let present = state.packs.get(name).and_then(|p| p.version.as_ref());
        let will_do = semver::VersionReq::parse(wanted)
            .is_ok_and(|wanted| present.is_some_and(|v| wanted.matches(v)));
        if !will_do {
            return Err(Refusal::Requires {
                pack: pack.into(),
                required: name.into(),
                version: wanted.into(),
                present: present
                    .map_or_else(|| "which is not there".into(), |v| format!("{v} is there")),
            });
        }
    }
    Ok(())
}

fn finish(
    state: &State,
    pack: &str,
    what: What,
    held: &Installed,
    mut objects: BTreeMap<Key, Option<Item>>,
    installed: Installed,
) -> Plan {
    // What stays as it is is no step.
    objects.retain(|key, item| state.objects.get(key) != item.as_ref());
    let steps = objects
        .iter()
        .map(|(key, item)| {
            let before = state.objects.get(key).map(|i| i.content.value());
            let after = item.as_ref().map(|i| i.content.value());
            let step = match (before, after) {
                (None, _) => StepKind::Added,
                (_, None) => StepKind::Removed,
                (Some(_), Some(_)) => StepKind::Changed,
            };
            let fields = match step {
                StepKind::Changed => diff(before, after)
                    .into_iter()
                    .map(|change| FieldStep {
                        path: change.path,
                        outcome: Outcome::Taken,
                        before: change.before.clone(),
                        local: change.before,
                        shipped: change.after,
                    })
                    .collect(),
                _ => Vec::new(),
            };
            Step {
                key: key.clone(),
                step,
                conflict: false,
                reason: None,
                fields,
            }
        })
        .collect();
    let awaits = super::state::asked(installed.manifest.as_ref())
        .into_iter()
        .filter(|file| !installed.supplied.contains_key(file))
        .collect();
    Plan {
        what,
        pack: pack.into(),
        from: held.version.clone(),
        to: installed.version.clone(),
        state: state.digest(),
        steps,
        awaits,
        broken: broken(state, &objects),
        objects,
        installed,
    }
}
