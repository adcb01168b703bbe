//! Import, upgrade, roll-back and removal of packs: planned, looked at, applied as they were looked at.
//!
//! A plan is made anew when it is applied, from the same pack and the same decisions, and must come out as the one that was looked at:
//! its digest covers content as it was, the pack and every step. So nothing is kept between the two, and whatever changed meanwhile, a
//! file of the pack or an object somebody edited, is found.

use super::change::{Brought, Done};
use super::files::Draft;
use super::{ContentError, Library, Why};
use ::content::change::{self, Options, Plan, State};
use ::content::digest::Digest;
use ::content::fault::Fault;
use ::content::name::Key;
use ::content::pack::tree::Tree;
use ::content::pack::{self, Mark, Pack, archive};
use semver::Version;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::SemaphorePermit;

/// Most bytes of an archive as it comes.
pub const LARGEST_ARCHIVE: u64 = 64 << 20;
/// Most bytes of a pack's files: it is in memory while it is looked at.
pub(super) const LARGEST_PACK: u64 = 128 << 20;

/// What is to be done to a pack.
#[derive(Clone, Debug)]
pub enum Proposal {
    /// A pack from outside comes, as another version or for the first time.
    Import {
        /// Its files.
        tree: Arc<Tree>,
        /// How.
        options: Options,
    },
    /// The same with the pack that the program has.
    Shipped {
        /// Its name.
        pack: String,
        /// How.
        options: Options,
    },
    /// It goes back to a version that was left.
    Rollback {
        /// Its name.
        pack: String,
        /// The version; none for before its import.
        to: Option<Version>,
    },
    /// It goes.
    Remove {
        /// Its name.
        pack: String,
    },
}

/// What would be done.
#[derive(Clone, Debug)]
pub struct PackPlan {
    /// The plan.
    pub plan: Plan,
    /// Its digest, by which it is applied.
    pub digest: Digest,
    /// Names of the objects of its steps, as people write them.
    pub names: BTreeMap<Key, String>,
    /// What should be known of the pack though it is no fault.
    pub marks: Vec<Mark>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The pack.
    pub pack: String,
    /// The version that it was.
    pub from: Option<Version>,
    /// The version that it is.
    pub to: Option<Version>,
    /// Objects that came, changed or went.
    pub changed: usize,
}

/// An archive that was unpacked. Others wait as long as it is there.
pub struct Unpacked<'l> {
    /// The pack's files.
    pub tree: Arc<Tree>,
    _room: SemaphorePermit<'l>,
}

fn faults(what: &str) -> impl FnOnce(Vec<Fault>) -> ContentError {
    let what = what.to_owned();
    |faults| ContentError::Faults { what, faults }
}

impl Library {
    /// Begins a file that somebody sends.
    ///
    /// # Errors
    /// The system's.
    pub fn begin(&self) -> Result<Draft, ContentError> {
        Ok(self.files.begin()?)
    }

    /// Unpacks an archive, when there is room for one.
    ///
    /// # Errors
    /// All that is wrong with it as an archive.
    pub async fn unpack(&self, draft: Draft) -> Result<Unpacked<'_>, ContentError> {
        let room = self.unpacking.acquire().await.map_err(|_| {
            ContentError::Invalid("the server is stopping; send the pack again later".into())
        })?;
        let unpacked = tokio::task::spawn_blocking(move || {
            let bytes = draft.into_bytes()?;
            archive::read_within(&bytes, LARGEST_PACK).map_err(faults("the archive"))
        });
        let tree = unpacked.await.map_err(ContentError::Ended)??;
        Ok(Unpacked {
            tree: Arc::new(tree),
            _room: room,
        })
    }

    /// What would be done.
    ///
    /// # Errors
    /// The pack's faults, or why there is no plan.
    pub async fn plan(self: &Arc<Self>, proposal: Proposal) -> Result<PackPlan, ContentError> {
        let library = Arc::clone(self);
        let held = self.now();
        let planned = tokio::task::spawn_blocking(move || {
            let (plan, pack) = library.propose(&held.state, &proposal)?;
            let mut names = BTreeMap::new();
            for step in &plan.steps {
                let after = plan.after(&step.key).map(|item| &item.content);
                let there = held.state.objects.get(&step.key).map(|item| &item.content);
                let name = after.or(there).and_then(|content| {
                    let name = content.value().get("name")?.as_str()?;
                    Some(name.to_owned())
                });
                names.insert(
                    step.key.clone(),
                    name.unwrap_or_else(|| step.key.name.clone()),
                );
            }
            Ok(PackPlan {
                digest: plan.digest(),
                marks: pack.as_ref().map(pack::marks).unwrap_or_default(),
                plan,
                names,
            })
        });
        planned.await.map_err(ContentError::Ended)?
    }

    /// Does what was looked at.
    ///
    /// # Errors
    /// As [`plan`](Self::plan); [`ContentError::OtherPlan`] when it would be something else now; the store's.
    pub async fn apply(
        self: &Arc<Self>,
        proposal: Proposal,
        looked_at: Digest,
        why: Why,
    ) -> Result<Planned, ContentError> {
        self.change(why, move |library, _, state, who, brought| {
            let (plan, pack) = library.propose(state, &proposal)?;
            if plan.digest() != looked_at {
                return Err(ContentError::OtherPlan);
            }
            if let Some(pack) = &pack {
                library.bring(pack, brought)?;
            }
            change::apply(state, &plan, who)?;
            let changed = state.history.last().map_or(0, |deed| deed.changes.len());
            let gives = Planned {
                pack: plan.pack.clone(),
                from: plan.from.clone(),
                to: plan.to.clone(),
                changed,
            };
            Ok(Done {
                action: match plan.what {
                    change::What::Import => "content.import",
                    change::What::Upgrade => "content.upgrade",
                    change::What::Rollback => "content.rollback",
                    change::What::Remove => "content.remove",
                },
                object: format!("pack {}", plan.pack),
                detail: json!({
                    "from": gives.from, "to": gives.to, "changed": changed,
                    "plan": looked_at, "why": who.why,
                    "pack": pack.as_ref().map(Pack::digest),
                }),
                gives,
            })
        })
        .await
    }

    /// Puts the files of a pack beside the database.
    fn bring(&self, pack: &Pack, brought: &mut Brought) -> Result<(), ContentError> {
        for blob in pack.files.values() {
            let fresh = self.files.put(blob.digest, &blob.bytes)?;
            brought.note(blob.digest, blob.bytes.len() as u64, fresh);
        }
        Ok(())
    }

    fn propose(
        &self,
        state: &State,
        proposal: &Proposal,
    ) -> Result<(Plan, Option<Pack>), ContentError> {
        match proposal {
            Proposal::Import { tree, options } => self.import(state, tree, options),
            Proposal::Shipped { pack, options } => {
                let shipped = self
                    .shipped
                    .iter()
                    .find(|shipped| shipped.manifest.name.as_str() == pack)
                    .ok_or_else(|| {
                        ContentError::missing(format!("a pack `{pack}` among those that ship"))
                    })?;
                self.import(state, &shipped.tree, options)
            }
            Proposal::Rollback { pack, to } => {
                known(state, pack)?;
                Ok((change::rollback(state, pack, to.as_ref())?, None))
            }
            Proposal::Remove { pack } => {
                known(state, pack)?;
                Ok((change::remove(state, pack)?, None))
            }
        }
    }

    fn import(
        &self,
        state: &State,
        tree: &Tree,
        options: &Options,
    ) -> Result<(Plan, Option<Pack>), ContentError> {
        let name = pack::manifest(tree).map(|manifest| manifest.name.as_str().to_owned());
        let around = self.around(state, name.as_deref().unwrap_or_default());
        let pack = pack::read(tree, &around).map_err(faults("the pack"))?;
        let plan = change::plan(state, &pack, options)?;
        Ok((plan, Some(pack)))
    }
}

/// A pack that was never there is told as missing, not as one that stands in the way.
fn known(state: &State, pack: &str) -> Result<(), ContentError> {
    if state.packs.contains_key(pack) {
        Ok(())
    } else {
        Err(ContentError::missing(format!("the pack `{pack}`")))
    }
}
