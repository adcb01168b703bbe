//! Arguments that say how an answer is shown: which machines, counted by what, on how many.

use clap::Args;
use question::CountBound;

/// How an answer is shown. What is given here wins over the question's own tail.
#[derive(Args, Debug, Clone, Default)]
pub struct Which {
    /// Name the machines of each row; with `--machines=N` the first N of each
    #[arg(
        long,
        value_name = "N",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "all",
        value_parser = parse_machines
    )]
    pub machines: Option<u32>,
    /// Count machines by this column alone, not by whole rows; may be given several times. `Table:Column` where several tables have it
    #[arg(long, value_name = "COLUMN")]
    pub by: Vec<String>,
    /// Only rows on so many machines: `<3`, `<=3`, `=3`, `!=3`, `>=3`, `>3` or `2..5`; `any` for all
    #[arg(long, value_name = "BOUND", value_parser = parse_count)]
    pub count: Option<Count>,
}

/// On how many machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Any number, whatever the question's own tail says.
    Any,
    /// So many.
    Bound(CountBound),
}

fn parse_count(text: &str) -> Result<Count, String> {
    if text.trim().is_empty() || text.eq_ignore_ascii_case("any") {
        return Ok(Count::Any);
    }
    let text = text.trim();
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!(
            "`{text}` alone says no bound: write '={text}' for exactly so many machines, '<{text}' for fewer, '>={text}' for at least so many"
        ));
    }
    let bound = text
        .parse()
        .map_err(|error: question::NoBound| error.to_string());
    bound.map(Count::Bound)
}

fn parse_machines(text: &str) -> Result<u32, String> {
    if text == "all" {
        return Ok(u32::MAX);
    }
    match text.parse() {
        Ok(number @ 1..) => Ok(number),
        _ => Err(format!(
            "`{text}` is no number of machines: 1 or more, or none for all of them"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_and_numbers_are_read_or_explained() {
        assert_eq!(parse_count("<3"), Ok(Count::Bound(CountBound::Fewer(3))));
        assert_eq!(parse_count("any"), Ok(Count::Any));
        assert!(parse_count("3").is_err_and(|told| told.contains("'<3'")));
        assert!(parse_count("few").is_err_and(|told| told.contains("2..5")));
        assert_eq!(parse_machines("all"), Ok(u32::MAX));
        assert_eq!(parse_machines("5"), Ok(5));
        assert!(parse_machines("0").is_err() && parse_machines("-1").is_err());
    }
}
