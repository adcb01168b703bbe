//! Errors as people are told them: each failed step with its cause, in plain words. What libraries say in words of their own is said
//! anew here; a cause that only repeats what stands before it is left out.

use super::shown;
use std::error::Error;

/// An error with its causes, in one line or several, harmless in a terminal.
pub(crate) fn told(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let Some(words) = words(cause) else { continue };
        let repeated = parts.last().is_some_and(|last| last.ends_with(&words));
        if !words.is_empty() && !repeated {
            parts.push(words);
        }
    }
    shown(&parts.join(": "))
}

/// One cause in words; `None` where it says nothing to people.
fn words(cause: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = cause.downcast_ref::<std::io::Error>() {
        return Some(io(error));
    }
    if let Some(error) = cause.downcast_ref::<serde_json::Error>() {
        return Some(::api::unfit::json(error));
    }
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Some(tls(error));
    }
    if let Some(error) = cause.downcast_ref::<rusqlite::Error>() {
        return Some(database(error));
    }
    if cause.is::<rustls::pki_types::pem::Error>() {
        return Some("it is damaged".to_owned());
    }
    if cause.is::<std::num::ParseIntError>() {
        return Some("it is no whole number".to_owned());
    }
    if cause.is::<std::str::Utf8Error>() || cause.is::<std::string::FromUtf8Error>() {
        return Some("it is no text in UTF-8".to_owned());
    }
    if cause.is::<hyper::http::Error>() {
        return Some("it holds characters that no address has".to_owned());
    }
    if cause.is::<hyper::Error>() || cause.is::<hyper_util::client::legacy::Error>() {
        return None;
    }
    Some(cause.to_string())
}

/// What the system said, without its number.
pub(crate) fn io(error: &std::io::Error) -> String {
    if let Some(inner) = error.get_ref() {
        let words = words(inner).unwrap_or_default();
        // The words of TLS, with a link to its manual.
        if words.contains("close_notify") {
            return "the other side ended the connection".to_owned();
        }
        return words;
    }
    let text = error.to_string();
    let text = text.split(" (os error ").next().unwrap_or_default();
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// What a database said, without its number.
fn database(error: &rusqlite::Error) -> String {
    use rusqlite::ErrorCode as Code;
    match error.sqlite_error_code() {
        Some(Code::CannotOpen) => "it is not there, or may not be read".to_owned(),
        Some(Code::DiskFull) => "the disk is full".to_owned(),
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => "it is in use".to_owned(),
        Some(Code::DatabaseCorrupt | Code::NotADatabase) => "it is damaged".to_owned(),
        Some(Code::ReadOnly | Code::PermissionDenied) => "it may not be written".to_owned(),
        _ => {
            let text = error.to_string();
            text.split(": Error code")
                .next()
                .unwrap_or_default()
                .to_owned()
        }
    }
}

/// What TLS said of the other side.
pub(crate) fn tls(error: &rustls::Error) -> String {
    use rustls::CertificateError as Bad;
    match error {
        rustls::Error::InvalidCertificate(bad) => match bad {
            Bad::Expired | Bad::ExpiredContext { .. } => {
                "its certificate has expired, or this machine's clock is wrong"
            }
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
                "its certificate is not valid yet, or this machine's clock is wrong"
            }
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
                "its certificate is for another name"
            }
            Bad::UnknownIssuer | Bad::BadSignature => {
                "its certificate was issued by another authority"
            }
            _ => "its certificate cannot be used",
        },
        rustls::Error::InvalidMessage(_) => "what it says is no TLS",
        rustls::Error::AlertReceived(_) => "it refused the connection",
        rustls::Error::PeerIncompatible(_) => "it does not speak TLS 1.3",
        _ => "TLS failed",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn causes_are_told_in_plain_words_and_once() {
        let missing = std::io::Error::from_raw_os_error(2);
        let error = Err::<(), _>(missing).context("cannot read the list a.txt");
        let error = error.expect_err("an error");
        assert_eq!(
            told(&error),
            "cannot read the list a.txt: no such file or directory"
        );
        let number = "x".parse::<u8>().expect_err("no number");
        let error = anyhow::Error::new(number).context("this is no number of the list");
        assert_eq!(
            told(&error),
            "this is no number of the list: it is no whole number"
        );
        let json = serde_json::from_str::<u8>("{").expect_err("no JSON");
        let inside = std::io::Error::other(std::io::Error::other(json));
        let error = anyhow::Error::new(inside).context("cannot read");
        assert!(!told(&error).contains("EOF"), "{}", told(&error));
        let error = anyhow::anyhow!("a: b").context("c: a: b");
        assert_eq!(told(&error), "c: a: b");
    }
}
