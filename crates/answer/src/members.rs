//! The endpoints of one row. Most rows come from one machine or a few, so a bitmap is made only for the fourth.

use crate::{EndpointSet, Ordinal};
use roaring::RoaringBitmap;

#[derive(Clone, Debug)]
pub(crate) enum Members {
    Few(u8, [Ordinal; 3]),
    Many(Box<RoaringBitmap>),
}

impl Members {
    pub(crate) const NONE: Self = Self::Few(0, [0; 3]);

    /// False when it was in already.
    pub(crate) fn insert(&mut self, ordinal: Ordinal) -> bool {
        match self {
            Self::Many(set) => set.insert(ordinal),
            Self::Few(used, few) => {
                let held = few.get(..usize::from(*used)).unwrap_or_default();
                if held.contains(&ordinal) {
                    return false;
                }
                if let Some(free) = few.get_mut(usize::from(*used)) {
                    *free = ordinal;
                    *used += 1;
                } else {
                    let mut set: RoaringBitmap = few.iter().copied().collect();
                    set.insert(ordinal);
                    *self = Self::Many(Box::new(set));
                }
                true
            }
        }
    }

    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Few(used, _) => u64::from(*used),
            Self::Many(set) => set.len(),
        }
    }

    pub(crate) fn len_within(&self, within: &EndpointSet) -> u64 {
        match self {
            Self::Few(..) => self
                .few()
                .iter()
                .map(|o| u64::from(within.contains(*o)))
                .sum(),
            Self::Many(set) => set.intersection_len(&within.0),
        }
    }

    /// How many there are, or are among those.
    pub(crate) fn count(&self, within: Option<&EndpointSet>) -> u64 {
        within.map_or_else(|| self.len(), |within| self.len_within(within))
    }

    /// True when anything was added.
    pub(crate) fn merge(&mut self, other: &Self) -> bool {
        match (&mut *self, other) {
            (_, Self::Few(..)) => {
                let mut changed = false;
                for ordinal in other.few() {
                    changed |= self.insert(*ordinal);
                }
                changed
            }
            (Self::Many(set), Self::Many(more)) => {
                let before = set.len();
                **set |= &**more;
                set.len() != before
            }
            (Self::Few(..), Self::Many(more)) => {
                let mut set = more.clone();
                set.extend(self.few());
                *self = Self::Many(set);
                true
            }
        }
    }

    /// Adds those of `other` that are `within`. True when anything was added.
    pub(crate) fn merge_within(&mut self, other: &Self, within: &EndpointSet) -> bool {
        match other {
            Self::Few(..) => {
                let mut changed = false;
                for ordinal in other.few().iter().filter(|o| within.contains(**o)) {
                    changed |= self.insert(*ordinal);
                }
                changed
            }
            Self::Many(set) => {
                let common = &**set & &within.0;
                match common.len() {
                    0 => false,
                    1..=3 => {
                        let mut changed = false;
                        for ordinal in &common {
                            changed |= self.insert(ordinal);
                        }
                        changed
                    }
                    _ => self.merge(&Self::Many(Box::new(common))),
                }
            }
        }
    }

    /// The first of them, by ordinal.
    pub(crate) fn first(&self, most: usize) -> Vec<Ordinal> {
        match self {
            Self::Few(..) => {
                let mut few = self.few().to_vec();
                few.sort_unstable();
                few.truncate(most);
                few
            }
            Self::Many(set) => set.iter().take(most).collect(),
        }
    }

    /// The first of them that are among those, by ordinal.
    pub(crate) fn first_within(&self, most: usize, within: Option<&EndpointSet>) -> Vec<Ordinal> {
        let Some(within) = within else {
            return self.first(most);
        };
        match self {
            Self::Few(..) => {
                let mut few = self.first(usize::MAX);
                few.retain(|ordinal| within.contains(*ordinal));
                few.truncate(most);
                few
            }
            Self::Many(set) => {
                let among = set.iter().filter(|ordinal| within.contains(*ordinal));
                among.take(most).collect()
            }
        }
    }

    pub(crate) fn to_set(&self) -> EndpointSet {
        match self {
            Self::Few(..) => self.few().iter().copied().collect(),
            Self::Many(set) => EndpointSet((**set).clone()),
        }
    }

    fn few(&self) -> &[Ordinal] {
        match self {
            Self::Few(used, few) => few.get(..usize::from(*used)).unwrap_or_default(),
            Self::Many(_) => &[],
        }
    }
}
