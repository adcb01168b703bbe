//! Changes as the kernel reports them, on file systems made for the test.

mod current;
mod ground;
mod moving;
mod operations;
mod storm;
mod watching;
