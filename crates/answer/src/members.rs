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

    /// How many there are, or how many of these.
    pub(crate) fn count(&self, within: Option<&EndpointSet>) -> u64 {
        within.map_or_else(|| self.len(), |within| self.len_within(within))
    }

    /// The first of them, by ordinal, or the first that are `within`.
    pub(crate) fn first(&self, most: usize, within: Option<&EndpointSet>) -> Vec<Ordinal> {
        if most == 0 {
            return Vec::new();
        }
        let is_within = |ordinal: &Ordinal| within.is_none_or(|set| set.contains(*ordinal));
        match self {
            Self::Few(..) => {
                let mut few: Vec<Ordinal> = self.few().iter().copied().filter(is_within).collect();
                few.sort_unstable();
                few.truncate(most);
                few
            }
            Self::Many(set) => set.iter().filter(is_within).take(most).collect(),
        }
    }

    /// All of them, or those that are `within`.
    pub(crate) fn to_set(&self, within: Option<&EndpointSet>) -> EndpointSet {
        match (self, within) {
            (Self::Few(..), _) => self
                .few()
                .iter()
                .copied()
                .filter(|ordinal| within.is_none_or(|set| set.contains(*ordinal)))
                .collect(),
            (Self::Many(set), None) => EndpointSet((**set).clone()),
            (Self::Many(set), Some(within)) => EndpointSet(&**set & &within.0),
        }
    }

    fn few(&self) -> &[Ordinal] {
        match self {
            Self::Few(used, few) => few.get(..usize::from(*used)).unwrap_or_default(),
            Self::Many(_) => &[],
        }
    }
}
