//! `cordon simulate`: a fleet on one machine.

use crate::args::SimulateArgs;
use crate::output::say;
use ::simulate::Report;
use anyhow::Result;
use std::sync::Arc;

/// Runs simulated endpoints until told to end.
pub async fn run(args: SimulateArgs) -> Result<()> {
    // All may have their identities already.
    let named = args.token_file.is_some() || std::env::var_os("CORDON_TOKEN").is_some();
    let token = match named {
        true => Some(super::read_token(args.token_file.as_deref())?),
        false => None,
    };
    let options = ::simulate::Options {
        server: args
            .server
            .or_else(|| token.as_ref()?.servers.first().cloned())
            .unwrap_or_default(),
        token: token.map(|token| token.to_string()),
        agents: args.agents,
        seed: args.seed,
        state_dir: args.state,
        late: args.late,
        drop_out: args.drop_out,
        errors: args.errors,
        catalogue: Arc::new(::sensors::catalogue()),
    };
    let report = ::simulate::run(options, super::shutdown_signal()).await?;
    say!("{}", told(&report));
    Ok(())
}

/// What happened, without what did not.
fn told(report: &Report) -> String {
    let counts = [
        ("enrolled", report.enrolled),
        ("came back", report.reused),
        ("not let in", report.refused_entry),
        ("waiting for approval", report.waiting),
        ("revoked", report.revoked),
        ("connected at the end", report.connected),
        ("connections made", report.connections),
        ("orders accepted", report.orders),
        ("orders refused", report.orders_refused),
        ("answers sent", report.answers_sent),
        ("answers stored", report.answers_stored),
        ("answers held back", report.late),
        ("connections dropped on purpose", report.drop_outs),
        ("errors on purpose", report.errors),
    ];
    let happened = counts.iter().filter(|(_, count)| *count > 0);
    let words: Vec<String> = happened
        .map(|(what, count)| format!("{count} {what}"))
        .collect();
    if words.is_empty() {
        return "nothing happened".to_owned();
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_told_in_words() {
        let mut report = Report::default();
        assert_eq!(told(&report), "nothing happened");
        (report.enrolled, report.refused_entry) = (3, 7);
        assert_eq!(told(&report), "3 enrolled, 7 not let in");
    }
}
