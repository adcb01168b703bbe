//! Which endpoints a person sees and touches.

use answer::EndpointSet;
use serde::{Deserialize, Serialize};

/// The number of a computer group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Group(pub u64);

/// What the server knows of who is in a group. Of an endpoint in neither set nothing is known: it has not said it yet, could not, or came
/// only later. For a list that somebody wrote, `others` is everybody else.
#[derive(Clone, Debug, Default)]
pub struct Membership {
    /// Those that are in it.
    pub members: EndpointSet,
    /// Those that are not.
    pub others: EndpointSet,
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
    /// Those that are let in; `None` stands for all.
    within: Option<EndpointSet>,
    /// Those that nothing shuts out, where something shuts out at all.
    left: Option<EndpointSet>,
}

impl Reach {
    /// What several bounds come to: what one of them lets in, less what any of them shuts out. `members` gives what is known of a group;
    /// a group of which nothing is known lets nobody in, and shuts everybody out.
    #[must_use]
    pub fn of<'a>(
        bounds: impl IntoIterator<Item = &'a Bounds>,
        members: impl Fn(Group) -> Option<&'a Membership>,
    ) -> Self {
        let mut within = Some(EndpointSet::new());
        let mut left: Option<EndpointSet> = None;
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
                let others = members(*group).map(|known| &known.others);
                left = Some(match (left, others) {
                    (_, None) => EndpointSet::new(),
                    (None, Some(others)) => others.clone(),
                    (Some(left), Some(others)) => left.intersect(others),
                });
            }
        }
        Self { within, left }
    }

    /// All endpoints.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            within: None,
            left: None,
        }
    }

    fn parts(&self) -> impl Iterator<Item = &EndpointSet> {
        self.within.iter().chain(&self.left)
    }

    /// Whether nothing is cut off: there is no need to cut then.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.parts().next().is_none()
    }

    /// Whether this endpoint is within.
    #[must_use]
    pub fn contains(&self, ordinal: u32) -> bool {
        self.parts().all(|part| part.contains(ordinal))
    }

    /// What a reader of something about these endpoints may see of them; `None` when that is all of them.
    #[must_use]
    pub fn mask(&self, all: &EndpointSet) -> Option<EndpointSet> {
        if self.is_everything() {
            return None;
        }
        let seen = self.cut(all);
        (seen.len() < all.len()).then_some(seen)
    }

    /// What is left of these endpoints.
    #[must_use]
    pub fn cut(&self, endpoints: &EndpointSet) -> EndpointSet {
        self.parts()
            .fold(endpoints.clone(), |left, part| left.intersect(part))
    }
}
