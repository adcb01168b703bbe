//! What the tests need beyond Rust: Debian packages (`packages.txt`), cargo-nextest, cargo-deny.

use crate::shell::{cargo, root, run, works};
use anyhow::{Context, Result, bail};
use std::process::Command;

/// Installs the Debian packages of `packages.txt` that are missing.
pub fn install() -> Result<()> {
    let list = root().join("xtask/packages.txt");
    let text = std::fs::read_to_string(&list)
        .with_context(|| format!("cannot read {}", list.display()))?;
    let wanted: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
        .collect();
    these(&wanted)
}

/// Installs those of these Debian packages that are missing.
pub fn these(wanted: &[&str]) -> Result<()> {
    let missing: Vec<&str> = wanted.iter().copied().filter(|p| !installed(p)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !works("apt-get", &["--version"]) {
        bail!(
            "these Debian packages are needed, and there is no apt-get here to install them: {}",
            missing.join(" ")
        );
    }
    let root = works("sh", &["-c", "test $(id -u) = 0"]);
    let apt = |args: &[&str]| {
        let mut command = if root {
            Command::new("apt-get")
        } else {
            Command::new("sudo")
        };
        if !root {
            command.arg("apt-get");
        }
        command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
        run(&mut command)
    };
    apt(&["update", "--quiet"])?;
    let mut args = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    args.extend(missing);
    apt(&args)
}

/// A removed package may still be known: only `installed` counts.
fn installed(package: &str) -> bool {
    Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}", package])
        .output()
        .is_ok_and(|o| o.stdout == b"installed")
}

/// Installs cargo-nextest when it is missing.
pub fn nextest() -> Result<()> {
    if works("cargo", &["nextest", "--version"]) {
        return Ok(());
    }
    cargo(&["install", "--locked", "cargo-nextest"])
}

/// Installs a subcommand of cargo when it is missing.
pub fn cargo_tool(command: &str, package: &str) -> Result<()> {
    if works("cargo", &[command, "--version"]) {
        return Ok(());
    }
    cargo(&["install", "--locked", package])
}

/// Runs cargo-deny over licences, bans and sources.
pub fn deny() -> Result<()> {
    check(&["bans", "licenses", "sources"])
}

/// Runs cargo-deny over security advisories, which it fetches.
pub fn advisories() -> Result<()> {
    check(&["advisories"])
}

/// Runs these checks of cargo-deny, installing it when it is missing.
fn check(what: &[&str]) -> Result<()> {
    if !works("cargo", &["deny", "--version"]) {
        cargo(&["install", "--locked", "cargo-deny", "--no-default-features"])?;
    }
    let check = ["deny", "--all-features", "check", "--hide-inclusion-graph"];
    cargo(&[&check[..], what].concat())
}
