//! Signing in and out, and changing one's own password.

use super::people::check_password;
use super::{Auth, AuthError, Caller, LONGEST_NAME, SignedIn, Via, password, secret};
use crate::model::account::User;
use crate::model::actor::Actor;
use crate::model::audit::Deed;
use crate::model::ids::ApiTokenId;
use crate::store::accounts::NewPassword;
use serde_json::json;
use std::net::IpAddr;
use zeroize::Zeroizing;

impl Auth {
    /// Signs somebody in.
    pub async fn sign_in(
        &self,
        name: &str,
        password: Zeroizing<String>,
        address: IpAddr,
    ) -> Result<SignedIn, AuthError> {
        let user = self.prove(name, password, address, "login.failed").await?;
        let session = secret::random()?;
        let who = Actor::User {
            user: user.id,
            name: user.name.clone(),
        };
        let deed = Deed::new(who, "login", &user.name).with(json!({"address": address}));
        self.store
            .begin_session(
                secret::digest(&session),
                user.id,
                self.now(),
                self.sessions,
                deed,
            )
            .await?;
        Ok(SignedIn {
            csrf: secret::csrf(&session),
            session,
            user,
        })
    }

    /// Checks a name and a password under the rate limit; a failure is audited.
    async fn prove(
        &self,
        name: &str,
        password: Zeroizing<String>,
        address: IpAddr,
        failure: &'static str,
    ) -> Result<User, AuthError> {
        let tried = self
            .limit
            .take(name, address, self.clock.moment())
            .map_err(AuthError::TooMany)?;
        let known = if password.len() > password::LONGEST || name.len() > LONGEST_NAME {
            None
        } else {
            self.store.user_with_password(name.to_owned()).await?
        };
        let (user, stored) = known.map_or((None, None), |(u, s)| (Some(u), Some(s)));
        let right = self.passwords.verify(password, stored).await?;
        match user {
            Some(user) if right && !user.service => {
                self.limit.give_back(&tried);
                Ok(user)
            }
            _ => {
                let shown: String = name.chars().take(LONGEST_NAME).collect();
                let deed =
                    Deed::new(Actor::Unknown, failure, shown).with(json!({"address": address}));
                self.store.note(deed).await?;
                Err(AuthError::WrongPassword)
            }
        }
    }

    /// Ends the caller's session.
    pub async fn sign_out(&self, caller: &Caller) -> Result<(), AuthError> {
        let Via::Session { digest, .. } = &caller.via else {
            return Err(AuthError::SessionOnly);
        };
        let deed = Deed::new(caller.actor(), "logout", &caller.user.name);
        self.store.end_session(*digest, deed).await?;
        Ok(())
    }

    /// Changes the caller's own password. All their other sessions end, and their API tokens but for those named.
    pub async fn change_password(
        &self,
        caller: &Caller,
        current: Zeroizing<String>,
        new: Zeroizing<String>,
        keep_tokens: Vec<ApiTokenId>,
        address: IpAddr,
    ) -> Result<(), AuthError> {
        let Via::Session { digest, .. } = &caller.via else {
            return Err(AuthError::SessionOnly);
        };
        check_password(&new)?;
        if new == current {
            return Err(AuthError::Invalid(
                "the new password is the old one; choose another".into(),
            ));
        }
        let user = self
            .prove(&caller.user.name, current, address, "password.failed")
            .await?;
        let hash = self.passwords.hash(new).await?;
        let deed = Deed::new(caller.actor(), "password.change", &user.name);
        let new = NewPassword {
            user: user.id,
            password: hash,
            keep_session: Some(*digest),
            keep_tokens,
        };
        self.store.set_password(new, deed).await?;
        if user.one_time && self.store.unclaimed().await?.is_empty() {
            self.forget_password_file();
        }
        Ok(())
    }
}
