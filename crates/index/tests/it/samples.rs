//! Finds the shared sample files. They are too many for the repository and lie beside a checkout, or where `CORDON_SHARED`
//! says. Without them the tests that need them say so and pass; when `CORDON_SHARED` is set they must be there.

use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The path of a sample, or nothing when there are no samples here.
pub fn sample(name: &str) -> Option<PathBuf> {
    let told = std::env::var_os("CORDON_SHARED").map(PathBuf::from);
    let beside = PathBuf::from("../../../shared");
    let data = told.clone().unwrap_or(beside).join("data");
    let path = data.join(name);
    if path.exists() {
        return Some(path);
    }
    assert!(
        told.is_none() && !data.join("MANIFEST.tsv").exists(),
        "{} is missing among the samples",
        path.display()
    );
    eprintln!("left out: no shared samples at {}", data.display());
    None
}

/// The expected facts of a sample.
pub fn expected(name: &str) -> Value {
    let path = sample(&format!("expected/{}.json", name.replace('/', "__"))).unwrap();
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Unpacks a gzip'd file, or copies a plain one.
pub fn unpack(from: &Path, to: &Path) {
    let bytes = std::fs::read(from).unwrap();
    let bytes = if from.extension().is_some_and(|e| e == "gz") {
        let mut out = Vec::new();
        flate2::read::GzDecoder::new(&bytes[..])
            .read_to_end(&mut out)
            .unwrap();
        out
    } else {
        bytes
    };
    std::fs::write(to, bytes).unwrap();
}

/// A file that lies in the repository with the readers of volumes.
pub fn fixture(name: &str) -> PathBuf {
    Path::new("../volumes/tests/fixtures").join(name)
}
