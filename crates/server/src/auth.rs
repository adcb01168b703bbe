//! Who is asking, and may they: passwords, sessions, API tokens, roles.
//!
//! A person signs in with a name and a password and gets a session in a cookie; a program shows an API token. Both
//! become a [`Caller`], which every operation of the API checks against the [`Permission`] it declares.
//! What happens here is audited in the same transaction that stores it.

pub mod limit;
pub mod password;
pub mod secret;

use crate::model::account::{Digest, SessionLimits, User};
use crate::model::actor::Actor;
use crate::model::audit::Deed;
use crate::model::clock::Clock;
use crate::model::ids::{ApiTokenId, UserId};
use crate::model::role::{Permission, Role, Scopes};
use crate::store::accounts::{NewApiToken, NewUser};
use crate::store::{Store, StoreError};
use limit::LoginLimit;
use password::{PasswordError, Passwords};
use serde_json::json;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// Name of the administrator that the first start makes.
pub const FIRST_ADMINISTRATOR: &str = "admin";
/// Longest life of an API token.
pub const LONGEST_TOKEN_LIFE: Duration = Duration::from_secs(366 * 24 * 3600);
/// A session or token notes its use at most this often, in seconds.
const TOUCH_EVERY: i64 = 60;
const LONGEST_NAME: usize = 64;

/// Why somebody was not let in, or may not do something.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// Name or password is wrong; which, is not said.
    #[error("the name or the password is wrong")]
    WrongPassword,
    /// No, an unknown, or an ended credential.
    #[error("sign in first: the request shows no valid session and no valid API token")]
    Unauthenticated,
    /// Too many tries.
    #[error("too many tries; wait {} seconds", .0.as_secs() + 1)]
    TooMany(Duration),
    /// The caller lacks a permission.
    #[error("this needs the permission `{}`", .0.as_str())]
    Forbidden(Permission),
    /// The operation is for people who signed in, not for tokens.
    #[error("an API token cannot do this; sign in with a password")]
    SessionOnly,
    /// The request does not show the session's token against cross-site requests.
    #[error("the header x-csrf-token is missing or wrong")]
    Csrf,
    /// A value breaks a rule.
    #[error("{0}")]
    Invalid(String),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// A password could not be worked with.
    #[error("the password could not be checked")]
    Password(#[from] PasswordError),
    /// No secret could be made.
    #[error("no secret could be made")]
    Secret(#[from] secret::NoRandomness),
}

/// Somebody who was let in.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The user, or the owner of the token.
    pub user: User,
    via: Via,
}

#[derive(Clone, Debug)]
enum Via {
    Session {
        digest: Digest,
        csrf: String,
    },
    Token {
        id: ApiTokenId,
        scopes: Scopes,
        expires_at: i64,
    },
}

impl Caller {
    /// Whether the caller may do this.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        let scoped = match &self.via {
            Via::Session { .. } => true,
            Via::Token { scopes, .. } => scopes.has(permission),
        };
        scoped && self.user.role.permits(permission)
    }

    /// Who acts.
    #[must_use]
    pub fn actor(&self) -> Actor {
        let (user, name) = (self.user.id, self.user.name.clone());
        match &self.via {
            Via::Session { .. } => Actor::User { user, name },
            Via::Token { id, .. } => Actor::Token {
                user,
                name,
                token: *id,
            },
        }
    }

    /// The token that unsafe requests of this session must show; `None` for API tokens, which browsers do not send
    /// by themselves.
    #[must_use]
    pub fn csrf(&self) -> Option<&str> {
        match &self.via {
            Via::Session { csrf, .. } => Some(csrf),
            Via::Token { .. } => None,
        }
    }

    /// What the caller may do.
    #[must_use]
    pub fn permissions(&self) -> Vec<Permission> {
        [Permission::Read, Permission::Ask, Permission::Admin]
            .into_iter()
            .filter(|p| self.may(*p))
            .collect()
    }
}

/// What a request shows.
pub enum Credential {
    /// The session cookie's value.
    Session(Zeroizing<String>),
    /// A bearer token.
    Token(Zeroizing<String>),
}

/// A session that began.
pub struct SignedIn {
    /// For the cookie.
    pub session: Zeroizing<String>,
    /// For the caller's script.
    pub csrf: String,
    /// Who.
    pub user: User,
}

/// An API token that was made.
pub struct MadeToken {
    /// Number.
    pub id: ApiTokenId,
    /// Its text, known here and to its owner only.
    pub text: Zeroizing<String>,
    /// What it may do.
    pub scopes: Scopes,
    /// When it ends.
    pub expires_at: i64,
}

/// Decides who is let in.
pub struct Auth {
    store: Arc<dyn Store>,
    passwords: Passwords,
    limit: LoginLimit,
    sessions: SessionLimits,
    clock: Clock,
}

impl Auth {
    /// Works on this store: sessions end after 2 hours without use and after 12 in all.
    pub fn new(store: Arc<dyn Store>, clock: Clock) -> Result<Self, AuthError> {
        let sessions = SessionLimits {
            idle: 2 * 3600,
            total: 12 * 3600,
        };
        Self::with_sessions(store, sessions, clock)
    }

    /// The same with other limits.
    pub fn with_sessions(
        store: Arc<dyn Store>,
        sessions: SessionLimits,
        clock: Clock,
    ) -> Result<Self, AuthError> {
        Ok(Self {
            store,
            passwords: Passwords::new()?,
            limit: LoginLimit::default(),
            sessions,
            clock,
        })
    }

    /// How long a session lasts at most, for the cookie.
    #[must_use]
    pub fn session_seconds(&self) -> i64 {
        self.sessions.total
    }

    fn now(&self) -> i64 {
        self.clock.seconds()
    }

    /// On a store without users, makes the first administrator and gives the password to print once.
    pub async fn first_start(&self) -> Result<Option<Zeroizing<String>>, AuthError> {
        if !self.store.users().await?.is_empty() {
            return Ok(None);
        }
        let password = secret::password()?;
        let user = NewUser {
            name: FIRST_ADMINISTRATOR.into(),
            role: Role::Administrator,
            password: self.passwords.hash(password.clone()).await?,
            one_time: true,
            created_at: self.now(),
        };
        let deed = Deed::new(Actor::Server, "user.create", FIRST_ADMINISTRATOR)
            .with(json!({"role": Role::Administrator}));
        let made = self.store.create_first_user(user, deed).await?;
        Ok(made.then_some(password))
    }

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
            Some(user) if right => {
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

    /// Who this is.
    pub async fn check(&self, credential: &Credential) -> Result<Caller, AuthError> {
        let now = self.now();
        match credential {
            Credential::Session(text) => {
                let digest = secret::digest(text);
                let session = self
                    .store
                    .session(digest)
                    .await?
                    .filter(|s| !self.sessions.is_over(s, now))
                    .ok_or(AuthError::Unauthenticated)?;
                if now - session.seen_at >= TOUCH_EVERY {
                    self.in_background(move |store| {
                        Box::pin(async move { store.touch_session(digest, now).await })
                    });
                }
                Ok(Caller {
                    user: session.user,
                    via: Via::Session {
                        digest,
                        csrf: secret::csrf(text),
                    },
                })
            }
            Credential::Token(text) => {
                let token = self
                    .store
                    .api_token(secret::digest(text))
                    .await?
                    .filter(|t| now < t.expires_at)
                    .ok_or(AuthError::Unauthenticated)?;
                let id = token.id;
                if token.used_at.is_none_or(|used| now - used >= TOUCH_EVERY) {
                    self.in_background(move |store| {
                        Box::pin(async move { store.touch_api_token(id, now).await })
                    });
                }
                Ok(Caller {
                    user: token.user,
                    via: Via::Token {
                        id,
                        scopes: token.scopes,
                        expires_at: token.expires_at,
                    },
                })
            }
        }
    }

    /// Stores something no caller waits for.
    fn in_background(&self, work: impl FnOnce(Arc<dyn Store>) -> crate::store::Reply<'static, ()>) {
        let work = work(Arc::clone(&self.store));
        tokio::spawn(async move {
            if let Err(error) = work.await {
                tracing::warn!(%error, "the last use of a session or token was not noted");
            }
        });
    }

    /// Changes the caller's own password; all their other sessions end.
    pub async fn change_password(
        &self,
        caller: &Caller,
        current: Zeroizing<String>,
        new: Zeroizing<String>,
        address: IpAddr,
    ) -> Result<(), AuthError> {
        let Via::Session { digest, .. } = &caller.via else {
            return Err(AuthError::SessionOnly);
        };
        check_password(&new)?;
        let user = self
            .prove(&caller.user.name, current, address, "password.failed")
            .await?;
        let hash = self.passwords.hash(new).await?;
        let deed = Deed::new(caller.actor(), "password.change", &user.name);
        self.store
            .set_password(user.id, hash, Some(*digest), deed)
            .await?;
        Ok(())
    }

    /// Adds a user. Without a password, makes one to be told to them and gives it.
    pub async fn create_user(
        &self,
        caller: &Caller,
        name: String,
        role: Role,
        password: Option<Zeroizing<String>>,
    ) -> Result<(UserId, Option<Zeroizing<String>>), AuthError> {
        check_name(&name)?;
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
            created_at: self.now(),
            name: name.clone(),
            role,
        };
        let deed = Deed::new(caller.actor(), "user.create", name).with(json!({"role": role}));
        Ok((self.store.create_user(user, deed).await?, told))
    }

    /// Removes a user.
    pub async fn delete_user(&self, caller: &Caller, name: String) -> Result<(), AuthError> {
        let deed = Deed::new(caller.actor(), "user.delete", &name);
        Ok(self.store.delete_user(name, deed).await?)
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
        check_name(&name.replace(' ', "-"))?;
        let first = scopes
            .iter()
            .next()
            .ok_or_else(|| AuthError::Invalid("a token needs at least one scope".into()))?;
        let scopes: Scopes = scopes.iter().filter(|p| caller.may(*p)).collect();
        if scopes.is_empty() {
            return Err(AuthError::Forbidden(first));
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
        let of = (!caller.may(Permission::Admin)).then_some(caller.user.id);
        let deed = Deed::new(caller.actor(), "api-token.delete", id.to_string());
        Ok(self.store.delete_api_token(id, of, deed).await?)
    }
}

fn check_name(name: &str) -> Result<(), AuthError> {
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

fn check_password(password: &str) -> Result<(), AuthError> {
    if password.chars().count() < password::SHORTEST || password.len() > password::LONGEST {
        return Err(AuthError::Invalid(format!(
            "a password has at least {} characters and at most {} bytes",
            password::SHORTEST,
            password::LONGEST
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
