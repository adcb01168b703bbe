//! Arguments of `ask`, and how long it waits.

use super::{Connection, Printing, Which};
use crate::EXIT_HELP;
use ::api::EndpointState;
use clap::Args;
use std::str::FromStr;

/// Arguments of `ask`.
#[derive(Args, Debug)]
#[command(after_help = EXIT_HELP)]
pub struct AskArgs {
    /// The question, in the language or in free words; `-` reads it from standard input
    #[arg(required_unless_present = "history", num_args = 1.., value_name = "QUESTION")]
    pub text: Vec<String>,
    /// Answer on this machine, without any server
    #[arg(long, conflicts_with_all = ["explain", "machines"])]
    pub local: bool,
    /// Print how the question is understood and run nothing; with --profile, how that server understands it
    #[arg(long)]
    pub explain: bool,
    /// Form, tables and place of output.
    #[command(flatten)]
    pub printing: Printing,
    /// Stop at this share of the endpoints, or after this time: `95%`, `30s`, `5m`; at once when only offline ones are left
    /// [default: until every connected one has answered]
    #[arg(long, value_name = "SHARE|TIME", value_parser = parse_wait)]
    pub wait: Option<Wait>,
    /// Ask only this endpoint: host name, ordinal, identifier or a beginning of that (repeat for several)
    #[arg(long = "endpoint", value_name = "NAME", conflicts_with = "local")]
    pub only: Vec<String>,
    /// Stay until the question ends, for endpoints that come back meanwhile
    #[arg(long, conflicts_with_all = ["wait", "local"])]
    pub follow: bool,
    /// Print what went wrong on endpoints instead of the rows: sensor, reason, how many, which
    #[arg(long)]
    pub problems: bool,
    /// Print the endpoints in this state instead of the rows, as in `offline` or `timed_out`; `all` prints every one
    #[arg(long = "endpoints", value_name = "STATE", conflicts_with_all = ["local", "problems"])]
    pub in_state: Option<InState>,
    /// List your latest questions, to show or ask again
    #[arg(long, conflicts_with_all = ["text", "local", "explain", "follow", "wait", "problems", "in_state", "only"])]
    pub history: bool,
    /// How long endpoints that come back may still join, in seconds or as `5m`, `1h`; 30 days at most
    #[arg(long, value_name = "SECONDS", value_parser = parse_life)]
    pub expires: Option<u64>,
    /// Take the best reading of free words without asking
    #[arg(long)]
    pub best: bool,
    /// Rows to show of each table in a terminal (pipes and files get all)
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub rows: usize,
    /// Show the rarest rows first
    #[arg(long)]
    pub rare: bool,
    /// How the answer is shown.
    #[command(flatten)]
    pub which: Which,
    /// Server and sign-in.
    #[command(flatten)]
    pub connection: Connection,
}

/// When `ask` has seen enough. Endpoints that are offline are waited for until the end only.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wait {
    /// Share of expected endpoints, 0 to 1.
    Share(f64),
    /// Time since asking.
    Time(std::time::Duration),
    /// Every endpoint has said something, or the question's time is over.
    End,
}

/// Which endpoints of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InState {
    /// Every one.
    All,
    /// Those in this state.
    Only(EndpointState),
}

impl FromStr for InState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        // As the API names it, or in the words that coverage is told in.
        let found = EndpointState::ALL
            .iter()
            .find(|state| state.name() == text || state.words() == text);
        found.copied().map(Self::Only).ok_or_else(|| {
            let names: Vec<_> = EndpointState::ALL.iter().map(|s| s.name()).collect();
            format!("`{text}` is no state; there are: all, {}", names.join(", "))
        })
    }
}

/// Reads `95%` or `30s`; people write units in several ways.
pub(super) fn parse_wait(text: &str) -> Result<Wait, String> {
    let wrong =
        || format!("`{text}` is neither a share such as 95% nor a time such as 30s, 5m or 1h");
    let text = text.trim();
    if let Some(percent) = text.strip_suffix('%') {
        let share: f64 = percent.trim().parse().map_err(|_| wrong())?;
        return if (0.0..=100.0).contains(&share) {
            Ok(Wait::Share(share / 100.0))
        } else {
            Err(format!("`{text}` is no share: it is between 0% and 100%"))
        };
    }
    let at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(|| {
        if text.is_empty() {
            return wrong();
        }
        format!("`{text}` has no unit: {text}s are seconds, {text}m minutes, {text}h hours, {text}% a share of the endpoints")
    })?;
    let (digits, unit) = text.split_at(at);
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let factor = match unit.trim_start() {
        "s" | "sec" | "second" | "seconds" => 1,
        "m" | "min" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3600,
        _ => return Err(wrong()),
    };
    let seconds = number.checked_mul(factor).ok_or_else(wrong)?;
    Ok(Wait::Time(std::time::Duration::from_secs(seconds)))
}

/// Seconds that a question may live: 30 days at most.
pub(super) fn parse_life(text: &str) -> Result<u64, String> {
    const MOST: u64 = 30 * 86_400;
    match text.trim().parse() {
        Ok(seconds @ 1..=MOST) => Ok(seconds),
        Ok(seconds) => Err(format!(
            "`{seconds}` seconds are no life of a question: it is 1 second to 30 days ({MOST} seconds)"
        )),
        Err(_) => match parse_wait(text) {
            Ok(Wait::Time(time)) if (1..=MOST).contains(&time.as_secs()) => Ok(time.as_secs()),
            _ => Err(format!(
                "`{text}` is no life of a question: seconds, or a time such as 30s, 5m or 1h, 30 days ({MOST} seconds) at most"
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_named_as_the_api_and_as_people_do() {
        let limit = Ok(InState::Only(EndpointState::TimedOut));
        assert_eq!("timed_out".parse(), limit);
        assert_eq!("timed out".parse(), limit);
        assert_eq!("all".parse(), Ok(InState::All));
        let wrong = "gone".parse::<InState>().unwrap_err();
        assert!(wrong.contains("not_reached"), "{wrong}");
    }

    #[test]
    fn waits_are_read_or_explained() {
        assert_eq!(parse_wait("95%"), Ok(Wait::Share(0.95)));
        assert_eq!(
            parse_wait("5m"),
            Ok(Wait::Time(std::time::Duration::from_secs(300)))
        );
        for minutes in ["5min", "5 minutes", "300s", " 300 seconds "] {
            assert_eq!(parse_wait(minutes), parse_wait("5m"), "{minutes}");
        }
        assert!(parse_wait("30").is_err_and(|told| told.contains("30s")));
        for (life, seconds) in [
            ("600", Some(600)),
            ("10m", Some(600)),
            ("0", None),
            ("31d", None),
            ("2592001", None),
        ] {
            assert_eq!(parse_life(life).ok(), seconds, "{life}");
        }
        for bad in [
            "",
            "95",
            "101%",
            "-1%",
            "5 parsecs",
            "s",
            "99999999999999999999h",
            "9999999999999999999h",
        ] {
            assert!(parse_wait(bad).is_err(), "{bad}");
        }
    }
}
