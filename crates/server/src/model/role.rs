//! Who may do what: three permissions, roles that grant them, and scopes that narrow a token.
//!
//! A token may do what both its scopes and its owner's role allow, judged anew at each request: a user who loses a
//! role takes it from their tokens too. Scopes are independent; `ask` alone may not read.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What an operation needs. Each is also the name of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// See questions, answers, endpoints and sensors.
    Read,
    /// Ask questions and cancel them; make groups.
    Ask,
    /// Manage users, endpoints, enrolment and trust; read the audit log.
    Admin,
}

impl Permission {
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

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Administrator,
    /// Read and ask.
    Operator,
    /// Read only.
    Reader,
}

impl Role {
    /// Whether the role allows this.
    #[must_use]
    pub fn permits(self, permission: Permission) -> bool {
        match self {
            Self::Administrator => true,
            Self::Operator => permission != Permission::Admin,
            Self::Reader => permission == Permission::Read,
        }
    }

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Operator => "operator",
            Self::Reader => "reader",
        }
    }
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
        [Self::Administrator, Self::Operator, Self::Reader]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| Unknown(text.into(), "role"))
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Scopes(u8);

impl Scopes {
    const ALL: [Permission; 3] = [Permission::Read, Permission::Ask, Permission::Admin];

    /// Whether the set holds this permission.
    #[must_use]
    pub fn has(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u8) != 0
    }

    /// The permissions in it.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Self::ALL.into_iter().filter(move |p| self.has(*p))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Permission> for Scopes {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(
            permissions
                .into_iter()
                .fold(0, |set, p| set | (1 << p as u8)),
        )
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.iter().map(Permission::as_str).collect();
        f.write_str(&words.join(","))
    }
}

impl FromStr for Scopes {
    type Err = Unknown;
    fn from_str(text: &str) -> Result<Self, Unknown> {
        text.split(',')
            .filter(|word| !word.is_empty())
            .map(|word| {
                Self::ALL
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

    #[test]
    fn roles_grant_what_they_say() {
        use Permission::{Admin, Ask, Read};
        for (role, granted) in [
            (Role::Administrator, [true, true, true]),
            (Role::Operator, [true, true, false]),
            (Role::Reader, [true, false, false]),
        ] {
            assert_eq!([Read, Ask, Admin].map(|p| role.permits(p)), granted);
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
