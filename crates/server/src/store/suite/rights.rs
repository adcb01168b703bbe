//! Roles, user groups, bounds, and who is in the groups that bound.

use super::accounts::{ada, user};
use super::{Place, actions, deed};
use crate::model::ids::UserId;
use crate::model::rights::{GroupMembers, NamedBounds, RoleLine};
use crate::model::role::Role;
use crate::store::groups::NewGroup;
use crate::store::rights::{OwnDraft, RoleDraft, UserGroupDraft};
use crate::store::{Store, StoreError};
use answer::EndpointSet;
use rights::{Effect, Permission};

fn role(name: &str) -> RoleDraft {
    RoleDraft {
        name: name.into(),
        description: String::new(),
        lines: vec![RoleLine {
            effect: Effect::Grant,
            permission: Permission::ReadSensor,
            content_set: Some("Core".into()),
            with_ask: true,
        }],
    }
}

fn people(name: &str, members: &[&str], roles: &[&str]) -> UserGroupDraft {
    UserGroupDraft {
        name: name.into(),
        description: String::new(),
        members: members.iter().map(ToString::to_string).collect(),
        roles: roles.iter().map(ToString::to_string).collect(),
        bounds: Some(within("web")),
    }
}

fn within(group: &str) -> NamedBounds {
    NamedBounds {
        within: vec![group.into()],
        ..NamedBounds::default()
    }
}

async fn group(store: &dyn Store, owner: UserId) -> u64 {
    let group = NewGroup {
        name: "web".into(),
        filter: "Computer Name contains web".into(),
        owner,
        owner_name: "ada".into(),
    };
    let made = store.create_group(group, deed("group.create")).await;
    made.expect("added").version
}

fn conflict<T: std::fmt::Debug>(outcome: Result<T, StoreError>, word: &str) {
    match outcome {
        Err(StoreError::Conflict(told)) => assert!(told.contains(word), "{told}"),
        other => panic!("no conflict: {other:?}"),
    }
}

pub async fn roles_and_user_groups_are_kept_and_those_in_use_stay(place: &dyn Place) {
    let store = place.open();
    ada(store.as_ref()).await;
    let made = store
        .create_role(role("Readers"), deed("role.create"))
        .await;
    assert_eq!(made.expect("made").version, 1);
    conflict(
        store
            .create_role(role("READERS"), deed("role.create"))
            .await,
        "exists",
    );
    let made = store
        .create_user_group(
            people("Us", &["Ada"], &["readers"]),
            deed("user-group.create"),
        )
        .await;
    let made = made.expect("made");
    assert_eq!((made.members.len(), made.roles.len()), (1, 1));
    let missing = store
        .create_user_group(people("Them", &["eve"], &[]), deed("user-group.create"))
        .await;
    assert!(
        matches!(missing, Err(StoreError::Missing(_))),
        "{missing:?}"
    );
    conflict(
        store
            .delete_role("readers".into(), deed("role.delete"))
            .await,
        "`Us`",
    );

    let changed = store
        .change_role("readers".into(), 1, role("Lookers"), deed("role.change"))
        .await;
    assert_eq!(changed.expect("changed").version, 2);
    conflict(
        store
            .change_role("lookers".into(), 1, role("Lookers"), deed("role.change"))
            .await,
        "meanwhile",
    );
    store
        .create_role(role("Other"), deed("role.create"))
        .await
        .expect("made");
    conflict(
        store
            .change_role("other".into(), 1, role("lookers"), deed("role.change"))
            .await,
        "exists",
    );
    drop(store);

    let store = place.open();
    let kept = store.kept_rights().await.expect("read");
    let names: Vec<&str> = kept.roles.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(names, ["Lookers", "Other"]);
    assert_eq!(kept.roles[0].lines, role("").lines);
    assert_eq!(kept.user_groups[0].bounds, Some(within("web")));
    store
        .delete_user_group("us".into(), deed("user-group.delete"))
        .await
        .expect("removed");
    store
        .delete_role("lookers".into(), deed("role.delete"))
        .await
        .expect("removed");
    let told = actions(store.as_ref()).await;
    assert_eq!(
        told,
        [
            "user.create",
            "role.create",
            "user-group.create",
            "role.change",
            "role.create",
            "user-group.delete",
            "role.delete",
        ],
        "what was refused is no deed"
    );
}

pub async fn what_somebody_was_given_goes_with_them(place: &dyn Place) {
    let store = place.open();
    ada(store.as_ref()).await;
    let bob = store
        .create_user(user("bob", Role::Member), deed("user.create"))
        .await
        .expect("made");
    store
        .create_role(role("Readers"), deed("role.create"))
        .await
        .expect("made");
    let own = |roles: &[&str]| OwnDraft {
        user: "BOB".into(),
        roles: roles.iter().map(ToString::to_string).collect(),
        bounds: Some(within("web")),
    };
    let missing = store
        .set_own_rights(own(&["readers", "nothing"]), deed("user.rights"))
        .await;
    assert!(
        matches!(missing, Err(StoreError::Missing(_))),
        "{missing:?}"
    );
    assert_eq!(
        store.kept_rights().await.expect("read").own,
        [],
        "all or nothing"
    );
    store
        .set_own_rights(own(&["readers", "Readers"]), deed("user.rights"))
        .await
        .expect("given");
    let kept = store.kept_rights().await.expect("read");
    assert_eq!((kept.own[0].user, kept.own[0].roles.len()), (bob, 1));
    conflict(
        store
            .delete_role("readers".into(), deed("role.delete"))
            .await,
        "`bob`",
    );
    store
        .create_user_group(people("Us", &["bob"], &[]), deed("user-group.create"))
        .await
        .expect("made");
    store
        .delete_user("bob".into(), deed("user.delete"))
        .await
        .expect("removed");
    let kept = store.kept_rights().await.expect("read");
    assert_eq!((kept.own.len(), kept.user_groups[0].members.len()), (0, 0));
    store
        .delete_role("readers".into(), deed("role.delete"))
        .await
        .expect("nobody has it");
}

pub async fn who_is_in_a_group_is_kept_for_what_it_means_now(place: &dyn Place) {
    let store = place.open();
    let ada = ada(store.as_ref()).await;
    let version = group(store.as_ref(), ada).await;
    let members = |version| GroupMembers {
        group: "WEB".into(),
        version,
        members: EndpointSet::from_iter([1, 70_000]),
        others: EndpointSet::from_iter([2]),
        evaluated_at: 17,
    };
    // Of a meaning that it does not have, nothing is kept.
    store
        .save_group_members(members(version + 1))
        .await
        .expect("nothing to do");
    assert_eq!(store.kept_rights().await.expect("read").members, []);
    store
        .save_group_members(members(version))
        .await
        .expect("kept");
    drop(store);
    let store = place.open();
    let kept = store.kept_rights().await.expect("read").members;
    assert_eq!(
        kept,
        [GroupMembers {
            group: "web".into(),
            ..members(version)
        }]
    );
    store
        .change_group(
            "web".into(),
            version,
            "Computer Name = x".into(),
            deed("group.change"),
        )
        .await
        .expect("changed");
    assert_eq!(store.kept_rights().await.expect("read").members, []);
    // What bounds somebody is not taken from under them.
    let own = OwnDraft {
        user: "ada".into(),
        roles: Vec::new(),
        bounds: Some(NamedBounds {
            everything: true,
            within: Vec::new(),
            without: vec!["web".into()],
        }),
    };
    store
        .set_own_rights(own, deed("user.rights"))
        .await
        .expect("given");
    conflict(
        store
            .delete_group("web".into(), version + 1, deed("group.delete"))
            .await,
        "`ada`",
    );
}
