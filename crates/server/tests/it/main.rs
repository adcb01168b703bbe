//! The server from outside: real TLS connections to its API.

mod api;
mod support;
