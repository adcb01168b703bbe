//! The audit log of a store: announcing its head, checking it with or without a running server.
//!
//! What an entry is and how a log is judged is [`crate::model::audit`]'s.
//!
//! - [`tally`]: what is noted about strangers and readers, bounded.
//! - [`export`]: sending the newest head away, to a file, a system log or a [`webhook`].

pub mod export;
mod line;
pub mod tally;
pub mod webhook;

pub use export::{Destinations, Export, Syslog, read_heads};
pub(crate) use tally::Refused;
pub use tally::Tally;
pub use webhook::{Webhook, WebhookError};

use crate::model::audit::{Head, Verdict};
use crate::store::{self, StoreError};
use std::path::Path;

/// Writes the newest number and hash to the server's log, which commonly leaves the machine: a note for [`crate::model::audit::verify`].
pub async fn announce(store: &dyn store::Store) -> Result<(), StoreError> {
    let head = store.audit_head().await?;
    tracing::info!(
        number = head.number,
        hash = hex::encode(head.hash),
        "the audit log ends here"
    );
    Ok(())
}

/// Checks the log in a database file. The server need not run, and may.
pub fn verify_file(database: &Path, noted: &[Head]) -> Result<Verdict, StoreError> {
    store::sqlite::verify_audit(database, noted)
}

/// Checks the log in a server's data folder.
pub fn verify_store(folder: &Path) -> Result<Verdict, StoreError> {
    verify_file(&folder.join(store::sqlite::FILE_NAME), &[])
}
