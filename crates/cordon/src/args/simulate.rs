//! Arguments of `simulate`.

use clap::Args;
use std::path::PathBuf;

/// Arguments of `simulate`.
#[derive(Args, Debug)]
pub struct SimulateArgs {
    /// How many endpoints
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub agents: u32,
    /// File with an enrolment token that has enough uses, or `-` [default: the environment variable CORDON_TOKEN; none is needed when all are in `--state`]
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Server's agent port, host:port [default: the token's]
    #[arg(long, value_name = "HOST:PORT")]
    pub server: Option<String>,
    /// Seed of the data
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Keep identities here, so that a second run comes back as the same endpoints; the token lets in those that are not there yet
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Share of endpoints that answer late, as in `0.05` or `5%`
    #[arg(long, default_value = "0", value_name = "SHARE", value_parser = parse_share)]
    pub late: f64,
    /// Share of endpoints that drop out at a question, as in `0.05` or `5%`
    #[arg(long, default_value = "0", value_name = "SHARE", value_parser = parse_share)]
    pub drop_out: f64,
    /// Share of endpoints whose sensors fail, as in `0.05` or `5%`
    #[arg(long, default_value = "0", value_name = "SHARE", value_parser = parse_share)]
    pub errors: f64,
}

/// Reads a share of all.
fn parse_share(text: &str) -> Result<f64, String> {
    let (number, whole) = match text.trim().strip_suffix('%') {
        Some(percent) => (percent, 100.0),
        None => (text, 1.0),
    };
    match number.trim().parse::<f64>() {
        Ok(share) if (0.0..=whole).contains(&share) => Ok(share / whole),
        _ => Err(format!(
            "`{text}` is no share: between 0 and 1, as in 0.05, or between 0% and 100%"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_or_explained() {
        assert_eq!(parse_share("0.05"), parse_share("5%"));
        for bad in ["", "50", "-1%", "101%", "half", "NaN"] {
            assert!(parse_share(bad).is_err(), "{bad}");
        }
    }
}
