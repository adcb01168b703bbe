//! File systems of the tests' own, and a watcher over each.

use index::changes::{Change, DirectoryKey, Options, Watcher};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A file system mounted for a test, unmounted at its end.
pub struct Ground {
    pub kind: &'static str,
    pub root: PathBuf,
    mounted: bool,
    _folder: TempDir,
}

impl Ground {
    fn new(kind: &'static str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("mnt");
        std::fs::create_dir(&root).unwrap();
        let image = folder.path().join("image");
        let mut mount = Command::new("mount");
        match kind {
            "tmpfs" => mount.args(["-t", "tmpfs", "tmpfs"]),
            _ => {
                let file = File::create(&image).unwrap();
                file.set_len(256 << 20).unwrap();
                let (mkfs, args): (_, &[&str]) = match kind {
                    "ext4" => ("mkfs.ext4", &["-q", "-F", "-N", "65536"]),
                    _ => ("mkfs.btrfs", &["-q", "-f"]),
                };
                let made = Command::new(mkfs).args(args).arg(&image).status();
                if !made.is_ok_and(|s| s.success()) {
                    return None;
                }
                mount.args(["-o", "loop"]).arg(&image)
            }
        };
        let done = mount.arg(&root).status();
        done.is_ok_and(|s| s.success()).then_some(Self {
            kind,
            root,
            mounted: true,
            _folder: folder,
        })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Without force: fails while anything holds the file system.
    pub fn unmount(&mut self) -> bool {
        let done = Command::new("umount").arg(&self.root).status();
        let done = done.is_ok_and(|s| s.success());
        self.mounted &= !done;
        done
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if self.mounted {
            let unmounted = Command::new("umount").arg("-l").arg(&self.root).status();
            assert!(unmounted.unwrap().success() || std::thread::panicking());
        }
    }
}

/// Runs a test on each kind of file system that can be made here.
pub fn on_each(test: impl Fn(&mut Ground)) {
    on(&["tmpfs", "ext4"], test);
}

/// Runs a test on these kinds of file systems.
pub fn on(kinds: &[&'static str], test: impl Fn(&mut Ground)) {
    if !rustix::process::geteuid().is_root() {
        eprintln!("left out: watching whole file systems needs root");
        return;
    }
    for kind in kinds.iter().copied() {
        match Ground::new(kind) {
            Some(mut ground) => test(&mut ground),
            None => eprintln!("left out on {kind}: cannot be mounted here"),
        }
    }
}

pub fn watch(ground: &Ground, options: &Options) -> Watcher {
    let (watcher, refused) = Watcher::start(std::slice::from_ref(&ground.root), options).unwrap();
    assert!(refused.is_empty(), "{}: {refused:?}", ground.kind);
    watcher
}

pub fn start(ground: &Ground) -> Watcher {
    watch(ground, &Options::default())
}

pub const PATIENCE: Duration = Duration::from_secs(60);
const MARK: &[u8] = b"mark ";
static MARKS: AtomicUsize = AtomicUsize::new(0);

/// Everything that happened until now: a last file of a known name is made, and changes are read until it comes.
pub fn until_now(watcher: &mut Watcher, ground: &Ground, mut each: impl FnMut(&Change)) {
    let mark = format!("mark {}", MARKS.fetch_add(1, Ordering::Relaxed));
    std::fs::create_dir(ground.path(&mark)).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut seen = false;
    while !seen {
        assert!(Instant::now() < deadline, "the last change never came");
        for change in watcher.next(PATIENCE).unwrap() {
            match &change {
                Change::Touched { name, .. } if name.starts_with(MARK) => {
                    seen |= name == mark.as_bytes();
                }
                // The mark may have been lost, too.
                Change::Lost { .. } => {
                    seen = true;
                    each(&change);
                }
                _ => each(&change),
            }
        }
    }
}

/// The same, as lines.
pub fn lines(watcher: &mut Watcher, ground: &Ground) -> Vec<String> {
    let mut lines = Vec::new();
    until_now(watcher, ground, |change| {
        lines.extend(line(change, &ground.root));
    });
    lines
}

fn line(change: &Change, root: &Path) -> Option<String> {
    let shown = |key: &DirectoryKey, name: &[u8]| {
        let path = Path::new(std::ffi::OsStr::from_bytes(&key.path));
        let path = path.strip_prefix(root).expect("within the mount");
        format!(
            "{}",
            path.join(String::from_utf8_lossy(name).as_ref()).display()
        )
    };
    Some(match change {
        Change::Touched { name, .. } if name.starts_with(MARK) => return None,
        Change::Touched {
            directory,
            name,
            written,
        } => {
            let how = if *written { "written" } else { "touched" };
            format!("{how} {}", shown(directory, name))
        }
        Change::Renamed { from, to } => {
            format!(
                "renamed {} {}",
                shown(&from.0, &from.1),
                shown(&to.0, &to.1)
            )
        }
        // Other tests mount things meanwhile.
        Change::File { .. } | Change::Mounts | Change::Away { .. } => return None,
        Change::Hidden { directory } => format!("hidden {}", shown(directory, b".")),
        Change::Point { .. } => unreachable!("the watcher knows no points"),
        Change::Lost { mount } => format!("lost {}", mount.is_some()),
    })
}
