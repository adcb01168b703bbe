//! What all containers need for reading through blocks.

use std::io;

/// The container contradicts itself.
pub(super) fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the container is damaged here")
}

/// Inflates into exactly `len` bytes.
pub(super) fn inflate(packed: &[u8], zlib: bool, len: usize) -> io::Result<Vec<u8>> {
    let mut out = vec![0; len];
    let mut unpack = flate2::Decompress::new(zlib);
    unpack
        .decompress(packed, &mut out, flate2::FlushDecompress::Finish)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    if unpack.total_out() != len as u64 {
        return Err(damaged());
    }
    Ok(out)
}

/// Copies from a piece, starting `within` it, and says how much.
pub(super) fn copy(piece: &[u8], within: u64, buffer: &mut [u8]) -> usize {
    let found = usize::try_from(within)
        .ok()
        .and_then(|within| piece.get(within..))
        .unwrap_or_default();
    let count = found.len().min(buffer.len());
    if let (Some(to), Some(from)) = (buffer.get_mut(..count), found.get(..count)) {
        to.copy_from_slice(from);
    }
    count
}

/// Cuts a read at the end of its block and of the disk.
pub(super) fn cut(buffer: &mut [u8], within: u64, block: u64, offset: u64, len: u64) -> &mut [u8] {
    let most = (block - within).min(len.saturating_sub(offset));
    let count = usize::try_from(most)
        .unwrap_or(usize::MAX)
        .min(buffer.len());
    buffer.get_mut(..count).unwrap_or_default()
}
