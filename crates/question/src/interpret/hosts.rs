//! Machines that a text names: a word that is an endpoint's host name means that machine, before it means anything else.
//!
//! A host name is what an endpoint says of itself, and may be a word that sensors know. Then the readings without the machine stay in
//! the list, behind those with it, so that the person sees both.

use super::tokens::Token;
use super::written;
use crate::catalogue::{Catalogue, Rows};
use crate::print::name_text;

/// The sensor whose only column is the host name.
const NAME: &str = "Computer Name";

/// Marks the words that are host names. They are values from then on: nothing corrects them or takes them for a verb. Says whether what was
/// marked may be meant as something else: `knows` tells the words that sensors have. Such words are machines only where the text
/// names no machine beyond doubt.
pub(super) fn mark(
    list: &mut [Token],
    hosts: &[String],
    catalogue: &Catalogue,
    knows: impl Fn(&str) -> bool,
) -> bool {
    let named = |word: &str| hosts.iter().find(|host| host.to_lowercase() == word);
    let mut found: Vec<(usize, &String, bool)> = Vec::new();
    for (at, token) in list.iter().enumerate() {
        // `web-01's processes`
        let owner = token.lower.strip_suffix("'s").unwrap_or(&token.lower);
        let Some(host) = named(&token.lower).or_else(|| named(owner)) else {
            continue;
        };
        // Words that every sentence has name no machine, and a number alone is a value: whoever calls a machine so has to quote it.
        let number = token.lower.bytes().all(|b| b.is_ascii_digit());
        if token.quoted || !(token.is_stop() || number) {
            let doubtful = knows(&token.stem)
                || catalogue.sensor(&format!("is {}", token.lower)).is_some()
                || catalogue.sensor(&token.lower).is_some();
            found.push((at, host, doubtful));
        }
    }
    let doubtful = found.iter().all(|(.., doubtful)| *doubtful);
    for (at, host, doubted) in found {
        if let Some(token) = list.get_mut(at)
            && (doubtful || !doubted)
        {
            token.text.clone_from(host);
            token.lower = host.to_lowercase();
            token.quoted = true;
            token.host = true;
        }
    }
    doubtful
}

/// Takes the machines out of the words, as conditions on the host name: one of those named, and none of those excluded.
pub(super) fn take(list: &mut Vec<Token>, catalogue: &Catalogue) -> Vec<String> {
    let Some(sensor) = catalogue
        .sensor(NAME)
        .filter(|sensor| sensor.rows == Rows::One)
    else {
        return Vec::new();
    };
    let name = name_text(&sensor.name);
    let (mut among, mut excluded) = (Vec::new(), Vec::new());
    let mut kept: Vec<Token> = Vec::new();
    // A negation that was a machine's is used up: `except on web-01`.
    let mut used_up = false;
    for mut token in std::mem::take(list) {
        if !token.host {
            used_up &= !token.negation;
            token.negated &= !used_up;
            kept.push(token);
            continue;
        }
        let host = written(&token.text);
        let (side, operator) = if token.negated {
            (&mut excluded, "!=")
        } else {
            (&mut among, "=")
        };
        let condition = format!("{name} {operator} {host}");
        if !side.contains(&condition) {
            side.push(condition);
        }
        if token.negated && !used_up {
            let last = kept.iter().rposition(|t| !t.is_stop() || t.negation);
            if let Some(at) = last.filter(|at| kept.get(*at).is_some_and(|t| t.negation)) {
                kept.remove(at);
            }
            used_up = true;
        }
    }
    *list = kept;
    if among.len() > 1 {
        among = vec![format!("({})", among.join(" or "))];
    }
    among.extend(excluded);
    among
}
