//! The machine itself, on Windows: what the standard library can tell.

use super::Kind;
use crate::framework::{Notes, Request, SensorError, Sink};

pub fn name() -> Vec<u8> {
    std::env::var("COMPUTERNAME")
        .unwrap_or_default()
        .into_bytes()
}

pub fn id(request: &Request, _: &Notes) -> Vec<u8> {
    request.host.endpoint_id.clone().into_bytes()
}

pub fn operating_system(_: &Notes) -> Vec<u8> {
    std::env::var("OS")
        .unwrap_or_else(|_| "Windows".into())
        .into_bytes()
}

pub fn collect(_: Kind, _: &mut Sink) -> Result<(), SensorError> {
    Err(SensorError::Unsupported)
}
