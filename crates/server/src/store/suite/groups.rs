//! Groups.

use super::answers::ask;
use super::{Place, actions, deed};
use crate::model::ids::UserId;
use crate::store::groups::{NewGroup, StoredGroup};
use crate::store::{Store, StoreError};

async fn ada(store: &dyn Store) -> UserId {
    let ada = super::accounts::ada(store);
    ada.await
}

fn group(name: &str, owner: UserId) -> NewGroup {
    NewGroup {
        name: name.into(),
        filter: "Computer Name contains web".into(),
        owner,
        owner_name: "ada".into(),
    }
}

async fn add(store: &dyn Store, name: &str, owner: UserId) -> StoredGroup {
    store
        .create_group(group(name, owner), deed("group.create"))
        .await
        .expect("added")
}

pub async fn groups_are_kept_by_name(place: &dyn Place) {
    let store = place.open();
    let ada = ada(store.as_ref()).await;
    for name in ["web", "db"] {
        let added = add(store.as_ref(), name, ada).await;
        assert_eq!((added.owner, added.version), (Some(ada), 1));
    }
    for name in ["WEB", "\u{ff57}eb"] {
        let taken = store.create_group(group(name, ada), deed("group.create"));
        let taken = taken.await;
        assert!(matches!(taken, Err(StoreError::Conflict(_))), "{taken:?}");
    }
    drop(store);
    let store = place.open();
    let groups = store.groups().await.expect("read");
    let names: Vec<_> = groups.iter().map(|g| g.name.as_str()).collect();
    assert_eq!(names, ["db", "web"]);
    store
        .delete_group("db".into(), 1, deed("group.delete"))
        .await
        .expect("removed");
    let gone = store
        .delete_group("db".into(), 1, deed("group.delete"))
        .await;
    assert!(matches!(gone, Err(StoreError::Missing(_))), "{gone:?}");
    let told = actions(store.as_ref()).await;
    assert_eq!(
        told,
        [
            "user.create",
            "group.create",
            "group.create",
            "group.delete"
        ]
    );
}

pub async fn a_name_means_one_thing_in_each_version(place: &dyn Place) {
    let store = place.open();
    let ada = ada(store.as_ref()).await;
    add(store.as_ref(), "web", ada).await;
    let change = |version| {
        let filter = "Computer Name contains www".to_owned();
        store.change_group("web".into(), version, filter, deed("group.change"))
    };
    let changed = change(1).await.expect("changed");
    assert_eq!(
        (changed.version, changed.filter.as_str()),
        (2, "Computer Name contains www")
    );
    let late = change(1).await;
    assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
    let late = store
        .delete_group("web".into(), 1, deed("group.delete"))
        .await;
    assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
    store
        .delete_group("web".into(), 2, deed("group.delete"))
        .await
        .expect("removed");
    let again = add(store.as_ref(), "web", ada).await;
    assert_eq!(again.version, 3, "it goes on counting");
}

pub async fn a_group_in_use_stays(place: &dyn Place) {
    let store = place.open();
    let ada = ada(store.as_ref()).await;
    add(store.as_ref(), "web", ada).await;
    let (id, _) = ask(store.as_ref()).await;
    let names = vec!["web".into(), "gone".into()];
    store
        .note_groups(id, names, deed("question.groups"))
        .await
        .expect("noted");
    let delete = || store.delete_group("web".into(), 1, deed("group.delete"));
    let used = delete().await;
    let Err(StoreError::Conflict(text)) = used else {
        panic!("{used:?}");
    };
    assert!(text.contains(&id.to_string()), "{text}");
    store
        .close_question(id, "{}".into(), "[]".into())
        .await
        .expect("closed");
    delete().await.expect("nobody uses it");
    assert!(store.stored_groups().await.expect("read").is_empty());
}

pub async fn a_group_outlives_its_owner(place: &dyn Place) {
    let store = place.open();
    let ada = ada(store.as_ref()).await;
    add(store.as_ref(), "web", ada).await;
    store
        .create_user(
            super::accounts::user("bob", crate::model::role::Role::Administrator),
            deed("user.create"),
        )
        .await
        .expect("added");
    store
        .delete_user("ada".into(), deed("user.delete"))
        .await
        .expect("removed");
    let kept = store.stored_groups().await.expect("read").remove(0);
    assert_eq!((kept.owner, kept.owner_name), (None, None));
}

pub async fn a_group_is_given_away(place: &dyn Place) {
    let store = place.open();
    let ada = ada(store.as_ref()).await;
    add(store.as_ref(), "web", ada).await;
    let bob = super::accounts::user("bob", crate::model::role::Role::Operator);
    let bob = store
        .create_user(bob, deed("user.create"))
        .await
        .expect("added");
    let give = |version, owner: &str| {
        store.give_group("web".into(), version, owner.into(), deed("group.owner"))
    };
    let given = give(1, "Bob").await.expect("given");
    assert_eq!((given.owner, given.version), (Some(bob), 1));
    let nobody = give(1, "eve").await;
    assert!(matches!(nobody, Err(StoreError::Missing(_))), "{nobody:?}");
    let late = give(2, "ada").await;
    assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
}
