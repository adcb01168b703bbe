//! Values of options: what is wrong with one in our words, and what was meant.

/// What the value of an option is counted in: what its help shows, or its own name.
pub(super) fn unit_of(shown: &str) -> &str {
    let named = shown
        .rsplit_once('<')
        .and_then(|(_, unit)| unit.split('>').next());
    for (name, unit) in [("hours", "HOURS"), ("days", "DAYS"), ("seconds", "SECONDS")] {
        if shown.starts_with("--")
            && shown
                .split(' ')
                .next()
                .is_some_and(|long| long.ends_with(name))
        {
            return unit;
        }
    }
    named.unwrap_or_default()
}

/// What somebody means who types a word of another program.
pub(super) fn meant_value<'a>(value: &str, valid: &'a [String]) -> Option<&'a str> {
    let lower = value.to_lowercase();
    let meant = match lower.as_str() {
        "text" | "pretty" | "human" | "plain" => "table",
        "ndjson" | "jsonlines" => "jsonl",
        "xls" | "xlsx" | "excel" | "tsv" => "csv",
        "write" => "ask",
        "user" | "analyst" => "operator",
        "read" | "viewer" => "reader",
        "online" | "active" => "approved",
        "key" => "order-key",
        "ca" => "authority",
        other => other,
    };
    valid.iter().find(|word| *word == meant).map(String::as_str)
}

/// Seconds, minutes and so on as their first letter.
pub(super) fn short_unit(word: &str) -> Option<&'static str> {
    Some(match word.to_lowercase().as_str() {
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        "w" | "week" | "weeks" => "w",
        "%" | "percent" => "%",
        _ => return None,
    })
}

/// A span such as `5m` as the plain number that an option of this unit takes.
pub(super) fn in_unit(value: &str, unit: &str) -> Option<String> {
    let at = value.find(|c: char| !c.is_ascii_digit())?;
    let (digits, word) = value.split_at_checked(at)?;
    let seconds = match short_unit(word.trim())? {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    let seconds = digits.parse::<u64>().ok()?.checked_mul(seconds)?;
    let one = match unit {
        "SECONDS" => 1,
        "HOURS" => 3600,
        "DAYS" => 86_400,
        _ => return None,
    };
    (seconds > 0 && seconds % one == 0).then(|| (seconds / one).to_string())
}

/// What a library says of a value in words of its own, in ours, and what to write instead where that is seen.
pub(super) fn reworded(reason: &str, value: &str, unit: &str) -> (String, Option<String>) {
    let number = match unit {
        "SECONDS" => "is no whole number of seconds",
        "HOURS" => "is no whole number of hours",
        "DAYS" => "is no whole number of days",
        "MIB" => "is no whole number of MiB",
        _ => "is no whole number, such as 10",
    };
    if reason.contains("invalid digit") || reason.contains("empty string") {
        return (number.to_owned(), in_unit(value, unit));
    }
    if reason.contains("number too large") || reason.contains("number too small") {
        return (
            "is a larger or smaller number than there can be".to_owned(),
            None,
        );
    }
    if let Some((_, range)) = reason.split_once(" is not in ")
        && let Some((least, most)) = range.split_once("..=").or_else(|| range.split_once(".."))
    {
        return (
            match most {
                "" => format!("is too small: {least} or more"),
                most => format!("is not between {least} and {most}"),
            },
            None,
        );
    }
    if reason.contains("socket address") {
        let port = value.rsplit_once(':').map_or(value, |(_, port)| port);
        let instead = port
            .parse::<u16>()
            .ok()
            .map(|port| format!("127.0.0.1:{port}"));
        return (
            "is no address: digits and a port, as in 127.0.0.1:8443 (this machine alone) or 0.0.0.0:8443 (the network)".to_owned(),
            instead,
        );
    }
    (reason.to_owned(), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_become_the_numbers_that_options_take() {
        for (value, unit, number) in [
            ("5m", "SECONDS", Some("300")),
            ("90d", "DAYS", Some("90")),
            ("2weeks", "DAYS", Some("14")),
            ("1d", "HOURS", Some("24")),
            ("5m", "HOURS", None),
            ("abc", "SECONDS", None),
            ("5", "SECONDS", None),
            ("99999999999999999999w", "DAYS", None),
        ] {
            assert_eq!(in_unit(value, unit).as_deref(), number, "{value}");
        }
    }
}
