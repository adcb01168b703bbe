//! `cordon users`: who may sign in, and what they may do.

use super::secrets::{self, Place};
use super::words::word;
use crate::api::{Client, encoded};
use crate::args::{RoleName, UserAction, UsersArgs};
use crate::output::{self, Table, say};
use ::api::Secret;
use ::api::ValueType;
use ::api::account::{
    PasswordReset, Role, SessionsEnded, UserChange, UserCreated, UserDisabled, UserInfo,
    UserToCreate,
};
use anyhow::Result;
use serde_json::{Value, json};

/// Of the list.
const COLUMNS: [(&str, ValueType); 6] = [
    ("Name", ValueType::Text),
    ("Role", ValueType::Text),
    ("One-time password", ValueType::Boolean),
    ("Account", ValueType::Text),
    ("Added", ValueType::DateTime),
    ("Disabled", ValueType::DateTime),
];

/// Runs the command.
pub async fn run(args: UsersArgs) -> Result<()> {
    let client = Client::connect(&args.connection)?;
    let path = |name: &str| format!("/users/{}", encoded(name));
    match args.action.unwrap_or(UserAction::List) {
        UserAction::List => {
            let list: Vec<UserInfo> = client.get("/users").await?;
            let rows = list.into_iter().map(|user| {
                vec![
                    user.name.into(),
                    word(user.role).into(),
                    user.one_time_password.into(),
                    if user.service { "service" } else { "person" }.into(),
                    user.created_at.into(),
                    user.disabled_at.into(),
                ]
            });
            let table = Table::of("users", &COLUMNS, rows);
            output::print(args.output, &[table], Value::Null)?;
        }
        UserAction::Create {
            name,
            role,
            password,
            to,
        } => create(&client, name, role, password, to).await?,
        UserAction::Role { name, role } => {
            let change = UserChange { role: role.into() };
            let user: UserInfo = client.put(&path(&name), change).await?;
            say!("{} is {} from now on.", user.name, word(user.role));
        }
        UserAction::Give { name, given } => super::roles::give(&client, &name, given).await?,
        UserAction::ResetPassword { name, to } => {
            let place = Place::of_password(to)?;
            let path = format!("{}/password", path(&name));
            let reset: PasswordReset = client.post(&path, json!({})).await?;
            place.tell(
                &format!("The one-time password of {name}"),
                reset.password.expose(),
            )?;
            anstream::eprintln!(
                "Sessions that ended: {}; API tokens: {}.",
                reset.sessions_ended,
                reset.tokens_ended
            );
        }
        UserAction::Disable { name } => {
            let path = format!("{}/disable", path(&name));
            let done: UserDisabled = client.post(&path, json!({})).await?;
            say!(
                "{} is shut out. Sessions that ended: {}; API tokens: {}. `cordon users enable {}` undoes it.",
                done.user.name,
                done.sessions_ended,
                done.tokens_ended,
                done.user.name
            );
        }
        UserAction::Enable { name } => {
            let path = format!("{}/enable", path(&name));
            let user: UserInfo = client.post(&path, json!({})).await?;
            say!(
                "{} may sign in again, with the password of before; API tokens that ended do not come back.",
                user.name
            );
        }
        UserAction::EndSessions { name } => {
            let path = format!("{}/sessions", path(&name));
            let ended: SessionsEnded = client.delete_for(&path).await?;
            say!(
                "Sessions of {name} that ended: {}. API tokens go on: `cordon api-tokens` lists them.",
                ended.sessions_ended
            );
        }
        UserAction::Delete { name } => {
            client.delete(&path(&name)).await?;
            say!(
                "{name} is removed with sessions and API tokens; what they asked and did stays in the log."
            );
        }
    }
    Ok(())
}

async fn create(
    client: &Client,
    name: String,
    role: RoleName,
    password: Option<std::path::PathBuf>,
    to: Option<std::path::PathBuf>,
) -> Result<()> {
    let (password, place) = match password {
        Some(file) => (Some(Secret::from(secrets::from_file(&file)?)), None),
        None => (None, Some(Place::of_password(to)?)),
    };
    let wanted = UserToCreate {
        name: name.clone(),
        role: role.into(),
        password,
    };
    let made: UserCreated = client.post("/users", wanted).await?;
    if let (Some(place), Some(password)) = (place, &made.password) {
        place.tell(
            &format!("The one-time password of {name}"),
            password.expose(),
        )?;
    }
    anstream::eprintln!(
        "{name} is added as {} and has to change this password at the first sign-in: `cordon login --user {name} …`, or at the console.",
        word(Role::from(role))
    );
    Ok(())
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Administrator => Self::Administrator,
            RoleName::ContentAdministrator => Self::ContentAdministrator,
            RoleName::Operator => Self::Operator,
            RoleName::Reader => Self::Reader,
            RoleName::Member => Self::Member,
        }
    }
}
