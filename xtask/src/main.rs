//! The developer's commands: `cargo xtask up | test | lint | advisories | bench | contract | browser | windows | macos | machine | mounts | package | packages | cases | deps`.
//!
//! Each is thin: it makes sure that what it needs is installed, then runs the ordinary tools. `.ci/run` calls `test` and nothing else.

#![expect(
    clippy::print_stdout,
    reason = "commands for developers print what they do"
)]

mod browser;
mod cases;
mod circles;
mod contract;
mod deps;
mod machine;
mod macos;
mod mounts;
mod package;
mod packages;
mod second;
mod shell;
mod windows;
mod world;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use shell::{cargo, root, target_dir};

/// Developer's commands.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

/// Tasks.
#[derive(Subcommand)]
enum Task {
    /// Build, then run server and local agent here and print a first answer
    Up {
        /// Passed on to `cordon up`, as in `--once`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Install what the tests need, then run formatting, lints, dependency rules and all tests
    Test {
        /// Only the tests, without formatting and lints
        #[arg(long)]
        only_tests: bool,
    },
    /// Formatting, clippy with warnings denied, fuzz targets, documentation, dependency rules
    Lint,
    /// Compare what is used with the RustSec advisories (fetches them: needs an open network)
    Advisories,
    /// Measure against the aims
    Bench {
        /// `ask`
        what: String,
        /// Passed on to the benchmark
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Ask a real server what its API's document allows and what it does not, and compare its replies with the document
    Contract {
        /// Requests for each operation and each way to make them up
        #[arg(long, default_value_t = contract::MANY)]
        examples: u32,
        /// Other requests than the last time
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Use the console's page in a real Chromium: sign in, ask, narrow, see machines
    Browser,
    /// Build for Windows and answer `Get Computer Name` under Wine
    Windows,
    /// Compile and link the whole workspace for macOS on Apple silicon
    Macos,
    /// Index this whole machine and compare with find and sha256sum, before and after a storm of changes (needs root)
    Machine,
    /// Walk at random through mounts and file operations on each kind of file system while they are indexed (needs root)
    Mounts(mounts::Args),
    /// Make Debian and RPM packages and check them; `--try` installs, upgrades and removes them on a machine of its own
    Package(package::Args),
    /// Install the Debian packages that tests use
    Packages,
    /// Run a folder of reproducers with the built program and tell which of them come out as they must (needs root)
    Cases {
        /// Folder with the scripts
        folder: std::path::PathBuf,
        /// Only those whose name holds this
        #[arg(long)]
        only: Option<String>,
    },
    /// Check layering, licences and workspace rules
    Deps,
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Task::Up { rest } => {
            cargo(&["build", "--locked", "--package", "cordon"])?;
            shell::run(
                std::process::Command::new(target_dir().join("debug").join("cordon"))
                    .arg("up")
                    .args(rest),
            )
        }
        Task::Test { only_tests } => {
            packages::install()?;
            packages::nextest()?;
            if !only_tests {
                lint()?;
            }
            cargo(&["build", "--locked", "--workspace", "--exclude", "*-fuzz"])?;
            cargo(&[
                "nextest",
                "run",
                "--locked",
                "--workspace",
                "--no-fail-fast",
            ])?;
            cargo(&["test", "--locked", "--workspace", "--doc", "--quiet"])?;
            contract::check(contract::FEW, 1)
        }
        Task::Lint => lint(),
        Task::Advisories => packages::advisories(),
        Task::Bench { what, rest } => match what.as_str() {
            "ask" | "content" | "index" | "sensors" => {
                if what == "index" {
                    packages::these(&["plocate", "aide"])?;
                }
                let program = ["--package", "cordon", "--bin", "cordon"];
                let built = ["build", "--locked", "--release"];
                cargo(&[&built[..], &program[..]].concat())?;
                let mut args = vec!["bench", "--locked", "--package", "cordon", "--bench"];
                args.extend([what.as_str(), "--"]);
                args.extend(rest.iter().map(String::as_str));
                cargo(&args)
            }
            other => {
                bail!("there is no benchmark `{other}`; there are: ask, content, index, sensors")
            }
        },
        Task::Contract { examples, seed } => contract::check(examples, seed),
        Task::Browser => browser::check(),
        Task::Windows => windows::run_all(),
        Task::Macos => macos::run_all(),
        Task::Machine => machine::run(),
        Task::Mounts(args) => mounts::run_all(&args),
        Task::Package(args) => package::run_all(&args),
        Task::Packages => packages::install(),
        Task::Cases { folder, only } => cases::run(&folder, only.as_deref()),
        Task::Deps => deps::check(&root()),
    }
}

fn lint() -> Result<()> {
    cargo(&["fmt", "--all", "--check"])?;
    deps::check(&root())?;
    cargo(&[
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ])?;
    document()?;
    packages::deny()
}

/// Makes the documentation of everything, private items too, for their links rot as well; a warning is an error.
fn document() -> Result<()> {
    let mut cargo = shell::cargo_command(&["doc", "--locked", "--workspace", "--no-deps"]);
    cargo.args(["--document-private-items", "--exclude", "*-fuzz", "--quiet"]);
    // What is private is documented here too, so that links to it lead somewhere.
    let flags = "--deny warnings --allow rustdoc::private_intra_doc_links";
    shell::run(cargo.env("RUSTDOCFLAGS", flags))
}
