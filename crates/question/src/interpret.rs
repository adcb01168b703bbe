//! Free words: what a text that is no question may mean, as ranked questions.

use crate::ast::Question;
use crate::catalogue::Catalogue;
use serde::{Deserialize, Serialize};

/// One meaning of a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The question.
    pub question: Question,
    /// Its canonical text.
    pub canonical: String,
    /// How well it fits, from 0 to 1.
    pub score: f64,
}

/// Reads free words: best first, empty when nothing fits. A text that parses has exactly one reading, with score 1.
#[must_use]
pub fn interpret(text: &str, catalogue: &Catalogue) -> Vec<Reading> {
    match crate::parse(text, catalogue) {
        Ok(question) => vec![Reading {
            canonical: question.to_string(),
            question,
            score: 1.0,
        }],
        Err(_) => Vec::new(),
    }
}
