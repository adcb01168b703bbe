//! The machine on the network, on macOS: not yet.

use super::Kind;
use crate::framework::{Request, SensorError, Sink};

pub fn collect(_: Kind, _: &Request, _: &mut Sink) -> Result<(), SensorError> {
    Err(SensorError::Unsupported)
}
