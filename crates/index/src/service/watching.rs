//! The watcher of a session, and what it does not see: places with the reason, and directories that are out of sight.

use crate::changes::{Change, DirectoryKey, Options, Watcher};
use crate::ground::{Ground, Place};
use crate::mounts;
use crate::round::Round;
use crate::text;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Directories out of sight that are remembered at most. There are few, but for file systems of which only a part is
/// mounted: of those the rest is out of sight for ever.
const MOST_HIDDEN: usize = 256;

/// Why places are not watched, by their paths; that of all of them by the empty one.
pub(super) type NotWatched = BTreeMap<Vec<u8>, String>;

/// The watcher over these places, where the configuration wants one, and what it does not see, with the reason.
pub(super) fn watcher(
    round: &Round,
    places: &[Place],
    own: PathBuf,
) -> (Option<Watcher>, NotWatched) {
    let all = |why: String| (None, NotWatched::from([(Vec::new(), why)]));
    if !round.config.track_changes {
        return all("TrackChanges is off".into());
    }
    let options = Options {
        own_folders: vec![own],
        ..Options::default()
    };
    match Watcher::start(&[], &options) {
        Ok((mut watcher, _)) => {
            let mut not_watched = NotWatched::new();
            for place in places {
                add(&mut watcher, place, &mut not_watched);
            }
            (Some(watcher), not_watched)
        }
        Err(error) => all(question::chain(&error)),
    }
}

/// Watches a place, or notes why not.
pub(super) fn add(watcher: &mut Watcher, place: &Place, not_watched: &mut NotWatched) {
    let path = PathBuf::from(text::native(&place.path));
    let why = match watcher.add(path, Some(place.standing.mount)) {
        Err(error) => question::chain(&error),
        // The kernel tells of what is done here, and takes a mark for that.
        Ok(()) if !mounts::is_local(&place.kind) => format!(
            "{} is {}: what others change there is not told",
            text::readable(&place.path),
            place.kind
        ),
        Ok(()) => {
            not_watched.remove(&place.path);
            return;
        }
    };
    not_watched.insert(place.path.clone(), why);
}

/// That a place gave no answer.
pub(super) fn no_answer(place: &Place) -> (Vec<u8>, String) {
    let why = format!("{}: does not answer", text::readable(&place.path));
    (place.path.clone(), why)
}

/// Directories that were out of sight when something changed in them.
#[derive(Default)]
pub(super) struct Hidden(Vec<DirectoryKey>);

impl Hidden {
    /// Keeps these, but for those that are listed anyway when what covers them goes.
    pub(super) fn keep(&mut self, hidden: Vec<DirectoryKey>, ground: &Ground) {
        for key in hidden {
            let waits = ground.place_of(&key.path).is_some() && !ground.covers(&key.path);
            if waits && !self.0.contains(&key) {
                if self.0.len() >= MOST_HIDDEN {
                    self.0.remove(0);
                }
                self.0.push(key);
            }
        }
    }

    /// To be looked at again: the table is another.
    pub(super) fn again(&mut self) -> impl Iterator<Item = Change> {
        std::mem::take(&mut self.0)
            .into_iter()
            .map(|directory| Change::Hidden { directory })
    }
}
