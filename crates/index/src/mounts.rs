//! Which mounted file systems are indexed, and where each begins.
//!
//! From the system's own table of mounts (proc_pid_mountinfo(5)). Every local file system is indexed once: of several
//! mounts of the same device the one that shows the most of it, so bind mounts and Btrfs subvolumes mounted beside
//! their top level are not walked twice. An overlay shows files that lie on other file systems; it is indexed only
//! where nothing else shows them, as the root of a container or a live system.
//!
//! What counts is what a path leads to: a mount may hide another one, the folder that it covers, and the mounts in that
//! folder. [`visible`] tells which are left, [`on`] which of them a path leads into.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Its number, which the system may give again once it is unmounted.
    pub id: u64,
    /// The number of the mount in which its point lies.
    pub parent: u64,
    /// Where it is mounted: absolute path.
    pub point: Vec<u8>,
    /// Which part of the file system is mounted there.
    pub root: Vec<u8>,
    /// `major:minor`.
    pub device: (u32, u32),
    /// Type, as the kernel calls it.
    pub kind: String,
    /// What is mounted: a device, as a rule.
    pub source: Vec<u8>,
    /// Options of the file system.
    pub options: Vec<u8>,
}

/// Failure to learn the mounts.
#[derive(Debug, thiserror::Error)]
pub enum MountsError {
    /// The table cannot be read.
    #[error("cannot read the table of mounts {}", .path.display())]
    Read {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// File systems that hold files of this machine. Anything else is the kernel's own, another machine's, or a program's
/// (FUSE), which may not answer.
const LOCAL: &[&str] = &[
    "adfs", "affs", "apfs", "bcachefs", "befs", "bfs", "btrfs", "cramfs", "erofs", "exfat", "ext2",
    "ext3", "ext4", "f2fs", "fuseblk", "hfs", "hfsplus", "hpfs", "iso9660", "jffs2", "jfs",
    "minix", "msdos", "nilfs2", "ntfs", "ntfs3", "ocfs2", "overlay", "ramfs", "reiserfs", "romfs",
    "squashfs", "sysv", "tmpfs", "ubifs", "udf", "ufs", "vfat", "xfs", "zfs",
];

/// Reads the table. Lines that make no sense are left out.
#[must_use]
pub fn parse(table: &[u8]) -> Vec<Mount> {
    table
        .split(|b| *b == b'\n')
        .filter_map(parse_line)
        .collect()
}

fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|b| *b == b' ');
    let number = |field: Option<&[u8]>| std::str::from_utf8(field?).ok()?.parse().ok();
    let id = number(fields.next())?;
    let parent = number(fields.next())?;
    let device = std::str::from_utf8(fields.next()?).ok()?;
    let (major, minor) = device.split_once(':')?;
    let root = unescape(fields.next()?);
    let point = unescape(fields.next()?);
    let mut rest = fields.skip_while(|f| *f != b"-").skip(1);
    let kind = String::from_utf8_lossy(rest.next()?).into_owned();
    let source = unescape(rest.next().unwrap_or_default());
    let options = rest.next().unwrap_or_default().to_vec();
    Some(Mount {
        id,
        parent,
        point,
        root,
        device: (major.parse().ok()?, minor.parse().ok()?),
        kind,
        source,
        options,
    })
}

/// Blanks, tabs, line ends and backslashes stand as three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, more)) = rest.split_first() {
        let code = match (first, more) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..]) => {
                Some((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'))
            }
            _ => None,
        };
        out.push(code.unwrap_or(*first));
        rest = if code.is_some() {
            more.get(3..).unwrap_or_default()
        } else {
            more
        };
    }
    out
}

/// The mounts to which their point leads: those that no other covers, be it themselves or a folder above them.
#[must_use]
pub fn visible(mounts: &[Mount]) -> Vec<&Mount> {
    let by_id: HashMap<u64, &Mount> = mounts.iter().map(|m| (m.id, m)).collect();
    // Of two on one point of one mount, which a table read in pieces may show, the later.
    let taken: HashMap<(u64, &[u8]), u64> = mounts
        .iter()
        .filter(|m| m.id != m.parent)
        .map(|m| ((m.parent, m.point.as_slice()), m.id))
        .collect();
    let mut reached: HashMap<u64, bool> = HashMap::new();
    for mount in mounts {
        // Upwards to the first whose lot is known, and down again.
        let mut way = Vec::new();
        let mut at = Some(mount);
        let mut lot = true;
        while let Some(mount) = at {
            if let Some(known) = reached.get(&mount.id) {
                lot = *known;
                break;
            }
            // For now, so that a table that leads in circles ends here.
            reached.insert(mount.id, true);
            way.push(mount);
            at = by_id.get(&mount.parent).copied();
        }
        for mount in way.into_iter().rev() {
            let hidden = upwards(&mount.point).any(|above| {
                taken
                    .get(&(mount.parent, above))
                    .is_some_and(|id| *id != mount.id)
            });
            lot = lot && !hidden;
            reached.insert(mount.id, lot);
        }
    }
    mounts
        .iter()
        .filter(|m| {
            reached.get(&m.id).copied().unwrap_or_default()
                && !taken.contains_key(&(m.id, m.point.as_slice()))
        })
        .collect()
}

/// A path and every folder above it.
pub(crate) fn upwards(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut next = Some(path);
    std::iter::from_fn(move || {
        let now = next?;
        next = match now.iter().rposition(|b| *b == b'/') {
            _ if now == b"/" => None,
            Some(0) => Some(b"/".as_slice()),
            Some(at) => now.get(..at),
            None => None,
        };
        Some(now)
    })
}

/// The mount into which a path leads, among those that are [`visible`].
#[must_use]
pub fn on<'m>(path: &[u8], visible: &[&'m Mount]) -> Option<&'m Mount> {
    let around = visible.iter().filter(|m| within(path, &m.point));
    around.max_by_key(|m| m.point.len()).copied()
}

/// A folder that may be indexed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate<'m> {
    /// Its path.
    pub path: Vec<u8>,
    /// The mount in which it lies.
    pub mount: &'m Mount,
}

impl Candidate<'_> {
    /// Which part of the file system it is.
    #[must_use]
    pub fn part(&self) -> Vec<u8> {
        let mount = self.mount;
        let inner = self.path.strip_prefix(mount.point.as_slice());
        below(&mount.root, inner.unwrap_or_default())
    }
}

/// A path in a folder.
fn below(folder: &[u8], inner: &[u8]) -> Vec<u8> {
    let inner = inner.strip_prefix(b"/").unwrap_or(inner);
    if inner.is_empty() {
        return folder.to_vec();
    }
    crate::entry::join(folder, inner)
}

/// The mounts whose files are this machine's own, but for the types that the configuration leaves out.
#[must_use]
pub fn wanted<'m>(visible: &[&'m Mount], excluded: &[String]) -> Vec<Candidate<'m>> {
    let wanted = visible.iter().filter(|m| {
        is_local(&m.kind)
            && !excluded.iter().any(|e| e.eq_ignore_ascii_case(&m.kind))
            && (m.kind != "overlay" || m.point == b"/")
    });
    let candidate = |mount: &&'m Mount| Candidate {
        path: mount.point.clone(),
        mount,
    };
    wanted.map(candidate).collect()
}

/// Whether a type of file system holds files of this machine, all of whose changes are made here.
#[must_use]
pub fn is_local(kind: &str) -> bool {
    LOCAL.contains(&kind)
}

/// So many of these that each file is shown once, in the order of their paths: what another one shows is left out.
#[must_use]
pub fn once<'m>(candidates: Vec<Candidate<'m>>, visible: &[&'m Mount]) -> Vec<Candidate<'m>> {
    let mut ranked: Vec<(Vec<u8>, Candidate<'m>)> =
        candidates.into_iter().map(|c| (c.part(), c)).collect();
    // The widest view of a device first; of equals the one with the shortest path.
    ranked.sort_by(|(a, one), (b, other)| {
        (a.len(), one.path.len(), &one.path).cmp(&(b.len(), other.path.len(), &other.path))
    });
    let mut chosen: Vec<(Vec<u8>, Candidate<'m>)> = Vec::new();
    for (part, candidate) in ranked {
        let shown = chosen.iter().any(|(wider, by)| {
            by.mount.device == candidate.mount.device
                && within(&part, wider)
                && part.strip_prefix(wider.as_slice()).is_some_and(|inner| {
                    // Unless something is mounted over it there.
                    on(&below(&by.path, inner), visible).is_some_and(|m| m.id == by.mount.id)
                })
        });
        if !shown {
            chosen.push((part, candidate));
        }
    }
    let mut chosen: Vec<Candidate<'m>> = chosen.into_iter().map(|(_, c)| c).collect();
    chosen.sort_by(|a, b| a.path.cmp(&b.path));
    chosen
}

/// Whether a path is this folder or lies in it.
#[must_use]
pub fn within(path: &[u8], folder: &[u8]) -> bool {
    match path.strip_prefix(folder) {
        Some(rest) => rest.is_empty() || folder.ends_with(b"/") || rest.starts_with(b"/"),
        None => false,
    }
}

/// The points of these mounts: paths that a walk of the file system above must not even look at.
#[must_use]
pub fn points(visible: &[&Mount]) -> HashSet<Vec<u8>> {
    visible.iter().map(|m| m.point.clone()).collect()
}

/// How often a path is asked for in a row; one that is still a surprise then stays one.
const MOST_ASKED: u32 = 8;

/// Paths on which something was found mounted that the table did not have when it was read. What is mounted for a moment
/// may be gone before anybody reads the table again, and then nothing tells that such a path is to be looked at.
#[derive(Debug, Default)]
pub struct Surprises(Mutex<Noted>);

#[derive(Debug, Default)]
struct Noted {
    paths: BTreeSet<Vec<u8>>,
    /// How often in a row each was asked for.
    asked: BTreeMap<Vec<u8>, u32>,
}

impl Surprises {
    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes one. False when it was asked for so often that it is to be taken as it is.
    pub fn note(&self, path: Vec<u8>) -> bool {
        let mut noted = self.lock();
        let asked = noted.asked.get(&path).copied().unwrap_or_default();
        asked < MOST_ASKED && {
            noted.paths.insert(path);
            true
        }
    }

    /// Whether there are any.
    #[must_use]
    pub fn any(&self) -> bool {
        !self.lock().paths.is_empty()
    }

    /// All of them, to be looked at now that the table is read again.
    #[must_use]
    pub fn take(&self) -> BTreeSet<Vec<u8>> {
        let mut noted = self.lock();
        let paths = std::mem::take(&mut noted.paths);
        noted.asked.retain(|path, _| paths.contains(path));
        for path in &paths {
            *noted.asked.entry(path.clone()).or_default() += 1;
        }
        paths
    }
}

/// The mounts of this machine.
///
/// # Errors
/// [`MountsError`].
#[cfg(target_os = "linux")]
pub fn current() -> Result<Vec<Mount>, MountsError> {
    let path = PathBuf::from("/proc/self/mountinfo");
    let table = std::fs::read(&path).map_err(|source| MountsError::Read { path, source })?;
    Ok(parse(&table))
}

/// The mounts of this machine: the root alone, until its own interface is used here.
///
/// # Errors
/// None here.
#[cfg(not(target_os = "linux"))]
pub fn current() -> Result<Vec<Mount>, MountsError> {
    let (point, kind) = if cfg!(windows) {
        (b"C:/".to_vec(), "ntfs")
    } else {
        (b"/".to_vec(), "apfs")
    };
    Ok(vec![Mount {
        id: 1,
        parent: 0,
        root: b"/".to_vec(),
        source: point.clone(),
        point,
        device: (0, 0),
        kind: kind.into(),
        options: Vec::new(),
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(table: &str, excluded: &[&str]) -> Vec<String> {
        let excluded: Vec<String> = excluded.iter().map(|e| (*e).to_owned()).collect();
        let mounts = parse(table.as_bytes());
        let visible = visible(&mounts);
        once(wanted(&visible, &excluded), &visible)
            .iter()
            .map(|c| String::from_utf8_lossy(&c.path).into_owned())
            .collect()
    }

    #[test]
    fn a_path_that_stays_a_surprise_is_asked_for_no_more() {
        let surprises = Surprises::default();
        for _ in 0..MOST_ASKED {
            assert!(surprises.note(b"/a".to_vec()) && surprises.any());
            assert_eq!(surprises.take(), [b"/a".to_vec()].into());
        }
        assert!(!surprises.note(b"/a".to_vec()) && !surprises.any());
        // Once it was none for a while, it may be one again.
        assert!(surprises.take().is_empty());
        assert!(surprises.note(b"/a".to_vec()));
    }

    #[test]
    fn local_file_systems_only() {
        let table = "22 27 0:21 / /proc rw - proc proc rw\n\
            27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
            28 27 0:40 / /mnt/share rw - nfs4 host:/x rw\n\
            29 27 0:41 / /home/a/remote rw - fuse.sshfs host: rw\n\
            30 27 0:25 / /dev/shm rw - tmpfs tmpfs rw\n\
            31 27 8:1 / /boot rw shared:1 master:2 - vfat /dev/sda1 rw\n";
        assert_eq!(chosen(table, &[]), ["/", "/boot", "/dev/shm"]);
        assert_eq!(chosen(table, &["VFAT", "tmpfs"]), ["/"]);
    }

    #[test]
    fn bind_mounts_once_and_the_widest_view_wins() {
        let table = "27 1 254:0 / / rw - ext4 /dev/vda rw\n\
            28 27 254:0 /srv/data /export/data rw - ext4 /dev/vda rw\n\
            29 27 254:16 /inner /mnt/part rw - xfs /dev/vdb rw\n\
            30 27 254:16 / /mnt/whole rw - xfs /dev/vdb rw\n";
        assert_eq!(chosen(table, &[]), ["/", "/mnt/whole"]);
        // A bind of a part that nothing else shows is indexed where it is.
        let part = "27 1 254:0 / / rw - ext4 /dev/vda rw\n29 27 254:16 /inner /mnt/part rw - xfs /dev/vdb rw\n";
        assert_eq!(chosen(part, &[]), ["/", "/mnt/part"]);
    }

    #[test]
    fn btrfs_subvolumes_each_once() {
        let table = "27 1 0:30 /@ / rw - btrfs /dev/sda2 rw\n\
            28 27 0:30 /@home /home rw - btrfs /dev/sda2 rw\n\
            29 27 0:30 /@ /mnt/again rw - btrfs /dev/sda2 rw\n";
        assert_eq!(chosen(table, &[]), ["/", "/home"]);
    }

    #[test]
    fn overlays_only_as_the_root() {
        let host = "27 1 254:0 / / rw - ext4 /dev/vda rw\n\
            40 27 0:50 / /var/lib/containers/x/merged rw - overlay overlay rw,lowerdir=/a,upperdir=/b\n";
        assert_eq!(chosen(host, &[]), ["/"]);
        let container = "27 1 0:50 / / rw - overlay overlay rw,lowerdir=/a,upperdir=/b\n";
        assert_eq!(chosen(container, &[]), ["/"]);
    }

    #[test]
    fn the_later_mount_hides_the_earlier() {
        let table =
            "27 1 254:0 / /mnt rw - ext4 /dev/vda rw\n28 27 0:40 / /mnt rw - nfs host:/ rw\n";
        assert!(chosen(table, &[]).is_empty());
    }

    #[test]
    fn what_a_mount_covers_is_hidden_with_all_that_is_mounted_in_it() {
        let table = "27 1 254:0 / / rw - ext4 /dev/vda rw\n\
            28 27 0:40 / /mnt/a rw - tmpfs none rw\n\
            29 28 0:41 / /mnt/a/in rw - tmpfs none rw\n\
            30 27 0:42 / /mnt rw - tmpfs none rw\n";
        assert_eq!(chosen(table, &[]), ["/", "/mnt"]);
        let twice = "27 1 254:0 / / rw - ext4 /dev/vda rw\n\
            28 27 0:40 / /mnt rw - tmpfs none rw\n\
            29 28 0:41 / /mnt/in rw - tmpfs none rw\n\
            30 28 0:42 / /mnt rw - tmpfs none rw\n\
            31 30 0:43 / /mnt/in rw - tmpfs none rw\n";
        let mounts = parse(twice.as_bytes());
        let ids: Vec<u64> = visible(&mounts).iter().map(|m| m.id).collect();
        assert_eq!(ids, [27, 30, 31]);
    }

    #[test]
    fn what_is_covered_where_the_view_is_wider_is_indexed_where_it_is_seen() {
        let table = "27 1 254:0 / / rw - ext4 /dev/vda rw\n\
            28 27 254:0 /srv/x /data rw - ext4 /dev/vda rw\n\
            29 27 0:40 / /srv/x rw - tmpfs none rw\n";
        assert_eq!(chosen(table, &[]), ["/", "/data", "/srv/x"]);
    }

    #[test]
    fn a_table_that_leads_in_circles_is_read() {
        let table = "1 2 0:1 / /a rw - tmpfs none rw\n2 1 0:2 / /b rw - tmpfs none rw\n3 3 0:3 / / rw - tmpfs none rw\n";
        assert_eq!(chosen(table, &[]), ["/", "/a", "/b"]);
    }

    #[test]
    fn escapes_are_read() {
        let mounts = parse(b"27 1 254:0 / /with\\040blank\\011tab\\134end rw - ext4 /dev/vda rw\n");
        assert_eq!(mounts[0].point, b"/with blank\ttab\\end");
        assert!(parse(b"nonsense\n1 2\n\n1 2 x:y / / rw - ext4 a\n").is_empty());
    }
}
