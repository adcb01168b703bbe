//! `Process Tree` and `Child Processes`.

use super::details::{Moments, status};
use super::executable::Executable;
use super::walk::{self, Running, part};
use crate::framework::{Notes, Request, SensorError, Sink};
use crate::owners::Owners;
use std::collections::{HashMap, HashSet};

/// Between two names of a chain.
const BELOW: &[u8] = b" > ";
/// Longest chain told. Ids that are reused while we look can make a circle of parents; it ends here.
const DEPTH_MAX: usize = 64;
/// Columns that are filled only when all are asked for.
const MORE: usize = 5;

pub fn process_tree(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let whole = request.parameter(0).eq_ignore_ascii_case("All");
    let notes = sink.notes();
    let moments = whole.then(Moments::look).transpose()?;
    let owners = whole.then(|| Owners::read(&notes));
    let mut all = Vec::new();
    let mut about: HashMap<i32, Vec<Vec<u8>>> = HashMap::new();
    for (seen, process) in walk::processes(&notes)? {
        sink.check()?;
        if let (Some(owners), Some(moments)) = (&owners, &moments) {
            let user = status(&process, &notes).map(|status| owners.user(status.euid));
            let line = walk::command_line(&process, &notes);
            if !seen.kernel && (user.is_none() || line.is_none()) {
                walk::note_if_gone(&notes, &process);
            }
            let cells = vec![
                seen.pid.to_string().into_bytes(),
                seen.parent.to_string().into_bytes(),
                user.unwrap_or_default(),
                moments.of(seen.start_ticks).into_bytes(),
                line.unwrap_or_default(),
            ];
            about.insert(seen.pid, cells);
        }
        all.push(seen);
    }
    let by_id: HashMap<i32, &Running> = all.iter().map(|r| (r.pid, r)).collect();
    let mut chains: Vec<Vec<&Running>> = all.iter().map(|r| chain(r, &by_id)).collect();
    // A parent before its children, the elder of two before the younger with all that is below it.
    chains.sort_by_cached_key(|chain| {
        let from_top = chain.iter().rev();
        from_top.map(|r| (r.start_ticks, r.pid)).collect::<Vec<_>>()
    });
    let mut told = HashSet::new();
    for chain in &chains {
        let Some(process) = chain.first() else {
            continue;
        };
        let names: Vec<Vec<u8>> = chain.iter().rev().map(|r| r.common_name()).collect();
        let tree = names.join(BELOW);
        // A name can hold the mark between names: depth tells such chains apart.
        let depth = names.len().saturating_sub(1);
        let more = about.remove(&process.pid);
        if more.is_some() || told.insert((tree.clone(), depth)) {
            let mut row = vec![tree, process.common_name(), depth.to_string().into_bytes()];
            row.extend(more.unwrap_or_else(|| vec![Vec::new(); MORE]));
            sink.push(row)?;
        }
    }
    Ok(())
}

/// A process and its ancestors, nearest first.
fn chain<'a>(process: &'a Running, by_id: &HashMap<i32, &'a Running>) -> Vec<&'a Running> {
    let mut chain = vec![process];
    let mut at = process;
    while let Some(parent) = by_id.get(&at.parent) {
        // A parent is older than its child; one that is not has the id of a parent that ended.
        if chain.len() > DEPTH_MAX || parent.pid == at.pid || parent.start_ticks > at.start_ticks {
            break;
        }
        chain.push(parent);
        at = parent;
    }
    chain
}

pub fn child_processes(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let wanted = request.parameter(0);
    let parents: HashMap<i32, Running> = walk::running(sink)?
        .into_iter()
        .filter(|r| r.is_called(wanted))
        .map(|r| (r.pid, r))
        .collect();
    if parents.is_empty() {
        return Ok(());
    }
    let notes = sink.notes();
    let owners = Owners::read(&notes);
    let mut told = HashSet::new();
    // Which of them cannot be looked at was noted by the first walk.
    for (seen, process) in walk::processes(&Notes::default())? {
        sink.check()?;
        let Some(parent) = parents.get(&seen.parent) else {
            continue;
        };
        let path = part(&notes, &process, "exe", Executable::of(&process)).flatten();
        let line = walk::command_line(&process, &notes);
        let user = status(&process, &notes).map(|status| owners.user(status.euid));
        if !seen.kernel && (user.is_none() || line.is_none() || path.is_none()) {
            walk::note_if_gone(&notes, &process);
        }
        let row = [
            parent.common_name(),
            seen.common_name(),
            path.map_or_else(Vec::new, |e| e.path),
            line.unwrap_or_default(),
            user.unwrap_or_default(),
        ];
        if !told.contains(&row) {
            sink.push(&row)?;
            told.insert(row);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: i32, parent: i32, start_ticks: u64) -> Running {
        Running {
            pid,
            parent,
            name: format!("p{pid}").into_bytes(),
            kernel: false,
            start_ticks,
            threads: 1,
            state: 'S',
            terminal: 0,
        }
    }

    #[test]
    fn circles_and_reused_ids_end_a_chain() {
        let all = [
            process(1, 0, 0),
            process(2, 1, 5),
            // Parents of each other, as a reused id can make them.
            process(3, 4, 7),
            process(4, 3, 7),
            // Its parent ended, and the id belongs to a younger process now.
            process(5, 6, 8),
            process(6, 1, 9),
        ];
        let by_id: HashMap<i32, &Running> = all.iter().map(|r| (r.pid, r)).collect();
        let ids =
            |at: usize| -> Vec<i32> { chain(&all[at], &by_id).iter().map(|r| r.pid).collect() };
        assert_eq!(ids(1), [2, 1]);
        assert_eq!(ids(4), [5]);
        assert_eq!(ids(5), [6, 1]);
        assert!(ids(2).len() <= DEPTH_MAX + 1);
    }
}
