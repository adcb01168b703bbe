//! `cordon simulate`: a fleet on one machine.

use crate::args::SimulateArgs;
use crate::output::say;
use anyhow::Result;
use std::sync::Arc;

/// Runs simulated endpoints until told to end.
pub async fn run(args: SimulateArgs) -> Result<()> {
    let token = super::read_token(args.token_file.as_deref())?;
    let options = ::simulate::Options {
        server: args
            .server
            .or_else(|| token.servers.first().cloned())
            .unwrap_or_default(),
        token: token.to_string(),
        agents: args.agents,
        seed: args.seed,
        state_dir: args.state,
        late: args.late,
        drop_out: args.drop_out,
        errors: args.errors,
        catalogue: Arc::new(::sensors::catalogue()),
    };
    let report = ::simulate::run(options, super::shutdown_signal()).await?;
    say!("{report:?}");
    Ok(())
}
