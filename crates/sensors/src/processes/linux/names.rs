//! `Running Processes`.

use super::walk;
use crate::framework::{SensorError, Sink};
use std::collections::HashSet;

pub fn running_processes(sink: &mut Sink) -> Result<(), SensorError> {
    let mut told = HashSet::new();
    for (seen, _) in walk::processes(&sink.notes())? {
        sink.check()?;
        let name = seen.common_name();
        if !told.contains(&name) {
            sink.push([&name])?;
            told.insert(name);
        }
    }
    Ok(())
}
