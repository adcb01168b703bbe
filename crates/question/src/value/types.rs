//! The types that cells and given values have.

use serde::{Deserialize, Serialize};

/// How the text of a cell is compared and sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueType {
    /// Any text; compared without regard to case unless asked otherwise.
    Text,
    /// A whole number, within the range of `i128`.
    Integer,
    /// A decimal number.
    Decimal,
    /// Parts separated by dots, dashes and the like; numeric parts compare as numbers.
    Version,
    /// A moment in RFC 3339 form, UTC: `2026-11-22T22:41:49Z`.
    DateTime,
    /// A span of time: `2 hours`, `1d 3h`, `90s`; printed by sensors as whole seconds with unit `s`.
    Duration,
    /// A number of bytes: `1.5 GB`, `4096`; printed by sensors as a plain number of bytes.
    DataSize,
    /// An IPv4 or IPv6 address; compared with addresses and CIDR networks.
    IpAddress,
    /// Hexadecimal digits of a digest; compared without regard to case.
    Hash,
    /// `True` or `False`.
    Boolean,
}

impl ValueType {
    /// Every type, in the order in which completion offers them.
    pub const ALL: [Self; 10] = [
        Self::Text,
        Self::Integer,
        Self::Decimal,
        Self::Version,
        Self::DateTime,
        Self::Duration,
        Self::DataSize,
        Self::IpAddress,
        Self::Hash,
        Self::Boolean,
    ];

    /// Name as it stands after `as` in a question.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "Text",
            Self::Integer => "Integer",
            Self::Decimal => "Decimal",
            Self::Version => "Version",
            Self::DateTime => "DateTime",
            Self::Duration => "Duration",
            Self::DataSize => "DataSize",
            Self::IpAddress => "IPAddress",
            Self::Hash => "Hash",
            Self::Boolean => "Boolean",
        }
    }
}
