//! Arguments of `ask`, and how long it waits.

use super::{Connection, Output};
use clap::Args;

/// Arguments of `ask`.
#[derive(Args, Debug)]
pub struct AskArgs {
    /// The question, in the language or in free words
    #[arg(required = true, num_args = 1.., value_name = "QUESTION")]
    pub text: Vec<String>,
    /// Answer on this machine, without any server
    #[arg(long, conflicts_with = "explain")]
    pub local: bool,
    /// Print how the question is understood and run nothing
    #[arg(long)]
    pub explain: bool,
    /// Form of output [default: table]
    #[arg(long, short, value_enum, value_name = "FORM")]
    pub output: Option<Output>,
    /// Stop at this share of the endpoints, or after this time: `95%`, `30s`, `5m`
    #[arg(long, value_name = "SHARE|TIME", value_parser = parse_wait)]
    pub wait: Option<Wait>,
    /// How long endpoints that come back may still join, in seconds
    #[arg(long, value_name = "SECONDS")]
    pub expires: Option<u64>,
    /// Take the best reading of free words without asking
    #[arg(long)]
    pub best: bool,
    /// Rows to show in a terminal's table (pipes, CSV and JSON get all)
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub rows: usize,
    /// Show the rarest rows first
    #[arg(long)]
    pub rare: bool,
    /// Server and sign-in.
    #[command(flatten)]
    pub connection: Connection,
}

/// When `ask` has seen enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wait {
    /// Share of expected endpoints, 0 to 1.
    Share(f64),
    /// Time since asking.
    Time(std::time::Duration),
}

/// Reads `95%` or `30s`.
fn parse_wait(text: &str) -> Result<Wait, String> {
    let wrong =
        || format!("`{text}` is neither a share such as 95% nor a time such as 30s, 5m or 1h");
    if let Some(percent) = text.strip_suffix('%') {
        let share: f64 = percent.trim().parse().map_err(|_| wrong())?;
        return if (0.0..=100.0).contains(&share) {
            Ok(Wait::Share(share / 100.0))
        } else {
            Err(wrong())
        };
    }
    let at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (digits, unit) = text.split_at(at);
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    let seconds = number.checked_mul(factor).ok_or_else(wrong)?;
    Ok(Wait::Time(std::time::Duration::from_secs(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_read_or_explained() {
        assert_eq!(parse_wait("95%"), Ok(Wait::Share(0.95)));
        assert_eq!(
            parse_wait("5m"),
            Ok(Wait::Time(std::time::Duration::from_secs(300)))
        );
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
