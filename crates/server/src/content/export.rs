//! A pack as one file again, with what people changed or as it was shipped.

use super::packs::LARGEST_PACK;
use super::{ContentError, Library};
use ::content::change;
use ::content::pack::{Blob, Pack, archive};
use semver::Version;
use std::sync::Arc;

impl Library {
    /// A pack's archive, with the name of its file: of the version in force, or of one that was left.
    ///
    /// # Errors
    /// No such version; the system's.
    pub async fn export(
        self: &Arc<Self>,
        pack: String,
        version: Option<Version>,
        as_shipped: bool,
    ) -> Result<(String, Vec<u8>), ContentError> {
        let _room =
            self.unpacking.acquire().await.map_err(|_| {
                ContentError::Invalid("the server is stopping; ask again later".into())
            })?;
        let library = Arc::clone(self);
        let written = tokio::task::spawn_blocking(move || {
            library.export_now(&pack, version.as_ref(), as_shipped)
        });
        written.await.map_err(ContentError::Ended)?
    }

    fn export_now(
        &self,
        pack: &str,
        version: Option<&Version>,
        as_shipped: bool,
    ) -> Result<(String, Vec<u8>), ContentError> {
        let held = self.now();
        let exported = change::export(&held.state, pack, version, as_shipped).ok_or_else(|| {
            ContentError::missing(match version {
                Some(version) => format!("version {version} of the pack `{pack}`"),
                None => format!("the pack `{pack}`"),
            })
        })?;
        let size = |digest| held.files.get(digest).copied().unwrap_or(0);
        let total: u64 = exported.files.values().map(size).sum();
        if total > LARGEST_PACK {
            return Err(ContentError::TooLarge {
                what: "the pack with all files of its packages",
                most: LARGEST_PACK,
            });
        }
        let mut files = std::collections::BTreeMap::new();
        for (path, digest) in exported.files {
            let bytes = self.files.read(digest)?.into();
            files.insert(path, Blob { digest, bytes });
        }
        let whole = Pack {
            manifest: exported.manifest,
            objects: exported.objects,
            files,
            signatures: Vec::new(),
        };
        let name = format!("{pack}-{}{}", whole.manifest.version, archive::ENDING);
        let tree = whole.to_tree().map_err(ContentError::Invalid)?;
        let bytes =
            archive::write(&tree).map_err(|error| ContentError::Invalid(error.to_string()))?;
        Ok((name, bytes))
    }
}
