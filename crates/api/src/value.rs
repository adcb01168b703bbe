//! Types of cells.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How the text of a cell is compared and sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ValueType {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// A decimal number.
    Decimal,
    /// Parts separated by dots, dashes and the like.
    Version,
    /// A moment in RFC 3339 form, UTC.
    DateTime,
    /// A span of time: `2 hours`, `90s`.
    Duration,
    /// A number of bytes: `1.5 GB`, `4096`.
    DataSize,
    /// An IPv4 or IPv6 address.
    IpAddress,
    /// Hexadecimal digits of a digest.
    Hash,
    /// `True` or `False`.
    Boolean,
}

same!(
    ValueType,
    question::ValueType,
    Text,
    Integer,
    Decimal,
    Version,
    DateTime,
    Duration,
    DataSize,
    IpAddress,
    Hash,
    Boolean,
);
