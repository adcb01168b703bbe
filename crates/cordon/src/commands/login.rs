//! `cordon login`: password in, API token kept. A one-time password is changed on the way.

use super::words::word;
use crate::api::{Client, Profile, user_profile};
use crate::args::LoginArgs;
use crate::profile::Place;
use ::api::account::{ApiTokenCreated, ApiTokenToCreate, Permission};
use anyhow::{Context, Result, bail};
use std::io::{IsTerminal, Write};

/// Runs the command.
pub async fn run(args: LoginArgs) -> Result<()> {
    let authority = std::fs::read_to_string(&args.authority).with_context(|| {
        format!(
            "cannot read the authority certificate {}",
            args.authority.display()
        )
    })?;
    // A password must not be changed, nor a token made, for a profile that has no place.
    let place = args
        .profile
        .or_else(user_profile)
        .context("no place for the profile: name one with --profile")?;
    let place = Place::open(&place)?;
    let password = read_password(&format!("Password of {}", args.user))?;
    let mut client = Client::new(&args.url, &authority)?;
    if client.sign_in(&args.user, &password).await? {
        let new = choose_password()?;
        client.change_password(&password, &new).await?;
    }
    let made = make_token(&client, args.days, args.admin).await?;
    let profile = Profile {
        url: args.url.clone(),
        authority,
        token: made.token.expose().to_owned(),
        trust: None,
    };
    let may: Vec<_> = made.scopes.iter().map(word).collect();
    let path = place.path().to_owned();
    place.keep(&profile)?;
    anstream::println!(
        "Signed in to {} as {}; the token in {} is good for {} days and may {}.",
        args.url,
        args.user,
        path.display(),
        args.days,
        may.join(" and ")
    );
    Ok(())
}

/// Makes an API token for the command line. It reads and asks; it administers only when that was wanted.
async fn make_token(client: &Client, days: u32, admin: bool) -> Result<ApiTokenCreated> {
    let mut scopes = vec![Permission::Read, Permission::Ask];
    if admin {
        scopes.push(Permission::Admin);
    }
    let request = ApiTokenToCreate {
        name: "command line".to_owned(),
        scopes,
        expires_seconds: u64::from(days) * 86_400,
    };
    let made: ApiTokenCreated = client.post("/api-tokens", request).await?;
    if admin && !made.scopes.contains(&Permission::Admin) {
        anstream::eprintln!(
            "cordon: warning: this user may not administer, and so the token cannot"
        );
    }
    Ok(made)
}

/// Asks for a password in place of a one-time one: twice at a terminal, else the next line of standard input.
fn choose_password() -> Result<String> {
    let new = read_password("This is a one-time password. A password of your own")?;
    if new.is_empty() {
        bail!(
            "this is a one-time password, which has to be changed: give one of your own as a second line of standard input, or sign in to the console"
        );
    }
    if std::io::stdin().is_terminal() && read_password("Once more")? != new {
        bail!("these are two different passwords; nothing was changed");
    }
    Ok(new)
}

/// Reads a password without showing it; from standard input where that is no terminal.
fn read_password(prompt: &str) -> Result<String> {
    let mut line = String::new();
    if !std::io::stdin().is_terminal() {
        std::io::stdin()
            .read_line(&mut line)
            .context("cannot read the password from standard input")?;
        return Ok(line.trim_end_matches(['\n', '\r']).to_owned());
    }
    anstream::eprint!("{prompt}: ");
    std::io::stderr().flush()?;
    let hidden = Echo::off();
    let read = std::io::stdin().read_line(&mut line);
    drop(hidden);
    anstream::eprintln!();
    read.context("cannot read the password")?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// Turns the terminal's echo off for as long as it lives.
struct Echo {
    #[cfg(unix)]
    before: Option<rustix::termios::Termios>,
}

impl Echo {
    #[cfg(unix)]
    fn off() -> Self {
        let before = rustix::termios::tcgetattr(std::io::stdin()).ok();
        if let Some(mut now) = before.clone() {
            now.local_modes.remove(rustix::termios::LocalModes::ECHO);
            set(&now);
        }
        Self { before }
    }

    #[cfg(not(unix))]
    fn off() -> Self {
        Self {}
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(before) = &self.before {
            set(before);
        }
    }
}

/// A terminal that cannot be changed shows the password: the person sees it, and nothing else depends on it.
#[cfg(unix)]
fn set(settings: &rustix::termios::Termios) {
    if let Err(error) = rustix::termios::tcsetattr(
        std::io::stdin(),
        rustix::termios::OptionalActions::Now,
        settings,
    ) {
        tracing::warn!(%error, "the terminal's echo could not be changed");
    }
}
