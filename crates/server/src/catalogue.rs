//! The catalogue that everyone shares: the sensors this server was started with, and the groups people make.
//!
//! Readers take a snapshot and keep it as long as they work with it; a changed group shows in the next snapshot.

use arc_swap::ArcSwap;
use question::catalogue::{Catalogue, Group};
use std::sync::Arc;

/// A handle; clones see the same catalogue.
#[derive(Clone, Debug)]
pub struct SharedCatalogue(Arc<ArcSwap<Catalogue>>);

impl SharedCatalogue {
    /// Shares a catalogue.
    #[must_use]
    pub fn new(catalogue: Catalogue) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(catalogue)))
    }

    /// The catalogue as it is now.
    #[must_use]
    pub fn now(&self) -> Arc<Catalogue> {
        self.0.load_full()
    }

    /// Replaces the groups.
    pub fn set_groups(&self, groups: Vec<Group>) {
        self.0
            .rcu(|old| Catalogue::clone(old).with_groups(groups.iter().cloned()));
    }
}
