//! Cells as comma-separated values that no spreadsheet runs. Every file of this kind that Cordon writes is written here.
//!
//! RFC 4180: quotes where needed, doubled inside, lines end with CRLF. Cells come from machines that may be hostile, and
//! spreadsheets run what begins like a formula. So:
//!
//! - Control characters, direction marks and all that shows nothing stand as visible escapes ([`cell::printable`]). What hides
//!   before a formula is then its visible beginning, and no tab or line break is left that could begin another field.
//! - A cell whose first character after blanks begins a formula gets an apostrophe before it, unless it is a plain number. So does one that
//!   has apostrophes there already: who takes one away again has the cell as it was.
//! - Where the decimal sign is a comma, spreadsheets split lines at `;` whatever stands around it. So what follows a `;` inside a
//!   cell is looked at in the same way.

use crate::cell;

/// Appends a line: the cells with commas between them, and CRLF.
pub fn line<'a>(out: &mut String, cells: impl IntoIterator<Item = &'a str>) {
    let shown: Vec<String> = cells
        .into_iter()
        .map(|text| cell::printable(text.as_bytes()))
        .collect();
    // Read where lines are split at another sign, a number with a sign begins a formula that the next cell goes on with.
    let numbers = shown.iter().all(|text| is_plain_number(text));
    for (at, text) in shown.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        let number = is_plain_number(text) && (at > 0 || numbers);
        push(out, text, begins_formula(text) && !number);
    }
    out.push_str("\r\n");
}

/// Appends one cell that is not the first of its line.
pub fn field(out: &mut String, text: &str) {
    let shown = cell::printable(text.as_bytes());
    let armed = begins_formula(&shown) && !is_plain_number(&shown);
    push(out, &shown, armed);
}

/// Appends what is visible already.
fn push(out: &mut String, shown: &str, armed: bool) {
    let blank = |c: char| c.is_whitespace();
    let quoted = armed
        || shown.contains([',', ';', '"'])
        || shown.starts_with(blank)
        || shown.ends_with(blank);
    if !quoted {
        out.push_str(shown);
        return;
    }
    out.push('"');
    if armed {
        out.push('\'');
    }
    let mut parts = shown.split(';');
    push_doubled(out, parts.next().unwrap_or_default());
    for part in parts {
        out.push(';');
        if begins_formula(part) {
            out.push('\'');
        }
        push_doubled(out, part);
    }
    out.push('"');
}

fn push_doubled(out: &mut String, text: &str) {
    for c in text.chars() {
        if c == '"' {
            out.push('"');
        }
        out.push(c);
    }
}

/// Whether a spreadsheet might take this for a formula. Quotes at the beginning may be eaten by the one that splits at `;`.
fn begins_formula(text: &str) -> bool {
    text.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\''))
        .starts_with([
            '=', '+', '-',
            '@', // Full-width and small forms: some spreadsheets take them for the plain ones.
            '＝', '＋', '－', '＠', '﹦', '﹢', '﹣', '﹫', '−',
        ])
}

/// Plain numbers are left alone, so that columns of them stay numbers.
fn is_plain_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && digits.bytes().filter(|b| *b == b'.').count() <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cells: &[&str]) -> String {
        let mut out = String::new();
        line(&mut out, cells.iter().copied());
        out
    }

    #[test]
    fn what_must_be_quoted_is_and_lines_end_once() {
        assert_eq!(
            of(&["plain", "a,b", "say \"x\"", "two\r\nlines", "", "a;b"]),
            "plain,\"a,b\",\"say \"\"x\"\"\",two\\r\\nlines,,\"a;b\"\r\n"
        );
        assert_eq!(of(&[" blank ", "ä"]), "\" blank \",ä\r\n");
    }

    #[test]
    fn formulas_are_disarmed_and_numbers_stay() {
        for armed in [
            "=1+1",
            "@SUM(A1)",
            "-cmd|' /C calc'!A0",
            "+1+2",
            " =1",
            "\u{A0}\u{3000}=1",
            "＝1",
            "﹣1",
            "-",
            "-1.2.3",
            "-1,5",
            "-1e5",
            "'=1",
            "''-5",
        ] {
            let line = of(&[armed]);
            assert!(line.starts_with("\"'"), "{armed:?} gave {line:?}");
        }
        for plain in ["-5", "+5", "-1.25", "a=b", "10", "'a'"] {
            assert_eq!(of(&[plain]), format!("{plain}\r\n"));
            assert_eq!(of(&["x", plain]), format!("x,{plain}\r\n"));
        }
    }

    #[test]
    fn what_hides_before_a_formula_is_its_visible_beginning() {
        for (hidden, shown) in [
            ("\0=1", "\\x00=1"),
            ("\u{FEFF}=1", "\\u{FEFF}=1"),
            ("\u{200B}=1", "\\u{200B}=1"),
            ("\u{202E}=1", "\\u{202E}=1"),
            ("\t=1", "\\t=1"),
            ("\r\n=1", "\\r\\n=1"),
        ] {
            assert_eq!(of(&[hidden]), format!("{shown}\r\n"));
        }
    }

    #[test]
    fn a_number_does_not_begin_a_formula_that_goes_on_in_the_next_cell() {
        assert_eq!(
            of(&["-2", "5+cmd|' /C calc'!A0"]),
            "\"'-2\",5+cmd|' /C calc'!A0\r\n"
        );
        assert_eq!(of(&["-2", "5"]), "-2,5\r\n");
    }

    #[test]
    fn what_follows_a_semicolon_is_disarmed_too() {
        assert_eq!(of(&["a;=1"]), "\"a;'=1\"\r\n");
        assert_eq!(of(&["a; \"=1"]), "\"a;' \"\"=1\"\r\n");
        assert_eq!(of(&["a;b=1"]), "\"a;b=1\"\r\n");
    }
}
