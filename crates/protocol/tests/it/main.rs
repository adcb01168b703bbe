//! What the protocol promises: frames are bounded, unknown messages are skipped, and no wrong order is obeyed.

mod frames;
mod orders;
mod revocations;
mod sealing;
mod tokens;
