//! A file system of this process that answers as much as a test wants, spoken over /dev/fuse by hand.

use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const LOOKUP: u32 = 1;
const GETATTR: u32 = 3;
const OPEN: u32 = 14;
const READ: u32 = 15;
const RELEASE: u32 = 18;
const FLUSH: u32 = 25;
const INIT: u32 = 26;
const OPENDIR: u32 = 27;
const READDIR: u32 = 28;
const RELEASEDIR: u32 = 29;
const FORGET: [u32; 2] = [2, 42];

/// Number, number of its directory, name, and what a file holds; a directory holds nothing.
type Node = (u64, u64, &'static str, Option<&'static str>);

/// `hangs` never gives its names, `bad` never its content.
const NODES: [Node; 7] = [
    (2, 1, "good", Some("a file that is read")),
    (3, 1, "bad", Some("a file that hangs")),
    (4, 1, "hangs", None),
    (5, 1, "fine", None),
    (6, 5, "inside", Some("another file")),
    (7, 4, "never seen", Some("never read")),
    (8, 5, "last", Some("one more")),
];
const HANGS: u64 = 4;
const BAD: u64 = 3;

/// Mounted; unmounted when dropped, and everybody who waits for it is let go with an error.
pub struct Fuse {
    pub root: PathBuf,
    /// While this is set, nothing at all is answered.
    pub dead: Arc<AtomicBool>,
    /// While this is set, `hangs` and `bad` are not.
    pub hanging: Arc<AtomicBool>,
    _folder: tempfile::TempDir,
}

impl Fuse {
    /// In a name space of this thread's and of those that it starts, so that nobody else on this machine comes across
    /// it. `None` where that is not to be had.
    #[expect(
        unsafe_code,
        reason = "mounting in a name space of its own has no safe wrapper"
    )]
    pub fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("left out: mounting needs root");
            return None;
        }
        let device = match File::options().read(true).write(true).open("/dev/fuse") {
            Ok(device) => device,
            Err(error) => {
                eprintln!("left out: no /dev/fuse ({error})");
                return None;
            }
        };
        // SAFETY: no descriptors are unshared.
        unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNS) }.unwrap();
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        rustix::mount::mount_change("/", private).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("mnt");
        std::fs::create_dir(&root).unwrap();
        let options = format!(
            "fd={},rootmode=40000,user_id=0,group_id=0",
            device.as_raw_fd()
        );
        let options = std::ffi::CString::new(options).unwrap();
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        rustix::mount::mount("hanging", &root, "fuse.hanging", flags, options.as_c_str()).unwrap();
        let (dead, hanging) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let state = (Arc::clone(&dead), Arc::clone(&hanging));
        std::thread::spawn(move || serve(device, &state.0, &state.1));
        Some(Self {
            root,
            dead,
            hanging,
            _folder: folder,
        })
    }

    /// Lets go all who wait, with an error; the file system is of no use after it.
    pub fn abort(&self) {
        // Forced: the connection ends, whoever has files of it open.
        let flags = UnmountFlags::FORCE | UnmountFlags::DETACH;
        rustix::mount::unmount(&self.root, flags).ok();
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        self.abort();
    }
}

pub fn content_of(path: &Path) -> Option<&'static str> {
    let name = path.file_name()?.to_str()?;
    NODES.iter().find(|node| node.2 == name)?.3
}

fn serve(mut device: File, dead: &AtomicBool, hanging: &AtomicBool) {
    let mut buffer = vec![0; 1 << 20];
    // Ends with the connection.
    while let Ok(length) = device.read(&mut buffer) {
        let request = &buffer[..length];
        let u32_at = |at: usize| u32::from_le_bytes(request[at..at + 4].try_into().unwrap());
        let u64_at = |at: usize| u64::from_le_bytes(request[at..at + 8].try_into().unwrap());
        let (code, unique, node) = (u32_at(4), u64_at(8), u64_at(16));
        if FORGET.contains(&code) || (dead.load(Ordering::SeqCst) && code != INIT) {
            continue;
        }
        let stuck = (code == OPENDIR && node == HANGS) || (code == READ && node == BAD);
        if stuck && hanging.load(Ordering::SeqCst) {
            continue;
        }
        let answer = match code {
            INIT => Ok(init(u32_at(44))),
            LOOKUP => {
                let name = request[40..].split(|b| *b == 0).next().unwrap();
                NODES
                    .iter()
                    .find(|n| n.1 == node && n.2.as_bytes() == name)
                    .map(|n| [words(&[n.0, 0, 0, 0, 0]), attributes(n.0)].concat())
                    .ok_or(libc::ENOENT)
            }
            GETATTR => Ok([words(&[0, 0]), attributes(node)].concat()),
            OPEN | OPENDIR => Ok(words(&[0, 0])),
            READDIR => Ok(names(node, u64_at(48))),
            READ => {
                let content = NODES.iter().find(|n| n.0 == node).and_then(|n| n.3);
                let from = usize::try_from(u64_at(48)).unwrap();
                let content = content.unwrap_or_default().as_bytes();
                Ok(content.get(from..).unwrap_or_default().to_vec())
            }
            RELEASE | FLUSH | RELEASEDIR => Ok(Vec::new()),
            _ => Err(libc::ENOSYS),
        };
        let (error, body) = match answer {
            Ok(body) => (0, body),
            Err(error) => (-error, Vec::new()),
        };
        let mut reply = u32::try_from(16 + body.len())
            .unwrap()
            .to_le_bytes()
            .to_vec();
        reply.extend(error.to_le_bytes());
        reply.extend(unique.to_le_bytes());
        reply.extend(body);
        // A request may have been taken back meanwhile.
        device.write_all(&reply).ok();
    }
}

fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// `struct fuse_init_out`.
fn init(minor: u32) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [7, minor.min(31), 4096, 0, 12 | 9 << 16, 4096, 1, 32] {
        out.extend(u32::to_le_bytes(word));
    }
    out.resize(64, 0);
    out
}

/// `struct fuse_attr`.
fn attributes(node: u64) -> Vec<u8> {
    let content = NODES.iter().find(|n| n.0 == node).and_then(|n| n.3);
    let size = content.map_or(0, str::len) as u64;
    let mut out = words(&[node, size, 1, 1_000_000_000, 1_000_000_000, 1_000_000_000]);
    let mode = if content.is_some() {
        0o100_644
    } else {
        0o040_755
    };
    for word in [0, 0, 0, mode, 1, 0, 0, 0, 512, 0] {
        out.extend(u32::to_le_bytes(word));
    }
    out
}

/// `struct fuse_dirent` of each name behind an offset.
fn names(node: u64, from: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let within = NODES.iter().filter(|n| n.1 == node).zip(1_u64..);
    for (n, offset) in within.filter(|(_, offset)| *offset > from) {
        let kind: u32 = if n.3.is_some() { 8 } else { 4 };
        out.extend(words(&[n.0, offset]));
        out.extend(u32::try_from(n.2.len()).unwrap().to_le_bytes());
        out.extend(kind.to_le_bytes());
        out.extend(n.2.as_bytes());
        out.resize(out.len().next_multiple_of(8), 0);
    }
    out
}
