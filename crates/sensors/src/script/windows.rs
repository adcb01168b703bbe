//! Script sensors do not run on this system yet.

use super::ScriptSensor;
use super::rows::Reader;
use crate::framework::{SensorError, Sink};

pub fn run(
    _: &ScriptSensor,
    _: &[(String, String)],
    _: &mut Reader<'_>,
    _: &mut Sink,
) -> Result<(), SensorError> {
    Err(SensorError::Unsupported)
}
