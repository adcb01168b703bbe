//! Laws of rights, against a plain model that asks every rule each time.

mod laws;
