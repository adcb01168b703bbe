//! Identifiers as types, so that a user is never looked up by a question's number.
//!
//! Numbers are below 2⁶³, so that every client and every store can hold them; a larger one names nothing and is refused when it is
//! read. Keys, digests and endpoints are 32 bytes and travel as 64 hexadecimal digits.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Largest number of anything.
pub const LARGEST: u64 = i64::MAX.unsigned_abs();

/// A text or number that is no identifier of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {kind}")]
pub struct IdError {
    text: String,
    kind: &'static str,
}

impl IdError {
    fn new(text: &str, kind: &'static str) -> Self {
        // The beginning is enough for a message.
        let text = text.chars().take(80).collect();
        Self { text, kind }
    }
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(u64);

        impl $name {
            /// Of a number that a store gave, and which is therefore not too large.
            #[must_use]
            pub fn of(number: u64) -> Self {
                Self(number.min(LARGEST))
            }

            /// The number.
            #[must_use]
            pub fn get(self) -> u64 {
                self.0
            }
        }

        impl TryFrom<u64> for $name {
            type Error = IdError;
            fn try_from(number: u64) -> Result<Self, IdError> {
                if number <= LARGEST {
                    Ok(Self(number))
                } else {
                    Err(IdError::new(&number.to_string(), $kind))
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let number: u64 = text.parse().map_err(|_| IdError::new(text, $kind))?;
                Self::try_from(number)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::try_from(u64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::Integer)
                    .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
                    .minimum(Some(0))
                    .maximum(Some(i64::MAX))
                    .description(Some(concat!("Number: ", $kind, ".")))
                    .into()
            }
        }

        impl ToSchema for $name {}
    };
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
    EnrolmentTokenId,
    "an enrolment token's number"
);
number_id!(
    /// A user group.
    UserGroupId,
    "a user group's number"
);
number_id!(
    /// A session's number.
    SessionId,
    "a session's number"
);
number_id!(
    /// A token for the API.
    ApiTokenId,
    "an API token's number"
);
number_id!(
    /// An entry of the audit log.
    EntryNumber,
    "the number of an entry of the audit log"
);

macro_rules! bytes_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; 32]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let mut bytes = [0_u8; 32];
                let lower = !text.bytes().any(|b| b.is_ascii_uppercase());
                if lower && hex::decode_to_slice(text, &mut bytes).is_ok() {
                    return Ok(Self(bytes));
                }
                Err(IdError::new(text, concat!($kind, " (64 hexadecimal digits)")))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .pattern(Some("^[0-9a-f]{64}$"))
                    .description(Some(concat!("64 hexadecimal digits: ", $kind, ".")))
                    .into()
            }
        }

        impl ToSchema for $name {}
    };
}

bytes_id!(
    /// An endpoint: SHA-256 of its first public key.
    EndpointId,
    "an endpoint's identifier"
);
bytes_id!(
    /// SHA-256 of a certificate.
    Fingerprint,
    "a certificate's SHA-256"
);
bytes_id!(
    /// A key that orders are checked with.
    OrderKey,
    "an order key"
);
bytes_id!(
    /// A key that is kept off line and may sign trust after a theft.
    RecoveryKey,
    "a recovery key"
);
bytes_id!(
    /// SHA-256 of a file, an object or a plan.
    Sha256,
    "a SHA-256 digest"
);
bytes_id!(
    /// SHA-256 of an entry of the audit log and all before it.
    EntryHash,
    "the hash of an entry of the audit log"
);

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
        for bad in ["", "ab", &"g".repeat(64), &"a".repeat(66), &"A".repeat(64)] {
            assert!(bad.parse::<EndpointId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_number_that_no_store_can_hold_is_no_identifier() {
        let most = serde_json::from_str::<QuestionId>(&LARGEST.to_string());
        assert_eq!(most.expect("an identifier").get(), LARGEST);
        for beyond in ["9223372036854775808", "18446744073709551615", "-1", "1.5"] {
            assert!(serde_json::from_str::<QuestionId>(beyond).is_err());
            assert!(beyond.parse::<QuestionId>().is_err(), "{beyond}");
        }
    }
}
