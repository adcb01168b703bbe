//! Bodies that are files: written as they come, so that memory holds a piece of each, within bounds of bytes and of silence.

use super::super::error::{ApiError, ErrorCode};
use crate::content::{ContentError, Draft, Library};
use axum::body::{Body, HttpBody as _};
use axum::http::StatusCode;
use futures_util::StreamExt as _;
use std::sync::Arc;
use std::time::Duration;

/// How long nothing may come.
const SILENCE: Duration = Duration::from_secs(30);
/// Bytes that are gathered before they are written.
const PIECE: usize = 1 << 20;

/// Takes a body of at most so many bytes.
pub(super) async fn take(
    library: &Arc<Library>,
    body: Body,
    most: u64,
    what: &'static str,
) -> Result<Draft, ApiError> {
    let too_large = || ApiError::from(ContentError::TooLarge { what, most });
    if body.size_hint().lower() > most {
        return Err(too_large());
    }
    let mut draft = library.begin()?;
    let mut stream = body.into_data_stream();
    let mut piece: Vec<u8> = Vec::new();
    loop {
        let next = tokio::time::timeout(SILENCE, stream.next()).await;
        let next = next.map_err(|_| {
            ApiError::new(
                StatusCode::REQUEST_TIMEOUT,
                ErrorCode::Invalid,
                "the request's body took too long",
            )
        })?;
        let ended = match next {
            Some(Ok(bytes)) => {
                piece.extend_from_slice(&bytes);
                false
            }
            Some(Err(_)) => return Err(ApiError::invalid("the body broke off")),
            None => true,
        };
        if draft.size().saturating_add(piece.len() as u64) > most {
            return Err(too_large());
        }
        if piece.len() >= PIECE || (ended && !piece.is_empty()) {
            let bytes = std::mem::take(&mut piece);
            let written = tokio::task::spawn_blocking(move || {
                draft.write(&bytes)?;
                Ok::<_, ContentError>(draft)
            });
            draft = written.await.map_err(ContentError::Ended)??;
        }
        if ended {
            return Ok(draft);
        }
    }
}
