//! UTF-16 names as bytes.
//!
//! Windows names are any 16-bit units. Units that pair up become UTF-8; a lone surrogate is kept in three bytes as
//! WTF-8 does it (<https://simonsapin.github.io/wtf-8/>), so that two different names never become one. `/` and NUL,
//! which only a forged name can hold, become U+FFFD: a name must not look like a path.

/// Appends the name to `out`. `units` is UTF-16LE; an odd last byte is left out.
pub(crate) fn push_utf16(units: &[u8], out: &mut Vec<u8>) {
    let (units, _) = units.as_chunks::<2>();
    let mut units = units
        .iter()
        .map(|unit| u16::from_le_bytes(*unit))
        .peekable();
    while let Some(unit) = units.next() {
        match unit {
            0 | 0x2F => out.extend_from_slice("\u{FFFD}".as_bytes()),
            1..0x80 => out.push(unit as u8),
            0x80..0x800 => {
                out.push(0xC0 | (unit >> 6) as u8);
                out.push(0x80 | (unit & 0x3F) as u8);
            }
            0xD800..0xDC00 => {
                let low = units.next_if(|next| (0xDC00..0xE000).contains(next));
                match low {
                    Some(low) => {
                        let scalar = 0x1_0000
                            + ((u32::from(unit) - 0xD800) << 10)
                            + (u32::from(low) - 0xDC00);
                        out.push(0xF0 | (scalar >> 18) as u8);
                        out.push(0x80 | (scalar >> 12 & 0x3F) as u8);
                        out.push(0x80 | (scalar >> 6 & 0x3F) as u8);
                        out.push(0x80 | (scalar & 0x3F) as u8);
                    }
                    None => push_three(unit, out),
                }
            }
            _ => push_three(unit, out),
        }
    }
}

fn push_three(unit: u16, out: &mut Vec<u8>) {
    out.push(0xE0 | (unit >> 12) as u8);
    out.push(0x80 | (unit >> 6 & 0x3F) as u8);
    out.push(0x80 | (unit & 0x3F) as u8);
}

/// The name on its own.
pub(crate) fn utf16(units: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(units.len() / 2 + 4);
    push_utf16(units, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::utf16;
    use proptest::prelude::*;

    fn bytes(units: &[u16]) -> Vec<u8> {
        units.iter().flat_map(|unit| unit.to_le_bytes()).collect()
    }

    proptest! {
        #[test]
        fn text_without_separators_is_its_own_utf8(text in "[^/\0]{0,40}") {
            let units: Vec<u16> = text.encode_utf16().collect();
            prop_assert_eq!(utf16(&bytes(&units)), text.into_bytes());
        }

        #[test]
        fn different_names_stay_different(left: Vec<u16>, right: Vec<u16>) {
            let clean = |units: &[u16]| !units.iter().any(|unit| matches!(unit, 0 | 0x2F | 0xFFFD));
            prop_assume!(clean(&left) && clean(&right) && left != right);
            prop_assert_ne!(utf16(&bytes(&left)), utf16(&bytes(&right)));
        }
    }

    #[test]
    fn lone_surrogates_are_kept_and_separators_are_not() {
        assert_eq!(utf16(&bytes(&[0xD800])), [0xED, 0xA0, 0x80]);
        assert_eq!(utf16(&bytes(&[0xDC00, 0x41])), [0xED, 0xB0, 0x80, 0x41]);
        assert_eq!(utf16(&bytes(&[0x2F, 0])), "\u{FFFD}\u{FFFD}".as_bytes());
        assert_eq!(utf16(&[0x41, 0, 0x42]), b"A");
    }
}
