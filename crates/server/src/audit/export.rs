//! Sending the newest head of the audit log away from this machine, so that who cuts or rewrites the log contradicts what others hold.
//!
//! Every [`EVERY`] the head is looked at; a new one goes to each place that is configured: a file that is only appended to, the system's
//! log or one over UDP, a webhook. Each place has a task of its own, so that a slow one keeps no other waiting; where one fails, the
//! newest head is tried again, less and less often, and the failure is logged once. At the stop each place gets the last head.
//!
//! The file is also read: at the start the last head in it must be in the log. `cordon audit verify --heads FILE` compares all of it.

use super::line;
use super::webhook::{Webhook, WebhookError};
use crate::model::actor::Actor;
use crate::model::audit::{Deed, Head};
use crate::model::clock::Clock;
use crate::store::audit::AuditQuery;
use crate::store::{Store, StoreError};
use serde_json::json;
use std::io::{self, BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often the head is looked at.
pub const EVERY: Duration = Duration::from_secs(2);
/// Longest pause before a place that failed is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// For a place to take the last head when the server stops.
const LAST: Duration = Duration::from_secs(3);

/// A system log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Syslog {
    /// The local socket, commonly `/dev/log`.
    Local(PathBuf),
    /// UDP, `host:port`.
    Udp(String),
}

impl std::str::FromStr for Syslog {
    type Err = String;

    /// `local`, or `host:port`.
    fn from_str(text: &str) -> Result<Self, String> {
        let port = text
            .rsplit_once(':')
            .map(|(host, port)| (host, port.parse::<u16>()));
        match port {
            _ if text == "local" => Ok(Self::Local("/dev/log".into())),
            Some((host, Ok(_))) if !host.is_empty() => Ok(Self::Udp(text.into())),
            _ => Err(format!("`{text}` is neither `local` nor HOST:PORT")),
        }
    }
}

/// Where heads go.
#[derive(Clone, Debug, Default)]
pub struct Destinations {
    /// A file, appended to.
    pub file: Option<PathBuf>,
    /// A system log.
    pub syslog: Option<Syslog>,
    /// An HTTPS address.
    pub webhook: Option<Webhook>,
}

/// Why a head was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file.
    #[error("cannot append to {}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// System's error.
        #[source]
        source: io::Error,
    },
    /// The file, when its heads are read.
    #[error("cannot read the heads in {}; name the file that the server's --audit-file writes, or a copy of it", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// System's error.
        #[source]
        source: io::Error,
    },
    /// The file's content.
    #[error("line {line} of {} is no head of an audit log", .path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line.
        line: usize,
    },
    /// A system log.
    #[error("cannot send to the system log {place}")]
    Syslog {
        /// Which.
        place: String,
        /// System's error.
        #[source]
        source: io::Error,
    },
    /// The webhook.
    #[error("the webhook did not take it")]
    Webhook(#[from] WebhookError),
}

/// The heads in a file that [`Destinations::file`] names. A last line without its end was cut off by a crash and does not count.
///
/// # Errors
/// The file's, or a line that is none.
pub fn read_heads(path: &Path) -> Result<Vec<Head>, ExportError> {
    let failed = |source| ExportError::Read {
        path: path.to_owned(),
        source,
    };
    let mut reader = io::BufReader::new(std::fs::File::open(path).map_err(failed)?);
    let mut heads = Vec::new();
    let mut text = Vec::new();
    for number in 1.. {
        text.clear();
        reader.read_until(b'\n', &mut text).map_err(failed)?;
        if text.last() != Some(&b'\n') {
            break;
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        heads.push(line::read(&text).ok_or_else(|| ExportError::Line {
            path: path.to_owned(),
            line: number,
        })?);
    }
    Ok(heads)
}

/// The running export.
pub struct Export {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Export {
    /// Compares the file with the log and starts sending.
    ///
    /// # Errors
    /// The store's. A log that does not hold what the file says is an alarm in both logs, and the server goes on.
    pub async fn start(
        destinations: Destinations,
        store: Arc<dyn Store>,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let export = Self {
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        };
        if let Some(path) = &destinations.file {
            compare(path, store.as_ref()).await?;
        }
        let (heads, _) = watch::channel(store.audit_head().await?);
        let places = [
            destinations.file.map(Place::File),
            destinations.syslog.map(Place::Syslog),
            destinations.webhook.map(Place::Webhook),
        ];
        for place in places.into_iter().flatten() {
            export.tasks.spawn(send_all(
                place,
                heads.subscribe(),
                clock.clone(),
                export.stop.clone(),
            ));
        }
        if !export.tasks.is_empty() {
            let stop = export.stop.clone();
            export.tasks.spawn(look(store, heads, clock, stop));
        }
        Ok(export)
    }

    /// Sends the last head and ends.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// The head that was exported last must be in the log.
async fn compare(path: &Path, store: &dyn Store) -> Result<(), StoreError> {
    let noted = match read_heads(path) {
        Ok(heads) => heads.last().copied(),
        Err(ExportError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the exported heads of the audit log cannot be compared with it"
            );
            None
        }
    };
    let Some(noted) = noted.filter(|head| head.number > 0) else {
        return Ok(());
    };
    let query = AuditQuery {
        before: Some(noted.number.saturating_add(1)),
        limit: 1,
        ..AuditQuery::default()
    };
    let found = store.audit_entries(query).await?;
    let held = found
        .first()
        .is_some_and(|e| e.number == noted.number && e.hash == noted.hash);
    if held {
        return Ok(());
    }
    let hash = hex::encode(noted.hash);
    tracing::error!(
        number = noted.number,
        hash,
        "the audit log does not hold the entry that was exported last: it was cut, rewritten or restored from an older backup"
    );
    let deed = Deed::new(Actor::Server, "audit.contradicted", "")
        .with(json!({"number": noted.number, "hash": hash, "file": path}));
    store.note(deed).await?;
    Ok(())
}

async fn look(
    store: Arc<dyn Store>,
    heads: watch::Sender<Head>,
    clock: Clock,
    stop: CancellationToken,
) {
    loop {
        let stopping = tokio::select! {
            () = clock.sleep(EVERY) => false,
            () = stop.cancelled() => true,
        };
        match store.audit_head().await {
            Ok(head) => {
                heads.send_if_modified(|known| std::mem::replace(known, head) != head);
            }
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the end of the audit log cannot be read"
            ),
        }
        if stopping {
            return;
        }
    }
}

/// One place that takes heads.
enum Place {
    File(PathBuf),
    Syslog(Syslog),
    Webhook(Webhook),
}

async fn send_all(
    place: Place,
    mut heads: watch::Receiver<Head>,
    clock: Clock,
    stop: CancellationToken,
) {
    let mut sent = None;
    let mut pause = Duration::ZERO;
    loop {
        let head = *heads.borrow_and_update();
        if sent != Some(head) && head.number > 0 {
            match place.send(head, clock.now()).await {
                Ok(()) => {
                    if pause > Duration::ZERO {
                        tracing::info!("heads of the audit log are taken again");
                    }
                    (sent, pause) = (Some(head), Duration::ZERO);
                }
                Err(error) => {
                    if pause.is_zero() {
                        tracing::error!(
                            error = &error as &dyn std::error::Error,
                            "a head of the audit log was not taken; the newest is tried again"
                        );
                    }
                    pause = (pause * 2).clamp(EVERY, LONGEST_PAUSE);
                }
            }
        }
        let failed = sent != Some(head) && head.number > 0;
        tokio::select! {
            () = clock.sleep(pause), if failed => {}
            changed = heads.changed(), if !failed => {
                // The sender ends after it has seen the last head.
                if changed.is_err() {
                    return;
                }
            }
            () = stop.cancelled() => {
                // Until the sender has looked for the last time.
                while heads.changed().await.is_ok() {}
                let head = *heads.borrow_and_update();
                if sent != Some(head) && head.number > 0 {
                    let last = tokio::time::timeout(LAST, place.send(head, clock.now())).await;
                    if !matches!(last, Ok(Ok(()))) {
                        tracing::error!(number = head.number, hash = hex::encode(head.hash), "the last head of the audit log was not taken");
                    }
                }
                return;
            }
        }
    }
}

impl Place {
    async fn send(&self, head: Head, at: jiff::Timestamp) -> Result<(), ExportError> {
        match self {
            Self::File(path) => append(path, head, at).map_err(|source| ExportError::File {
                path: path.clone(),
                source,
            }),
            Self::Syslog(syslog) => {
                syslog
                    .send(head, at)
                    .await
                    .map_err(|source| ExportError::Syslog {
                        place: format!("{syslog:?}"),
                        source,
                    })
            }
            Self::Webhook(webhook) => Ok(webhook.send(head, at).await?),
        }
    }
}

/// Opens the file each time, so that it may be rotated, and flushes it: what was exported is on disk.
fn append(path: &Path, head: Head, at: jiff::Timestamp) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
    let mut file = options.open(path)?;
    let text = line::write(head, at).map_err(io::Error::other)?;
    file.write_all(format!("{text}\n").as_bytes())?;
    file.sync_data()
}

impl Syslog {
    async fn send(&self, head: Head, at: jiff::Timestamp) -> io::Result<()> {
        // Facility 10 (security), severity 6 (informational).
        let text = format!(
            "cordon-server[{}]: audit head {} {}",
            std::process::id(),
            head.number,
            hex::encode(head.hash)
        );
        match self {
            Self::Local(path) => {
                // The form that local daemons read: RFC 3164 without a host.
                let message = format!("<86>{} {text}", at.strftime("%b %e %H:%M:%S"));
                send_local(path, message.as_bytes()).await
            }
            Self::Udp(to) => {
                // RFC 5424: version, time, host, program, process, message id, no structured data.
                let message = format!(
                    "<86>1 {at:.3} - cordon-server {} audit-head - audit head {} {}",
                    std::process::id(),
                    head.number,
                    hex::encode(head.hash)
                );
                send_udp(to, message.as_bytes()).await
            }
        }
    }
}

#[cfg(unix)]
async fn send_local(path: &Path, message: &[u8]) -> io::Result<()> {
    let socket = tokio::net::UnixDatagram::unbound()?;
    socket.send_to(message, path).await.map(drop)
}

#[cfg(not(unix))]
async fn send_local(_path: &Path, _message: &[u8]) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "this system has no socket of a system log; name a host and port",
    ))
}

async fn send_udp(to: &str, message: &[u8]) -> io::Result<()> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in tokio::net::lookup_host(to).await? {
        let own: std::net::SocketAddr = if address.is_ipv4() {
            (std::net::Ipv4Addr::UNSPECIFIED, 0).into()
        } else {
            (std::net::Ipv6Addr::UNSPECIFIED, 0).into()
        };
        let sent = async {
            let socket = tokio::net::UdpSocket::bind(own).await?;
            socket.send_to(message, address).await
        };
        match sent.await {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests;
