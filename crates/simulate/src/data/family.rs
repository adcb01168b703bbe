//! Which process was started by which on a simulated machine, so that its trees make sense: threads of the kernel below the first of
//! them, workers below their master, what a user starts below the user's desktop, what was planted below what lets in.

use super::processes::{Process, command, hash, processes, shown};
use super::{Asked, Record, booted, moment};
use crate::machine::{Machine, System};

/// Who starts a program, by name; what is not listed is started by the first process.
const STARTED_BY: &[(&str, &str)] = &[
    ("qmgr", "master"),
    ("git", "runner"),
    ("make", "runner"),
    ("cc1plus", "make"),
    ("pause", "containerd-shim-runc-v2"),
    ("coredns", "containerd-shim-runc-v2"),
    ("node_exporter", "containerd-shim-runc-v2"),
    ("gnome-shell", "gdm"),
    ("Xwayland", "gnome-shell"),
    ("firefox", "gnome-shell"),
    ("kworkerd-sync", "sshd"),
    ("mdworkerd", "Finder"),
    ("smss.exe", "System"),
    ("ControlCenter", "launchd"),
    ("updater", "sshd"),
    ("updater.exe", "services.exe"),
    ("csrss.exe", "smss.exe"),
    ("wininit.exe", "smss.exe"),
    ("winlogon.exe", "smss.exe"),
    ("services.exe", "wininit.exe"),
    ("lsass.exe", "wininit.exe"),
    ("fontdrvhost.exe", "winlogon.exe"),
    ("dwm.exe", "winlogon.exe"),
    ("explorer.exe", "winlogon.exe"),
    ("svchost.exe", "services.exe"),
    ("spoolsv.exe", "services.exe"),
    ("SearchIndexer.exe", "services.exe"),
    ("MsMpEng.exe", "services.exe"),
    ("cordon.exe", "services.exe"),
    ("dns.exe", "services.exe"),
    ("dfsrs.exe", "services.exe"),
    ("ismserv.exe", "services.exe"),
    ("inetinfo.exe", "services.exe"),
    ("WmiPrvSE.exe", "svchost.exe"),
    ("dllhost.exe", "svchost.exe"),
    ("sihost.exe", "svchost.exe"),
    ("taskhostw.exe", "svchost.exe"),
    ("ctfmon.exe", "svchost.exe"),
    ("w3wp.exe", "svchost.exe"),
    ("firefox.exe", "explorer.exe"),
    ("OUTLOOK.EXE", "explorer.exe"),
    ("msedge.exe", "explorer.exe"),
    ("OneDrive.exe", "explorer.exe"),
    ("svch0st.exe", "explorer.exe"),
];

/// Where a process stands.
pub(super) struct Member {
    /// Its id.
    pub(super) id: u64,
    /// Its parent's place in the list; none for the first process and the first thread of the kernel.
    pub(super) parent: Option<usize>,
}

/// Ids and parents of these processes, in their order.
pub(super) fn members(machine: &Machine, list: &[Process]) -> Vec<Member> {
    let first = match machine.system() {
        System::Linux => "systemd",
        System::Windows => "System",
        System::MacOs => "launchd",
    };
    let place = |name: &str| list.iter().position(|p| p.name == name);
    let top = place(first);
    let kernel = place("kthreadd");
    let mut id = 2;
    let each = list.iter().enumerate().map(|(at, process)| {
        id += 1 + machine.own(80 + id) % 40;
        let parent = if process.path.is_empty() && kernel.is_some() {
            kernel
        } else {
            // A second one of a name is a worker of the first.
            let master = place(&process.name).filter(|first| *first < at);
            let by = STARTED_BY.iter().find(|(name, _)| *name == process.name);
            let starter = by.and_then(|(_, by)| place(by));
            master
                .filter(|_| process.name != "svchost.exe")
                .or(starter)
                .or(top)
        };
        Member {
            id: match Some(at) {
                at if at == top && machine.system() == System::Windows => 4,
                at if at == top => 1,
                at if at == kernel => 2,
                _ => id,
            },
            parent: parent.filter(|parent| *parent != at),
        }
    });
    each.collect()
}

/// `Process Details`.
pub(super) fn details(asked: &Asked<'_>) -> Vec<Record> {
    let machine = asked.machine;
    let booted = booted(machine, asked.now);
    let list = processes(machine);
    let members = members(machine, &list);
    (0_i64..)
        .zip(list.iter().zip(&members))
        .map(|(at, (process, member))| {
            let parent = member.parent.and_then(|parent| members.get(parent));
            vec![
                ("Process ID", member.id.to_string()),
                (
                    "Parent Process ID",
                    parent.map_or(0, |parent| parent.id).to_string(),
                ),
                ("Process", process.name.clone()),
                ("User", process.user.to_owned()),
                ("Start Time", moment(booted + at)),
                ("Command Line", command(process)),
                ("Path", process.path.clone()),
                (
                    "Deleted",
                    if process.content == "rare" {
                        "True"
                    } else {
                        "False"
                    }
                    .to_owned(),
                ),
                ("Hash", hash(asked, process)),
            ]
            .into_iter()
            .chain(ON_REQUEST.map(|column| (column, String::new())))
            .collect()
        })
        .collect()
}

/// Columns that are empty unless they are asked for.
const ON_REQUEST: [&str; 10] = [
    "State",
    "Threads",
    "Terminal",
    "Working Folder",
    "Chroot",
    "Control Group",
    "Container",
    "Namespaces",
    "Capabilities",
    "Tracer",
];

/// `Process Tree`.
pub(super) fn tree(asked: &Asked<'_>) -> Vec<Record> {
    let machine = asked.machine;
    let whole = asked
        .parameters
        .first()
        .is_some_and(|columns| columns.eq_ignore_ascii_case("All"));
    let booted = booted(machine, asked.now);
    let list = processes(machine);
    let members = members(machine, &list);
    let chain = |at: usize| {
        let mut chain = vec![at];
        let mut from = at;
        while let Some(parent) = members.get(from).and_then(|member| member.parent) {
            chain.push(parent);
            from = parent;
        }
        chain.reverse();
        chain
    };
    let mut chains: Vec<Vec<usize>> = (0..list.len()).map(chain).collect();
    chains.sort_unstable();
    let mut records = Vec::new();
    let mut told = std::collections::HashSet::new();
    for chain in &chains {
        let names: Vec<String> = chain
            .iter()
            .filter_map(|at| list.get(*at).map(shown))
            .collect();
        let Some(((at, process), member)) = chain
            .last()
            .and_then(|at| Some(((*at, list.get(*at)?), members.get(*at)?)))
        else {
            continue;
        };
        let mut record = vec![
            ("Tree", names.join(" > ")),
            ("Process", shown(process)),
            ("Depth", names.len().saturating_sub(1).to_string()),
        ];
        let parent = member.parent.and_then(|parent| members.get(parent));
        let more = [
            ("Process ID", member.id.to_string()),
            (
                "Parent Process ID",
                parent.map_or(0, |parent| parent.id).to_string(),
            ),
            ("User", process.user.to_owned()),
            (
                "Start Time",
                moment(booted + i64::try_from(at).unwrap_or(0)),
            ),
            ("Command Line", command(process)),
        ];
        let empty = |(column, cell)| (column, if whole { cell } else { String::new() });
        record.extend(more.map(empty));
        if whole || told.insert(record.clone()) {
            records.push(record);
        }
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_process_of_every_kind_of_machine_has_its_place_below_the_first() {
        for n in 0..60 {
            let machine = Machine::new(1, n);
            let list = processes(&machine);
            let members = members(&machine, &list);
            let ids: BTreeSet<u64> = members.iter().map(|m| m.id).collect();
            assert_eq!(ids.len(), list.len(), "an id twice");
            let roots: Vec<&str> = list
                .iter()
                .zip(&members)
                .filter(|(_, member)| member.parent.is_none())
                .map(|(process, _)| process.name.as_str())
                .collect();
            let wanted: &[&str] = match machine.system() {
                System::Linux => &["systemd", "kthreadd"],
                System::Windows => &["System"],
                System::MacOs => &["launchd"],
            };
            assert_eq!(roots, wanted);
            let parameters = ["All".to_owned()];
            let rows = tree(&Asked {
                machine: &machine,
                parameters: &parameters,
                now: 1_800_000_000,
            });
            assert_eq!(rows.len(), list.len());
            let mut above: Vec<String> = Vec::new();
            for row in rows {
                let cell = |name: &str| {
                    let field = row.iter().find(|(column, _)| *column == name);
                    field.map(|(_, cell)| cell.clone()).unwrap()
                };
                let depth: usize = cell("Depth").parse().unwrap();
                above.truncate(depth);
                assert_eq!(above.len(), depth, "{row:?}");
                if let Some(parent) = above.last() {
                    assert_eq!(*parent, cell("Parent Process ID"), "{row:?}");
                }
                above.push(cell("Process ID"));
            }
        }
    }
}
