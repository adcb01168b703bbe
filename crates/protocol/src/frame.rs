//! Frames: a 4-byte big-endian length, then that many bytes of one encoded envelope.
//!
//! Nothing is buffered between frames, so an idle connection costs no memory here. A length above the bound, or bytes that do not
//! decode, is an error that ends the connection: framing cannot be found again after it.

use prost::Message;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Longest frame of an enrolled peer, in bytes. Answers larger than this are sent in parts.
pub const MAX: usize = 1 << 20;
/// Longest first frame of a peer that has not shown who it is.
pub const MAX_FIRST: usize = 16 << 10;

/// Why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The peer closed between frames.
    #[error("the peer closed the connection")]
    Closed,
    /// The peer announced more than the bound.
    #[error("frame of {announced} bytes is larger than the {bound} allowed")]
    TooLarge {
        /// Bytes announced.
        announced: usize,
        /// Bytes allowed.
        bound: usize,
    },
    /// The bytes are no message.
    #[error("frame of {length} bytes is not a message of this protocol")]
    Malformed {
        /// Length of the frame.
        length: usize,
        /// Decoder's error.
        #[source]
        source: prost::DecodeError,
    },
    /// The connection failed.
    #[error("connection failed while a frame was {during}")]
    Io {
        /// `read` or `written`.
        during: &'static str,
        /// System's error.
        #[source]
        source: std::io::Error,
    },
}

/// Reads one frame of at most `bound` bytes.
///
/// # Errors
/// [`FrameError`]; after any of them the connection is of no more use.
pub async fn read<M: Message + Default, S: AsyncRead + Unpin>(
    stream: &mut S,
    bound: usize,
) -> Result<M, FrameError> {
    let mut length = [0_u8; 4];
    match stream.read(&mut length[..1]).await {
        Ok(0) => return Err(FrameError::Closed),
        Ok(_) => {}
        Err(source) => {
            return Err(FrameError::Io {
                during: "read",
                source,
            });
        }
    }
    stream
        .read_exact(&mut length[1..])
        .await
        .map_err(|source| FrameError::Io {
            during: "read",
            source,
        })?;
    let announced = u32::from_be_bytes(length) as usize;
    if announced > bound {
        return Err(FrameError::TooLarge { announced, bound });
    }
    // Memory follows what really arrives, not what was announced.
    let mut bytes = Vec::with_capacity(announced.min(16 << 10));
    let mut limited = stream.take(announced as u64);
    limited
        .read_to_end(&mut bytes)
        .await
        .map_err(|source| FrameError::Io {
            during: "read",
            source,
        })?;
    if bytes.len() < announced {
        return Err(FrameError::Io {
            during: "read",
            source: std::io::ErrorKind::UnexpectedEof.into(),
        });
    }
    M::decode(bytes.as_slice()).map_err(|source| FrameError::Malformed {
        length: announced,
        source,
    })
}

/// The bytes of a frame, ready to send to any number of peers.
#[must_use]
pub fn encode<M: Message>(message: &M) -> Vec<u8> {
    let length = message.encoded_len();
    let mut bytes = Vec::with_capacity(4 + length);
    bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    message.encode_raw(&mut bytes);
    bytes
}

/// Writes one frame and flushes it.
///
/// # Errors
/// [`FrameError::TooLarge`] before anything is sent, or the connection's failure.
pub async fn write<M: Message, S: AsyncWrite + Unpin>(
    stream: &mut S,
    message: &M,
) -> Result<(), FrameError> {
    let length = message.encoded_len();
    if length > MAX {
        return Err(FrameError::TooLarge {
            announced: length,
            bound: MAX,
        });
    }
    write_bytes(stream, &encode(message)).await
}

/// Writes bytes made by [`encode`] and flushes them.
///
/// # Errors
/// The connection's failure.
pub async fn write_bytes<S: AsyncWrite + Unpin>(
    stream: &mut S,
    bytes: &[u8],
) -> Result<(), FrameError> {
    let failed = |source| FrameError::Io {
        during: "written",
        source,
    };
    stream.write_all(bytes).await.map_err(failed)?;
    stream.flush().await.map_err(failed)
}
