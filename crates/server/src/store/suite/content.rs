//! Content: what is read back is what was kept, whatever was done to it.

use super::{Place, actions, deed};
use crate::store::content::{ContentChange, DeedQuery, KeptContent};
use crate::store::{Store, StoreError};
use ::content::change::{self, Options, State, Who};
use ::content::digest::Digest;
use ::content::name::{Key, Kind};
use ::content::objects::Object;
use ::content::pack::tree::Tree;
use ::content::pack::{self, Pack, Surroundings};
use serde_json::json;

fn own(version: &str, members: &[&str]) -> Pack {
    let mut tree = Tree::default();
    let manifest = format!(
        "name: own\ntitle: Own\nversion: {version}\npublisher: Us\ncontent_sets: [Own]\n\
         supplied: [{{name: tool.zip, help: A tool.}}]\nchangelog: [{{version: {version}, changes: [Things.]}}]\n"
    );
    let mut add = |path: &str, text: String| tree.add(path, text.into_bytes()).expect("a file");
    add("pack.yaml", manifest);
    add("content-sets/own.yaml", "name: Own\n".into());
    for name in members {
        add(
            &format!("computer-groups/{name}.yaml"),
            format!("name: {name}\nmembers: [\"{}\"]\n", version.len()),
        );
    }
    let around = Surroundings::new(&question::Catalogue::default(), Surroundings::this());
    pack::read(&tree, &around).expect("a pack without a fault")
}

fn group(name: &str) -> Key {
    Key::new(Kind::ComputerGroup, name)
}

fn who() -> Who {
    Who {
        by: "ada".into(),
        at: 1_800_000_000,
        why: "to try it".into(),
    }
}

/// Does something to content, keeps it, and gives it as it then is.
async fn does(store: &dyn Store, held: &KeptContent, work: impl FnOnce(&mut State)) -> KeptContent {
    let mut next = held.clone();
    work(&mut next.state);
    let change = ContentChange::between(held.revision, &held.state, &next.state);
    let change = change.expect("something was done");
    next.revision = store
        .change_content(change, deed("content.change"))
        .await
        .expect("kept");
    next.state.history.clear();
    next
}

fn imports(state: &mut State, pack: &Pack) {
    let plan = change::plan(state, pack, &Options::default()).expect("a plan");
    change::apply(state, &plan, &who()).expect("applied");
}

fn edits(state: &mut State, name: &str, member: &str) {
    let key = group(name);
    let value = json!({"name": name, "members": [member]});
    let object = Object::from_value(Kind::ComputerGroup, &value).expect("an object");
    let there = state.objects.get(&key).map(|item| item.content.digest());
    change::edit(state, &key, there, Some(&object), &who()).expect("edited");
}

pub async fn what_is_read_back_is_what_was_kept(place: &dyn Place) {
    let mut held = place.open().content().await.expect("read");
    assert_eq!(held, KeptContent::default());
    let (first, second) = (own("1.0.0", &["a", "b"]), own("1.10.0", &["b", "c"]));
    let steps: [&dyn Fn(&mut State); 9] = [
        &|state| imports(state, &first),
        &|state| edits(state, "a", "7"),
        &|state| edits(state, "mine", "8"),
        &|state| {
            change::supply(state, "own", "tool.zip", Some(Digest::of(b"tool")), &who())
                .expect("supplied");
        },
        &|state| imports(state, &second),
        &|state| edits(state, "c", "9"),
        &|state| {
            let plan = change::rollback(state, "own", Some(&"1.0.0".parse().expect("a version")));
            change::apply(state, &plan.expect("a plan"), &who()).expect("back");
        },
        &|state| {
            let plan = change::remove(state, "own").expect("a plan");
            change::apply(state, &plan, &who()).expect("removed");
        },
        &|state| {
            let plan = change::rollback(state, "own", Some(&"1.10.0".parse().expect("a version")));
            change::apply(state, &plan.expect("a plan"), &who()).expect("forth again");
        },
    ];
    for (at, step) in steps.into_iter().enumerate() {
        let store = place.open();
        held = does(store.as_ref(), &held, step).await;
        drop(store);
        let read = place.open().content().await.expect("read");
        assert_eq!(read.state, held.state, "after step {at}");
        assert_eq!(read.state.digest(), held.state.digest(), "after step {at}");
        assert_eq!(read.revision, at as u64 + 1);
    }
}

pub async fn of_two_changes_of_one_revision_the_second_is_refused_whole(place: &dyn Place) {
    let store = place.open();
    let held = does(store.as_ref(), &KeptContent::default(), |state| {
        imports(state, &own("1.0.0", &["a"]));
    })
    .await;
    let next = does(store.as_ref(), &held, |state| edits(state, "a", "7")).await;
    let mut late = held.state.clone();
    edits(&mut late, "a", "8");
    let mut change = ContentChange::between(held.revision, &held.state, &late).expect("a change");
    change.files.insert(Digest::of(b"x"), 1);
    let late = store.change_content(change, deed("content.change")).await;
    assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
    assert_eq!(store.content().await.expect("read"), next);
    assert_eq!(actions(store.as_ref()).await, ["content.change"; 2]);
}

pub async fn what_was_done_is_found_by_object_and_pack(place: &dyn Place) {
    let store = place.open();
    let held = does(store.as_ref(), &KeptContent::default(), |state| {
        imports(state, &own("1.0.0", &["a", "b"]));
    })
    .await;
    let held = does(store.as_ref(), &held, |state| edits(state, "a", "7")).await;
    does(store.as_ref(), &held, |state| edits(state, "mine", "7")).await;
    let find = |query: DeedQuery| {
        let store = store.clone();
        async move { store.content_deeds(query).await.expect("read") }
    };
    let limit = 10;
    let all = find(DeedQuery {
        limit,
        ..DeedQuery::default()
    });
    let numbers: Vec<_> = all
        .await
        .iter()
        .map(|d| (d.number, d.changes.len()))
        .collect();
    assert_eq!(numbers, [(3, 1), (2, 1), (1, 3)]);
    let of_a = find(DeedQuery {
        key: Some(group("a")),
        limit,
        ..DeedQuery::default()
    });
    let of_a = of_a.await;
    assert_eq!(of_a.len(), 2);
    assert!(of_a.iter().all(|deed| deed.changes.len() == 1));
    assert_eq!(of_a[0].changes[0].fields()[0].path, "members[5]");
    assert_eq!(of_a[0].why, "to try it");
    let of_pack = find(DeedQuery {
        pack: Some("own".into()),
        before: Some(2),
        limit,
        ..DeedQuery::default()
    });
    assert_eq!(of_pack.await.len(), 1);
}
