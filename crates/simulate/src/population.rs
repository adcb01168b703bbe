//! The machines that are made up: what can be asked of them, which of them carry something to find, and the rows that
//! machines of one kind share.

use crate::machine::{Machine, Planted, plant};
use question::ast::{Row, SensorCall};
use question::catalogue::Catalogue;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Row sets kept.
const ROW_SETS: usize = 20_000;

/// Rows by kind of machine, sensor and parameters. Options of a call do not change what a simulated machine has.
type RowSets = HashMap<(u32, String, Vec<String>), Arc<Vec<Row>>>;

pub(crate) struct Population {
    pub(crate) catalogue: Arc<Catalogue>,
    seed: u64,
    planted: HashMap<u32, Planted>,
    rows: Mutex<RowSets>,
}

impl Population {
    pub(crate) fn new(catalogue: Arc<Catalogue>, seed: u64, agents: u32) -> Self {
        Self {
            catalogue,
            seed,
            planted: plant(seed, agents),
            rows: Mutex::default(),
        }
    }

    pub(crate) fn machine(&self, n: u32) -> Machine {
        let mut machine = Machine::new(self.seed, n);
        machine.planted = self.planted.get(&n).copied().unwrap_or_default();
        machine
    }

    /// Rows that machines of one kind share, made when first wanted.
    pub(crate) fn shared_rows(
        &self,
        kind: u32,
        call: &SensorCall,
        make: impl FnOnce() -> Arc<Vec<Row>>,
    ) -> Arc<Vec<Row>> {
        let key = (kind, call.sensor.clone(), call.parameters.clone());
        let lock = || self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rows) = lock().get(&key) {
            return Arc::clone(rows);
        }
        let rows = make();
        let mut all = lock();
        if all.len() >= ROW_SETS {
            all.clear();
        }
        Arc::clone(all.entry(key).or_insert(rows))
    }
}
