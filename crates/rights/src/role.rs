//! Roles: named lists of rules, and how a person comes to hold one.

use crate::permission::{Permission, Scope};
use crate::sets::ContentSet;
use serde::{Deserialize, Serialize};

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Allows, unless something denies.
    Grant,
    /// Forbids, whatever grants.
    Deny,
}

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// Every content set, those to come included; for a global permission, Cordon as a whole.
    Everything,
    /// One content set.
    Set(ContentSet),
}

/// One line of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// Grant or deny.
    pub effect: Effect,
    /// What.
    pub permission: Permission,
    /// Over what.
    pub over: Over,
    /// A grant that counts only for who may [use Ask](Permission::UseAsk); a denial always counts.
    #[serde(default)]
    pub with_ask: bool,
}

/// Why a role is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoleError {
    /// A global permission over a content set.
    #[error("`{0}` is about Cordon as a whole and takes no content set")]
    Global(Permission),
    /// The same permission over the same content, twice.
    #[error("`{0}` stands twice over the same content")]
    Twice(Permission),
}

/// A named list of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    rules: Vec<Rule>,
}

impl Role {
    /// A role of these rules.
    ///
    /// # Errors
    /// All that is wrong with them, in their order.
    pub fn new(rules: Vec<Rule>) -> Result<Self, Vec<RoleError>> {
        let mut wrong = Vec::new();
        for (at, rule) in rules.iter().enumerate() {
            if rule.permission.scope() == Scope::Global && rule.over != Over::Everything {
                wrong.push(RoleError::Global(rule.permission));
            }
            let same =
                |other: &Rule| other.permission == rule.permission && other.over == rule.over;
            if rules.iter().take(at).any(same) {
                wrong.push(RoleError::Twice(rule.permission));
            }
        }
        if wrong.is_empty() {
            Ok(Self { rules })
        } else {
            Err(wrong)
        }
    }

    /// The reserved role that may do everything.
    #[must_use]
    pub fn administrator() -> Self {
        Self::over_everything(|_| true)
    }

    /// The reserved role that may do everything with content, and nothing to people, endpoints or keys.
    #[must_use]
    pub fn content_administrator() -> Self {
        use Permission as P;
        Self::over_everything(|p| {
            p.scope() == Scope::ContentSet
                && !matches!(p, P::ApproveAction | P::BypassActionApproval)
                || matches!(p, P::AskDynamicQuestions | P::UseAsk | P::ManageContent)
        })
    }

    /// A role that grants nothing.
    #[must_use]
    pub fn nothing() -> Self {
        Self { rules: Vec::new() }
    }

    fn over_everything(which: impl Fn(Permission) -> bool) -> Self {
        let granted = Permission::ALL.iter().copied().filter(|p| which(*p));
        let rules = granted.map(|permission| Rule {
            effect: Effect::Grant,
            permission,
            over: Over::Everything,
            with_ask: false,
        });
        Self {
            rules: rules.collect(),
        }
    }

    /// Its rules.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }
}

/// How a role came to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    /// It was given to them.
    Own,
    /// By the user group with this number.
    UserGroup(u64),
    /// By the token that they go by, which narrows and never widens.
    Token,
}

/// A role as somebody holds it.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// The number by which the store knows the role.
    pub id: u64,
    /// The role.
    pub role: &'a Role,
    /// How it came.
    pub via: Via,
}
