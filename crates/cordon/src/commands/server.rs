//! `cordon server`: running one, and what is done on its machine while it is stopped.

use super::ownership;
use crate::args::{ServerAction, ServerArgs};
use anyhow::{Context, Result};
use server::auth::FirstPassword;
use std::io::IsTerminal as _;

/// Runs an action on the data folder of a stopped server.
pub async fn act(action: ServerAction, data: &std::path::Path) -> Result<()> {
    match action {
        ServerAction::ResetAdmin { user } => {
            let clock = ::server::model::clock::Clock::system();
            let first = ::server::auth::first::reset_administrator(data, &user, clock).await;
            ownership::leave_to_owner(data)?;
            let first = first?;
            anstream::println!("{}", told(&first));
            Ok(())
        }
    }
}

/// Runs a server until it is told to end, then drains it.
pub async fn run(args: ServerArgs) -> Result<()> {
    ownership::must_be_ours(&args.data)?;
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

/// Says where the server listens, and how the first administrator gets in.
pub fn announce(running: &::server::Running) {
    anstream::println!("Console and API: https://{}", running.http);
    anstream::println!("Agents connect to: {}", running.agents);
    if let Some(first) = &running.first_password {
        anstream::println!("{}", told(first));
    }
}

/// A one-time password for the person at the terminal. Where nobody sits there, output commonly ends in a journal: it gets the name of
/// the file only.
fn told(first: &FirstPassword) -> String {
    let FirstPassword {
        name,
        password,
        file,
    } = first;
    if std::io::stdout().is_terminal() {
        format!("Administrator {name}, one-time password: {}", **password)
    } else {
        format!(
            "Administrator {name}, one-time password in: {}",
            file.display()
        )
    }
}
