//! The first administrator, who must never be lost: made at the first start, given anew while nobody has taken the place, and
//! reset on the machine.
//!
//! The one-time password lies in a file beside the database ([`PASSWORD_FILE`]), which only the server's account reads; it never goes
//! to a log. The file is written before the store, so that after a crash between the two the password in it opens nothing and the
//! next start makes another. It goes when the password is changed.

use super::LOCAL_ACCOUNT;
use super::{Auth, AuthError, password::Passwords, secret};
use crate::files;
use crate::model::actor::Actor;
use crate::model::audit::Deed;
use crate::model::clock::Clock;
use crate::model::ids::UserId;
use crate::model::role::{Role, Scope};
use crate::store::accounts::{NewApiToken, NewUser};
use crate::store::sqlite::{FILE_NAME, SqliteStore};
use crate::store::{Accounts as _, StoreError};
use serde_json::json;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// Name of the administrator that the first start makes.
pub const FIRST_ADMINISTRATOR: &str = "admin";
/// File in the data folder with an administrator's one-time password.
pub const PASSWORD_FILE: &str = "one-time-password";

/// A one-time password of an administrator that waits to be changed.
#[derive(Clone)]
pub struct FirstPassword {
    /// User name.
    pub name: String,
    /// For a person at a terminal only.
    pub password: Zeroizing<String>,
    /// Where it lies.
    pub file: PathBuf,
}

impl std::fmt::Debug for FirstPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FirstPassword")
            .field("name", &self.name)
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

fn write(file: &Path, password: &str) -> Result<(), AuthError> {
    files::write_private(file, format!("{password}\n").as_bytes()).map_err(|source| {
        AuthError::PasswordFile {
            path: file.to_owned(),
            source,
        }
    })
}

/// The password in the file. Whatever keeps it from being read, a new one is the way out.
fn read(file: &Path) -> Option<Zeroizing<String>> {
    match std::fs::read_to_string(file) {
        Ok(text) => {
            let text = Zeroizing::new(text);
            Some(Zeroizing::new(text.trim_end().to_owned()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            tracing::warn!(%error, file = %file.display(), "the one-time password cannot be read; another is made");
            None
        }
    }
}

impl Auth {
    fn password_file(&self) -> PathBuf {
        self.folder.join(PASSWORD_FILE)
    }

    /// On a store without people, makes the first administrator. As long as nobody took the place, by changing the one-time
    /// password, gives that password at every start: the one in the file, or another when that is gone.
    pub async fn first_start(&self) -> Result<Option<FirstPassword>, AuthError> {
        let file = self.password_file();
        if self.store.users().await?.iter().all(|user| user.service) {
            let password = secret::password()?;
            write(&file, &password)?;
            let user = self.administrator(FIRST_ADMINISTRATOR, &password).await?;
            let deed = Deed::new(Actor::Server, "user.create", FIRST_ADMINISTRATOR)
                .with(json!({"role": Role::Administrator}));
            if self.store.create_first_user(user, deed).await? {
                return Ok(Some(FirstPassword {
                    name: FIRST_ADMINISTRATOR.into(),
                    password,
                    file,
                }));
            }
        }
        let unclaimed = self.store.unclaimed().await?;
        let Some((first, _)) = unclaimed.first() else {
            self.forget_password_file();
            return Ok(None);
        };
        if let Some(password) = read(&file) {
            for (user, stored) in &unclaimed {
                let stored = Some(stored.clone());
                if self.passwords.verify(password.clone(), stored).await? {
                    let name = user.name.clone();
                    return Ok(Some(FirstPassword {
                        name,
                        password,
                        file,
                    }));
                }
            }
        }
        let name = first.name.clone();
        let password = secret::password()?;
        write(&file, &password)?;
        let user = self.administrator(&name, &password).await?;
        let deed = Deed::new(Actor::Server, "password.reset", &name)
            .with(json!({"reason": "the one-time password was never changed and is lost"}));
        self.store.reset_user(user, deed).await?;
        Ok(Some(FirstPassword {
            name,
            password,
            file,
        }))
    }

    async fn administrator(
        &self,
        name: &str,
        password: &Zeroizing<String>,
    ) -> Result<NewUser, AuthError> {
        new_administrator(&self.passwords, name, password, self.now()).await
    }

    /// Removes the file with a password that is good for nothing any more.
    pub(super) fn forget_password_file(&self) {
        let file = self.password_file();
        if let Err(error) = files::remove(&file) {
            tracing::warn!(%error, file = %file.display(), "the file with the old one-time password cannot be removed; the password in it is not valid any more");
        }
    }

    /// An API token for a program on this very machine, of an account without a password. It takes the place of the one made before.
    pub async fn local_token(&self, life: Duration) -> Result<Zeroizing<String>, AuthError> {
        let nobodys = secret::random()?;
        let now = self.now();
        let user = NewUser {
            one_time: false,
            service: true,
            by_server: false,
            ..self.administrator(LOCAL_ACCOUNT, &nobodys).await?
        };
        let text = secret::token()?;
        let token = NewApiToken {
            digest: secret::digest(&text),
            name: "this machine".into(),
            user: UserId(0),
            scopes: Scope::ALL.into_iter().collect(),
            created_at: now,
            expires_at: now.saturating_add(i64::try_from(life.as_secs()).unwrap_or(i64::MAX)),
        };
        let deed = Deed::new(Actor::Server, "api-token.create", &token.name).with(json!({
            "user": LOCAL_ACCOUNT, "scopes": token.scopes.to_string(),
            "expires": jiff::Timestamp::from_second(token.expires_at).ok(),
        }));
        self.store.service_token(user, token, deed).await?;
        Ok(text)
    }
}

async fn new_administrator(
    passwords: &Passwords,
    name: &str,
    password: &Zeroizing<String>,
    now: i64,
) -> Result<NewUser, AuthError> {
    Ok(NewUser {
        name: name.to_owned(),
        role: Role::Administrator,
        password: passwords.hash(password.clone()).await?,
        one_time: true,
        service: false,
        by_server: true,
        created_at: now,
    })
}

/// Gives an administrator a one-time password, on the machine itself and while the server is stopped: who may write the data
/// folder is its master anyway. Adds the person if there is none of this name; ends their sessions and API tokens. Audited.
///
/// # Errors
/// [`AuthError`]; a folder without a database, or one in use, is the store's to say.
pub async fn reset_administrator(
    folder: &Path,
    name: &str,
    clock: Clock,
) -> Result<FirstPassword, AuthError> {
    super::people::check_name(name)?;
    let database = folder.join(FILE_NAME);
    if !database.is_file() {
        return Err(StoreError::Missing(format!("a database at {}", database.display())).into());
    }
    let now = clock.seconds();
    let store = SqliteStore::open(folder, clock)?;
    let file = folder.join(PASSWORD_FILE);
    let password = secret::password()?;
    write(&file, &password)?;
    let passwords = Passwords::new()?;
    let user = new_administrator(&passwords, name, &password, now).await?;
    let deed = Deed::new(Actor::Server, "password.reset", name)
        .with(json!({"reason": "reset on the machine", "account": account()}));
    store.reset_user(user, deed).await?;
    Ok(FirstPassword {
        name: name.to_owned(),
        password,
        file,
    })
}

/// Who runs this program, for the audit log.
fn account() -> serde_json::Value {
    #[cfg(unix)]
    return json!(rustix::process::getuid().as_raw());
    #[cfg(not(unix))]
    json!(std::env::var("USERNAME").ok())
}
