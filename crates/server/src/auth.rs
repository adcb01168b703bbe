//! Who is asking, and may they: passwords, sessions, API tokens, roles.
//!
//! A person signs in with a name and a password and gets a session in a cookie; a program shows an API token. Both
//! become a [`Caller`], which every operation of the API checks against the [`Permission`] it declares. What roles and user groups come to
//! is [`crate::access`]'s.
//! What happens here is audited in the same transaction that stores it.
//!
//! - [`first`]: the first administrator; [`sign_in`]: signing in and out; [`sessions`]: who is signed in; [`people`]: users and API tokens;
//!   `rights`: giving roles and bounds.
//! - [`password`], [`secret`]: what is kept of what they show; [`limit`]: how often they may try.

pub mod first;
pub mod limit;
pub mod password;
mod people;
mod rights;
pub mod secret;
mod sessions;
mod sign_in;

pub use first::{FIRST_ADMINISTRATOR, FirstPassword};

use crate::access::{Access, Effective, Reader};
use crate::audit::Tally;
use crate::model::account::{Digest, SessionLimits, User};
use crate::model::actor::Actor;
use crate::model::clock::Clock;
use crate::model::ids::ApiTokenId;
use crate::model::role::{Role, Scope, Scopes};
use crate::store::{Store, StoreError};
use ::rights::{Permission, Verdict};
use limit::LoginLimit;
use password::{PasswordError, Passwords};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// The server's own account, for programs on its machine. It has API tokens and no password.
pub const LOCAL_ACCOUNT: &str = "local";
/// Longest life of an API token.
pub const LONGEST_TOKEN_LIFE: Duration = Duration::from_secs(366 * 24 * 3600);
/// A device that its owner did not sign in with for this long is known no more.
pub const DEVICE_LIFE: Duration = Duration::from_secs(180 * 24 * 3600);
/// A session or token notes its use at most this often, in seconds.
const TOUCH_EVERY: i64 = 60;
const LONGEST_NAME: usize = 64;

/// Why somebody was not let in, or may not do something.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// Name or password is wrong; which, is not said.
    #[error("the name or the password is wrong")]
    WrongPassword,
    /// The password is right, and its user is shut out.
    #[error("this account is disabled; an administrator can enable it (`cordon users enable`)")]
    Disabled,
    /// No, an unknown, or an ended credential.
    #[error("sign in first: the request shows no valid session and no valid API token")]
    Unauthenticated,
    /// Too many tries.
    #[error("too many tries; wait {} seconds", .0.as_secs() + 1)]
    TooMany(Duration),
    /// The caller lacks a permission.
    #[error("this needs the permission `{permission}`{}, which {}", over(content_set.as_deref()), lacks.words())]
    Forbidden {
        /// Which.
        permission: Permission,
        /// Over which content set.
        content_set: Option<String>,
        /// Why they lack it.
        lacks: Lacks,
    },
    /// The token they go by does not reach so far.
    #[error("this needs the scope `{}`, which the token was not given (`cordon login` makes one; `--admin` adds administration)", .0.as_str())]
    OutOfScope(Scope),
    /// The caller would give more than they have.
    #[error("{0}")]
    BeyondOwn(String),
    /// The operation is for people who signed in, not for tokens.
    #[error("an API token cannot do this; sign in with a password")]
    SessionOnly,
    /// Somebody else set the caller's password: they have to change it before anything else.
    #[error(
        "this is a one-time password: change it first (POST /me/password, or sign in to the console); until then nothing else works"
    )]
    OneTimePassword,
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
    /// The file with the one-time password.
    #[error("cannot write the one-time password to {}", .path.display())]
    PasswordFile {
        /// Where.
        path: PathBuf,
        /// System's error.
        #[source]
        source: std::io::Error,
    },
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
    rights: Arc<Effective>,
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

/// Why a caller lacks a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacks {
    /// Nothing grants it.
    Grant,
    /// One of their roles denies it.
    Denied,
}

impl Lacks {
    fn words(self) -> &'static str {
        match self {
            Self::Grant => "no role of yours grants",
            Self::Denied => "a role of yours denies",
        }
    }
}

fn over(content_set: Option<&str>) -> String {
    content_set.map_or_else(String::new, |set| format!(" over the content set `{set}`"))
}

impl Caller {
    /// Refuses a caller who may not do this: over a content set, or without one for what is about Cordon as a whole.
    ///
    /// # Errors
    /// [`AuthError::OneTimePassword`], [`AuthError::OutOfScope`], [`AuthError::Forbidden`].
    pub fn need(&self, permission: Permission, content_set: Option<&str>) -> Result<(), AuthError> {
        if self.user.one_time {
            return Err(AuthError::OneTimePassword);
        }
        let lacks = match self.rights.judge(permission, content_set) {
            Verdict::Granted => return self.in_scope(Scope::of(permission)),
            Verdict::NotGranted => Lacks::Grant,
            Verdict::Denied => Lacks::Denied,
        };
        Err(AuthError::Forbidden {
            permission,
            content_set: content_set.map(str::to_owned),
            lacks,
        })
    }

    fn in_scope(&self, scope: Scope) -> Result<(), AuthError> {
        match &self.via {
            Via::Token { scopes, .. } if !scopes.has(scope) => Err(AuthError::OutOfScope(scope)),
            _ => Ok(()),
        }
    }

    /// Whether the caller may do this, about Cordon as a whole. With a one-time password they may do nothing but change it.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.need(permission, None).is_ok()
    }

    /// Whether the caller may read a sensor.
    #[must_use]
    pub fn reads_sensor(&self, sensor: &str) -> bool {
        self.rights.may_read_sensor(sensor)
    }

    /// Whether there is anything of a scope that the caller may do.
    #[must_use]
    pub fn has(&self, scope: Scope) -> bool {
        let mut all = Permission::ALL.iter().filter(|p| Scope::of(**p) == scope);
        !self.user.one_time
            && self.in_scope(scope).is_ok()
            && all.any(|permission| self.rights.may_somewhere(*permission))
    }

    /// Refuses a caller who has nothing of a scope.
    ///
    /// # Errors
    /// As [`Self::need`].
    pub fn need_scope(&self, scope: Scope) -> Result<(), AuthError> {
        if self.has(scope) {
            return Ok(());
        }
        self.in_scope(scope)?;
        self.need(
            match scope {
                Scope::Read => Permission::UseAsk,
                Scope::Ask => Permission::AskDynamicQuestions,
                Scope::Admin => Permission::ManageUsers,
            },
            None,
        )
    }

    /// Whether they hold the built-in role that nothing denies and nothing bounds.
    #[must_use]
    pub fn is_administrator(&self) -> bool {
        self.user.role == Role::Administrator
    }

    /// Who reads, and which endpoints are theirs to see.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(self.user.id, Arc::clone(&self.rights))
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

    /// The scopes of which the caller may do something.
    #[must_use]
    pub fn scopes(&self) -> Vec<Scope> {
        let all = Scope::ALL.into_iter();
        all.filter(|scope| self.has(*scope)).collect()
    }
}

/// What a request shows.
pub enum Credential {
    /// The session cookie's value.
    Session(Zeroizing<String>),
    /// A bearer token.
    Token(Zeroizing<String>),
}

/// From where somebody signs in.
pub struct Origin {
    /// Address of the client.
    pub address: IpAddr,
    /// The device's cookie, if it shows one.
    pub device: Option<Zeroizing<String>>,
    /// What the client calls itself.
    pub client: Option<String>,
}

/// A session that began.
pub struct SignedIn {
    /// For the cookie.
    pub session: Zeroizing<String>,
    /// For the device's cookie, when it was not known before.
    pub device: Option<Zeroizing<String>>,
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
    access: Arc<Access>,
    tally: Arc<Tally>,
    folder: PathBuf,
    passwords: Passwords,
    limit: LoginLimit,
    sessions: SessionLimits,
    clock: Clock,
}

impl Auth {
    /// Works on this store in this data folder: sessions end after 2 hours without use and after 12 in all.
    pub fn new(
        store: Arc<dyn Store>,
        access: Arc<Access>,
        tally: Arc<Tally>,
        folder: &Path,
        clock: Clock,
    ) -> Result<Self, AuthError> {
        let sessions = SessionLimits {
            idle: 2 * 3600,
            total: 12 * 3600,
        };
        Self::with_sessions(store, access, tally, folder, sessions, clock)
    }

    /// The same with other limits.
    pub fn with_sessions(
        store: Arc<dyn Store>,
        access: Arc<Access>,
        tally: Arc<Tally>,
        folder: &Path,
        sessions: SessionLimits,
        clock: Clock,
    ) -> Result<Self, AuthError> {
        Ok(Self {
            store,
            access,
            tally,
            folder: folder.to_owned(),
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
                    .filter(|s| s.user.disabled_at.is_none() && !self.sessions.is_over(s, now))
                    .ok_or(AuthError::Unauthenticated)?;
                if now - session.seen_at >= TOUCH_EVERY {
                    self.in_background(move |store| {
                        Box::pin(async move { store.touch_session(digest, now).await })
                    });
                }
                Ok(Caller {
                    rights: self.access.of(&session.user),
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
                    .filter(|t| t.user.disabled_at.is_none() && now < t.expires_at)
                    .ok_or(AuthError::Unauthenticated)?;
                let id = token.id;
                if token.used_at.is_none_or(|used| now - used >= TOUCH_EVERY) {
                    self.in_background(move |store| {
                        Box::pin(async move { store.touch_api_token(id, now).await })
                    });
                }
                Ok(Caller {
                    rights: self.access.of(&token.user),
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
}

#[cfg(test)]
mod tests;
