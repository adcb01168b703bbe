//! Where the replacement of an authority or order key stands.

use serde::{Deserialize, Serialize};

/// What is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrustPart {
    /// The certificate authority.
    Authority,
    /// The key that signs orders.
    OrderKey,
}

impl TrustPart {
    /// For logs and the audit.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Authority => "authority",
            Self::OrderKey => "order-key",
        }
    }
}

/// Where a replacement stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrustStatus {
    /// Version of the trust bundle.
    pub version: u64,
    /// Authorities (hex SHA-256), oldest first; two while one replaces the other.
    pub authorities: Vec<String>,
    /// Order keys (hex), oldest first.
    pub order_keys: Vec<String>,
    /// Recovery keys (hex) that agents pin; none until one is made.
    pub recovery_keys: Vec<String>,
    /// Approved endpoints that have not been told of this version, or hold a certificate of an older authority. They would
    /// be locked out if the old part were dropped now.
    pub behind: u64,
}
