//! The Index: every file of an endpoint in SQLite, kept current.
//!
//! Works alone (`cordon index …`), without any server. The parts, from the disk up:
//!
//! - [`mounts`] chooses the file systems, [`ground`] says what there is to index now, [`walk`] reads its directories,
//!   [`entry`] is what is known of a file, [`times`] how its times are kept;
//!   [`extended`] adds attributes and capabilities, [`principals`] the names of owners and groups;
//! - [`store`] is the database, [`engine`] the one thread that writes it;
//! - [`inventory`] finds the difference between disk and database, [`hashpass`] reads what waits for its hashes,
//!   [`scan`] makes a round of both, [`round`] with everything that the configuration says;
//! - [`changes`] tells what happens on the disk, [`live`] applies it; [`matching`] looks each hash up in [`lists`];
//! - [`stop`] ends what is at work, [`stuck`] keeps a file system that does not answer from stopping all this;
//! - [`service`] is the process that does all this in its [`home`], [`status`] what it says of itself;
//! - [`config`] is what the administrator set, [`lists`] the hashes to look for or to subtract;
//!   [`throttle`] keeps the process to its share, [`log`] tells what it does;
//! - [`image`] fills the same database from the image of a disk;
//! - [`query`] asks, with the patterns of [`glob`]; [`export`] gives everything to other tools; [`verify`] compares the database
//!   with the disk; [`mod@bench`] measures what all this takes on a machine.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

pub mod bench;
pub mod changes;
pub mod config;
pub mod digest_state;
pub mod engine;
pub mod entry;
pub mod export;
pub mod extended;
pub mod glob;
pub mod ground;
pub mod hashpass;
pub mod home;
pub mod image;
pub mod inventory;
pub mod lists;
pub mod live;
pub mod log;
pub mod matching;
pub mod mounts;
pub mod principals;
pub mod query;
pub mod round;
pub mod scan;
pub mod service;
pub mod status;
pub mod stop;
pub mod store;
pub mod stuck;
pub mod text;
pub mod throttle;
pub mod verify;
pub mod walk;

pub use volumes::times;
