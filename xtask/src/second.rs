//! Debian's second toolchain, which carries the standard library's source: with it the workspace builds for systems that the first
//! toolchain knows nothing of. It is left where Debian puts it, and used for those builds alone.

use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;

/// Its packages.
pub const PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
/// Its cargo.
pub const CARGO: &str = "/usr/bin/cargo";
/// What builds the standard library too.
pub const BUILD_STD: &str = "-Zbuild-std=std,panic_abort";

/// Makes a command use it, with these folders searched for programs first.
pub fn prepare<'a>(command: &'a mut Command, folders: &[&Path]) -> Result<&'a mut Command> {
    let version = Command::new("/usr/bin/rustc")
        .arg("--version")
        .output()
        .context("cannot run Debian's rustc")?;
    let version = String::from_utf8_lossy(&version.stdout)
        .split_whitespace()
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    let mut path: Vec<String> = folders.iter().map(|f| f.display().to_string()).collect();
    path.push("/usr/bin".into());
    path.extend(std::env::var("PATH"));
    Ok(command
        .env("PATH", path.join(":"))
        .env("CARGO", CARGO)
        .env("RUSTC", "/usr/bin/rustc")
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTUP_TOOLCHAIN")
        .env(
            "__CARGO_TESTS_ONLY_SRC_ROOT",
            format!("/usr/src/rustc-{version}/library"),
        ))
}
