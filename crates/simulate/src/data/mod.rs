//! What simulated machines answer: tables that suit the machine, with the columns that the catalogue declares.
//!
//! A table is made of records, lists of (column, cell). Columns are matched by name, letters and digits only, without regard to case; a
//! column that a record does not have gets an empty cell. So the catalogue may grow without this module, and the other way round.

mod host;
mod network;
mod people;
mod processes;
mod software;

use crate::machine::Machine;
use question::ast::{Cell, Row, SensorCall};
use question::catalogue::Sensor;

/// Names for one column, then its cell.
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
    let programs = |m: &Machine| m.planted.rare_process || m.planted.altered_program;
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
        "cpu" => kind(host::cpu),
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
        "process details" => own(processes::details),
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
        let wanted: Vec<String> = sensor.columns.iter().map(|c| plain(&c.name)).collect();
        records
            .into_iter()
            .map(|record| row(&wanted, &record))
            .collect()
    }
}

fn row(wanted: &[String], record: &Record) -> Row {
    // A table of one column is not a matter of names.
    if let ([_], [(_, cell), ..]) = (wanted, record.as_slice()) {
        return vec![cell.as_bytes().into()];
    }
    wanted
        .iter()
        .map(|column| {
            record
                .iter()
                .find(|(names, _)| names.split('|').any(|name| plain(name) == *column))
                .map_or_else(Cell::default, |(_, cell)| cell.as_bytes().into())
        })
        .collect()
}

fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
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

    #[test]
    fn columns_are_found_by_name_and_unknown_ones_are_empty() {
        let record = vec![
            ("Name|Process Name", "sshd".to_owned()),
            ("SHA-256", "ab".to_owned()),
        ];
        let wanted = ["sha256", "colour", "processname"].map(String::from);
        assert_eq!(
            row(&wanted, &record),
            ["ab", "", "sshd"].map(|c| Cell::from(c.as_bytes()))
        );
        assert_eq!(
            row(&wanted[1..2], &record),
            [Cell::from(&b"sshd"[..])],
            "the only column takes the first cell"
        );
    }
}
