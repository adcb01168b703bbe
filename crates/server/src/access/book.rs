//! Everything that is kept of rights, with numbers in place of names.

use super::effective::{Effective, SensorSets, SetNumbers};
use crate::model::ids::{RoleId, UserId};
use crate::model::rights::{
    GroupMembers, KeptRights, NamedBounds, OwnRights, RoleLine, StoredRole, UserGroup,
};
use crate::model::role::Role;
use rights::{Bounds, ContentSet, Grants, Group, Held, Membership, Over, Reach, Rule, Via};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// The number by which a built-in role goes in an explanation.
pub(super) const BUILT_IN: u64 = 0;

struct KeptRole {
    stored: StoredRole,
    rights: rights::Role,
}

/// See the module.
pub struct Book {
    roles: HashMap<RoleId, KeptRole>,
    user_groups: Vec<UserGroup>,
    own: HashMap<UserId, OwnRights>,
    sets: Arc<SetNumbers>,
    sensors: Arc<SensorSets>,
    /// By their names in lower case; [`Group`] is the place.
    groups: HashMap<String, Group>,
    members: HashMap<Group, Membership>,
    evaluated: HashMap<String, GroupMembers>,
    made: Mutex<HashMap<(UserId, Role), Arc<Effective>>>,
}

impl Book {
    /// What these come to.
    #[must_use]
    pub fn new(kept: KeptRights, sensors: Arc<SensorSets>) -> Self {
        let mut sets = SetNumbers::default();
        let roles = kept.roles.into_iter().map(|stored| {
            let rights = rights_of(&stored.lines, &mut sets);
            (stored.id, KeptRole { stored, rights })
        });
        let roles = roles.collect();
        let mut book = Self {
            roles,
            user_groups: kept.user_groups,
            own: kept.own.into_iter().map(|own| (own.user, own)).collect(),
            sets: Arc::new(sets),
            sensors,
            groups: HashMap::new(),
            members: HashMap::new(),
            evaluated: HashMap::new(),
            made: Mutex::default(),
        };
        for name in book.bounding() {
            let next = Group(book.groups.len() as u64);
            book.groups.insert(name, next);
        }
        for kept in kept.members {
            let name = kept.group.to_lowercase();
            if let Some(group) = book.groups.get(&name) {
                book.members.insert(*group, membership(&kept));
            }
            book.evaluated.insert(name, kept);
        }
        book
    }

    /// The computer groups that bound somebody, by their names in lower case.
    #[must_use]
    pub fn bounding(&self) -> BTreeSet<String> {
        let own = self.own.values().filter_map(|own| own.bounds.as_ref());
        let common = self.user_groups.iter().filter_map(|g| g.bounds.as_ref());
        own.chain(common)
            .flat_map(|bounds| bounds.within.iter().chain(&bounds.without))
            .map(|name| name.to_lowercase())
            .collect()
    }

    /// What is known of who is in a computer group.
    #[must_use]
    pub fn evaluated(&self, group: &str) -> Option<&GroupMembers> {
        self.evaluated.get(&group.to_lowercase())
    }

    /// Roles that people made.
    pub fn roles(&self) -> impl Iterator<Item = &StoredRole> {
        self.roles.values().map(|role| &role.stored)
    }

    /// The role of this number.
    #[must_use]
    pub fn role(&self, id: RoleId) -> Option<&StoredRole> {
        self.roles.get(&id).map(|role| &role.stored)
    }

    /// All user groups, by name.
    #[must_use]
    pub fn user_groups(&self) -> &[UserGroup] {
        &self.user_groups
    }

    /// The user groups that somebody is in.
    pub fn groups_of(&self, user: UserId) -> impl Iterator<Item = &UserGroup> {
        let all = self.user_groups.iter();
        all.filter(move |group| group.members.contains(&user))
    }

    /// What somebody was given themself.
    #[must_use]
    pub fn own(&self, user: UserId) -> Option<&OwnRights> {
        self.own.get(&user)
    }

    /// The content sets that a role of theirs names.
    #[must_use]
    pub fn sets_of(&self, user: UserId) -> BTreeSet<String> {
        let own = self.own.get(&user).into_iter();
        let own = own.flat_map(|own| own.roles.iter());
        let common = self.groups_of(user).flat_map(|group| group.roles.iter());
        own.chain(common)
            .filter_map(|id| self.role(*id))
            .flat_map(|role| role.lines.iter().filter_map(|l| l.content_set.clone()))
            .collect()
    }

    /// What somebody with this built-in role may do.
    #[must_use]
    pub fn of(&self, user: UserId, role: Role) -> Arc<Effective> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || Arc::new(self.make(user, role));
        Arc::clone(made.entry((user, role)).or_insert_with(make))
    }

    fn make(&self, user: UserId, role: Role) -> Effective {
        let everything = Reach::everything();
        let (grants, reach) = if role == Role::Administrator {
            (Grants::of([built_in(role)]), everything)
        } else {
            (Grants::of(self.held(user, role)), self.reach(user))
        };
        Effective::new(
            grants,
            reach,
            Arc::clone(&self.sets),
            Arc::clone(&self.sensors),
        )
    }

    /// The roles that somebody holds, with how they came to hold them.
    pub(super) fn held(&self, user: UserId, role: Role) -> impl Iterator<Item = Held<'_>> {
        let own = self.own.get(&user).into_iter();
        let own = own.flat_map(|own| own.roles.iter().map(|id| (*id, Via::Own)));
        let common = self.groups_of(user).flat_map(|group| {
            let via = Via::UserGroup(group.id.0);
            group.roles.iter().map(move |id| (*id, via))
        });
        let made = own.chain(common).filter_map(|(id, via)| {
            let role = &self.roles.get(&id)?.rights;
            Some(Held {
                id: id.0,
                role,
                via,
            })
        });
        std::iter::once(built_in(role)).chain(made)
    }

    /// The number of a content set, for judging.
    pub(super) fn set(&self, name: &str) -> ContentSet {
        self.sets.find(name)
    }

    /// Whose endpoints somebody sees: all of them, where nothing bounds them.
    fn reach(&self, user: UserId) -> Reach {
        let own = self.own.get(&user).and_then(|own| own.bounds.as_ref());
        let common = self.groups_of(user).filter_map(|g| g.bounds.as_ref());
        let bounds: Vec<Bounds> = own
            .into_iter()
            .chain(common)
            .map(|bounds| self.numbered(bounds))
            .collect();
        if bounds.is_empty() {
            return Reach::everything();
        }
        Reach::of(&bounds, |group| self.members.get(&group))
    }

    fn numbered(&self, bounds: &NamedBounds) -> Bounds {
        let numbers = |names: &[String]| -> Vec<Group> {
            let all = names.iter();
            all.filter_map(|name| self.groups.get(&name.to_lowercase()).copied())
                .collect()
        };
        Bounds {
            everything: bounds.everything,
            within: numbers(&bounds.within),
            without: numbers(&bounds.without),
        }
    }
}

fn built_in(role: Role) -> Held<'static> {
    Held {
        id: BUILT_IN,
        role: role.rights(),
        via: Via::Own,
    }
}

fn rights_of(lines: &[RoleLine], sets: &mut SetNumbers) -> rights::Role {
    let rules = lines.iter().map(|line| Rule {
        effect: line.effect,
        permission: line.permission,
        over: match &line.content_set {
            Some(name) => Over::Set(sets.number(name)),
            None => Over::Everything,
        },
        with_ask: line.with_ask,
    });
    // What is kept was checked when it came; what is none all the same grants nothing.
    rights::Role::new(rules.collect()).unwrap_or_else(|_| rights::Role::nothing())
}

fn membership(kept: &GroupMembers) -> Membership {
    Membership {
        members: kept.members.clone(),
        others: kept.others.clone(),
    }
}
