//! Which mounted file systems are indexed, and where each begins.
//!
//! From the system's own table of mounts (proc_pid_mountinfo(5)). Every local file system is indexed once: of several
//! mounts of the same device the one that shows the most of it, so bind mounts and Btrfs subvolumes mounted beside
//! their top level are not walked twice. An overlay shows files that lie on other file systems; it is indexed only
//! where nothing else shows them, as the root of a container or a live system.

use std::collections::HashSet;
use std::path::PathBuf;

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
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
    let device = std::str::from_utf8(fields.nth(2)?).ok()?;
    let (major, minor) = device.split_once(':')?;
    let root = unescape(fields.next()?);
    let point = unescape(fields.next()?);
    let mut rest = fields.skip_while(|f| *f != b"-").skip(1);
    let kind = String::from_utf8_lossy(rest.next()?).into_owned();
    let source = unescape(rest.next().unwrap_or_default());
    let options = rest.next().unwrap_or_default().to_vec();
    Some(Mount {
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

/// The mounts to index, in the order of their paths. `excluded` are types that the configuration leaves out.
#[must_use]
pub fn choose(mounts: &[Mount], excluded: &[String]) -> Vec<Mount> {
    // What is mounted over an earlier mount hides it.
    let visible: Vec<&Mount> = mounts
        .iter()
        .enumerate()
        .filter(|(at, m)| {
            !mounts
                .iter()
                .skip(at + 1)
                .any(|later| later.point == m.point)
        })
        .map(|(_, m)| m)
        .collect();
    let wanted: Vec<&Mount> = visible
        .into_iter()
        .filter(|m| {
            LOCAL.contains(&m.kind.as_str())
                && !excluded.iter().any(|e| e.eq_ignore_ascii_case(&m.kind))
                && (m.kind != "overlay" || m.point == b"/")
        })
        .collect();
    let mut chosen: Vec<&Mount> = Vec::new();
    let mut ranked = wanted;
    // The widest view of a device first; of equals the one with the shortest path.
    ranked.sort_by_key(|m| (m.root.len(), m.point.len(), m.point.clone()));
    for mount in ranked {
        let shown = chosen
            .iter()
            .any(|c| c.device == mount.device && within(&mount.root, &c.root));
        if !shown {
            chosen.push(mount);
        }
    }
    let mut chosen: Vec<Mount> = chosen.into_iter().cloned().collect();
    chosen.sort_by(|a, b| a.point.cmp(&b.point));
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

/// Every mount point: paths that a walk of the file system above must not even look at.
#[must_use]
pub fn points(mounts: &[Mount]) -> HashSet<Vec<u8>> {
    mounts.iter().map(|m| m.point.clone()).collect()
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
        choose(&parse(table.as_bytes()), &excluded)
            .iter()
            .map(|m| String::from_utf8_lossy(&m.point).into_owned())
            .collect()
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
    fn escapes_are_read() {
        let mounts = parse(b"27 1 254:0 / /with\\040blank\\011tab\\134end rw - ext4 /dev/vda rw\n");
        assert_eq!(mounts[0].point, b"/with blank\ttab\\end");
        assert!(parse(b"nonsense\n1 2\n\n1 2 x:y / / rw - ext4 a\n").is_empty());
    }
}
