//! Where sensors come from: those of this build, or others in their place (a test's, one day a content pack's).

use question::catalogue::Limits;
use question::{Catalogue, Row};
use sensors::framework::{Request, SensorError};
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;

/// A set of sensors: their declarations and a way to run one.
pub trait Sensors: Send + Sync + 'static {
    /// All declarations.
    fn catalogue(&self) -> &Catalogue;

    /// Runs a sensor on the calling thread, which is its own; gives the rows found and what stopped it early.
    fn run(
        &self,
        sensor: &str,
        request: &Request,
        limits: Limits,
        cancelled: Arc<AtomicBool>,
    ) -> (Vec<Row>, Result<(), SensorError>);
}

/// The sensors of this build.
#[derive(Clone, Copy, Debug, Default)]
pub struct Native;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(sensors::catalogue);

impl Sensors for Native {
    fn catalogue(&self) -> &Catalogue {
        &CATALOGUE
    }

    fn run(
        &self,
        sensor: &str,
        request: &Request,
        limits: Limits,
        cancelled: Arc<AtomicBool>,
    ) -> (Vec<Row>, Result<(), SensorError>) {
        sensors::run(sensor, request, limits, cancelled)
    }
}
