//! `cordon server`: running one, and what is done on its machine while it is stopped.

mod upkeep;

use super::ownership;
use crate::args::{HeadArgs, KeysAction, RetentionArgs, ServerAction, ServerArgs};
use crate::output::say;
use ::server::retention::Limits;
use anyhow::{Context, Result};
use server::audit::{Destinations, Webhook};
use server::auth::FirstPassword;
use server::http::client::Proxies;
use server::identity::Passphrase;
use server::identity::offline::Offline;
use server::{Port, Running, StartError};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// What the private keys are encrypted with.
fn passphrase(args: &ServerArgs) -> Result<Option<Passphrase>> {
    Ok(match &args.key_passphrase {
        Some(path) => Some(Passphrase::read(path)?),
        None => Passphrase::from_credential()?,
    })
}

async fn keys(action: KeysAction, args: &ServerArgs) -> Result<ExitCode> {
    let clock = ::server::model::clock::Clock::system();
    let mut keys = Offline::open(&args.data, passphrase(args)?, clock).await?;
    match action {
        KeysAction::Encrypt { new } => {
            keys.set_passphrase(Some(Passphrase::read(&new)?)).await?;
            say!(
                "The keys are encrypted. Start the server with --key-passphrase {}, or with the credential {} in its unit.",
                new.display(),
                ::server::identity::CREDENTIAL
            );
        }
        KeysAction::Decrypt => {
            keys.set_passphrase(None).await?;
            say!(
                "The keys lie in {} without encryption.",
                args.data.display()
            );
        }
        KeysAction::AuthorityOut { to } => {
            keys.take_authority_key(&to).await?;
            say!(
                "The authority's private key is in {} alone: take it away from this machine, and keep a copy. Start the server with --authority-key naming where it will be when machines are to be enrolled.",
                to.display()
            );
        }
        KeysAction::AuthorityIn { from } => {
            keys.put_authority_key(&from).await?;
            say!(
                "The authority's private key is back; remove {}.",
                from.display()
            );
        }
        KeysAction::Recovery { to, old } => {
            keys.make_recovery_key(&to, old.as_deref()).await?;
            say!(
                "The recovery key is in {}: take it away from this machine, and keep a copy. Agents hear of it when they connect next.",
                to.display()
            );
        }
        KeysAction::Recover { key } => {
            keys.recover(&key).await?;
            say!(
                "New keys are in place; all sessions, API tokens and enrolment tokens have ended. Next: `cordon server reset-admin`, look through the users and the audit log, start the server, and drop the old authority when no endpoint is behind (docs/keys.md)."
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs an action on a data folder.
pub async fn act(action: ServerAction, args: &ServerArgs) -> Result<ExitCode> {
    let data = &args.data;
    match action {
        ServerAction::Keys { action } => {
            ::server::data::check(data)?;
            let done = keys(action, args).await;
            ownership::leave_to_owner(data)?;
            done
        }
        ServerAction::ResetAdmin { user } => {
            ::server::data::check(data)?;
            let clock = ::server::model::clock::Clock::system();
            let first = ::server::auth::first::reset_administrator(data, &user, clock).await;
            ownership::leave_to_owner(data)?;
            let first = first?;
            say!("{}", told(&first));
            Ok(ExitCode::SUCCESS)
        }
        ServerAction::Check => upkeep::look(data),
        ServerAction::Salvage { into } => upkeep::save(data, &into),
        ServerAction::Vacuum => {
            let written = upkeep::write_anew(data);
            ownership::leave_to_owner(data)?;
            written
        }
    }
}

/// Runs a server until it is told to end, then drains it.
pub async fn run(args: ServerArgs) -> Result<()> {
    ownership::must_be_ours(&args.data)?;
    let mut config = ::server::Config {
        quota: ::server::quota::Limits {
            questions: args.quota_questions,
            endpoint_hours: args.quota_endpoint_hours,
        },
        key_passphrase: passphrase(&args)?,
        authority_key: args.authority_key,
        proxies: Proxies::read(&args.trusted_proxies)?,
        metrics: args.metrics,
        audit: destinations(args.heads)?,
        http: args.http,
        agents: args.agents,
        names: args.names,
        approve_enrolments: args.approve,
        retention: limits(&args.retention),
        ..::server::Config::local(args.data.clone(), ::sensors::catalogue())
    };
    config.store.spare = mib(args.retention.spare_mib);
    let mut running = ::server::start(config).await.map_err(told_with_flag)?;
    leave_authority(&args.data, &running)?;
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

/// Leaves in the data folder what `cordon login --authority` wants; it is public.
pub fn leave_authority(folder: &Path, running: &Running) -> Result<()> {
    let authority = folder.join("authority.pem");
    std::fs::write(&authority, &running.authority_pem)
        .with_context(|| format!("cannot write {}", authority.display()))
}

/// Why a server did not start; for a port that is taken, with the flag that names another.
pub fn told_with_flag(error: StartError) -> anyhow::Error {
    let flag = match &error {
        StartError::Listen { port, .. } => Some(match port {
            Port::Agents => "--agents",
            Port::Api => "--http",
            Port::Metrics => "--metrics",
        }),
        _ => None,
    };
    let error = anyhow::Error::new(error);
    match flag {
        Some(flag) => error.context(format!(
            "nothing was started or stored; choose another port with `{flag} ADDRESS:PORT`, or end what holds this one"
        )),
        None => error,
    }
}

fn mib(count: u64) -> u64 {
    count.saturating_mul(1 << 20)
}

fn limits(args: &RetentionArgs) -> Limits {
    let days = |days: u32| Duration::from_secs(u64::from(days) * 86_400);
    Limits {
        answers_age: days(args.answers_days),
        answers_size: mib(args.answers_mib),
        questions_age: days(args.questions_days),
        audit_age: days(args.audit_days),
        audit_size: mib(args.audit_mib),
        ..Limits::default()
    }
}

/// Reads the files that the arguments name.
fn destinations(args: HeadArgs) -> Result<Destinations> {
    let read = |path: PathBuf| {
        std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let token = match args.audit_webhook_token.map(read).transpose()? {
        None => None,
        Some(bytes) => {
            let text = String::from_utf8(bytes).context("the webhook's token is no text")?;
            Some(text.trim().to_owned().into())
        }
    };
    let authorities = args.audit_webhook_authority.map(read).transpose()?;
    let webhook = match (&args.audit_webhook, authorities) {
        (Some(url), Some(authorities)) => Some(Webhook::new(url, token.as_ref(), &authorities)?),
        _ => None,
    };
    Ok(Destinations {
        file: args.audit_file,
        syslog: args.audit_syslog,
        webhook,
    })
}

/// Says where the server listens, and how the first administrator gets in.
pub fn announce(running: &Running) {
    // Whoever started it may not listen any more; a server goes on for its agents.
    announced(running).ok();
}

fn announced(running: &::server::Running) -> Result<()> {
    say!("Console and API: https://{}", running.http);
    say!("Agents connect to: {}", running.agents);
    if let Some(metrics) = running.metrics {
        say!("Metrics: http://{metrics}/metrics");
    }
    if let Some(first) = &running.first_password {
        say!("{}", told(first));
    }
    Ok(())
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
