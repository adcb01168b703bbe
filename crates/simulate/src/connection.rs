//! One TLS connection with frames on it, cheap while idle.
//!
//! Reading keeps what has arrived of a frame, so that waiting for a frame can be given up for a timer without losing bytes, and one task
//! serves both directions.

use prost::Message;
use protocol::frame::{self, FrameError};
use protocol::message::{ToAgent, ToServer, agent_says};
use rustls::ClientConfig;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Longest time for TCP and TLS together, and for any write.
const PATIENCE: Duration = Duration::from_secs(60);
/// Memory kept for reading between frames.
const IDLE_BUFFER: usize = 512;

/// Why there is no connection, or no more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    #[error("cannot connect to {server}")]
    Connect {
        server: String,
        #[source]
        source: std::io::Error,
    },
    #[error("TLS with {server} failed")]
    Handshake {
        server: String,
        #[source]
        source: std::io::Error,
    },
    #[error("{server} does not speak this protocol")]
    Protocol { server: String },
    #[error("nothing moved within {} seconds", PATIENCE.as_secs())]
    Slow,
    #[error("the connection ended")]
    Frame(#[from] FrameError),
}

pub(crate) struct Connection {
    stream: TlsStream<TcpStream>,
    arrived: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(server: &str, config: Arc<ClientConfig>) -> Result<Self, Lost> {
        let opening = async {
            let connect = |source| Lost::Connect {
                server: server.to_owned(),
                source,
            };
            let socket = TcpStream::connect(server).await.map_err(connect)?;
            socket.set_nodelay(true).map_err(connect)?;
            let stream = TlsConnector::from(config)
                .connect(crate::tls::server_name(), socket)
                .await
                .map_err(|source| Lost::Handshake {
                    server: server.to_owned(),
                    source,
                })?;
            if stream.get_ref().1.alpn_protocol() != Some(protocol::ALPN) {
                return Err(Lost::Protocol {
                    server: server.to_owned(),
                });
            }
            Ok(Self {
                stream,
                arrived: Vec::with_capacity(IDLE_BUFFER),
            })
        };
        // Boxed: a handshake is short, and what it needs must not stay in the memory of an idle endpoint.
        Box::pin(tokio::time::timeout(PATIENCE, opening))
            .await
            .unwrap_or(Err(Lost::Slow))
    }

    /// The next frame. May be dropped and called again without losing bytes.
    pub(crate) async fn next(&mut self) -> Result<ToAgent, FrameError> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(message);
            }
            if self.arrived.capacity() == self.arrived.len() {
                self.arrived
                    .reserve(self.arrived.len().clamp(512, 16 << 10));
            }
            let read = self.stream.read_buf(&mut self.arrived).await;
            let failed = |source| FrameError::Io {
                during: "read",
                source,
            };
            match read {
                Ok(0) if self.arrived.is_empty() => return Err(FrameError::Closed),
                Ok(0) => return Err(failed(std::io::ErrorKind::UnexpectedEof.into())),
                Ok(_) => {}
                Err(source) => return Err(failed(source)),
            }
        }
    }

    fn take(&mut self) -> Result<Option<ToAgent>, FrameError> {
        let Some((length, rest)) = self.arrived.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let announced = u32::from_be_bytes(*length) as usize;
        if announced > frame::MAX {
            return Err(FrameError::TooLarge {
                announced,
                bound: frame::MAX,
            });
        }
        let Some(bytes) = rest.get(..announced) else {
            return Ok(None);
        };
        let message = ToAgent::decode(bytes).map_err(|source| FrameError::Malformed {
            length: announced,
            source,
        })?;
        self.arrived.drain(..4 + announced);
        if self.arrived.is_empty() && self.arrived.capacity() > 4 * IDLE_BUFFER {
            self.arrived.shrink_to(IDLE_BUFFER);
        }
        Ok(Some(message))
    }

    pub(crate) async fn say(&mut self, body: agent_says::Body) -> Result<(), Lost> {
        self.send(&frame::encode(&ToServer { body: Some(body) }))
            .await
    }

    /// Sends bytes that are whole frames.
    pub(crate) async fn send(&mut self, frames: &[u8]) -> Result<(), Lost> {
        tokio::time::timeout(PATIENCE, frame::write_bytes(&mut self.stream, frames))
            .await
            .map_err(|_| Lost::Slow)??;
        Ok(())
    }

    /// Says goodbye as TLS wants it. Failing to is of no consequence.
    pub(crate) async fn close(mut self) {
        let closing = tokio::time::timeout(Duration::from_secs(1), self.stream.shutdown());
        if let Ok(Err(error)) = closing.await {
            tracing::trace!(%error, "a connection did not close cleanly");
        }
    }
}
