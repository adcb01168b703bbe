//! Sets of endpoints, as Roaring bitmaps of ordinals.

use crate::{AnswerError, Ordinal};
use roaring::RoaringBitmap;
use std::fmt;

/// A set of endpoints.
#[derive(Clone, Default, PartialEq)]
pub struct EndpointSet(pub(crate) RoaringBitmap);

impl EndpointSet {
    /// The empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
    /// Adds an endpoint; false when it was in the set.
    pub fn insert(&mut self, ordinal: Ordinal) -> bool {
        self.0.insert(ordinal)
    }
    /// Takes an endpoint out; false when it was not in the set.
    pub fn remove(&mut self, ordinal: Ordinal) -> bool {
        self.0.remove(ordinal)
    }
    /// Whether the endpoint is in the set.
    #[must_use]
    pub fn contains(&self, ordinal: Ordinal) -> bool {
        self.0.contains(ordinal)
    }
    /// Endpoints in the set.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.len()
    }
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Those in one set or the other.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(&self.0 | &other.0)
    }
    /// Those in both.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        Self(&self.0 & &other.0)
    }
    /// Those in this set and not in the other.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self(&self.0 - &other.0)
    }
    /// The ordinals in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = Ordinal> + '_ {
        self.0.iter()
    }
    /// The portable Roaring format.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.serialized_size());
        // Writing to memory has no way to fail.
        let written = self.0.serialize_into(&mut bytes);
        debug_assert!(written.is_ok());
        bytes
    }
    /// Reads the portable Roaring format; trailing bytes are refused.
    ///
    /// # Errors
    /// [`AnswerError::Set`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AnswerError> {
        let failed = |source| AnswerError::Set {
            length: bytes.len(),
            source,
        };
        let mut rest = bytes;
        let set = RoaringBitmap::deserialize_from(&mut rest).map_err(failed)?;
        if rest.is_empty() {
            Ok(Self(set))
        } else {
            Err(failed(std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                "bytes follow after the set",
            )))
        }
    }
}

impl FromIterator<Ordinal> for EndpointSet {
    fn from_iter<I: IntoIterator<Item = Ordinal>>(ordinals: I) -> Self {
        Self(ordinals.into_iter().collect())
    }
}

impl Extend<Ordinal> for EndpointSet {
    fn extend<I: IntoIterator<Item = Ordinal>>(&mut self, ordinals: I) {
        self.0.extend(ordinals);
    }
}

impl fmt::Debug for EndpointSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.len() <= 64 {
            f.debug_set().entries(self.iter()).finish()
        } else {
            write!(f, "{{{} endpoints}}", self.len())
        }
    }
}
