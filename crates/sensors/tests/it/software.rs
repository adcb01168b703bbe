//! Installed software, against `dpkg-query` and `rpm`, and from trees of files.

use crate::support::{Tree, collect, live, output, rows};
use proptest::prelude::*;
use sensors::framework::SensorError;
use sensors::software::{apk, dpkg, flatpak, installed_applications, rpm, snap};
use std::collections::BTreeSet;

#[test]
fn packages_agree_with_dpkg_query() {
    let listed = output(
        "dpkg-query",
        &[
            "-W",
            "-f",
            "${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\n",
        ],
    );
    let expected: BTreeSet<Vec<String>> = listed
        .lines()
        .filter_map(|l| {
            let fields: Vec<&str> = l.split('\t').collect();
            (!matches!(fields[0], "not-installed" | "config-files"))
                .then(|| fields[1..].iter().map(|f| (*f).to_owned()).collect())
        })
        .collect();
    let found: BTreeSet<Vec<String>> = live("Installed Applications")
        .into_iter()
        .filter(|r| r[3] == "dpkg")
        .map(|r| r[..3].to_vec())
        .collect();
    assert!(expected.len() > 50);
    assert_eq!(found, expected);
}

/// Builds a package with the system's own tools and installs it into a database of its own.
#[test]
fn packages_agree_with_rpm() {
    let tree = Tree::new();
    tree.file(
        "/demo.spec",
        "Name: cordon-demo\nEpoch: 2\nVersion: 1.4.2\nRelease: 7.el9\nSummary: s\nLicense: Apache-2.0\nBuildArch: noarch\n%description\nd\n%files\n",
    );
    let at = |path: &str| tree.at(path).to_str().unwrap().to_owned();
    let top = format!("_topdir {}", at("/top"));
    output(
        "rpmbuild",
        &["-bb", "--quiet", "--define", &top, &at("/demo.spec")],
    );
    let package = at("/top/RPMS/noarch/cordon-demo-1.4.2-7.el9.noarch.rpm");
    let database = at("/var/lib/rpm");
    std::fs::create_dir_all(&database).unwrap();
    output(
        "rpm",
        &[
            "--dbpath",
            &database,
            "--define",
            "_db_backend sqlite",
            "-i",
            "--justdb",
            "--nodeps",
            "--ignorearch",
            "--ignoreos",
            &package,
        ],
    );
    let listed = output(
        "rpm",
        &[
            "--dbpath",
            &database,
            "-qa",
            "--qf",
            "%{NAME} %|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE} %{ARCH} rpm",
        ],
    );
    assert_eq!(listed, "cordon-demo 2:1.4.2-7.el9 noarch rpm");
    let found = rows(|s| installed_applications(tree.root(), s));
    assert_eq!(found, [listed.split(' ').collect::<Vec<_>>()]);
}

#[test]
fn older_forms_of_the_rpm_database_are_named() {
    for (file, form) in [("Packages", "Berkeley DB"), ("Packages.db", "ndb")] {
        let tree = Tree::new();
        tree.file(&format!("/var/lib/rpm/{file}"), "x").file(
            "/var/lib/dpkg/status",
            "Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n",
        );
        let (found, outcome) = collect(|s| installed_applications(tree.root(), s));
        assert_eq!(
            found,
            [["a", "1", "all", "dpkg"]],
            "other sources still answer"
        );
        assert!(outcome.unwrap_err().to_string().contains(form));
    }
    let tree = Tree::new();
    tree.file("/var/lib/rpm/rpmdb.sqlite", "this is no database");
    let (_, outcome) = collect(|s| installed_applications(tree.root(), s));
    assert!(
        matches!(outcome, Err(SensorError::Form { .. })),
        "{outcome:?}"
    );
}

#[test]
fn status_file_of_a_real_machine() {
    let status = "Package: removed\nStatus: deinstall ok config-files\nVersion: 1\n\nPackage: half\nStatus: install ok half-configured\nVersion: 2\nArchitecture: amd64\nDescription: x\n Package: not-this\n\n\nPackage: last\nStatus: install ok installed\nVersion: 1:3-1";
    let found: Vec<_> = dpkg::parse(status.as_bytes()).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0].name, b"half");
    assert_eq!(
        (&found[1].name[..], &found[1].version[..]),
        (&b"last"[..], &b"1:3-1"[..])
    );
}

#[test]
fn apk_snap_and_flatpak_from_their_files() {
    let tree = Tree::new();
    tree.file(
        "/lib/apk/db/installed",
        "C:Q1\nP:musl\nV:1.2.4-r2\nA:x86_64\nF:lib\nR:ld\n\nP:zlib\nV:1.3-r0\nA:x86_64\n",
    )
    .file(
        "/snap/core22/1122/meta/snap.yaml",
        "name: core22\nversion: '20240111'\narchitectures:\n- amd64\napps:\n  name: no\n",
    )
    .link("/snap/core22/current", "1122")
    .file("/snap/bin/README", "x")
    .file(
        "/var/lib/flatpak/app/org.example.App/x86_64/stable/active/files/share/metainfo/org.example.App.metainfo.xml",
        "<component><releases>\n<release date=\"2024-01-01\" version=\"4.5\"/><release version=\"4.4\"/></releases>",
    )
    .link("/var/lib/flatpak/app/org.example.App/current", "x86_64/stable")
    .file("/home/u/.local/share/flatpak/runtime/org.example.Platform/x86_64/45/active/x", "");
    let found = rows(|s| installed_applications(tree.root(), s));
    assert_eq!(
        found,
        [
            ["musl", "1.2.4-r2", "x86_64", "apk"],
            ["zlib", "1.3-r0", "x86_64", "apk"],
            ["core22", "20240111", "amd64", "snap"],
            ["org.example.App", "4.5", "x86_64", "flatpak"],
            ["org.example.Platform", "45", "x86_64", "flatpak"],
        ]
    );
    assert_eq!(
        snap::parse(b"name: a\narchitectures: [arm64, amd64]\n").architecture,
        b"arm64"
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        std::hint::black_box(rpm::header(&bytes));
        dpkg::parse(&bytes).count();
        apk::parse(&bytes).count();
        std::hint::black_box(snap::parse(&bytes));
        std::hint::black_box(flatpak::release_version(&bytes));
    }

    #[test]
    fn any_index_of_a_header_is_read(
        entries in prop::collection::vec((990_u32..1030, 0_u32..10, any::<u32>(), any::<u32>()), 0..8),
        data in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut bytes = (entries.len() as u32).to_be_bytes().to_vec();
        bytes.extend((data.len() as u32).to_be_bytes());
        for (a, b, c, d) in &entries {
            for word in [a, b, &(c % 80), d] {
                bytes.extend(word.to_be_bytes());
            }
        }
        bytes.extend(data);
        std::hint::black_box(rpm::header(&bytes));
    }
}

#[test]
fn ten_megabytes_in_one_line() {
    let tree = Tree::new();
    let line = [
        b"Package: x\nStatus: install ok installed\nVersion: ".to_vec(),
        vec![0xFE; 10 << 20],
    ]
    .concat();
    tree.file("/var/lib/dpkg/status", line);
    let found = rows(|s| installed_applications(tree.root(), s));
    assert_eq!(found.len(), 1);
    assert!(found[0][1].ends_with("…[cut]"));
}
