//! What somebody may do in the end, and why.

use rights::{ContentSet, Grants, Permission, Reach, Verdict};
use std::collections::HashMap;
use std::sync::Arc;

/// The content set of what says nothing of it.
const CORE: &str = "Core";

/// In which content set each sensor lies.
#[derive(Clone, Debug, Default)]
pub struct SensorSets(HashMap<String, String>);

impl SensorSets {
    /// The content set of a sensor.
    #[must_use]
    pub fn of(&self, sensor: &str) -> &str {
        self.0
            .get(&sensor.to_lowercase())
            .map_or(CORE, String::as_str)
    }
}

/// Of pairs of a sensor's name and its content set.
impl FromIterator<(String, String)> for SensorSets {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter();
        Self(
            pairs
                .map(|(sensor, set)| (sensor.to_lowercase(), set))
                .collect(),
        )
    }
}

/// Content sets that roles name, by their names in lower case.
#[derive(Debug, Default)]
pub(super) struct SetNumbers(HashMap<String, ContentSet>);

impl SetNumbers {
    pub(super) fn number(&mut self, name: &str) -> ContentSet {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX - 1);
        *self
            .0
            .entry(name.to_lowercase())
            .or_insert(ContentSet(next))
    }

    /// One that no role names has a number that no rule has.
    pub(super) fn find(&self, name: &str) -> ContentSet {
        let found = self.0.get(&name.to_lowercase());
        found.copied().unwrap_or(ContentSet(u32::MAX))
    }
}

/// What all that somebody holds comes to.
pub struct Effective {
    grants: Grants,
    reach: Reach,
    sets: Arc<SetNumbers>,
    sensors: Arc<SensorSets>,
}

impl Effective {
    pub(super) fn new(
        grants: Grants,
        reach: Reach,
        sets: Arc<SetNumbers>,
        sensors: Arc<SensorSets>,
    ) -> Self {
        Self {
            grants,
            reach,
            sets,
            sensors,
        }
    }

    /// Whether they may see what a sensor tells.
    #[must_use]
    pub fn may_read_sensor(&self, sensor: &str) -> bool {
        let set = self.sensors.of(sensor);
        self.judge(Permission::ReadSensor, Some(set)).is_granted()
    }

    /// The content set of a sensor.
    #[must_use]
    pub fn set_of_sensor(&self, sensor: &str) -> &str {
        self.sensors.of(sensor)
    }

    /// Whether the permission is granted: over this content set, or without one for a permission about Cordon as a whole.
    #[must_use]
    pub fn judge(&self, permission: Permission, content_set: Option<&str>) -> Verdict {
        let set = content_set.map(|name| self.sets.find(name));
        self.grants.judge(permission, set)
    }

    /// Whether there is any content over which it is granted.
    #[must_use]
    pub fn may_somewhere(&self, permission: Permission) -> bool {
        self.grants.may_somewhere(permission)
    }

    /// Whether there are endpoints that they do not see.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        !self.reach.is_everything()
    }

    /// Whose endpoints they see.
    #[must_use]
    pub fn reach(&self) -> &Reach {
        &self.reach
    }
}

impl std::fmt::Debug for Effective {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Effective").finish_non_exhaustive()
    }
}
