//! The packages on a real machine: installed, enrolled, asked, upgraded, removed and purged under a systemd that is process 1.
//!
//! The machine is a Debian guest in software emulation, made and started by a program beside the project (`../shared/vm/vm`, or what
//! `CORDON_MACHINE` names). What happens on it is `packaging/linux/trial.sh`.

use super::Made;
use crate::shell::{self, root, target_dir};
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The trial takes some minutes in emulation; this ends one that hangs.
const SECONDS: &str = "10000";
const MEMORY: &str = "2048";

/// Tries these packages, and the later ones as their upgrade.
pub fn run(first: &[Made], later: &[Made]) -> Result<()> {
    let machine = machine();
    ensure!(
        machine.is_file(),
        "no machine to try the packages on: {} is not there; name the program with CORDON_MACHINE",
        machine.display()
    );
    let folder = target_dir().join("package/machine");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    for (number, made) in [("1", first), ("2", later)] {
        let to = folder.join("in").join(number);
        std::fs::create_dir_all(&to).with_context(|| format!("cannot make {}", to.display()))?;
        for package in made {
            copy(&package.deb, &to.join(format!("{}.deb", package.name)))?;
        }
    }
    for name in ["trial.sh", "compare.py"] {
        copy(
            &root().join("packaging/linux").join(name),
            &folder.join("in").join(name),
        )?;
    }
    shell::run(
        Command::new(&machine)
            .args(["run", "--memory", MEMORY, "--seconds", SECONDS, "--in"])
            .arg(folder.join("in"))
            .arg("--out")
            .arg(folder.join("out"))
            .args(["--", "sh", "/in/trial.sh"]),
    )?;
    println!("what the machine left: {}", folder.join("out").display());
    Ok(())
}

fn machine() -> PathBuf {
    std::env::var_os("CORDON_MACHINE").map_or_else(|| root().join("../shared/vm/vm"), PathBuf::from)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to)
        .map(drop)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}
