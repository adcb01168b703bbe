//! All files of a folder, as the Index reads them: `cargo run --release -p hashing --example tree -- FOLDER [threads] [parts]`, where `parts` is one of `none`, `open`,
//! `md5`, `sha`, `all` (the default) and `blake3`. With `mismatch` in place of the threads it prints the files whose content does not fit their extension, with `types`
//! the content type of each, with `sums` MD5, SHA-1 and SHA-256 of each.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

#[cfg(target_os = "linux")]
mod linux;

fn main() {
    #[cfg(target_os = "linux")]
    linux::main();
    #[cfg(not(target_os = "linux"))]
    println!("measured on Linux only");
}
