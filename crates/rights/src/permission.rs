//! The permissions there are: one table with code, name, words and scope. The store keeps codes, the API and role files use names.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// What a permission is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Cordon as a whole; a rule about it names no content set.
    Global,
    /// The objects of a content set.
    ContentSet,
}

/// A word that names no permission.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no permission; `cordon roles permissions` lists them")]
pub struct UnknownPermission(pub String);

macro_rules! permissions {
    ($($(#[$doc:meta])* $permission:ident, $code:literal, $name:literal, $words:literal, $scope:ident;)*) => {
        /// Something that a role can grant or deny.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Permission {
            $($(#[$doc])* $permission,)*
        }

        impl Permission {
            /// All of them, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$permission),*];

            /// Its number in the store. Never given to another one.
            #[must_use]
            pub fn code(self) -> u8 {
                match self { $(Self::$permission => $code),* }
            }

            /// The permission with this number.
            #[must_use]
            pub fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$permission),)* _ => None }
            }

            /// Its name in the API and in files of roles.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$permission => $name),* }
            }

            /// Its name for people.
            #[must_use]
            pub fn words(self) -> &'static str {
                match self { $(Self::$permission => $words),* }
            }

            /// What it is about.
            #[must_use]
            pub fn scope(self) -> Scope {
                match self { $(Self::$permission => Scope::$scope),* }
            }
        }
    };
}

permissions! {
    /// Put a question together from any sensor that one may read.
    AskDynamicQuestions, 1, "ask-dynamic-questions", "Ask Dynamic Questions", Global;
    /// Use Ask at all: see answers and go down to the endpoints behind a row.
    UseAsk, 2, "use-ask", "Use Ask", Global;
    /// See a sensor and what it tells.
    ReadSensor, 10, "read-sensor", "Read Sensor", ContentSet;
    /// Make, change and remove sensors.
    WriteSensor, 11, "write-sensor", "Write Sensor", ContentSet;
    /// See a package.
    ReadPackage, 12, "read-package", "Read Package", ContentSet;
    /// Make, change and remove packages.
    WritePackage, 13, "write-package", "Write Package", ContentSet;
    /// See saved questions, dashboards and categories, and ask what they ask.
    ReadSavedQuestion, 14, "read-saved-question", "Read Saved Question", ContentSet;
    /// Make, change and remove saved questions, dashboards and categories.
    WriteSavedQuestion, 15, "write-saved-question", "Write Saved Question", ContentSet;
    /// See actions, their states and results.
    ReadAction, 16, "read-action", "Read Action", ContentSet;
    /// Deploy packages to any endpoint that one reaches.
    WriteAction, 17, "write-action", "Write Action", ContentSet;
    /// Deploy packages to the endpoints of a saved question's answer, and to no others.
    WriteActionForSavedQuestions, 18, "write-action-for-saved-questions", "Write Action for Saved Questions", ContentSet;
    /// Approve what somebody else wants to deploy.
    ApproveAction, 19, "approve-action", "Approve Action", ContentSet;
    /// Deploy without an approval.
    BypassActionApproval, 20, "bypass-action-approval", "Bypass Action Approval", ContentSet;
    /// Read the audit log.
    ReadAudit, 40, "read-audit", "Read Audit", Global;
    /// Make, change and disable users, user groups and roles.
    ManageUsers, 41, "manage-users", "Manage Users", Global;
    /// Let endpoints in, name, revoke and lock them.
    ManageEndpoints, 42, "manage-endpoints", "Manage Endpoints", Global;
    /// Import, upgrade, roll back and export packs; make content sets.
    ManageContent, 43, "manage-content", "Manage Content", Global;
    /// Replace authorities and keys.
    ManageTrust, 44, "manage-trust", "Manage Trust", Global;
    /// See and end the sessions of others.
    ManageSessions, 45, "manage-sessions", "Manage Sessions", Global;
    /// Cancel, keep and remove questions that others asked, and change computer groups that others made.
    ManageAnswers, 46, "manage-answers", "Manage Answers", Global;
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

impl FromStr for Permission {
    type Err = UnknownPermission;

    /// Takes the name or the words, whatever their case.
    fn from_str(text: &str) -> Result<Self, UnknownPermission> {
        Self::ALL
            .iter()
            .copied()
            .find(|p| p.name().eq_ignore_ascii_case(text) || p.words().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownPermission(text.chars().take(80).collect()))
    }
}

impl Serialize for Permission {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Permission {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_table_names_each_permission_once() {
        let codes: HashSet<u8> = Permission::ALL.iter().map(|p| p.code()).collect();
        let names: HashSet<&str> = Permission::ALL.iter().map(|p| p.name()).collect();
        assert_eq!(codes.len(), Permission::ALL.len());
        assert_eq!(names.len(), Permission::ALL.len());
        for permission in Permission::ALL {
            assert_eq!(Permission::from_code(permission.code()), Some(*permission));
            assert_eq!(permission.name().parse(), Ok(*permission));
            assert_eq!(permission.words().to_uppercase().parse(), Ok(*permission));
            assert_eq!(
                permission.words().replace(' ', "-").to_lowercase(),
                permission.name()
            );
        }
        assert_eq!(Permission::from_code(0), None);
        assert!("read".parse::<Permission>().is_err());
    }
}
