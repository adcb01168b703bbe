//! The machine itself, on macOS: what the standard library can tell.

use super::Kind;
use crate::framework::{Notes, Request, SensorError, Sink};

pub fn name() -> Vec<u8> {
    rustix::system::uname().nodename().to_bytes().to_vec()
}

pub fn id(request: &Request, _: &Notes) -> Vec<u8> {
    request.host.endpoint_id.clone().into_bytes()
}

pub fn operating_system(_: &Notes) -> Vec<u8> {
    b"macOS".to_vec()
}

pub fn collect(_: Kind, _: &mut Sink) -> Result<(), SensorError> {
    Err(SensorError::Unsupported)
}
