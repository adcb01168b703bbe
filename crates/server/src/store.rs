//! What the server keeps: traits by subject, and the one implementation over SQLite.
//!
//! The rest of the server sees [`Store`] only. Every method gives a [`Reply`], a future that ends when the answer
//! is known; a write's reply ends only after it is safely on disk. Where a change must be audited, the method takes
//! the [`Deed`](crate::model::audit::Deed) and writes both in one transaction, so neither exists without the other.
//!
//! A second implementation (PostgreSQL) has to satisfy the same traits and to run the same suite of tests (`suite`).

pub mod accounts;
pub mod audit;
pub mod content;
pub mod endpoints;
pub mod error;
pub mod groups;
pub mod lock;
pub mod orders;
pub mod origin;
pub mod questions;
pub mod quota;
pub mod rights;
pub mod sessions;
pub mod sqlite;
#[cfg(test)]
mod suite;
pub mod upkeep;

pub use accounts::Accounts;
pub use audit::Audit;
pub use content::Contents;
pub use endpoints::Endpoints;
pub use error::{Reply, Result, StoreError};
pub use groups::Groups;
pub use orders::Orders;
pub use origin::Origin;
pub use questions::Questions;
pub use quota::Quota;
pub use rights::Rights;
pub use sessions::Sessions;
pub use upkeep::Upkeep;

/// Everything the server keeps, by subject.
pub trait Store:
    Accounts
    + Audit
    + Contents
    + Endpoints
    + Groups
    + Orders
    + Origin
    + Questions
    + Quota
    + Rights
    + Sessions
    + Upkeep
    + Send
    + Sync
    + 'static
{
    /// What was written so far.
    fn write_counts(&self) -> WriteCounts;
}

/// Counters for the metrics page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteCounts {
    /// Transactions committed.
    pub commits: u64,
    /// Changes committed in them.
    pub jobs: u64,
    /// Changes that failed and were undone.
    pub failures: u64,
}
