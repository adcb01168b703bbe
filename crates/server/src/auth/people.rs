//! Users and API tokens: adding and removing them.

use super::LOCAL_ACCOUNT;
use super::{
    Auth, AuthError, Caller, LONGEST_NAME, LONGEST_TOKEN_LIFE, MadeToken, Via, password, secret,
};
use crate::model::account::User;
use crate::model::actor::RESERVED_NAMES;
use crate::model::audit::Deed;
use crate::model::ids::{ApiTokenId, UserId};
use crate::model::role::{Role, Scopes};
use crate::store::accounts::{Ended, NewApiToken, NewUser};
use ::rights::Permission;
use serde_json::json;
use std::time::Duration;
use zeroize::Zeroizing;

impl Auth {
    /// Adds a user. Without a password, makes one to be told to them and gives it.
    pub async fn create_user(
        &self,
        caller: &Caller,
        name: String,
        role: Role,
        password: Option<Zeroizing<String>>,
    ) -> Result<(UserId, Option<Zeroizing<String>>), AuthError> {
        check_name(&name)?;
        caller.may_give(role)?;
        let (password, told) = match password {
            Some(password) => {
                check_password(&password)?;
                (password, None)
            }
            None => {
                let made = secret::password()?;
                (made.clone(), Some(made))
            }
        };
        let user = NewUser {
            password: self.passwords.hash(password).await?,
            one_time: true,
            service: false,
            by_server: false,
            created_at: self.now(),
            name: name.clone(),
            role,
        };
        let deed = Deed::new(caller.actor(), "user.create", name).with(json!({"role": role}));
        Ok((self.store.create_user(user, deed).await?, told))
    }

    /// Removes a user.
    pub async fn delete_user(&self, caller: &Caller, name: String) -> Result<(), AuthError> {
        self.may_touch(caller, &name).await?;
        let deed = Deed::new(caller.actor(), "user.delete", &name);
        Ok(self.store.delete_user(name, deed).await?)
    }

    /// Gives a user another role; what they have signed in with goes on with it.
    pub async fn change_role(
        &self,
        caller: &Caller,
        name: String,
        role: Role,
    ) -> Result<User, AuthError> {
        self.may_touch(caller, &name).await?;
        caller.may_give(role)?;
        let deed = Deed::new(caller.actor(), "user.role", &name).with(json!({"role": role}));
        Ok(self.store.set_role(name, role, deed).await?)
    }

    /// Makes a one-time password in place of a user's own, and ends what they had signed in with.
    pub async fn reset_password(
        &self,
        caller: &Caller,
        name: String,
    ) -> Result<(Zeroizing<String>, Ended), AuthError> {
        self.may_touch(caller, &name).await?;
        let made = secret::password()?;
        let kept = self.passwords.hash(made.clone()).await?;
        let deed = Deed::new(caller.actor(), "password.reset", &name);
        let ended = self.store.reset_password(name, kept, deed).await?;
        Ok((made, ended))
    }

    /// Shuts a user out, or lets them in again; says what ended.
    pub async fn set_disabled(
        &self,
        caller: &Caller,
        name: String,
        disabled: bool,
    ) -> Result<(User, Ended), AuthError> {
        self.may_touch(caller, &name).await?;
        let action = if disabled {
            "user.disable"
        } else {
            "user.enable"
        };
        let deed = Deed::new(caller.actor(), action, &name);
        let since = disabled.then(|| self.now());
        Ok(self.store.set_disabled(name, since, deed).await?)
    }

    /// Makes an API token that acts for the caller. It cannot do more, nor live longer, than what made it: scopes the
    /// caller does not have are left out.
    pub async fn create_token(
        &self,
        caller: &Caller,
        name: String,
        scopes: Scopes,
        life: Duration,
    ) -> Result<MadeToken, AuthError> {
        // Tokens get names like "command line"; nothing refers to them by name.
        check_form(&name.replace(' ', "-"))?;
        let first = scopes
            .iter()
            .next()
            .ok_or_else(|| AuthError::Invalid("a token needs at least one scope".into()))?;
        let scopes: Scopes = scopes.iter().filter(|scope| caller.has(*scope)).collect();
        if scopes.is_empty() {
            caller.need_scope(first)?;
        }
        if life.is_zero() || life > LONGEST_TOKEN_LIFE {
            return Err(AuthError::Invalid(format!(
                "a token lives from 1 second to {} days",
                LONGEST_TOKEN_LIFE.as_secs() / 86_400
            )));
        }
        let now = self.now();
        let mut expires_at = now.saturating_add(i64::try_from(life.as_secs()).unwrap_or(i64::MAX));
        if let Via::Token {
            expires_at: own, ..
        } = &caller.via
        {
            expires_at = expires_at.min(*own);
        }
        let text = secret::token()?;
        let deed = Deed::new(caller.actor(), "api-token.create", &name).with(json!({
            "scopes": scopes.to_string(),
            "expires": jiff::Timestamp::from_second(expires_at).ok(),
        }));
        let token = NewApiToken {
            digest: secret::digest(&text),
            name,
            user: caller.user.id,
            scopes,
            created_at: now,
            expires_at,
        };
        let id = self.store.create_api_token(token, deed).await?;
        Ok(MadeToken {
            id,
            text,
            scopes,
            expires_at,
        })
    }

    /// Removes a token: one's own, or for an administrator anybody's.
    pub async fn delete_token(&self, caller: &Caller, id: ApiTokenId) -> Result<(), AuthError> {
        let of = (!caller.may(Permission::ManageUsers)).then_some(caller.user.id);
        let deed = Deed::new(caller.actor(), "api-token.delete", id.to_string());
        Ok(self.store.delete_api_token(id, of, deed).await?)
    }
}

/// Whether a person may have this name.
pub(super) fn check_name(name: &str) -> Result<(), AuthError> {
    check_form(name)?;
    let mut reserved = RESERVED_NAMES.iter().chain([&LOCAL_ACCOUNT]);
    if reserved.any(|r| r.eq_ignore_ascii_case(name)) {
        return Err(AuthError::Invalid(format!(
            "the name `{name}` is reserved: the audit log calls somebody else so"
        )));
    }
    Ok(())
}

fn check_form(name: &str) -> Result<(), AuthError> {
    let fits = !name.is_empty()
        && name.len() <= LONGEST_NAME
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-@".contains(c));
    if fits {
        return Ok(());
    }
    Err(AuthError::Invalid(format!(
        "a name has 1 to {LONGEST_NAME} letters, digits or any of . _ - @"
    )))
}

pub(super) fn check_password(password: &str) -> Result<(), AuthError> {
    if password.chars().count() < password::SHORTEST || password.len() > password::LONGEST {
        return Err(AuthError::Invalid(format!(
            "a password has at least {} characters and at most {} bytes",
            password::SHORTEST,
            password::LONGEST
        )));
    }
    Ok(())
}
