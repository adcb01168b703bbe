//! Units of systemd as they lie on disk: which file wins, what is added by drop-ins, and whether a unit is enabled.
//!
//! The order of folders and the meaning of links follow systemd.unit(5); words for the enabled state are those of
//! `systemctl list-unit-files`, against which the tests compare.

use super::places::{Folder, Manager};
use super::unit::Unit;
use crate::disk;
use crate::framework::Notes;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Links followed from one name to another at most.
const ALIASES_MAX: usize = 8;

/// A unit file.
#[derive(Clone, Debug)]
pub struct UnitFile {
    /// Name with its suffix.
    pub name: String,
    /// The name it is loaded under: that of the unit it is an alias of, else its own.
    pub id: String,
    /// Path as the system sees it.
    pub path: PathBuf,
    /// The file that an alias leads to, else the same.
    pub fragment: PathBuf,
    /// Where it stands.
    pub state: String,
    /// Content with drop-ins; empty when masked.
    pub unit: Unit,
    /// Whether its file, or a drop-in, is one of the manager's own folders.
    pub own: bool,
}

/// A file in a drop-in folder.
struct DropIn {
    /// Place of the folder of units that holds it, in the order of precedence.
    rank: usize,
    file: String,
    path: PathBuf,
}

/// All there is on disk, read once.
pub struct Units {
    /// Winning file of each name: rank of its folder, path as the system sees it.
    files: BTreeMap<String, (usize, PathBuf)>,
    /// Drop-in files by name of the unit's folder (`NAME.d`).
    drop_ins: BTreeMap<String, Vec<DropIn>>,
    /// Names of links in `.wants`, `.requires` and `.upholds` folders of somebody's will, and whether they are permanent.
    wanted: BTreeMap<String, bool>,
    /// The same of all folders, with the rank of the first.
    instances: BTreeMap<String, usize>,
    /// Names that are links to another unit: target and whether permanent (from the administrator's folders).
    aliases: BTreeMap<String, Vec<(String, bool)>>,
    /// Names that lead to another, by that one; made when first needed.
    names_of: OnceCell<BTreeMap<String, Vec<String>>>,
    folders: Vec<Folder>,
    own: usize,
    root: PathBuf,
}

impl Units {
    /// Lists units of one suffix (`.service`) that a manager finds below a root. Folders that cannot be read are noted.
    #[must_use]
    pub fn list(root: &Path, manager: &Manager, suffix: &str, notes: &Notes) -> Self {
        let mut units = Self {
            files: BTreeMap::new(),
            drop_ins: BTreeMap::new(),
            wanted: BTreeMap::new(),
            instances: BTreeMap::new(),
            aliases: BTreeMap::new(),
            names_of: OnceCell::new(),
            folders: manager.folders.clone(),
            own: manager.own,
            root: root.to_path_buf(),
        };
        let mut seen = BTreeSet::new();
        for (rank, folder) in manager.folders.iter().enumerate() {
            let Some(real) = disk::real(&disk::below(root, &folder.path), notes) else {
                continue;
            };
            // With a merged /usr two of the folders are one.
            if !seen.insert(real) {
                continue;
            }
            units.folder(rank, folder, suffix, notes);
        }
        units
    }

    fn folder(&mut self, rank: usize, folder: &Folder, suffix: &str, notes: &Notes) {
        for path in disk::list(&disk::below(&self.root, &folder.path), notes) {
            let name = disk::name(&path).to_owned();
            if name.ends_with(suffix) {
                self.unit_file(rank, folder, &name, &path);
            } else if name.ends_with(".d") {
                let group = self.drop_ins.entry(name.clone()).or_default();
                for drop_in in disk::list(&path, notes) {
                    let file = disk::name(&drop_in);
                    if file.ends_with(".conf") {
                        group.push(DropIn {
                            rank,
                            file: file.to_owned(),
                            path: folder.path.join(&name).join(file),
                        });
                    }
                }
            } else if [".wants", ".requires", ".upholds"]
                .iter()
                .any(|e| name.ends_with(e))
            {
                for link in disk::list(&path, notes) {
                    let name = disk::name(&link);
                    if !name.ends_with(suffix) {
                        continue;
                    }
                    self.instances.entry(name.to_owned()).or_insert(rank);
                    if let Some(permanent) = folder.links {
                        *self.wanted.entry(name.to_owned()).or_insert(false) |= permanent;
                    }
                }
            }
        }
    }

    fn unit_file(&mut self, rank: usize, folder: &Folder, name: &str, path: &Path) {
        if let Ok(target) = std::fs::read_link(path) {
            let target_name = disk::name(&target).to_owned();
            if target_name != name && target != Path::new("/dev/null") {
                self.aliases
                    .entry(target_name)
                    .or_default()
                    .push((name.to_owned(), folder.links.unwrap_or(false)));
            }
        }
        self.files
            .entry(name.to_owned())
            .or_insert_with(|| (rank, folder.path.join(name)));
    }

    /// Names of all unit files, and of instances that something wants.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        let instances = self
            .instances
            .keys()
            .filter(|n| template(n).is_some_and(|t| self.files.contains_key(&t)));
        self.files.keys().chain(instances).cloned().collect()
    }

    /// Rank and path of the file of a name; for an instance that of its template.
    fn file(&self, name: &str) -> Option<&(usize, PathBuf)> {
        self.files
            .get(name)
            .or_else(|| self.files.get(&template(name)?))
    }

    /// The name that a name is an alias of, over any number of links; itself when it is none.
    fn resolved(&self, name: &str) -> String {
        let mut at = name.to_owned();
        for _ in 0..ALIASES_MAX {
            let Some((_, path)) = self.file(&at) else {
                break;
            };
            let Ok(target) = std::fs::read_link(disk::below(&self.root, path)) else {
                break;
            };
            let mut next = disk::name(&target).to_owned();
            // A link to a file elsewhere only brings that file here.
            if !self.in_folders(path, &target) || next.is_empty() {
                break;
            }
            if let Some(instance) = at.split_once('@').map(|(_, rest)| rest.to_owned())
                && !instance.starts_with('.')
                && next.contains("@.")
                && let Some((stem, _)) = next.split_once('@')
            {
                next = format!("{stem}@{instance}");
            }
            if next == at {
                break;
            }
            at = next;
        }
        at
    }

    fn in_folders(&self, path: &Path, target: &Path) -> bool {
        let full = if target.is_absolute() {
            target.to_path_buf()
        } else {
            path.parent().unwrap_or(Path::new("/")).join(target)
        };
        let parent = full.parent().map(plain).unwrap_or_default();
        self.folders.iter().any(|folder| folder.path == parent)
    }

    /// Reads one unit with its drop-ins and says whether it is enabled. Files that cannot be read are noted; a unit whose
    /// own file is such a one is told by name, in the state `unreadable`.
    #[must_use]
    pub fn read(&self, name: &str, notes: &Notes) -> Option<UnitFile> {
        let (rank, path) = self.file(name).cloned()?;
        let id = self.resolved(name);
        let fragment = match self.file(&id) {
            Some((_, fragment)) => fragment.clone(),
            None => path.clone(),
        };
        let wanted = self
            .instances
            .get(name)
            .is_some_and(|rank| *rank < self.own);
        let mut file = UnitFile {
            name: name.into(),
            id,
            path,
            fragment,
            state: "masked".into(),
            unit: Unit::default(),
            own: rank < self.own || wanted,
        };
        let full = disk::below(&self.root, &file.fragment);
        let link = std::fs::read_link(&full).ok();
        if link.as_deref() == Some(Path::new("/dev/null")) {
            return Some(file);
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
            file.state = "unreadable".into();
            return Some(file);
        }
        let bytes = bytes.unwrap_or_default();
        if there && bytes.is_empty() {
            return Some(file);
        }
        file.unit.add(&bytes);
        for drop_in in self.drop_in_files(&file.id) {
            file.own |= drop_in.rank < self.own;
            let full = disk::below(&self.root, &drop_in.path);
            if let Some(bytes) = disk::read_if_there(&full, disk::CONFIG_MAX, notes) {
                file.unit.add(&bytes);
            }
        }
        let link = std::fs::read_link(disk::below(&self.root, &file.path)).ok();
        file.state = if there {
            self.state(name, &file.path, link.as_deref(), &file.unit)
        } else {
            "bad".into()
        };
        Some(file)
    }

    /// An absolute link target is meant below the root.
    fn follow(&self, link: &Path, target: &Path) -> PathBuf {
        if target.is_absolute() {
            disk::below(&self.root, target)
        } else {
            link.parent().unwrap_or(Path::new("/")).join(target)
        }
    }

    /// Drop-ins for a unit under each of its names, for its template, for names cut at dashes (`a-.service.d`) and for all
    /// units of the kind (`service.d`): sorted by file name. For the same file name the folder of units with more
    /// precedence wins, and in one folder the more special name; what is for the whole kind comes last.
    fn drop_in_files(&self, id: &str) -> Vec<&DropIn> {
        let names_of = self.names_of.get_or_init(|| {
            let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for name in self.files.keys() {
                let id = self.resolved(name);
                if id != *name {
                    names.entry(id).or_default().push(name.clone());
                }
            }
            names
        });
        let mut names = vec![id.to_owned()];
        names.extend(names_of.get(id).into_iter().flatten().cloned());
        let mut by_file: BTreeMap<&str, &DropIn> = BTreeMap::new();
        let mut add = |rank: usize, folder: &str| {
            for drop_in in self.drop_ins.get(folder).into_iter().flatten() {
                if drop_in.rank == rank {
                    by_file.entry(&drop_in.file).or_insert(drop_in);
                }
            }
        };
        for name in &names {
            let folders = drop_in_folders(name);
            for rank in 0..self.folders.len() {
                for folder in &folders {
                    add(rank, folder);
                }
            }
        }
        if let Some((_, kind)) = id.rsplit_once('.') {
            for rank in 0..self.folders.len() {
                add(rank, &format!("{kind}.d"));
            }
        }
        by_file.into_values().collect()
    }

    fn state(&self, name: &str, path: &Path, link: Option<&Path>, unit: &Unit) -> String {
        let folder = path.parent().map_or("", disk::name);
        if path.starts_with("/run") && folder.starts_with("generator") {
            return "generated".into();
        }
        if path.starts_with("/run") && folder == "transient" {
            return "transient".into();
        }
        let mut linked = None;
        if let Some(target) = link {
            if disk::name(target) != name {
                return "alias".into();
            }
            // The same name in a folder outside the search path: `systemctl link`.
            let in_path = self
                .folders
                .iter()
                .any(|f| target.parent() == Some(&f.path));
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

/// Folders of drop-ins for one name, the most special first.
fn drop_in_folders(name: &str) -> Vec<String> {
    let mut folders = vec![format!("{name}.d")];
    folders.extend(template(name).map(|t| format!("{t}.d")));
    if let Some((stem, kind)) = name.rsplit_once('.') {
        let base = stem.split('@').next().unwrap_or(stem);
        let mut cut: Vec<String> = base
            .match_indices('-')
            .filter(|(at, _)| at + 1 < base.len())
            .map(|(at, _)| format!("{}.{kind}.d", base.get(..=at).unwrap_or_default()))
            .collect();
        cut.reverse();
        folders.extend(cut);
    }
    folders
}

/// A path without `.` and `..`, by its words alone.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                plain.pop();
            }
            std::path::Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}
