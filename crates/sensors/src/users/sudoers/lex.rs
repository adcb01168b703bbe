//! Words of a sudoers policy, cut as sudo's own scanner cuts them: comments end a line whatever stands behind them, a
//! number after `#` is an id and no comment, quotes mean nothing in the arguments of a command, and a backslash at the end of
//! a line joins the next one unless it stands in a comment.

/// A word or sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A name with quotes and backslashes gone: user, `%group`, `+netgroup`, `#id`, host, network.
    Word(Vec<u8>),
    /// A name in capitals, which may be that of an alias.
    Alias(Vec<u8>),
    /// `ALL`
    All,
    /// Path and arguments, as written.
    Command(Vec<u8>),
    /// `NOPASSWD:` and its likes, without the colon.
    Tag(&'static str),
    /// `CWD=` and its likes, with the value.
    Setting(&'static str, Vec<u8>),
    /// `sha256:` and a digest.
    Digest(Vec<u8>),
    /// `!`, however often: an even number of them is none.
    Not,
    /// `,`
    Comma,
    /// `:`
    Colon,
    /// `=`
    Equals,
    /// `(`
    Open,
    /// `)`
    Close,
}

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Rule or alias.
    Tokens(Vec<Token>),
    /// Options; the text behind the word `Defaults`.
    Defaults,
    /// A file or folder (`includedir`) to read, as named.
    Include {
        /// Whether it is a folder.
        folder: bool,
        /// Its path.
        path: Vec<u8>,
    },
    /// Something that sudo refuses.
    Odd,
}

/// A line with something in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Number of its first physical line.
    pub number: usize,
    /// Its text, without comment and joined.
    pub text: Vec<u8>,
    /// What it is.
    pub content: Content,
}

const TAGS: [&str; 16] = [
    "NOPASSWD",
    "PASSWD",
    "NOEXEC",
    "EXEC",
    "NOSETENV",
    "SETENV",
    "NOLOG_INPUT",
    "LOG_INPUT",
    "NOLOG_OUTPUT",
    "LOG_OUTPUT",
    "NOMAIL",
    "MAIL",
    "NOFOLLOW",
    "FOLLOW",
    "NOINTERCEPT",
    "INTERCEPT",
];
const SETTINGS: [&str; 10] = [
    "CWD",
    "CHROOT",
    "TIMEOUT",
    "NOTBEFORE",
    "NOTAFTER",
    "ROLE",
    "TYPE",
    "PRIVS",
    "LIMITPRIVS",
    "APPARMOR_PROFILE",
];
const DIGESTS: [&[u8]; 4] = [b"sha224", b"sha256", b"sha384", b"sha512"];

/// Lines of a file.
#[must_use]
pub fn lines(bytes: &[u8]) -> Vec<Line> {
    let mut scanner = Scanner {
        bytes,
        at: 0,
        line: 1,
        text: Vec::new(),
    };
    let mut made = Vec::new();
    while scanner.at < bytes.len() {
        scanner.text.clear();
        let (number, content) = scanner.line();
        let text = scanner.text.trim_ascii().to_vec();
        if !text.is_empty() {
            made.push(Line {
                number,
                text,
                content,
            });
        }
    }
    made
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
    /// The line so far, as it reads without comment and line ends.
    text: Vec<u8>,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn ahead(&self, by: usize) -> Option<u8> {
        self.bytes.get(self.at + by).copied()
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Takes a byte into the text.
    fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        self.text.push(byte);
        Some(byte)
    }

    /// A line end at this place: its length.
    fn line_end(&self) -> Option<usize> {
        match (self.peek(), self.ahead(1)) {
            (Some(b'\n'), _) => Some(1),
            (Some(b'\r'), Some(b'\n')) => Some(2),
            _ => None,
        }
    }

    /// A backslash with nothing but blanks before the line end, which it takes away.
    fn joined(&mut self) -> bool {
        if self.peek() != Some(b'\\') {
            return false;
        }
        let rest = self.rest().get(1..).unwrap_or_default();
        let blanks = rest.iter().take_while(|b| is_blank(**b)).count();
        let end = match (rest.get(blanks), rest.get(blanks + 1)) {
            (Some(b'\n'), _) => 1,
            (Some(b'\r'), Some(b'\n')) => 2,
            _ => return false,
        };
        self.at += 1 + blanks + end;
        self.line += 1;
        self.text.push(b' ');
        true
    }

    fn blanks(&mut self) {
        loop {
            if self.peek().is_some_and(is_blank) {
                self.take();
            } else if !self.joined() {
                return;
            }
        }
    }

    /// Whether the line is over; a comment is passed over to its end, and so is the line end.
    fn over(&mut self) -> bool {
        if self.peek() == Some(b'#') && !self.is_id() {
            while self.peek().is_some() && self.line_end().is_none() {
                self.at += 1;
            }
        }
        match self.line_end() {
            Some(length) => {
                self.at += length;
                self.line += 1;
                true
            }
            None => self.peek().is_none(),
        }
    }

    /// `#12` or `#-1`
    fn is_id(&self) -> bool {
        let sign = usize::from(self.ahead(1) == Some(b'-'));
        self.ahead(1 + sign).is_some_and(|b| b.is_ascii_digit())
    }

    fn line(&mut self) -> (usize, Content) {
        self.blanks();
        let number = self.line;
        if let Some(content) = self.include() {
            return (number, content);
        }
        if self.over() {
            return (number, Content::Tokens(Vec::new()));
        }
        if let Some(after) = self.rest().strip_prefix(b"Defaults")
            && (after
                .first()
                .is_none_or(|b| b.is_ascii_whitespace() || b"@:>!\\".contains(b)))
        {
            self.pass_line();
            return (number, Content::Defaults);
        }
        let mut tokens = Vec::new();
        loop {
            self.blanks();
            if self.over() {
                return (number, Content::Tokens(tokens));
            }
            match self.token() {
                Some(token) => tokens.push(token),
                None => {
                    self.pass_line();
                    return (number, Content::Odd);
                }
            }
        }
    }

    /// Takes the rest of the line; in quotes `#` is a letter.
    fn pass_line(&mut self) {
        let mut quoted = false;
        loop {
            if self.joined() {
                continue;
            }
            if self.line_end().is_some() || !quoted {
                if self.over() {
                    return;
                }
            } else if self.peek().is_none() {
                return;
            }
            match self.take() {
                Some(b'"') => quoted = !quoted,
                Some(b'\\') if self.line_end().is_none() => {
                    self.take();
                }
                _ => {}
            }
        }
    }

    fn include(&mut self) -> Option<Content> {
        let rest = self.rest();
        let after = rest
            .strip_prefix(b"@include")
            .or_else(|| rest.strip_prefix(b"#include"))?;
        let (folder, after) = match after.strip_prefix(b"dir") {
            Some(after) => (true, after),
            None => (false, after),
        };
        if !after.first().is_some_and(|b| is_blank(*b)) {
            return None;
        }
        while self.peek().is_some_and(|b| !is_blank(b)) {
            self.take();
        }
        self.blanks();
        let mut path = Vec::new();
        let quoted = self.peek() == Some(b'"');
        if quoted {
            self.take();
        }
        while self.peek().is_some() && self.line_end().is_none() {
            match self.take() {
                Some(b'"') if quoted => break,
                Some(byte) if !quoted && is_blank(byte) => break,
                Some(b'\\') if self.line_end().is_none() => path.extend(self.take()),
                byte => path.extend(byte),
            }
        }
        while self.peek().is_some() && self.line_end().is_none() {
            self.at += 1;
        }
        self.over();
        Some(Content::Include { folder, path })
    }

    fn token(&mut self) -> Option<Token> {
        let sign = |token: Token, scanner: &mut Self| {
            scanner.take();
            Some(token)
        };
        match self.peek()? {
            b',' => sign(Token::Comma, self),
            b':' if address(self.rest()).is_none() => sign(Token::Colon, self),
            b'=' => sign(Token::Equals, self),
            b'(' => sign(Token::Open, self),
            b')' => sign(Token::Close, self),
            b'!' => {
                let mut not = false;
                while self.peek() == Some(b'!') {
                    self.take();
                    not = !not;
                    self.blanks();
                }
                if not {
                    Some(Token::Not)
                } else {
                    self.token_after_even()
                }
            }
            b'/' => Some(Token::Command(self.command())),
            b'^' => self.expression(),
            b'"' => self.quoted().map(Token::Word),
            b'#' => {
                let mut id = vec![self.take()?];
                while self
                    .peek()
                    .is_some_and(|b| b.is_ascii_digit() || (b == b'-' && id.len() == 1))
                {
                    id.extend(self.take());
                }
                Some(Token::Word(id))
            }
            _ => self.word(),
        }
    }

    fn token_after_even(&mut self) -> Option<Token> {
        if self.over() { None } else { self.token() }
    }

    /// Path and arguments. Only commas, colons and comments end them.
    fn command(&mut self) -> Vec<u8> {
        let mut made = Vec::new();
        loop {
            if self.peek() == Some(b'\\') {
                if self.joined() {
                    made.push(b' ');
                    continue;
                }
                made.extend(self.take());
                if self.line_end().is_none() {
                    made.extend(self.take());
                }
                continue;
            }
            match self.peek() {
                None | Some(b',' | b':' | b'#') => break,
                _ if self.line_end().is_some() => break,
                Some(_) => made.extend(self.take()),
            }
        }
        super::tidy(&made)
    }

    /// `^…$` and arguments.
    fn expression(&mut self) -> Option<Token> {
        let mut made = vec![self.take()?];
        loop {
            if self.line_end().is_some() {
                return None;
            }
            let byte = self.take()?;
            made.push(byte);
            match byte {
                b'\\' => made.extend(self.take()),
                b'$' => break,
                _ => {}
            }
        }
        if self.peek().is_some_and(is_blank) {
            made.push(b' ');
            made.extend(self.command());
        }
        Some(Token::Command(super::tidy(&made)))
    }

    fn quoted(&mut self) -> Option<Vec<u8>> {
        self.take();
        let mut made = Vec::new();
        loop {
            if self.joined() {
                continue;
            }
            if self.line_end().is_some() {
                return None;
            }
            match self.take()? {
                b'"' => return (!made.is_empty()).then_some(made),
                b'\\' => match self.take()? {
                    b'"' => made.push(b'"'),
                    other => made.extend([b'\\', other]),
                },
                byte => made.push(byte),
            }
        }
    }

    fn word(&mut self) -> Option<Token> {
        if let Some(length) = address(self.rest()) {
            let mut word = Vec::new();
            for _ in 0..length {
                word.extend(self.take());
            }
            return Some(Token::Word(word));
        }
        let mut word = Vec::new();
        let mut escaped = false;
        // `%group`, `%:group` and `%#gid`
        if self.peek() == Some(b'%') {
            word.extend(self.take());
            if self.peek() == Some(b':') {
                word.extend(self.take());
            }
            if self.peek() == Some(b'#') && self.is_id() {
                word.extend(self.take());
            }
        }
        let signs = word.len();
        loop {
            match self.peek() {
                Some(b'\\') => {
                    if self.line_end_after_backslash() {
                        break;
                    }
                    self.take();
                    escaped = true;
                    word.extend(self.take());
                }
                None | Some(b'#' | b'>' | b'!' | b'=' | b':' | b',' | b'(' | b')' | b'"') => break,
                Some(byte) if byte.is_ascii_whitespace() => break,
                Some(_) => word.extend(self.take()),
            }
        }
        if word.len() == signs || word == b"+" {
            return None;
        }
        if escaped {
            return Some(Token::Word(word));
        }
        Some(self.kind(word))
    }

    fn line_end_after_backslash(&self) -> bool {
        let rest = self.rest().get(1..).unwrap_or_default();
        let blanks = rest.iter().take_while(|b| is_blank(**b)).count();
        matches!(
            (rest.get(blanks), rest.get(blanks + 1)),
            (None | Some(b'\n'), _) | (Some(b'\r'), Some(b'\n'))
        )
    }

    /// What a bare word is: some are told by the sign behind them.
    fn kind(&mut self, word: Vec<u8>) -> Token {
        let blanks = self.rest().iter().take_while(|b| is_blank(**b)).count();
        let behind = self.ahead(blanks);
        let known = |names: &[&'static str]| {
            let mut names = names.iter();
            names.find(|n| n.as_bytes() == word).copied()
        };
        if behind == Some(b':') {
            if let Some(tag) = known(&TAGS) {
                self.blanks();
                self.take();
                return Token::Tag(tag);
            }
            if DIGESTS.contains(&&word[..]) {
                return self.digest(word);
            }
        }
        if behind == Some(b'=')
            && let Some(name) = known(&SETTINGS)
        {
            self.blanks();
            self.take();
            self.blanks();
            let value = self.value();
            return Token::Setting(name, value);
        }
        if word == b"ALL" {
            return Token::All;
        }
        if word == b"sudoedit" || word == b"list" {
            let arguments = self.command();
            let parts = [&word[..], &arguments]
                .into_iter()
                .filter(|p| !p.is_empty());
            return Token::Command(crate::text::join(parts, b" "));
        }
        let mut letters = word.iter();
        let capital = letters.next().is_some_and(u8::is_ascii_uppercase);
        if capital && letters.all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_') {
            return Token::Alias(word);
        }
        Token::Word(word)
    }

    fn digest(&mut self, word: Vec<u8>) -> Token {
        self.blanks();
        self.take();
        self.blanks();
        let mut made = [&word[..], b":"].concat();
        while self
            .peek()
            .is_some_and(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b))
        {
            made.extend(self.take());
        }
        Token::Digest(made)
    }

    fn value(&mut self) -> Vec<u8> {
        if self.peek() == Some(b'"') {
            return self.quoted().unwrap_or_default();
        }
        let mut made = Vec::new();
        while let Some(byte) = self.peek() {
            if byte.is_ascii_whitespace() || b",#\\".contains(&byte) {
                break;
            }
            made.extend(self.take());
        }
        made
    }
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Length of an IPv6 address or network at the beginning, whose colons are no signs.
fn address(text: &[u8]) -> Option<usize> {
    let length = text
        .iter()
        .take_while(|b| b.is_ascii_hexdigit() || b":./".contains(b))
        .count();
    let word = std::str::from_utf8(text.get(..length)?).ok()?;
    let (bare, prefix) = word.split_once('/').unwrap_or((word, "0"));
    let is_one = bare.parse::<std::net::Ipv6Addr>().is_ok()
        && (prefix.parse::<u8>().is_ok() || prefix.parse::<std::net::Ipv6Addr>().is_ok());
    is_one.then_some(length)
}
