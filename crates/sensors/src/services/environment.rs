//! Variables as units and files of the environment write them (systemd.exec(5)).

use crate::text;

/// Words of a setting, without the quotes around them.
#[must_use]
pub fn words(value: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut bytes = value.iter();
    while let Some(byte) = bytes.next() {
        match (quote, byte) {
            (Some(open), close) if open == *close => quote = None,
            (_, b'\\') => {
                let next = bytes.next().copied().unwrap_or(b'\\');
                word.get_or_insert_default().push(next);
            }
            (None, b'"' | b'\'') => {
                quote = Some(*byte);
                word.get_or_insert_default();
            }
            (None, blank) if blank.is_ascii_whitespace() => words.extend(word.take()),
            (_, other) => word.get_or_insert_default().push(*other),
        }
    }
    words.extend(word);
    words
}

/// Variables in a file of the environment, without the quotes around their values.
pub fn assignments(bytes: &[u8]) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    text::lines(bytes).filter_map(|line| {
        let line = line.trim_ascii_start();
        if matches!(line.first(), None | Some(b'#' | b';')) {
            return None;
        }
        let (key, value) = text::split_once(line, b'=')?;
        Some((key.trim_ascii().to_vec(), words(value).join(&b' ')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_with_and_without_quotes() {
        assert_eq!(
            words(br#"A=1 "B=2 3" 'C=4' D=\"x"#),
            [
                b"A=1".to_vec(),
                b"B=2 3".to_vec(),
                b"C=4".to_vec(),
                b"D=\"x".to_vec()
            ]
        );
        let read: Vec<_> = assignments(b"# c\nLD_PRELOAD=\"/a b\"\nodd\n X = y\n").collect();
        assert_eq!(
            read,
            [
                (b"LD_PRELOAD".to_vec(), b"/a b".to_vec()),
                (b"X".to_vec(), b"y".to_vec())
            ]
        );
    }
}
