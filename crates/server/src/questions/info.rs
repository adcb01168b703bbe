//! What a question looks like from outside, and what can go wrong with one.

use crate::model::actor::Actor;
use crate::model::ids::QuestionId;
use crate::model::order::SealError;
use crate::store::StoreError;
use crate::store::questions::StoredQuestion;
use ::rights::Permission;
use answer::{AnswerError, EndpointSet, State};
use jiff::Timestamp;
use question::{Headings, ParseError, Plan, Tail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A question as listed.
#[derive(Clone, Debug, Serialize)]
pub struct QuestionInfo {
    /// Number.
    pub id: QuestionId,
    /// Canonical text, with its tail.
    pub text: String,
    /// How the answer is shown unless a reader says otherwise.
    pub tail: Tail,
    /// Who asked.
    pub asked_by: Actor,
    /// When.
    pub asked_at: Timestamp,
    /// Until when endpoints may answer.
    pub expires_at: Timestamp,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// Whether nothing more is taken: it expired or was cancelled.
    pub closed: bool,
    /// Tables of the answer.
    pub plan: Plan,
    /// Endpoints by state.
    pub coverage: BTreeMap<State, u64>,
    /// Distinct rows in all tables.
    pub rows: u64,
    /// Rows that limits cut off on endpoints, as far as those can tell.
    pub rows_cut: u64,
    /// Number of the signed order.
    pub order: u64,
    /// Whether it stays however old it gets.
    pub kept: bool,
    /// When its answers were removed; the numbers above are what is left of them.
    pub answers_removed_at: Option<Timestamp>,
    /// Why what it shows is not kept at the moment.
    pub trouble: Option<String>,
}

/// Why a question was not asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// It does not parse.
    #[error("the question is not understood")]
    Parse(#[source] ParseError),
    /// Its life is not allowed.
    #[error("a question lives between one second and 30 days")]
    Expiry,
    /// It is for nobody.
    #[error("the list of target endpoints is empty")]
    NoTargets,
    /// The asker may not read what is asked.
    #[error(
        "this needs the permission `{}` over the content set `{content_set}`, in which the sensor `{sensor}` lies",
        Permission::ReadSensor
    )]
    Unreadable {
        /// The sensor.
        sensor: String,
        /// Where it lies.
        content_set: String,
    },
    /// The asker sees none of the endpoints.
    #[error(
        "none of these endpoints are within what you may see; `cordon rights` tells what bounds you"
    )]
    NothingInReach,
    /// It could not be signed.
    #[error("the question was not asked")]
    Seal(#[source] SealError),
    /// The plan cannot be kept.
    #[error("the plan of the answer cannot be encoded")]
    Plan(#[source] serde_json::Error),
    /// The store.
    #[error("the question could not be stored")]
    Store(#[source] StoreError),
    /// The server ends.
    #[error("the server is stopping")]
    Stopping,
}

/// What went wrong with a question that exists, or not.
#[derive(Debug, thiserror::Error)]
pub enum QuestionError {
    /// No such question.
    #[error("there is no question {0}")]
    Unknown(QuestionId),
    /// It is over.
    #[error("question {0} is closed already")]
    Closed(QuestionId),
    /// Its answers are not kept any more.
    #[error(
        "the answers to question {id} were removed on {at} because of their age or size; its numbers in sum are left"
    )]
    Removed {
        /// Which.
        id: QuestionId,
        /// When.
        at: Timestamp,
    },
    /// The store.
    #[error("the question could not be read or stored")]
    Store(#[source] StoreError),
    /// What is stored is not readable.
    #[error("what is stored about question {id} is damaged")]
    Damaged {
        /// Which.
        id: QuestionId,
        /// Decoder's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer cannot be rebuilt.
    #[error("the answer to question {id} cannot be read back")]
    Answer {
        /// Which.
        id: QuestionId,
        /// Why.
        #[source]
        source: AnswerError,
    },
    /// The order that stops it could not be signed.
    #[error("the question was not cancelled")]
    Seal(#[source] SealError),
    /// No folder for large answers.
    #[error("cannot create the folder {path} for large answers")]
    Folder {
        /// Where.
        path: PathBuf,
        /// System's error.
        #[source]
        source: std::io::Error,
    },
}

/// What is kept of a closed question, so that a list needs no answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Summary {
    pub coverage: BTreeMap<State, u64>,
    pub rows: u64,
    pub rows_cut: u64,
}

pub(super) fn plan(stored: &StoredQuestion) -> Result<Plan, QuestionError> {
    serde_json::from_str(&stored.plan).map_err(|source| QuestionError::Damaged {
        id: stored.id,
        source: source.into(),
    })
}

/// How the answer is to be shown. Names in it are those of its own plan, so that no later catalogue changes what it says.
pub(super) fn tail(stored: &StoredQuestion, plan: &Plan) -> Result<Tail, QuestionError> {
    question::parse_tail(&stored.tail, &Headings::from(plan)).map_err(|source| {
        QuestionError::Damaged {
            id: stored.id,
            source: source.into(),
        }
    })
}

/// The whole text of a question: what endpoints are asked, and how the answer is to be shown.
pub(super) fn text(asked: &str, tail: &Tail) -> String {
    if tail.is_empty() {
        asked.to_owned()
    } else {
        format!("{asked} {tail}")
    }
}

/// For whom it was; `None` for everybody.
pub(super) fn targets(stored: &StoredQuestion) -> Result<Option<EndpointSet>, QuestionError> {
    let bytes = stored.targets.as_deref();
    bytes
        .map(EndpointSet::from_bytes)
        .transpose()
        .map_err(|source| QuestionError::Damaged {
            id: stored.id,
            source: source.into(),
        })
}

/// As [`from_store`], for who may not see what all endpoints together came to: without counts.
pub(super) fn without_numbers(info: QuestionInfo) -> QuestionInfo {
    let Summary {
        coverage,
        rows,
        rows_cut,
    } = Summary::default();
    QuestionInfo {
        coverage,
        rows,
        rows_cut,
        ..info
    }
}

pub(super) fn from_store(stored: &StoredQuestion) -> Result<QuestionInfo, QuestionError> {
    let summary: Summary = match &stored.summary {
        Some(text) => serde_json::from_str(text).map_err(|source| QuestionError::Damaged {
            id: stored.id,
            source: source.into(),
        })?,
        None => Summary::default(),
    };
    let plan = plan(stored)?;
    let tail = tail(stored, &plan)?;
    Ok(QuestionInfo {
        id: stored.id,
        text: text(&stored.text, &tail),
        tail,
        asked_by: stored.asked_by.clone(),
        asked_at: stored.asked_at,
        expires_at: stored.expires_at,
        cancelled: stored.cancelled_at.is_some(),
        closed: stored.closed,
        plan,
        coverage: summary.coverage,
        rows: summary.rows,
        rows_cut: summary.rows_cut,
        order: stored.order,
        kept: stored.kept,
        answers_removed_at: stored.answers_removed_at,
        trouble: None,
    })
}
