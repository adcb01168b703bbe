//! Signing in and out, and changing one's own password.

use super::people::check_password;
use super::{
    Auth, AuthError, Caller, DEVICE_LIFE, LONGEST_NAME, Origin, SignedIn, Via, password, secret,
};
use crate::audit::Refused;
use crate::model::account::{Digest, User};
use crate::model::actor::Actor;
use crate::model::audit::Deed;
use crate::model::ids::ApiTokenId;
use crate::store::accounts::NewPassword;
use crate::store::sessions::NewSession;
use serde_json::json;
use std::net::IpAddr;
use zeroize::Zeroizing;

impl Auth {
    /// Signs somebody in.
    pub async fn sign_in(
        &self,
        name: &str,
        password: Zeroizing<String>,
        origin: Origin,
    ) -> Result<SignedIn, AuthError> {
        let address = origin.address;
        let known = match &origin.device {
            Some(text) => self.known_device(name, text).await?,
            None => None,
        };
        let user = self
            .prove(name, password, address, known, "login.failed")
            .await?;
        let session = secret::random()?;
        let new = match known {
            Some(_) => None,
            None => Some(secret::random()?),
        };
        let device = known.or_else(|| new.as_ref().map(|text| secret::digest(text)));
        let who = Actor::User {
            user: user.id,
            name: user.name.clone(),
        };
        let deed = Deed::new(who, "login", &user.name)
            .with(json!({"address": address, "known_device": known.is_some()}));
        let begin = NewSession {
            digest: secret::digest(&session),
            user: user.id,
            device,
            address: Some(address.to_string()),
            client: origin.client,
            now: self.now(),
            limits: self.sessions,
        };
        self.store.begin_session(begin, deed).await?;
        Ok(SignedIn {
            csrf: secret::csrf(&session),
            device: new,
            session,
            user,
        })
    }

    /// The digest of a device's secret, if somebody of this name signed in with it not too long ago.
    pub(super) async fn known_device(
        &self,
        name: &str,
        text: &str,
    ) -> Result<Option<Digest>, AuthError> {
        let digest = secret::digest(text);
        let life = i64::try_from(DEVICE_LIFE.as_secs()).unwrap_or(i64::MAX);
        let known = self.store.device(digest).await?.is_some_and(|device| {
            device.user_name.eq_ignore_ascii_case(name)
                && self.now().saturating_sub(device.seen_at) < life
        });
        Ok(known.then_some(digest))
    }

    /// Checks a name and a password under the rate limit; a failure is audited.
    async fn prove(
        &self,
        name: &str,
        password: Zeroizing<String>,
        address: IpAddr,
        device: Option<Digest>,
        failure: &'static str,
    ) -> Result<User, AuthError> {
        let shown: String = name.chars().take(LONGEST_NAME).collect();
        let refused = |action, detail| {
            self.tally.refused(Refused {
                action,
                who: Actor::Unknown,
                address,
                object: shown.clone(),
                detail,
            });
        };
        let tried = self
            .limit
            .take(name, address, device, self.clock.moment())
            .map_err(|wait| {
                refused("login.limited", json!({"wait_seconds": wait.as_secs() + 1}));
                AuthError::TooMany(wait)
            })?;
        let known = if password.len() > password::LONGEST || name.len() > LONGEST_NAME {
            None
        } else {
            self.store.user_with_password(name.to_owned()).await?
        };
        let (user, stored) = known.map_or((None, None), |(u, s)| (Some(u), Some(s)));
        let right = self.passwords.verify(password, stored).await?;
        match user {
            Some(user) if right && user.disabled_at.is_some() => {
                refused(
                    failure,
                    json!({"known_device": device.is_some(), "disabled": true}),
                );
                Err(AuthError::Disabled)
            }
            Some(user) if right && !user.service => {
                self.limit.give_back(&tried);
                Ok(user)
            }
            _ => {
                refused(failure, json!({"known_device": device.is_some()}));
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
        // Who has a session is not slowed by strangers who guess: the session has tries of its own.
        let own = Some(*digest);
        let user = self
            .prove(&caller.user.name, current, address, own, "password.failed")
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
