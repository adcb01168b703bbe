//! Content sets, and sets of them.

use serde::{Deserialize, Serialize};

/// The number of a content set: every sensor, package, saved question, dashboard and category lies in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentSet(pub u32);

/// Some content sets, or all of them, those to come included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sets {
    all: bool,
    /// Sorted, each once.
    some: Vec<ContentSet>,
}

impl Sets {
    pub fn add_all(&mut self) {
        self.all = true;
    }

    pub fn add(&mut self, set: ContentSet) {
        if let Err(at) = self.some.binary_search(&set) {
            self.some.insert(at, set);
        }
    }

    /// Without a set: whether it is all of them, as a rule about Cordon as a whole is.
    pub fn has(&self, set: Option<ContentSet>) -> bool {
        self.all || set.is_some_and(|set| self.some.binary_search(&set).is_ok())
    }

    pub fn is_empty(&self) -> bool {
        !self.all && self.some.is_empty()
    }

    pub fn is_all(&self) -> bool {
        self.all
    }

    pub fn named(&self) -> &[ContentSet] {
        &self.some
    }
}
