//! Whole numbers, decimal numbers and data sizes.

/// A whole number in decimal, or in hexadecimal after `0x`.
pub(super) fn integer(text: &str) -> Option<i128> {
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        // `from_str_radix` would take a sign here.
        return hex
            .starts_with(|c: char| c.is_ascii_hexdigit())
            .then(|| i128::from_str_radix(hex, 16).ok())?;
    }
    text.parse().ok()
}

/// A finite number, with or without a percent sign after it.
pub(super) fn decimal(text: &str) -> Option<f64> {
    let text = text.strip_suffix('%').map_or(text, str::trim_end);
    // `parse` also takes `inf` and `nan`.
    if !text.ends_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    text.parse::<f64>().ok().filter(|n| n.is_finite())
}

/// Digits with an optional fraction, as hundred-millionths of `unit`, exact; and the rest of the text.
pub(super) fn scaled(text: &str) -> Option<(Fraction, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(end)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && part.is_empty()) || part.contains('.') || whole.len() > 24 {
        return None;
    }
    let whole = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut millionths = 0;
    for i in 0..9 {
        let digit = part.as_bytes().get(i).map_or(0, |b| i128::from(b - b'0'));
        millionths = millionths * 10 + digit;
    }
    Some((
        Fraction {
            whole,
            part: millionths,
        },
        rest,
    ))
}

/// A number with nine digits after the point.
#[derive(Clone, Copy)]
pub(super) struct Fraction {
    whole: i128,
    part: i128,
}

impl Fraction {
    /// Times a unit, rounded down; `None` when it is beyond all measure.
    pub(super) fn times(self, unit: i128) -> Option<i128> {
        let part = self.part.checked_mul(unit)? / 1_000_000_000;
        self.whole.checked_mul(unit)?.checked_add(part)
    }
}

/// A number of bytes. Units count in steps of 1024 with or without the `i`, as file managers and `df -h` do.
pub(super) fn size(text: &str) -> Option<i128> {
    let (number, unit) = scaled(text)?;
    let power = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" | "byte" | "bytes" => 0,
        "k" | "kb" | "kib" | "kilobyte" | "kilobytes" => 1,
        "m" | "mb" | "mib" | "meg" | "megs" | "megabyte" | "megabytes" => 2,
        "g" | "gb" | "gib" | "gig" | "gigs" | "gigabyte" | "gigabytes" => 3,
        "t" | "tb" | "tib" | "terabyte" | "terabytes" => 4,
        "p" | "pb" | "pib" | "petabyte" | "petabytes" => 5,
        "e" | "eb" | "eib" => 6,
        _ => return None,
    };
    number.times(1024_i128.pow(power))
}
