//! A client of the public HTTP API, as the commands need it. It trusts exactly the server's own authority, from the profile.

use crate::http::{Http, Reply, address};
use anyhow::{Context, Result, anyhow, bail};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where a server is and how to sign in: kept in a file that only its owner reads.
#[derive(Serialize, Deserialize)]
pub struct Profile {
    /// `https://host:port`.
    pub url: String,
    /// Authority certificate, PEM.
    pub authority: String,
    /// API token.
    pub token: String,
}

impl Profile {
    /// Reads the named profile, or the first that exists of `.cordon/profile.json` here and the user's own.
    pub fn load(named: Option<&Path>) -> Result<Self> {
        let path = match named {
            Some(path) => path.to_owned(),
            None => [Some(PathBuf::from(".cordon/profile.json")), user_profile()]
                .into_iter()
                .flatten()
                .find(|p| p.exists())
                .ok_or_else(|| anyhow!("no profile found: sign in with `cordon login URL --authority FILE`, start everything here with `cordon up`, or ask this machine alone with `cordon ask --local`"))?,
        };
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read the profile {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| {
            format!(
                "{} is no profile; write it anew with `cordon login`",
                path.display()
            )
        })
    }

    /// Writes the profile so that only its owner reads it.
    pub fn save(&self, path: &Path) -> Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let staged = path.with_extension("new");
        // A leftover of an interrupted write would keep its own mode: it must go first.
        match std::fs::remove_file(&staged) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => {
                return Err(e).with_context(|| format!("cannot replace {}", staged.display()));
            }
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options
            .open(&staged)
            .with_context(|| format!("cannot write {}", staged.display()))?;
        std::io::Write::write_all(&mut file, serde_json::to_string_pretty(self)?.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&staged, path).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Path of the user's own profile.
pub fn user_profile() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".config")))
        .or_else(|| std::env::var_os("APPDATA").map(PathBuf::from))?;
    Some(base.join("cordon").join("profile.json"))
}

/// One row as the API gives it.
#[derive(Deserialize, Debug, Clone)]
pub struct ApiRow {
    /// Number of the row in its table.
    pub row: u32,
    /// Cells as text.
    pub cells: Vec<String>,
    /// Endpoints that gave it.
    pub count: u64,
}

/// A page of rows.
#[derive(Deserialize, Debug)]
pub struct ApiPage {
    /// Rows of this page.
    pub rows: Vec<ApiRow>,
    /// Rows in all.
    pub total_rows: u64,
}

/// Endpoints by state.
pub type Coverage = BTreeMap<String, u64>;

/// A question as the API gives it.
#[derive(Deserialize, Debug)]
pub struct ApiQuestion {
    /// Its id.
    pub id: Value,
    /// Canonical text.
    pub text: String,
    /// Its tables.
    pub plan: question::Plan,
    /// Endpoints by state.
    pub coverage: Coverage,
}

impl ApiQuestion {
    /// The id as it stands in a path.
    pub fn id(&self) -> String {
        match &self.id {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

/// What changed in an answer.
#[derive(Deserialize, Debug)]
pub struct ApiChanges {
    /// Rows that are new or whose count changed, by table.
    pub tables: Vec<ApiTableChanges>,
    /// Endpoints by state.
    pub coverage: Coverage,
    /// True when no more will come.
    pub done: bool,
}

/// Changed rows of one table.
#[derive(Deserialize, Debug)]
pub struct ApiTableChanges {
    /// Index of the table.
    pub table: u32,
    /// The rows.
    pub rows: Vec<ApiRow>,
}

/// An error that the API reported.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// Short code.
    pub code: String,
    /// For people.
    pub message: String,
    /// More, such as the place in a question.
    pub details: Value,
}

const CSRF: HeaderName = HeaderName::from_static("x-csrf-token");

/// A header that no debug output shows.
fn secret(text: String) -> Result<HeaderValue> {
    // The text itself stays out of the message.
    let mut value = HeaderValue::try_from(text)
        .map_err(|_| anyhow!("the token in the profile holds characters that no token has; sign in anew with `cordon login`"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A signed-in client.
pub struct Client {
    http: Http,
    url: String,
    token: Option<String>,
    csrf: Option<String>,
}

impl Client {
    /// A client of this server, without credentials yet.
    pub fn new(url: &str, authority_pem: &str) -> Result<Self> {
        let http = Http::new(authority_pem).context("cannot set up the HTTPS client")?;
        Ok(Self {
            http,
            url: address(url)?,
            token: None,
            csrf: None,
        })
    }

    /// A client with a profile's token.
    pub fn of(profile: &Profile) -> Result<Self> {
        let mut client = Self::new(&profile.url, &profile.authority)?;
        client.token = Some(profile.token.clone());
        Ok(client)
    }

    /// Loads the profile and makes its client.
    pub(crate) fn connect(connection: &crate::args::Connection) -> Result<Self> {
        Self::of(&Profile::load(connection.profile.as_deref())?)
    }

    /// Signs in by name and password; the session lasts as long as this client. Tells whether the password is a one-time one:
    /// nothing but [`Self::change_password`] works then.
    pub async fn sign_in(&mut self, name: &str, password: &str) -> Result<bool> {
        let reply: Value = self
            .send(
                Method::POST,
                "/login",
                Some(serde_json::json!({"name": name, "password": password})),
            )
            .await?;
        self.csrf = reply.get("csrf").and_then(Value::as_str).map(str::to_owned);
        Ok(reply.get("one_time_password").and_then(Value::as_bool) == Some(true))
    }

    /// Changes the password of whoever signed in.
    pub async fn change_password(&self, current: &str, new: &str) -> Result<()> {
        let change = serde_json::json!({"current": current, "new": new});
        self.response(Method::POST, "/me/password", Some(change))
            .await?;
        Ok(())
    }

    /// GET.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.send(Method::GET, path, None).await
    }

    /// POST.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: Value) -> Result<T> {
        self.send(Method::POST, path, Some(body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Result<()> {
        self.response(Method::DELETE, path, None).await?;
        Ok(())
    }

    /// GET without reading the body, for streams.
    pub async fn stream(&self, path: &str) -> Result<Reply> {
        self.response(Method::GET, path, None).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<T> {
        let response = self.response(method, path, body).await?;
        let bytes = response
            .bytes()
            .await
            .context("the server's reply broke off")?;
        let text = if bytes.is_empty() {
            &b"null"[..]
        } else {
            &bytes[..]
        };
        serde_json::from_slice(text)
            .with_context(|| format!("the server's reply to {path} has an unexpected form"))
    }

    async fn response(&self, method: Method, path: &str, body: Option<Value>) -> Result<Reply> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/api/v1{path}", self.url));
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, secret(format!("Bearer {token}"))?);
        }
        if let Some(csrf) = &self.csrf {
            request = request.header(CSRF, secret(csrf.clone())?);
        }
        let body = match body {
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                serde_json::to_vec(&body).context("cannot write the request")?
            }
            None => Vec::new(),
        };
        let request = request
            .body(body.into())
            .with_context(|| format!("{path} cannot stand in an address"))?;
        let response = self
            .http
            .send(request)
            .await
            .with_context(|| format!("cannot reach the server at {}", self.url))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.bytes().await.unwrap_or_default();
        let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let part = |name: &str| {
            body.pointer(&format!("/error/{name}"))
                .cloned()
                .unwrap_or(Value::Null)
        };
        if status == StatusCode::UNAUTHORIZED && path != "/login" {
            bail!(
                "the server does not accept this sign-in (it may have expired): sign in anew with `cordon login`"
            );
        }
        let message = part("message")
            .as_str()
            .map_or_else(|| format!("the server answered {status}"), str::to_owned);
        Err(ApiError {
            status: status.as_u16(),
            code: part("code").as_str().unwrap_or_default().to_owned(),
            message,
            details: part("details"),
        }
        .into())
    }
}

/// Encodes a text for use inside a path or query.
pub fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
