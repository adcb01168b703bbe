//! Sensors against the system's own tools on the machine that runs the tests.

mod ask;
mod processes;
