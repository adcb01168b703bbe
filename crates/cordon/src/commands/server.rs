//! `cordon server`.

use crate::args::ServerArgs;
use anyhow::{Context, Result};

/// Runs a server until it is told to end, then drains it.
pub async fn run(args: ServerArgs) -> Result<()> {
    let config = ::server::Config {
        http: args.http,
        agents: args.agents,
        names: args.names,
        approve_enrolments: args.approve,
        ..::server::Config::local(args.data.clone(), ::sensors::catalogue())
    };
    let mut running = ::server::start(config).await?;
    // What `cordon login --authority` wants; it is public.
    let authority = args.data.join("authority.pem");
    std::fs::write(&authority, &running.authority_pem)
        .with_context(|| format!("cannot write {}", authority.display()))?;
    announce(&running);
    let ended = super::shutdown_signal();
    tokio::select! {
        () = ended.cancelled() => {}
        () = running.ended() => anyhow::bail!("the server ended by itself; its log says why"),
    }
    tracing::info!("draining");
    running.drain().await;
    Ok(())
}

/// Says where the server listens, and the first password, once, to the person who started it.
pub fn announce(running: &::server::Running) {
    anstream::println!("Console and API: https://{}", running.http);
    anstream::println!("Agents connect to: {}", running.agents);
    if let Some(password) = &running.first_password {
        anstream::println!("First administrator: admin, one-time password: {password}");
    }
}
