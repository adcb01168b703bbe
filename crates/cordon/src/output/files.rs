//! Output as files: written beside their place under a name of their own, and put there when all of them are whole. Nothing that is
//! there is replaced unless that was asked for, and whatever a table is called, its file lies in the folder.

use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Longest name of a file without its ending, in bytes.
const LONGEST: usize = 100;

/// Names that Windows keeps for devices, whatever their ending.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];

/// Files of one folder.
pub(super) struct Files {
    folder: PathBuf,
    replace: bool,
    taken: BTreeSet<String>,
    staged: Vec<(BufWriter<NamedTempFile>, PathBuf)>,
    chosen: usize,
}

impl Files {
    /// In this folder, which is made if it is not there.
    pub fn in_folder(folder: &Path, replace: bool) -> Result<Self> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        Ok(Self {
            folder: folder.to_owned(),
            replace,
            taken: BTreeSet::new(),
            staged: Vec::new(),
            chosen: 0,
        })
    }

    /// Begins a file, named after something that people see.
    pub fn begin(&mut self, name: &str, ending: &str) -> Result<()> {
        let name = self.free(&harmless(name));
        let place = self.folder.join(format!("{name}.{ending}"));
        // Nobody waits for an answer whose file has no place; that it is so at the end too is seen when it is put there.
        if !self.replace && place.symlink_metadata().is_ok() {
            bail!(
                "{} is there already: `--force` replaces it",
                place.display()
            );
        }
        let mut new = tempfile::Builder::new();
        new.prefix(".cordon-").suffix(".partial");
        #[cfg(unix)]
        {
            // As any other file that a command writes: who may read it is the user's umask.
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o666);
            new.permissions(mode);
        }
        let file = new
            .tempfile_in(&self.folder)
            .with_context(|| format!("cannot write into {}", self.folder.display()))?;
        self.staged
            .push((BufWriter::with_capacity(64 << 10, file), place));
        Ok(())
    }

    /// Which of them is written next, by the order in which they were begun; the first unless told.
    pub fn choose(&mut self, at: usize) {
        self.chosen = at;
    }

    /// The one that is written.
    pub fn chosen(&mut self) -> Option<&mut dyn Write> {
        let (file, _) = self.staged.get_mut(self.chosen)?;
        Some(file)
    }

    /// Puts all files in their places.
    pub fn keep(self) -> Result<Vec<PathBuf>> {
        let mut whole = Vec::new();
        for (file, place) in self.staged {
            let cannot = || format!("cannot write {}", place.display());
            let file = file
                .into_inner()
                .map_err(std::io::IntoInnerError::into_error);
            let file = file.with_context(cannot)?;
            file.as_file().sync_all().with_context(cannot)?;
            whole.push((file, place));
        }
        let mut places = Vec::new();
        for (file, place) in whole {
            let kept = if self.replace {
                file.persist(&place)
            } else {
                file.persist_noclobber(&place)
            };
            kept.map_err(|error| error.error)
                .with_context(|| format!("cannot write {}", place.display()))?;
            places.push(place);
        }
        #[cfg(unix)]
        std::fs::File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .with_context(|| format!("cannot write into {}", self.folder.display()))?;
        Ok(places)
    }

    /// This name, or one with a number behind it, that no other file here has.
    fn free(&mut self, name: &str) -> String {
        let mut found = name.to_owned();
        let mut number = 1_u64;
        while !self.taken.insert(found.clone()) {
            number += 1;
            found = format!("{name}-{number}");
        }
        found
    }
}

/// A name that means a file of the folder and nothing else on any system: small letters and digits of any script, and dashes.
fn harmless(name: &str) -> String {
    let mut made = String::new();
    for c in name.to_lowercase().chars() {
        if c.is_alphanumeric() {
            if made.len() + c.len_utf8() > LONGEST {
                break;
            }
            made.push(c);
        } else if !made.is_empty() && !made.ends_with('-') && made.len() < LONGEST {
            made.push('-');
        }
    }
    let made = made.trim_end_matches('-');
    let letters = made.trim_end_matches(|c: char| c.is_ascii_digit());
    if made.is_empty() || DEVICES.contains(&letters) {
        return format!("table-{made}").trim_end_matches('-').to_owned();
    }
    made.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_harmless() {
        for (name, expected) in [
            ("Running Processes", "running-processes"),
            ("../../etc/passwd", "etc-passwd"),
            ("..", "table"),
            ("", "table"),
            ("a\u{202e}b\0c\n", "a-b-c"),
            ("C:\\x|y", "c-x-y"),
            ("NUL", "table-nul"),
            ("Com1", "table-com1"),
            ("Größe", "größe"),
        ] {
            assert_eq!(harmless(name), expected, "{name:?}");
        }
        assert_eq!(harmless(&"ä".repeat(400)).len(), LONGEST);
    }

    #[test]
    fn nothing_is_replaced_unless_that_is_wanted_and_nothing_stays_half() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("new").join("deep");
        let write = |replace, text: &str| -> Result<Vec<PathBuf>> {
            let mut files = Files::in_folder(&place, replace)?;
            files.begin("A/b", "csv")?;
            files.chosen().expect("begun").write_all(text.as_bytes())?;
            files.begin("a b", "csv")?;
            files.keep()
        };
        let listed = || {
            let names = std::fs::read_dir(&place).expect("a folder");
            let names = names.map(|entry| entry.expect("an entry").file_name());
            names.collect::<BTreeSet<_>>()
        };
        let made = write(false, "one").expect("written");
        assert_eq!(made, [place.join("a-b.csv"), place.join("a-b-2.csv")]);
        let told = write(false, "two").expect_err("it is there");
        assert!(format!("{told:#}").contains("--force"), "{told:#}");
        let read = || std::fs::read_to_string(place.join("a-b.csv")).expect("a file");
        assert_eq!(read(), "one");
        write(true, "two").expect("replaced");
        assert_eq!(read(), "two");
        let mut dropped = Files::in_folder(&place, true).expect("a folder");
        dropped.begin("half", "csv").expect("begun");
        drop(dropped);
        assert_eq!(listed().len(), 2, "{:?}", listed());
        // One that came while it was written stays as well.
        let mut late = Files::in_folder(&place, false).expect("a folder");
        late.begin("late", "csv").expect("begun");
        std::fs::write(place.join("late.csv"), "theirs").expect("written");
        late.keep().expect_err("it is there");
        let theirs = std::fs::read_to_string(place.join("late.csv")).expect("a file");
        assert_eq!(theirs, "theirs");
    }
}
