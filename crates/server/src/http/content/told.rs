//! Content in the API's words.

use super::super::error::ApiError;
use crate::content::{self, Edited, FileInfo, FoundObject, FoundPack, NamedFile, Planned};
use crate::store::content::ContentDeed;
use ::content::change::{self, Cause, Content, FieldChange, FieldStep, Outcome, What};
use ::content::digest::Digest;
use ::content::name::Kind;
use ::content::pack::{Mark, Why};
use api::content::{
    BrokenReference, ContentSets, DeedInfo, DeedKind, EditedObject, FieldDiff, FieldOutcome,
    ObjectChange, ObjectFile, ObjectInfo, ObjectKind, PackChanged, PackDetail, PackInfo, PackNote,
    PackPlan, PlanField, PlanKind, PlanStep, Release, RequiredPack, Side, StepKind, StoredFile,
    SuppliedFile,
};
use api::ids::Sha256;
use semver::Version;

/// Two enumerations of the same values.
macro_rules! same {
    ($to:ident: $theirs:ty => $ours:ty, $($value:ident),+ $(,)?) => {
        pub(super) fn $to(value: $theirs) -> $ours {
            match value {
                $(<$theirs>::$value => <$ours>::$value,)+
            }
        }
    };
}

same!(kind_of: ObjectKind => Kind, ContentSet, ComputerGroup, ActionGroup, ParameterList, Sensor, Package, SavedQuestion, Dashboard,
    Category, Schedule, SavedAction, Role);
same!(kind: Kind => ObjectKind, ContentSet, ComputerGroup, ActionGroup, ParameterList, Sensor, Package, SavedQuestion, Dashboard,
    Category, Schedule, SavedAction, Role);
same!(side: Side => change::Side, Local, Shipped);
same!(content_sets: ContentSets => change::ContentSets, Keep, Overwrite);
same!(what: What => PlanKind, Import, Upgrade, Rollback, Remove);
same!(step_kind: change::StepKind => StepKind, Added, Changed, Removed, Kept, Adopted, LetGo, StaysDeleted);
same!(outcome: Outcome => FieldOutcome, Taken, Kept, ConflictKept, ConflictTaken, Overwritten);

pub(super) fn sha256(digest: Digest) -> Sha256 {
    Sha256(*digest.as_bytes())
}

pub(super) fn digest(sha256: Sha256) -> Result<Digest, ApiError> {
    Digest::of_hex(&sha256.to_string()).ok_or_else(|| ApiError::invalid("that is no digest"))
}

fn text(version: Option<&Version>) -> Option<String> {
    version.map(Version::to_string)
}

pub(super) fn pack(found: &FoundPack) -> PackInfo {
    let title = found.manifest.as_ref().map(|m| m.title.as_str());
    PackInfo {
        name: found.name.clone(),
        title: title.unwrap_or(&found.name).to_owned(),
        available: text(found.available.as_ref()),
        imported: text(found.imported.as_ref()),
        earlier: found
            .earlier
            .iter()
            .map(|version| text(version.as_ref()).unwrap_or_else(|| "none".into()))
            .collect(),
        objects: found.objects,
        edited: found.edited,
        awaits: found.awaits.clone(),
    }
}

pub(super) fn pack_detail(found: &FoundPack) -> PackDetail {
    let manifest = found.manifest.as_ref();
    let asked = manifest.into_iter().flat_map(|m| &m.supplied);
    let mut supplied: Vec<SuppliedFile> = asked
        .map(|asked| SuppliedFile {
            name: asked.name.as_str().to_owned(),
            help: asked.help.as_str().to_owned(),
            wanted: asked
                .sha256
                .as_ref()
                .and_then(|wanted| wanted.as_str().parse().ok()),
            file: found.supplied.get(asked.name.as_str()).copied().map(file),
        })
        .collect();
    for (name, kept) in &found.supplied {
        if supplied.iter().all(|asked| asked.name != *name) {
            supplied.push(SuppliedFile {
                name: name.clone(),
                help: String::new(),
                wanted: None,
                file: Some(file(*kept)),
            });
        }
    }
    PackDetail {
        pack: pack(found),
        description: manifest.map_or_else(String::new, |m| m.description.as_str().to_owned()),
        publisher: manifest.map_or_else(String::new, |m| m.publisher.as_str().to_owned()),
        requires: manifest
            .into_iter()
            .flat_map(|m| &m.requires)
            .map(|required| RequiredPack {
                pack: required.pack.as_str().to_owned(),
                version: required.version.to_string(),
            })
            .collect(),
        content_sets: manifest
            .into_iter()
            .flat_map(|m| &m.content_sets)
            .map(|set| set.as_str().to_owned())
            .collect(),
        supplied,
        changelog: manifest
            .into_iter()
            .flat_map(|m| &m.changelog)
            .map(|release| Release {
                version: release.version.to_string(),
                date: release.date.as_ref().map(|date| date.as_str().to_owned()),
                changes: release
                    .changes
                    .iter()
                    .map(|change| change.as_str().to_owned())
                    .collect(),
            })
            .collect(),
    }
}

pub(super) fn file(info: FileInfo) -> StoredFile {
    StoredFile {
        sha256: sha256(info.digest),
        size: info.size,
    }
}

pub(super) fn named_file(named: NamedFile) -> ObjectFile {
    ObjectFile {
        name: named.name,
        supplied: named.supplied,
        file: named.file.map(file),
    }
}

pub(super) fn object(found: &FoundObject) -> ObjectInfo {
    ObjectInfo {
        kind: kind(found.key.kind),
        name: found.name().to_owned(),
        description: found.description().to_owned(),
        pack: found.pack.clone(),
        content_set: found.content_set().map(str::to_owned),
        sha256: sha256(found.content.digest()),
        edited: found.edited,
    }
}

fn field(change: FieldChange) -> FieldDiff {
    FieldDiff {
        path: change.path,
        before: change.before,
        after: change.after,
    }
}

pub(super) fn edited(edited: &Edited) -> EditedObject {
    let deleted = edited.here.is_none();
    let fields = if deleted { Vec::new() } else { edited.fields() };
    EditedObject {
        kind: kind(edited.key.kind),
        name: edited.name().to_owned(),
        deleted,
        fields: fields.into_iter().map(field).collect(),
    }
}

fn plan_field(step: &FieldStep) -> PlanField {
    PlanField {
        path: step.path.clone(),
        outcome: outcome(step.outcome),
        before: step.before.clone(),
        local: step.local.clone(),
        shipped: step.shipped.clone(),
    }
}

fn note(mark: &Mark) -> PackNote {
    let note = match &mark.why {
        Why::Powerful { platform, reason } => format!("powerful on {platform}: {reason}"),
        Why::IgnoresActionLock => "runs where the action lock is on".to_owned(),
        Why::AwaitsFile { name } => format!("waits for {name}, which the importer supplies"),
        Why::Untried { platform } => format!("no fixture tries it on {platform}"),
    };
    PackNote {
        object: mark.key.to_string(),
        note,
    }
}

pub(super) fn plan(made: &content::PackPlan) -> PackPlan {
    let plan = &made.plan;
    let name = |key: &::content::name::Key| {
        let name = made.names.get(key).unwrap_or(&key.name);
        name.clone()
    };
    PackPlan {
        what: what(plan.what),
        pack: plan.pack.clone(),
        from: text(plan.from.as_ref()),
        to: text(plan.to.as_ref()),
        digest: sha256(made.digest),
        steps: plan
            .steps
            .iter()
            .map(|step| PlanStep {
                kind: kind(step.key.kind),
                name: name(&step.key),
                step: step_kind(step.step),
                conflict: step.conflict,
                reason: step.reason.clone(),
                fields: step.fields.iter().map(plan_field).collect(),
            })
            .collect(),
        conflicts: plan.has_conflicts(),
        awaits: plan.awaits.clone(),
        broken: plan
            .broken
            .iter()
            .map(|(from, to)| BrokenReference {
                from: from.to_string(),
                to: to.to_string(),
            })
            .collect(),
        notes: made.marks.iter().map(note).collect(),
    }
}

pub(super) fn changed(done: &Planned) -> PackChanged {
    PackChanged {
        pack: done.pack.clone(),
        from: text(done.from.as_ref()),
        to: text(done.to.as_ref()),
        changed: done.changed as u64,
    }
}

fn object_change(change: &change::ObjectChange) -> ObjectChange {
    let sides = [&change.after, &change.before];
    let name = sides.into_iter().flatten().find_map(|content| {
        let name = content.value().get("name")?.as_str()?;
        Some(name.to_owned())
    });
    let fields = match (&change.before, &change.after) {
        (Some(_), Some(_)) => change.fields(),
        _ => Vec::new(),
    };
    ObjectChange {
        kind: kind(change.key.kind),
        name: name.unwrap_or_else(|| change.key.name.clone()),
        before: change.before.as_ref().map(Content::digest).map(sha256),
        after: change.after.as_ref().map(Content::digest).map(sha256),
        fields: fields.into_iter().map(field).collect(),
    }
}

pub(super) fn deed(deed: &ContentDeed) -> DeedInfo {
    let mut info = DeedInfo {
        number: deed.number,
        at: deed.at,
        who: deed.who.to_string(),
        why: deed.why.clone(),
        what: DeedKind::Edit,
        pack: None,
        from: None,
        to: None,
        file: None,
        changes: deed.changes.iter().map(object_change).collect(),
    };
    match &deed.cause {
        Cause::Edit => {}
        Cause::Pack {
            pack,
            from,
            to,
            back,
        } => {
            info.what = if *back {
                DeedKind::Rollback
            } else {
                DeedKind::Pack
            };
            info.pack = Some(pack.clone());
            info.from = text(from.as_ref());
            info.to = text(to.as_ref());
        }
        Cause::Supply { pack, name, .. } => {
            info.what = DeedKind::Supply;
            info.pack = Some(pack.clone());
            info.file = Some(name.clone());
        }
    }
    info
}
