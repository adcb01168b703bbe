//! Content on the server: packs that are imported, upgraded, rolled back and edited, with the files that they name.
//!
//! ```text
//! what ships, archives --+
//! edits, files ----------+-> change (one at a time, by the crate `content`) -> store, in one transaction -> what everybody sees
//! ```
//!
//! What may become of content is the crate `content`'s to decide, as plan and apply over a value; this room keeps the value. All of it but
//! its history is in memory, shared by whoever reads ([`Library::now`]); a change works on a copy, is kept by the store as what differs,
//! together with its entries in history and audit log, and only then becomes what is seen. So a server that dies has the change whole or
//! not at all, and nobody ever sees half of one.
//!
//! * [`mod@packs`]: import, upgrade, roll-back and removal, looked at first; [`export`]: the way out.
//! * [`objects`]: edits of single objects; [`supply`]: files that people supply, and files of packages.
//! * [`look`]: lists, texts, history. [`shipped`]: the packs in the program itself.
//! * [`files`]: bytes by digest, beside the database. [`change`]: the one way in which anything changes.
//! * [`store`](crate::store::Contents): what is kept, as rows.

mod change;
mod error;
mod export;
mod files;
mod look;
mod objects;
mod packs;
mod shipped;
mod supply;

pub use change::Why;
pub use error::ContentError;
pub use files::{Draft, FilesError};
pub use look::{Edited, Found, FoundObject, FoundPack, NamedFile, Wanted};
pub use packs::{LARGEST_ARCHIVE, PackPlan, Planned, Proposal, Unpacked};
pub use supply::{FileInfo, LARGEST_FILE};

use crate::catalogue::SharedCatalogue;
use crate::model::clock::Clock;
use crate::store::Store;
use crate::store::content::KeptContent;
use ::content::change::State;
use ::content::name::Key;
use ::content::pack::Surroundings;
use arc_swap::ArcSwap;
use files::Files;
use question::Catalogue;
use shipped::Shipped;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{Mutex, Semaphore};

/// Packs that are unpacked at the same time: each takes memory.
const UNPACKED_AT_ONCE: usize = 1;

/// All content of a server.
pub struct Library {
    store: Arc<dyn Store>,
    files: Files,
    shipped: Vec<Shipped>,
    /// Sensors that agents have built in.
    native: Catalogue,
    /// What can be asked now, groups among it.
    catalogue: SharedCatalogue,
    clock: Clock,
    now: ArcSwap<KeptContent>,
    /// Held by the one change that is made.
    turn: Mutex<()>,
    unpacking: Semaphore,
}

impl Library {
    /// Takes up what is kept. Files that nothing names are taken away: a server died before it named them.
    ///
    /// # Errors
    /// The store's, or the system's for the folder of files.
    pub async fn open(
        folder: &Path,
        store: Arc<dyn Store>,
        native: Catalogue,
        catalogue: SharedCatalogue,
        clock: Clock,
    ) -> Result<Arc<Self>, ContentError> {
        let kept = store.content().await?;
        let files = Files::open(folder)?;
        files.tidy(&kept.files)?;
        Ok(Arc::new(Self {
            store,
            files,
            shipped: shipped::all(),
            native,
            catalogue,
            clock,
            now: ArcSwap::from_pointee(kept),
            turn: Mutex::new(()),
            unpacking: Semaphore::new(UNPACKED_AT_ONCE),
        }))
    }

    /// All content as it is now.
    #[must_use]
    pub fn now(&self) -> Arc<KeptContent> {
        self.now.load_full()
    }

    /// What a pack is checked against, when it comes into this state.
    fn around(&self, state: &State, pack: &str) -> Surroundings {
        let groups = self.catalogue.now().groups().cloned().collect::<Vec<_>>();
        let native = self.native.clone().with_groups(groups);
        state.surroundings(&native, Surroundings::this(), pack)
    }

    /// What an object is checked against, when it is put into this state.
    fn around_object(&self, state: &State, key: &Key) -> Surroundings {
        let mut others = state.clone();
        others.objects.remove(key);
        self.around(&others, "")
    }
}
