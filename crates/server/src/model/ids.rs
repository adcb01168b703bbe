//! Identifiers as types, so that a user is never looked up by a question's number.
//!
//! Numbers come from the store and are never used twice. An endpoint's identifier is the SHA-256 of its public
//! key (SubjectPublicKeyInfo, DER) and travels as 64 hexadecimal digits.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A text that is no identifier of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {kind}")]
pub struct IdError {
    text: String,
    kind: &'static str,
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                text.parse().map(Self).map_err(|_| IdError { text: shown(text), kind: $kind })
            }
        }
    };
}

/// The beginning of a foreign text, short enough for a message.
fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

number_id!(
    /// A question that was asked.
    QuestionId,
    "a question's number"
);
number_id!(
    /// A person who may sign in.
    UserId,
    "a user's number"
);
number_id!(
    /// An enrolment token.
    TokenId,
    "an enrolment token's number"
);
number_id!(
    /// A session.
    SessionId,
    "a session's number"
);
number_id!(
    /// A token for the API.
    ApiTokenId,
    "an API token's number"
);

number_id!(
    /// A role that people made.
    RoleId,
    "a role's number"
);
number_id!(
    /// A user group.
    UserGroupId,
    "a user group's number"
);

/// An endpoint: SHA-256 of its first public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointId(pub [u8; 32]);

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EndpointId({self})")
    }
}

impl FromStr for EndpointId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let mut bytes = [0_u8; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| IdError {
            text: shown(text),
            kind: "an endpoint's identifier (64 hexadecimal digits)",
        })?;
        Ok(Self(bytes))
    }
}

impl Serialize for EndpointId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EndpointId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_reads_back_and_refuses_other_texts() {
        let id = EndpointId([0xab; 32]);
        assert_eq!(id.to_string().parse::<EndpointId>(), Ok(id));
        let json = serde_json::to_string(&id).expect("an id is a string");
        assert_eq!(
            serde_json::from_str::<EndpointId>(&json).expect("it reads back"),
            id
        );
        for bad in ["", "ab", &"g".repeat(64), &"a".repeat(66)] {
            assert!(bad.parse::<EndpointId>().is_err(), "{bad}");
        }
    }
}
