//! Every kind of file system that is not read is named, be it made by its own program or by the bytes that tell it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use volumes::source::Shared;
use volumes::{FileSystemKind, Image, VolumeError};

/// An empty image of so many megabytes.
fn empty(folder: &Path, megabytes: u64) -> PathBuf {
    let path = folder.join("image");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(megabytes << 20).unwrap();
    path
}

fn made(program: &str, args: &[&str], megabytes: u64) -> FileSystemKind {
    let folder = tempfile::tempdir().unwrap();
    let path = empty(folder.path(), megabytes);
    let done = Command::new(program).args(args).arg(&path).output();
    let done = done.unwrap_or_else(|error| panic!("{program} is needed: {error}"));
    assert!(done.status.success(), "{program}: {done:?}");
    only(&volumes::open(&path).unwrap(), program)
}

/// The kind of the only volume, which is named and not read.
fn only(image: &Image, what: &str) -> FileSystemKind {
    let [volume] = image.volumes()[..] else {
        panic!("{what}: {:?}", image.volumes())
    };
    assert!(!volume.kind.is_supported(), "{what}");
    let name = volume.kind.name();
    match image.file_system(&volume).err() {
        Some(VolumeError::Unsupported { what }) => assert_eq!(what, name),
        other => panic!("{what}: {other:?}"),
    }
    volume.kind
}

#[test]
fn what_the_programs_make_is_named() {
    use FileSystemKind::{Btrfs, ExFat, Fat, Swap, Xfs};
    let cases: [(&str, &[&str], u64, FileSystemKind); 9] = [
        ("mkfs.xfs", &["-q"], 320, Xfs),
        ("mkfs.btrfs", &["-q"], 128, Btrfs),
        (
            "mkfs.btrfs",
            &["-q", "--mixed", "-s", "4096", "-n", "4096"],
            64,
            Btrfs,
        ),
        ("mkfs.vfat", &["-F", "12"], 2, Fat),
        ("mkfs.vfat", &["-F", "16"], 32, Fat),
        ("mkfs.vfat", &["-F", "32"], 64, Fat),
        ("mkfs.vfat", &["-F", "32", "-S", "4096"], 600, Fat),
        ("mkfs.exfat", &[], 16, ExFat),
        ("mkswap", &["-q"], 16, Swap),
    ];
    for (program, args, megabytes, kind) in cases {
        assert_eq!(made(program, args, megabytes), kind, "{program} {args:?}");
    }
}

#[test]
fn a_fat_without_its_name_is_one() {
    let folder = tempfile::tempdir().unwrap();
    for (width, cluster, name) in [("12", "64", 54), ("16", "8", 54), ("32", "1", 82)] {
        let path = empty(folder.path(), 64);
        let made = Command::new("mkfs.vfat")
            .args(["-F", width, "-s", cluster])
            .arg(&path)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[name..name + 8].copy_from_slice(b"        ");
        let image = Image::from_disk(Arc::new(bytes.clone()));
        assert_eq!(only(&image, width), FileSystemKind::Fat, "{width}");
        // Nor is every sector of a disk that begins to boot one.
        bytes[11..13].fill(0);
        let image = Image::from_disk(Arc::new(bytes));
        assert_eq!(only(&image, width), FileSystemKind::Unknown);
    }
}

#[test]
fn what_no_program_here_makes_is_named_by_its_bytes() {
    use FileSystemKind::{Apfs, Fve, HfsPlus, Iso9660, Luks, Lvm, ReFs};
    for (at, bytes, kind) in [
        (32, &b"NXSB"[..], Apfs),
        (3, b"-FVE-FS-", Fve),
        (3, b"ReFS\0\0\0\0", ReFs),
        (0, b"LUKS\xba\xbe\0\x02", Luks),
        (512, b"LABELONE", Lvm),
        (1024, b"H+\0\x04", HfsPlus),
        (0x8001, b"CD001", Iso9660),
    ] {
        let mut disk = vec![0; 1 << 20];
        disk[at..at + bytes.len()].copy_from_slice(bytes);
        let disk: Shared = Arc::new(disk);
        assert_eq!(only(&Image::from_disk(disk), kind.name()), kind);
    }
}
