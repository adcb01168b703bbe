//! What people and tokens may do by themselves: the roles that are built in, and the scopes that narrow a token.
//!
//! A user has one built-in role; roles that people make, and user groups, come on top ([`super::rights`], [`crate::access`]). A token may do
//! what both its scopes and its owner's roles allow, judged anew at each request: a user who loses a role takes it from their tokens
//! too. Scopes are independent; `ask` alone may not read.

use rights::{Effect, Over, Permission, Rule};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

/// A part of all permissions, for narrowing a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// See questions, answers, endpoints and content.
    Read,
    /// Ask questions and cancel them; make groups.
    Ask,
    /// Everything else: change content, manage users, endpoints, enrolment and trust; read the audit log.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Read, Self::Ask, Self::Admin];

    /// The one that a permission belongs to.
    #[must_use]
    pub fn of(permission: Permission) -> Self {
        use Permission as P;
        match permission {
            P::UseAsk | P::ReadSensor | P::ReadPackage | P::ReadSavedQuestion | P::ReadAction => {
                Self::Read
            }
            P::AskDynamicQuestions => Self::Ask,
            P::WriteSensor
            | P::WritePackage
            | P::WriteSavedQuestion
            | P::WriteAction
            | P::WriteActionForSavedQuestions
            | P::ApproveAction
            | P::BypassActionApproval
            | P::ReadAudit
            | P::ManageUsers
            | P::ManageEndpoints
            | P::ManageContent
            | P::ManageTrust
            | P::ManageSessions
            | P::ManageAnswers => Self::Admin,
        }
    }

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Ask => "ask",
            Self::Admin => "admin",
        }
    }
}

/// A role that is built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, everywhere. No denial and no bound reaches it: somebody must always be able to mend the rights of all.
    Administrator,
    /// Everything with content, and nothing to people, endpoints or keys.
    ContentAdministrator,
    /// See content and answers, and ask.
    Operator,
    /// See content and answers.
    Reader,
    /// Nothing by itself: what other roles and user groups give.
    Member,
}

impl Role {
    /// All of them, the mightiest first.
    pub const ALL: [Self; 5] = [
        Self::Administrator,
        Self::ContentAdministrator,
        Self::Operator,
        Self::Reader,
        Self::Member,
    ];

    /// What it grants.
    #[must_use]
    pub fn rights(self) -> &'static rights::Role {
        static ADMINISTRATOR: LazyLock<rights::Role> = LazyLock::new(rights::Role::administrator);
        static CONTENT: LazyLock<rights::Role> = LazyLock::new(rights::Role::content_administrator);
        static OPERATOR: LazyLock<rights::Role> =
            LazyLock::new(|| over_everything(|scope| scope != Scope::Admin));
        static READER: LazyLock<rights::Role> =
            LazyLock::new(|| over_everything(|scope| scope == Scope::Read));
        static MEMBER: LazyLock<rights::Role> = LazyLock::new(|| over_everything(|_| false));
        match self {
            Self::Administrator => &ADMINISTRATOR,
            Self::ContentAdministrator => &CONTENT,
            Self::Operator => &OPERATOR,
            Self::Reader => &READER,
            Self::Member => &MEMBER,
        }
    }

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::ContentAdministrator => "content_administrator",
            Self::Operator => "operator",
            Self::Reader => "reader",
            Self::Member => "member",
        }
    }
}

fn over_everything(which: impl Fn(Scope) -> bool) -> rights::Role {
    let granted = Permission::ALL.iter().filter(|p| which(Scope::of(**p)));
    let rules = granted.map(|permission| Rule {
        effect: Effect::Grant,
        permission: *permission,
        over: Over::Everything,
        with_ask: false,
    });
    // Each permission stands once, and over everything: there is nothing to refuse.
    rights::Role::new(rules.collect()).unwrap_or_else(|_| rights::Role::nothing())
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no role or scope.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no {1}")]
pub struct Unknown(String, &'static str);

impl FromStr for Role {
    type Err = Unknown;
    fn from_str(text: &str) -> Result<Self, Unknown> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| Unknown(text.into(), "role"))
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Scopes(u8);

impl Scopes {
    /// Whether the set holds this scope.
    #[must_use]
    pub fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// The scopes in it.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |s| self.has(*s))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |set, s| set | (1 << s as u8)))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.iter().map(Scope::as_str).collect();
        f.write_str(&words.join(","))
    }
}

impl FromStr for Scopes {
    type Err = Unknown;
    fn from_str(text: &str) -> Result<Self, Unknown> {
        text.split(',')
            .filter(|word| !word.is_empty())
            .map(|word| {
                Scope::ALL
                    .into_iter()
                    .find(|known| known.as_str() == word)
                    .ok_or_else(|| Unknown(word.into(), "scope"))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rights::{Grants, Held, Via};

    #[test]
    fn roles_grant_what_they_say() {
        for role in Role::ALL {
            let held = Held {
                id: 0,
                role: role.rights(),
                via: Via::Own,
            };
            let grants = Grants::of([held]);
            for permission in Permission::ALL {
                let scope = Scope::of(*permission);
                let expected = match role {
                    Role::Administrator => true,
                    Role::ContentAdministrator => continue,
                    Role::Operator => scope != Scope::Admin,
                    Role::Reader => scope == Scope::Read,
                    Role::Member => false,
                };
                assert_eq!(
                    grants.may(*permission, None),
                    expected,
                    "{role} {permission}"
                );
            }
            assert_eq!(role.as_str().parse::<Role>().expect("a role"), role);
        }
    }

    #[test]
    fn scopes_read_back() {
        for bits in 0..8 {
            let scopes = Scopes(bits);
            assert_eq!(
                scopes.to_string().parse::<Scopes>().expect("scopes"),
                scopes
            );
            assert_eq!(scopes.iter().collect::<Scopes>(), scopes);
        }
        assert!("read,root".parse::<Scopes>().is_err());
    }
}
