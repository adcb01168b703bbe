//! Patterns of the searches: `*` stands for any characters, `?` for one.

/// Whether a text fits a pattern. An empty one, as stars alone, fits everything.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let pattern = pattern.trim();
    if pattern.is_empty() {
        return true;
    }
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    // Which beginnings of the pattern fit the text so far.
    let mut reached = vec![false; pattern.len() + 1];
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    spread(&pattern, &mut reached);
    for c in text {
        let before = reached;
        reached = vec![false; pattern.len() + 1];
        for (at, (wanted, fitted)) in pattern.iter().zip(&before).enumerate() {
            let place = match wanted {
                _ if !fitted => continue,
                '*' => at,
                '?' => at + 1,
                wanted if *wanted == c => at + 1,
                _ => continue,
            };
            if let Some(place) = reached.get_mut(place) {
                *place = true;
            }
        }
        spread(&pattern, &mut reached);
    }
    reached.last().copied().unwrap_or(false)
}

/// A star fits nothing as well.
fn spread(pattern: &[char], reached: &mut [bool]) {
    for (at, wanted) in pattern.iter().enumerate() {
        if *wanted == '*'
            && reached.get(at).copied().unwrap_or(false)
            && let Some(next) = reached.get_mut(at + 1)
        {
            *next = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn stars_and_question_marks_stand_for_what_they_say() {
        for (pattern, text, expected) in [
            ("", "anything", true),
            ("*", "", true),
            ("?", "", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("*.log", "x.log.log", true),
            ("/tmp/*", "/tmp/a/b", true),
            ("/tmp", "/tmp/a", false),
            ("**a**", "bab", true),
            ("7F??4C46", "7F454C46", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
