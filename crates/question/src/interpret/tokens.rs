//! Free text cut into words, with their stems.

/// One word, or a text in quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// As it was written.
    pub(super) text: String,
    pub(super) lower: String,
    /// Without endings, so that `listening` finds `Listen Ports`.
    pub(super) stem: String,
    pub(super) quoted: bool,
    /// Part of `computer name`, whose words alone name nothing.
    naming: bool,
    /// It is the host name of a machine.
    pub(super) host: bool,
    /// A word before it says that a value follows: `named sshd`.
    pub(super) introduced: bool,
    /// It says that what follows is not so.
    pub(super) negation: bool,
    /// A negation before it applies to it.
    pub(super) negated: bool,
    /// Place among the words.
    pub(super) place: usize,
}

/// Words that turn what follows into its opposite; so do those that end in `n't`.
const NEGATES: &[&str] = &[
    "not",
    "non",
    "no",
    "without",
    "except",
    "excluding",
    "lack",
    "lacks",
    "lacking",
    "never",
    "cannot",
];

/// Words up to which a negation reaches: `without nginx but with apache`.
const RESTORES: &[&str] = &["with", "but"];

/// Words that name nothing by themselves.
const STOP: &[&str] = &[
    "get",
    "show",
    "list",
    "find",
    "give",
    "tell",
    "me",
    "us",
    "the",
    "a",
    "an",
    "of",
    "on",
    "in",
    "at",
    "for",
    "all",
    "any",
    "each",
    "every",
    "which",
    "what",
    "who",
    "whose",
    "where",
    "when",
    "is",
    "are",
    "was",
    "were",
    "be",
    "do",
    "does",
    "did",
    "have",
    "has",
    "had",
    "with",
    "and",
    "or",
    "from",
    "by",
    "to",
    "that",
    "those",
    "these",
    "there",
    "my",
    "our",
    "please",
    "machine",
    "machines",
    "computer",
    "computers",
    "endpoint",
    "endpoints",
    "host",
    "hosts",
    "device",
    "devices",
    "server",
    "servers",
    "system's",
    "how",
    "many",
    "number",
    "count",
    "named",
    "called",
    "name",
    "like",
    "it",
    "its",
    "only",
    "currently",
    "now",
    "can",
    "i",
    "you",
    "see",
    "want",
    "s",
    "as",
    "via",
    "using",
    "whether",
    "we",
    "they",
    "their",
    "this",
    "still",
    "much",
    "inside",
    "within",
    "contains",
    "containing",
    "equals",
];

const INTRODUCES: &[&str] = &[
    "named",
    "called",
    "like",
    "containing",
    "contains",
    "of",
    "run",
    "runs",
    "running",
    "using",
    "matching",
    "with",
    "without",
    "except",
    "excluding",
    "lack",
    "lacks",
    "lacking",
    "missing",
    "no",
];

const MACHINES: &[&str] = &[
    "machine",
    "machines",
    "computer",
    "computers",
    "endpoint",
    "endpoints",
    "host",
    "hosts",
    "device",
    "devices",
    "servers",
    "systems",
];

/// Pairs that are one name, though a word of them alone says little.
const PAIRS: &[(&[&str], &[&str])] = &[
    (&["computer", "host", "machine"], &["name", "names"]),
    (&["hosts"], &["file", "files", "entry", "entries"]),
];

const MOST_TOKENS: usize = 48;

impl Token {
    pub(super) fn is_stop(&self) -> bool {
        !self.quoted
            && !self.naming
            && (self.negation || self.negates() || STOP.contains(&self.lower.as_str()))
    }

    fn negates(&self) -> bool {
        NEGATES.contains(&self.lower.as_str()) || self.lower.ends_with("n't")
    }

    /// A word that was not written but meant.
    pub(super) fn implied(text: &str, place: usize) -> Self {
        Self {
            text: text.into(),
            lower: text.into(),
            stem: stem(text),
            quoted: false,
            naming: false,
            host: false,
            introduced: false,
            negation: false,
            negated: false,
            place,
        }
    }
}

pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::new();
    let mut push = |text: &str, quoted: bool| {
        let text = if quoted {
            text
        } else {
            text.trim_matches(|c: char| matches!(c, ',' | ';' | '?' | '!' | '(' | ')' | '\'' | '"'))
                .trim_end_matches(['.', ':'])
        };
        if text.is_empty() || out.len() == MOST_TOKENS {
            return;
        }
        let lower = text.to_lowercase().replace('\u{2019}', "'");
        out.push(Token {
            text: text.to_owned(),
            stem: stem(&lower),
            lower,
            quoted,
            naming: false,
            host: false,
            introduced: out
                .last()
                .is_some_and(|t: &Token| INTRODUCES.contains(&t.lower.as_str())),
            negation: false,
            negated: false,
            place: out.len(),
        });
    };
    for (i, part) in text.split(['"', '\u{201C}', '\u{201D}']).enumerate() {
        if i % 2 == 1 {
            push(part.trim(), true);
        } else {
            part.split_whitespace().for_each(|w| push(w, false));
        }
    }
    for at in 1..out.len() {
        let pair = out.get(at - 1).zip(out.get(at));
        if pair.is_some_and(|(a, b)| {
            PAIRS
                .iter()
                .any(|(x, y)| x.contains(&a.lower.as_str()) && y.contains(&b.lower.as_str()))
        }) {
            for token in out.iter_mut().skip(at - 1).take(2) {
                token.naming = true;
            }
            if let Some(first) = out.get_mut(at - 1)
                && first.lower != "hosts"
            {
                first.stem = "computer".into();
            }
        }
    }
    quote_searched(&mut out);
    out
}

/// `search /etc for password`, `grep password in /etc`: what is searched is a value, whatever sensors know of the word.
fn quote_searched(list: &mut [Token]) {
    let Some(verb) = list.iter().position(|t| !t.is_stop()) else {
        return;
    };
    let word = |at: usize| list.get(at).map_or("", |t| t.lower.as_str());
    let searched = match word(verb) {
        "grep" => verb + 1 + usize::from(word(verb + 1) == "for"),
        "search" | "look" => match list.iter().position(|t| t.lower == "for") {
            Some(at) => at + 1,
            None => return,
        },
        _ => return,
    };
    if let Some(token) = list.get_mut(searched) {
        token.quoted = true;
    }
}

/// Adds words that a phrase implies: whose version is asked for is an application, and machines that have a file are
/// those where it exists.
pub(super) fn imply(list: &mut Vec<Token>, knows: impl Fn(&str) -> bool) {
    let word = |at: usize| list.get(at).map_or("", |t| t.lower.as_str());
    let mut implied = Vec::new();
    for at in 0..list.len() {
        if matches!(word(at), "version" | "versions")
            && word(at + 1) == "of"
            && list.get(at + 2).is_some_and(|t| !t.host && !knows(&t.stem))
        {
            implied.push("application");
        }
        if word(at) == "file" && word(at + 1).starts_with(['/', '~']) && asks_for_machines(list) {
            implied.push("exists");
        }
    }
    for text in implied {
        list.push(Token::implied(text, list.len()));
    }
}

/// Finds the negations and what they apply to.
pub(super) fn negate(list: &mut [Token], knows: impl Fn(&str) -> bool) {
    let mut negated = false;
    for at in 0..list.len() {
        // `missing nginx`, but not `missing updates`, which a sensor may list.
        let missing = list.get(at).is_some_and(|t| t.lower == "missing")
            && list
                .get(at + 1)
                .is_some_and(|next| !next.is_stop() && !knows(&next.stem));
        let Some(token) = list.get_mut(at) else {
            continue;
        };
        if token.quoted {
            token.negated = negated;
        } else if missing || token.negates() {
            token.negation = true;
            negated = true;
        } else if RESTORES.contains(&token.lower.as_str()) {
            negated = false;
        } else {
            token.negated = negated;
        }
    }
}

/// The words of a name, as stems; words that name nothing are left out.
pub(super) fn stems(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_lowercase)
        .filter(|w| {
            matches!(w.as_str(), "name" | "computer" | "hosts")
                || !(STOP.contains(&w.as_str()) || NEGATES.contains(&w.as_str()))
        })
        .map(|w| stem(&w))
        .collect()
}

/// The word without the endings that English puts on.
pub(super) fn stem(word: &str) -> String {
    let word = word.strip_suffix("'s").unwrap_or(word);
    let long = |rest: &str| rest.chars().count() >= 3;
    let cut = |ending: &str| word.strip_suffix(ending).filter(|r| long(r));
    if let Some(rest) = cut("ies") {
        return format!("{rest}y");
    }
    if let Some(rest) = cut("es")
        && ["s", "x", "ch", "sh"].iter().any(|e| rest.ends_with(e))
    {
        return rest.to_owned();
    }
    if let Some(rest) = cut("s")
        && !["s", "u", "i"].iter().any(|e| rest.ends_with(e))
    {
        return rest.to_owned();
    }
    if let Some(rest) = cut("ing").or_else(|| cut("ed")) {
        let mut chars = rest.chars().rev();
        let (last, before) = (chars.next(), chars.next());
        if last == before
            && !matches!(last, Some('s' | 'l'))
            && let Some(single) = last.and_then(|c| rest.strip_suffix(c))
        {
            return single.to_owned();
        }
        return rest.to_owned();
    }
    word.to_owned()
}

/// `how many …`, `number of …`, `count …`.
pub(super) fn asks_how_many(list: &[Token]) -> bool {
    let words: Vec<&str> = list.iter().map(|t| t.lower.as_str()).collect();
    words
        .windows(2)
        .any(|w| matches!(w, ["how", "many"] | ["number", "of"]))
        || words.first() == Some(&"count")
}

/// Whether the text asks for machines: they are named before anything else is.
pub(super) fn asks_for_machines(list: &[Token]) -> bool {
    list.iter()
        .find(|t| t.naming || MACHINES.contains(&t.lower.as_str()) || !t.is_stop())
        .is_some_and(|t| !t.naming && MACHINES.contains(&t.lower.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_go() {
        for (word, root) in [
            ("running", "run"),
            ("processes", "process"),
            ("listening", "listen"),
            ("failed", "fail"),
            ("logged", "log"),
            ("entries", "entry"),
            ("status", "status"),
            ("addresses", "address"),
            ("ports", "port"),
            ("used", "used"),
            ("installed", "install"),
        ] {
            assert_eq!(stem(word), root);
        }
    }
}
