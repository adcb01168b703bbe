//! What an import or upgrade would do.

use super::content::Content;
use super::preview::{Options, Plan, Refusal, What};
use super::refers::broken;
use super::sides::Maker;
use super::state::{Installed, Item, Left, State, asked};
use crate::digest::Digest;
use crate::form::Form;
use crate::name::Key;
use crate::pack::Pack;
use semver::Version;
use serde_json::Value;
use std::collections::BTreeMap;

/// Plans the import of a pack, or its upgrade.
///
/// # Errors
/// [`Refusal`]; nothing can be applied then.
pub fn plan(state: &State, pack: &Pack, options: &Options) -> Result<Plan, Refusal> {
    let name = pack.manifest.name.as_str();
    let version = &pack.manifest.version;
    let empty = Installed::default();
    let held = state.packs.get(name).unwrap_or(&empty);
    let manifest = Content::new(pack.manifest.write());
    let shipped: BTreeMap<Key, Content> = pack
        .objects
        .iter()
        .map(|(key, object)| (key.clone(), Content::new(object.write())))
        .collect();
    if let Some(there) = &held.version {
        if version < there {
            return Err(Refusal::Older {
                pack: name.into(),
                held: there.clone(),
                version: version.clone(),
            });
        }
        if version == there
            && (held.shipped != shipped || held.manifest.as_ref() != Some(&manifest))
        {
            return Err(Refusal::SameVersion {
                pack: name.into(),
                version: version.clone(),
            });
        }
    }
    for require in &pack.manifest.requires {
        let present = state
            .packs
            .get(require.pack.as_str())
            .and_then(|p| p.version.as_ref());
        if present.is_none_or(|v| !require.version.matches(v)) {
            return Err(Refusal::Requires {
                pack: name.into(),
                required: require.pack.as_str().into(),
                version: require.version.to_string(),
                present: present
                    .map_or_else(|| "which is not there".into(), |v| format!("{v} is there")),
            });
        }
    }
    still_required(state, name, Some(version))?;

    let mut maker = Maker {
        state,
        name,
        held,
        options,
        steps: Vec::new(),
        objects: BTreeMap::new(),
        adopted: BTreeMap::new(),
    };
    for (key, now) in &shipped {
        maker.shipped(key, now)?;
    }
    let gone: Vec<&Key> = held
        .shipped
        .keys()
        .filter(|k| !shipped.contains_key(*k))
        .collect();
    maker.gone(&gone);
    let Maker {
        mut steps,
        objects,
        adopted,
        ..
    } = maker;
    steps.sort_by(|a, b| a.key.cmp(&b.key));

    let mut installed = held.clone();
    if held.version.as_ref() != Some(version) {
        leave(&mut installed, state, name, adopted);
    }
    installed.version = Some(version.clone());
    installed.shipped = shipped;
    installed.supplied = supplied(held, &manifest);
    let awaits = asked(Some(&manifest))
        .into_iter()
        .filter(|file| !installed.supplied.contains_key(file))
        .collect();
    installed.manifest = Some(manifest);
    Ok(Plan {
        what: if held.version.is_some() {
            What::Upgrade
        } else {
            What::Import
        },
        pack: name.into(),
        from: held.version.clone(),
        to: Some(version.clone()),
        state: state.digest(),
        steps,
        awaits,
        broken: broken(state, &objects),
        objects,
        installed,
    })
}

/// Files that were supplied stay, also those that this version does not ask for: a later one may.
fn supplied(held: &Installed, manifest: &Content) -> BTreeMap<String, Digest> {
    let wanted: BTreeMap<&str, Option<Digest>> = manifest
        .value()
        .get("supplied")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|s| {
            let digest = s.get("sha256").and_then(|d| Digest::of_hex(d.as_str()?));
            Some((s.get("name")?.as_str()?, digest))
        })
        .collect();
    // One that must have a certain content, and has another, is asked for anew.
    let fits = |name: &str, digest: Digest| {
        wanted
            .get(name)
            .copied()
            .flatten()
            .is_none_or(|w| w == digest)
    };
    held.supplied
        .iter()
        .filter(|(name, digest)| fits(name, **digest))
        .map(|(name, digest)| (name.clone(), *digest))
        .collect()
}

/// Keeps what is there now under the version that is left.
pub(super) fn leave(
    installed: &mut Installed,
    state: &State,
    name: &str,
    adopted: BTreeMap<Key, Item>,
) {
    let mut objects: BTreeMap<Key, Item> = state
        .of_pack(name)
        .map(|(key, item)| (key.clone(), item.clone()))
        .collect();
    objects.extend(adopted);
    let left = Left {
        version: installed.version.clone(),
        manifest: installed.manifest.clone(),
        shipped: installed.shipped.clone(),
        objects,
        supplied: installed.supplied.clone(),
    };
    installed.earlier.retain(|l| l.version != left.version);
    installed.earlier.push(left);
}

/// Whether the other packs still have what they require when one becomes a version, or goes.
pub(super) fn still_required(
    state: &State,
    name: &str,
    version: Option<&Version>,
) -> Result<(), Refusal> {
    for (other, pack) in &state.packs {
        let Some(manifest) = pack
            .manifest
            .as_ref()
            .filter(|_| other != name && pack.version.is_some())
        else {
            continue;
        };
        let requires = manifest.value().get("requires").and_then(Value::as_array);
        for require in requires.into_iter().flatten() {
            if require.get("pack").and_then(Value::as_str) != Some(name) {
                continue;
            }
            let wanted = require
                .get("version")
                .and_then(Value::as_str)
                .unwrap_or("*");
            let will_do = semver::VersionReq::parse(wanted)
                .is_ok_and(|wanted| version.is_some_and(|v| wanted.matches(v)));
            if !will_do {
                return Err(Refusal::Requires {
                    pack: other.clone(),
                    required: name.into(),
                    version: wanted.into(),
                    present: version.map_or_else(
                        || "which would go".into(),
                        |v| format!("which would be {v}"),
                    ),
                });
            }
        }
    }
    Ok(())
}
