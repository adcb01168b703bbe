//! What becomes of a run as a state of the endpoint: each limit has its own.

use protocol::message::EndpointState;
use protocol::message::OrderLimits;
use question::catalogue::Limits;
use sensors::framework::{LimitHit, SensorError};
use std::io::ErrorKind;
use std::time::Duration;

/// The state and the words for an error of a sensor.
#[must_use]
pub fn of(error: &SensorError) -> (EndpointState, String) {
    let state = match error {
        SensorError::Unsupported => EndpointState::Unsupported,
        SensorError::Denied { .. } => EndpointState::Denied,
        SensorError::Read { source, .. } if source.kind() == ErrorKind::PermissionDenied => {
            EndpointState::Denied
        }
        SensorError::Limit(hit) => match hit {
            LimitHit::Wall => EndpointState::TimedOut,
            LimitHit::Cpu => EndpointState::CpuLimit,
            LimitHit::Memory => EndpointState::MemoryLimit,
            LimitHit::Rows => EndpointState::RowLimit,
            LimitHit::Bytes => EndpointState::ByteLimit,
            LimitHit::Cancelled => EndpointState::Cancelled,
        },
        _ => EndpointState::Error,
    };
    (state, crate::chain(error))
}

/// Whether the state is a limit that an order may have lowered, so that a run with other limits could end otherwise.
#[must_use]
pub fn is_limit(state: EndpointState) -> bool {
    matches!(
        state,
        EndpointState::TimedOut
            | EndpointState::CpuLimit
            | EndpointState::MemoryLimit
            | EndpointState::RowLimit
            | EndpointState::ByteLimit
    )
}

/// Word for a state in logs and in the sensor Sensor Run Times.
#[must_use]
pub fn word(state: EndpointState) -> &'static str {
    match state {
        EndpointState::Unknown => "unknown",
        EndpointState::Answered => "answered",
        EndpointState::Empty => "empty",
        EndpointState::NotConcerned => "not concerned",
        EndpointState::Error => "error",
        EndpointState::TimedOut => "timed out",
        EndpointState::CpuLimit => "processor limit",
        EndpointState::MemoryLimit => "memory limit",
        EndpointState::RowLimit => "row limit",
        EndpointState::ByteLimit => "byte limit",
        EndpointState::Unsupported => "unsupported",
        EndpointState::Denied => "denied",
        EndpointState::Cancelled => "cancelled",
    }
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
            source: ErrorKind::PermissionDenied.into(),
        };
        assert_eq!(of(&error).0, EndpointState::Denied);
        assert!(of(&error).1.contains("/etc/shadow"));
    }
}
