//! The server's model turned into what the API says, and what requests ask turned into the model.
//!
//! The two are apart on purpose: the model follows the server's work, the API's types are a promise to others. A value added to one of
//! the model's enumerations is a compile error here.

use crate::fleet;
use crate::model::ids::{
    ApiTokenId, EndpointId, QuestionId, SessionId, TokenId, UserGroupId, UserId,
};
use crate::model::{audit, endpoint, role, trust};
use api::account::{Role, Scope};
use api::fleet::{AgentVitals, Standing, TrustPart, TrustStatus};
use api::ids::{EntryHash, EntryNumber, Fingerprint, LARGEST, OrderKey, RecoveryKey};

macro_rules! numbers {
    ($($model:ident = $api:ident),+ $(,)?) => {$(
        impl From<$model> for api::ids::$api {
            fn from(id: $model) -> Self {
                Self::of(id.0)
            }
        }

        impl From<api::ids::$api> for $model {
            fn from(id: api::ids::$api) -> Self {
                Self(id.get())
            }
        }
    )+};
}

numbers!(
    QuestionId = QuestionId,
    UserId = UserId,
    TokenId = EnrolmentTokenId,
    ApiTokenId = ApiTokenId,
    SessionId = SessionId,
    UserGroupId = UserGroupId,
);

impl From<EndpointId> for api::ids::EndpointId {
    fn from(id: EndpointId) -> Self {
        Self(id.0)
    }
}

impl From<api::ids::EndpointId> for EndpointId {
    fn from(id: api::ids::EndpointId) -> Self {
        Self(id.0)
    }
}

macro_rules! same {
    ($model:ty, $api:ty, $($value:ident),+ $(,)?) => {
        impl From<$model> for $api {
            fn from(value: $model) -> Self {
                match value {
                    $(<$model>::$value => Self::$value,)+
                }
            }
        }

        impl From<$api> for $model {
            fn from(value: $api) -> Self {
                match value {
                    $(<$api>::$value => Self::$value,)+
                }
            }
        }
    };
}

same!(role::Scope, Scope, Read, Ask, Admin);
same!(
    role::Role,
    Role,
    Administrator,
    ContentAdministrator,
    Operator,
    Reader,
    Member
);
same!(endpoint::Standing, Standing, Waiting, Approved, Revoked);
same!(trust::TrustPart, TrustPart, Authority, OrderKey);
same!(
    audit::Problem,
    api::audit::Problem,
    OutOfOrder,
    Unlinked,
    Changed,
    Missing,
    BeyondHead,
    Rewritten,
    NotVouched,
);

impl From<audit::Verdict> for api::audit::Verdict {
    fn from(verdict: audit::Verdict) -> Self {
        Self {
            good: verdict.good,
            cut: verdict.cut,
            head: EntryHash(bytes(&verdict.head)),
            fault: verdict.fault.map(|fault| api::audit::Fault {
                number: EntryNumber::of(fault.number),
                problem: fault.problem.into(),
            }),
        }
    }
}

impl From<trust::TrustStatus> for TrustStatus {
    fn from(status: trust::TrustStatus) -> Self {
        let authorities = status.authorities.iter();
        let keys = status.order_keys.iter();
        let recovery = status.recovery_keys.iter();
        Self {
            version: status.version,
            authorities: authorities.map(|hex| Fingerprint(bytes(hex))).collect(),
            order_keys: keys.map(|hex| OrderKey(bytes(hex))).collect(),
            recovery_keys: recovery.map(|hex| RecoveryKey(bytes(hex))).collect(),
            behind: status.behind,
        }
    }
}

/// The server's own hexadecimal text, which has 64 digits.
fn bytes(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    if hex::decode_to_slice(text, &mut bytes).is_err() {
        debug_assert!(false, "{text} has not 64 hexadecimal digits");
    }
    bytes
}

impl From<fleet::AgentVitals> for AgentVitals {
    fn from(vitals: fleet::AgentVitals) -> Self {
        // An endpoint may say any number; a client holds those of 63 bits.
        Self {
            memory: vitals.memory.min(LARGEST),
            cpu_ms: vitals.cpu_ms.min(LARGEST),
            uptime: vitals.uptime.min(LARGEST),
            hanging: vitals.hanging,
        }
    }
}
