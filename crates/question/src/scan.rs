//! Reading characters of a question. Places are counted in characters, so the text is kept as characters.
//!
//! What ends a word depends on where the parser stands (a bare regular expression may hold brackets, a sensor's name
//! may not), so there is no separate list of tokens: the parser asks for the kind of token that may stand here. Each
//! method looks at most at what it takes plus one word, which keeps parsing linear.

/// Characters of a text and a position in it.
#[derive(Debug)]
pub(crate) struct Scanner {
    chars: Vec<char>,
    pub(crate) pos: usize,
}

/// One case of a letter stands for both.
pub(crate) fn fold(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    c.to_lowercase().next().unwrap_or(c)
}

/// Whether a character may stand inside an unquoted word of a name or keyword.
pub(crate) fn is_word(c: char) -> bool {
    !c.is_whitespace()
        && !matches!(
            c,
            '"' | '\u{201C}'
                | '\u{201D}'
                | '('
                | ')'
                | '['
                | ']'
                | '?'
                | ':'
                | ','
                | '='
                | '!'
                | '<'
                | '>'
                | '&'
                | '|'
        )
}

impl Scanner {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            chars: text.chars().collect(),
            pos: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.chars.len()
    }

    pub(crate) fn chars(&self) -> &[char] {
        &self.chars
    }

    pub(crate) fn at(&self, pos: usize) -> Option<char> {
        self.chars.get(pos).copied()
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.at(self.pos)
    }

    pub(crate) fn slice(&self, start: usize, end: usize) -> String {
        self.chars
            .get(start..end.max(start))
            .map(|c| c.iter().collect())
            .unwrap_or_default()
    }

    /// First place from `pos` on that is no white space.
    pub(crate) fn past_space(&self, mut pos: usize) -> usize {
        while self.at(pos).is_some_and(char::is_whitespace) {
            pos += 1;
        }
        pos
    }

    pub(crate) fn skip_space(&mut self) {
        self.pos = self.past_space(self.pos);
    }

    /// End of the word that starts at `pos`.
    pub(crate) fn word_end(&self, mut pos: usize) -> usize {
        while self.at(pos).is_some_and(is_word) {
            pos += 1;
        }
        pos
    }

    /// End of these words, when they stand at `pos`, in any case, with any space between.
    pub(crate) fn words_at(&self, pos: usize, words: &str) -> Option<usize> {
        let mut at = pos;
        for (i, word) in words.split(' ').enumerate() {
            if i > 0 {
                let next = self.past_space(at);
                if next == at {
                    return None;
                }
                at = next;
            }
            for c in word.chars() {
                if fold(self.at(at)?) != c {
                    return None;
                }
                at += 1;
            }
            if self.at(at).is_some_and(is_word) {
                return None;
            }
        }
        Some(at)
    }

    /// Takes this character after white space, when it stands there.
    pub(crate) fn take(&mut self, c: char) -> bool {
        let at = self.past_space(self.pos);
        if self.at(at) == Some(c) {
            self.pos = at + 1;
            return true;
        }
        false
    }

    /// Whether a quoted string starts at `pos`.
    pub(crate) fn quote_at(&self, pos: usize) -> bool {
        matches!(self.at(pos), Some('"' | '\u{201C}' | '\u{201D}'))
    }

    /// Takes the quoted string that starts at the position: what it says, or `None` when nothing closes it. A quote
    /// within is doubled. Curved quotes, as word processors put them, enclose too.
    pub(crate) fn quoted(&mut self) -> Option<String> {
        let curved = self.at(self.pos)? != '"';
        let closes = |c: char| {
            if curved { c == '\u{201D}' } else { c == '"' }
        };
        let mut at = self.pos + 1;
        let mut out = String::new();
        while let Some(c) = self.at(at) {
            if closes(c) {
                if !curved && self.at(at + 1) == Some(c) {
                    at += 1;
                } else {
                    self.pos = at + 1;
                    return Some(out);
                }
            }
            out.push(c);
            at += 1;
        }
        None
    }
}
