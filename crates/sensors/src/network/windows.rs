//! The machine on the network, on Windows: not yet.

use super::Kind;
use crate::framework::{SensorError, Sink};

pub fn collect(_: Kind, _: &mut Sink) -> Result<(), SensorError> {
    Err(SensorError::Unsupported)
}
