//! What the Index of the endpoint knows: every file by name, size, hash and magic number, without looking at the disk.
//!
//! The engine is the crate `index`; a process of its own keeps its database ([`::index::service`]), and these sensors
//! only read it. [`declare`] says what can be asked, [`open`] finds the database or says why there is none to ask,
//! [`search`] turns parameters into a search, [`rows`] and [`status`] make the cells.
//!
//! Two rules hold for all of them. An endpoint whose Index cannot answer never gives an empty answer, which would read
//! as "no such file": it gives the state in the words of Index Status, and what helps. And sensors that lead into a
//! search (paths, existence, counts) show nothing that differs from endpoint to endpoint by nature, such as times, so
//! that the same file on a thousand endpoints is one row; times are in the sensors with Details in their names.
//!
//! Nothing is kept between two questions (`max_age` 0): the database is the cache, and it is seconds old.

mod declare;
mod keys;
mod open;
mod pattern;
mod rows;
mod search;
mod state;
mod status;

use crate::framework::Entry;

const CATEGORY: &str = "Index";

/// The sensors of this family.
pub const SENSORS: &[Entry] = &[
    Entry {
        declare: declare::status,
        collect: status::status,
    },
    Entry {
        declare: declare::status_details,
        collect: status::details,
    },
    Entry {
        declare: declare::has_latest_tools,
        collect: status::latest_tools,
    },
    Entry {
        declare: declare::path_using_name,
        collect: search::paths,
    },
    Entry {
        declare: declare::path_and_hash,
        collect: search::paths_and_hashes,
    },
    Entry {
        declare: declare::exists,
        collect: search::exists,
    },
    Entry {
        declare: declare::hash_recently_changed,
        collect: search::hash_recently_changed,
    },
    Entry {
        declare: declare::count,
        collect: search::count,
    },
    Entry {
        declare: declare::permissions,
        collect: search::permissions,
    },
    Entry {
        declare: declare::details,
        collect: search::details,
    },
    Entry {
        declare: declare::details_using_name,
        collect: search::details,
    },
    Entry {
        declare: declare::details_by_last_modified,
        collect: search::details_by_last_modified,
    },
    Entry {
        declare: declare::details_sort_by_largest,
        collect: search::details_by_size,
    },
    Entry {
        declare: declare::blacklist_matches,
        collect: search::blacklist_matches,
    },
    Entry {
        declare: declare::first_seen,
        collect: search::first_seen,
    },
    Entry {
        declare: declare::new_executables_since,
        collect: search::new_executables,
    },
    Entry {
        declare: declare::magic_mismatch,
        collect: search::magic_mismatch,
    },
    Entry {
        declare: declare::timestomped,
        collect: search::timestomped,
    },
];
