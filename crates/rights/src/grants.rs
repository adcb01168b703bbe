//! What all roles of a person come to, and why.

use crate::permission::Permission;
use crate::role::{Effect, Held, Over, Via};
use crate::sets::{ContentSet, Sets};

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Granted, and nowhere denied.
    Granted,
    /// Nothing grants it.
    NotGranted,
    /// Something denies it, whatever grants it.
    Denied,
}

impl Verdict {
    /// Whether it may be done.
    #[must_use]
    pub fn is_granted(self) -> bool {
        self == Self::Granted
    }
}

/// What a person may do, ready to be asked often: made anew when a role, a user group or a person changes.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    /// By the permission's code.
    by_code: Vec<Line>,
}

#[derive(Clone, Debug, Default)]
struct Line {
    granted: Sets,
    granted_with_ask: Sets,
    denied: Sets,
}

impl Grants {
    /// What these roles come to together. Their order does not matter.
    #[must_use]
    pub fn of<'a>(roles: impl IntoIterator<Item = Held<'a>>) -> Self {
        let mut grants = Self::default();
        for held in roles {
            for rule in held.role.rules() {
                let line = grants.line(rule.permission);
                let sets = match (rule.effect, rule.with_ask) {
                    (Effect::Grant, false) => &mut line.granted,
                    (Effect::Grant, true) => &mut line.granted_with_ask,
                    (Effect::Deny, _) => &mut line.denied,
                };
                match rule.over {
                    Over::Everything => sets.add_all(),
                    Over::Set(set) => sets.add(set),
                }
            }
        }
        grants
    }

    fn line(&mut self, permission: Permission) -> &mut Line {
        let code = usize::from(permission.code());
        if self.by_code.len() <= code {
            self.by_code.resize_with(code + 1, Line::default);
        }
        #[expect(clippy::indexing_slicing, reason = "made long enough above")]
        &mut self.by_code[code]
    }

    /// Whether the permission is granted over this content set; for a global one, none is named.
    #[must_use]
    pub fn judge(&self, permission: Permission, set: Option<ContentSet>) -> Verdict {
        match self.by_code.get(usize::from(permission.code())) {
            Some(line) if line.denied.has(set) => Verdict::Denied,
            Some(line) if line.granted.has(set) => Verdict::Granted,
            Some(line) if line.granted_with_ask.has(set) && self.may_ask() => Verdict::Granted,
            _ => Verdict::NotGranted,
        }
    }

    /// Whether Ask may be used: by a rule that stands for itself.
    fn may_ask(&self) -> bool {
        let line = self.by_code.get(usize::from(Permission::UseAsk.code()));
        line.is_some_and(|line| line.granted.has(None) && !line.denied.has(None))
    }

    /// As [`judge`](Self::judge), for whom the reason does not matter.
    #[must_use]
    pub fn may(&self, permission: Permission, set: Option<ContentSet>) -> bool {
        self.judge(permission, set).is_granted()
    }

    /// Whether there is any content over which it is granted: for what is listed only to those who see some of it.
    #[must_use]
    pub fn may_somewhere(&self, permission: Permission) -> bool {
        self.by_code
            .get(usize::from(permission.code()))
            .is_some_and(|line| {
                let denied = &line.denied;
                let somewhere = |granted: &Sets| {
                    granted.is_all() || granted.named().iter().any(|set| !denied.has(Some(*set)))
                };
                let with_ask = || self.may_ask() && somewhere(&line.granted_with_ask);
                !denied.is_all() && (somewhere(&line.granted) || with_ask())
            })
    }

    /// What is left under a token that has roles of its own: what both allow, and a denial of either.
    #[must_use]
    pub fn narrowed(&self, token: &Self) -> Narrowed {
        Narrowed {
            owner: self.clone(),
            token: token.clone(),
        }
    }

    /// Whether nothing is granted anywhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_code
            .iter()
            .all(|line| line.granted.is_empty() && line.granted_with_ask.is_empty())
    }
}

/// What somebody may do who goes by a token with roles of its own.
#[derive(Clone, Debug)]
pub struct Narrowed {
    owner: Grants,
    token: Grants,
}

impl Narrowed {
    /// As [`Grants::judge`]. A denial of either side is one.
    #[must_use]
    pub fn judge(&self, permission: Permission, set: Option<ContentSet>) -> Verdict {
        let both = [&self.owner, &self.token].map(|grants| grants.judge(permission, set));
        if both.contains(&Verdict::Denied) {
            Verdict::Denied
        } else if both.contains(&Verdict::NotGranted) {
            Verdict::NotGranted
        } else {
            Verdict::Granted
        }
    }
}

/// A rule that has a say in a judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The role.
    pub role: u64,
    /// How the person came to hold it.
    pub via: Via,
    /// What it says.
    pub effect: Effect,
    /// Over what it says so.
    pub over: Over,
    /// A grant that counts only together with [`Permission::UseAsk`].
    pub with_ask: bool,
}

/// Every rule of these roles that has a say in whether a permission is granted over a content set: denials first, for they decide.
pub fn explain<'a>(
    roles: impl IntoIterator<Item = Held<'a>>,
    permission: Permission,
    set: Option<ContentSet>,
) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = Vec::new();
    for held in roles {
        for rule in held.role.rules() {
            let concerns = match rule.over {
                Over::Everything => true,
                Over::Set(over) => Some(over) == set,
            };
            if rule.permission == permission && concerns {
                reasons.push(Reason {
                    role: held.id,
                    via: held.via,
                    effect: rule.effect,
                    over: rule.over,
                    with_ask: rule.with_ask,
                });
            }
        }
    }
    reasons.sort_by_key(|reason| reason.effect == Effect::Grant);
    reasons
}
