//! Windows: not yet. A named pipe that asks for the account of its client would be the same thing there.

use super::{Accounts, Connection, SocketError};
use std::path::Path;

/// Never there.
pub(super) type Stream = tokio::io::Empty;

pub(super) fn own_account() -> Option<u32> {
    None
}

pub(super) fn owner(_path: &Path) -> std::io::Result<Option<u32>> {
    Ok(None)
}

/// Never there.
#[derive(Debug)]
pub struct Listener;

impl Listener {
    /// Says that there is none.
    ///
    /// # Errors
    /// [`SocketError::Unsupported`].
    pub fn bind(_path: &Path, _accounts: Accounts) -> Result<Self, SocketError> {
        Err(SocketError::Unsupported)
    }

    /// Says that there is none.
    ///
    /// # Errors
    /// [`SocketError::Unsupported`].
    pub async fn accept(&mut self) -> Result<Connection, SocketError> {
        Err(SocketError::Unsupported)
    }
}

/// Says that there is none.
///
/// # Errors
/// [`SocketError::Unsupported`].
pub async fn connect(_path: &Path, _accounts: &Accounts) -> Result<Connection, SocketError> {
    Err(SocketError::Unsupported)
}
