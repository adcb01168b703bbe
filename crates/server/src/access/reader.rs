//! Who reads a question or its answer, and what of it is theirs to see.
//!
//! Rights are cut twice: into the target set when a question is asked, and here again at every read, for rights are withdrawn and answers
//! outlive them. [`crate::questions`] hands an answer out only as a [`View`](answer::View) under a reader's mask.

use super::Effective;
use crate::model::ids::UserId;
use answer::{Answer, EndpointSet};
use question::Plan;
use rights::Reach;
use std::sync::Arc;

/// Somebody who reads.
#[derive(Clone, Debug)]
pub struct Reader {
    /// `None` is the server itself, which sees all.
    who: Option<(UserId, Arc<Effective>)>,
}

/// Whether two readers see the same, as far as that can be told without looking at everything they hold.
impl PartialEq for Reader {
    fn eq(&self, other: &Self) -> bool {
        match (&self.who, &other.who) {
            (Some((one, held)), Some((other, others))) => one == other && Arc::ptr_eq(held, others),
            (None, None) => true,
            _ => false,
        }
    }
}

impl Reader {
    /// This user.
    #[must_use]
    pub fn new(user: UserId, rights: Arc<Effective>) -> Self {
        Self {
            who: Some((user, rights)),
        }
    }

    /// The server itself.
    #[must_use]
    pub fn server() -> Self {
        Self { who: None }
    }

    /// What bounds them; `None` where nothing does.
    #[must_use]
    pub fn bounds(&self) -> Option<&Reach> {
        let (_, rights) = self.who.as_ref()?;
        let reach = rights.reach();
        (!reach.is_everything()).then_some(reach)
    }

    /// Whether they see this endpoint.
    #[must_use]
    pub fn sees(&self, ordinal: u32) -> bool {
        self.bounds().is_none_or(|reach| reach.contains(ordinal))
    }

    /// The first of these sensors that they may not read, with its content set.
    #[must_use]
    pub fn unreadable<'a>(
        &self,
        sensors: impl IntoIterator<Item = &'a str>,
    ) -> Option<(String, String)> {
        let (_, rights) = self.who.as_ref()?;
        let mut sensors = sensors.into_iter();
        let sensor = sensors.find(|sensor| !rights.may_read_sensor(sensor))?;
        Some((sensor.to_owned(), rights.set_of_sensor(sensor).to_owned()))
    }

    /// Whether they see that a question was asked: it is theirs, or for an endpoint that they see; and they may read what it asks.
    #[must_use]
    pub fn sees_question(
        &self,
        asked_by: Option<UserId>,
        targets: Option<&EndpointSet>,
        plan: &Plan,
    ) -> bool {
        let Some((user, _)) = &self.who else {
            return true;
        };
        let columns = plan.tables.iter().flat_map(|table| &table.columns);
        if self
            .unreadable(columns.map(|column| column.sensor.as_str()))
            .is_some()
        {
            return false;
        }
        let is_for_theirs = || match (self.bounds(), targets) {
            (Some(reach), Some(targets)) => !reach.cut(targets).is_empty(),
            _ => true,
        };
        asked_by == Some(*user) || is_for_theirs()
    }

    /// Whether nothing that these targets could answer is kept from them.
    #[must_use]
    pub fn sees_all_of(&self, targets: Option<&EndpointSet>) -> bool {
        match (self.bounds(), targets) {
            (None, _) => true,
            (Some(reach), Some(targets)) => reach.mask(targets).is_none(),
            (Some(_), None) => false,
        }
    }

    /// The endpoints of an answer that they see; `None` when these are all.
    #[must_use]
    pub fn mask(&self, answer: &Answer) -> Option<EndpointSet> {
        self.bounds()?.mask(&answer.coverage().all())
    }
}
