//! `Process Environment`.

use super::walk::{self, part};
use crate::framework::{Request, SensorError, Sink};
use crate::text;

pub fn process_environment(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let wanted = request.parameter(0).trim();
    if wanted.is_empty() {
        return Err(SensorError::Parameter {
            key: "Process".into(),
            problem: "is empty; give the id or the name of a process".into(),
        });
    }
    let id: Option<i32> = wanted.parse().ok();
    let notes = sink.notes();
    for (seen, process) in walk::processes(&notes)? {
        sink.check()?;
        if Some(seen.pid) != id && !seen.is_called(wanted) {
            continue;
        }
        let environment = walk::bytes(&process, "environ");
        let Some(environment) = part(&notes, &process, "environ", environment) else {
            continue;
        };
        let pid = seen.pid.to_string();
        for entry in environment.split(|b| *b == 0).filter(|e| !e.is_empty()) {
            // A program may be given entries without `=`; they are shown as a name alone.
            let (variable, value) = text::split_once(entry, b'=').unwrap_or((entry, b""));
            sink.push([pid.as_bytes(), &seen.name, variable, value])?;
        }
    }
    Ok(())
}
