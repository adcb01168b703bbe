//! Lines of the account files as the GNU C library cuts them: what it takes for an account is one, whatever a person or
//! another program would make of the line. `getent` and this module agree on any bytes; the tests hold them together.

/// White space as `isspace` knows it, vertical tabulator included.
#[must_use]
pub fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// The text without white space before it.
#[must_use]
pub fn after_space(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|b| !is_space(*b));
    start.and_then(|at| text.get(at..)).unwrap_or_default()
}

/// Lines with something in them: blanks before are passed over, comments left out, and a zero byte ends a line, for the
/// library reads it as the end of a string. A carriage return is a byte like others.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|b| *b == b'\n').filter_map(|line| {
        let line = line.split(|b| *b == 0).next().unwrap_or_default();
        let line = after_space(line);
        (!matches!(line.first(), None | Some(b'#'))).then_some(line)
    })
}

/// The fields of a line, between colons, one after the other.
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields of this line.
    #[must_use]
    pub fn of(line: &'a [u8]) -> Self {
        Self { rest: line }
    }

    /// What is left, colons and all.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Passes over white space.
    pub fn pass_space(&mut self) {
        self.rest = after_space(self.rest);
    }

    /// The next field; empty when there is none.
    pub fn text(&mut self) -> &'a [u8] {
        let end = self.rest.iter().position(|b| *b == b':');
        let (field, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest.get(1..).unwrap_or_default();
        field
    }

    /// The next field as a number; `None` when it is none, and the line with it.
    pub fn number(&mut self) -> Option<u32> {
        let (value, rest) = digits(self.rest)?;
        self.pass(rest)?;
        Some(value)
    }

    /// The next field as a number that may be missing; the outer `None` refuses the line.
    #[expect(clippy::option_option, reason = "a missing number is no refusal")]
    pub fn number_or_nothing(&mut self) -> Option<Option<u32>> {
        if self.rest.is_empty() {
            return None;
        }
        let (value, rest) = match digits(self.rest) {
            Some((value, rest)) => (Some(value), rest),
            None if starts_number(self.rest) => return None,
            None => (None, self.rest),
        };
        self.pass(rest)?;
        Some(value)
    }

    /// As [`Self::number_or_nothing`], for the last field of a line: nothing may follow it.
    #[expect(clippy::option_option, reason = "a missing number is no refusal")]
    pub fn last_number_or_nothing(&mut self) -> Option<Option<u32>> {
        let before = self.rest;
        let value = self.number_or_nothing()?;
        let colon = value.is_none() || before.ends_with(b":");
        (self.rest.is_empty() && !colon).then_some(value)
    }

    /// Passes over the colon; anything else after a number refuses the line.
    fn pass(&mut self, rest: &'a [u8]) -> Option<()> {
        self.rest = match rest.split_first() {
            None => rest,
            Some((b':', rest)) => rest,
            Some(_) => return None,
        };
        Some(())
    }
}

/// A number at the beginning, as `strtoul` reads it: white space, a sign, digits; a minus counts down from the largest
/// number of 64 bits. `None` when there are no digits, or when it does not fit an id.
fn digits(text: &[u8]) -> Option<(u32, &[u8])> {
    let text = after_space(text);
    let (negative, text) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let count = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(count);
    if digits.is_empty() {
        return None;
    }
    let value = digits.iter().try_fold(0_u64, |value, digit| {
        value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })?;
    let value = if negative {
        value.wrapping_neg()
    } else {
        value
    };
    Some((u32::try_from(value).ok()?, rest))
}

/// Whether digits begin here, be they too many.
fn starts_number(text: &[u8]) -> bool {
    let text = after_space(text);
    let text = text
        .strip_prefix(b"-")
        .or(text.strip_prefix(b"+"))
        .unwrap_or(text);
    text.first().is_some_and(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_the_library_reads_them() {
        for (text, value) in [
            (&b"0"[..], Some(0)),
            (b"-0", Some(0)),
            (b" \x0b+7", Some(7)),
            (b"4294967295", Some(u32::MAX)),
            (b"4294967296", None),
            (b"-1", None),
            (b"-18446744073709551615", Some(1)),
            (b"-99999999999999999999999", None),
            (b"", None),
            (b"x", None),
            (b"7 ", None),
            (b"0x10", None),
        ] {
            assert_eq!(Fields::of(text).number(), value, "{text:?}");
        }
        assert_eq!(Fields::of(b":1").number_or_nothing(), Some(None));
        assert_eq!(Fields::of(b"-:1").number_or_nothing(), None);
        assert_eq!(Fields::of(b"5:1").number_or_nothing(), Some(Some(5)));
    }

    #[test]
    fn lines_end_at_zeros_and_keep_carriage_returns() {
        let found: Vec<&[u8]> = lines(b" a\r\n#x\n\x0b\n b\0c\n  #y\n").collect();
        assert_eq!(found, [&b"a\r"[..], b"b"]);
    }
}
