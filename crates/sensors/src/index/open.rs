//! The database of this endpoint's Index, or why it cannot be asked.

use super::state;
use crate::framework::{LimitHit, Request, SensorError, Sink, Watch};
use ::index::config::Config;
use ::index::home::Home;
use ::index::lists::{HashList, Which};
use ::index::matching::matched_against;
use ::index::query::{self, Filter, Record};
use ::index::status::State;
use ::index::store::{self, StoreError};
use rusqlite::Connection;
use std::ops::ControlFlow;

/// Steps of the database's machine between two looks at the limits: about a millisecond.
const STEPS: i32 = 100_000;
/// Records between two looks when none becomes a row.
const RECORDS: u32 = 256;

/// The database, open for reading.
pub(super) struct Opened {
    pub connection: Connection,
    home: Home,
    watch: Watch,
}

fn unready(
    state: State,
    advice: impl Into<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
) -> SensorError {
    SensorError::Index {
        state: state.name(),
        advice: advice.into(),
        source,
    }
}

/// The state of the Index as an error, where the state is why there is nothing to ask.
fn not_inventoried(home: &Home) -> SensorError {
    let status = match state::current(home) {
        Ok(status) => status,
        Err(error) => return error,
    };
    let advice = match status.state {
        State::NotInstalled | State::MissingConfigFile => {
            "this endpoint has no Index; give it a configuration with `cordon index config FILE`"
        }
        State::NotRunning | State::Stopped => {
            "no inventory of this endpoint was finished, and none is under way; start it with `cordon index start`"
        }
        State::OldDatabase => {
            "the database cannot be asked; delete it with `cordon index delete-database`"
        }
        State::CpuViolations
        | State::LowDiskSpace
        | State::DatabaseError
        | State::PausedOnBattery => {
            "no inventory of this endpoint was finished; Index Status Details tells more"
        }
        State::WaitingForFolder => {
            "no folder that is to be indexed is there; Index Status Details tells more"
        }
        State::Starting
        | State::Indexing
        | State::Reindexing
        | State::Checking
        | State::Hashing
        | State::Monitoring
        | State::Waiting => {
            "the first inventory of this endpoint is not finished; ask again when Index Status says so"
        }
    };
    unready(status.state, advice, None)
}

fn failed(error: StoreError) -> SensorError {
    unready(
        State::DatabaseError,
        "the database of the Index cannot be asked",
        Some(Box::new(error)),
    )
}

fn interrupted(error: &StoreError) -> bool {
    matches!(error, StoreError::Statement { source, .. }
        if source.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted))
}

fn out_of_memory(error: &StoreError) -> bool {
    matches!(error, StoreError::Statement { source, .. }
        if source.sqlite_error_code() == Some(rusqlite::ErrorCode::OutOfMemory))
}

impl Opened {
    /// Opens the database when it can answer.
    pub fn of(request: &Request, sink: &Sink) -> Result<Self, SensorError> {
        let home = state::home(request);
        state::entered(&home)?;
        let making = || home.running().is_ok_and(|pid| pid.is_some());
        let opened = store::open_finished(&home.database(), making).map_err(failed)?;
        let Some(mut connection) = opened else {
            return Err(not_inventoried(&home));
        };
        let watch = sink.watch();
        let asked = sink.watch();
        connection
            .progress_handler(STEPS, Some(move || asked.check().is_err()))
            .map_err(|source| {
                failed(StoreError::Statement {
                    doing: "watch over a search",
                    source,
                })
            })?;
        Ok(Self {
            connection,
            home,
            watch,
        })
    }

    /// The error of a search: a limit where a limit ended it.
    pub fn error(&self, error: StoreError) -> SensorError {
        if interrupted(&error) {
            return SensorError::Limit(self.watch.check().err().unwrap_or(LimitHit::Wall));
        }
        if out_of_memory(&error) {
            return LimitHit::Memory.into();
        }
        failed(error)
    }

    /// Calls `each` with every record of the filter until it breaks or fails.
    pub fn find(
        &self,
        filter: &Filter,
        each: &mut dyn FnMut(Record) -> Result<ControlFlow<()>, SensorError>,
    ) -> Result<(), SensorError> {
        let mut outcome = Ok(());
        let mut since = 0;
        let found = query::find(&self.connection, filter, &mut |record| {
            since += 1;
            if since >= RECORDS {
                since = 0;
                if let Err(hit) = self.watch.check() {
                    outcome = Err(hit.into());
                    return ControlFlow::Break(());
                }
            }
            each(record).unwrap_or_else(|error| {
                outcome = Err(error);
                ControlFlow::Break(())
            })
        });
        outcome?;
        found.map_err(|error| self.error(error))
    }

    /// Fails where permissions are not recorded, or were not to the end since the setting was changed.
    pub fn needs_permissions(&self) -> Result<(), SensorError> {
        let text: Option<String> =
            store::fact(&self.connection, "configuration").map_err(|error| self.error(error))?;
        let wanted = text.is_some_and(|text| Config::read(text).0.scan_file_permissions);
        let recorded =
            query::permissions_recorded(&self.connection).map_err(|error| self.error(error))?;
        let advice = match (wanted, recorded) {
            (true, true) => return Ok(()),
            (true, false) => {
                "permissions are being recorded since ScanFilePermissions was set; ask again when the Index has looked at every file"
            }
            (false, _) => {
                "permissions are not recorded on this endpoint; set ScanFilePermissions=true in the configuration of the Index"
            }
        };
        let state = state::current(&self.home)?.state;
        Err(unready(state, advice, None))
    }

    /// Fails where there is no blacklist, or where the one there is was not compared with the database yet.
    pub fn needs_blacklist(&self) -> Result<(), SensorError> {
        let path = Which::Blacklist.path(&self.home);
        let state = state::current(&self.home)?.state;
        if !path.is_file() {
            return Err(unready(
                state,
                "this endpoint has no blacklist; give it one with `cordon index blacklist FILE`",
                None,
            ));
        }
        // What is known to be good is told beside each match.
        for which in [Which::Blacklist, Which::KnownGood] {
            let path = which.path(&self.home);
            if !path.is_file() {
                continue;
            }
            let list = HashList::open(&path).map_err(|error| {
                unready(
                    state,
                    "a list of hashes of this endpoint cannot be read",
                    Some(Box::new(error)),
                )
            })?;
            let compared =
                matched_against(&self.connection, which).map_err(|error| self.error(error))?;
            if compared != Some(list.checksum()) {
                return Err(unready(
                    state,
                    "the lists of hashes were not compared with the files yet; ask again in a moment, with the Index running",
                    None,
                ));
            }
        }
        Ok(())
    }
}
