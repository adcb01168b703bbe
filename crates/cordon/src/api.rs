//! A client of the public HTTP API, as the commands need it. It trusts exactly the server's own authority, from the profile.
//!
//! Requests and replies are the types of the crate `api`. When the server's authorities change, replies say so; the client then takes
//! the new ones over into its profile ([`crate::pins`]), while the connection stands under one that the profile held before.

use crate::http::{Http, HttpError, Reply, address};
use crate::output::counted;
use crate::pins::Pins;
pub use crate::profile::{Profile, user_profile};
use ::api::account::{LoggedIn, Login, PasswordChange};
use ::api::answer::RowInfo;
use ::api::error::{ErrorBody, ErrorCode, PackFault, Place};
use ::api::ids::ApiTokenId;
use ::api::{CSRF_HEADER, EndpointState, Secret, TRUST_HEADER};
use anyhow::{Context, Result, anyhow, bail};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

/// A question as the API gives it.
pub type ApiQuestion = ::api::question::Asked;
/// One row as the API gives it.
pub type ApiRow = RowInfo;
/// A page of rows.
pub type ApiPage = ::api::answer::RowsPage;
/// Endpoints by state.
pub type Coverage = BTreeMap<EndpointState, u64>;

/// The type of a body that is a file.
const FILE: &str = "application/octet-stream";

/// An error that the API reported.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// For programs; none when the reply was not the API's, or of a newer one.
    pub code: Option<ErrorCode>,
    /// For people.
    pub message: String,
    /// The place in a question.
    pub details: Option<Place>,
    /// What is wrong with a pack or an object.
    pub faults: Vec<PackFault>,
}

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
    pins: Option<Pins>,
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
            pins: None,
        })
    }

    /// A client with a profile's token.
    pub fn of(profile: &Profile) -> Result<Self> {
        let mut client = Self::new(&profile.url, &profile.authority)?;
        client.token = Some(profile.token.clone());
        Ok(client)
    }

    /// Loads the profile and makes its client, which keeps the profile's authorities current.
    pub(crate) fn connect(connection: &crate::args::Connection) -> Result<Self> {
        let (profile, path) = Profile::find(connection.profile.as_deref())?;
        let mut client = Self::of(&profile)?;
        client.pins = Some(Pins::new(profile, path));
        Ok(client)
    }

    /// Signs in by name and password; the session lasts as long as this client. Tells whether the password is a one-time one:
    /// nothing but [`Self::change_password`] works then.
    pub async fn sign_in(&mut self, name: &str, password: &str) -> Result<bool> {
        let login = Login {
            name: name.to_owned(),
            password: Secret::from(password.to_owned()),
        };
        let reply: LoggedIn = self.post("/login", login).await?;
        self.csrf = Some(reply.csrf);
        Ok(reply.one_time_password)
    }

    /// Ends the session.
    pub async fn sign_out(&self) -> Result<()> {
        self.response(Method::POST, "/logout", None, &[]).await?;
        Ok(())
    }

    /// Changes the password of whoever signed in. Their API tokens end but for those named.
    pub async fn change_password(
        &self,
        current: &str,
        new: &str,
        keep_tokens: Vec<ApiTokenId>,
    ) -> Result<()> {
        let change = PasswordChange {
            current: Secret::from(current.to_owned()),
            new: Secret::from(new.to_owned()),
            keep_tokens,
        };
        self.response(Method::POST, "/me/password", body(&change)?, &[])
            .await?;
        Ok(())
    }

    /// GET.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        read(path, self.stream(path, &[]).await?).await
    }

    /// GET with a query.
    pub async fn query<T: DeserializeOwned>(&self, path: &str, query: impl Serialize) -> Result<T> {
        self.get(&with_query(path, query)?).await
    }

    /// POST.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, what: impl Serialize) -> Result<T> {
        let body = body(&what)?;
        read(path, self.response(Method::POST, path, body, &[]).await?).await
    }

    /// POST with a reply that has no body.
    pub async fn post_for_nothing(&self, path: &str, what: impl Serialize) -> Result<()> {
        let body = body(&what)?;
        self.response(Method::POST, path, body, &[]).await?;
        Ok(())
    }

    /// PUT.
    pub async fn put<T: DeserializeOwned>(&self, path: &str, what: impl Serialize) -> Result<T> {
        let body = body(&what)?;
        read(path, self.response(Method::PUT, path, body, &[]).await?).await
    }

    /// PUT that is not answered with anything.
    pub async fn put_only(&self, path: &str, what: impl Serialize) -> Result<()> {
        let body = body(&what)?;
        self.response(Method::PUT, path, body, &[]).await?;
        Ok(())
    }

    /// Sends a file.
    pub async fn send_file<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        bytes: Vec<u8>,
    ) -> Result<T> {
        let headers = [("content-type", FILE)];
        read(
            path,
            self.response(method, path, Some(bytes), &headers).await?,
        )
        .await
    }

    /// GET of a file.
    pub async fn file(&self, path: &str) -> Result<bytes::Bytes> {
        let reply = self.stream(path, &[]).await?;
        reply.bytes().await.context("the server's reply broke off")
    }

    /// DELETE with a reply.
    pub async fn delete_for<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        read(path, self.response(Method::DELETE, path, None, &[]).await?).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Result<()> {
        self.response(Method::DELETE, path, None, &[]).await?;
        Ok(())
    }

    /// GET without reading the body, for streams.
    pub async fn stream(&self, path: &str, headers: &[(&'static str, &str)]) -> Result<Reply> {
        self.response(Method::GET, path, None, headers).await
    }

    async fn response(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        headers: &[(&'static str, &str)],
    ) -> Result<Reply> {
        let reply = self.send(method, path, body, headers).await?;
        // Only what carries this very reply's connection is believed about its authorities.
        let version = reply.header(TRUST_HEADER).and_then(|v| v.parse().ok());
        if let (Some(pins), Some(version)) = (&self.pins, version)
            && pins.begin(version)
        {
            let told = match self.send(Method::GET, "/authorities", None, &[]).await {
                Ok(reply) if reply.status().is_success() => read("/authorities", reply).await,
                Ok(reply) => Err(anyhow!(without_words(reply.status()))),
                Err(error) => Err(error),
            };
            pins.take(told);
        }
        refused(path, reply).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        headers: &[(&'static str, &str)],
    ) -> Result<Reply> {
        let mut request =
            Request::builder()
                .method(method)
                .uri(format!("{}{}{path}", self.url, ::api::BASE));
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, secret(format!("Bearer {token}"))?);
        }
        if let Some(csrf) = &self.csrf {
            request = request.header(CSRF_HEADER, secret(csrf.clone())?);
        }
        if body.is_some() && headers.iter().all(|(name, _)| *name != "content-type") {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(body.unwrap_or_default().into())
            .with_context(|| format!("{path} cannot stand in an address"))?;
        let sent = self.http.send(request).await;
        sent.map_err(|error| {
            let stranger = error.is_stranger();
            let error = anyhow::Error::new(error);
            if stranger && self.pins.is_some() {
                return error.context(format!(
                    "cannot reach the server at {}: it does not show itself under an authority that the profile holds. If its authority was replaced while this profile was not used, sign in anew with `cordon login` and the new authority certificate",
                    self.url
                ));
            }
            error.context(format!("cannot reach the server at {}", self.url))
        })
    }
}

/// Whether an error says nothing but that the server is not there at the moment, so that trying again makes sense.
pub fn is_passing(error: &anyhow::Error) -> bool {
    if let Some(error) = error.downcast_ref::<HttpError>() {
        return error.is_passing();
    }
    error
        .downcast_ref::<ApiError>()
        .is_some_and(|e| matches!(e.status, 502..=504))
}

fn body(what: &impl Serialize) -> Result<Option<Vec<u8>>> {
    serde_json::to_vec(what)
        .map(Some)
        .context("cannot write the request")
}

async fn read<T: DeserializeOwned>(path: &str, reply: Reply) -> Result<T> {
    let bytes = reply
        .bytes()
        .await
        .context("the server's reply broke off")?;
    let text = if bytes.is_empty() {
        &b"null"[..]
    } else {
        &bytes
    };
    serde_json::from_slice(text).with_context(|| {
        format!("the server's reply to {path} is not what it should be; is it a Cordon server, of this version?")
    })
}

/// The reply if it is none of an error.
async fn refused(path: &str, reply: Reply) -> Result<Reply> {
    let status = reply.status();
    if status.is_success() {
        return Ok(reply);
    }
    if status == StatusCode::UNAUTHORIZED && path != "/login" {
        bail!(
            "the server does not accept this sign-in (it may have expired): sign in anew with `cordon login`"
        );
    }
    let later = reply
        .header("retry-after")
        .and_then(|text| text.parse::<u64>().ok());
    let body = reply.bytes().await.unwrap_or_default();
    let error = match serde_json::from_slice::<ErrorBody>(&body) {
        Ok(ErrorBody { error }) => ApiError {
            status: status.as_u16(),
            code: Some(error.code),
            message: error.message,
            details: error.details,
            faults: error.faults,
        },
        // Something on the way, or a server with codes that this client does not know yet.
        Err(_) => ApiError {
            status: status.as_u16(),
            code: None,
            message: serde_json::from_slice::<Value>(&body)
                .ok()
                .and_then(|body| body.pointer("/error/message")?.as_str().map(str::to_owned))
                .unwrap_or_else(|| without_words(status)),
            details: None,
            faults: Vec::new(),
        },
    };
    let forbidden = error.code == Some(ErrorCode::Forbidden);
    let busy = matches!(error.status, 429 | 503);
    let error = anyhow::Error::new(error);
    Err(if let (true, Some(seconds)) = (busy, later) {
        error.context(format!("not now; again in {}", counted(seconds, "second")))
    } else if forbidden {
        error.context("not allowed")
    } else {
        error
    })
}

/// What is said of an error that came without words of the API.
fn without_words(status: StatusCode) -> String {
    let reason = status
        .canonical_reason()
        .unwrap_or("a status without a name");
    format!(
        "the answer was {} ({reason}), in no form of the API; something else may stand at this address or on the way to it",
        status.as_u16()
    )
}

/// A path with a query behind it.
pub fn with_query(path: &str, query: impl Serialize) -> Result<String> {
    let query = serde_urlencoded::to_string(query).context("cannot write the request")?;
    Ok(if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    })
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
