//! Which endpoints a person sees and touches.

use answer::EndpointSet;
use serde::{Deserialize, Serialize};

/// The number of a computer group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Group(pub u64);

/// What the server knows of a group's members: the last evaluation that it keeps. For a list that somebody wrote, nothing is unknown.
#[derive(Clone, Debug, Default)]
pub struct Membership {
    /// Those that are in it.
    pub members: EndpointSet,
    /// Those of which it is not known: they have not said, could not, or said so too long ago.
    pub unknown: EndpointSet,
}

/// What bounds a person, or one of their user groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Every endpoint, those to come included.
    pub everything: bool,
    /// The groups whose endpoints are within.
    pub within: Vec<Group>,
    /// The groups whose endpoints are not, whatever lets them in.
    pub without: Vec<Group>,
}

impl Bounds {
    /// No bounds.
    #[must_use]
    pub fn none() -> Self {
        Self {
            everything: true,
            ..Self::default()
        }
    }
}

/// The endpoints that somebody sees and touches, in questions, answers, counts, exports and actions alike.
#[derive(Clone, Debug)]
pub struct Reach {
    /// `None` stands for all.
    within: Option<EndpointSet>,
    without: EndpointSet,
}

impl Reach {
    /// What several bounds come to: what one of them lets in, less what any of them shuts out. `members` gives what is known of a group;
    /// a group that is gone lets nobody in, and whoever it shut out is not known any more: it shuts out all.
    #[must_use]
    pub fn of<'a>(
        bounds: impl IntoIterator<Item = &'a Bounds>,
        members: impl Fn(Group) -> Option<&'a Membership>,
    ) -> Self {
        let mut within = Some(EndpointSet::new());
        let mut without = EndpointSet::new();
        let mut lost = false;
        for bound in bounds {
            if bound.everything {
                within = None;
            }
            for group in &bound.within {
                if let (Some(within), Some(known)) = (within.as_mut(), members(*group)) {
                    *within = within.union(&known.members);
                }
            }
            for group in &bound.without {
                match members(*group) {
                    Some(known) => without = without.union(&known.members).union(&known.unknown),
                    None => lost = true,
                }
            }
        }
        if lost {
            within = Some(EndpointSet::new());
        }
        Self { within, without }
    }

    /// All endpoints.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            within: None,
            without: EndpointSet::new(),
        }
    }

    /// Whether nothing is cut off: there is no need to cut then.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.within.is_none() && self.without.is_empty()
    }

    /// Whether this endpoint is within.
    #[must_use]
    pub fn contains(&self, ordinal: u32) -> bool {
        self.within.as_ref().is_none_or(|w| w.contains(ordinal)) && !self.without.contains(ordinal)
    }

    /// What is left of these endpoints.
    #[must_use]
    pub fn cut(&self, endpoints: &EndpointSet) -> EndpointSet {
        let within = match &self.within {
            Some(within) => endpoints.intersect(within),
            None => endpoints.clone(),
        };
        within.minus(&self.without)
    }
}
