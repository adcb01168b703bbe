//! The real clock and the real power supply.

use super::{Clock, Power};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The system's monotonic clock and its count of the process's time.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
    /// Where the process's time cannot be had: time slept, so that all other time counts as work.
    #[cfg(not(unix))]
    slept: std::sync::Mutex<Duration>,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            #[cfg(not(unix))]
            slept: std::sync::Mutex::default(),
        }
    }
}

impl Clock for SystemClock {
    fn wall(&self) -> Duration {
        self.start.elapsed()
    }

    #[cfg(unix)]
    fn cpu(&self) -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Duration::new(
            u64::try_from(time.tv_sec).unwrap_or(0),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        )
    }

    #[cfg(not(unix))]
    fn cpu(&self) -> Duration {
        let slept = *self
            .slept
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        self.start.elapsed().saturating_sub(slept)
    }

    fn sleep(&self, time: Duration) {
        let began = Instant::now();
        std::thread::sleep(time);
        let _slept = began.elapsed();
        #[cfg(not(unix))]
        {
            *self
                .slept
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner) += _slept;
        }
    }
}

/// The power supplies that the Linux kernel lists
/// ([its description](https://docs.kernel.org/power/power_supply_class.html)).
#[derive(Debug)]
pub struct SystemPower {
    folder: PathBuf,
}

impl Default for SystemPower {
    fn default() -> Self {
        Self::at("/sys/class/power_supply")
    }
}

impl SystemPower {
    /// Supplies listed in another folder, for tests.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }
}

impl Power for SystemPower {
    /// On battery is a machine of which a battery of its own discharges while no mains or USB supply is online. A mouse's
    /// battery (scope `Device`) says nothing about the machine.
    fn on_battery(&self) -> bool {
        let Ok(supplies) = std::fs::read_dir(&self.folder) else {
            return false;
        };
        let mut discharging = false;
        for supply in supplies.flatten() {
            let says = |name: &str| {
                let text = std::fs::read_to_string(supply.path().join(name)).unwrap_or_default();
                text.trim().to_ascii_lowercase()
            };
            match says("type").as_str() {
                "battery" if says("scope") != "device" => {
                    discharging |= says("status") == "discharging"
                }
                "mains" | "usb" | "wireless" if says("online") == "1" => return false,
                _ => {}
            }
        }
        discharging
    }
}
