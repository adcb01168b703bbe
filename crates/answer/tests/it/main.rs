//! Tests of merging answers through the public interface.

mod laws;
mod model;
mod reading;
mod spilling;
