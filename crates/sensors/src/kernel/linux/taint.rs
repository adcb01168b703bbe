//! What taints the kernel: its own number (`/proc/sys/kernel/tainted`), and the marks of modules, of those too that the table
//! of modules does not list. A mark that only one side has is told all the same.

use super::Module;
use crate::disk;
use crate::framework::{SensorError, Sink};
use crate::text;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Letters and meanings by the bits of the kernel's number.
const TAINTS: [(u8, &str); 20] = [
    (b'P', "proprietary module was loaded"),
    (b'F', "module was loaded by force"),
    (b'S', "kernel runs on a system out of specification"),
    (b'R', "module was unloaded by force"),
    (b'M', "processor reported a machine check"),
    (b'B', "bad page was found"),
    (b'U', "taint was asked for by a program"),
    (b'D', "kernel died recently"),
    (b'A', "ACPI table was overridden"),
    (b'W', "kernel issued a warning"),
    (b'C', "staging driver was loaded"),
    (b'I', "workaround for firmware was applied"),
    (b'O', "module from outside the kernel's tree was loaded"),
    (b'E', "unsigned module was loaded"),
    (b'L', "soft lockup occurred"),
    (b'K', "kernel was patched while it ran"),
    (b'X', "taint of the distribution"),
    (b'T', "structures were laid out at random"),
    (b'N', "test ran in the kernel"),
    (b'J', "firmware was changed through its interface"),
];
const UNKNOWN: &str = "taint that is not known here";

/// Rows of Kernel Taint on the running system.
///
/// # Errors
/// When a file cannot be read or a limit is reached.
pub fn kernel_taint(sink: &mut Sink) -> Result<(), SensorError> {
    rows(Path::new("/"), sink)
}

/// Rows below a root.
///
/// # Errors
/// When the kernel's number cannot be read or a limit is reached.
pub fn rows(root: &Path, sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    let path = disk::below(root, "/proc/sys/kernel/tainted");
    let bytes = disk::read(&path, 4096, &notes)?;
    let number: u64 = text::number(bytes.trim_ascii()).ok_or_else(|| SensorError::Form {
        what: path.display().to_string(),
        problem: "it is no number".into(),
    })?;
    let mut by_letter: BTreeMap<u8, BTreeSet<Vec<u8>>> = BTreeMap::new();
    let table = disk::below(root, "/proc/modules");
    let table = disk::read_if_there(&table, disk::CONFIG_MAX, &notes).unwrap_or_default();
    for module in text::lines(&table).filter_map(Module::read) {
        for letter in module.taint {
            let names = by_letter.entry(letter).or_default();
            names.insert(module.name.clone());
        }
    }
    for folder in disk::list(&disk::below(root, "/sys/module"), &notes) {
        let name = folder.file_name().unwrap_or_default().as_encoded_bytes();
        let marks = disk::start_of(&folder.join("taint"), 4096, &notes).unwrap_or_default();
        for letter in marks.iter().filter(|b| b.is_ascii_uppercase()) {
            by_letter.entry(*letter).or_default().insert(name.to_vec());
        }
    }
    let bits = (0..u64::BITS).filter(|bit| number >> bit & 1 == 1);
    for bit in bits {
        let known = usize::try_from(bit).ok().and_then(|bit| TAINTS.get(bit));
        let (mark, meaning) = match known {
            Some((letter, meaning)) => (vec![*letter], *meaning),
            None => (format!("bit {bit}").into_bytes(), UNKNOWN),
        };
        let modules = known.and_then(|(letter, _)| by_letter.remove(letter));
        let source: &[u8] = if modules.is_some() {
            b"both"
        } else {
            b"kernel"
        };
        let modules = text::join(modules.unwrap_or_default(), b",");
        sink.push([&mark[..], meaning.as_bytes(), &modules, source])?;
    }
    // The kernel's number was cleared, or never had it.
    for (letter, modules) in by_letter {
        let meaning = TAINTS.iter().find(|(known, _)| *known == letter);
        let meaning = meaning.map_or(UNKNOWN, |(_, meaning)| meaning);
        let modules = text::join(modules, b",");
        sink.push([&[letter][..], meaning.as_bytes(), &modules, b"modules"])?;
    }
    Ok(())
}
