//! What is indexed while a session runs, as file systems come and go.
//!
//! The watcher tells that the table of mounts is another; what that means is found out here, on the watcher's thread, by
//! comparing the ground of now with that of before ([`crate::ground`]). A place that is new, or is another file system than
//! before, is watched at once and walked as soon as no other walk is under way; a point on which something was mounted, or
//! no longer is, is looked at. So each place is watched before it is walked, and nothing between two looks at the table is
//! missed: what changed out of sight is kept until the next one.

use super::session::Session;
use super::watching::{Hidden, NotWatched, add, no_answer};
use crate::changes::{Change, WatchError, Watcher};
use crate::ground::{Ground, Place};
use crate::log::Level;
use crate::scan;
use crate::stuck::Patience;
use crate::text;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

impl Session<'_> {
    /// What is indexed now.
    pub(super) fn ground(&self) -> Arc<Ground> {
        let ground = self.ground.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&ground)
    }

    /// The places that are to be walked because they are others, or are walked now for that.
    pub(super) fn held(&self) -> HashSet<Vec<u8>> {
        let to_walk = self.to_walk.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self
            .walked_now
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        to_walk.iter().flatten().chain(&*now).cloned().collect()
    }

    /// Finds out what there is to index now, has it watched and walked, and answers where to look.
    /// `away` are mounts where something was looked for and not found: if they are there, they are walked.
    pub(super) fn look_around(
        &self,
        watcher: &mut Watcher,
        hidden: &mut Hidden,
        away: &HashSet<PathBuf>,
    ) -> Vec<Change> {
        let before = self.ground();
        let now = match self.round.ground() {
            Ok(now) => now,
            Err(error) => {
                // The next look at the table tells.
                self.problem(&question::chain(&error));
                return Vec::new();
            }
        };
        let mut not_watched = self.not_watched();
        let mut points = self.round.surprises.take();
        let mut whole = self.watch_new(watcher, &before, &now, &mut not_watched);
        let still = now.places.iter().map(|place| &place.path);
        whole.extend(
            still
                .filter(|path| {
                    // Or a walk began there when it was not what was meant.
                    away.contains(&PathBuf::from(text::native(path))) || points.contains(*path)
                })
                .cloned(),
        );
        points.extend(now.changed_points(&before));
        let changes: Vec<Change> = points
            .into_iter()
            .map(|path| Change::Point { path })
            .chain(hidden.again())
            .collect();
        for place in now.not_in(&before) {
            self.log.information(
                "places",
                format_args!("{} ({})", text::readable(&place.path), place.kind),
            );
        }
        for (path, why) in &not_watched {
            if self.not_watched().get(path) != Some(why) {
                self.log.warning("changes", why);
            }
        }
        self.note_look(&now, &whole);
        self.looks.fetch_add(1, Ordering::AcqRel);
        self.retry.store(true, Ordering::Release);
        let settle = now.places != before.places;
        self.set_not_watched(not_watched);
        *self.ground.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(now);
        if settle || !whole.is_empty() {
            self.to_walk
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert_default()
                .extend(whole);
            self.bell.ring();
        } else if self.again.load(Ordering::Relaxed) > 0 {
            self.bell.ring();
        }
        changes
    }

    /// Keeps in the log what was found, where that is wanted.
    fn note_look(&self, now: &Ground, whole: &[Vec<u8>]) {
        if !self.log.takes(Level::Debug) {
            return;
        }
        let mounts = now.places.iter().map(|place| {
            let path = text::readable(&place.path);
            format!("{path} by mount {}", place.standing.mount)
        });
        self.log.debug(
            "places",
            format_args!(
                "{}; to walk: {}",
                mounts.collect::<Vec<_>>().join(", "),
                text::list(whole)
            ),
        );
    }

    /// Watches what is to be watched since. Answers which places are to be walked.
    fn watch_new(
        &self,
        watcher: &mut Watcher,
        before: &Ground,
        now: &Ground,
        not_watched: &mut NotWatched,
    ) -> Vec<Vec<u8>> {
        let paths: HashSet<&[u8]> = now.places.iter().map(|p| &*p.path).collect();
        not_watched.retain(|path, _| path.is_empty() || paths.contains(&**path));
        let native = paths.iter().map(|path| PathBuf::from(text::native(path)));
        watcher.keep(&native.collect());
        // Without the kernel's word, what stands in the table decides alone.
        let marked = watcher.marked().ok();
        let away = |place: &Place| {
            let marked = marked.as_ref().map(|m| m.contains(&place.standing.device));
            marked == Some(false) && !not_watched.contains_key(&place.path)
        };
        let others = now.not_in(before);
        let (fresh, again): (Vec<&Place>, Vec<&Place>) = now
            .places
            .iter()
            // What could not be watched may have been covered, or away, when that was tried.
            .filter(|p| others.contains(p) || away(p) || not_watched.contains_key(&p.path))
            .partition(|p| others.contains(p) || away(p));
        let mut whole: Vec<Vec<u8>> = fresh.iter().map(|p| p.path.clone()).collect();
        let all = fresh.into_iter().chain(again.iter().copied());
        let (answer, silent) =
            scan::answering(Patience::default(), all.cloned().collect(), |p| &p.path);
        for place in &answer {
            let before = not_watched.remove(&place.path);
            add(watcher, place, not_watched);
            if before.is_some() && !not_watched.contains_key(&place.path) && again.contains(&place)
            {
                whole.push(place.path.clone());
            }
        }
        not_watched.extend(silent.iter().map(no_answer));
        whole
    }

    /// Whether the folders of the configuration are others than when they were looked at last, or, when nobody watches, what
    /// is mounted.
    pub(super) fn moved(&self) -> bool {
        let ground = self.ground();
        if self.watched.load(Ordering::Relaxed) {
            return !self.round.roots.is_empty()
                && crate::ground::find(&self.round.roots) != ground.folders;
        }
        let now = self.round.ground();
        now.is_ok_and(|now| now.places != ground.places || now.folders != ground.folders)
    }

    /// Nothing is watched any more.
    pub(super) fn blind(&self, error: &WatchError) {
        let why = question::chain(error);
        self.problem(&why);
        self.watched.store(false, Ordering::Relaxed);
        let mut not_watched = self.not_watched();
        not_watched.insert(Vec::new(), why);
        self.set_not_watched(not_watched);
    }
}
