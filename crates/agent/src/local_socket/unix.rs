//! Linux and macOS: [unix(7)] sockets in a folder of the listener's; the peer's account by `SO_PEERCRED`, or `getpeereid` with
//! `LOCAL_PEERPID`.
//!
//! [unix(7)]: https://man7.org/linux/man-pages/man7/unix.7.html

use super::{Accounts, Connection, Peer, SocketError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use tokio::net::{UnixListener, UnixStream};

pub(super) type Stream = UnixStream;

pub(super) fn own_account() -> Option<u32> {
    Some(rustix::process::geteuid().as_raw())
}

pub(super) fn owner(path: &Path) -> io::Result<Option<u32>> {
    Ok(Some(std::fs::metadata(path)?.uid()))
}

/// Takes peers of some accounts. The socket goes away with it.
#[derive(Debug)]
pub struct Listener {
    listener: UnixListener,
    accounts: Accounts,
    path: PathBuf,
}

impl Listener {
    /// Listens at this path. What a predecessor left there is removed: the caller makes sure that it has ended.
    ///
    /// # Errors
    /// [`SocketError::Bind`]; a path of more than about a hundred bytes is too long for a socket.
    pub fn bind(path: &Path, accounts: Accounts) -> Result<Self, SocketError> {
        let failed = |source| SocketError::Bind {
            path: path.into(),
            source,
        };
        match std::fs::remove_file(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(failed(source)),
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        let only_owner = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(path, only_owner).map_err(failed)?;
        Ok(Self {
            listener,
            accounts,
            path: path.into(),
        })
    }

    /// The next peer.
    ///
    /// # Errors
    /// [`SocketError::Stranger`] for one of another account, which is turned away; [`SocketError::Accept`].
    pub async fn accept(&mut self) -> Result<Connection, SocketError> {
        let (stream, _) = self.listener.accept().await.map_err(SocketError::Accept)?;
        checked(stream, &self.accounts)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // One that stays is removed by the next listener.
        std::fs::remove_file(&self.path).ok();
    }
}

/// Connects to a listener of one of these accounts.
///
/// # Errors
/// [`SocketError`].
pub async fn connect(path: &Path, accounts: &Accounts) -> Result<Connection, SocketError> {
    let stream = UnixStream::connect(path)
        .await
        .map_err(|source| SocketError::Connect {
            path: path.into(),
            source,
        })?;
    checked(stream, accounts)
}

fn checked(stream: UnixStream, accounts: &Accounts) -> Result<Connection, SocketError> {
    let known = stream.peer_cred().map_err(SocketError::Unknown)?;
    let peer = Peer {
        account: known.uid(),
        process: known.pid(),
    };
    if !accounts.0.contains(&peer.account) {
        return Err(SocketError::Stranger { peer });
    }
    Ok(Connection { stream, peer })
}
