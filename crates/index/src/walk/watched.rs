//! A walk that goes on without the threads that a file system keeps waiting.

use super::{Queue, Root, Shared, Task, Visitor, WalkError, Walker, lock};
use crate::stuck::{self, Watch};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How such a walk is made.
pub struct Watched<'a, V, E> {
    /// Threads.
    pub threads: usize,
    /// A thread that is in one call for so long is given up.
    pub patience: Duration,
    /// Makes the visitor of a thread. One that takes the place of a thread that was given up has a number of its own.
    pub visitor: &'a mut dyn FnMut(usize) -> Result<V, E>,
    /// Told of each thread that was given up: its visitor does nothing more.
    pub lost: &'a mut dyn FnMut(usize),
}

/// What became of a walk.
#[derive(Debug, Default)]
pub struct Walked {
    /// It came to its end, but for what gave no answer; else a visitor stopped it.
    pub ended: bool,
    /// Directories that gave no answer.
    pub stuck: Vec<Root>,
    /// Volumes that were left before their end because of several such.
    pub given_up: HashSet<i64>,
}

impl<V: Visitor + Send + 'static, E: From<WalkError>> Watched<'_, V, E> {
    /// Walks as [`super::walk`].
    ///
    /// # Errors
    /// [`WalkError::Thread`], and what a visitor could not be made for.
    pub fn walk(self, roots: Vec<Root>, mount_points: HashSet<Vec<u8>>) -> Result<Walked, E> {
        let places = roots.iter().map(|r| (r.volume, r.path.clone())).collect();
        let mut run = Run {
            places,
            shared: Arc::new(Shared::new(roots, mount_points)),
            watch: Watch::new(self.patience),
            threads: HashMap::new(),
            next: 0,
            walked: Walked::default(),
            how: self,
        };
        let outcome = (0..run.how.threads.max(1)).try_for_each(|_| run.start());
        let outcome = outcome.and_then(|()| run.wait());
        if outcome.is_err() {
            lock(&run.shared.queue).stopped = true;
            run.shared.changed.notify_all();
        }
        // Where no further thread could be had, those that run end by themselves.
        outcome?;
        for thread in run.threads.into_values() {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
        let mut queue = lock(&run.shared.queue);
        run.walked.ended = !queue.stopped;
        run.walked.given_up = std::mem::take(&mut queue.given_up);
        Ok(run.walked)
    }
}

struct Run<'a, V, E> {
    how: Watched<'a, V, E>,
    shared: Arc<Shared>,
    /// Root of each volume.
    places: HashMap<i64, Vec<u8>>,
    watch: Watch,
    /// Those that were not given up.
    threads: HashMap<usize, JoinHandle<()>>,
    next: usize,
    walked: Walked,
}

impl<V: Visitor + Send + 'static, E: From<WalkError>> Run<'_, V, E> {
    fn start(&mut self) -> Result<(), E> {
        let number = self.next;
        self.next += 1;
        let visitor = (self.how.visitor)(number)?;
        let walker = Walker::new(number, Arc::clone(&self.shared), visitor);
        self.watch.add(number, Arc::clone(&walker.pulse));
        lock(&self.shared.queue).alive += 1;
        let started = std::thread::Builder::new()
            .name(format!("walk-{number}"))
            .spawn(move || {
                stuck::own(&walker.pulse);
                walker.work();
            });
        match started {
            Ok(thread) => {
                self.threads.insert(number, thread);
                Ok(())
            }
            Err(error) => {
                lock(&self.shared.queue).alive -= 1;
                Err(WalkError::Thread(error).into())
            }
        }
    }

    /// Until every thread ended or was given up.
    fn wait(&mut self) -> Result<(), E> {
        let shared = Arc::clone(&self.shared);
        let mut queue = lock(&shared.queue);
        while queue.alive > 0 {
            queue = shared
                .ended
                .wait_timeout(queue, self.watch.tick())
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            if queue.stopped {
                self.watch.hurry();
            }
            let (dropped, lost) = self.give_up(&mut queue);
            if lost.is_empty() {
                continue;
            }
            drop(queue);
            // Closing directories is no matter for a lock.
            drop(dropped);
            for number in lost {
                // Never to be joined.
                drop(self.threads.remove(&number));
                (self.how.lost)(number);
                self.start()?;
            }
            queue = lock(&shared.queue);
        }
        Ok(())
    }

    /// Takes the work from the threads that are stuck: what is not to be done, and their numbers.
    fn give_up(&mut self, queue: &mut MutexGuard<'_, Queue>) -> (Vec<Task>, Vec<usize>) {
        let (mut dropped, mut lost) = (Vec::new(), Vec::new());
        for (number, pulse) in self.watch.lost() {
            lost.push(number);
            queue.alive -= 1;
            let Some(directory) = queue.in_hand.remove(&number) else {
                continue;
            };
            queue.working -= 1;
            let volume = directory.volume;
            let place = self.places.get(&volume).cloned().unwrap_or_default();
            stuck::leave_behind(&place, &directory.path, pulse);
            if stuck::silent(&place) {
                queue.given_up.insert(volume);
                let tasks = std::mem::take(&mut queue.tasks);
                let (not, still) = tasks
                    .into_iter()
                    .partition(|task| task.directory.volume == volume);
                queue.tasks = still;
                dropped.extend::<Vec<Task>>(not);
            }
            self.walked.stuck.push(directory);
        }
        (dropped, lost)
    }
}
