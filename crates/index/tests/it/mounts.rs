//! File systems that come, go, cover each other and are swapped while they are indexed.
//!
//! [`model`] is the proof: a process of its own, in a mount namespace of its own, walks at random through everything that
//! can be done with mounts and files, and again and again `verify` must find nothing. What once went wrong is told one by
//! one in [`cases`], and what is there between two looks in [`moments`].

mod cases;
mod model;
mod moments;
mod stage;
