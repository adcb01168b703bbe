//! Random mounts and file operations on each kind of file system, many thousand: the tests' own walk through them
//! (`crates/index/tests/it/mounts/model.rs`), for longer than the tests take.

use crate::packages;
use crate::shell::{cargo_command, run};
use anyhow::Result;

/// The kinds of file systems.
const KINDS: [&str; 4] = ["tmpfs", "ext4", "xfs", "btrfs"];

/// See the module.
#[derive(clap::Args)]
pub struct Args {
    /// Operations on each kind of file system
    #[arg(long, default_value_t = 10_000)]
    operations: u64,
    /// Another walk than the usual one
    #[arg(long)]
    seed: Option<u64>,
    /// Only these kinds of file systems
    #[arg(long, value_delimiter = ',', default_values = KINDS)]
    kinds: Vec<String>,
}

/// Runs it, on all kinds at the same time: mostly it waits for what it is to compare, and what is mounted for one kind no
/// other sees.
pub fn run_all(args: &Args) -> Result<()> {
    packages::install()?;
    let names = args.kinds.iter().map(|k| format!("mounts::model::{k}"));
    let mut command = cargo_command(&["test", "--locked", "--package", "index", "--test", "it"]);
    command.args(["--", "--exact", "--include-ignored", "--nocapture"]);
    command.arg(format!("--test-threads={}", args.kinds.len().max(1)));
    command.args(names);
    command.env("CORDON_MOUNT_OPERATIONS", args.operations.to_string());
    if let Some(seed) = args.seed {
        command.env("CORDON_MOUNT_SEED", seed.to_string());
    }
    run(&mut command)
}
