//! Systems without a watcher: starting one says so, and everything is walked.

use super::{Change, DirectoryKey, Options, Sight, WatchError};
use std::collections::HashSet;
use std::fs::File;
use std::io::{Error, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Cannot be had here.
#[derive(Debug)]
pub enum Watcher {}

#[derive(Debug)]
pub(super) enum Anchor {}

impl Anchor {
    pub(super) fn handle(&self) -> &Arc<[u8]> {
        match *self {}
    }
}

pub(super) fn open(key: &DirectoryKey) -> Result<File, Error> {
    match key.anchor.as_deref() {
        Some(anchor) => match *anchor {},
        None => Err(ErrorKind::Unsupported.into()),
    }
}

pub(super) fn now(key: &DirectoryKey) -> Result<Sight, Error> {
    open(key).map(|_| Sight::Gone)
}

/// Wakes nobody.
#[derive(Clone, Debug)]
pub struct Waker;

impl Waker {
    /// Never called: there is no watcher.
    pub fn wake(&self) {}
}

impl Watcher {
    /// # Errors
    /// Always [`WatchError::Unsupported`].
    pub fn start(
        _: &[PathBuf],
        _: &Options,
    ) -> Result<(Self, Vec<(PathBuf, WatchError)>), WatchError> {
        Err(WatchError::Unsupported)
    }

    /// # Errors
    /// Never called: there is no watcher.
    pub fn add(&mut self, _: PathBuf, _: Option<u64>) -> Result<(), WatchError> {
        match *self {}
    }

    /// Never called: there is no watcher.
    pub fn keep(&mut self, _: &HashSet<PathBuf>) {
        match *self {}
    }

    /// # Errors
    /// Never called: there is no watcher.
    pub fn marked(&self) -> Result<HashSet<(u32, u32)>, WatchError> {
        match *self {}
    }

    /// # Errors
    /// Never called: there is no watcher.
    pub fn next(&mut self, _: Duration) -> Result<Vec<Change>, WatchError> {
        match *self {}
    }

    /// Never called: there is no watcher.
    #[must_use]
    pub fn waker(&self) -> Waker {
        match *self {}
    }
}
