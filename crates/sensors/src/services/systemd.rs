//! Units of systemd as they lie on disk: which file wins, what is added by drop-ins, and whether a unit is enabled.
//!
//! The order of folders and the meaning of links follow systemd.unit(5); words for the enabled state are those of
//! `systemctl list-unit-files`, against which the tests compare.

use super::unit::Unit;
use crate::disk;
use crate::framework::Notes;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Folders of units, the first has precedence.
const FOLDERS: [&str; 11] = [
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
];
/// Folders of links that an administrator (or a package in his name) made, with whether they survive a restart.
const LINK_FOLDERS: [(&str, bool); 2] = [
    ("/etc/systemd/system", true),
    ("/run/systemd/system", false),
];

/// A unit file.
#[derive(Clone, Debug)]
pub struct UnitFile {
    /// Name with its suffix.
    pub name: String,
    /// Path as the system sees it.
    pub path: PathBuf,
    /// Where it stands.
    pub state: String,
    /// Content with drop-ins; empty when masked.
    pub unit: Unit,
}

/// All there is on disk, read once.
pub struct Units {
    /// Winning file of each name: path as the system sees it.
    files: BTreeMap<String, PathBuf>,
    /// Drop-in files by name of the unit's folder (`NAME.d`), lowest precedence first.
    drop_ins: BTreeMap<String, BTreeMap<String, PathBuf>>,
    /// Names of links in `.wants`, `.requires` and `.upholds` folders, and whether they are permanent.
    wanted: BTreeMap<String, bool>,
    /// Names that are links to another unit: target and whether permanent (from the administrator's folders).
    aliases: BTreeMap<String, Vec<(String, bool)>>,
    root: PathBuf,
}

impl Units {
    /// Lists units of one suffix (`.service`) below a root. Folders that cannot be read are noted.
    #[must_use]
    pub fn list(root: &Path, suffix: &str, notes: &Notes) -> Self {
        let mut units = Self {
            files: BTreeMap::new(),
            drop_ins: BTreeMap::new(),
            wanted: BTreeMap::new(),
            aliases: BTreeMap::new(),
            root: root.to_path_buf(),
        };
        let mut seen = BTreeSet::new();
        for folder in FOLDERS {
            let Some(real) = disk::real(&disk::below(root, folder), notes) else {
                continue;
            };
            // With a merged /usr two of the folders are one.
            if !seen.insert(real) {
                continue;
            }
            units.folder(folder, suffix, notes);
        }
        units
    }

    fn folder(&mut self, folder: &str, suffix: &str, notes: &Notes) {
        let permanent = LINK_FOLDERS
            .iter()
            .find(|(f, _)| *f == folder)
            .map(|(_, p)| *p);
        for path in disk::list(&disk::below(&self.root, folder), notes) {
            let name = disk::name(&path).to_owned();
            if name.ends_with(suffix) {
                self.unit_file(folder, &name, &path, permanent);
            } else if name.ends_with(".d") {
                let group = self.drop_ins.entry(name.clone()).or_default();
                for drop_in in disk::list(&path, notes) {
                    let file = disk::name(&drop_in);
                    if file.ends_with(".conf") {
                        // Same name: the folder that came first wins.
                        group
                            .entry(file.to_owned())
                            .or_insert_with(|| Path::new(folder).join(&name).join(file));
                    }
                }
            } else if [".wants", ".requires", ".upholds"]
                .iter()
                .any(|e| name.ends_with(e))
                && let Some(permanent) = permanent
            {
                for link in disk::list(&path, notes) {
                    let name = disk::name(&link);
                    if name.ends_with(suffix) {
                        *self.wanted.entry(name.to_owned()).or_insert(false) |= permanent;
                    }
                }
            }
        }
    }

    fn unit_file(&mut self, folder: &str, name: &str, path: &Path, permanent: Option<bool>) {
        if let Ok(target) = std::fs::read_link(path) {
            let target_name = disk::name(&target).to_owned();
            if target_name != name && target != Path::new("/dev/null") {
                self.aliases
                    .entry(target_name)
                    .or_default()
                    .push((name.to_owned(), permanent.unwrap_or(false)));
            }
        }
        self.files
            .entry(name.to_owned())
            .or_insert_with(|| Path::new(folder).join(name));
    }

    /// Names of all unit files, and of instances that something wants.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        let instances = self
            .wanted
            .keys()
            .filter(|n| template(n).is_some_and(|t| self.files.contains_key(&t)));
        self.files.keys().chain(instances).cloned().collect()
    }

    /// Reads one unit with its drop-ins and says whether it is enabled. Files that cannot be read are noted; a unit whose
    /// own file is such a one is told by name, in the state `unreadable`.
    #[must_use]
    pub fn read(&self, name: &str, notes: &Notes) -> Option<UnitFile> {
        let path = self
            .files
            .get(name)
            .or_else(|| self.files.get(&template(name)?));
        let path = path.cloned()?;
        let full = disk::below(&self.root, &path);
        let link = std::fs::read_link(&full).ok();
        let mut unit = Unit::default();
        if link.as_deref() == Some(Path::new("/dev/null")) {
            return Some(self.made(name, path, "masked".into(), unit));
        }
        let real = link
            .as_deref()
            .map_or(full.clone(), |l| self.follow(&full, l));
        let own = Notes::default();
        let bytes = disk::read_if_there(&real, disk::CONFIG_MAX, &own);
        let problems = own.problems();
        let there = bytes.is_some();
        let closed = !there && !problems.is_empty();
        problems.into_iter().for_each(|problem| notes.add(problem));
        if closed {
            return Some(self.made(name, path, "unreadable".into(), unit));
        }
        let bytes = bytes.unwrap_or_default();
        if there && bytes.is_empty() {
            return Some(self.made(name, path, "masked".into(), unit));
        }
        unit.add(&bytes);
        for file in self.drop_in_files(name) {
            let full = disk::below(&self.root, file);
            if let Some(bytes) = disk::read_if_there(&full, disk::CONFIG_MAX, notes) {
                unit.add(&bytes);
            }
        }
        let state = if there {
            self.state(name, &path, link.as_deref(), &unit)
        } else {
            "bad".into()
        };
        Some(self.made(name, path, state, unit))
    }

    fn made(&self, name: &str, path: PathBuf, state: String, unit: Unit) -> UnitFile {
        UnitFile {
            name: name.into(),
            path,
            state,
            unit,
        }
    }

    /// An absolute link target is meant below the root.
    fn follow(&self, link: &Path, target: &Path) -> PathBuf {
        if target.is_absolute() {
            disk::below(&self.root, target)
        } else {
            link.parent().unwrap_or(Path::new("/")).join(target)
        }
    }

    /// Drop-ins for all units of the kind (`service.d`), for names cut at dashes (`a-.service.d`), for the template
    /// and for the unit: sorted by file name, and the more special folder wins for the same file name.
    fn drop_in_files(&self, name: &str) -> Vec<&Path> {
        let mut folders = Vec::new();
        if let Some((stem, kind)) = name.rsplit_once('.') {
            folders.push(format!("{kind}.d"));
            let base = stem.split('@').next().unwrap_or(stem);
            for (at, _) in base.match_indices('-') {
                if at + 1 < base.len() {
                    folders.push(format!("{}.{kind}.d", base.get(..=at).unwrap_or_default()));
                }
            }
        }
        folders.extend(template(name).map(|t| format!("{t}.d")));
        folders.push(format!("{name}.d"));
        let mut by_file: BTreeMap<&str, &Path> = BTreeMap::new();
        for folder in &folders {
            for (file, path) in self.drop_ins.get(folder).into_iter().flatten() {
                by_file.insert(file, path);
            }
        }
        by_file.into_values().collect()
    }

    fn state(&self, name: &str, path: &Path, link: Option<&Path>, unit: &Unit) -> String {
        if path.starts_with("/run/systemd/generator")
            || path.starts_with("/run/systemd/generator.early")
            || path.starts_with("/run/systemd/generator.late")
        {
            return "generated".into();
        }
        if path.starts_with("/run/systemd/transient") {
            return "transient".into();
        }
        let mut linked = None;
        if let Some(target) = link {
            if disk::name(target) != name {
                return "alias".into();
            }
            // The same name in a folder outside the search path: `systemctl link`.
            let in_path = FOLDERS
                .iter()
                .any(|f| target.parent() == Some(Path::new(f)));
            if !in_path && target.is_absolute() {
                linked = Some(if path.starts_with("/run") {
                    "linked-runtime"
                } else {
                    "linked"
                });
            }
        }
        match self.enabled(name, unit) {
            Some(true) => return "enabled".into(),
            Some(false) => return "enabled-runtime".into(),
            None => {}
        }
        if let Some(linked) = linked {
            return linked.into();
        }
        let has = |key| !unit.all("Install", key).is_empty();
        if ["WantedBy", "RequiredBy", "UpheldBy", "Alias"]
            .into_iter()
            .any(has)
        {
            "disabled".into()
        } else if has("Also") {
            "indirect".into()
        } else {
            "static".into()
        }
    }

    /// Whether links of the administrator start the unit: permanently, until the next start, or not.
    fn enabled(&self, name: &str, unit: &Unit) -> Option<bool> {
        let mut found = self.wanted.get(name).copied();
        let mut note = |permanent: bool| found = Some(found.unwrap_or(false) | permanent);
        // A template is enabled when an instance of it is.
        if let Some((stem, kind)) = name.split_once("@.") {
            let default = unit.last("Install", "DefaultInstance");
            for (wanted, permanent) in &self.wanted {
                let is_default = !default.is_empty()
                    && wanted.as_bytes()
                        == [stem.as_bytes(), b"@", default, b".", kind.as_bytes()].concat();
                if template(wanted).as_deref() == Some(name) && (is_default || default.is_empty()) {
                    note(*permanent);
                }
            }
        }
        let stated: Vec<&[u8]> = unit
            .all("Install", "Alias")
            .iter()
            .flat_map(|a| a.split(u8::is_ascii_whitespace))
            .collect();
        for (alias, permanent) in self.aliases.get(name).into_iter().flatten() {
            if *permanent && stated.contains(&alias.as_bytes()) {
                note(true);
            }
        }
        found
    }
}

/// `getty@tty1.service` is an instance of `getty@.service`.
#[must_use]
pub fn template(name: &str) -> Option<String> {
    let (stem, rest) = name.split_once('@')?;
    let (instance, kind) = rest.rsplit_once('.')?;
    (!instance.is_empty()).then(|| format!("{stem}@.{kind}"))
}

/// Puts the name's parts for `%n`, `%N`, `%p`, `%i`, `%I` and `%%`; other specifiers stay as they are written.
#[must_use]
pub fn expand(text: &[u8], name: &str) -> Vec<u8> {
    let stem = name.rsplit_once('.').map_or(name, |(s, _)| s);
    let (prefix, instance) = stem.split_once('@').unwrap_or((stem, ""));
    let mut made = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        if *byte != b'%' {
            made.push(*byte);
            continue;
        }
        match bytes.next() {
            Some(b'n') => made.extend_from_slice(name.as_bytes()),
            Some(b'N') => made.extend_from_slice(stem.as_bytes()),
            Some(b'p') => made.extend_from_slice(prefix.as_bytes()),
            Some(b'i' | b'I') => made.extend_from_slice(instance.as_bytes()),
            Some(b'%') => made.push(b'%'),
            Some(other) => made.extend_from_slice(&[b'%', *other]),
            None => made.push(b'%'),
        }
    }
    made
}
