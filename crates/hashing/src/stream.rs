//! Content that is no file of the system: an entry of a disk image, for instance.
//!
//! Only its bytes can be had, in order and once, so it goes alone: SHA-1, SHA-256, BLAKE3 and MD5 of a chunk after one another while it is in the nearest cache. Who has
//! many of them side by side takes a thread for each.

use crate::content::{Content, Digests, HashError, Kinds, Magic, Pace};
use crate::many::{BUFFER, CHUNK, bytes, pad};
use crate::md5::{LANES, Lanes, Level};
use crate::sha::{self, SHA1_START, SHA256_START, Way};
use std::io::{self, Read};

/// Hashes what a reader gives, from where it stands to its end. `pace` is called after each chunk of some tens of KiB with its length; it may sleep, and says whether to go on.
///
/// Where no digest is wanted, only the first chunk is read, and [`Content::bytes`] is no more than its length. Whether the content is as long as it should be is for the
/// caller to say, by [`Content::bytes`].
///
/// # Errors
/// [`HashError::Read`] when the reader fails, [`HashError::Stopped`] when `pace` says so.
pub fn from_reader(
    kinds: Kinds,
    content: &mut dyn Read,
    pace: &mut dyn FnMut(u64) -> Pace,
) -> Result<Content, HashError> {
    let way = Way::best();
    let mut sha1 = SHA1_START;
    let mut sha256 = SHA256_START;
    let mut blake3 = kinds.blake3.then(blake3::Hasher::new);
    let mut md5 = Lanes::new(Level::Scalar);
    let mut buffer = vec![0; BUFFER];
    let mut total = 0_u64;
    let mut magic = Magic::default();
    let mut mime = "";
    loop {
        let got = fill(content, buffer.get_mut(..CHUNK).unwrap_or_default())
            .map_err(|source| HashError::Read { source })?;
        let data = buffer.get(..got).unwrap_or_default();
        if total == 0 {
            magic = Magic::of(data);
            mime = crate::mime(data);
        }
        total += got as u64;
        if let Some(hasher) = &mut blake3 {
            hasher.update(data);
        }
        // A full chunk is whole blocks; what ends before is the end, be it empty.
        let last = got < CHUNK || kinds.is_none();
        let end = if last && !kinds.is_none() {
            pad(&mut buffer, got, total.wrapping_mul(8).to_be_bytes())
        } else {
            got
        };
        let blocks = buffer.get(..end).unwrap_or_default().as_chunks::<64>().0;
        match (kinds.sha1, kinds.sha256) {
            (true, true) => sha::both(way, &mut sha1, &mut sha256, blocks),
            (true, false) => sha::only_sha1(&mut sha1, blocks),
            (false, true) => sha::only_sha256(&mut sha256, blocks),
            (false, false) => {}
        }
        if kinds.md5 {
            if last {
                pad(&mut buffer, got, total.wrapping_mul(8).to_le_bytes());
            }
            let mut inputs: [Option<&[[u8; 64]]>; LANES] = [None; LANES];
            inputs[0] = Some(buffer.get(..end).unwrap_or_default().as_chunks::<64>().0);
            md5.run(&inputs);
        }
        if got > 0 && pace(got as u64) == Pace::Stop {
            return Err(HashError::Stopped);
        }
        if last {
            break;
        }
    }
    Ok(Content {
        digests: Digests {
            md5: kinds.md5.then(|| md5.digest(0)),
            sha1: kinds.sha1.then(|| bytes(&sha1)),
            sha256: kinds.sha256.then(|| bytes(&sha256)),
            blake3: blake3.map(|hasher| *hasher.finalize().as_bytes()),
        },
        magic,
        mime,
        bytes: total,
    })
}

/// Fills the buffer, or as much of it as there is to read.
fn fill(content: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut have = 0;
    while let Some(rest) = buffer.get_mut(have..).filter(|rest| !rest.is_empty()) {
        match content.read(rest) {
            Ok(0) => break,
            Ok(count) => have += count.min(rest.len()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(have)
}
