//! Roles, what they grant, and what rights are bounded by.

use crate::form::{FilterText, Line, LongText, Reading, record, words};
use crate::name::{Name, Ref};
use crate::yaml::Node;

record! {
    /// A content set: what lies in it is given out and withheld together.
    pub struct ContentSet {
        /// Name.
        name: Name<ContentSet>,
        /// What lies in it.
        description: LongText = LongText::default(),
    }
}

record! {
    /// A computer group: a name for a set of endpoints.
    pub struct ComputerGroup {
        /// Name.
        name: Name<ComputerGroup>,
        /// What it is for.
        description: LongText = LongText::default(),
        /// The filter that its endpoints meet.
        filter: Option<FilterText>,
        /// The endpoints themselves, by the identifier that the server gave them.
        members: Option<Vec<Line>>,
    }
    exactly one of "filter", "members";
}

record! {
    /// A role: what it grants and what it denies. A denial wins over any grant of any role.
    pub struct Role {
        /// Name.
        name: Name<Role>,
        /// Who it is for.
        description: LongText = LongText::default(),
        /// Further names, under which it was known elsewhere.
        aliases: Vec<Name<Role>>,
        /// What it grants.
        grants: Vec<Grant>,
        /// What it denies.
        denies: Vec<Grant>,
    }
}

record! {
    /// A permission over a content set, or over everything where it is one that knows no sets.
    pub struct Grant {
        /// The permission.
        permission: Permission,
        /// The content set.
        content_set: Option<Ref<ContentSet>>,
        /// It counts only together with `use-ask`.
        with_ask: bool = false,
    }
    checked by check_grant;
}

words! {
    /// What somebody may do.
    pub enum Permission {
        /// Ask questions of one's own.
        AskDynamicQuestions = "ask-dynamic-questions",
        /// Use Ask at all: see answers and go down to the endpoints behind a row.
        UseAsk = "use-ask",
        /// See actions.
        ReadAction = "read-action",
        /// Run, change and stop actions.
        WriteAction = "write-action",
        /// Run actions from the answer of a saved question.
        WriteActionForSavedQuestions = "write-action-for-saved-questions",
        /// See packages.
        ReadPackage = "read-package",
        /// Make and change packages.
        WritePackage = "write-package",
        /// See saved questions and their answers.
        ReadSavedQuestion = "read-saved-question",
        /// Make and change saved questions.
        WriteSavedQuestion = "write-saved-question",
        /// Use sensors.
        ReadSensor = "read-sensor",
        /// Make and change sensors.
        WriteSensor = "write-sensor",
        /// Approve what others want to run.
        ApproveAction = "approve-action",
        /// Run without approval.
        BypassActionApproval = "bypass-action-approval",
        /// Read the audit log.
        ReadAudit = "read-audit",
        /// Manage users, user groups and roles.
        ManageUsers = "manage-users",
        /// Manage endpoints.
        ManageEndpoints = "manage-endpoints",
        /// Import, upgrade and roll back packs.
        ManageContent = "manage-content",
        /// Manage the keys that endpoints trust.
        ManageTrust = "manage-trust",
        /// See and end sessions of others.
        ManageSessions = "manage-sessions",
        /// Cancel, keep and remove questions that others asked, and change computer groups that others made.
        ManageAnswers = "manage-answers",
    }
}

impl Permission {
    /// Whether it is over everything: no content set belongs to it.
    #[must_use]
    pub const fn is_global(self) -> bool {
        match self {
            Self::AskDynamicQuestions
            | Self::UseAsk
            | Self::ReadAudit
            | Self::ManageUsers
            | Self::ManageEndpoints
            | Self::ManageContent
            | Self::ManageTrust
            | Self::ManageSessions
            | Self::ManageAnswers => true,
            Self::ReadAction
            | Self::WriteAction
            | Self::WriteActionForSavedQuestions
            | Self::ReadPackage
            | Self::WritePackage
            | Self::ReadSavedQuestion
            | Self::WriteSavedQuestion
            | Self::ReadSensor
            | Self::WriteSensor
            | Self::ApproveAction
            | Self::BypassActionApproval => false,
        }
    }
}

fn check_grant(made: &Grant, node: &Node, reading: &mut Reading<'_>) {
    let word = made.permission.word();
    match (made.permission.is_global(), &made.content_set) {
        (true, Some(_)) => reading.fault(
            node.place,
            format!("`{word}` is over everything; no content set belongs to it"),
        ),
        (false, None) => reading.fault(
            node.place,
            format!("`{word}` is over a content set; `content_set` is missing"),
        ),
        _ => {}
    }
}
