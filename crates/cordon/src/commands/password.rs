//! `cordon password` and `cordon whoami`: the caller's own account.

use super::secrets;
use super::words::{optional, word};
use crate::api::{Client, Profile};
use crate::args::{PasswordArgs, WhoamiArgs};
use crate::output::{self, Table, say};
use ::api::account::Me;
use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Changes the password. That needs a session, as a token may be somebody else's by now; the profile's token goes on.
pub async fn run(args: PasswordArgs) -> Result<()> {
    let (profile, _) = Profile::find(args.connection.profile.as_deref())?;
    let by_token = Client::connect(&args.connection)?;
    // A token that has ended keeps nobody from changing the password.
    let me: Result<Me> = by_token.get("/me").await;
    let mut keep = args.keep;
    let user = match (args.user, me) {
        (Some(user), Ok(me)) if user.eq_ignore_ascii_case(&me.name) => {
            keep.extend(me.token);
            user
        }
        (Some(user), _) => user,
        (None, Ok(me)) => {
            keep.extend(me.token);
            me.name
        }
        (None, Err(error)) => {
            return Err(error.context("name the user with `--user`: the profile's token says none"));
        }
    };
    let current = secrets::read(&format!("Password of {user} until now"))?;
    let mut client = Client::new(&profile.url, &profile.authority)?;
    client.sign_in(&user, &current).await?;
    let new = secrets::choose(
        "A new password, at least 12 characters",
        "no new password: give it as a second line of standard input",
    )?;
    if new == current {
        bail!("the new password is the old one; nothing was changed");
    }
    client.change_password(&current, &new, keep).await?;
    client
        .sign_out()
        .await
        .context("the password is changed, but the session for it could not be ended")?;
    say!(
        "The password of {user} is changed. Other sessions and API tokens have ended, but for the profile's and those that you named."
    );
    Ok(())
}

/// Says who the profile acts for.
pub async fn whoami(args: WhoamiArgs) -> Result<()> {
    let (profile, _) = Profile::find(args.connection.profile.as_deref())?;
    let client = Client::connect(&args.connection)?;
    let me: Me = client.get("/me").await?;
    let may: Vec<String> = me.permissions.iter().map(word).collect();
    let row = vec![
        me.name,
        word(me.role),
        may.join(","),
        optional(me.token),
        profile.url,
    ];
    let names = ["Name", "Role", "May", "API token", "Server"];
    output::print(
        args.output,
        &[Table::plain("account", &names, [row])],
        Value::Null,
    )
}
