//! Import, upgrade and roll-back, as the guide's walk has them: nothing that people changed is lost.

use crate::help::{import, manifest, pack, who};
use content::change::{
    Cause, ContentSets, EditRefused, NotApplied, Options, Outcome, Plan, Refusal, Side, State,
    StepKind, SupplyRefused, apply, edit, plan, remove, rollback, supply,
};
use content::digest::Digest;
use content::name::{Key, Kind};
use content::objects::Object;
use content::pack::Pack;

fn version(version: &str, age: &str, config: &str, more: &[(&str, &str)]) -> Pack {
    let manifest = format!(
        "{}supplied: [{{name: config.ini, help: Settings.}}]\n",
        manifest("test", version)
    );
    let sensor = format!(
        "name: One\nmax_age: {age}\nplatforms: {{linux: {{interpreter: sh, text: echo 1}}}}\ncolumns: [{{name: One}}]\n"
    );
    let package = "name: Config\nplatforms: {linux: {job: {name: index-configure}}}\nfiles: [{file: files/sample.ini}, {supplied: config.ini}]\n";
    let mut files = vec![
        ("pack.yaml", manifest.as_str()),
        ("sensors/one.yaml", sensor.as_str()),
        ("packages/config.yaml", package),
        ("files/sample.ini", config),
    ];
    files.extend(more);
    pack(&files)
}

fn one() -> Key {
    Key::new(Kind::Sensor, "One")
}

fn change(state: &mut State, key: &Key, f: impl FnOnce(&mut serde_json::Value)) {
    let item = &state.objects[key];
    let mut value = item.content.value().clone();
    f(&mut value);
    let object = Object::from_value(key.kind, &value).unwrap();
    let digest = item.content.digest();
    edit(state, key, Some(digest), Some(&object), &who("edit")).unwrap();
}

fn kinds(plan: &Plan) -> Vec<(String, StepKind, bool)> {
    plan.steps
        .iter()
        .map(|s| (s.key.to_string(), s.step, s.conflict))
        .collect()
}

#[test]
fn the_walk_of_the_guide() {
    let mut state = State::default();
    import(&mut state, &version("1.0.0", "10 min", "a=1\n", &[]));
    assert_eq!(state.awaits("test"), ["config.ini"]);
    let config = Digest::of(b"mine");
    supply(
        &mut state,
        "test",
        "config.ini",
        Some(config),
        &who("upload"),
    )
    .unwrap();
    assert_eq!(state.awaits("test"), Vec::<String>::new());
    change(&mut state, &one(), |v| {
        v["platforms"]["linux"]["text"] = "echo mine".into()
    });
    let before = state.clone();

    // The next version changes other fields and files: both sides meet.
    let next = version(
        "1.1.0",
        "20 min",
        "a=2\n",
        &[("sensors/two.yaml", "name: Two\nnative: Listen Ports\n")],
    );
    let upgrade = plan(&state, &next, &Options::default()).unwrap();
    assert_eq!(
        kinds(&upgrade),
        [
            ("sensor/one".to_owned(), StepKind::Changed, false),
            ("sensor/two".to_owned(), StepKind::Added, false),
            ("package/config".to_owned(), StepKind::Changed, false),
        ]
    );
    apply(&mut state, &upgrade, &who("upgrade")).unwrap();
    let sensor = state.objects[&one()].content.value();
    assert_eq!(sensor["max_age"], "20 min");
    assert_eq!(sensor["platforms"]["linux"]["text"], "echo mine");
    assert_eq!(state.packs["test"].supplied["config.ini"], config);

    // Back: everything as before, compared object by object.
    let back = rollback(&state, "test", Some(&"1.0.0".parse().unwrap())).unwrap();
    apply(&mut state, &back, &who("back")).unwrap();
    assert_eq!(state.objects, before.objects);
    assert_eq!(state.packs["test"].shipped, before.packs["test"].shipped);
    assert_eq!(state.packs["test"].supplied, before.packs["test"].supplied);
    // And forth again.
    let forth = rollback(&state, "test", Some(&"1.1.0".parse().unwrap())).unwrap();
    apply(&mut state, &forth, &who("forth")).unwrap();
    assert_eq!(state.objects[&one()].content.value()["max_age"], "20 min");

    let key = one();
    let deeds: Vec<(u64, &str, Vec<String>)> = state
        .history_of(&key)
        .map(|(deed, change)| {
            (
                deed.number,
                deed.who.why.as_str(),
                change.fields().into_iter().map(|f| f.path).collect(),
            )
        })
        .collect();
    assert_eq!(deeds.len(), 5);
    assert_eq!(
        deeds[1],
        (3, "edit", vec!["platforms.linux.text".to_owned()])
    );
    assert_eq!(deeds[2], (4, "upgrade", vec!["max_age".to_owned()]));
    assert!(matches!(state.history[1].cause, Cause::Supply { .. }));
}

#[test]
fn what_both_changed_is_a_conflict_that_somebody_decides() {
    let mut state = State::default();
    import(&mut state, &version("1.0.0", "10 min", "a", &[]));
    change(&mut state, &one(), |v| v["max_age"] = "15 min".into());
    let next = version("1.1.0", "20 min", "a", &[]);
    let kept = plan(&state, &next, &Options::default()).unwrap();
    assert!(kept.has_conflicts());
    assert_eq!(kept.steps[0].fields[0].outcome, Outcome::ConflictKept);
    assert_eq!(kept.steps[0].step, StepKind::Kept);
    let decided = Options {
        decided: [(one(), Side::Shipped)].into(),
        ..Options::default()
    };
    let taken = plan(&state, &next, &decided).unwrap();
    assert_ne!(kept.digest(), taken.digest());
    apply(&mut state, &taken, &who("take")).unwrap();
    assert_eq!(state.objects[&one()].content.value()["max_age"], "20 min");
}

#[test]
fn a_plan_is_for_the_state_that_it_was_made_from() {
    let mut state = State::default();
    import(&mut state, &version("1.0.0", "10 min", "a", &[]));
    let plan = plan(
        &state,
        &version("1.1.0", "20 min", "a", &[]),
        &Options::default(),
    )
    .unwrap();
    change(&mut state, &one(), |v| {
        v["description"] = "Meanwhile.".into()
    });
    let before = state.clone();
    let refused = apply(&mut state, &plan, &who("late")).unwrap_err();
    assert!(matches!(refused, NotApplied::Changed { .. }));
    assert!(
        refused
            .to_string()
            .contains("changed between preview and apply")
    );
    assert_eq!(state, before);
}

#[test]
fn who_edits_second_is_told() {
    let mut state = State::default();
    import(&mut state, &version("1.0.0", "10 min", "a", &[]));
    let seen = state.objects[&one()].content.digest();
    change(&mut state, &one(), |v| v["description"] = "First.".into());
    let mine = state.object(&one()).unwrap();
    let refused = edit(&mut state, &one(), Some(seen), Some(&mine), &who("second")).unwrap_err();
    assert!(matches!(refused, EditRefused::Changed { .. }));
}

#[test]
fn content_sets_are_kept_or_overwritten_as_asked() {
    let mut state = State::default();
    import(&mut state, &version("1.0.0", "10 min", "a", &[]));
    change(&mut state, &one(), |v| v["content_set"] = "Mine".into());
    let next = version("1.1.0", "20 min", "a", &[]);
    let set = |state: &State| state.objects[&one()].content.value()["content_set"].clone();
    let mut kept = state.clone();
    let plan_kept = plan(&kept, &next, &Options::default()).unwrap();
    apply(&mut kept, &plan_kept, &who("keep")).unwrap();
    assert_eq!(set(&kept), "Mine");
    let overwrite = Options {
        content_sets: ContentSets::Overwrite,
        ..Options::default()
    };
    let plan_over = plan(&state, &next, &overwrite).unwrap();
    assert_eq!(plan_over.steps[0].fields[0].outcome, Outcome::Overwritten);
    apply(&mut state, &plan_over, &who("overwrite")).unwrap();
    assert_eq!(set(&state), "Set");
}

#[test]
fn what_others_refer_to_survives() {
    let question = [(
        "saved-questions/q.yaml",
        "name: Shipped\ntext: Get Computer Name from all machines\n",
    )];
    let mut state = State::default();
    import(&mut state, &version("1.0.0", "10 min", "a", &question));
    let mine = serde_json::json!({ "name": "Mine", "saved_questions": ["Shipped"] });
    let mine = Object::from_value(Kind::Dashboard, &mine).unwrap();
    edit(&mut state, &mine.key(), None, Some(&mine), &who("make")).unwrap();
    let key = Key::new(Kind::SavedQuestion, "Shipped");
    let without = version("1.1.0", "10 min", "a", &[]);
    let step = plan(&state, &without, &Options::default())
        .unwrap()
        .steps
        .remove(0);
    assert_eq!((step.key, step.step), (key.clone(), StepKind::LetGo));
    assert_eq!(step.reason.as_deref(), Some("dashboard/mine refers to it"));
    // It cannot be taken away either while it is referred to.
    let gone = remove(&state, "test").unwrap();
    assert_eq!(gone.broken, [(mine.key(), key.clone())]);
    assert!(matches!(
        apply(&mut state.clone(), &gone, &who("remove")),
        Err(NotApplied::Broken { .. })
    ));
    let upgrade = plan(&state, &without, &Options::default()).unwrap();
    apply(&mut state, &upgrade, &who("upgrade")).unwrap();
    assert_eq!(state.objects[&key].pack, None);
}

#[test]
fn what_a_question_names_in_its_text_survives() {
    let script = "platforms: {linux: {interpreter: sh, text: x}}\ncolumns: [{name: A}]\n";
    let (two, longer) = (
        format!("name: Two\naliases: [Zwei]\n{script}"),
        format!("name: Two and More\n{script}"),
    );
    let both = [
        ("sensors/two.yaml", two.as_str()),
        ("sensors/more.yaml", longer.as_str()),
    ];
    let mut state = State::default();
    import(&mut state, &version("1.0.0", "10 min", "a", &both));
    let steps = |state: &State| {
        let next = version("1.1.0", "10 min", "a", &[]);
        kinds(&plan(state, &next, &Options::default()).unwrap())
    };
    let (short, long) = ("sensor/two".to_owned(), "sensor/two and more".to_owned());
    for (text, let_go) in [
        ("Get Two and More from all machines", &long),
        ("Get Computer Name from all machines with Zwei = 1", &short),
        ("Get Two[x]:A from all machines", &short),
    ] {
        let mut state = state.clone();
        let mine = serde_json::json!({ "name": "Mine", "text": text });
        let mine = Object::from_value(Kind::SavedQuestion, &mine).unwrap();
        edit(&mut state, &mine.key(), None, Some(&mine), &who("make")).unwrap();
        let expected = |key: &String| {
            if key == let_go {
                StepKind::LetGo
            } else {
                StepKind::Removed
            }
        };
        assert_eq!(
            steps(&state),
            [
                (short.clone(), expected(&short), false),
                (long.clone(), expected(&long), false)
            ],
            "{text}"
        );
        let key = Key::of_text(let_go).unwrap();
        let digest = state.objects[&key].content.digest();
        let refused = edit(&mut state, &key, Some(digest), None, &who("delete")).unwrap_err();
        assert!(matches!(refused, EditRefused::Referred { .. }));
    }
    assert!(
        steps(&state)
            .iter()
            .all(|(_, step, _)| *step == StepKind::Removed)
    );
}

#[test]
fn an_object_of_ones_own_is_adopted_and_comes_back() {
    let mut state = State::default();
    let mine = serde_json::json!({ "name": "One", "native": "Listen Ports", "keywords": ["mine"] });
    let mine = Object::from_value(Kind::Sensor, &mine).unwrap();
    edit(&mut state, &one(), None, Some(&mine), &who("make")).unwrap();
    let before = state.objects.clone();
    let first = version("1.0.0", "10 min", "a", &[]);
    let plan = import(&mut state, &first);
    let adopted = plan.steps.iter().find(|s| s.key == one()).unwrap();
    assert_eq!(adopted.step, StepKind::Adopted);
    // Half native, half script would be no sensor: it stays as it was made here, and that is a conflict.
    assert!(adopted.conflict);
    assert_eq!(state.object(&one()).unwrap(), mine);
    let back = rollback(&state, "test", None).unwrap();
    apply(&mut state, &back, &who("back")).unwrap();
    assert_eq!(state.objects, before);
}

#[test]
fn what_cannot_be_is_refused() {
    let mut state = State::default();
    let first = version("1.0.0", "10 min", "a", &[]);
    import(&mut state, &first);
    let refused = |pack: &Pack, state: &State| plan(state, pack, &Options::default()).unwrap_err();
    assert!(matches!(
        refused(&version("1.0.0", "11 min", "a", &[]), &state),
        Refusal::SameVersion { .. }
    ));
    assert!(matches!(
        refused(&version("0.9.0", "10 min", "a", &[]), &state),
        Refusal::Older { .. }
    ));
    // Once more the same: nothing to do.
    assert_eq!(
        plan(&state, &first, &Options::default()).unwrap().steps,
        vec![]
    );
    let mut other = version("1.0.0", "10 min", "a", &[]);
    other.manifest.name = content::form::PackName::new("other").unwrap();
    assert!(matches!(refused(&other, &state), Refusal::Taken { .. }));
    let needs = format!(
        "{}requires: [{{pack: test, version: ^1}}]\n",
        manifest("needs", "1.0.0")
    );
    let around = crate::help::around().with_pack(&first);
    let files = [
        ("pack.yaml", needs.replace("[Set]", "[Other]")),
        ("content-sets/o.yaml", "name: Other\n".into()),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (*p, t.as_str())).collect();
    let needs = content::pack::read(&crate::help::tree(&files), &around).unwrap();
    assert!(matches!(
        refused(&needs, &State::default()),
        Refusal::Requires { .. }
    ));
    import(&mut state, &needs);
    assert!(matches!(
        remove(&state, "test").unwrap_err(),
        Refusal::Requires { .. }
    ));
    assert!(matches!(
        rollback(&state, "test", None).unwrap_err(),
        Refusal::Requires { .. }
    ));
    assert!(matches!(
        refused(&version("2.0.0", "10 min", "a", &[]), &state),
        Refusal::Requires { .. }
    ));
    assert!(matches!(
        rollback(&state, "test", Some(&"9.0.0".parse().unwrap())).unwrap_err(),
        Refusal::NothingKept { .. }
    ));
    let refused = supply(&mut state, "test", "other.ini", None, &who("x")).unwrap_err();
    assert!(matches!(refused, SupplyRefused::NotAsked { .. }));
}

#[test]
fn a_state_survives_being_kept() {
    let mut state = State::default();
    import(&mut state, &version("1.0.0", "10 min", "a=1", &[]));
    import(&mut state, &version("1.1.0", "20 min", "a=2", &[]));
    let text = serde_json::to_string(&state).unwrap();
    let back: State = serde_json::from_str(&text).unwrap();
    assert_eq!(back, state);
    assert_eq!(back.digest(), state.digest());
    // Files of versions that one can go back to are not to be thrown away.
    assert!(
        state.files().contains(&Digest::of(b"a=1")) && state.files().contains(&Digest::of(b"a=2"))
    );
}
