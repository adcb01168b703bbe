//! What simulated machines answer: tables that suit the machine, with the columns that the catalogue declares.
//!
//! A table is made of records, lists of (column, cell), in any order. A column that a record does not have gets an empty cell, one that
//! is not declared is left out: the catalogue comes from elsewhere and may be older or newer than this module. A test holds the tables
//! to the catalogue of this build.

mod family;
mod host;
mod index;
mod network;
mod people;
mod processes;
mod software;

use crate::machine::Machine;
use question::ast::{Cell, Row, SensorCall};
use question::catalogue::Sensor;

/// Name of a column, and its cell.
pub(super) type Field = (&'static str, String);

/// One row before its columns are chosen.
pub(super) type Record = Vec<Field>;

/// Whom a table depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All machines of one kind answer the same.
    Kind,
    /// The machine alone.
    Own,
}

/// What a sensor's function gets besides the machine.
pub(super) struct Asked<'a> {
    pub(super) machine: &'a Machine,
    /// Values of all parameters, defaults among them.
    pub(super) parameters: &'a [String],
    /// Seconds since 1970.
    pub(super) now: i64,
}

type Make = fn(&Asked<'_>) -> Vec<Record>;

/// A table that this module can make.
pub(crate) struct Table {
    scope: Scope,
    /// The planted things that show in it.
    shows: fn(&Machine) -> bool,
    make: Make,
}

const fn kind(make: Make) -> Table {
    Table {
        scope: Scope::Kind,
        shows: |_| false,
        make,
    }
}

const fn own(make: Make) -> Table {
    Table {
        scope: Scope::Own,
        shows: |_| true,
        make,
    }
}

/// The table of a sensor, by canonical name; `None` when this fleet does not know it.
pub(crate) fn table(sensor: &str) -> Option<Table> {
    let programs =
        |m: &Machine| m.planted.rare_process || m.planted.altered_program || m.planted.odd_port;
    let files = |make| Table {
        scope: Scope::Kind,
        shows: programs,
        make,
    };
    Some(match sensor.to_lowercase().as_str() {
        "computer name" => own(host::computer_name),
        "computer id" => own(host::computer_id),
        "operating system" => kind(host::operating_system),
        "os version" => kind(host::os_version),
        "is linux" => kind(host::is_linux),
        "is windows" => kind(host::is_windows),
        "is mac" => kind(host::is_mac),
        "is virtual" => kind(host::is_virtual),
        "uptime" => own(host::uptime),
        "last reboot" => own(host::last_reboot),
        "cpu" => own(host::cpu),
        "ram" => kind(host::ram),
        "disk free" => own(host::disk_free),
        "custom tags" => own(host::custom_tags),
        "agent version" => kind(host::agent_version),
        "ip address" => own(network::ip_address),
        "mac address" => own(network::mac_address),
        "dns servers" => kind(network::dns_servers),
        "established connections" => own(network::established),
        "listen ports" => Table {
            scope: Scope::Kind,
            shows: |m| m.planted.odd_port,
            make: network::listen_ports,
        },
        "running processes" => Table {
            scope: Scope::Kind,
            shows: programs,
            make: processes::running,
        },
        "running processes with hash" => Table {
            scope: Scope::Kind,
            shows: programs,
            make: processes::running_with_hash,
        },
        "process details" => own(family::details),
        "process tree" => own(family::tree),
        "logged in users" => own(people::logged_in),
        "local users" => Table {
            scope: Scope::Kind,
            shows: |m| m.planted.extra_admin,
            make: people::local_users,
        },
        "local administrators" => Table {
            scope: Scope::Kind,
            shows: |m| m.planted.extra_admin,
            make: people::local_administrators,
        },
        "installed applications" => kind(software::installed),
        "service details" => kind(software::services),
        "index status" => kind(index::status),
        "index status details" => own(index::status_details),
        "index has latest tools" => kind(index::latest_tools),
        "index query file path using name" => files(index::paths),
        "index query file path and hash" => files(index::paths_and_hashes),
        "index query file exists" => files(index::exists),
        "index query file hash recently changed" => files(index::hash_recently_changed),
        "index query file count" => files(index::count),
        "index query file permissions" => files(index::permissions),
        "index query file details" => files(index::details),
        "index query file details using name" => files(index::details),
        "index query file details by last modified" => files(index::details_by_last_modified),
        "index query file details using name sort by largest" => files(index::details_by_size),
        "index query find blacklist matches" => files(index::blacklist_matches),
        "index query first seen" => files(index::first_seen),
        "index query new executables since" => files(index::new_executables),
        "index query magic mismatch" => files(index::magic_mismatch),
        "index query timestomped" => files(index::timestomped),
        _ => return None,
    })
}

impl Table {
    /// Whether this machine's rows are those of its kind.
    pub(crate) fn scope(&self, machine: &Machine) -> Scope {
        if self.scope == Scope::Kind && (self.shows)(machine) {
            Scope::Own
        } else {
            self.scope
        }
    }

    /// The rows, in the columns of the declaration.
    pub(crate) fn rows(
        &self,
        sensor: &Sensor,
        call: &SensorCall,
        machine: &Machine,
        now: i64,
    ) -> Vec<Row> {
        let parameters = &sensor.parameter_values(&call.parameters);
        let records = (self.make)(&Asked {
            machine,
            parameters,
            now,
        });
        records
            .into_iter()
            .map(|record| row(sensor, record))
            .collect()
    }
}

fn row(sensor: &Sensor, mut record: Record) -> Row {
    sensor
        .columns
        .iter()
        .map(|column| {
            record
                .iter_mut()
                .find(|(name, _)| name.eq_ignore_ascii_case(&column.name))
                .map_or_else(Cell::default, |(_, cell)| {
                    std::mem::take(cell).into_bytes().into()
                })
        })
        .collect()
}

/// The last part of a path of any system.
pub(super) fn last_part(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// A moment as cells show it.
pub(super) fn moment(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| String::new(), |t| t.to_string())
}

/// When the machine started, seconds since 1970: up to 40 days before a fixed point of the current week, so that it stays the same
/// from one question to the next.
pub(super) fn booted(machine: &Machine, now: i64) -> i64 {
    let week = now - now.rem_euclid(7 * 86_400);
    week - i64::try_from(machine.own(20) % (40 * 86_400)).unwrap_or(0)
}

/// A share of `most`, drawn for this machine and purpose.
pub(super) fn part(machine: &Machine, purpose: u64, least: u64, most: u64) -> u64 {
    least + machine.own(purpose) % (most - least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{Planted, RELEASES};
    use question::catalogue::{Rows, ValueType};
    use std::collections::BTreeSet;

    #[test]
    fn columns_are_found_by_name_and_unknown_ones_are_empty() {
        let sensor = ["Hash", "Colour", "process"]
            .iter()
            .fold(Sensor::new("X", "Test", "X."), |sensor, name| {
                sensor.column(name, ValueType::Text, "X.")
            });
        let record = vec![
            ("Process", "sshd".to_owned()),
            ("More", "?".to_owned()),
            ("Hash", "ab".to_owned()),
        ];
        assert_eq!(
            row(&sensor, record),
            ["ab", "", "sshd"].map(|c| Cell::from(c.as_bytes()))
        );
    }

    /// Names that [`table`] knows.
    const TABLES: usize = 47;

    /// A machine of each release and role, plain and with everything planted.
    fn machines() -> Vec<Machine> {
        let mut kinds = BTreeSet::new();
        let mut found = Vec::new();
        for n in 0..4000 {
            let mut machine = Machine::new(7, n);
            if kinds.insert(machine.kind()) {
                found.push(machine);
                machine.planted = Planted {
                    rare_process: true,
                    altered_program: true,
                    odd_port: true,
                    extra_admin: true,
                };
                found.push(machine);
            }
        }
        let releases: BTreeSet<&str> = found.iter().map(|m| m.release().name).collect();
        assert_eq!(releases.len(), RELEASES.len());
        found
    }

    /// Every table has the columns that its sensor declares, no more and no less, and cells that read as their types.
    #[test]
    fn every_table_is_what_the_catalogue_declares() {
        let (catalogue, machines) = (sensors::catalogue(), machines());
        let mut known = 0;
        let mut differ = BTreeSet::new();
        for sensor in catalogue.sensors() {
            let Some(table) = table(&sensor.name) else {
                continue;
            };
            known += 1;
            let parameters = sensor.parameter_values(&[]);
            let columns: BTreeSet<&str> = sensor.columns.iter().map(|c| c.name.as_str()).collect();
            let mut most = 0;
            for machine in &machines {
                let now = 1_800_000_000;
                let records = (table.make)(&Asked {
                    machine,
                    parameters: &parameters,
                    now,
                });
                most = most.max(records.len());
                if sensor.rows == Rows::One {
                    assert_eq!(records.len(), 1, "{}", sensor.name);
                }
                for record in &records {
                    let named: BTreeSet<&str> = record.iter().map(|(name, _)| *name).collect();
                    let missing: Vec<_> = columns.difference(&named).collect();
                    let unknown: Vec<_> = named.difference(&columns).collect();
                    if !missing.is_empty() || !unknown.is_empty() {
                        differ.insert(format!(
                            "{}: without {missing:?}, with {unknown:?}",
                            sensor.name
                        ));
                    }
                    assert_eq!(named.len(), record.len(), "{}", sensor.name);
                }
                for cells in records.into_iter().map(|record| row(sensor, record)) {
                    for (cell, column) in cells.iter().zip(&sensor.columns) {
                        let text = question::cell::text(cell);
                        let read = question::value::parse_check(&text, column.value_type);
                        assert!(
                            text.is_empty() || read.is_ok(),
                            "{}:{} {text:?}: {read:?}",
                            sensor.name,
                            column.name
                        );
                        // As agents print them, not merely in a form that can be read.
                        let suits = match column.value_type {
                            ValueType::DateTime => text.is_empty() || text.ends_with('Z'),
                            ValueType::Duration => text.ends_with('s'),
                            ValueType::Boolean => matches!(&*text, "True" | "False"),
                            ValueType::DataSize => text.bytes().all(|b| b.is_ascii_digit()),
                            _ => true,
                        };
                        assert!(suits, "{}:{} {text:?}", sensor.name, column.name);
                    }
                }
            }
            assert!(most > 0, "no machine has a row of {}", sensor.name);
        }
        assert!(differ.is_empty(), "{differ:#?}");
        assert_eq!(known, TABLES, "a table has no sensor in the catalogue");
    }

    /// Machines that share a table have it in common: what is their own has no say in it.
    #[test]
    fn what_machines_of_a_kind_share_is_the_same_on_all_of_them() {
        let catalogue = sensors::catalogue();
        let mut first: std::collections::HashMap<u32, Machine> = std::collections::HashMap::new();
        for n in 0..400 {
            let machine = Machine::new(7, n);
            let other = *first.entry(machine.kind()).or_insert(machine);
            for sensor in catalogue.sensors() {
                let Some(table) = table(&sensor.name) else {
                    continue;
                };
                if table.scope(&machine) == Scope::Kind {
                    let parameters = &sensor.parameter_values(&[]);
                    let of = |machine| {
                        (table.make)(&Asked {
                            machine,
                            parameters,
                            now: 1_800_000_000,
                        })
                    };
                    assert_eq!(of(&machine), of(&other), "{}", sensor.name);
                }
            }
        }
    }
}
