//! Cells hold any bytes an endpoint sent; these are the ways to show them. The same goes for host names, messages and everything else
//! that comes from elsewhere. [`crate::csv`] writes cells for spreadsheets.

use std::borrow::Cow;
use std::fmt::Write as _;

/// UTF-8 as it is, other bytes as `\xHH`. For JSON and the like, where the reader escapes again for its own use.
#[must_use]
pub fn text(cell: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(cell) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(cell.len() + 16);
    for chunk in cell.utf8_chunks() {
        out.push_str(chunk.valid());
        push_bytes(&mut out, chunk.invalid());
    }
    Cow::Owned(out)
}

/// For terminals: besides foreign bytes, control characters, marks that turn the direction of writing, and characters
/// that show nothing become visible escapes, so that a cell can neither command the terminal nor pose as another.
#[must_use]
pub fn printable(cell: &[u8]) -> String {
    let mut out = String::with_capacity(cell.len());
    for chunk in cell.utf8_chunks() {
        for c in chunk.valid().chars() {
            push_visible(&mut out, c);
        }
        push_bytes(&mut out, chunk.invalid());
    }
    out
}

/// JSON text that does no harm where it is shown: characters that [`printable`] would show as escapes become JSON's own, so that
/// every reader of the JSON gets the same text as before.
#[must_use]
pub fn harmless_json(json: &str) -> Cow<'_, str> {
    // Outside its strings JSON has none of these; in them the controls below a blank are escaped already.
    let hidden = |c: char| c == '\u{7F}' || is_invisible(c);
    if !json.contains(hidden) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 32);
    for c in json.chars() {
        if hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _written = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

fn push_bytes(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a String cannot fail.
        let _written = write!(out, "\\x{byte:02X}");
    }
}

fn push_visible(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if (c as u32) < 0x20 || c as u32 == 0x7F => push_bytes(out, &[c as u8]),
        c if is_invisible(c) => {
            let _written = write!(out, "\\u{{{:X}}}", c as u32);
        }
        c => out.push(c),
    }
}

/// C1 controls, format and direction marks, fillers, variation selectors, tags, separators other than the blank.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9F}' | '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202F}' | '\u{2060}'..='\u{206F}'
        | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
        | '\u{2800}' | '\u{13430}'..='\u{1345F}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_bytes_are_kept_visible() {
        assert_eq!(text(b"a\xFFb"), "a\\xFFb");
        assert_eq!(text("ä".as_bytes()), "ä");
        assert_eq!(printable(b"\x1B[31m\n\xC3"), "\\x1B[31m\\n\\xC3");
        assert_eq!(
            printable("exe.\u{202E}txt\u{200B}".as_bytes()),
            "exe.\\u{202E}txt\\u{200B}"
        );
        assert_eq!(printable("\u{9B}2J".as_bytes()), "\\u{9B}2J");
    }

    #[test]
    fn json_shows_what_hides_and_says_the_same() {
        let text = "a\u{202E}b\u{7F}c\u{9B}d\u{E0041}\u{1B}\n\"e";
        let plain = serde_json::to_string(text).expect("JSON");
        let shown = harmless_json(&plain);
        assert_eq!(
            shown,
            "\"a\\u202eb\\u007fc\\u009bd\\udb40\\udc41\\u001b\\n\\\"e\""
        );
        let back: String = serde_json::from_str(&shown).expect("JSON");
        assert_eq!(back, text);
        assert!(matches!(harmless_json("{\"ä\":1}"), Cow::Borrowed(_)));
    }
}
