//! What a tired person typed wrong, told with what to type instead. The parser of the command line says what it did not expect; here stands
//! what was probably meant.

mod values;
mod words;

use super::Cli;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, CommandFactory as _};
use std::error::Error as _;
use values::{in_unit, meant_value, reworded, short_unit, unit_of};
use words::{EXAMPLES, LEAVING, MEANT, MEANT_AT_TOP};

/// What is told in place of the parser's own words; `None` where those will do.
pub fn told(error: &clap::Error, typed: &[String]) -> Option<String> {
    let mut root = Cli::command();
    root.build();
    let place = Place::of(&root, typed);
    let told = match error.kind() {
        ErrorKind::InvalidSubcommand => place.no_command(error),
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => place.bad_value(error),
        ErrorKind::UnknownArgument => place.too_much(error),
        ErrorKind::MissingRequiredArgument => place.missing(error),
        ErrorKind::ArgumentConflict => place.conflict(error),
        _ => None,
    }?;
    Some(told.written())
}

/// An error in lines: what is wrong, and below it what to do.
struct Told {
    what: String,
    below: Vec<String>,
}

impl Told {
    fn of(what: String) -> Self {
        Self {
            what,
            below: Vec::new(),
        }
    }

    fn written(self) -> String {
        let lines = self.below.into_iter().map(|line| format!("  {line}\n"));
        format!("cordon: {}\n{}", self.what, lines.collect::<String>())
    }
}

/// Where on the command line something stands.
struct Place<'a> {
    command: &'a Command,
    /// The words that lead there, `questions show`.
    path: String,
    typed: &'a [String],
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => texts.first().cloned(),
        _ => None,
    }
}

fn texts(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}

/// Commands as one types them: `a`, `b` or `c`.
fn either(of: &[String]) -> String {
    match of.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

impl<'a> Place<'a> {
    /// The command that the words lead to.
    fn of(root: &'a Command, typed: &'a [String]) -> Self {
        let (mut command, mut path) = (root, Vec::new());
        for word in typed {
            if let Some(next) = command.find_subcommand(word) {
                command = next;
                path.push(next.get_name());
            }
        }
        Self {
            command,
            path: path.join(" "),
            typed,
        }
    }

    /// How this command begins.
    fn begin(&self) -> String {
        match self.path.as_str() {
            "" => "cordon".to_owned(),
            path => format!("cordon {path}"),
        }
    }

    fn commands(&self) -> impl Iterator<Item = &str> {
        let shown = self.command.get_subcommands().filter(|c| !c.is_hide_set());
        shown.map(Command::get_name).filter(|name| *name != "help")
    }

    fn no_command(&self, error: &clap::Error) -> Option<Told> {
        let word = text(error, ContextKind::InvalidSubcommand)?;
        let begin = self.begin();
        let mut told = Told::of(match self.path.as_str() {
            "" => format!("there is no command `{word}`"),
            _ => format!("`{begin}` has no command `{word}`"),
        });
        let lower = word.to_lowercase();
        if self.path.is_empty() && LEAVING.contains(&lower.as_str()) {
            told.below.push("there is nothing to leave: each command is typed behind `cordon`, and ends by itself".to_owned());
            return Some(told);
        }
        let rest = self.typed.iter().skip_while(|typed| **typed != word);
        if self.path.is_empty() && (lower == "get" || word.contains(' ')) {
            let question: Vec<&str> = rest.map(String::as_str).collect();
            told.below.push(format!(
                "a question is asked with `ask`: `cordon ask \"{}\"`",
                question.join(" ").replace('"', "\\\"")
            ));
            return Some(told);
        }
        let meant = if self.path.is_empty() {
            MEANT_AT_TOP
        } else {
            MEANT
        };
        let listed = meant.iter().find(|(other, _)| *other == lower);
        let there =
            |name: &&str| self.path.is_empty() || self.commands().any(|command| command == *name);
        let mut names: Vec<&str> = listed
            .map(|(_, names)| names.iter().copied().filter(there).collect())
            .unwrap_or_default();
        for near in self.near(&lower) {
            if !names.contains(&near) {
                names.push(near);
            }
        }
        if !names.is_empty() {
            let full: Vec<String> = names
                .iter()
                .map(|name| format!("`{begin} {name}`"))
                .collect();
            told.below.push(format!("did you mean {}?", either(&full)));
        } else if let Some(verb) = self.verb_for_operand() {
            told.below
                .push(format!("to see one: `{begin} {verb} {word}`"));
        }
        let all: Vec<&str> = self.commands().collect();
        told.below.push(format!("there are: {}", all.join(", ")));
        Some(told)
    }

    /// The command that takes what was typed in place of a command.
    fn verb_for_operand(&self) -> Option<&str> {
        self.commands()
            .find(|name| matches!(*name, "show" | "lint"))
    }

    /// Commands that are spelled nearly so, nearest first.
    fn near(&self, word: &str) -> Vec<&str> {
        let mut near: Vec<(usize, &str)> = self
            .commands()
            .map(|name| (strsim::damerau_levenshtein(word, name), name))
            // A beginning is as good as the whole.
            .map(|(far, name)| {
                if word.len() > 1 && name.starts_with(word) {
                    (1, name)
                } else {
                    (far, name)
                }
            })
            .filter(|(far, name)| *far <= name.len().min(word.len()).div_ceil(3))
            .collect();
        near.sort_unstable();
        near.into_iter().map(|(_, name)| name).take(3).collect()
    }

    fn argument(&self, shown: &str) -> Option<&Arg> {
        let same = |arg: &&Arg| arg.to_string() == shown;
        let long = shown.split([' ', '=']).next()?.strip_prefix("--");
        self.command.get_arguments().find(same).or_else(|| {
            self.command
                .get_arguments()
                .find(|arg| arg.get_long() == long && long.is_some())
        })
    }

    /// The word behind this one.
    fn behind(&self, word: &str) -> Option<&str> {
        let at = self.typed.iter().position(|typed| typed == word)?;
        self.typed.get(at + 1).map(String::as_str)
    }

    fn bad_value(&self, error: &clap::Error) -> Option<Told> {
        let shown = text(error, ContextKind::InvalidArg)?;
        let value = text(error, ContextKind::InvalidValue).unwrap_or_default();
        let option = match shown.split([' ', '=', '[']).next() {
            None | Some("") => shown.clone(),
            Some(option) => option.to_owned(),
        };
        let unit = unit_of(&shown);
        if value.is_empty() && error.source().is_none() {
            let mut told = Told::of(format!("`{option}` wants a value behind it: {unit}"));
            told.below.extend(self.help(&shown));
            return Some(told);
        }
        let valid = texts(error, ContextKind::ValidValue);
        if !valid.is_empty() {
            let mut told = Told::of(format!("`{value}` is none of the words for `{option}`"));
            let near = text(error, ContextKind::SuggestedValue)
                .or_else(|| meant_value(&value, &valid).map(str::to_owned));
            if let Some(near) = near {
                told.below.push(format!("did you mean `{near}`?"));
            }
            told.below.push(format!("there are: {}", valid.join(", ")));
            return Some(told);
        }
        let reason = error.source().map(ToString::to_string).unwrap_or_default();
        let plain = reason.starts_with('`');
        let (what, instead) = reworded(&reason, &value, unit);
        let mut told = Told::of(match (plain, option.starts_with('-')) {
            (true, true) => format!("{what} (behind `{option}`)"),
            (true, false) => what,
            (false, true) => format!("`{value}` behind `{option}` {what}"),
            (false, false) => format!("`{value}` in place of {option} {what}"),
        });
        // `--wait 5 minutes`: the unit stands in a word of its own.
        let joined = self
            .behind(&value)
            .and_then(|unit| Some(format!("{value}{}", short_unit(unit)?)));
        if let Some(joined) = joined.filter(|_| value.bytes().all(|b| b.is_ascii_digit())) {
            let written = in_unit(&joined, unit).unwrap_or(joined);
            told.below
                .push(format!("write `{option} {written}`, in one word"));
        } else if let Some(instead) = instead {
            told.below.push(format!("write `{option} {instead}`"));
        }
        told.below.extend(self.help(&shown));
        Some(told)
    }

    /// The line of help of an argument.
    fn help(&self, shown: &str) -> Option<String> {
        let help = self.argument(shown)?.get_help()?.to_string();
        let shown = shown.trim_end_matches("...");
        Some(format!("{shown}: {help}"))
    }

    fn too_much(&self, error: &clap::Error) -> Option<Told> {
        let word = text(error, ContextKind::InvalidArg)?;
        let begin = self.begin();
        let mut told = Told::of(if word.starts_with('-') {
            format!("`{begin}` has no option `{word}`")
        } else {
            format!("`{word}` is one word too many for `{begin}`")
        });
        let before = self.typed.iter().position(|typed| *typed == word);
        let before = before.and_then(|at| self.typed.get(at.checked_sub(1)?));
        if let Some(before) = before
            && word.bytes().all(|b| b.is_ascii_digit())
            && self
                .argument(before)
                .is_some_and(Arg::is_require_equals_set)
        {
            told.below
                .push(format!("write `{before}={word}`, in one word"));
            return Some(told);
        }
        if let Some(near) = text(error, ContextKind::SuggestedArg) {
            told.below.push(format!("did you mean `{near}`?"));
        }
        if word.starts_with('-') {
            let options: Vec<String> = self
                .command
                .get_arguments()
                .filter(|arg| !arg.is_hide_set() && !arg.is_global_set())
                .filter_map(|arg| arg.get_long().map(|long| format!("--{long}")))
                .filter(|long| !["--help", "--version"].contains(&long.as_str()))
                .collect();
            told.below.push(match options.is_empty() {
                true => format!("it is typed alone; `{begin} --help` tells what it does"),
                false => format!("there are: {}", options.join(", ")),
            });
            return Some(told);
        }
        match self.path.as_str() {
            "index query" => told.below.push(format!(
                "say what it is: `{begin} --name '{word}'`, `--path '{word}'` or `--hash {word}`"
            )),
            "compare" => told.below.push(
                "two things are compared, without a word between them: `cordon compare 12 17`"
                    .to_owned(),
            ),
            _ => told
                .below
                .push("what has blanks in it is put in quotes, to be one word".to_owned()),
        }
        told.below.push(format!("it is typed: {}", self.usage()));
        Some(told)
    }

    fn usage(&self) -> String {
        let operands: Vec<String> = self
            .command
            .get_positionals()
            .map(|arg| match arg.is_required_set() {
                true => arg.to_string(),
                false => format!("[{}]", arg.to_string().trim_matches(['<', '>', '[', ']'])),
            })
            .collect();
        format!("{} [OPTIONS] {}", self.begin(), operands.join(" "))
            .trim_end()
            .to_owned()
    }

    fn missing(&self, error: &clap::Error) -> Option<Told> {
        let missing = texts(error, ContextKind::InvalidArg);
        let mut told = Told::of(format!(
            "`{}` wants {}",
            self.begin(),
            either(&missing).replace(" or ", " and ")
        ));
        told.below
            .extend(missing.iter().filter_map(|shown| self.help(shown)));
        let example = EXAMPLES.iter().find(|(path, _)| *path == self.path);
        told.below.push(match example {
            Some((_, example)) => format!("as in: {example}"),
            None => format!("it is typed: {}", self.usage()),
        });
        Some(told)
    }

    fn conflict(&self, error: &clap::Error) -> Option<Told> {
        let one = text(error, ContextKind::InvalidArg)?;
        let others = texts(error, ContextKind::PriorArg);
        if others.is_empty() || others.contains(&one) {
            let mut told = Told::of(format!("`{one}` is there twice, and holds once"));
            told.below.extend(self.help(&one));
            return Some(told);
        }
        let names = others.iter().map(|other| format!("`{other}`"));
        let others: Vec<String> = names.collect();
        let mut told = Told::of(format!(
            "`{one}` does not go together with {}: leave one of them out",
            either(&others)
        ));
        told.below.extend(self.help(&one));
        Some(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_is_proposed_is_there() {
        let mut root = Cli::command();
        root.build();
        let begins = |line: &str| {
            let first = line.split(' ').next().unwrap_or_default();
            root.find_subcommand(first).is_some()
        };
        for (_, names) in MEANT_AT_TOP {
            assert!(names.iter().all(|name| begins(name)), "{names:?}");
        }
        for (path, example) in EXAMPLES {
            let words: Vec<String> = path.split(' ').map(str::to_owned).collect();
            assert_eq!(Place::of(&root, &words).path, *path);
            let typed = example.split("  (").next().unwrap_or_default();
            assert!(typed.starts_with(&format!("cordon {path} ")), "{example}");
        }
    }
}
