//! Free words: what a text that is no question may mean, as ranked questions.
//!
//! Two ways, both ending in text that goes through the parser, so that a reading is always a question:
//!
//! * *Repair*: the text is nearly a question. `Get` or `from all machines` is added, a name that no sensor has is
//!   replaced by the nearest one.
//! * *Words*: the words are compared with the names, aliases, columns and descriptions of all sensors, rare words
//!   weighing more ([`score`]). What looks like a value (an address, a digest, `more than 30 days`, a word that no
//!   sensor knows) becomes a condition on a column that suits it ([`seed`]); `linux` and the like become filters, and so
//!   does a machine that is called by its name ([`hosts`]).
//!
//! Nothing here asks anything: a person chooses among the readings.

mod hosts;
mod score;
mod seed;
mod tokens;

use crate::ast::{Operator, Question};
use crate::catalogue::{Catalogue, Rows, Sensor, ValueType};
use crate::print::{column_text, name_text, value_text};
use crate::warn::{Warning, warnings};
use score::{Match, Vocabulary};
use seed::{Condition, Seed};
use serde::{Deserialize, Serialize};
use tokens::{Token, tokens};

/// One meaning of a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The question.
    pub question: Question,
    /// Its canonical text.
    pub canonical: String,
    /// How well it fits, from 0 to 1.
    pub score: f64,
    /// What it may not mean as it was meant.
    pub warnings: Vec<Warning>,
}

/// Free words beyond this many characters are not read.
const MOST_CHARACTERS: usize = 1_000;
const MOST_READINGS: usize = 8;
/// Below this, a reading says more about chance than about the text.
const LEAST_SCORE: f64 = 0.2;

/// Reads free words: best first, empty when nothing fits. A text that parses has exactly one reading, with score 1.
#[must_use]
pub fn interpret(text: &str, catalogue: &Catalogue) -> Vec<Reading> {
    interpret_among(text, catalogue, &[])
}

/// The same where machines of these host names are known: a word that is one of them means that machine first.
#[must_use]
pub fn interpret_among(text: &str, catalogue: &Catalogue, hosts: &[String]) -> Vec<Reading> {
    let mut found = Vec::new();
    if add(&mut found, text, 1.0, catalogue) {
        return found;
    }
    // What is shown of an answer is said in the language's own words, whatever is asked: `… on fewer than three machines`.
    if text.len() <= 4 * MOST_CHARACTERS
        && let Some((head, bound)) = crate::parse::split_bound(text)
    {
        found = interpret(&head, catalogue);
        for reading in &mut found {
            reading.question.tail.count = Some(bound);
            reading.canonical = reading.question.to_string();
            reading.warnings = warnings(&reading.question, catalogue);
        }
        return found;
    }
    if text.len() > 4 * MOST_CHARACTERS || text.chars().count() > MOST_CHARACTERS {
        return found;
    }
    let vocabulary = Vocabulary::new(catalogue);
    let mut list = tokens(text);
    let doubtful = hosts::mark(&mut list, hosts, catalogue, |stem| vocabulary.knows(stem));
    let named: Vec<String> = list
        .iter()
        .filter(|token| token.host)
        .map(|token| token.lower.clone())
        .collect();
    repair(text, catalogue, &named, &mut found);
    let mut by_word = Vec::new();
    by_words(list.clone(), &vocabulary, catalogue, &mut by_word);
    if !named.is_empty() && (doubtful || by_word.is_empty()) {
        // What the words say besides the machine comes after it.
        by_words(tokens(text), &vocabulary, catalogue, &mut found);
        let least = by_word.iter().map(|r| r.score).fold(1.0, f64::min) - 0.05;
        for reading in &mut found {
            reading.score = reading.score.min(least);
        }
        for reading in by_word {
            found.retain(|r| r.question != reading.question);
            found.push(reading);
        }
        return ranked(found);
    }
    // What is a question but for a slip outranks what its words alone might mean.
    let best = found.iter().map(|r| r.score).fold(1.0, f64::min) - 0.05;
    for reading in by_word {
        if !found.iter().any(|r| r.question == reading.question) {
            found.push(Reading {
                score: reading.score.min(best),
                ..reading
            });
        }
    }
    ranked(found)
}

fn ranked(mut found: Vec<Reading>) -> Vec<Reading> {
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found.retain(|r| r.score >= LEAST_SCORE);
    found.truncate(MOST_READINGS);
    found
}

/// Adds a reading when its text parses; the better score counts when it is there already.
fn add(found: &mut Vec<Reading>, text: &str, score: f64, catalogue: &Catalogue) -> bool {
    let Ok(question) = crate::parse(text, catalogue) else {
        return false;
    };
    match found.iter_mut().find(|r| r.question == question) {
        Some(same) => same.score = same.score.max(score),
        None => found.push(Reading {
            canonical: question.to_string(),
            warnings: warnings(&question, catalogue),
            question,
            score,
        }),
    }
    true
}

fn repair(text: &str, catalogue: &Catalogue, hosts: &[String], found: &mut Vec<Reading>) {
    let text = text.trim().trim_end_matches(['?', '.', ';', '!']);
    for (candidate, cost) in [
        (text.to_owned(), 0.0),
        (format!("{text} from all machines"), 0.04),
        (format!("Get {text}"), 0.03),
        (format!("Get {text} from all machines"), 0.06),
    ] {
        let mut candidate = candidate;
        let mut cost = cost;
        for _ in 0..4 {
            match crate::parse(&candidate, catalogue) {
                Ok(_) => {
                    add(found, &candidate, 0.97 - cost, catalogue);
                    break;
                }
                Err(error) => {
                    // Only a name that is nearly right is replaced; a wrong word may mean anything.
                    let Some(name) = error.nearest.first() else {
                        break;
                    };
                    let was: String = candidate
                        .chars()
                        .skip(error.start)
                        .take(error.end.saturating_sub(error.start))
                        .collect();
                    let was = was.to_lowercase();
                    // A machine's name is no slip of another word.
                    if was
                        .split_whitespace()
                        .any(|word| hosts.iter().any(|h| h == word))
                    {
                        break;
                    }
                    let likeness =
                        strsim::normalized_damerau_levenshtein(&was, &name.to_lowercase());
                    // A word more or less may be what the text is about.
                    let words = |text: &str| text.split_whitespace().count();
                    let least = if words(&was) == words(name) { 0.7 } else { 0.9 };
                    if likeness < least {
                        break;
                    }
                    cost += 0.05 + (1.0 - likeness) / 2.0;
                    candidate = candidate
                        .chars()
                        .take(error.start)
                        .chain(name_text(name).chars())
                        .chain(candidate.chars().skip(error.end))
                        .collect();
                }
            }
        }
    }
}

/// What the words say besides naming sensors.
struct Said {
    /// `Is Linux = True` and the like.
    filters: Vec<String>,
    /// The text asks for machines, not for rows.
    machines: bool,
    /// It asks how many.
    counting: bool,
    /// Values to compare with.
    seeds: Vec<Seed>,
    /// Something is said not to be so: a reading that leaves that out says the opposite.
    negation: bool,
}

fn by_words(
    mut list: Vec<Token>,
    vocabulary: &Vocabulary<'_>,
    catalogue: &Catalogue,
    found: &mut Vec<Reading>,
) {
    vocabulary.mend(&mut list);
    tokens::imply(&mut list, |stem| vocabulary.knows(stem));
    tokens::negate(&mut list, |stem| vocabulary.knows(stem));
    let counting = tokens::asks_how_many(&list);
    let mut filters = hosts::take(&mut list, catalogue);
    filters.extend(platform_filters(&mut list, catalogue));
    // Without the platform: `which linux machines …` asks for machines too.
    let machines = tokens::asks_for_machines(&list);
    let seeds = seed::take(&mut list);
    let negation = list.iter().any(|t| t.negation);
    let words: Vec<Token> = list.into_iter().filter(|t| !t.is_stop()).collect();
    let said = Said {
        filters,
        machines,
        counting,
        seeds,
        negation,
    };

    let mut matches = vocabulary.matches(&words, catalogue, &said.seeds);
    matches.truncate(24);
    for found_match in &matches {
        readings_of(found_match, &words, &said, catalogue, found);
    }
    // `machines with nginx`: what a machine has or has not by a name that no sensor knows is most likely a program.
    if matches.is_empty() && said.machines && !words.is_empty() {
        for (nth, meant) in ["application", "process", "service"]
            .into_iter()
            .enumerate()
        {
            let mut words = words.clone();
            words.push(Token::implied(meant, words.len()));
            let matches = vocabulary.matches(&words, catalogue, &said.seeds);
            if let Some(first) = matches.into_iter().next() {
                let first = Match {
                    score: first.score * (0.8 - 0.1 * nth as f64),
                    ..first
                };
                readings_of(&first, &words, &said, catalogue, found);
            }
        }
    }
    several(&words, vocabulary, &said, catalogue, found);
    // Only a platform was named: the machines themselves.
    if !said.filters.is_empty() {
        let with = said.filters.join(" and ");
        let score = match words.is_empty() && said.seeds.is_empty() {
            true if !said.negation => 0.8,
            _ => 0.35,
        };
        add(
            found,
            &format!("Get Computer Name from all machines with {with}"),
            if said.counting { score * 0.8 } else { score },
            catalogue,
        );
        if said.counting {
            add(
                found,
                &format!("Get number of machines from all machines with {with}"),
                score,
                catalogue,
            );
        }
    }
}

/// Words that name a yes-or-no sensor (`linux` for `Is Linux`, `virtual` for `Is Virtual`) become filters.
fn platform_filters(list: &mut Vec<Token>, catalogue: &Catalogue) -> Vec<String> {
    let mut filters = Vec::new();
    let mut kept: Vec<Token> = Vec::new();
    let mut rest = list.drain(..).peekable();
    // A negated platform has used its negation up: `non windows machines running sshd`.
    let mut restored = false;
    while let Some(mut token) = rest.next() {
        restored &= !token.negation;
        token.negated &= !restored;
        // `mac address` is no platform.
        if token.lower == "mac" && rest.peek().is_some_and(|t| t.lower.starts_with("addr")) {
            kept.push(token);
            continue;
        }
        let word = match token.lower.as_str() {
            "macos" | "osx" | "macs" | "apple" => "mac",
            "win" => "windows",
            other => other,
        };
        let sensor = (!token.quoted)
            .then(|| catalogue.sensor(&format!("is {word}")))
            .flatten()
            .filter(|s| {
                s.rows == Rows::One
                    && s.columns.first().is_some_and(|c| {
                        c.value_type == ValueType::Boolean
                            && (s.columns.len() == 1 || c.name.eq_ignore_ascii_case(&s.name))
                    })
            });
        let Some(sensor) = sensor else {
            kept.push(token);
            continue;
        };
        // `machines that run windows`: the verb says nothing more.
        while kept.last().is_some_and(|t| {
            matches!(
                t.lower.as_str(),
                "run" | "runs" | "running" | "use" | "using"
            ) && !t.quoted
        }) {
            kept.pop();
        }
        let not = kept.pop_if(|t| t.negation).is_some();
        if not {
            restored = true;
        }
        let column = match sensor.columns.as_slice() {
            [first, _, ..] => format!(":{}", column_text(&first.name)),
            _ => String::new(),
        };
        let filter = format!(
            "{}{column} = {}",
            name_text(&sensor.name),
            if not { "False" } else { "True" }
        );
        if !filters.contains(&filter) {
            filters.push(filter);
        }
    }
    drop(rest);
    *list = kept;
    // `linux and windows` means both kinds, not machines that are both.
    if filters.len() > 1 && filters.iter().all(|f| f.ends_with("True")) {
        return vec![format!("({})", filters.join(" or "))];
    }
    filters
}

/// Readings that ask one sensor.
fn readings_of(
    found_match: &Match<'_>,
    words: &[Token],
    said: &Said,
    catalogue: &Catalogue,
    found: &mut Vec<Reading>,
) {
    let sensor = found_match.sensor;
    let Some(Asked {
        call,
        conditions,
        missed,
        bonus,
        bound,
    }) = asked(sensor, found_match, words, said)
    else {
        return;
    };
    // A value that nothing announced is a guess.
    let guessed = words
        .iter()
        .any(|w| found_match.unknown.contains(&w.stem) && !w.quoted && !w.introduced);
    let base = (found_match.score + bonus).clamp(0.0, 0.94)
        * 0.8_f64.powi(i32::try_from(missed).unwrap_or(9))
        * if guessed { 0.9 } else { 1.0 };
    let filters = &said.filters;
    let rows = if conditions.is_empty() {
        call.clone()
    } else {
        // One comparison goes behind the name, several into parentheses.
        let name = name_text(&sensor.name);
        let written: Vec<String> = conditions
            .iter()
            .map(|c| format!("{name}{}", c.row))
            .collect();
        format!("{call} having ({})", written.join(" and "))
    };
    let mut by_machine = machine_conditions(sensor, &call, &conditions);
    by_machine.extend(filters.iter().cloned());
    let with = |parts: &[String]| match parts {
        [] => String::new(),
        parts => format!(" with {}", parts.join(" and ")),
    };
    let (rows_score, machine_score) = match (said.machines, conditions.is_empty()) {
        (true, false) => (base * 0.8, base),
        (true, true) => (base, 0.0),
        (false, false) => (base, base * 0.75),
        (false, true) => (base, 0.0),
    };
    let rows_score = if said.counting && !by_machine.is_empty() {
        rows_score * 0.8
    } else {
        rows_score
    };
    add(
        found,
        &format!("Get {rows} from all machines{}", with(filters)),
        rows_score,
        catalogue,
    );
    if machine_score > 0.0 {
        add(
            found,
            &format!("Get Computer Name from all machines{}", with(&by_machine)),
            machine_score * if said.counting { 0.9 } else { 1.0 },
            catalogue,
        );
        if said.counting {
            add(
                found,
                &format!(
                    "Get number of machines from all machines{}",
                    with(&by_machine)
                ),
                base,
                catalogue,
            );
        }
    }
    if said.machines && conditions.is_empty() {
        add(
            found,
            &format!(
                "Get Computer Name and {call} from all machines{}",
                with(filters)
            ),
            // What a file or folder has says nothing without the machine.
            if bound { base * 1.01 } else { base * 0.9 },
            catalogue,
        );
    }
}

/// What a machine meets. Several things that are said of a row are said of one row; each that is said not to be is true of
/// no row.
fn machine_conditions(sensor: &Sensor, call: &str, conditions: &[Condition]) -> Vec<String> {
    let (negated, said): (Vec<&Condition>, Vec<&Condition>) =
        conditions.iter().partition(|c| c.negated);
    let mut out = Vec::new();
    if said.len() > 1 && sensor.rows == Rows::Many {
        let name = name_text(&sensor.name);
        let of_row: Vec<String> = said.iter().map(|c| format!("{name}{}", c.row)).collect();
        out.push(format!("{call} having ({})", of_row.join(" and ")));
    } else {
        out.extend(said.iter().map(|c| c.of_machine(call)));
    }
    out.extend(negated.iter().map(|c| c.of_machine(call)));
    out
}

/// A sensor as the words ask for it.
struct Asked {
    call: String,
    conditions: Vec<Condition>,
    /// Words and values that found no place.
    missed: usize,
    /// What speaks for this sensor, or against it, besides its words.
    bonus: f64,
    /// A parameter that must be given was found in the text.
    bound: bool,
}

/// `None` when a parameter is missing that the sensor cannot do without.
fn asked(sensor: &Sensor, found_match: &Match<'_>, words: &[Token], said: &Said) -> Option<Asked> {
    let mut values: Vec<Seed> = said.seeds.clone();
    // A word that no sensor knows is taken for something to look for; of several, those that are introduced as such or
    // are no plain words. The others are words of a sentence that was not understood.
    let unknown: Vec<&Token> = words
        .iter()
        .filter(|w| found_match.unknown.contains(&w.stem))
        .collect();
    let mut missed = 0;
    for word in &unknown {
        let plain = word.lower.chars().all(char::is_alphabetic);
        if word.quoted || word.introduced || !plain || unknown.len() == 1 {
            values.push(Seed::word(word));
        } else {
            missed += 1;
        }
    }
    values.sort_by_key(|s| s.place);
    let mut bound = Vec::new();
    let (mut bonus, mut required) = (0.0, false);
    let mut absent = None;
    for parameter in &sensor.parameters {
        let by_word = parameter.allowed.iter().find(|allowed| {
            let plain = |t: &str| t.to_lowercase().replace('-', "");
            words.iter().any(|w| plain(&w.lower) == plain(allowed))
                || values
                    .iter()
                    .any(|v| v.digest().is_some_and(|d| plain(d) == plain(allowed)))
        });
        let given = match by_word {
            Some(allowed) => {
                bonus += 0.1;
                Some(allowed.clone())
            }
            None if parameter.allowed.is_empty() && parameter.default.is_none() => {
                let at = values.iter().position(|v| v.suits_parameter(parameter))?;
                let value = values.remove(at);
                let folder = ["folder", "directory"]
                    .iter()
                    .any(|word| parameter.key.to_lowercase().contains(word));
                if value.inside {
                    bonus += if folder { 0.3 } else { -0.15 };
                }
                absent = value.negated.then(|| value.text.clone());
                Some(value.text)
            }
            None => None,
        };
        required |= given.is_some() && parameter.default.is_none();
        bound.push(given.unwrap_or_default());
    }
    let mut call = name_text(&sensor.name);
    if bound.iter().any(|b| !b.is_empty()) {
        let written: Vec<String> = bound.iter().map(|b| crate::words::quote(b)).collect();
        call = format!("{call}[{}]", written.join(", "));
    }
    let mut conditions = Vec::new();
    // `without the file /etc/x`: the sensor has a row that holds the path where the file is.
    if let ([column], Some(path)) = (sensor.columns.as_slice(), &absent)
        && column.value_type == ValueType::Text
        && !path.starts_with('~')
    {
        conditions.push(Condition::new("", Operator::Contains, &written(path), true));
        bonus += 0.15;
    }
    for (condition, yes_or_no) in seed::conditions_of_words(sensor, words) {
        conditions.push(condition);
        bonus += if yes_or_no { 0.15 } else { 0.0 };
    }
    for value in &values {
        match seed::condition(sensor, value, words) {
            Some(condition) => {
                bonus += if condition.near { 0.06 } else { 0.0 };
                conditions.push(condition);
            }
            None => missed += 1,
        }
    }
    if said.negation && !conditions.iter().any(|c| c.negated) {
        missed += 3;
    }
    Some(Asked {
        call,
        conditions,
        missed,
        bonus,
        bound: required,
    })
}

/// Several sensors named in full: all of them in one question.
fn several(
    words: &[Token],
    vocabulary: &Vocabulary<'_>,
    said: &Said,
    catalogue: &Catalogue,
    found: &mut Vec<Reading>,
) {
    let (named, covered) = vocabulary.named_in_full(words);
    if named.len() < 2 {
        return;
    }
    let names: Vec<String> = named.iter().map(|s| name_text(&s.name)).collect();
    let with = match said.filters.as_slice() {
        [] => String::new(),
        filters => format!(" with {}", filters.join(" and ")),
    };
    let share = covered as f64 / words.len().max(1) as f64;
    let mut score = 0.95 * share;
    if !said.seeds.is_empty() || said.negation {
        score *= 0.7;
    }
    add(
        found,
        &format!("Get {} from all machines{with}", names.join(" and ")),
        score,
        catalogue,
    );
}

/// A value as a question writes it.
fn written(value: &str) -> String {
    value_text(value)
}
