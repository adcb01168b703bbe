//! Puts the packs that ship into the server, each file as it lies in `content/`: a server without network, or away from its packages, can
//! import them all the same. What is generated is one list of (pack, [(path, bytes)]); the files themselves are read by the compiler.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

fn main() -> io::Result<()> {
    let missing = |name: &str| io::Error::other(format!("cargo sets no {name}"));
    let here = env::var_os("CARGO_MANIFEST_DIR").ok_or_else(|| missing("CARGO_MANIFEST_DIR"))?;
    let out = env::var_os("OUT_DIR").ok_or_else(|| missing("OUT_DIR"))?;
    let content = Path::new(&here).join("../../content").canonicalize()?;
    // A folder counts as changed when a file comes or goes in it.
    println!("cargo::rerun-if-changed={}", content.display());
    let mut text = String::from("&[\n");
    for pack in sorted(&content)?.into_iter().filter(|path| path.is_dir()) {
        let mut files = Vec::new();
        walk(&pack, &mut files)?;
        let line = writeln!(text, "({:?}, &[", name(&pack)?);
        line.map_err(io::Error::other)?;
        for file in files {
            let inside = file.strip_prefix(&pack).map_err(io::Error::other)?;
            let parts = inside.iter().map(|part| part.to_str());
            let parts: Option<Vec<&str>> = parts.collect();
            let path = parts.ok_or_else(|| odd(&file))?.join("/");
            let whole = file.to_str().ok_or_else(|| odd(&file))?;
            let line = writeln!(text, "({path:?}, include_bytes!({whole:?}).as_slice()),");
            line.map_err(io::Error::other)?;
        }
        text.push_str("]),\n");
    }
    text.push(']');
    fs::write(PathBuf::from(out).join("shipped.rs"), text)
}

fn odd(path: &Path) -> io::Error {
    io::Error::other(format!("{} has a name that is not UTF-8", path.display()))
}

fn name(path: &Path) -> io::Result<&str> {
    path.file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| odd(path))
}

/// What lies in a folder, by name; what begins with a dot is no part of a pack.
fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if !name(&path)?.starts_with('.') {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for path in sorted(folder)? {
        if path.is_dir() {
            walk(&path, files)?;
        } else {
            println!("cargo::rerun-if-changed={}", path.display());
            files.push(path);
        }
    }
    Ok(())
}
