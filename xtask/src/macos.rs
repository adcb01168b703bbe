//! `cargo xtask macos`: compiles and links the whole workspace for macOS on Apple silicon, from this system.
//!
//! Debian's second toolchain builds the standard library, zig brings the system's headers and link stubs and links. Nothing here can
//! run what comes out; that it links says that it asks of macOS what macOS has. Frameworks have no stubs here, so the program keeps to
//! libSystem, and this checks that it does.

use crate::second;
use crate::shell::{root, run, target_dir};
use anyhow::{Context, Result, bail, ensure};
use std::path::Path;
use std::process::Command;

const TARGET: &str = "aarch64-apple-darwin";
/// What a program may load at its start: what every Mac has. libcharset is a part of libiconv, named beside it by some linkers.
const LIBRARIES: [&str; 3] = [
    "/usr/lib/libSystem.B.dylib",
    "/usr/lib/libiconv.2.dylib",
    "/usr/lib/libcharset.1.dylib",
];

/// Builds and looks at what came out.
pub fn run_all() -> Result<()> {
    crate::packages::these(&[&second::PACKAGES[..], &["python3-venv"]].concat())?;
    let target = target_dir().join("macos");
    let tools = tools(&target)?;
    let mut command = Command::new(tools.join("cargo-zigbuild"));
    command
        // Fuzzers need a runtime of this system; they are compiled with the rest of the workspace.
        .args(["zigbuild", "--locked", "--workspace", "--exclude", "*-fuzz"])
        .arg(second::BUILD_STD)
        .args(["--target", TARGET])
        .current_dir(root())
        .env("CARGO_TARGET_DIR", &target);
    run(second::prepare(&mut command, &[&tools])?)?;
    let program = target.join(TARGET).join("debug/cordon");
    let bytes =
        std::fs::read(&program).with_context(|| format!("cannot read {}", program.display()))?;
    let loaded = libraries(&bytes)
        .with_context(|| format!("{} is no program for this system", program.display()))?;
    println!(
        "{}: {} bytes, loads {}",
        program.display(),
        bytes.len(),
        loaded.join(", ")
    );
    for library in &loaded {
        ensure!(
            LIBRARIES.contains(&library.as_str()),
            "the program for macOS needs {library}, which is not to be linked from here; which crate brings it says `cargo tree --target {TARGET}`"
        );
    }
    Ok(())
}

/// The folder with cargo-zigbuild and zig, which come as Python packages.
fn tools(target: &Path) -> Result<std::path::PathBuf> {
    let place = target.join("tools");
    let folder = place.join("bin");
    if !folder.join("cargo-zigbuild").exists() {
        run(Command::new("/usr/bin/python3")
            .args(["-m", "venv"])
            .arg(&place))?;
        run(Command::new(folder.join("pip")).args([
            "install",
            "--quiet",
            "ziglang",
            "cargo-zigbuild",
        ]))?;
    }
    Ok(folder)
}

/// What a Mach-O program (64 bits, ARM) loads.
fn libraries(bytes: &[u8]) -> Result<Vec<String>> {
    const MAGIC: u32 = 0xFEED_FACF;
    const ARM64: u32 = 0x0100_000C;
    const PROGRAM: u32 = 2;
    const HEADER: usize = 32;
    /// `LC_LOAD_DYLIB`, and the weak and the re-exported kind.
    const LOADS: [u32; 3] = [0xC, 0x8000_0018, 0x8000_001F];
    let word = |at: usize| -> Result<u32> {
        let four = bytes.get(at..at + 4).context("it ends too early")?;
        Ok(u32::from_le_bytes(four.try_into()?))
    };
    if (word(0)?, word(4)?, word(12)?) != (MAGIC, ARM64, PROGRAM) {
        bail!("its header is another system's");
    }
    let mut found = Vec::new();
    let mut at = HEADER;
    for _ in 0..word(16)? {
        let length = word(at + 4)? as usize;
        ensure!(length >= 8, "a load command has no length");
        if LOADS.contains(&word(at)?) {
            let name = at + word(at + 8)? as usize;
            let text = bytes
                .get(name..at + length)
                .context("a name lies outside")?;
            let text = text.split(|b| *b == 0).next().unwrap_or_default();
            found.push(String::from_utf8_lossy(text).into_owned());
        }
        at += length;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(cpu: u32, libraries: &[&str]) -> Vec<u8> {
        let mut commands = Vec::new();
        for library in libraries {
            let mut command = vec![0_u8; 24];
            command.extend(library.as_bytes());
            command.resize(command.len().next_multiple_of(8) + 8, 0);
            let length = u32::try_from(command.len()).unwrap_or_default();
            for (at, word) in [(0, 0xC), (4, length), (8, 24)] {
                command.splice(at..at + 4, u32::to_le_bytes(word));
            }
            commands.extend(command);
        }
        let count = u32::try_from(libraries.len()).unwrap_or_default();
        let header = [0xFEED_FACF, cpu, 0, 2, count, 0, 0, 0];
        let mut bytes: Vec<u8> = header.into_iter().flat_map(u32::to_le_bytes).collect();
        bytes.extend(commands);
        bytes
    }

    #[test]
    fn loaded_libraries_are_read() {
        let wanted = [
            "/usr/lib/libSystem.B.dylib",
            "/System/Library/Frameworks/Security.framework/Security",
        ];
        let bytes = program(0x0100_000C, &wanted);
        assert_eq!(libraries(&bytes).expect("a program"), wanted);
        for end in 0..bytes.len() - 8 {
            assert!(libraries(&bytes[..end]).is_err(), "{end}");
        }
        assert!(
            libraries(&program(0x0100_0007, &[])).is_err(),
            "another processor"
        );
        assert!(libraries(b"\x7FELF").is_err());
    }
}
