//! An authority whose private key is kept elsewhere, and is at hand only now and then.
//!
//! The key lies in a file outside the data folder, commonly on a medium that is mostly not there. Whenever a certificate has to be made, the
//! file is read, used once and forgotten. While it is not there, machines that enrol wait as for an approval, renewals are put off (agents
//! ask again, and a certificate has a month left when they begin to ask), and everything else works.

use super::authority::{Authority, CertificateError};
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Where an authority's key may be.
#[derive(Clone, Debug, Default)]
pub(super) struct Away {
    file: Option<PathBuf>,
}

impl Away {
    pub fn new(file: Option<PathBuf>) -> Self {
        Self { file }
    }

    /// Works with an authority, for which its key may have to be fetched.
    pub fn with<T>(
        &self,
        authority: &Authority,
        work: impl FnOnce(&Authority) -> Result<T, CertificateError>,
    ) -> Result<T, CertificateError> {
        if authority.can_issue() {
            return work(authority);
        }
        let path = self.file.as_ref().ok_or(CertificateError::Away)?;
        let text = match std::fs::read_to_string(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) => {
                tracing::debug!(%error, path = %path.display(), "the authority's key is not at hand");
                return Err(CertificateError::Away);
            }
        };
        let Some(whole) = authority.with_key(&text) else {
            tracing::error!(path = %path.display(), "this file holds another key than the authority's");
            return Err(CertificateError::Away);
        };
        work(&whole)
    }
}
