//! Why somebody may do something, or may not.

use super::book::{BUILT_IN, Book};
use crate::model::ids::{RoleId, UserId};
use crate::model::role::Role;
use rights::{Effect, Permission, Verdict, Via, explain};

/// A role that has a say, and by which way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Name of the role.
    pub role: String,
    /// The user group by which it came; `None` when it was given to the user.
    pub user_group: Option<String>,
}

/// Whether something may be done, with everything that has a say in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// What was asked.
    pub permission: Permission,
    /// Over which content set.
    pub content_set: Option<String>,
    /// What comes out.
    pub verdict: Verdict,
    /// What denies it.
    pub denied_by: Vec<Source>,
    /// What grants it, for itself or together with Ask.
    pub granted_by: Vec<Source>,
}

impl Book {
    /// The rule-giver of an explanation, for people.
    fn source(&self, role: u64, via: Via, built_in: Role) -> Source {
        let name = match role {
            BUILT_IN => built_in.as_str().to_owned(),
            id => {
                let found = self.role(RoleId(id));
                found.map(|role| role.name.clone()).unwrap_or_default()
            }
        };
        let user_group = match via {
            Via::UserGroup(id) => {
                let mut all = self.user_groups().iter();
                let found = all.find(|group| group.id.0 == id);
                found.map(|group| group.name.clone())
            }
            Via::Own | Via::Token => None,
        };
        Source {
            role: name,
            user_group,
        }
    }

    /// Whether a user with this built-in role has this permission, and why.
    #[must_use]
    pub fn explain(
        &self,
        (user, role): (UserId, Role),
        permission: Permission,
        content_set: Option<&str>,
    ) -> Explained {
        let set = content_set.map(|name| self.set(name));
        // No denial reaches an administrator, so nothing else has a say.
        let held: Vec<_> = self
            .held(user, role)
            .take(if role == Role::Administrator {
                1
            } else {
                usize::MAX
            })
            .collect();
        let reasons = explain(held, permission, set);
        let sources = |effect: Effect| -> Vec<Source> {
            let all = reasons.iter().filter(|reason| reason.effect == effect);
            all.map(|reason| self.source(reason.role, reason.via, role))
                .collect()
        };
        Explained {
            permission,
            content_set: content_set.map(str::to_owned),
            verdict: self.of(user, role).judge(permission, content_set),
            denied_by: sources(Effect::Deny),
            granted_by: sources(Effect::Grant),
        }
    }
}
