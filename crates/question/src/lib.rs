//! The question language of Cordon.
pub mod ast;
pub mod catalogue;
