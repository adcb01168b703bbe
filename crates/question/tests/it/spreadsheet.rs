//! How spreadsheets read separated values, and what must not come out of it. The fuzz target checks the same.

/// Fields of each line, split at this sign as spreadsheets do: a field that begins with a quote goes on to its closing quote, what
/// follows up to the next sign belongs to it, and a quote elsewhere is a character like any other.
fn read(text: &str, separator: char) -> Vec<Vec<String>> {
    let mut lines = Vec::new();
    let mut line = Vec::new();
    let mut field = String::new();
    let mut chars = text.chars().peekable();
    let (mut quoted, mut begin) = (false, true);
    while let Some(c) = chars.next() {
        let ends = (c == separator || c == '\n') && !quoted;
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => field.extend(chars.next()),
            '"' if quoted => quoted = false,
            '"' if begin => quoted = true,
            '\r' if !quoted && chars.peek() == Some(&'\n') => {}
            _ if ends => line.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
        if c == '\n' && ends {
            lines.push(std::mem::take(&mut line));
        }
        begin = ends;
    }
    line.push(field);
    lines.push(line);
    lines
}

/// The same where quotes were made for another sign, and are eaten or not.
fn split(text: &str, separator: char) -> Vec<String> {
    let lines = text.split("\r\n");
    let fields = lines.flat_map(|line| line.split(separator));
    fields
        .map(|field| field.trim_start_matches('"').to_owned())
        .collect()
}

/// Whether a spreadsheet may run a field that reads so.
fn runs(field: &str) -> bool {
    let seen = field.trim_start_matches(|c: char| {
        c.is_whitespace() || c.is_control() || HIDDEN.contains(&c) || c == '"'
    });
    let number = field
        .bytes()
        .all(|b| b.is_ascii_digit() || b"+-.,".contains(&b))
        && field.matches(['+', '-']).count() == 1
        && field.len() > 1;
    seen.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) && !number
}

/// Characters that show nothing or turn the direction of writing.
const HIDDEN: [char; 8] = [
    '\u{AD}', '\u{200B}', '\u{200E}', '\u{202E}', '\u{2066}', '\u{2069}', '\u{FEFF}', '\u{9B}',
];

/// The promises: cells come back one for one, nothing hides, nothing runs, whichever sign the reader splits at.
pub fn check(rows: &[Vec<String>]) {
    let mut text = String::new();
    for row in rows {
        question::csv::line(&mut text, row.iter().map(String::as_str));
    }
    let inside = text.replace("\r\n", "");
    let hides = |c: char| c.is_control() || HIDDEN.contains(&c);
    assert!(!inside.contains(hides), "{text:?}");
    let lines = read(&text, ',');
    assert_eq!(lines.len(), rows.len() + 1, "{text:?}");
    for (row, line) in rows.iter().zip(&lines) {
        assert_eq!(row.len(), line.len(), "{row:?} came back as {line:?}");
        for (cell, field) in row.iter().zip(line) {
            // Apostrophes are all that may be added.
            let plain = question::cell::printable(cell.as_bytes()).replace('\'', "");
            assert_eq!(field.replace('\'', ""), plain, "{cell:?}");
        }
    }
    for separator in [',', ';', '\t'] {
        let mut fields: Vec<String> = read(&text, separator).into_iter().flatten().collect();
        if separator != ',' {
            fields.extend(split(&text, separator));
        }
        for field in fields {
            assert!(
                !runs(&field),
                "{field:?} of {text:?}, split at {separator:?}"
            );
        }
    }
}
