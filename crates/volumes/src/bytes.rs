//! Little-endian and big-endian integers at an offset of foreign bytes, with the bounds checked once, here.

macro_rules! reader {
    ($name:ident, $type:ty, $from:ident) => {
        #[inline]
        pub(crate) fn $name(bytes: &[u8], at: usize) -> Option<$type> {
            let end = at.checked_add(size_of::<$type>())?;
            let field = bytes.get(at..end)?;
            Some(<$type>::$from(field.try_into().ok()?))
        }
    };
}

reader!(le16, u16, from_le_bytes);
reader!(le32, u32, from_le_bytes);
reader!(le64, u64, from_le_bytes);
reader!(le128, u128, from_le_bytes);
reader!(be32, u32, from_be_bytes);
reader!(be64, u64, from_be_bytes);

/// The bytes `at .. at + len`, or nothing when they are not all there.
#[inline]
pub(crate) fn part(bytes: &[u8], at: usize, len: usize) -> Option<&[u8]> {
    bytes.get(at..at.checked_add(len)?)
}

/// Whether all bytes are zero. Compares machine words, for the long empty stretches of journals and disks.
pub(crate) fn all_zero(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<16>();
    words.iter().all(|word| u128::from_ne_bytes(*word) == 0) && rest.iter().all(|byte| *byte == 0)
}
