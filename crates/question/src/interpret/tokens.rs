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
    /// A word before it says that a value follows: `named sshd`.
    pub(super) introduced: bool,
    /// Place among the words.
    pub(super) place: usize,
}

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
    "not",
    "non",
    "without",
    "except",
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

const MOST_TOKENS: usize = 48;

impl Token {
    pub(super) fn is_stop(&self) -> bool {
        !self.quoted && !self.naming && STOP.contains(&self.lower.as_str())
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
        let lower = text.to_lowercase();
        out.push(Token {
            text: text.to_owned(),
            stem: stem(&lower),
            lower,
            quoted,
            naming: false,
            introduced: out
                .last()
                .is_some_and(|t: &Token| INTRODUCES.contains(&t.lower.as_str())),
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
            matches!(a.lower.as_str(), "computer" | "host" | "machine")
                && matches!(b.lower.as_str(), "name" | "names")
        }) {
            for token in out.iter_mut().skip(at - 1).take(2) {
                token.naming = true;
            }
            if let Some(first) = out.get_mut(at - 1) {
                first.stem = "computer".into();
            }
        }
    }
    out
}

/// The words of a name, as stems; words that name nothing are left out.
pub(super) fn stems(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_lowercase)
        .filter(|w| matches!(w.as_str(), "name" | "computer") || !STOP.contains(&w.as_str()))
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
