//! Files: those that a pack asks its importer for, those of packages, and those that are sent ahead for an edit.

use super::change::Done;
use super::files::Draft;
use super::{ContentError, Library, Why};
use ::content::change;
use ::content::digest::Digest;
use ::content::name::{Key, Kind};
use serde_json::{Value, json};
use std::fs::File;
use std::sync::Arc;

/// Most bytes of a file.
pub const LARGEST_FILE: u64 = ::content::pack::tree::MAX_FILE;
/// Most bytes of files that were sent ahead and that nothing names yet.
const MOST_AHEAD: u64 = 1 << 30;

/// A file that is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// Its digest.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
}

impl Library {
    /// Supplies a file that a pack asks for.
    ///
    /// # Errors
    /// The pack does not ask for it; it must have another content; the store's, the system's.
    pub async fn supply(
        self: &Arc<Self>,
        pack: String,
        name: String,
        draft: Draft,
        why: Why,
    ) -> Result<FileInfo, ContentError> {
        self.change(why, move |_, _, state, who, brought| {
            let (digest, size, fresh) = draft.keep()?;
            brought.note(digest, size, fresh);
            if !state.packs.contains_key(&pack) {
                return Err(ContentError::missing(format!("the pack `{pack}`")));
            }
            change::supply(state, &pack, &name, Some(digest), who)?;
            Ok(Done {
                gives: FileInfo { digest, size },
                action: "content.supply",
                object: format!("pack {pack}"),
                detail: json!({"file": name, "sha256": digest, "size": size, "why": who.why}),
            })
        })
        .await
    }

    /// Takes a supplied file away.
    ///
    /// # Errors
    /// It is not there; the store's.
    pub async fn withdraw(
        self: &Arc<Self>,
        pack: String,
        name: String,
        why: Why,
    ) -> Result<(), ContentError> {
        self.change(why, move |_, _, state, who, _| {
            let there = state
                .packs
                .get(&pack)
                .and_then(|pack| pack.supplied.get(&name).copied())
                .ok_or_else(|| {
                    ContentError::missing(format!("a supplied file `{name}` of the pack `{pack}`"))
                })?;
            change::supply(state, &pack, &name, None, who)?;
            Ok(Done {
                gives: (),
                action: "content.withdraw",
                object: format!("pack {pack}"),
                detail: json!({"file": name, "sha256": there, "why": who.why}),
            })
        })
        .await
    }

    /// Takes a file ahead of the edit that will name it. Until then it stays only as long as the server runs.
    ///
    /// # Errors
    /// Too many wait already; the system's.
    pub async fn ahead(self: &Arc<Self>, draft: Draft) -> Result<FileInfo, ContentError> {
        let library = Arc::clone(self);
        let kept = tokio::task::spawn_blocking(move || {
            let held = library.now();
            if library.files.loose(&held.files)? + draft.size() > MOST_AHEAD {
                return Err(ContentError::TooLarge {
                    what: "what was sent ahead and nothing names yet",
                    most: MOST_AHEAD,
                });
            }
            let (digest, size, _) = draft.keep()?;
            Ok(FileInfo { digest, size })
        });
        kept.await.map_err(ContentError::Ended)?
    }

    /// A file to read from, and its size.
    ///
    /// # Errors
    /// Nothing names it; the system's.
    pub fn file(&self, digest: Digest) -> Result<(File, u64), ContentError> {
        let held = self.now();
        let size = held
            .files
            .get(&digest)
            .ok_or_else(|| ContentError::missing(format!("a file with the digest {digest}")))?;
        Ok((self.files.reader(digest)?, *size))
    }

    /// Gives a package a file, or another content to one that it has. `expected` is the digest of the package that was looked at.
    ///
    /// # Errors
    /// The package is another one, or has a file of this name that is supplied; the store's, the system's.
    pub async fn put_package_file(
        self: &Arc<Self>,
        package: &str,
        name: String,
        draft: Draft,
        expected: Digest,
        why: Why,
    ) -> Result<FileInfo, ContentError> {
        let path = format!("files/{name}");
        ::content::path::check(&path).map_err(ContentError::Invalid)?;
        if name.contains('/') {
            return Err(ContentError::Invalid(
                "the name of a package's file has no folder".into(),
            ));
        }
        let key = Key::new(Kind::Package, package);
        self.edit_value(key, expected, why, "content.file", move |value, brought| {
            let (digest, size, fresh) = draft.keep()?;
            brought.note(digest, size, fresh);
            put(value, &name, &path, digest)?;
            let detail = json!({"file": name, "sha256": digest, "size": size});
            Ok((FileInfo { digest, size }, detail))
        })
        .await
    }

    /// Takes a file from a package.
    ///
    /// # Errors
    /// It has none of this name, or is another package by now; the store's.
    pub async fn remove_package_file(
        self: &Arc<Self>,
        package: &str,
        name: String,
        expected: Digest,
        why: Why,
    ) -> Result<(), ContentError> {
        let key = Key::new(Kind::Package, package);
        self.edit_value(key, expected, why, "content.file", move |value, _| {
            let files = value.get_mut("files").and_then(Value::as_array_mut);
            let removed = files.is_some_and(|files| {
                let before = files.len();
                files.retain(|file| name_of(file) != Some(name.as_str()));
                files.len() < before
            });
            if !removed {
                return Err(ContentError::missing(format!(
                    "a file `{name}` of the package"
                )));
            }
            Ok(((), json!({"file": name, "removed": true})))
        })
        .await
    }
}

/// The name that a file of a package has on the endpoint.
pub(super) fn name_of(file: &Value) -> Option<&str> {
    let text = |key: &str| file.get(key).and_then(Value::as_str);
    text("name").or_else(|| text("supplied")).or_else(|| {
        let path = file.get("file")?.get("path")?.as_str()?;
        path.rsplit('/').next()
    })
}

fn put(value: &mut Value, name: &str, path: &str, digest: Digest) -> Result<(), ContentError> {
    let Some(package) = value.as_object_mut() else {
        return Ok(());
    };
    let files = package
        .entry("files")
        .or_insert_with(|| Value::Array(Vec::new()));
    let Some(files) = files.as_array_mut() else {
        return Ok(());
    };
    let found = files.iter_mut().find(|file| name_of(file) == Some(name));
    let Some(found) = found else {
        files.push(json!({"file": {"path": path, "sha256": digest}}));
        return Ok(());
    };
    match found.get_mut("file").and_then(Value::as_object_mut) {
        Some(file) => {
            file.insert("sha256".into(), json!(digest));
            Ok(())
        }
        None => Err(ContentError::Invalid(format!(
            "`{name}` is a file that is supplied to the pack; supply it there"
        ))),
    }
}
