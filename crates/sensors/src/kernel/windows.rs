//! Not there yet on this system.

use crate::framework::{SensorError, Sink};

pub fn kernel_modules(_: &mut Sink) -> Result<(), SensorError> {
    Err(SensorError::Unsupported)
}

pub fn kernel_taint(_: &mut Sink) -> Result<(), SensorError> {
    Err(SensorError::Unsupported)
}
