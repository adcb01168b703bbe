//! `cordon login`: password in, API token kept. A one-time password is changed on the way.

use super::secrets;
use super::words::word;
use crate::api::{Client, Profile, user_profile};
use crate::args::LoginArgs;
use crate::output::say;
use crate::profile::Place;
use ::api::account::{ApiTokenCreated, ApiTokenToCreate, Scope};
use anyhow::{Context, Result};

/// What is to be done about a one-time password.
const OWN: &str = "this is a one-time password, which has to be changed: give one of your own as a second line of standard input, or sign in to the console";

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
    let password = secrets::read(&format!("Password of {}", args.user))?;
    let mut client = Client::new(&args.url, &authority)?;
    if client.sign_in(&args.user, &password).await? {
        let new = secrets::choose("This is a one-time password. A password of your own", OWN)?;
        client.change_password(&password, &new, Vec::new()).await?;
    }
    let made = make_token(&client, args.days, args.admin).await?;
    // The token is what stays.
    client.sign_out().await?;
    let profile = Profile {
        url: args.url.clone(),
        authority,
        token: made.token.expose().to_owned(),
        trust: None,
    };
    let may: Vec<_> = made.scopes.iter().map(word).collect();
    let path = place.path().to_owned();
    place.keep(&profile)?;
    say!(
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
    let mut scopes = vec![Scope::Read, Scope::Ask];
    if admin {
        scopes.push(Scope::Admin);
    }
    let request = ApiTokenToCreate {
        name: "command line".to_owned(),
        scopes,
        expires_seconds: u64::from(days) * 86_400,
    };
    let made: ApiTokenCreated = client.post("/api-tokens", request).await?;
    if admin && !made.scopes.contains(&Scope::Admin) {
        anstream::eprintln!(
            "cordon: warning: this user may not administer, and so the token cannot"
        );
    }
    Ok(made)
}
