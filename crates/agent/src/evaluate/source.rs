//! Where sensors come from: those of this build, or others in their place (a test's, one day a content pack's).

use super::gathered::Gathered;
use super::room::Seat;
use question::Catalogue;
use question::catalogue::Limits;
use sensors::framework::Request;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;

/// A set of sensors: their declarations and a way to run one.
pub trait Sensors: Send + Sync + 'static {
    /// All declarations.
    fn catalogue(&self) -> &Catalogue;

    /// Runs a sensor on the calling thread, which is its own.
    fn run(
        &self,
        sensor: &str,
        request: &Request,
        limits: Limits,
        cancelled: Arc<AtomicBool>,
    ) -> Gathered;
}

/// The sensors of this build, on the calling thread; those with large results in processes of their own, where there is a
/// program for that.
#[derive(Clone, Debug, Default)]
pub struct Native {
    #[cfg(unix)]
    apart: Option<super::apart::Program>,
}

impl Native {
    /// With this program for the sensors with large results.
    #[cfg(unix)]
    #[must_use]
    pub fn apart(program: super::apart::Program) -> Self {
        Self {
            apart: Some(program),
        }
    }
}

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
    ) -> Gathered {
        let seat = Seat::take();
        #[cfg(unix)]
        if let Some(program) = &self.apart
            && CATALOGUE
                .sensor(sensor)
                .is_some_and(sensors::place::runs_apart)
        {
            return program.run(sensor, request, limits, cancelled, &seat);
        }
        let limits = Limits {
            memory: limits.memory.min(seat.rows()),
            ..limits
        };
        sensors::run(sensor, request, limits, cancelled).into()
    }
}
