//! The Cordon server: HTTP API, agent gateway, questions, identity, and the store under all of them.
//!
//! - [`model`]: the types that all rooms share.
//! - [`store`]: what is kept on disk, behind traits; `store::sqlite` implements them.
//! - [`audit`]: the log of who did what, as a hash chain that can be checked without a running server.
//! - [`auth`]: users, sessions, API tokens, and what each may do.
//! - [`catalogue`]: the sensors and groups that questions may name.
//! - [`content`]: packs that are imported, upgraded, rolled back and edited, and their files.
//! - [`identity`]: the server's own keys, endpoints and their certificates, enrolment.
//! - [`fleet`]: who is connected; [`gateway`]: how.
//! - [`mod@start`]: putting it all together.
//! - [`orders`]: numbers, signing and delivery of whatever endpoints shall do; [`questions`]: the life of a question, from asking to its kept answer.
//! - [`access`]: what roles, user groups and bounds come to; [`membership`]: who is in the computer groups that bound somebody.
//! - [`data`]: whether a data folder is whole; [`retention`]: what is old goes.
//! - [`http`]: the HTTPS port with the API and the console page; [`metrics`]: counts for Prometheus.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

pub mod access;
pub mod audit;
pub mod auth;
mod bucket;
pub mod catalogue;
pub mod content;
pub mod data;
mod files;
pub mod fleet;
pub mod gateway;
pub mod http;
pub mod identity;
pub mod membership;
pub mod metrics;
pub mod model;
mod names;
pub mod orders;
pub mod questions;
pub mod quota;
pub mod retention;
pub mod start;
pub mod store;
mod strangers;

pub use gateway::{Limits, Timing};
pub use start::{Config, Port, Running, Services, StartError, can_listen, start};
