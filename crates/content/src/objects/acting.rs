//! Saved actions and the groups that bound them.

use super::{ComputerGroup, ContentSet, Package, Schedule};
use crate::form::{FilterText, LongText, Seconds, record, words};
use crate::name::{Name, Ref};
use std::collections::BTreeMap;

record! {
    /// A package with its values, ready to be run: now, or again and again.
    pub struct SavedAction {
        /// Name.
        name: Name<SavedAction>,
        /// What it is for.
        description: LongText = LongText::default(),
        /// Content set it lies in; the pack's first one where none is said.
        content_set: Option<Ref<ContentSet>>,
        /// Further names, under which it was known elsewhere.
        aliases: Vec<Name<SavedAction>>,
        /// The package.
        package: Ref<Package>,
        /// Values of its parameters; a secret is never among them.
        values: BTreeMap<String, LongText>,
        /// Endpoints that it is for; all of the action group where none is said.
        target: Option<FilterText>,
        /// Group of endpoints that it may reach. Without one it reaches nobody, until somebody assigns one.
        action_group: Option<Ref<ActionGroup>>,
        /// When it is run again.
        schedule: Option<Ref<Schedule>>,
        /// It is run by itself.
        enabled: bool = false,
        /// How long one run of it lives; the least that its package allows where none is said.
        expiry: Option<Seconds>,
    }
}

record! {
    /// Computer groups that bound where actions run.
    pub struct ActionGroup {
        /// Name.
        name: Name<ActionGroup>,
        /// What it is for.
        description: LongText = LongText::default(),
        /// The computer groups; none means that no endpoint is in it.
        groups: Vec<Ref<ComputerGroup>>,
        /// Whether an endpoint is in any or in all of them.
        combine: Combine = Combine::Any,
    }
}

words! {
    /// How groups are put together.
    pub enum Combine {
        /// In any of them.
        Any = "any",
        /// In all of them.
        All = "all",
    }
}
