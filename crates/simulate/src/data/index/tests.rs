use super::*;
use crate::data::processes::{processes, running_with_hash};
use crate::machine::{Machine, Planted};
use std::collections::BTreeMap;

const NOW: i64 = 1_800_000_000;

/// What a sensor says with these parameters, by column; `*` in place of those that are not given.
fn told(
    machine: &Machine,
    make: fn(&Asked<'_>) -> Vec<Record>,
    parameters: &[&str],
) -> Vec<BTreeMap<&'static str, String>> {
    let parameters: Vec<String> = parameters.iter().map(|p| (*p).to_owned()).collect();
    let records = make(&Asked {
        machine,
        parameters: &parameters,
        now: NOW,
    });
    records
        .into_iter()
        .map(|r| r.into_iter().collect())
        .collect()
}

/// All of a search.
const ALL: [&str; 8] = ["*", "*", "*", "*", "*", "*", "*", "0"];

fn machines() -> Vec<Machine> {
    let planted = |mut machine: Machine| {
        machine.planted = Planted {
            rare_process: true,
            altered_program: true,
            odd_port: true,
            extra_admin: true,
        };
        [Machine::new(7, machine.n), machine]
    };
    (0..120)
        .map(|n| Machine::new(7, n))
        .flat_map(planted)
        .collect()
}

#[test]
fn what_runs_is_in_the_index_with_the_same_hash() {
    for machine in machines() {
        let index: BTreeMap<String, String> = told(&machine, paths_and_hashes, &ALL)
            .into_iter()
            .map(|row| (row["Path"].clone(), row["SHA256"].clone()))
            .collect();
        for row in told(&machine, running_with_hash, &["SHA256"]) {
            let path = row["Path"].replace('\\', "/");
            assert_eq!(index.get(&path), Some(&row["Hash"]), "{path}");
        }
        assert!(index.len() > processes(&machine).len() / 4);
    }
}

#[test]
fn each_file_is_found_by_what_is_told_of_it() {
    for machine in machines().into_iter().take(12) {
        let count = &told(&machine, count, &ALL[..7])[0]["Count"];
        let all = told(&machine, details, &ALL);
        assert_eq!(*count, all.len().to_string());
        assert_eq!(told(&machine, status_details, &[])[0]["Entries"], *count);
        for row in &all {
            let path = row["Path"].as_str();
            let (directory, name) = path.rsplit_once('/').expect("a directory");
            let by = [
                directory,
                name,
                &row["Size"],
                &row["MD5"],
                &row["SHA1"].to_uppercase(),
                &row["SHA256"],
                &row["Magic Number"].to_lowercase(),
                "1",
            ];
            let found = told(&machine, paths, &by);
            assert_eq!(found.len(), 1, "{by:?}");
            assert_eq!(found[0]["Path"], path);
            assert_eq!(told(&machine, exists, &by)[0]["Exists"], "Yes");
            assert!(row["First Seen"] >= row["Created"], "{row:?}");
            assert!(row["Metadata Changed"] >= row["Content Changed"], "{row:?}");
        }
        assert_eq!(told(&machine, exists, &["/none/*"])[0]["Exists"], "No");
        let sizes: Vec<u64> = told(&machine, details_by_size, &ALL)
            .iter()
            .map(|row| row["Size"].parse().expect("a number"))
            .collect();
        assert!(sizes.is_sorted_by(|a, b| a >= b), "{sizes:?}");
    }
}

#[test]
fn what_was_planted_is_what_a_hunter_finds() {
    for machine in machines() {
        let planted = machine.planted != Planted::default();
        let some = |make, parameters: &[&str]| told(&machine, make, parameters);
        let matches = some(blacklist_matches, &[]);
        assert_eq!(matches.len(), usize::from(planted));
        let new = some(first_seen, &["24", "*", "*", "0"]);
        assert_eq!(new.is_empty(), !planted);
        let executables = some(new_executables, &["2027-01-14", "*", "*", "0"]);
        assert_eq!(executables.is_empty(), !planted, "{executables:?}");
        assert_eq!(
            some(magic_mismatch, &["*", "*", "0"]).len(),
            usize::from(planted)
        );
        assert_eq!(
            some(timestomped, &["*", "*", "0"]).len(),
            usize::from(planted)
        );
        let changed = ["*", "*", "*", "*", "*", "*", "*", "24", "0", "1"];
        let changed = some(hash_recently_changed, &changed);
        let altered: usize = processes(&machine)
            .iter()
            .map(|process| usize::from(process.content == "altered"))
            .sum();
        assert_eq!(changed.is_empty(), altered == 0);
        for row in changed {
            assert_ne!(row["Former SHA256"], row["SHA256"]);
            assert_ne!(row["Former MD5"], row["MD5"]);
        }
        for row in matches {
            let new = new.iter().find(|n| n["Path"] == row["Path"]);
            assert_eq!(new.map(|n| &n["SHA256"]), Some(&row["Hash"]));
        }
    }
}

#[test]
fn letters_of_permissions_are_those_of_ls() {
    for (mode, expected) in [
        (0o644, "-rw-r--r--"),
        (0o4755, "-rwsr-xr-x"),
        (0o2644, "-rw-r-Sr--"),
        (0o1777, "-rwxrwxrwt"),
    ] {
        assert_eq!(letters(mode), expected);
    }
}
