//! The regular expressions that leave paths out.
//!
//! They are looked for anywhere in the bytes of the whole path (`^` and `$` tie them to its ends); a point stands for
//! any byte, also one that is not UTF-8 and a line break, for both are allowed in names. An expression with characters
//! beyond ASCII in a class (`[äö]`, `\p{Greek}`) is compiled for UTF-8 instead, where a point stands for a character. On Windows the case of ASCII
//! letters does not matter, as it does not to the system. Expressions come from a file that many hands can change, so
//! their number and the size of what they compile to are bounded, and the engine ([`regex`]) runs in linear time
//! whatever they say.

use regex::bytes::{RegexBuilder, RegexSet, RegexSetBuilder};

/// Expressions in one list.
pub const MOST: usize = 1000;

/// Characters of one expression.
pub const LONGEST: usize = 4096;

const SIZE_OF_ONE: usize = 512 << 10;
const SIZE_OF_ALL: usize = 4 << 20;

/// States kept while matching, in each thread that matches.
const SIZE_OF_STATES: usize = 1 << 20;

/// A list of expressions, compiled together.
#[derive(Debug, Clone, Default)]
pub struct Expressions {
    set: RegexSet,
    sources: Vec<Source>,
}

/// One expression.
#[derive(Debug, Clone)]
struct Source {
    line: u32,
    /// As written.
    text: String,
    /// As compiled.
    pattern: String,
}

impl PartialEq for Expressions {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Expressions {
    /// Whether one of them is found in the path.
    #[must_use]
    pub fn is_match(&self, path: &[u8]) -> bool {
        !self.sources.is_empty() && self.set.is_match(path)
    }

    /// The expressions in force, as written.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().map(|source| source.text.as_str())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Checks one expression and keeps it for [`Self::compile`].
    pub(super) fn add(&mut self, line: u32, source: &str) -> Result<(), String> {
        if source.is_empty() {
            return Err("is empty and would match every path".into());
        }
        if source.len() > LONGEST {
            return Err(format!("is longer than {LONGEST} characters"));
        }
        if self.sources.len() >= MOST {
            return Err(format!("is one more than the {MOST} expressions allowed"));
        }
        let pattern = usable(source)?;
        self.sources.push(Source {
            line,
            text: source.to_owned(),
            pattern,
        });
        Ok(())
    }

    /// Makes the expressions added so far take effect. Those that find no room in the size allowed for all together are
    /// left out, the last first, and returned with their lines.
    pub(super) fn compile(&mut self) -> Vec<(u32, String)> {
        let fits = |count: usize| {
            let patterns = self
                .sources
                .iter()
                .take(count)
                .map(|source| &source.pattern);
            let mut builder = RegexSetBuilder::new(patterns);
            builder
                .unicode(false)
                .dot_matches_new_line(true)
                .case_insensitive(cfg!(windows));
            builder
                .size_limit(SIZE_OF_ALL)
                .dfa_size_limit(SIZE_OF_STATES)
                .build()
                .ok()
        };
        if let Some(set) = fits(self.sources.len()) {
            self.set = set;
            return Vec::new();
        }
        // `low` fits, `high` does not.
        let (mut low, mut high, mut best) = (0, self.sources.len(), RegexSet::empty());
        while low + 1 < high {
            let middle = low.midpoint(high);
            match fits(middle) {
                Some(set) => (low, best) = (middle, set),
                None => high = middle,
            }
        }
        self.set = best;
        let left_out = self.sources.split_off(low);
        left_out
            .into_iter()
            .map(|source| (source.line, source.text))
            .collect()
    }
}

/// The pattern to compile: as written, or with Unicode classes switched on where it uses some.
fn usable(source: &str) -> Result<String, String> {
    let compiles = |pattern: &str| {
        let mut builder = RegexBuilder::new(pattern);
        builder
            .unicode(false)
            .dot_matches_new_line(true)
            .case_insensitive(cfg!(windows));
        builder.size_limit(SIZE_OF_ONE).build()
    };
    let Err(error) = compiles(source) else {
        return Ok(source.to_owned());
    };
    let unicode = format!("(?u){source}");
    if compiles(&unicode).is_ok() {
        return Ok(unicode);
    }
    Err(match error {
        regex::Error::CompiledTooBig(_) => "compiles to more than the size allowed".to_owned(),
        // The last line of the message is the reason; those before it draw the place.
        other => {
            let text = other.to_string();
            let reason = text
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ")
                .to_owned();
            format!("is not a regular expression ({reason})")
        }
    })
}
