//! `cordon up`: everything on one machine with one command. A server with its embedded store, a local agent that enrols by itself, and a first
//! real answer over the public API.

mod onward;

use super::which::Shown;
use super::{follow, rows, server};
use crate::api::{ApiQuestion, Client, Profile};
use crate::args::UpArgs;
use crate::output::say;
use crate::output::{aligned, counted, told};
use ::api::account::Me;
use ::api::question::ToAsk;
use ::api::table::Head;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::time::Duration;

/// The question that shows that everything works.
const FIRST_QUESTION: &str =
    "Get Running Processes with Hash from all machines with Is Linux = True";
/// Rows of the first answer that are shown.
const SHOWN: usize = 12;

/// Life of the API token in the profile.
const PROFILE_LIFE: Duration = Duration::from_secs(30 * 86_400);

/// Runs the command.
pub async fn run(args: UpArgs) -> Result<()> {
    let names = vec![
        "localhost".to_owned(),
        args.http.ip().to_string(),
        args.agents.ip().to_string(),
    ];
    let config = ::server::Config {
        http: args.http,
        agents: args.agents,
        names,
        ..::server::Config::local(args.data.join("server"), ::sensors::catalogue())
    };
    ::server::can_listen(&config).map_err(server::told_with_flag)?;
    // Made here, so that nobody else may write it: else the profile in it would not be used.
    crate::profile::make_folder(&args.data)?;
    let mut running = ::server::start(config)
        .await
        .map_err(server::told_with_flag)?;
    server::leave_authority(&args.data.join("server"), &running)?;
    server::announce(&running);

    let ended = super::shutdown_signal();
    let agent_dir = args.data.join("agent");
    if !::agent::is_enrolled(&agent_dir) {
        let token = running
            .local_token()
            .await
            .context("cannot make a token for the local agent")?;
        ::agent::enrol(&token, &agent_dir)
            .await
            .context("the local agent could not enrol")?;
    }
    // A process of its own, as on every other endpoint: what it measures about itself is about itself.
    let mut local = tokio::process::Command::new(
        std::env::current_exe().context("cannot find this program's own file")?,
    )
    .args([
        "--log",
        "warn",
        "agent",
        "--server",
        &running.agents.to_string(),
        "--data",
    ])
    .arg(&agent_dir)
    .stdin(std::process::Stdio::null())
    .kill_on_drop(true)
    .spawn()
    .context("cannot start the local agent")?;

    let profile_path = args.data.join("profile.json");
    let outcome = tokio::select! {
        shown = first_answer(&running, &profile_path) => shown,
        ended = local.wait() => Err(agent_end(ended)),
        () = ended.cancelled() => Ok(()),
    };
    if let Err(error) = &outcome
        && !args.once
    {
        anstream::eprintln!("cordon: no first answer: {}", told(error));
    }
    if !args.once && !ended.is_cancelled() {
        say!("\n{}", onward::told(&args.data)?);
        say!("Stop with Ctrl-C.");
        tokio::select! {
            () = ended.cancelled() => {}
            () = running.ended() => bail!("the server ended by itself"),
            ended = local.wait() => return Err(agent_end(ended)),
        }
    }
    stop(&mut local).await;
    running.drain().await;
    if args.once { outcome } else { Ok(()) }
}

fn agent_end(ended: std::io::Result<std::process::ExitStatus>) -> anyhow::Error {
    match ended {
        Ok(status) => anyhow::anyhow!("the local agent ended by itself: {status}"),
        Err(error) => anyhow::Error::new(error).context("the local agent cannot be watched"),
    }
}

/// Asks the agent to end; where that is not possible, ends it. Its spool survives either.
async fn stop(local: &mut tokio::process::Child) {
    #[cfg(unix)]
    if let Some(id) = local
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(rustix::process::Pid::from_raw)
        && rustix::process::kill_process(id, rustix::process::Signal::TERM).is_ok()
        && tokio::time::timeout(Duration::from_secs(5), local.wait())
            .await
            .is_ok()
    {
        return;
    }
    if let Err(error) = local.kill().await {
        tracing::warn!(%error, "the local agent could not be ended");
    }
}

/// The profile of this folder, or a new one when it is missing or its token has ended. Its token belongs to the server's own account for
/// this machine, so that commands here work before and after the first administrator chooses a password.
async fn profile(running: &::server::Running, path: &Path) -> Result<Client> {
    if let Ok(held) = Profile::load(Some(path)) {
        let client = Client::of(&held)?;
        if client.get::<Me>("/me").await.is_ok() {
            return Ok(client);
        }
    }
    let token = running
        .local_api_token(PROFILE_LIFE)
        .await
        .context("cannot make an API token for this machine")?;
    let made = Profile {
        url: format!("https://{}", running.http),
        authority: running.authority_pem.clone(),
        token: token.to_string(),
        trust: None,
    };
    made.save(path)?;
    Client::of(&made)
}

/// Makes sure of a profile, waits for the local agent, asks, and prints.
async fn first_answer(running: &::server::Running, profile_path: &Path) -> Result<()> {
    let client = profile(running, profile_path).await?;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    // The agent joins an open question as soon as it is connected, so asking at once is right; it only has to be known.
    let asked = ToAsk {
        text: FIRST_QUESTION.to_owned(),
        expires_seconds: None,
        targets: None,
    };
    let question: ApiQuestion = client.post("/questions", asked).await?;
    let wait = Some(follow::Wait::End);
    let followed = tokio::time::timeout_at(
        deadline,
        follow::follow(&client, &question, wait, |_, _| {}),
    )
    .await
    .context("the local agent did not answer within a minute")??;
    let coverage = followed.coverage;
    say!("\n{}", question.text);
    let heads = Head::of(&question.plan);
    for table in (0..).zip(&heads) {
        let (found, all) =
            rows::first_rows(&client, &question, table, &Shown::default(), false, SHOWN).await?;
        say!("{}", aligned(&found));
        let hidden = all.saturating_sub(found.rows.len() as u64);
        if hidden > 0 {
            say!("… and {}", counted(hidden, "more row"));
        }
        if all == 0 {
            bail!("the first answer has no row: {}", follow::states(&coverage));
        }
    }
    say!("{}", follow::states(&coverage));
    Ok(())
}
