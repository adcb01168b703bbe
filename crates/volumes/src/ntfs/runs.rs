//! Mapping pairs: which clusters of the volume hold which clusters of an attribute.
//!
//! Each pair is one byte with two nibbles (bytes of the length, bytes of the offset), a length, and an offset relative to
//! the one before; without offset the run is a hole. Format: <https://flatcap.github.io/linux-ntfs/ntfs/concepts/data_runs.html>.

/// One run of clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// First cluster, counted in the attribute.
    pub first: u64,
    /// Clusters.
    pub len: u64,
    /// First cluster on the volume; `None` for a hole.
    pub at: Option<u64>,
}

impl Run {
    /// The cluster of the attribute behind this run.
    pub fn end(&self) -> u64 {
        self.first.saturating_add(self.len)
    }
}

/// Decodes mapping pairs, of which the first describes cluster `first` of the attribute. Ends at the end mark; a damaged
/// pair gives one `Err` and ends.
pub fn decode(pairs: &[u8], first: u64) -> Runs<'_> {
    Runs {
        rest: pairs,
        next: first,
        at: 0,
    }
}

/// Damaged mapping pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the mapping pairs are damaged")]
pub struct DamagedRuns;

/// Iterator of [`decode`].
#[derive(Debug, Clone)]
pub struct Runs<'a> {
    rest: &'a [u8],
    next: u64,
    at: i64,
}

impl Runs<'_> {
    fn pair(&mut self, header: u8) -> Option<Run> {
        let len_bytes = usize::from(header & 15);
        let at_bytes = usize::from(header >> 4);
        let len = u64::try_from(signed(self.rest.get(1..1 + len_bytes)?)?).ok()?;
        let offset = signed(self.rest.get(1 + len_bytes..1 + len_bytes + at_bytes)?)?;
        self.rest = self.rest.get(1 + len_bytes + at_bytes..)?;
        let first = self.next;
        self.next = first.checked_add(len).filter(|_| len > 0)?;
        let at = match at_bytes {
            0 => None,
            _ => {
                self.at = self.at.checked_add(offset)?;
                // Old versions of the format write a hole as cluster -1.
                if self.at == -1 {
                    None
                } else {
                    Some(u64::try_from(self.at).ok()?)
                }
            }
        };
        Some(Run { first, len, at })
    }
}

impl Iterator for Runs<'_> {
    type Item = Result<Run, DamagedRuns>;

    fn next(&mut self) -> Option<Self::Item> {
        let header = *self.rest.first()?;
        if header == 0 {
            self.rest = &[];
            return None;
        }
        let run = self.pair(header).ok_or(DamagedRuns);
        if run.is_err() {
            self.rest = &[];
        }
        Some(run)
    }
}

/// A little-endian number of 0 to 8 bytes with sign.
fn signed(bytes: &[u8]) -> Option<i64> {
    if bytes.len() > 8 {
        return None;
    }
    let negative = bytes.last().is_some_and(|high| high & 0x80 != 0);
    let mut whole = [if negative { 0xFF } else { 0 }; 8];
    whole.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_le_bytes(whole))
}

#[cfg(test)]
mod tests {
    use super::{DamagedRuns, Run, decode};
    use proptest::prelude::*;

    fn encode(runs: &[Run]) -> Vec<u8> {
        let minimal = |value: i64| {
            let bytes = value.to_le_bytes();
            let mut len = 8;
            while len > 1 {
                let shorter = &bytes[..len - 1];
                if super::signed(shorter) != Some(value) {
                    break;
                }
                len -= 1;
            }
            bytes[..len].to_vec()
        };
        let (mut out, mut last) = (Vec::new(), 0i64);
        for run in runs {
            let len = minimal(run.len as i64);
            let at = run.at.map_or_else(Vec::new, |at| minimal(at as i64 - last));
            last = run.at.map_or(last, |at| at as i64);
            out.push(len.len() as u8 | (at.len() as u8) << 4);
            out.extend(len);
            out.extend(at);
        }
        out.push(0);
        out
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(parts: Vec<(u32, Option<u32>)>, start: u32) {
            let mut next = u64::from(start);
            let runs: Vec<Run> = parts.iter().map(|(len, at)| {
                let run = Run { first: next, len: u64::from(*len) + 1, at: at.map(u64::from) };
                next += run.len;
                run
            }).collect();
            let pairs = encode(&runs);
            let decoded: Result<Vec<_>, _> = decode(&pairs, u64::from(start)).collect();
            prop_assert_eq!(decoded, Ok(runs));
        }

        #[test]
        fn any_bytes_end_in_order(pairs: Vec<u8>, start: u64) {
            let mut next = start;
            for run in decode(&pairs, start).map_while(Result::ok) {
                prop_assert_eq!(run.first, next);
                prop_assert!(run.len > 0);
                next = run.end();
            }
        }
    }

    #[test]
    fn a_cut_pair_is_damage() {
        assert_eq!(decode(&[0x21, 5], 0).next(), Some(Err(DamagedRuns)));
        assert_eq!(decode(&[0x11, 0, 1, 0], 0).next(), Some(Err(DamagedRuns)));
        assert_eq!(
            decode(&[0x01, 3, 0], 0).next(),
            Some(Ok(Run {
                first: 0,
                len: 3,
                at: None
            }))
        );
        assert_eq!(decode(&[], 0).next(), None);
    }
}
