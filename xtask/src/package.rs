//! `cargo xtask package`: Debian and RPM packages of the program, of the server and of the agent, and what can be said of them
//! without installing them here.
//!
//! What is in a package is written in `crates/cordon/Cargo.toml`, the files are in `packaging/linux`. Checked are each package's list
//! of files against the one that is kept (`packaging/linux/golden`), the RPMs by unpacking them into an empty root, and the exposure of
//! the units as systemd-analyze(1) counts it. [`trial`] installs, upgrades and removes them on a real machine.

mod trial;

use crate::packages;
use crate::shell::{cargo, root, run, target_dir};
use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Packages by the variant of the metadata that describes them.
const VARIANTS: [(&str, Option<&str>); 3] = [
    ("cordon", None),
    ("cordon-server", Some("server")),
    ("cordon-agent", Some("agent")),
];

/// Units with the exposure that is allowed, in tenths. The Index holds CAP_SYS_ADMIN, without which the kernel gives no fanotify
/// group over a whole file system.
const UNITS: [(&str, u32); 3] = [
    ("cordon-server", 15),
    ("cordon-agent", 30),
    ("cordon-index", 20),
];

/// What to do.
#[derive(clap::Args)]
pub struct Args {
    /// Install, upgrade and remove the packages on a real machine in software emulation (minutes)
    #[arg(long = "try")]
    try_them: bool,
    /// Keep the packages' lists of files as they are now
    #[arg(long)]
    bless: bool,
}

/// See the module.
pub fn run_all(args: &Args) -> Result<()> {
    packages::these(&["rpm", "binutils", "systemd"])?;
    packages::cargo_tool("deb", "cargo-deb")?;
    packages::cargo_tool("generate-rpm", "cargo-generate-rpm")?;
    stage()?;
    let made = make("1")?;
    for package in &made {
        check_files(package, args.bless)?;
    }
    unpack(&made)?;
    exposure()?;
    for Made { deb, rpm, .. } in &made {
        for path in [deb, rpm] {
            let size = std::fs::metadata(path).map(|m| m.len()).unwrap_or_default();
            println!("{:>8} KiB  {}", size / 1024, path.display());
        }
    }
    if args.try_them {
        // The same once more, as a later version.
        trial::run(&made, &make("2")?)?;
    }
    Ok(())
}

/// A package in both forms.
struct Made {
    name: &'static str,
    deb: PathBuf,
    rpm: PathBuf,
}

/// The program as it is shipped, and what is generated from it.
fn stage() -> Result<()> {
    cargo(&["build", "--locked", "--release", "--package", "cordon"])?;
    let release = target_dir().join("release");
    let stage = release.join("package");
    std::fs::create_dir_all(&stage).with_context(|| format!("cannot make {}", stage.display()))?;
    let program = stage.join("cordon");
    // Names of functions stay: a dump of the Index tells with them where it was.
    run(Command::new("strip")
        .arg("--strip-debug")
        .arg("-o")
        .arg(&program)
        .arg(release.join("cordon")))?;
    let generated: [(&str, &[&str]); 4] = [
        ("cordon.bash", &["completions", "bash"]),
        ("_cordon", &["completions", "zsh"]),
        ("cordon.fish", &["completions", "fish"]),
        ("index.ini", &["index", "config", "--sample"]),
    ];
    for (name, args) in generated {
        let text = output(Command::new(&program).args(args))?;
        let path = stage.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// All packages in both forms, under this revision of the version.
fn make(revision: &str) -> Result<Vec<Made>> {
    let folder = target_dir().join("package").join(revision);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    let mut made = Vec::new();
    for (name, variant) in VARIANTS {
        let at = |kind: &str| folder.join(format!("{name}.{kind}"));
        let (deb, rpm) = (at("deb"), at("rpm"));
        let mut command = cargo_command("deb");
        command.args(["--no-build", "--no-strip", "--package", "cordon"]);
        command
            .args(["--deb-revision", revision, "--output"])
            .arg(&deb);
        command.args(variant.map(|v| format!("--variant={v}")));
        run(&mut command)?;
        let mut command = cargo_command("generate-rpm");
        command.args(["--package", "crates/cordon", "--target-dir"]);
        command.arg(target_dir()).arg("--output").arg(&rpm);
        command.args(variant.map(|v| format!("--variant={v}")));
        command.arg(format!("--set-metadata=release = \"{revision}\""));
        run(&mut command)?;
        made.push(Made { name, deb, rpm });
    }
    Ok(made)
}

fn cargo_command(tool: &str) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg(tool).current_dir(root());
    command
}

/// The list of files of a package in both forms is the one that is kept.
fn check_files(package: &Made, bless: bool) -> Result<()> {
    let of_deb = output(Command::new("dpkg-deb").arg("--contents").arg(&package.deb))?;
    let mut deb: Vec<String> = of_deb
        .lines()
        .filter_map(|line| {
            // `-rw-r--r-- root/root  1234 2026-01-01 00:00 ./etc/file`
            let mut words = line.split_whitespace();
            let (mode, owner) = (words.next()?, words.next()?);
            let path = words.nth(3)?.strip_prefix('.')?;
            (!path.ends_with('/')).then(|| format!("{path} {mode} {owner}"))
        })
        .collect();
    deb.sort();
    let conffiles = Command::new("dpkg-deb")
        .args(["--info"])
        .arg(&package.deb)
        .arg("conffiles")
        .output()
        .context("cannot start dpkg-deb")?;
    for line in String::from_utf8_lossy(&conffiles.stdout).lines() {
        deb.push(format!("{line} is a configuration file"));
    }
    let query = |what: &str| -> Result<Vec<String>> {
        let listed = output(Command::new("rpm").arg(what).arg(&package.rpm))?;
        let lines = listed.lines().filter(|l| l.starts_with('/'));
        Ok(lines.map(str::to_owned).collect())
    };
    let mut rpm = query("-qpl")?;
    rpm.sort();
    rpm.extend(
        query("-qpc")?
            .into_iter()
            .map(|l| format!("{l} is a configuration file")),
    );
    for (kind, lines) in [("deb", deb), ("rpm", rpm)] {
        let kept = root().join(format!("packaging/linux/golden/{}.{kind}", package.name));
        let text = lines.join("\n") + "\n";
        if bless {
            std::fs::write(&kept, &text)
                .with_context(|| format!("cannot write {}", kept.display()))?;
        }
        let wanted = std::fs::read_to_string(&kept)
            .with_context(|| format!("cannot read {}", kept.display()))?;
        ensure!(
            text == wanted,
            "the files of {}.{kind} are others than those in {}; when that is meant, `cargo xtask package --bless`:\n{text}",
            package.name,
            kept.display()
        );
    }
    Ok(())
}

/// Unpacks the RPMs into an empty root and starts the program there. Their scripts need a system around them and do not run.
fn unpack(made: &[Made]) -> Result<()> {
    let folder = target_dir().join("package/root");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    let mut command = Command::new("rpm");
    command.arg("--root").arg(&folder);
    command.args(["--install", "--nodeps", "--noscripts"]);
    command.args(made.iter().map(|m| m.rpm.as_os_str()));
    run(&mut command)?;
    let version = output(Command::new(folder.join("usr/bin/cordon")).arg("version"))?;
    println!("from the RPM: {}", version.trim());
    for (unit, _) in UNITS {
        let path = folder.join(format!("usr/lib/systemd/system/{unit}.service"));
        ensure!(path.is_file(), "no RPM holds {unit}.service");
    }
    Ok(())
}

/// What the units leave open, as systemd counts it, and that none of them writes dumps of its memory.
fn exposure() -> Result<()> {
    for (unit, allowed) in UNITS {
        let path = root().join(format!("packaging/linux/{unit}.service"));
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(
            text.lines().any(|line| line == "LimitCORE=0"),
            "{} has no LimitCORE=0: a dump would hold what must stay secret",
            path.display()
        );
        let shown = Command::new("systemd-analyze")
            .args(["security", "--offline=yes", "--no-pager"])
            .arg(format!("--threshold={allowed}"))
            .arg(&path)
            .output()
            .context("cannot start systemd-analyze")?;
        let text = String::from_utf8_lossy(&shown.stdout);
        let last = text.lines().last().unwrap_or_default();
        println!("{last} (allowed: {}.{})", allowed / 10, allowed % 10);
        if !shown.status.success() {
            bail!(
                "{unit} leaves more open than is allowed:\n{text}{}",
                String::from_utf8_lossy(&shown.stderr)
            );
        }
    }
    Ok(())
}

/// Standard output of a command that succeeds.
fn output(command: &mut Command) -> Result<String> {
    let name = Path::new(command.get_program())
        .file_name()
        .map(OsStr::to_owned);
    let name = name.unwrap_or_default().to_string_lossy().into_owned();
    let done = command
        .output()
        .with_context(|| format!("cannot start {name}"))?;
    if !done.status.success() {
        bail!("{name} failed: {}", String::from_utf8_lossy(&done.stderr));
    }
    String::from_utf8(done.stdout).with_context(|| format!("{name} printed no text"))
}
