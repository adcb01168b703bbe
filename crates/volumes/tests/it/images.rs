//! Containers and partition tables: the disks in them, byte for byte by their hashes.

use crate::shared::{expected, hex, image, sample, whole};
use md5::{Digest, Md5};
use std::io::Read;
use volumes::FileSystemKind;
use volumes::image::{PartitionType, partitions};
use volumes::source::Cursor;

#[test]
fn disks_come_out_of_their_containers() {
    for (name, container) in [
        ("disk_container/image.E01", "EWF"),
        ("disk_container/image-split.E01", "EWF"),
        ("disk_container/image.qcow2", "qcow2"),
        ("disk_container/image.vmdk", "VMDK"),
        ("disk_container/tsk_volume_system.raw", "raw"),
        ("ntfs_image/partition_image.E01", "EWF"),
    ] {
        let Some(image) = image(name) else { return };
        let facts = expected(name);
        assert_eq!(image.container(), container);
        if let Some(wanted) = facts["media_sha256"].as_str() {
            assert_eq!(whole(image.disk()), wanted, "{name}");
        }
        if let Some(size) = facts["media_size"].as_u64() {
            assert_eq!(image.disk().len(), size, "{name}");
        }
        let md5 = facts["hash_values"]["MD5"]
            .as_str()
            .or(facts["md5_in_header"].as_str());
        assert_eq!(
            image.stored_md5().map(|md5| hex(&md5)).as_deref(),
            md5,
            "{name}"
        );
        if let Some(md5) = md5 {
            let mut bytes = Vec::new();
            Cursor::new(image.disk().clone())
                .read_to_end(&mut bytes)
                .unwrap();
            assert_eq!(hex(&Md5::digest(&bytes)), md5, "{name}");
        }
    }
}

#[test]
fn an_image_and_the_raw_disk_it_was_taken_of_are_the_same() {
    let (Some(split), Some(raw)) = (
        image("disk_container/image-split.E01"),
        image("disk_container/tsk_volume_system.raw"),
    ) else {
        return;
    };
    assert_eq!(whole(split.disk()), whole(raw.disk()));
    let (Some(packed), Some(raw)) = (
        image("ntfs_image/test.ntfs.dd.E01"),
        image("ntfs_image/test.ntfs.dd.gz"),
    ) else {
        return;
    };
    assert_eq!(whole(packed.disk()), whole(raw.disk()));
}

#[test]
fn partitions_are_those_of_the_table() {
    let name = "disk_container/tsk_volume_system.raw";
    let Some(image) = image(name) else { return };
    let found: Vec<serde_json::Value> = partitions(image.disk())
        .iter()
        .map(|partition| {
            let PartitionType::Mbr(code) = partition.kind else {
                panic!("{partition:?}")
            };
            let mut fact = serde_json::json!({
                "start": partition.offset / 512,
                "len": partition.len / 512,
                "type": format!("{code:#04x}"),
            });
            if partition.logical {
                fact["in_extended"] = true.into();
            }
            fact
        })
        .collect();
    assert_eq!(expected(name)["mbr_partitions"], serde_json::json!(found));
    let kinds: Vec<(u64, FileSystemKind)> = image
        .volumes()
        .iter()
        .map(|volume| (volume.offset / 512, volume.kind))
        .collect();
    assert_eq!(
        kinds,
        [(1, FileSystemKind::Unknown), (352, FileSystemKind::Ext)]
    );
}

#[test]
fn chunks_with_a_wrong_checksum_are_named_and_the_others_read() {
    let Some(sample) = sample("disk_container/image.E01") else {
        return;
    };
    let bytes = std::fs::read(sample).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.E01");
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let image = volumes::open(&path).unwrap();
        let mut buffer = vec![0; 32 << 10];
        let length = image.disk().len();
        let failed = (0..length)
            .step_by(buffer.len())
            .filter(|at| image.disk().read_full_at(*at, &mut buffer).is_err())
            .count();
        (failed, image.damage())
    };
    assert_eq!(read(&bytes), (0, Vec::new()));
    // The first chunk lies behind the head of the section of sectors.
    let sectors = bytes.windows(8).position(|w| w == b"sectors\0").unwrap();
    let mut wrong = bytes.clone();
    wrong[sectors + 76 + 20] ^= 0x55;
    let (failed, damage) = read(&wrong);
    assert_eq!((failed, damage.len()), (1, 1), "{damage:?}");
    assert!(damage[0].starts_with("chunk 0 ") && damage[0].contains("checksum"));
    // And the head of the first section, where nothing that is used stands.
    wrong[13 + 40] ^= 0x55;
    let (_, damage) = read(&wrong);
    assert!(damage[0].starts_with("section at byte 13 "), "{damage:?}");
}

#[test]
fn what_is_not_read_is_named() {
    for (name, kind) in [
        ("disk_container/fat_very_small.dd", FileSystemKind::Fat),
        ("disk_container/iso9660.raw", FileSystemKind::Iso9660),
        ("xfs_image/xfs.img.gz", FileSystemKind::Xfs),
        ("btrfs_image/btrfs.img.gz", FileSystemKind::Btrfs),
        ("disk_container/MBR", FileSystemKind::Unknown),
    ] {
        let Some(image) = image(name) else { return };
        let volumes = image.volumes();
        assert_eq!(volumes[0].kind, kind, "{name}");
        assert!(!kind.is_supported() && image.file_system(&volumes[0]).is_err());
    }
    assert!(volumes::open(&std::env::temp_dir()).is_err());
}
