//! ext2 and ext4 volumes: names, sizes, times, owners and contents as other tools and the kernel see them.

use crate::shared::{agrees, entries, expected, image, only, sample, sha256, unpacked};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use volumes::entry::Entry;
use volumes::{EntryKind, Image};

fn inode(entry: &Entry) -> u64 {
    entry.id.0
}

#[test]
fn volumes_agree_with_another_tool() {
    for (name, kind) in [
        ("ext_image/ext2.qcow2", "ext2"),
        ("ext_image/imynd_ext2.dd", "ext2"),
        ("ext_image/syslog_image.dd", "ext2"),
        ("ext_image/ext4.img.gz", "ext4"),
        ("ext_image/ext4nc.img.gz", "ext4"),
        ("disk_container/image.E01", "ext2"),
        ("disk_container/image.qcow2", "ext2"),
        ("disk_container/image.vmdk", "ext2"),
    ] {
        let Some(image) = image(name) else { return };
        let mut system = only(&image);
        assert_eq!(system.kind(), kind, "{name}");
        agrees(&mut *system, &expected(name)["tsk"]["entries"], inode);
    }
}

#[test]
fn contents_are_those_that_the_kernel_reads() {
    let Some(list) = sample("ext_image/fs_contents.sha256") else {
        return;
    };
    let list = std::fs::read_to_string(list).unwrap();
    let wanted: BTreeMap<&str, &str> = list
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(hash, path)| (&path[1..], hash))
        .collect();
    assert_eq!(wanted.len(), 130);
    for (name, deleted) in [
        ("ext_image/ext4.img.gz", Some("/opt/big/deleted.txt")),
        ("ext_image/ext4nc.img.gz", None),
    ] {
        let image = image(name).unwrap();
        let mut system = only(&image);
        let (all, report) = entries(&mut *system);
        let mut found = BTreeSet::new();
        for entry in all
            .iter()
            .filter(|entry| entry.kind == EntryKind::File && !entry.deleted)
        {
            for path in &entry.paths {
                let path = std::str::from_utf8(path).unwrap();
                assert_eq!(
                    wanted.get(path).copied(),
                    Some(&*sha256(system.open(entry.id).unwrap())),
                    "{path}"
                );
                assert!(found.insert(path), "{path}");
            }
            assert_eq!(entry.links as usize, entry.paths.len());
        }
        let missing: Vec<&str> = wanted
            .keys()
            .filter(|path| !found.contains(**path))
            .copied()
            .collect();
        assert_eq!(missing, deleted.into_iter().collect::<Vec<_>>(), "{name}");
        assert_eq!((report.orphans, report.damaged), (0, 0), "{name}");
        assert!(
            all.iter().any(|entry| entry.paths.len() == 2),
            "{name} has a hard link"
        );
    }
}

#[test]
fn rows_of_a_collector_come_out() {
    let name = "ext_image/ext4_tests.zip";
    let Some(bytes) = unpacked(name) else { return };
    let image = Image::from_disk(std::sync::Arc::new(bytes));
    let mut system = only(&image);
    let all: BTreeMap<String, Entry> = entries(&mut *system)
        .0
        .into_iter()
        .map(|entry| (String::from_utf8(entry.paths[0].clone()).unwrap(), entry))
        .collect();
    let golden = expected(name);
    let rows = golden["velociraptor_golden"][0]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 16);
    for row in rows {
        let path = row["OSPath"].as_str().unwrap();
        let entry = all
            .get(path)
            .unwrap_or_else(|| panic!("{path} is missing; there are {:?}", all.keys()));
        assert_eq!(row["Size"], entry.size, "{path}");
        assert_eq!(row["Data"]["Inode"], entry.id.0, "{path}");
        assert_eq!(row["Data"]["Uid"], entry.uid.unwrap());
        assert_eq!(row["Data"]["Gid"], entry.gid.unwrap());
        assert_eq!(row["IsDir"], entry.kind == EntryKind::Directory);
        // The inodes of this volume have 128 bytes: no time of creation, no fractions. The collector takes both from the
        // inode behind; its whole seconds are right.
        assert_eq!(entry.created, None);
        for (key, time) in [
            ("Mtime", entry.modified),
            ("Atime", entry.accessed),
            ("Ctime", entry.changed),
        ] {
            let shown = crate::ntfs::nanoseconds(&row[key]) / 1_000_000_000 * 1_000_000_000;
            assert_eq!(shown, time.unwrap(), "{path} {key}");
        }
        if entry.kind == EntryKind::Directory {
            continue;
        }
        // The permissions stand in the low bits, whatever the collector makes of the others.
        assert_eq!(
            row["Mode"].as_u64().unwrap() & 0o777,
            u64::from(entry.mode.unwrap()) & 0o777,
            "{path}"
        );
        if let Some(text) = row["Contents"].as_str() {
            let mut content = Vec::new();
            system
                .open(entry.id)
                .unwrap()
                .take(10)
                .read_to_end(&mut content)
                .unwrap();
            assert_eq!(String::from_utf8_lossy(&content), text, "{path}");
        }
    }
}

#[test]
fn links_have_their_targets_and_owners_come_out() {
    let Some(image) = image("ext_image/imynd_ext2.dd") else {
        return;
    };
    let mut system = only(&image);
    let facts = expected("ext_image/imynd_ext2.dd");
    let event = &facts["plaso"][0]["sample_events"][0]["values"];
    let all = entries(&mut *system).0;
    let entry = all
        .iter()
        .find(|entry| event["inode"] == entry.id.0)
        .unwrap();
    assert_eq!(entry.paths, [b"/passwords.txt".to_vec()]);
    assert_eq!(event["file_size"], entry.size);
    assert_eq!(event["mode"], entry.mode.unwrap());
    assert_eq!(event["owner_identifier"], entry.uid.unwrap());
    assert_eq!(event["group_identifier"], entry.gid.unwrap());
    assert_eq!(event["number_of_links"], entry.links);
    assert_eq!(entry.created, None);
    for (key, time) in [
        ("access_time", entry.accessed),
        ("change_time", entry.changed),
        ("modification_time", entry.modified),
    ] {
        let text = event[key].as_str().unwrap().replace("+00:00", "Z");
        assert_eq!(
            crate::ntfs::nanoseconds(&text.into()),
            time.unwrap(),
            "{key}"
        );
    }
    let image = self::image("ext_image/ext2.qcow2").unwrap();
    let all = entries(&mut *only(&image)).0;
    let link = all
        .iter()
        .find(|entry| entry.kind == EntryKind::Symlink)
        .unwrap();
    assert_eq!(
        link.link_target.as_deref(),
        Some(&b"a_directory/another_file"[..])
    );
}

/// Runs a tool that makes or fills a file system.
fn tool(program: &str, args: &[&str]) {
    let done = std::process::Command::new(program).args(args).output();
    let done = done.unwrap();
    assert!(done.status.success(), "{program} {args:?}: {done:?}");
}

#[test]
fn clusters_and_small_blocks_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (image, content) = (path("image"), path("content"));
    std::fs::write(&content, "what it holds".repeat(1000)).unwrap();
    for options in [
        &["-b", "1024", "-O", "bigalloc", "-C", "65536"][..],
        &["-b", "1024", "-O", "bigalloc", "-C", "16384"],
        &["-b", "4096", "-O", "bigalloc", "-C", "65536"],
        &[
            "-b",
            "1024",
            "-O",
            "bigalloc,meta_bg,^resize_inode",
            "-C",
            "4096",
        ],
        &["-b", "1024", "-O", "meta_bg,^resize_inode"],
        &["-b", "1024"],
    ] {
        let file = std::fs::File::create(&image).unwrap();
        file.set_len(700 << 20).unwrap();
        tool("mkfs.ext4", &[&["-q", "-F"], options, &[&image]].concat());
        let write = format!("write {content} file");
        tool("debugfs", &["-w", "-R", &write, &image]);
        let open = volumes::open(std::path::Path::new(&image)).unwrap();
        let mut system = only(&open);
        let (all, report) = entries(&mut *system);
        assert_eq!(report.damaged, 0, "{options:?}");
        let file = all.iter().find(|e| e.paths == [b"/file".to_vec()]);
        let found = sha256(system.open(file.unwrap().id).unwrap());
        assert_eq!(found, sha256(std::fs::File::open(&content).unwrap()));
    }
}
