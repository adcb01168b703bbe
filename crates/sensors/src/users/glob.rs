//! Names against patterns of `*`, `?` and `[a-z]`; the time grows with the lengths and no faster.

/// One letter of a pattern.
enum Unit<'a> {
    Any,
    One(u8),
    Set(&'a [u8]),
    Star,
}

/// Whether a name fits a pattern, without regard to case.
#[must_use]
pub fn like(pattern: &[u8], name: &[u8]) -> bool {
    exactly(&pattern.to_ascii_lowercase(), &name.to_ascii_lowercase())
}

/// Whether a name fits a pattern.
#[must_use]
pub fn exactly(pattern: &[u8], name: &[u8]) -> bool {
    // Where in the name one may be, after what was seen of the pattern.
    let mut at = vec![false; name.len() + 1];
    if let Some(first) = at.first_mut() {
        *first = true;
    }
    for unit in units(pattern) {
        at = if let Unit::Star = unit {
            let mut reached = false;
            at.iter()
                .map(|here| {
                    reached |= *here;
                    reached
                })
                .collect()
        } else {
            let fits = |byte: &u8| match unit {
                Unit::One(wanted) => wanted == *byte,
                Unit::Set(set) => in_set(set, *byte),
                Unit::Any | Unit::Star => true,
            };
            let stepped = at.iter().zip(name).map(|(here, byte)| *here && fits(byte));
            std::iter::once(false).chain(stepped).collect()
        };
    }
    at.last() == Some(&true)
}

fn units(mut pattern: &[u8]) -> Vec<Unit<'_>> {
    let mut made = Vec::new();
    while let Some((first, mut rest)) = pattern.split_first() {
        made.push(match first {
            b'*' => Unit::Star,
            b'?' => Unit::Any,
            b'[' => match rest.iter().skip(1).position(|b| *b == b']') {
                Some(at) => {
                    let (set, after) = rest.split_at(at + 1);
                    rest = after.get(1..).unwrap_or_default();
                    Unit::Set(set)
                }
                None => Unit::One(b'['),
            },
            byte => Unit::One(*byte),
        });
        pattern = rest;
    }
    made
}

/// `a-z` and single letters, `!` before them for all others.
fn in_set(set: &[u8], byte: u8) -> bool {
    let (not, mut set) = match set.split_first() {
        Some((b'!' | b'^', rest)) => (true, rest),
        _ => (false, set),
    };
    let mut found = false;
    while let Some((first, rest)) = set.split_first() {
        if let [b'-', last, after @ ..] = rest {
            found |= (*first..=*last).contains(&byte);
            set = after;
        } else {
            found |= *first == byte;
            set = rest;
        }
    }
    found != not
}

#[cfg(test)]
mod tests {
    use super::{exactly, like};

    #[test]
    fn patterns_of_names() {
        for (pattern, name, fits) in [
            (&b""[..], &b""[..], true),
            (b"*", b"", true),
            (b"WEB*", b"web1", true),
            (b"web?", b"web", false),
            (b"web[0-9]", b"web5", true),
            (b"web[!0-9]", b"web5", false),
            (b"web[", b"web[", true),
            (b"*.conf", b"a.conf", true),
            (b"a*b*c", b"axxbxxcx", false),
        ] {
            assert_eq!(like(pattern, name), fits, "{pattern:?} {name:?}");
        }
        assert!(
            !exactly(b"*.conf", b"A.CONF") && exactly(b"[a-c]*", b"b") && !exactly(b"[a-c]*", b"B")
        );
        let hostile = [b"*a".repeat(2_000), b"b".to_vec()].concat();
        assert!(!like(&hostile, &b"a".repeat(2_000)));
    }
}
