//! The value of an object, kept once however many states, versions and deeds hold it.

use crate::digest::Digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::sync::Arc;

/// A value with its digest. Copies share it; two are equal when their digests are.
#[derive(Clone, Debug)]
pub struct Content(Arc<(Value, Digest)>);

impl Content {
    /// Of a value.
    #[must_use]
    pub fn new(value: Value) -> Self {
        let digest = Digest::of_value(&value);
        Self(Arc::new((value, digest)))
    }
    /// The value.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.0.0
    }
    /// Its digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.0.1
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.digest() == other.digest()
    }
}

impl Eq for Content {}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::new)
    }
}
