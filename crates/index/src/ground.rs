//! What there is to index on this machine at one moment: its places, and the points where something else begins.
//!
//! Made of the table of mounts ([`crate::mounts`]) and the folders of the configuration. A place is more than its path:
//! another file system may come to be mounted there, or another folder may get the name. So each knows on what it stands,
//! and two grounds tell what is to be walked anew and which covered folders are to be listed again.

use crate::mounts::{self, Candidate, Mount, MountsError};
use crate::stuck::{Patience, Question};
use crate::text;
use crate::walk;
use std::collections::{BTreeMap, HashSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// A file system, or a folder, to index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Absolute path.
    pub path: Vec<u8>,
    /// Type of its file system.
    pub kind: String,
    /// Its device.
    pub source: Vec<u8>,
    /// What makes it another place than one of the same path.
    pub standing: Standing,
}

/// On what a place stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// `major:minor` of its file system.
    pub device: (u32, u32),
    /// Which part of it that is.
    pub part: Vec<u8>,
    /// The mount, by a number that is not given twice where the system has such.
    pub mount: u64,
    /// The folder.
    pub inode: u64,
}

impl Standing {
    /// Whether what was opened through the mount of this number lies in it. Where the system tells no number, it does.
    #[must_use]
    pub fn shows(&self, mount: Option<u64>) -> bool {
        mount.is_none_or(|mount| mount == self.mount)
    }
}

/// A folder of the configuration that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// As configured.
    pub path: PathBuf,
    /// Why it cannot be indexed.
    pub why: String,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ground {
    /// In the order of their paths; each file is in one of them.
    pub places: Vec<Place>,
    /// Where something is mounted.
    pub points: HashSet<Vec<u8>>,
    /// The folders of the configuration.
    pub folders: Vec<Found>,
}

/// A folder of the configuration, as it is found: its path without links, and its inode.
pub type Found = Result<(PathBuf, u64), Missing>;

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "waits for {}: {}", self.path.display(), self.why)
    }
}

/// The folders of a configuration that are not there now. They may come: they are waited for.
#[must_use]
pub fn missing(folders: &[PathBuf]) -> Vec<Missing> {
    find(folders).into_iter().filter_map(Result::err).collect()
}

impl Ground {
    /// What there is now: these folders, or every local file system when there are none. `excluded` are types of file
    /// systems that are left out.
    ///
    /// # Errors
    /// [`MountsError`].
    pub fn now(folders: &[PathBuf], excluded: &[String]) -> Result<Self, MountsError> {
        let mut table = mounts::current()?;
        let folders = find(folders);
        let real = folders.iter().flatten();
        let elsewhere: Vec<Mount> = real
            .map(|(path, _)| text::from_native(path.as_os_str()))
            .filter(|path| !table.iter().any(|m| mounts::within(path, &m.point)))
            .map(of_no_mount)
            .collect();
        table.extend(elsewhere);
        let visible = mounts::visible(&table);
        let local = mounts::wanted(&visible, excluded);
        let mut inodes = BTreeMap::new();
        let candidates = if folders.is_empty() {
            local
        } else {
            let mut candidates: Vec<Candidate<'_>> = Vec::new();
            for (path, inode) in folders.iter().flatten() {
                let path = text::from_native(path.as_os_str());
                let Some(mount) = mounts::on(&path, &visible) else {
                    continue;
                };
                inodes.insert(path.clone(), *inode);
                // Local file systems mounted below belong to the folder.
                let below = local.iter().filter(|c| mounts::within(&c.path, &path));
                candidates.extend(below.cloned());
                candidates.push(Candidate { path, mount });
            }
            candidates.sort_by(|a, b| a.path.cmp(&b.path));
            candidates.dedup_by(|a, b| a.path == b.path);
            candidates
        };
        let chosen = mounts::once(candidates, &visible);
        let numbers = mount_numbers(&chosen);
        Ok(Self {
            places: chosen
                .iter()
                .zip(numbers)
                .filter_map(|(c, mount)| Some(place(c, mount?, inodes.get(&c.path).copied())))
                .collect(),
            points: mounts::points(&visible),
            folders,
        })
    }

    /// The folders that are waited for.
    pub fn missing(&self) -> impl Iterator<Item = &Missing> {
        self.folders.iter().filter_map(|f| f.as_ref().err())
    }

    /// The place in which a path lies.
    #[must_use]
    pub fn place_of(&self, path: &[u8]) -> Option<&Place> {
        let around = self.places.iter().filter(|p| mounts::within(path, &p.path));
        around.max_by_key(|p| p.path.len())
    }

    /// Whether something that is mounted in a place hides this path of it.
    #[must_use]
    pub fn covers(&self, path: &[u8]) -> bool {
        self.place_of(path).is_some_and(|place| {
            let mut points = self.points.iter();
            points.any(|p| p.len() > place.path.len() && mounts::within(path, p))
        })
    }

    /// The places of which the other ground does not have the same.
    #[must_use]
    pub fn not_in(&self, other: &Self) -> Vec<&Place> {
        let places = self.places.iter();
        places.filter(|p| !other.places.contains(p)).collect()
    }

    /// The points that only one of the two has, those above before those below.
    #[must_use]
    pub fn changed_points(&self, other: &Self) -> Vec<Vec<u8>> {
        let mut points: Vec<Vec<u8>> = self
            .points
            .symmetric_difference(&other.points)
            .cloned()
            .collect();
        points.sort();
        points
    }
}

/// For a folder that lies in no mount of the table, as on another drive of Windows: it is indexed all the same.
fn of_no_mount(path: Vec<u8>) -> Mount {
    Mount {
        id: 0,
        parent: 0,
        root: path.clone(),
        point: path,
        device: (0, 0),
        kind: String::new(),
        source: Vec::new(),
        options: Vec::new(),
    }
}

fn place(candidate: &Candidate<'_>, mount: u64, inode: Option<u64>) -> Place {
    Place {
        path: candidate.path.clone(),
        kind: candidate.mount.kind.clone(),
        source: candidate.mount.source.clone(),
        standing: Standing {
            device: candidate.mount.device,
            part: candidate.part(),
            mount,
            inode: inode.unwrap_or_default(),
        },
    }
}

/// What a folder was found to be last, for the time in which its file system does not answer: another path for it would
/// make what is known of it another folder's.
static REAL: Mutex<BTreeMap<PathBuf, (PathBuf, u64)>> = Mutex::new(BTreeMap::new());

/// These folders without links, each with its inode. That of a folder which does not answer is as it was.
#[must_use]
pub fn find(folders: &[PathBuf]) -> Vec<Found> {
    let questions: Vec<_> = folders
        .iter()
        .map(|folder| {
            let path = folder.clone();
            let question =
                Question::ask(&text::from_native(folder.as_os_str()), move || real(&path));
            (folder, question)
        })
        .collect();
    let until = Instant::now() + Patience::default().probe;
    let answers = questions
        .into_iter()
        .map(|(folder, q)| (folder, q.answer(until)));
    let mut known = REAL.lock().unwrap_or_else(PoisonError::into_inner);
    let as_it_was =
        |folder: &Path, known: &BTreeMap<PathBuf, (PathBuf, u64)>| match known.get(folder) {
            Some(known) => known.clone(),
            None => (
                std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()),
                0,
            ),
        };
    answers
        .map(|(folder, answer)| match answer {
            Some(Ok(found)) => {
                known.insert(folder.clone(), found.clone());
                Ok(found)
            }
            Some(Err(error)) if is_missing(&error) => Err(Missing {
                path: folder.clone(),
                why: error.to_string(),
            }),
            // What is wrong with it, the walk tells; what is known of it stands.
            Some(Err(_)) | None => Ok(as_it_was(folder, &known)),
        })
        .collect()
}

fn real(folder: &Path) -> std::io::Result<(PathBuf, u64)> {
    let path = std::fs::canonicalize(folder)?;
    let metadata = std::fs::metadata(&path)?;
    if !metadata.is_dir() {
        return Err(ErrorKind::NotADirectory.into());
    }
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let inode = 0;
    Ok((path, inode))
}

fn is_missing(error: &std::io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::ELOOP) {
        return true;
    }
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Of a mount: number in the table, device, number that is not given twice.
type Numbers = (u64, (u32, u32), u64);

/// What the mounts of places were last.
static NUMBERS: Mutex<BTreeMap<Vec<u8>, Numbers>> = Mutex::new(BTreeMap::new());

/// A number for the mount of each place, none given twice while the system runs, where it has such. Without one, it is a
/// file that is mounted there: nothing to walk, and known as what it covers.
fn mount_numbers(places: &[Candidate<'_>]) -> Vec<Option<u64>> {
    let questions: Vec<_> = places
        .iter()
        .map(|c| {
            let path = c.path.clone();
            Question::ask(&c.path, move || {
                let found = std::fs::symlink_metadata(text::native(&path));
                let is_file = found.is_ok_and(|found| !found.is_dir());
                (!is_file).then(|| walk::mount_number(&path))
            })
        })
        .collect();
    let until = Instant::now() + Patience::default().probe;
    let mut known = NUMBERS.lock().unwrap_or_else(PoisonError::into_inner);
    let answers = places.iter().zip(questions).map(|(c, question)| {
        let Mount { id, device, .. } = *c.mount;
        let number = match question.answer(until) {
            Some(None) => return None,
            Some(Some(number)) => number.unwrap_or(id),
            // As long as it does not answer, it is what it was.
            None => match known.get(&c.path) {
                Some((before, on, number)) if (*before, *on) == (id, device) => *number,
                _ => id,
            },
        };
        known.insert(c.path.clone(), (id, device, number));
        Some(number)
    });
    answers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str, mount: u64) -> Place {
        Place {
            path: path.into(),
            kind: "tmpfs".into(),
            source: b"none".to_vec(),
            standing: Standing {
                mount,
                ..Standing::default()
            },
        }
    }

    fn ground(places: Vec<Place>, points: &[&str]) -> Ground {
        Ground {
            places,
            points: points.iter().map(|p| p.as_bytes().to_vec()).collect(),
            folders: Vec::new(),
        }
    }

    #[test]
    fn a_file_system_swapped_on_its_point_is_another_place() {
        let before = ground(
            vec![place("/a", 1), place("/a/m", 2)],
            &["/", "/a/m", "/a/n"],
        );
        let after = ground(
            vec![place("/a", 1), place("/a/m", 3)],
            &["/", "/a/m", "/a/m/x"],
        );
        let paths: Vec<&[u8]> = after.not_in(&before).iter().map(|p| &*p.path).collect();
        assert_eq!(paths, [b"/a/m"]);
        assert_eq!(
            after.changed_points(&before),
            [b"/a/m/x".to_vec(), b"/a/n".to_vec()]
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_waited_for_and_the_others_stand() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().canonicalize().unwrap();
        let gone = there.join("gone");
        let file = there.join("file");
        std::fs::write(&file, "x").unwrap();
        let folders = [there.clone(), gone.clone(), file.clone()];
        let now = Ground::now(&folders, &[]).unwrap();
        let places: Vec<PathBuf> = now
            .places
            .iter()
            .map(|p| PathBuf::from(text::native(&p.path)))
            .collect();
        assert_eq!(places, [there]);
        let missing: Vec<&PathBuf> = now.missing().map(|m| &m.path).collect();
        assert_eq!(missing, [&gone, &file]);
        assert!(now.missing().all(|m| !m.why.is_empty()));
    }

    #[test]
    #[cfg(unix)]
    fn a_folder_within_another_is_no_place_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let outer = folder.path().canonicalize().unwrap();
        let inner = outer.join("in");
        std::fs::create_dir(&inner).unwrap();
        let link = outer.join("link");
        std::os::unix::fs::symlink(&inner, &link).unwrap();
        let now = Ground::now(&[inner, link, outer.clone()], &[]).unwrap();
        let paths: Vec<&[u8]> = now.places.iter().map(|p| &*p.path).collect();
        assert_eq!(paths, [text::from_native(outer.as_os_str()).as_slice()]);
    }

    #[test]
    fn another_folder_of_the_same_name_is_another_place() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("root");
        std::fs::create_dir(&root).unwrap();
        let before = Ground::now(std::slice::from_ref(&root), &[]).unwrap();
        assert!(before.not_in(&before).is_empty());
        std::fs::rename(&root, folder.path().join("aside")).unwrap();
        std::fs::create_dir(&root).unwrap();
        let after = Ground::now(&[root], &[]).unwrap();
        assert_eq!(after.not_in(&before).len(), usize::from(cfg!(unix)));
    }
}
