//! Simulated endpoints.
