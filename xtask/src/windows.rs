//! `cargo xtask windows`: builds the binary for Windows with Debian's second toolchain and runs it under Wine.
//!
//! The toolchain that builds everything else has only its own platform's standard library; Debian's carries the library's source, so
//! that it can be built for Windows. Wine shows that the program starts and works on Windows' interfaces; it is no Windows.

use crate::second;
use crate::shell::{root, run, target_dir};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

const TARGET: &str = "x86_64-pc-windows-gnu";
const PACKAGES: [&str; 3] = ["gcc-mingw-w64-x86-64", "wine", "wine64"];

/// Stands in for bcryptprimitives.dll, which Debian's Wine lacks. Made beside the program for Wine only, never shipped.
const RANDOM_STAND_IN: &str = "#include <windows.h>\nBOOLEAN NTAPI SystemFunction036(PVOID, ULONG);\n\
    __declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE to, SIZE_T n) { return SystemFunction036(to, (ULONG)n); }\n";

/// Builds, runs, checks the answer.
pub fn run_all() -> Result<()> {
    crate::packages::these(&[&second::PACKAGES[..], &PACKAGES].concat())?;
    let target = target_dir().join("windows");
    let mut command = Command::new(second::CARGO);
    command
        .args(["build", "--locked", second::BUILD_STD])
        .args(["--target", TARGET, "--package", "cordon"])
        .current_dir(root())
        .env("CARGO_TARGET_DIR", &target)
        .env("CC_x86_64_pc_windows_gnu", "x86_64-w64-mingw32-gcc")
        .env("AR_x86_64_pc_windows_gnu", "x86_64-w64-mingw32-ar")
        .env("AWS_LC_SYS_PREBUILT_NASM", "1")
        .env(
            "CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER",
            "x86_64-w64-mingw32-gcc",
        );
    run(second::prepare(&mut command, &[])?)?;
    let folder = target.join(TARGET).join("debug");
    stand_in(&folder)?;
    let prefix = target.join("wine");
    let wine = |args: &[&str]| {
        let mut command = Command::new("/usr/bin/wine");
        command
            .args(args)
            .env("WINEPREFIX", &prefix)
            .env("WINEDEBUG", "-all")
            .env("WINEDLLOVERRIDES", "mscoree,mshtml=");
        command
    };
    if !prefix.join("drive_c").exists() {
        // A new prefix complains about much that does not matter here.
        drop(
            wine(&["wineboot", "--init"])
                .output()
                .context("cannot start Wine")?,
        );
    }
    let program = folder.join("cordon.exe");
    let output = wine(&[
        &program.to_string_lossy(),
        "ask",
        "--local",
        "Get Computer Name from all machines",
        "--output",
        "json",
    ])
    .output()
    .context("cannot start the program under Wine")?;
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}");
    let answer: serde_json::Value = serde_json::from_str(&text).with_context(|| {
        format!(
            "no JSON answer; standard error: {}",
            String::from_utf8_lossy(&output.stderr)
        )
    })?;
    let name = answer
        .pointer("/tables/0/rows/0/Computer Name")
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default();
    if name.is_empty() {
        bail!("the Windows build did not answer `Get Computer Name`");
    }
    println!("Windows build under Wine answers: {name}");
    index(&wine, &program, &prefix.join("drive_c"))
}

/// The Index of a folder: every file with the hash that this system calculates, and `verify` content with it.
fn index(wine: &dyn Fn(&[&str]) -> Command, program: &Path, drive: &Path) -> Result<()> {
    let folder = drive.join("cordon-index-check");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    let below = folder.join("tree").join("Програми");
    std::fs::create_dir_all(&below).with_context(|| format!("cannot make {}", below.display()))?;
    for (name, content) in [
        ("a.txt", b"one".as_slice()),
        ("empty", b""),
        ("big.bin", &[7; 300_000]),
    ] {
        let path = below.join(name);
        std::fs::write(&path, content)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let program = program.to_string_lossy();
    let (root, database) = (
        r"C:\cordon-index-check\tree",
        r"C:\cordon-index-check\index.db",
    );
    let cordon = |args: &[&str]| -> Result<String> {
        let all: Vec<&str> = [&*program, "index"].iter().chain(args).copied().collect();
        let output = wine(&all)
            .output()
            .context("cannot start the program under Wine")?;
        if !output.status.success() {
            bail!(
                "{args:?} failed under Wine: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    cordon(&["run", "--once", "--root", root, "--database", database])?;
    let rows = cordon(&["query", "--database", database, "--output", "jsonl"])?;
    let mut had: Vec<(String, String)> = Vec::new();
    for line in rows.lines() {
        let row: serde_json::Value = serde_json::from_str(line).context("no JSON line")?;
        let text = |key: &str| {
            row.get("values")
                .and_then(|values| values.get(key))
                .and_then(serde_json::Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let (path, hash) = (text("path"), text("sha256"));
        if let (Some(name), false) = (path.rsplit(['/', '\\']).next(), hash.is_empty()) {
            had.push((name.to_owned(), hash));
        }
    }
    had.sort();
    let mut wanted: Vec<(String, String)> = Vec::new();
    for name in ["a.txt", "big.bin", "empty"] {
        let output = Command::new("sha256sum")
            .arg(below.join(name))
            .output()
            .context("cannot start sha256sum")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let hash = text.split_whitespace().next().unwrap_or_default();
        wanted.push((name.to_owned(), hash.to_owned()));
    }
    if had != wanted {
        bail!("the Index under Wine has {had:?}, sha256sum says {wanted:?}");
    }
    cordon(&["verify", "--database", database])?;
    println!(
        "Windows build under Wine indexes {} files, verified",
        had.len()
    );
    Ok(())
}

fn stand_in(folder: &Path) -> Result<()> {
    let library = folder.join("bcryptprimitives.dll");
    if library.exists() {
        return Ok(());
    }
    let source = folder.join("stand-in.c");
    std::fs::write(&source, RANDOM_STAND_IN)
        .with_context(|| format!("cannot write {}", source.display()))?;
    run(Command::new("x86_64-w64-mingw32-gcc")
        .arg("-shared")
        .arg("-o")
        .arg(&library)
        .arg(&source)
        .arg("-ladvapi32"))
}
