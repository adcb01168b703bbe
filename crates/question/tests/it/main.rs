//! Tests of the question language through its public interface.
mod basics;
mod catalogue;
mod complete;
mod corpus;
mod interpret;
mod laws;
mod meaning;
