//! Tests of the question language through its public interface.
mod basics;
mod catalogue;
