//! Which lists there are, and those in force: what the one who writes hashes looks each of them up in.

use super::{HashKind, HashList};
use crate::home::Home;
use std::path::PathBuf;
use std::sync::Arc;

/// Which list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Which {
    /// Hashes to look for.
    Blacklist = 0,
    /// Hashes of files that are known to be good.
    KnownGood = 1,
}

impl Which {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Blacklist, Self::KnownGood];

    /// Where it lies in a home.
    #[must_use]
    pub fn path(self, home: &Home) -> PathBuf {
        match self {
            Self::Blacklist => home.blacklist(),
            Self::KnownGood => home.known_good(),
        }
    }

    /// The fact of the database that holds the checksum of the list it was last matched against.
    pub(crate) const fn fact(self) -> &'static str {
        match self {
            Self::Blacklist => "blacklist",
            Self::KnownGood => "known-good",
        }
    }
}

/// The lists that each new hash is looked up in.
#[derive(Clone, Debug, Default)]
pub struct InForce([Option<Arc<HashList>>; 2]);

impl InForce {
    /// Puts a list in force, or takes it out of force.
    pub fn set(&mut self, which: Which, list: Option<Arc<HashList>>) {
        if let Some(place) = self.0.get_mut(which as usize) {
            *place = list;
        }
    }

    /// The lists that hold one of a file's hashes (in the order of [`HashKind::ALL`]), with the kind that matched. A list
    /// that cannot be read holds nothing; putting it in force again says why.
    #[must_use]
    pub fn holding(&self, hashes: [Option<&[u8]>; 3]) -> Vec<(Which, HashKind)> {
        let mut holding = Vec::new();
        for which in Which::ALL {
            let Some(Some(list)) = self.0.get(which as usize) else {
                continue;
            };
            let matched = HashKind::ALL.into_iter().zip(hashes).find(|(kind, hash)| {
                hash.is_some_and(|h| list.contains(*kind, h).unwrap_or(false))
            });
            if let Some((kind, _)) = matched {
                holding.push((which, kind));
            }
        }
        holding
    }
}
