//! Who may do what to which content, and to which endpoints.
//!
//! Three questions, each answered in one place and by arithmetic on sets:
//!
//! - *May she do this?* A [`Role`] grants or denies [`Permission`]s, each over one [`ContentSet`] or over all. What all roles of a person
//!   come to is a [`Grants`]: made once when roles change, then asked in nanoseconds. **A denial wins**, wherever it comes from.
//! - *Why may she?* [`explain`] names each role that has a say, the way it came to her, and what it says.
//! - *Whose machines does she see?* Computer groups bound her [`Reach`]. Which endpoints are in a group is what they said of themselves
//!   ([`Membership`]), so an endpoint that has not said it yet is outside where a group lets her in, and inside where a group shuts her out.
//!
//! The crate is pure: it knows neither the store nor the time, and names nobody. The server keeps roles and memberships, hands them in, and
//! cuts target sets and answers by what comes out.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

mod grants;
mod permission;
mod reach;
mod role;
mod sets;

pub use crate::grants::{Grants, Reason, Verdict, explain};
pub use crate::permission::{Permission, Scope, UnknownPermission};
pub use crate::reach::{Bounds, Group, Membership, Reach};
pub use crate::role::{Effect, Held, Over, Role, RoleError, Rule, Via};
pub use crate::sets::ContentSet;
