//! A pack that was read and checked.

use crate::digest::Digest;
use crate::form::Form;
use crate::name::Key;
use crate::objects::{Manifest, Object};
use crate::trust::Signature;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The manifest's file.
pub(super) const MANIFEST: &str = "pack.yaml";

/// A file beside the objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Digest of its content.
    pub digest: Digest,
    /// Its content.
    pub bytes: Arc<[u8]>,
}

/// A pack.
#[derive(Clone, Debug, PartialEq)]
pub struct Pack {
    /// What it is as a whole.
    pub manifest: Manifest,
    /// Its objects.
    pub objects: BTreeMap<Key, Object>,
    /// Its files by their path.
    pub files: BTreeMap<String, Blob>,
    /// Signatures over [`Pack::statement`].
    pub signatures: Vec<Signature>,
}

impl Pack {
    /// What stands for the whole pack: the digests of manifest, objects and files. Its canonical bytes are what a publisher signs.
    #[must_use]
    pub fn statement(&self) -> Value {
        let objects: Map<String, Value> = self
            .objects
            .iter()
            .map(|(key, object)| {
                let digest = Digest::of_value(&object.write()).to_hex();
                (key.to_string(), Value::String(digest))
            })
            .collect();
        let files: Map<String, Value> = self
            .files
            .iter()
            .map(|(path, blob)| (path.clone(), Value::String(blob.digest.to_hex())))
            .collect();
        json!({
            "name": self.manifest.name.as_str(),
            "version": self.manifest.version.to_string(),
            "manifest": Digest::of_value(&self.manifest.write()).to_hex(),
            "objects": objects,
            "files": files,
        })
    }

    /// The digest of [`Pack::statement`].
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_value(&self.statement())
    }
}
