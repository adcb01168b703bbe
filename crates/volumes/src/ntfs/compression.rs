//! LZNT1, the compression of NTFS: chunks of 4 KiB, each a sequence of literals and references to what came before.
//!
//! Format: <https://learn.microsoft.com/openspecs/windows_protocols/ms-xca/94164d22-2928-4417-876e-d193766c4db6>.

use crate::bytes::le16;

const CHUNK: usize = 4096;
const COMPRESSED: u16 = 0x8000;

/// Damaged compressed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the compressed content is damaged")]
pub struct DamagedContent;

/// Fills `out` from the compressed `bytes`; what the chunks do not cover is zeros.
pub fn expand(bytes: &[u8], out: &mut [u8]) -> Result<(), DamagedContent> {
    out.fill(0);
    let mut rest = bytes;
    for chunk in out.chunks_mut(CHUNK) {
        // A header of 0, or no room for one, ends the unit.
        let Some(header) = le16(rest, 0).filter(|header| *header != 0) else {
            return Ok(());
        };
        let len = usize::from(header & 0x0FFF) + 1;
        let packed = rest.get(2..2 + len).ok_or(DamagedContent)?;
        if header & COMPRESSED == 0 {
            let count = len.min(chunk.len());
            chunk
                .get_mut(..count)
                .zip(packed.get(..count))
                .ok_or(DamagedContent)
                .map(|(to, from)| to.copy_from_slice(from))?;
        } else {
            expand_chunk(packed, chunk).ok_or(DamagedContent)?;
        }
        rest = rest.get(2 + len..).unwrap_or_default();
    }
    Ok(())
}

fn expand_chunk(packed: &[u8], out: &mut [u8]) -> Option<()> {
    let (mut from, mut to) = (0, 0);
    while let Some(flags) = packed.get(from) {
        from += 1;
        for bit in 0..8 {
            if from >= packed.len() {
                return Some(());
            }
            if flags >> bit & 1 == 0 {
                *out.get_mut(to)? = *packed.get(from)?;
                from += 1;
                to += 1;
                continue;
            }
            let token = le16(packed, from)?;
            from += 2;
            // The further into the chunk, the more bits the distance takes from the length.
            let distance_bits = to
                .checked_sub(1)?
                .checked_ilog2()
                .map_or(4, |log| (log + 1).max(4));
            let length_bits = 16 - distance_bits;
            let distance = usize::from(token >> length_bits) + 1;
            let length = usize::from(token & ((1 << length_bits) - 1)) + 3;
            let start = to.checked_sub(distance)?;
            if to + length > out.len() {
                return None;
            }
            if distance >= length {
                out.copy_within(start..start + length, to);
            } else {
                for step in 0..length {
                    *out.get_mut(to + step)? = *out.get(start + step)?;
                }
            }
            to += length;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::{DamagedContent, expand};
    use proptest::prelude::*;

    /// The example of the format's description.
    #[test]
    fn the_published_example() {
        let packed = [
            0x38, 0xB0, 0x88, 0x46, 0x23, 0x20, 0x00, 0x20, 0x47, 0x20, 0x41, 0x00, 0x10, 0xA2,
            0x47, 0x01, 0xA0, 0x45, 0x20, 0x44, 0x00, 0x08, 0x45, 0x01, 0x50, 0x79, 0x00, 0xC0,
            0x45, 0x20, 0x05, 0x24, 0x13, 0x88, 0x05, 0xB4, 0x02, 0x4A, 0x44, 0xEF, 0x03, 0x58,
            0x02, 0x8C, 0x09, 0x16, 0x01, 0x48, 0x45, 0x00, 0xBE, 0x00, 0x9E, 0x00, 0x04, 0x01,
            0x18, 0x90, 0x00,
        ];
        let text = b"F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E F# G \
            F# E D E A F# F# G A A G F# E D D E F# E D D\0";
        let mut out = vec![0xAA; text.len()];
        expand(&packed, &mut out).unwrap();
        assert_eq!(out, text);
    }

    /// A plain compressor of our own: the longest match, searched naively.
    fn compress(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for chunk in bytes.chunks(4096) {
            let (mut packed, mut at) = (Vec::new(), 0);
            while at < chunk.len() {
                let (flags_at, mut flags) = (packed.len(), 0u8);
                packed.push(0);
                for bit in 0..8 {
                    if at >= chunk.len() {
                        break;
                    }
                    let mut bits = 4;
                    while at > 1 << bits {
                        bits += 1;
                    }
                    let longest = (1usize << (16 - bits)) + 2;
                    let best = (at.saturating_sub(1 << bits)..at)
                        .map(|start| {
                            let len = (0..longest.min(chunk.len() - at))
                                .take_while(|step| chunk[start + step] == chunk[at + step]);
                            (len.count(), at - start)
                        })
                        .max();
                    match best {
                        Some((len, distance)) if len >= 3 => {
                            flags |= 1 << bit;
                            let token = (distance - 1) << (16 - bits) | (len - 3);
                            packed.extend((token as u16).to_le_bytes());
                            at += len;
                        }
                        _ => {
                            packed.push(chunk[at]);
                            at += 1;
                        }
                    }
                }
                packed[flags_at] = flags;
            }
            if packed.len() < chunk.len() {
                out.extend((0xB000 | (packed.len() - 1) as u16).to_le_bytes());
                out.extend(packed);
            } else {
                out.extend((0x3000 | (chunk.len() - 1) as u16).to_le_bytes());
                out.extend(chunk);
            }
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_compressed_is_expanded(words in prop::collection::vec(0u8..20, 1..1200), repeat in 1usize..12) {
            let bytes: Vec<u8> = words.iter().flat_map(|word| vec![*word; usize::from(*word) % 7 + 1]).collect::<Vec<_>>().repeat(repeat);
            let mut out = vec![0xAA; bytes.len() + 100];
            expand(&compress(&bytes), &mut out).unwrap();
            prop_assert_eq!(&out[..bytes.len()], &bytes[..]);
            prop_assert!(out[bytes.len()..].iter().all(|byte| *byte == 0));
        }

        #[test]
        fn any_bytes_expand_or_are_refused(bytes: Vec<u8>, len in 0usize..20_000) {
            let mut out = vec![0; len];
            let _ended: Result<(), DamagedContent> = expand(&bytes, &mut out);
        }
    }
}
