//! What becomes of a run as a state of the endpoint: each limit has its own.

use answer::State;
use protocol::message::OrderLimits;
use question::catalogue::Limits;
use sensors::framework::{LimitHit, SensorError};
use std::time::Duration;

/// The state and the words for an error of a sensor.
#[must_use]
pub fn of(error: &SensorError) -> (State, String) {
    let state = match error {
        SensorError::Unsupported => State::Unsupported,
        error if error.is_denied() => State::Denied,
        SensorError::Limit(hit) => match hit {
            LimitHit::Wall => State::TimedOut,
            LimitHit::Cpu => State::CpuLimit,
            LimitHit::Memory => State::MemoryLimit,
            LimitHit::Rows => State::RowLimit,
            LimitHit::Bytes => State::ByteLimit,
            LimitHit::Cancelled => State::Cancelled,
        },
        _ => State::Error,
    };
    (state, crate::chain(error))
}

/// A sensor's own limits, lowered by the order's; zero leaves one as it is, nothing raises one.
#[must_use]
pub fn lowered(own: Limits, order: OrderLimits) -> Limits {
    let lower = |own: u64, set: u64| if set == 0 { own } else { own.min(set) };
    let lower_time = |own: Duration, set: u64| {
        if set == 0 {
            own
        } else {
            own.min(Duration::from_millis(set))
        }
    };
    Limits {
        wall: lower_time(own.wall, order.wall_ms),
        cpu: lower_time(own.cpu, order.cpu_ms),
        memory: lower(own.memory, order.memory),
        rows: lower(own.rows, order.rows),
        bytes: lower(own.bytes, order.bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_lowers_and_never_raises() {
        let own = Limits::default();
        let order = OrderLimits {
            wall_ms: 5,
            rows: u64::MAX,
            ..OrderLimits::default()
        };
        let made = lowered(own, order);
        assert_eq!(made.wall, Duration::from_millis(5));
        assert_eq!(
            (made.rows, made.cpu, made.bytes),
            (own.rows, own.cpu, own.bytes)
        );
    }

    #[test]
    fn each_limit_has_its_own_state() {
        let hits = [
            LimitHit::Wall,
            LimitHit::Cpu,
            LimitHit::Memory,
            LimitHit::Rows,
            LimitHit::Bytes,
            LimitHit::Cancelled,
        ];
        let states: std::collections::HashSet<_> = hits
            .iter()
            .map(|hit| of(&SensorError::Limit(*hit)).0)
            .collect();
        assert_eq!(states.len(), hits.len());
    }

    #[test]
    fn a_refused_read_is_denied() {
        let error = SensorError::Read {
            what: "/etc/shadow".into(),
            source: std::io::ErrorKind::PermissionDenied.into(),
        };
        assert_eq!(of(&error).0, State::Denied);
        assert!(of(&error).1.contains("/etc/shadow"));
    }
}
